"""Queues in an SQLite database for tasks of asyncio: what blocks elsewhere is awaited here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from persistqueue import _native, serializers
from persistqueue._async_acknowledged import AsyncAcknowledged
from persistqueue._async_pdict import AsyncPDict
from persistqueue._async_server import (
    AsyncMySQLAckQueue,
    AsyncMySQLPriorityQueue,
    AsyncMySQLQueue,
    AsyncPostgresAckQueue,
    AsyncPostgresPriorityQueue,
    AsyncPostgresQueue,
)
from persistqueue._database import MEMORY, InDatabase
from persistqueue._folder import Durability, StrPath
from persistqueue._handover import unpickled
from persistqueue._native import AsyncTransaction
from persistqueue._puts import AsyncPuts, AsyncPutsByPriority, Call
from persistqueue._serializer import AnyRowSerializer
from persistqueue._unique import speller

__all__ = [
    "AsyncFIFOSQLiteAckQueue",
    "AsyncFIFOSQLiteQueue",
    "AsyncFILOSQLiteAckQueue",
    "AsyncFILOSQLiteQueue",
    "AsyncMySQLAckQueue",
    "AsyncMySQLPriorityQueue",
    "AsyncMySQLQueue",
    "AsyncPDict",
    "AsyncPostgresAckQueue",
    "AsyncPostgresPriorityQueue",
    "AsyncPostgresQueue",
    "AsyncPriorityQueue",
    "AsyncSQLiteAckQueue",
    "AsyncSQLiteQueue",
    "AsyncTransaction",
    "AsyncUniqueAckQ",
    "AsyncUniqueQ",
]


class _AsyncInDatabase(InDatabase, _native.AsyncSqliteQueue):
    """A queue in the database file `path`, which the first call opens.

    File and folder are made where they are missing. The blocking classes can use the same file,
    as `db_file_name` in their folder.

    - `path`: `":memory:"` keeps the queue in memory; it ends with this object.
    - `name`: a database holds any number of queues. The asynchronous classes of persist-queue 1.1.0
      forget it: where their table has rows when the queue is opened, it is that one.
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
            "maxsize": maxsize,
        }
        # Later the working directory may be another one.
        file = MEMORY if path == MEMORY else os.path.abspath(path)
        place = {"path": file, "durability": durability, "joins_nameless": True}
        self._plan(self._given(place, name, serializer, **options))
        arguments = {"path": file, "name": name, "serializer": serializer}
        self._arguments = {**arguments, "durability": durability, **options}

    def __setstate__(self, state: dict[str, Any]) -> None:
        arguments = unpickled(state)
        self.__dict__.update(state)
        _AsyncInDatabase.__init__(self, **arguments)


class AsyncSQLiteQueue(_AsyncInDatabase, AsyncPuts):
    """First in, first out."""

    _KIND = "queue"


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


class AsyncPriorityQueue(_AsyncInDatabase, AsyncPutsByPriority):
    """The lowest priority comes first; first in, first out within one priority."""

    _KIND = "priority_queue"


class AsyncSQLiteAckQueue(_AsyncInDatabase, AsyncAcknowledged):
    """First in, first out; an item stays until `ack`, and comes back with `nack`.

    The keyword-only parameters are those of `SQLiteAckQueue`. Each call is a transaction.
    """

    _KIND = "ack_queue"

    def __init__(
        self,
        path: StrPath,
        name: str = "default",
        serializer: AnyRowSerializer = serializers.pickle,
        *,
        auto_resume: bool = True,
        timeout: float = 10.0,
        durability: Durability = "disk",
        maxsize: int = 0,
        lease: float | None = None,
        max_attempts: int | None = None,
        backoff: float = 0.0,
        ttl: float | None = None,
        keep_acked: bool = True,
    ) -> None:
        self._work = {
            "auto_resume": auto_resume,
            "lease": lease,
            "max_attempts": max_attempts,
            "backoff": backoff,
            "ttl": ttl,
            "keep_acked": keep_acked,
        }
        super().__init__(
            path, name, serializer, timeout=timeout, durability=durability, maxsize=maxsize
        )


AsyncFIFOSQLiteAckQueue = AsyncSQLiteAckQueue


class AsyncFILOSQLiteAckQueue(AsyncSQLiteAckQueue):
    """First in, last out."""

    _KIND = "ack_filo_queue"


class AsyncUniqueAckQ(AsyncSQLiteAckQueue):
    """First in, first out; an item that is not acknowledged is not put again: `put` gives None."""

    _KIND = "ack_unique_queue"

    def _speller(self, serializer: Any) -> Callable[[Any], tuple[Any, Any]]:
        return speller(serializer)
