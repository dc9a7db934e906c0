"""A queue in an SQLite database that gives the most urgent item first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from persistqueue.sqlbase import SQLiteBase

__all__ = ["PriorityQueue"]


class PriorityQueue(SQLiteBase):
    """The lowest priority comes first; first in, first out within one priority."""

    _KIND = "priority_queue"

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
        """Puts all of the items or none, in one transaction; gives the numbers of their rows."""
        return self._put_many(items, priority, block, timeout)  # type: ignore[return-value]
