"""Any queue, by its path or URL."""

from __future__ import annotations

import os
from typing import Any, TypeVar

from persistqueue import _native, serializers
from persistqueue.mysqlqueue import MySQLAckQueue, MySQLPriorityQueue, MySQLQueue
from persistqueue.natsqueue import NatsAckQueue, NatsQueue
from persistqueue.postgresqueue import PostgresAckQueue, PostgresPriorityQueue, PostgresQueue
from persistqueue.priorityqueue import PriorityQueue
from persistqueue.queue import Queue
from persistqueue.sqlackqueue import FILOSQLiteAckQueue, SQLiteAckQueue, UniqueAckQ
from persistqueue.sqlqueue import FILOSQLiteQueue, SQLiteQueue, UniqueQ

_Q = TypeVar("_Q")

_AnyOnServer = (
    MySQLQueue
    | MySQLPriorityQueue
    | MySQLAckQueue
    | PostgresQueue
    | PostgresPriorityQueue
    | PostgresAckQueue
    | NatsQueue
    | NatsAckQueue
)
AnyQueue = Queue | SQLiteQueue | PriorityQueue | SQLiteAckQueue | _AnyOnServer

_IN_FILES: dict[str, type[SQLiteQueue | PriorityQueue | SQLiteAckQueue]] = {
    "fifo": SQLiteQueue,
    "filo": FILOSQLiteQueue,
    "unique": UniqueQ,
    "priority": PriorityQueue,
    "ack": SQLiteAckQueue,
    "ack-filo": FILOSQLiteAckQueue,
    "ack-unique": UniqueAckQ,
}
_ON_SERVERS: dict[str, dict[str, type[_AnyOnServer]]] = {
    "mysql": {"fifo": MySQLQueue, "priority": MySQLPriorityQueue, "ack": MySQLAckQueue},
    "postgresql": {
        "fifo": PostgresQueue,
        "priority": PostgresPriorityQueue,
        "ack": PostgresAckQueue,
    },
    "nats": {"fifo": NatsQueue, "ack": NatsAckQueue},
}


def open(url: str | os.PathLike[str], *, create: bool = True, **options: Any) -> AnyQueue:
    """Opens the queue that a path or URL names, as an object of the class that fits it.

    `my_queue`, `file:my_queue`, `sqlite:data.db#NAME?kind=KIND`,
    `mysql://USER@HOST:PORT/DATABASE#NAME?kind=KIND`, `postgresql://` and so on,
    `nats://USER@HOST:PORT/NAME?kind=KIND`; the kinds are fifo, filo, unique, priority, ack,
    ack-filo and ack-unique, on a server fifo, priority and ack, on NATS fifo and ack. In a database
    with one queue the name and the kind can be left out. A queue that is not there is made, unless
    `create` is false: then it is a `FileNotFoundError`. The other options go to the
    class. A queue in a folder is opened with the serializer that it remembers, where that is one
    of `persistqueue.serializers`.

    The password for a server is in the variable `PERSISTQUEUE_MYSQL_PASSWORD` of the environment,
    or in the file that `PERSISTQUEUE_MYSQL_PASSWORD_FILE` names (with `POSTGRES` or `NATS`
    there); in a URL it is a `ValueError`. `?tls=preferred`, `?tls=required` and `?tls_ca=FILE` are
    those arguments of the classes.
    """
    found = _native.find_queue(os.fspath(url), create)
    if found["table"] is None:
        if found["codec"] in ("cbor2", "json", "msgpack", "pickle"):
            options.setdefault("serializer", getattr(serializers, found["codec"]))
        return Queue(found["path"], **options)
    kind, name = found["table"]
    if found["server"] is not None:
        classes = _ON_SERVERS[found["make"]]
        return _class(classes, kind, url)(name=name, **found["server"], **options)
    folder, file = os.path.split(found["path"])
    return _class(_IN_FILES, kind, url)(folder or ".", name=name, db_file_name=file, **options)


def _class(classes: dict[str, type[_Q]], kind: str, url: str | os.PathLike[str]) -> type[_Q]:
    if kind not in classes:
        raise ValueError(f"there is no Python class for queues of the kind '{kind}' ({url})")
    return classes[kind]
