"""How items are put into queues in databases, whichever database it is."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import Any, TypeAlias, TypeVar

from persistqueue import _native

T = TypeVar("T")
Call: TypeAlias = Coroutine[Any, Any, T]


class Puts(_native.SqliteQueue):
    """Of queues without priorities."""

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> int:
        """Puts an item and gives its row's number.

        Waits only where the queue has a `maxsize` and is full: `Full` where that does not end in
        time.
        """
        return self._put(item, 0, block, timeout)  # type: ignore[return-value]

    def put_nowait(self, item: Any) -> int:
        """As `put`, and never waits for room."""
        return self._put(item, 0, False)  # type: ignore[return-value]

    def put_many(
        self, items: Iterable[Any], block: bool = True, timeout: float | None = None
    ) -> list[int]:
        """Puts all of the items or none, in one transaction; gives the numbers of their rows.

        On NATS, which has no transactions: `PutInPartError` says how many are stored.
        """
        return self._put_many(items, 0, block, timeout)  # type: ignore[return-value]


class PutsByPriority(_native.SqliteQueue):
    """Of queues with priorities."""

    def put(
        self, item: Any, priority: int = 0, block: bool = True, timeout: float | None = None
    ) -> int:
        """Puts an item and gives its row's number.

        Waits only where the queue has a `maxsize` and is full: `Full` where that does not end in
        time.
        """
        return self._put(item, priority, block, timeout)  # type: ignore[return-value]

    def put_nowait(self, item: Any, priority: int = 0) -> int:
        """As `put`, and never waits for room."""
        return self._put(item, priority, False)  # type: ignore[return-value]

    def put_many(
        self,
        items: Iterable[Any],
        priority: int = 0,
        block: bool = True,
        timeout: float | None = None,
    ) -> list[int]:
        """Puts all of the items or none, in one transaction; gives the numbers of their rows.

        On NATS, which has no transactions: `PutInPartError` says how many are stored.
        """
        return self._put_many(items, priority, block, timeout)  # type: ignore[return-value]


class AsyncPuts(_native.AsyncSqliteQueue):
    """Of asynchronous queues without priorities."""

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
        """Puts all of the items or none, in one transaction; gives the numbers of their rows.

        On NATS, which has no transactions: `PutInPartError` says how many are stored.
        """
        return self._put_many(items, 0, block, timeout)


class AsyncPutsByPriority(_native.AsyncSqliteQueue):
    """Of asynchronous queues with priorities."""

    def put(
        self, item: Any, priority: int = 0, block: bool = True, timeout: float | None = None
    ) -> Call[int]:
        """As `AsyncPuts.put`; the lowest priority comes first."""
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
        """Puts all of the items or none, in one transaction; gives the numbers of their rows.

        On NATS, which has no transactions: `PutInPartError` says how many are stored.
        """
        return self._put_many(items, priority, block, timeout)
