"""What a serializer is, and what a queue remembers it by."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Protocol, TypeAlias

from persistqueue.serializers import cbor2, json, msgpack, pickle
from persistqueue.serializers._protected import Protected


class Serializer(Protocol):
    """Whatever has these two functions: an object, a class or a module."""

    def dump(self, value: Any, fp: Any, /) -> Any:
        """Writes `value` to the binary file `fp`."""

    def load(self, fp: Any, /) -> Any:
        """Reads one value from the binary file `fp`, which holds nothing else."""


class AsyncSerializer(Protocol):
    """As `Serializer`, for an asynchronous queue, which awaits what these two give."""

    async def dump(self, value: Any, fp: Any, /) -> Any:
        """Writes `value` to the binary file `fp`."""

    async def load(self, fp: Any, /) -> Any:
        """Reads one value from the binary file `fp`, which holds nothing else."""


AnySerializer: TypeAlias = Serializer | AsyncSerializer


class RowSerializer(Protocol):
    """What suffices for the queues in databases. The data may also be text."""

    def dumps(self, value: Any, /) -> Any:
        """Gives `value` as bytes."""

    def loads(self, data: Any, /) -> Any:
        """Gives the value that `dumps` was given."""


class AsyncRowSerializer(Protocol):
    """As `RowSerializer`, for an asynchronous queue, which awaits what these two give."""

    async def dumps(self, value: Any, /) -> Any:
        """Gives `value` as bytes."""

    async def loads(self, data: Any, /) -> Any:
        """Gives the value that `dumps` was given."""


AnyRowSerializer: TypeAlias = AnySerializer | RowSerializer | AsyncRowSerializer


_OURS = {cbor2: "cbor2", json: "json", msgpack: "msgpack", pickle: "pickle"}


def serializer_name(serializer: Any) -> str:
    """Names a serializer: ours, by its own `name`, or by where it is defined.

    Protection has no name: it can begin and end in a queue that holds items.
    """
    while isinstance(serializer, Protected):
        serializer = serializer.serializer
    if isinstance(serializer, ModuleType) and serializer in _OURS:
        return _OURS[serializer]
    name = getattr(serializer, "name", None)
    if isinstance(name, str):
        return name
    if isinstance(serializer, ModuleType):
        return _module_name(serializer.__name__)
    kind = serializer if isinstance(serializer, type) else type(serializer)
    return f"{kind.__module__}.{kind.__qualname__}"


def _module_name(name: str) -> str:
    # The packages msgpack and cbor2 write no lengths: they are not ours of the same name. Python's
    # own pickle is.
    return f"{name} package" if name in ("cbor2", "json", "msgpack") else name
