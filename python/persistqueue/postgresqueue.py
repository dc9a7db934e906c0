"""Queues in a database on a PostgreSQL server, for any number of machines."""

from __future__ import annotations

from persistqueue._acknowledged import Acknowledged
from persistqueue._postgres import OnPostgres
from persistqueue._puts import Puts, PutsByPriority
from persistqueue._server import Blocking, Working

__all__ = ["PostgresAckQueue", "PostgresPriorityQueue", "PostgresQueue"]


class PostgresQueue(OnPostgres, Blocking, Puts):
    __doc__ = f"First in, first out.\n\n{OnPostgres.__doc__}"

    _KIND = "queue"


class PostgresPriorityQueue(OnPostgres, Blocking, PutsByPriority):
    __doc__ = f"The lowest priority comes first.\n\n{OnPostgres.__doc__}"

    _KIND = "priority_queue"


class PostgresAckQueue(Working, OnPostgres, Blocking, Acknowledged):
    """First in, first out; an item stays until `ack`, and comes back with `nack`.

    Takes what `PostgresQueue` takes, except for `auto_commit`, which is always on, and what
    `SQLiteAckQueue` takes about its work: `auto_resume`, `lease`, `max_attempts`, `backoff`, `ttl`
    and `keep_acked`. Times go by the server's clock.
    """

    _KIND = "ack_queue"
