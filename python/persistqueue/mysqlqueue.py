"""Queues in a database on a MySQL or MariaDB server, for any number of machines.

persist-queue 1.x can use the same table of `MySQLQueue` at the same time.
"""

from __future__ import annotations

from persistqueue._acknowledged import Acknowledged
from persistqueue._mysql import OnMySQL
from persistqueue._puts import Puts, PutsByPriority
from persistqueue._remote import Blocking
from persistqueue._server import Working

__all__ = ["MySQLAckQueue", "MySQLPriorityQueue", "MySQLQueue"]


class MySQLQueue(OnMySQL, Blocking, Puts):
    __doc__ = f"First in, first out.\n\n{OnMySQL.__doc__}"

    _KIND = "queue"


class MySQLPriorityQueue(OnMySQL, Blocking, PutsByPriority):
    __doc__ = f"The lowest priority comes first.\n\n{OnMySQL.__doc__}"

    _KIND = "priority_queue"


class MySQLAckQueue(Working, OnMySQL, Blocking, Acknowledged):
    """First in, first out; an item stays until `ack`, and comes back with `nack`.

    Takes what `MySQLQueue` takes, except for `auto_commit`, which is always on, and what
    `SQLiteAckQueue` takes about its work: `auto_resume`, `lease`, `max_attempts`, `backoff`, `ttl`
    and `keep_acked`. Times go by the server's clock.
    """

    _KIND = "ack_queue"
