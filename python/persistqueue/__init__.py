"""Queues on disk that live in your process and survive it."""

from persistqueue import serializers
from persistqueue._open import open as open  # not in __all__: it would hide Python's own
from persistqueue.async_queue import AsyncQueue
from persistqueue.async_sqlqueue import (
    AsyncFIFOSQLiteAckQueue,
    AsyncFIFOSQLiteQueue,
    AsyncFILOSQLiteAckQueue,
    AsyncFILOSQLiteQueue,
    AsyncMySQLAckQueue,
    AsyncMySQLPriorityQueue,
    AsyncMySQLQueue,
    AsyncPDict,
    AsyncPostgresAckQueue,
    AsyncPostgresPriorityQueue,
    AsyncPostgresQueue,
    AsyncPriorityQueue,
    AsyncSQLiteAckQueue,
    AsyncSQLiteQueue,
    AsyncTransaction,
    AsyncUniqueAckQ,
    AsyncUniqueQ,
)
from persistqueue.exceptions import (
    ClosedError,
    ConnectError,
    ConsumedElsewhereError,
    CorruptedError,
    DatabaseError,
    Empty,
    Full,
    GetUnknownError,
    LockedError,
    NotHeldError,
    PersistQueueError,
    PutInPartError,
    PutUnknownError,
    SerializerMismatchError,
    UndecodableError,
    UnrecognisedError,
    UntrustedError,
)
from persistqueue.mysqlqueue import MySQLAckQueue, MySQLPriorityQueue, MySQLQueue
from persistqueue.natsqueue import (
    AsyncNatsAckQueue,
    AsyncNatsQueue,
    NatsAckQueue,
    NatsQueue,
)
from persistqueue.pdict import PDict
from persistqueue.postgresqueue import PostgresAckQueue, PostgresPriorityQueue, PostgresQueue
from persistqueue.priorityqueue import PriorityQueue
from persistqueue.queue import Queue
from persistqueue.sqlackqueue import (
    AckStatus,
    FIFOSQLiteAckQueue,
    FILOSQLiteAckQueue,
    SQLiteAckQueue,
    UniqueAckQ,
)
from persistqueue.sqlbase import Transaction
from persistqueue.sqlqueue import FIFOSQLiteQueue, FILOSQLiteQueue, SQLiteQueue, UniqueQ

__all__ = [
    "AckStatus",
    "AsyncFIFOSQLiteAckQueue",
    "AsyncFIFOSQLiteQueue",
    "AsyncFILOSQLiteAckQueue",
    "AsyncFILOSQLiteQueue",
    "AsyncMySQLAckQueue",
    "AsyncMySQLPriorityQueue",
    "AsyncMySQLQueue",
    "AsyncNatsAckQueue",
    "AsyncNatsQueue",
    "AsyncPDict",
    "AsyncPostgresAckQueue",
    "AsyncPostgresPriorityQueue",
    "AsyncPostgresQueue",
    "AsyncPriorityQueue",
    "AsyncQueue",
    "AsyncSQLiteAckQueue",
    "AsyncSQLiteQueue",
    "AsyncTransaction",
    "AsyncUniqueAckQ",
    "AsyncUniqueQ",
    "ClosedError",
    "ConnectError",
    "ConsumedElsewhereError",
    "CorruptedError",
    "DatabaseError",
    "Empty",
    "FIFOSQLiteAckQueue",
    "FIFOSQLiteQueue",
    "FILOSQLiteAckQueue",
    "FILOSQLiteQueue",
    "Full",
    "GetUnknownError",
    "LockedError",
    "MySQLAckQueue",
    "MySQLPriorityQueue",
    "MySQLQueue",
    "NatsAckQueue",
    "NatsQueue",
    "NotHeldError",
    "PDict",
    "PersistQueueError",
    "PostgresAckQueue",
    "PostgresPriorityQueue",
    "PostgresQueue",
    "PriorityQueue",
    "PutInPartError",
    "PutUnknownError",
    "Queue",
    "SQLiteAckQueue",
    "SQLiteQueue",
    "SerializerMismatchError",
    "Transaction",
    "UndecodableError",
    "UniqueAckQ",
    "UniqueQ",
    "UnrecognisedError",
    "UntrustedError",
    "__author__",
    "__license__",
    "__version__",
    "serializers",
]

__author__ = "the persist-queue-rs authors"
__license__ = "BSD-3-Clause"
# The same as in Cargo.toml; `./dev test` compares them. Asking the installed package's metadata
# would take longer than the rest of the import.
__version__ = "0.1.0"
