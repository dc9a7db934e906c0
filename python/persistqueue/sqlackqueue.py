"""Queues in an SQLite database that keep each item until it is acknowledged.

persist-queue 1.x can use the same database at the same time.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from persistqueue import serializers
from persistqueue._acknowledged import Acknowledged, AckStatus
from persistqueue._folder import Durability, StrPath
from persistqueue._serializer import RowSerializer, Serializer
from persistqueue._unique import speller
from persistqueue.sqlbase import SQLiteBase

__all__ = [
    "AckStatus",
    "FIFOSQLiteAckQueue",
    "FILOSQLiteAckQueue",
    "SQLiteAckQueue",
    "UniqueAckQ",
]


class SQLiteAckQueue(SQLiteBase, Acknowledged):
    """First in, first out; an item stays until `ack`, and comes back with `nack`.

    Beside what all queues in databases take:

    - `auto_resume`: whether opening brings back what nobody alive holds.
    - `lease`: for how many seconds a `get` holds an item; behind that it is delivered again, and
      the late `ack` is refused. As long as its holder lives where it is None.
    - `max_attempts`: how often an item is delivered; behind that it is a dead letter. No limit
      where it is None.
    - `backoff`: for how many seconds an item rests behind its first `nack`; twice as long behind
      each further one, at most an hour.
    - `ttl`: for how many seconds an item may wait before it is a dead letter.
    - `keep_acked`: whether rows stay behind an `ack`, until `clear_acked_data`.
    """

    _KIND = "ack_queue"

    def __init__(
        self,
        path: StrPath,
        auto_resume: bool = True,
        name: str = "default",
        multithreading: bool = False,
        timeout: float = 10.0,
        auto_commit: bool = True,
        serializer: Serializer | RowSerializer = serializers.pickle,
        db_file_name: str | None = None,
        *,
        durability: Durability = "disk",
        maxsize: int = 0,
        lease: float | None = None,
        max_attempts: int | None = None,
        backoff: float = 0.0,
        ttl: float | None = None,
        keep_acked: bool = True,
    ) -> None:
        if not auto_commit:
            warnings.warn("a queue with acknowledgements always commits", stacklevel=2)
        self._work = {
            "auto_resume": auto_resume,
            "lease": lease,
            "max_attempts": max_attempts,
            "backoff": backoff,
            "ttl": ttl,
            "keep_acked": keep_acked,
        }
        super().__init__(
            path,
            name,
            multithreading,
            timeout,
            True,
            serializer,
            db_file_name,
            durability=durability,
            maxsize=maxsize,
        )


FIFOSQLiteAckQueue = SQLiteAckQueue


class FILOSQLiteAckQueue(SQLiteAckQueue):
    """First in, last out."""

    _KIND = "ack_filo_queue"


class UniqueAckQ(SQLiteAckQueue):
    """First in, first out; an item that is not acknowledged is not put again: `put` gives None."""

    _KIND = "ack_unique_queue"

    def _speller(self, serializer: Any) -> Callable[[Any], tuple[Any, Any]]:
        return speller(serializer)
