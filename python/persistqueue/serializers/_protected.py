"""Serializers around serializers: what those write is signed or encrypted, and verified first."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable, Iterable
from types import ModuleType
from typing import Any, BinaryIO

from persistqueue._handover import findable, found
from persistqueue._native import Protection
from persistqueue.serializers import cbor2, json, msgpack, pickle

Function = Callable[[Any], Any]

_OURS = (cbor2, json, msgpack, pickle)


class Protected:
    """What `Signed` and `Encrypted` have in common."""

    _encrypts: bool

    def __init__(
        self, serializer: Any, keys: Iterable[bytes], context: str | bytes, accepts_others: bool
    ) -> None:
        if isinstance(keys, (str, bytes, bytearray)):
            raise TypeError("keys must be a list of keys, also where there is one")
        self.serializer = serializer
        """The serializer inside."""
        self._arguments = (list(keys), context, accepts_others)
        given = context.encode() if isinstance(context, str) else context
        self._protection = Protection(self._encrypts, self._arguments[0], given, accepts_others)
        self._file_functions = _of_files(serializer)
        self._row_functions = _of_rows(serializer)

    def dumps(self, value: Any) -> Any:
        """Gives `value` as protected bytes."""
        return _then(self._row_functions[0](value), self.protect)

    def loads(self, data: Any) -> Any:
        """Gives the value that `dumps` was given; `UntrustedError` for what somebody else made."""
        return self._row_functions[1](self._verified(data))

    def dump(self, value: Any, fp: BinaryIO) -> Any:
        """Writes `value` to `fp`, as protected bytes."""
        dumped = self._file_functions[0](value)
        return _then(dumped, lambda written: fp.write(self.protect(written)))

    def load(self, fp: BinaryIO) -> Any:
        """Reads the one value that `fp` holds; `UntrustedError` for what somebody else made."""
        start = fp.tell()
        data = fp.read()
        verified = self._verified(data)
        if len(verified) == len(data) and self.serializer not in _OURS:
            # It was not protected. Values of before may follow one another in a file, and only the
            # serializer inside knows where one ends.
            fp.seek(start)
            return self.serializer.load(fp)
        return self._file_functions[1](verified)

    def protect(self, dumped: Any) -> bytes:
        """Signs or encrypts what the serializer inside gave. Text becomes UTF-8."""
        return self._protection.protect(dumped.encode() if isinstance(dumped, str) else dumped)

    def _verified(self, data: Any) -> Any:
        if isinstance(data, str):
            # Nothing that was protected is text: it is refused, or accepted as it is.
            self._protection.verify(data.encode("utf-8", "surrogatepass"))
            return data
        return self._protection.verify(data)

    def __reduce__(self) -> Any:
        return _again, (type(self), findable(self.serializer), self._arguments)

    def __repr__(self) -> str:
        inside = self.serializer
        name = inside.__name__ if isinstance(inside, ModuleType) else repr(inside)
        keys, context, _ = self._arguments
        return f"{type(self).__name__}({name}, {len(keys)} keys, context={context!r})"


class Signed(Protected):
    """A serializer whose items are signed, and read only where the signature is right.

    What was not signed with one of the keys raises an `UntrustedError` before the serializer inside
    sees it: no pickle of somebody else's runs. Everybody can still read the items.

    - `serializer`: makes the bytes that are signed.
    - `keys`: each at least 32 random bytes. The first signs, all verify. To change keys, put the
      new one in front.
    - `context`: what the items are for. What was signed for another context is refused.
    - `accept_unsigned`: whether items without a signature are read too, for as long as a queue
      holds some of before. They are no safer than without signing.
    """

    _encrypts = False

    def __init__(
        self,
        serializer: Any = pickle,
        *,
        keys: Iterable[bytes],
        context: str | bytes = b"",
        accept_unsigned: bool = False,
    ) -> None:
        super().__init__(serializer, keys, context, accept_unsigned)

    def spell(self, spelled: tuple[Any, Any]) -> tuple[Any, Any]:
        """Signs the spelling of an item in a unique queue. Equal ones stay equal."""
        unsigned = spelled[0]
        _, _, accepts_unsigned = self._arguments
        also = unsigned if accepts_unsigned and not hasattr(unsigned, "__await__") else None
        return _then(unsigned, self.protect), also


class Encrypted(Protected):
    """A serializer whose items only who has a key can read and make.

    What was not encrypted with one of the keys raises an `UntrustedError` before the serializer
    inside sees it. Parameters as of `Signed`. Not for unique queues: equal items are not equal
    bytes.
    """

    _encrypts = True

    def __init__(
        self,
        serializer: Any = pickle,
        *,
        keys: Iterable[bytes],
        context: str | bytes = b"",
        accept_unencrypted: bool = False,
    ) -> None:
        super().__init__(serializer, keys, context, accept_unencrypted)


def _again(kind: type[Protected], serializer: Any, arguments: tuple[Any, Any, bool]) -> Protected:
    protected = kind.__new__(kind)
    Protected.__init__(protected, found(serializer), *arguments)
    return protected


def _of_rows(serializer: Any) -> tuple[Function, Function]:
    """The two functions that a queue in a database calls."""
    dumps, loads = getattr(serializer, "dumps", None), getattr(serializer, "loads", None)
    return _of_files(serializer) if dumps is None or loads is None else (dumps, loads)


def _of_files(serializer: Any) -> tuple[Function, Function]:
    """The two functions that a queue in a folder calls."""
    if serializer in _OURS or not hasattr(serializer, "dump"):
        return serializer.dumps, serializer.loads

    def dumps(value: Any) -> Any:
        file = io.BytesIO()
        return _then(serializer.dump(value, file), lambda _: file.getvalue())

    return dumps, lambda data: serializer.load(io.BytesIO(data))


def _then(given: Any, function: Function) -> Any:
    """Calls `function` with what was given, or with what comes of awaiting that."""
    return _later(given, function) if hasattr(type(given), "__await__") else function(given)


async def _later(given: Awaitable[Any], function: Function) -> Any:
    return function(await given)
