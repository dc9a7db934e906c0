"""Queues in an SQLite database for tasks of asyncio: what blocks elsewhere is awaited here."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeAlias, TypeVar

from persistqueue import _native, serializers
from persistqueue._database import MEMORY, InDatabase
from persistqueue._folder import Durability, StrPath
from persistqueue._handover import unpickled
from persistqueue._serializer import AnyRowSerializer
from persistqueue._unique import speller

__all__ = [
    "AsyncFIFOSQLiteQueue",
    "AsyncFILOSQLiteQueue",
    "AsyncPriorityQueue",
    "AsyncSQLiteQueue",
    "AsyncUniqueQ",
]

T = TypeVar("T")
Call: TypeAlias = Coroutine[Any, Any, T]


class _AsyncInDatabase(InDatabase, _native.AsyncSqliteQueue):
    """A queue in the database file `path`, which the first call opens.

    File and folder are made where they are missing. The blocking classes can use the same file,
    as `db_file_name` in their folder.

    - `path`: `":memory:"` keeps the queue in memory; it ends with this object.
    - `name`: a database holds any number of queues.
    - `serializer`: an object with `dumps(value)` and `loads(bytes)`, or `dump` and `load`. They
      may also be coroutine functions.
    - `auto_commit`: whether each call is a transaction of its own.
    - `timeout`: for how many seconds a call waits for other processes that hold the database's
      lock, before it raises `LockedError`.
    - `durability`: `"disk"` survives a dead machine; `"process"` a killed process, and a number of
      seconds that too.
    - `maxsize`: how many items it holds at most; no limit where it is not above 0.

    Nothing is done before a call is awaited. `async for` gives the items as they come, until the
    queue is closed.
    """

    def __init__(
        self,
        path: StrPath,
        name: str = "default",
        serializer: AnyRowSerializer = serializers.pickle,
        auto_commit: bool = True,
        *,
        timeout: float = 10.0,
        durability: Durability = "disk",
        maxsize: int = 0,
    ) -> None:
        self.path: Any = path
        self.name = name
        self.auto_commit = auto_commit
        self.timeout = timeout
        options: dict[str, Any] = {
            "auto_commit": auto_commit,
            "timeout": timeout,
            "durability": durability,
            "maxsize": maxsize,
        }
        # Later the working directory may be another one.
        file = MEMORY if path == MEMORY else os.path.abspath(path)
        self._plan(self._given(file, name, serializer, **options))
        self._arguments = {"path": file, "name": name, "serializer": serializer, **options}

    def __setstate__(self, state: dict[str, Any]) -> None:
        arguments = unpickled(state)
        self.__dict__.update(state)
        _AsyncInDatabase.__init__(self, **arguments)


class AsyncSQLiteQueue(_AsyncInDatabase):
    """First in, first out."""

    _KIND = "queue"

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> Call[int]:
        """Puts an item and gives its row's number.

        Waits for room only where the queue has a `maxsize` and is full: `Full` where that does not
        end in time. A call that is cancelled has stored the item or has not: `qsize` says which.
        """
        return self._put(item, 0, block, timeout)

    def put_nowait(self, item: Any) -> Call[int]:
        """As `put`, and never waits for room."""
        return self._put(item, 0, False)

    def put_many(
        self, items: Iterable[Any], block: bool = True, timeout: float | None = None
    ) -> Call[list[int]]:
        """Puts all of the items or none, in one transaction; gives the numbers of their rows."""
        return self._put_many(items, 0, block, timeout)


AsyncFIFOSQLiteQueue = AsyncSQLiteQueue


class AsyncFILOSQLiteQueue(AsyncSQLiteQueue):
    """First in, last out."""

    _KIND = "filo_queue"


class AsyncUniqueQ(AsyncSQLiteQueue):
    """First in, first out; an item that waits already is not put again: `put` gives None.

    Which items are the same is as in `UniqueQ`.
    """

    _KIND = "unique_queue"

    def put(  # type: ignore[override]
        self, item: Any, block: bool = True, timeout: float | None = None
    ) -> Call[int | None]:
        """As in `AsyncSQLiteQueue`; None where the item waits already, and nothing is stored."""
        return self._put(item, 0, block, timeout)

    def put_nowait(self, item: Any) -> Call[int | None]:  # type: ignore[override]
        """As `put`, and never waits for room."""
        return self._put(item, 0, False)

    def put_many(  # type: ignore[override]
        self, items: Iterable[Any], block: bool = True, timeout: float | None = None
    ) -> Call[list[int | None]]:
        """As in `AsyncSQLiteQueue`, with None in the place of each item that waits already."""
        return self._put_many(items, 0, block, timeout)

    def _speller(self, serializer: Any) -> Callable[[Any], tuple[Any, Any]]:
        return speller(serializer)


class AsyncPriorityQueue(_AsyncInDatabase):
    """The lowest priority comes first; first in, first out within one priority."""

    _KIND = "priority_queue"

    def put(
        self, item: Any, priority: int = 0, block: bool = True, timeout: float | None = None
    ) -> Call[int]:
        """As in `AsyncSQLiteQueue`."""
        return self._put(item, priority, block, timeout)

    def put_nowait(self, item: Any, priority: int = 0) -> Call[int]:
        """As `put`, and never waits for room."""
        return self._put(item, priority, False)

    def put_many(
        self,
        items: Iterable[Any],
        priority: int = 0,
        block: bool = True,
        timeout: float | None = None,
    ) -> Call[list[int]]:
        """Puts all of the items or none, in one transaction; gives the numbers of their rows."""
        return self._put_many(items, priority, block, timeout)
