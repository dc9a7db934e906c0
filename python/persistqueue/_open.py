"""Any queue, by its path or URL."""

from __future__ import annotations

import os
from typing import Any

from persistqueue import _native, serializers
from persistqueue.priorityqueue import PriorityQueue
from persistqueue.queue import Queue
from persistqueue.sqlackqueue import FILOSQLiteAckQueue, SQLiteAckQueue, UniqueAckQ
from persistqueue.sqlqueue import FILOSQLiteQueue, SQLiteQueue, UniqueQ

AnyQueue = Queue | SQLiteQueue | PriorityQueue | SQLiteAckQueue

_CLASSES: dict[str, type[SQLiteQueue | PriorityQueue | SQLiteAckQueue]] = {
    "fifo": SQLiteQueue,
    "filo": FILOSQLiteQueue,
    "unique": UniqueQ,
    "priority": PriorityQueue,
    "ack": SQLiteAckQueue,
    "ack-filo": FILOSQLiteAckQueue,
    "ack-unique": UniqueAckQ,
}


def open(url: str | os.PathLike[str], *, create: bool = True, **options: Any) -> AnyQueue:
    """Opens the queue that a path or URL names, as an object of the class that fits it.

    `my_queue`, `file:my_queue`, `sqlite:data.db#NAME?kind=KIND`; the kinds are fifo, filo, unique,
    priority, ack, ack-filo and ack-unique. In a database with one queue the name and the kind can
    be left out. A queue that is not there is made, unless `create` is false: then it is a
    `FileNotFoundError`. The other options go to the class. A queue in a folder is opened with the
    serializer that it remembers, where that is one of `persistqueue.serializers`.
    """
    path, table, codec = _native.find_queue(os.fspath(url), create)
    if table is None:
        if codec in ("cbor2", "json", "msgpack", "pickle"):
            options.setdefault("serializer", getattr(serializers, codec))
        return Queue(path, **options)
    kind, name = table
    if kind not in _CLASSES:
        raise ValueError(f"there is no Python class for queues of the kind '{kind}' ({url})")
    folder, file = os.path.split(path)
    return _CLASSES[kind](folder or ".", name=name, db_file_name=file, **options)
