"""The kinds of queue that are tried, and how each is opened."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Kind:
    """What a kind promises, beside that nothing is lost and nothing comes twice."""

    cls: str
    # When a take is final: as soon as it "returned", by "task_done", by a task_done that also makes
    # puts durable ("batch"), or by "ack". A "dict" has no takes.
    final: str = "returned"
    # In which order the rest comes: "fifo", "filo", "priority", or "" for none.
    order: str = "fifo"
    unique: bool = False
    mapped: bool = True
    # Whether the server may deliver an item twice where one dies who takes. nats-server 2.9 does
    # (https://github.com/nats-io/nats-server/pull/5305).
    twice: bool = False

    @property
    def place(self) -> str:
        """A "folder", a "database" in a folder, a database "file", or a "server"."""
        if self.server:
            return "server"
        if self.cls in ("Queue", "AsyncQueue"):
            return "folder"
        return "file" if self.cls.startswith("Async") else "database"

    @property
    def server(self) -> str:
        """The variable of the environment that names the server, "" for what is on none."""
        makes = {
            "MySQL": "PERSISTQUEUE_MYSQL",
            "Postgres": "PERSISTQUEUE_POSTGRES",
            "Nats": "PERSISTQUEUE_NATS",
        }
        return next((variable for make, variable in makes.items() if make in self.cls), "")

    @property
    def on_nats(self) -> bool:
        return "Nats" in self.cls


KINDS = {
    "file": Kind("Queue"),
    "file-done": Kind("Queue", "task_done"),
    "file-plain": Kind("Queue", mapped=False),
    "file-plain-done": Kind("Queue", "task_done", mapped=False),
    "sqlite": Kind("SQLiteQueue"),
    "filo": Kind("FILOSQLiteQueue", order="filo"),
    "unique": Kind("UniqueQ", unique=True),
    "priority": Kind("PriorityQueue", order="priority"),
    "sqlite-batch": Kind("SQLiteQueue", "batch"),
    "filo-batch": Kind("FILOSQLiteQueue", "batch", order="filo"),
    "priority-batch": Kind("PriorityQueue", "batch", order="priority"),
    "ack": Kind("SQLiteAckQueue", "ack"),
    "filo-ack": Kind("FILOSQLiteAckQueue", "ack", order="filo"),
    "unique-ack": Kind("UniqueAckQ", "ack", unique=True),
    "dict": Kind("PDict", "dict", order=""),
    "async-file": Kind("AsyncQueue"),
    "async-file-done": Kind("AsyncQueue", "task_done"),
    "async-sqlite": Kind("AsyncSQLiteQueue"),
    "async-filo": Kind("AsyncFILOSQLiteQueue", order="filo"),
    "async-unique": Kind("AsyncUniqueQ", unique=True),
    "async-priority": Kind("AsyncPriorityQueue", order="priority"),
    "async-ack": Kind("AsyncSQLiteAckQueue", "ack"),
    "async-filo-ack": Kind("AsyncFILOSQLiteAckQueue", "ack", order="filo"),
    "async-unique-ack": Kind("AsyncUniqueAckQ", "ack", unique=True),
    "async-dict": Kind("AsyncPDict", "dict", order=""),
    "mysql": Kind("MySQLQueue"),
    "mysql-priority": Kind("MySQLPriorityQueue", order="priority"),
    "mysql-ack": Kind("MySQLAckQueue", "ack"),
    "async-mysql": Kind("AsyncMySQLQueue"),
    "async-mysql-priority": Kind("AsyncMySQLPriorityQueue", order="priority"),
    "async-mysql-ack": Kind("AsyncMySQLAckQueue", "ack"),
    "postgres": Kind("PostgresQueue"),
    "postgres-priority": Kind("PostgresPriorityQueue", order="priority"),
    "postgres-ack": Kind("PostgresAckQueue", "ack"),
    "async-postgres": Kind("AsyncPostgresQueue"),
    "async-postgres-priority": Kind("AsyncPostgresPriorityQueue", order="priority"),
    "async-postgres-ack": Kind("AsyncPostgresAckQueue", "ack"),
    # In no order: what a dead one held comes when its lease is over, behind what came meanwhile.
    "nats": Kind("NatsQueue", order="", twice=True),
    "nats-ack": Kind("NatsAckQueue", "ack", order="", twice=True),
    "async-nats": Kind("AsyncNatsQueue", order="", twice=True),
    "async-nats-ack": Kind("AsyncNatsAckQueue", "ack", order="", twice=True),
}


def opened(name: str, place: str, durability: str = "process", timeout: float = 30) -> Any:
    """The queue in a folder, or on the server, in the database or under the name `place`."""
    import persistqueue
    import persistqueue.mysqlqueue

    kind = KINDS[name]
    os.environ["PERSISTQUEUE_MAPPED"] = "1" if kind.mapped else "0"
    cls = getattr(persistqueue, kind.cls, None) or getattr(persistqueue.mysqlqueue, kind.cls)
    if kind.place == "server":
        url = urlsplit(os.environ[kind.server])
        if kind.on_nats:
            return cls(url.netloc, place)
        at = {"host": url.hostname, "port": url.port, "user": url.username}
        if url.scheme == "mysql":  # the names that the original has too
            return cls(passwd=url.password or "", db_name=place, **at)
        return cls(password=url.password or "", database=place, **at)
    if kind.place == "folder":
        # Small segments, so that many are begun and removed.
        autosave = kind.final == "returned"
        path = place + "/queue"
        return cls(path, chunksize=20, autosave=autosave, durability=durability)
    path = place + "/data.db" if kind.place == "file" else place
    if kind.final == "dict":
        return cls(path, "tried", durability=durability)
    # Others hold the lock, and the machine may be slow.
    options: dict[str, Any] = {"durability": durability, "timeout": timeout}
    if kind.final == "batch":
        options["auto_commit"] = False
    return cls(path, **options)
