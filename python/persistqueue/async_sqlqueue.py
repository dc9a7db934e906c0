"""Queues in an SQLite database for tasks of asyncio: what blocks elsewhere is awaited here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from persistqueue import _native, serializers
from persistqueue._acknowledged import AckStatus, refused
from persistqueue._async_pdict import AsyncPDict
from persistqueue._database import MEMORY, InDatabase
from persistqueue._folder import Durability, StrPath
from persistqueue._handover import unpickled
from persistqueue._mysql import OnServer
from persistqueue._native import AsyncTransaction
from persistqueue._puts import AsyncPuts, Call
from persistqueue._serializer import AnyRowSerializer
from persistqueue._unique import speller

__all__ = [
    "AsyncFIFOSQLiteAckQueue",
    "AsyncFIFOSQLiteQueue",
    "AsyncFILOSQLiteAckQueue",
    "AsyncFILOSQLiteQueue",
    "AsyncMySQLQueue",
    "AsyncPDict",
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


class AsyncSQLiteAckQueue(_AsyncInDatabase, _native.AsyncSqliteAckQueue):
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

    async def put(
        self,
        item: Any,
        block: bool = True,
        timeout: float | None = None,
        *,
        delay: float | None = None,
        ttl: float | None = None,
    ) -> int | None:
        """Puts an item, to be delivered after `delay` seconds, and gives its row's number."""
        [row] = await self._put_work((item,), block, timeout, delay, ttl)
        return row

    async def put_nowait(self, item: Any) -> int | None:
        """As `put`, and never waits for room."""
        return await self.put(item, False)

    def put_many(
        self,
        items: Iterable[Any],
        block: bool = True,
        timeout: float | None = None,
        *,
        delay: float | None = None,
        ttl: float | None = None,
    ) -> Call[list[int | None]]:
        """Puts all of the items or none, in one transaction; gives the numbers of their rows."""
        return self._put_work(items, block, timeout, delay, ttl)

    async def ack(self, item: Any = None, id: Any = None) -> int | None:
        """As in `SQLiteAckQueue`: None, with a warning, where it is not held here any more."""
        return refused(await self._ack(item, id), "ack")

    async def ack_failed(self, item: Any = None, id: Any = None) -> int | None:
        """The item is given up. Else as `ack`."""
        return refused(await self._ack_failed(item, id), "ack_failed")

    async def nack(
        self,
        item: Any = None,
        id: Any = None,
        *,
        delay: float | None = None,
        to_back: bool = False,
    ) -> int | None:
        """As in `SQLiteAckQueue`: the item waits again, with `to_back` behind all others."""
        return refused(await self._nack(item, id, delay, to_back), "nack")

    async def ack_many(
        self, items: Iterable[Any] = (), ids: Iterable[Any] = ()
    ) -> list[int | None]:
        """As `ack` for each of them, in one transaction."""
        return [refused(row, "ack") for row in await self._ack_many(list(items), list(ids))]

    def extend(self, item: Any = None, id: Any = None, *, lease: float) -> Call[bool]:
        """Holds the item for `lease` seconds from now on. Says whether it was still held."""
        return self._extend(lease, item, id)

    def unack_count(self) -> Call[int]:
        """How many items are held, by whomever."""
        return self._count(int(AckStatus.unack))

    def acked_count(self) -> Call[int]:
        """How many acknowledged items are kept."""
        return self._count(int(AckStatus.acked))

    def ready_count(self) -> Call[int]:
        """How many items wait again that were taken before."""
        return self._count(int(AckStatus.ready))

    def ack_failed_count(self) -> Call[int]:
        """How many items were given up."""
        return self._count(int(AckStatus.ack_failed))

    def delayed_count(self) -> Call[int]:
        """How many items wait for their time."""
        return self._count(int(AckStatus.delayed))

    def dead_count(self) -> Call[int]:
        """How many dead letters there are."""
        return self._count(int(AckStatus.dead))

    async def active_size(self) -> int:
        """How many items wait, or are held by this object."""
        return await self.qsize() + self._held_count()

    async def clear_acked_data(
        self, max_delete: int = 1000, keep_latest: int = 1000, clear_ack_failed: bool = False
    ) -> None:
        """As in `SQLiteAckQueue`."""
        most = max_delete if max_delete and max_delete > 0 else None
        await self._clear_acked(most, max(keep_latest or 0, 0), clear_ack_failed)

    async def requeue_dead(self, ids: Iterable[Any] | None = None) -> int:
        """Has dead letters wait again, all of them where none is named. Gives how many."""
        return await self._requeue_dead(await self._letters(ids))

    async def drop_dead(self, ids: Iterable[Any] | None = None) -> int:
        """Removes dead letters, all of them where none is named. Gives how many."""
        return await self._drop_dead(await self._letters(ids))

    async def _letters(self, ids: Iterable[Any] | None) -> list[Any]:
        return await self._dead_ids() if ids is None else list(ids)


AsyncFIFOSQLiteAckQueue = AsyncSQLiteAckQueue


class AsyncFILOSQLiteAckQueue(AsyncSQLiteAckQueue):
    """First in, last out."""

    _KIND = "ack_filo_queue"


class AsyncUniqueAckQ(AsyncSQLiteAckQueue):
    """First in, first out; an item that is not acknowledged is not put again: `put` gives None."""

    _KIND = "ack_unique_queue"

    def _speller(self, serializer: Any) -> Callable[[Any], tuple[Any, Any]]:
        return speller(serializer)


class AsyncMySQLQueue(OnServer, AsyncPuts):
    __doc__ = f"First in, first out. The first call connects.\n\n{OnServer.__doc__}"

    _KIND = "queue"

    def _begin(self, given: dict[str, Any]) -> None:
        self._plan(given)
