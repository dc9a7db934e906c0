"""A dictionary in a database, for any number of threads and processes."""

from __future__ import annotations

import os
from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from persistqueue import serializers
from persistqueue._folder import Durability, StrPath
from persistqueue._handover import findable, found
from persistqueue._native import SqliteDict
from persistqueue._serializer import RowSerializer, Serializer, serializer_name
from persistqueue._views import Items, Keys, Values

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["PDict"]

K = TypeVar("K")
V = TypeVar("V")
_MEMORY = ":memory:"


class PDict(dict[K, V]):
    """The dictionary `name` in the database `data.db` in the folder `path`, made where missing.

    - `path`: `":memory:"` keeps it in memory, for this object.
    - `multithreading`: accepted as before; every dictionary is for many threads.
    - `durability`: what a finished change survives: `"disk"` also a dead machine; `"process"` and a
      number of seconds a killed process.
    - `timeout`: how many seconds a call waits while another process holds the database's lock.
    - `serializer`: for the values, which it has to make into bytes.

    Keys are text, bytes, numbers, None, and tuples of those. Values are serialized: a value that is
    changed after it was taken out has to be set again. Iteration follows the order in which the
    keys were first set, needs no memory, and does not mind changes meanwhile.
    """

    # All content is in the database; the dict that this is stays empty.
    _native: SqliteDict

    def __init__(
        self,
        path: StrPath,
        name: str,
        multithreading: bool = False,
        *,
        durability: Durability = "disk",
        timeout: float = 10.0,
        serializer: Serializer | RowSerializer = serializers.pickle,
    ) -> None:
        self.path = path
        self.name = name
        self.multithreading = multithreading
        self.durability = durability
        self.timeout = timeout
        self.serializer = serializer
        folder = os.fspath(path)
        file = folder if folder == _MEMORY else os.path.join(folder, "data.db")
        self._native = SqliteDict(
            file, name, serializer, serializer_name(serializer), durability, timeout
        )

    # --- one key ---------------------------------------------------------------------------------

    def __getitem__(self, key: K) -> V:
        return self._native.fetch(key)  # type: ignore[no-any-return]

    def __setitem__(self, key: K, value: V) -> None:
        self._native.set(key, value)

    def __delitem__(self, key: K) -> None:
        self._native.remove(key)

    def __contains__(self, key: object) -> bool:
        return self._native.contains(key)

    def get(self, key: K, default: Any = None) -> Any:
        """Gives the value of a key, or `default`."""
        return self._native.get(key, default)

    def setdefault(self, key: K, default: Any = None) -> Any:
        """Gives the value of a key, after setting it to `default` where it was missing.

        Of several that find it missing at the same time, one sets it.
        """
        return self._native.set_default(key, default)

    def pop(self, key: K, *default: Any) -> Any:
        """Removes a key and gives its value, or `default`; of several callers, one gets it."""
        if len(default) > 1:
            raise TypeError(f"pop expected at most 2 arguments, got {1 + len(default)}")
        return self._native.pop(key, *default)

    # --- all keys --------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._native)

    def __bool__(self) -> bool:
        return not self._native.is_empty()

    def __iter__(self) -> Iterator[K]:
        return self._native.keys()

    def __reversed__(self) -> Iterator[K]:
        return self._native.keys(backwards=True)

    def keys(self) -> KeysView[K]:  # type: ignore[override]
        """Gives a live view of the keys."""
        return Keys(self, self._native)

    def values(self) -> ValuesView[V]:  # type: ignore[override]
        """Gives a live view of the values."""
        return Values(self, self._native)

    def items(self) -> ItemsView[K, V]:  # type: ignore[override]
        """Gives a live view of the pairs of key and value."""
        return Items(self, self._native)

    def iterkeys(self) -> Iterator[K]:
        """Iterates over the keys."""
        return self._native.keys()

    def itervalues(self) -> Iterator[V]:
        """Iterates over the values."""
        return self._native.values()

    def iteritems(self) -> Iterator[tuple[K, V]]:
        """Iterates over the pairs of key and value."""
        return self._native.items()

    def popitem(self) -> tuple[K, V]:
        """Removes the key that was first set last, and gives it with its value."""
        last = self._native.pop_last()
        if last is None:
            raise KeyError("popitem(): dictionary is empty")
        return last

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Sets all that another mapping or an iterable of pairs has: in one transaction."""
        self._native.set_many(dict(*args, **kwargs).items())

    def clear(self) -> None:
        """Removes all keys."""
        self._native.clear()

    def copy(self) -> dict[K, V]:
        """Gives all that is stored as a plain dictionary."""
        return dict(self._native.items())

    # --- against other dictionaries --------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, dict):
            return NotImplemented
        return self is other or _plain(self) == _plain(other)

    def __ne__(self, other: object) -> bool:
        # The one of dict would compare the empty dict that this is.
        equal = self.__eq__(other)
        return equal if equal is NotImplemented else not equal

    __hash__ = None

    def __or__(self, other: Any) -> dict[Any, Any]:
        return _plain(self) | _plain(other) if isinstance(other, dict) else NotImplemented

    def __ror__(self, other: Any) -> dict[Any, Any]:
        return _plain(other) | _plain(self) if isinstance(other, dict) else NotImplemented

    def __ior__(self, other: Any) -> Self:  # type: ignore[override]
        self.update(other)
        return self

    def __repr__(self) -> str:
        if self._native.closed:
            return f"<closed PDict {self.name!r} in {os.fspath(self.path)!r}>"
        return repr(self.copy())

    # --- the object ------------------------------------------------------------------------------

    def shrink_disk_usage(self) -> None:
        """Gives the bytes of what is gone back to the file system."""
        self._native.shrink()

    def close(self) -> None:
        """Refuses all calls from now on. What was set is stored already."""
        self._native.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self.close()

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        # Handed to another process, it opens the same database there.
        if self.path == _MEMORY:
            raise TypeError("a dictionary in memory cannot be pickled: only this process has it")
        state = {name: value for name, value in self.__dict__.items() if name != "_native"}
        state["serializer"] = findable(self.serializer)
        return _new, (type(self),), {**state, "path": os.path.abspath(self.path)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        PDict.__init__(
            self,
            self.path,
            self.name,
            self.multithreading,
            durability=self.durability,
            timeout=self.timeout,
            serializer=found(self.serializer),
        )


def _new(kind: type[PDict[Any, Any]]) -> PDict[Any, Any]:
    return kind.__new__(kind)


def _plain(some: dict[K, V]) -> dict[K, V]:
    return some.copy() if isinstance(some, PDict) else some
