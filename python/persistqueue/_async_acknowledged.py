"""Asynchronous queues in databases that keep each item until it is acknowledged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from persistqueue import _native
from persistqueue._acknowledged import AckStatus, refused
from persistqueue._puts import Call


class AsyncAcknowledged(_native.AsyncSqliteAckQueue):
    """The calls of such a queue."""

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
        """Puts all of the items or none, in one transaction; gives the numbers of their rows.

        On NATS, which has no transactions: `PutInPartError` says how many are stored.
        """
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
