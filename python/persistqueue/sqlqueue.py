"""Queues in an SQLite database, for any number of threads and processes.

persist-queue 1.x can use the same database at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from persistqueue._puts import Puts
from persistqueue._unique import speller
from persistqueue.sqlbase import SQLiteBase

__all__ = ["FIFOSQLiteQueue", "FILOSQLiteQueue", "SQLiteQueue", "UniqueQ"]


class SQLiteQueue(SQLiteBase, Puts):
    """First in, first out."""

    _KIND = "queue"


FIFOSQLiteQueue = SQLiteQueue


class FILOSQLiteQueue(SQLiteQueue):
    """First in, last out."""

    _KIND = "filo_queue"


class UniqueQ(SQLiteQueue):
    """First in, first out; an item that waits already is not put again.

    Two items are the same where they are equal and of the same types, whatever the order of their
    dictionaries and sets. An object of a class of your own counts as its pickled state.
    """

    _KIND = "unique_queue"

    def put(  # type: ignore[override]
        self, item: Any, block: bool = True, timeout: float | None = None
    ) -> int | None:
        """As in `SQLiteQueue`; None where the item waits already, and nothing is stored."""
        return self._put(item, 0, block, timeout)

    def put_nowait(self, item: Any) -> int | None:  # type: ignore[override]
        """As `put`, and never waits for room."""
        return self._put(item, 0, False)

    def put_many(  # type: ignore[override]
        self, items: Iterable[Any], block: bool = True, timeout: float | None = None
    ) -> list[int | None]:
        """As in `SQLiteQueue`, with None in the place of each item that waits already."""
        return self._put_many(items, 0, block, timeout)

    def _speller(self, serializer: Any) -> Callable[[Any], tuple[Any, Any]]:
        return speller(serializer)
