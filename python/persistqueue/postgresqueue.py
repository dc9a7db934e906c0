"""Queues in a database on a PostgreSQL server, for any number of machines."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from persistqueue._acknowledged import Acknowledged
from persistqueue._postgres import OnPostgres
from persistqueue._puts import Puts, PutsByPriority
from persistqueue._remote import Blocking
from persistqueue._server import Working

__all__ = ["PostgresAckQueue", "PostgresPriorityQueue", "PostgresQueue"]


class PostgresQueue(OnPostgres, Blocking, Puts):
    __doc__ = f"First in, first out.\n\n{OnPostgres.__doc__}"

    _KIND = "queue"

    def put_in(self, connection: Any, item: Any) -> int:
        """Puts an item in the transaction of a connection of the program's own; gives its number.

        `connection` is psycopg's (3 or 2), to the same database. The item is there
        when that transaction commits, and who waits wakes then; it never was where it does not.
        `Full` at once where there is no room. What the driver raises is raised.
        """
        with closing(connection.cursor()) as cursor:
            return self._put_in(cursor, item, 0)  # type: ignore[return-value]


class PostgresPriorityQueue(OnPostgres, Blocking, PutsByPriority):
    __doc__ = f"The lowest priority comes first.\n\n{OnPostgres.__doc__}"

    _KIND = "priority_queue"

    def put_in(self, connection: Any, item: Any, priority: int = 0) -> int:
        """As `PostgresQueue.put_in`."""
        with closing(connection.cursor()) as cursor:
            return self._put_in(cursor, item, priority)  # type: ignore[return-value]


class PostgresAckQueue(Working, OnPostgres, Blocking, Acknowledged):
    """First in, first out; an item stays until `ack`, and comes back with `nack`.

    Takes what `PostgresQueue` takes, except for `auto_commit`, which is always on, and what
    `SQLiteAckQueue` takes about its work: `auto_resume`, `lease`, `max_attempts`, `backoff`, `ttl`
    and `keep_acked`. Times go by the server's clock.
    """

    _KIND = "ack_queue"

    def put_in(
        self,
        connection: Any,
        item: Any,
        *,
        delay: float | None = None,
        ttl: float | None = None,
    ) -> int:
        """As `PostgresQueue.put_in`; `delay` and `ttl` are as in `put`."""
        with closing(connection.cursor()) as cursor:
            return self._put_work_in(cursor, item, delay, ttl)  # type: ignore[return-value]
