"""Queues in databases that keep each item until it is acknowledged, whichever database it is."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from persistqueue import _native

log = logging.getLogger("persistqueue.sqlackqueue")


class AckStatus:
    """Where an item stands."""

    inited = "0"
    ready = "1"
    unack = "2"
    delayed = "3"
    acked = "5"
    dead = "8"
    ack_failed = "9"


def refused(row: int | None, what: str) -> int | None:
    """Passes a settled row's number on, and warns where there is none."""
    if row is None:
        log.warning(
            "%s refused: the item is not held here; its lease was over, it was settled before,"
            " or it never was this queue's",
            what,
        )
    return row


class Acknowledged(_native.SqliteAckQueue):
    """The calls of such a queue."""

    def put(
        self,
        item: Any,
        block: bool = True,
        timeout: float | None = None,
        *,
        delay: float | None = None,
        ttl: float | None = None,
    ) -> int | None:
        """Puts an item, to be delivered after `delay` seconds, and gives its row's number."""
        return self._put_work((item,), block, timeout, delay, ttl)[0]

    def put_nowait(self, item: Any) -> int | None:
        """As `put`, and never waits for room."""
        return self.put(item, False)

    def put_many(
        self,
        items: Iterable[Any],
        block: bool = True,
        timeout: float | None = None,
        *,
        delay: float | None = None,
        ttl: float | None = None,
    ) -> list[int | None]:
        """Puts all of the items or none, in one transaction; gives the numbers of their rows.

        On NATS, which has no transactions: `PutInPartError` says how many are stored.
        """
        return self._put_work(items, block, timeout, delay, ttl)

    def ack(self, item: Any = None, id: Any = None) -> int | None:
        """The item, or the row with that id, is done. Gives the row's number.

        None, with a warning, where this object does not hold it any more; then nothing is changed.
        """
        return refused(self._ack(item, id), "ack")

    def ack_failed(self, item: Any = None, id: Any = None) -> int | None:
        """The item is given up. Else as `ack`."""
        return refused(self._ack_failed(item, id), "ack_failed")

    def nack(
        self,
        item: Any = None,
        id: Any = None,
        *,
        delay: float | None = None,
        to_back: bool = False,
    ) -> int | None:
        """The item waits again, after `delay` seconds; as the queue's `backoff` says if None.

        With `to_back` it waits behind all others, under the new number that is given back. Else as
        `ack`.
        """
        return refused(self._nack(item, id, delay, to_back), "nack")

    def ack_many(self, items: Iterable[Any] = (), ids: Iterable[Any] = ()) -> list[int | None]:
        """As `ack` for each of them, in one transaction."""
        return [refused(done, "ack") for done in self._ack_many(list(items), list(ids))]

    def extend(self, item: Any = None, id: Any = None, *, lease: float) -> bool:
        """Holds the item for `lease` seconds from now on. Says whether it was still held."""
        return self._extend(lease, item, id)

    def unack_count(self) -> int:
        """How many items are held, by whomever."""
        return self._count(int(AckStatus.unack))

    def acked_count(self) -> int:
        """How many acknowledged items are kept."""
        return self._count(int(AckStatus.acked))

    def ready_count(self) -> int:
        """How many items wait again that were taken before."""
        return self._count(int(AckStatus.ready))

    def ack_failed_count(self) -> int:
        """How many items were given up."""
        return self._count(int(AckStatus.ack_failed))

    def delayed_count(self) -> int:
        """How many items wait for their time."""
        return self._count(int(AckStatus.delayed))

    def dead_count(self) -> int:
        """How many dead letters there are."""
        return self._count(int(AckStatus.dead))

    def active_size(self) -> int:
        """How many items wait, or are held by this object."""
        return self.size + self._held_count()

    def clear_acked_data(
        self, max_delete: int = 1000, keep_latest: int = 1000, clear_ack_failed: bool = False
    ) -> None:
        """Removes acknowledged rows, at most `max_delete` (all where that is not above 0).

        None of the latest `keep_latest` is removed.
        """
        most = max_delete if max_delete and max_delete > 0 else None
        self._clear_acked(most, max(keep_latest or 0, 0), clear_ack_failed)

    def requeue_dead(self, ids: Iterable[Any] | None = None) -> int:
        """Has dead letters wait again, all of them where none is named. Gives how many."""
        return self._requeue_dead(self._letters(ids))

    def drop_dead(self, ids: Iterable[Any] | None = None) -> int:
        """Removes dead letters, all of them where none is named. Gives how many."""
        return self._drop_dead(self._letters(ids))

    def _letters(self, ids: Iterable[Any] | None) -> list[Any]:
        return self._dead_ids() if ids is None else list(ids)
