"""A queue in an SQLite database that gives the most urgent item first."""

from __future__ import annotations

from persistqueue._puts import PutsByPriority
from persistqueue.sqlbase import SQLiteBase

__all__ = ["PriorityQueue"]


class PriorityQueue(SQLiteBase, PutsByPriority):
    """The lowest priority comes first; first in, first out within one priority."""

    _KIND = "priority_queue"
