"""Queues on database servers for tasks of asyncio. The first call connects."""

from __future__ import annotations

from persistqueue._async_acknowledged import AsyncAcknowledged
from persistqueue._mysql import OnMySQL
from persistqueue._postgres import OnPostgres
from persistqueue._puts import AsyncPuts, AsyncPutsByPriority
from persistqueue._remote import ForTasks
from persistqueue._server import Working


class AsyncMySQLQueue(OnMySQL, ForTasks, AsyncPuts):
    __doc__ = f"First in, first out. The first call connects.\n\n{OnMySQL.__doc__}"

    _KIND = "queue"


class AsyncMySQLPriorityQueue(OnMySQL, ForTasks, AsyncPutsByPriority):
    __doc__ = f"The lowest priority comes first. The first call connects.\n\n{OnMySQL.__doc__}"

    _KIND = "priority_queue"


class AsyncMySQLAckQueue(Working, OnMySQL, ForTasks, AsyncAcknowledged):
    """First in, first out; an item stays until `ack`. The first call connects.

    Takes what `MySQLAckQueue` takes.
    """

    _KIND = "ack_queue"


class AsyncPostgresQueue(OnPostgres, ForTasks, AsyncPuts):
    __doc__ = f"First in, first out. The first call connects.\n\n{OnPostgres.__doc__}"

    _KIND = "queue"


class AsyncPostgresPriorityQueue(OnPostgres, ForTasks, AsyncPutsByPriority):
    __doc__ = f"The lowest priority comes first. The first call connects.\n\n{OnPostgres.__doc__}"

    _KIND = "priority_queue"


class AsyncPostgresAckQueue(Working, OnPostgres, ForTasks, AsyncAcknowledged):
    """First in, first out; an item stays until `ack`. The first call connects.

    Takes what `PostgresAckQueue` takes.
    """

    _KIND = "ack_queue"
