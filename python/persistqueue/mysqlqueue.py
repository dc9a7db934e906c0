"""Queues in a database on a MySQL or MariaDB server, for any number of machines.

persist-queue 1.x can use the same table of `MySQLQueue` at the same time.
"""

from __future__ import annotations

from typing import Any

from persistqueue import _native
from persistqueue._acknowledged import Acknowledged
from persistqueue._mysql import OnServer
from persistqueue._puts import Puts, PutsByPriority

__all__ = ["MySQLAckQueue", "MySQLPriorityQueue", "MySQLQueue"]


class _MySQLBase(OnServer, _native.SqliteQueue):
    def _begin(self, given: dict[str, Any]) -> None:
        self._open(given)


class MySQLQueue(_MySQLBase, Puts):
    __doc__ = f"First in, first out.\n\n{OnServer.__doc__}"

    _KIND = "queue"


class MySQLPriorityQueue(_MySQLBase, PutsByPriority):
    __doc__ = f"The lowest priority comes first.\n\n{OnServer.__doc__}"

    _KIND = "priority_queue"


class MySQLAckQueue(_MySQLBase, Acknowledged):
    """First in, first out; an item stays until `ack`, and comes back with `nack`.

    Takes what `MySQLQueue` takes, except for `auto_commit`, which is always on, and what
    `SQLiteAckQueue` takes about its work: `auto_resume`, `lease`, `max_attempts`, `backoff`, `ttl`
    and `keep_acked`. Times go by the server's clock.
    """

    _KIND = "ack_queue"

    def __init__(
        self,
        *args: Any,
        auto_resume: bool = True,
        lease: float | None = None,
        max_attempts: int | None = None,
        backoff: float = 0.0,
        ttl: float | None = None,
        keep_acked: bool = True,
        **kwargs: Any,
    ) -> None:
        self._work = {
            "auto_resume": auto_resume,
            "lease": lease,
            "max_attempts": max_attempts,
            "backoff": backoff,
            "ttl": ttl,
            "keep_acked": keep_acked,
        }
        super().__init__(*args, **kwargs)
