"""The live views that a dictionary in a database gives: each goes through it a page at a time."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Any, TypeVar

from persistqueue._native import SqliteDict

__all__ = ["Items", "Keys", "Values"]

K = TypeVar("K")
V = TypeVar("V")


class Keys(KeysView[K]):
    """The keys, as a set."""

    def __init__(self, mapping: Any, native: SqliteDict) -> None:
        super().__init__(mapping)
        self._native = native

    def __iter__(self) -> Iterator[K]:
        return self._native.keys()

    def __reversed__(self) -> Iterator[K]:
        return self._native.keys(backwards=True)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self)!r})"


class Values(ValuesView[V]):
    """The values."""

    def __init__(self, mapping: Any, native: SqliteDict) -> None:
        super().__init__(mapping)
        self._native = native

    def __iter__(self) -> Iterator[V]:
        return self._native.values()

    def __contains__(self, value: object) -> bool:
        return any(value is other or value == other for other in self)

    def __reversed__(self) -> Iterator[V]:
        return self._native.values(backwards=True)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self)!r})"


class Items(ItemsView[K, V]):
    """The pairs of key and value, as a set."""

    def __init__(self, mapping: Any, native: SqliteDict) -> None:
        super().__init__(mapping)
        self._native = native

    def __iter__(self) -> Iterator[tuple[K, V]]:
        return self._native.items()

    def __reversed__(self) -> Iterator[tuple[K, V]]:
        return self._native.items(backwards=True)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self)!r})"
