"""One pickle for all equal values.

A pickle shows in which order a dictionary or a set was filled, and which of its objects are one and
the same. Here is a copy that shows neither: it has its own lists, tuples and dictionaries, sorted,
and one object for all equal texts.
"""

from __future__ import annotations

import copyreg
import pickle
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any

_ATOMS = frozenset({bool, complex, float, int, type(None), type(...), type(NotImplemented)})

_PROTOCOL = 4

# Where what stands in the tuple that `__reduce_ex__` gives.
_FUNCTION, _LIST_ITEMS, _DICT_ITEMS, _STATE_SETTER = 0, 3, 4, 5


def canonical(value: Any) -> Any:
    """Gives a copy of `value` that only `pickle` can read.

    `RecursionError` where a value contains itself.
    """
    if type(value) in _ATOMS or type(value) in (str, bytes):
        return value
    return _Copy().copy(value)


def _key(value: Any) -> bytes:
    # A copy of its own: what was seen elsewhere must not show.
    return pickle.dumps(canonical(value), _PROTOCOL)


def sorted_keys(keys: Iterable[Any]) -> list[Any]:
    """Gives the keys in an order that depends on nothing but them."""
    keys = list(keys)
    kinds = {type(key) for key in keys}
    # These have a total order, which persist-queue 1.x sorts by; so equal values stay equal there.
    if len(kinds) <= 1 and kinds <= {str, bytes, int}:
        return sorted(keys)
    return sorted(keys, key=_key)


class _Copy:
    """One copy of one value."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._bytes: dict[bytes, bytes] = {}
        # The objects that contain the one at hand.
        self._around: set[int] = set()
        self._makers: dict[type, Callable[[Any], Any]] = {
            str: lambda value: self._texts.setdefault(value, value),
            bytes: lambda value: self._bytes.setdefault(value, value),
            list: lambda value: [self.copy(item) for item in value],
            tuple: lambda value: tuple([self.copy(item) for item in value]),
            dict: self._dict,
            set: lambda value: self._set(set, value),
            frozenset: lambda value: self._set(frozenset, value),
        }

    def copy(self, value: Any) -> Any:
        kind = type(value)
        if kind in _ATOMS:
            return value
        if id(value) in self._around:
            raise RecursionError("the value contains itself, and has no canonical form")
        self._around.add(id(value))
        try:
            return self._makers.get(kind, self._object)(value)
        finally:
            self._around.discard(id(value))

    def _dict(self, value: dict[Any, Any]) -> dict[Any, Any]:
        return {self.copy(key): self.copy(value[key]) for key in sorted_keys(value)}

    def _set(self, kind: type, value: Iterable[Any]) -> Any:
        items = [self.copy(item) for item in sorted(value, key=_key)]
        return _Reduced((kind, (items,))) if items else kind()

    def _object(self, value: Any) -> Any:
        if isinstance(value, (type, FunctionType)):
            return value
        reduce = copyreg.dispatch_table.get(type(value))
        reduced = reduce(value) if reduce else value.__reduce_ex__(_PROTOCOL)
        if isinstance(reduced, str):
            return value
        parts = list(reduced)
        for at, part in enumerate(parts):
            if part is None or at in (_FUNCTION, _STATE_SETTER):
                continue
            if at == _LIST_ITEMS:
                parts[at] = iter([self.copy(item) for item in part])
            elif at == _DICT_ITEMS:
                parts[at] = iter(self._pairs(value, part))
            else:
                parts[at] = self.copy(part)
        return _Reduced(tuple(parts), type(value))

    def _pairs(self, value: Any, pairs: Iterable[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
        # Only for an ordered dictionary the order is a part of the value.
        found = dict(pairs)
        keys = found if hasattr(value, "move_to_end") else sorted_keys(found)
        return [(self.copy(key), self.copy(found[key])) for key in keys]


class _Reduced:
    """Stands for an object, and is pickled in its place."""

    def __init__(self, reduced: tuple[Any, ...], kind: type | None = None) -> None:
        self._reduced = reduced
        self._kind = kind

    # pickle asks whether the object is of the class that it is about to name.
    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return self._kind or _Reduced

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return self._reduced
