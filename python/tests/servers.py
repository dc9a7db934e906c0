"""Real servers for the tests, and places for queues on them.

`PERSISTQUEUE_MYSQL`, `PERSISTQUEUE_POSTGRES` and `PERSISTQUEUE_NATS` name those to use, as `./dev`
sets them; else private ones are started.
"""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

import pg8000.dbapi
import pymysql

import persistqueue as pq

SUPPORT = Path(__file__).parents[2] / "crates/persist-queue/tests/support"


class AnyServer:
    """Where a server is, and what is called how on this make."""

    scheme: ClassVar[str]
    script: ClassVar[str]
    # Names it in the environment; with `_PASSWORD` behind it, the password for URLs.
    variable: ClassVar[str]
    # The classes by the kinds in URLs.
    kinds: ClassVar[dict[str, Any]]
    tasks: ClassVar[dict[str, Any]]

    def __init__(self, address: str) -> None:
        self.address = address

    def place(self) -> AbstractContextManager[dict[str, Any]]:
        """The arguments of a queue that nobody else has."""
        raise NotImplementedError

    @classmethod
    def url(cls, place: dict[str, Any], behind: str = "") -> str:
        raise NotImplementedError


class Server(AnyServer):
    """A server of databases, and who may do everything there."""

    # What a queue is called that nobody gives a name.
    unnamed: ClassVar[str]

    def __init__(self, address: str) -> None:
        super().__init__(address)
        url = urlsplit(address)
        assert url.hostname and url.port and url.username, address
        self.host, self.port, self.user = url.hostname, url.port, unquote(url.username)
        self.password = unquote(url.password or "")

    def connect(self, database: str | None = None) -> Any:
        raise NotImplementedError

    @property
    def account(self) -> dict[str, Any]:
        return {
            "host": self.host, "port": self.port, "user": self.user, "password": self.password,
        }  # fmt: skip

    @contextmanager
    def database(self) -> Iterator[dict[str, Any]]:
        """The arguments of a queue in a new database, which is dropped at the end."""
        name = f"pq_{uuid.uuid4().hex[:16]}"
        self.execute(f"CREATE DATABASE {name}")
        try:
            yield {**self.account, "database": name}
        finally:
            self.drop(name)

    @contextmanager
    def place(self) -> Iterator[dict[str, Any]]:
        with self.database() as arguments:
            yield {**arguments, "name": "jobs"}

    def drop(self, database: str) -> None:
        self.execute(f"DROP DATABASE {database}")

    @contextmanager
    def a_user(self, database: dict[str, Any], password: str) -> Iterator[dict[str, Any]]:
        """The arguments of a queue in this database for a new user, who may use it."""
        raise NotImplementedError

    def execute(self, sql: str, database: str | None = None) -> list[tuple[Any, ...]]:
        with closing(self.connect(database)) as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            rows = cursor.fetchall() if cursor.description else ()
            return [tuple(row) for row in rows]

    def tables(self, database: dict[str, Any]) -> set[str]:
        found = self.execute(
            "SELECT table_name FROM information_schema.tables"
            f" WHERE table_schema = '{self.schema(database)}'",
            database["database"],
        )
        return {name for (name,) in found}

    def schema(self, database: dict[str, Any]) -> str:
        return database["database"]

    @classmethod
    def url(cls, place: dict[str, Any], behind: str = "") -> str:
        database = "{user}@{host}:{port}/{database}".format_map(place)
        return f"{cls.scheme}://{database}{behind}"


class MySQL(Server):
    scheme, script, variable = "mysql", "mysql-server", "PERSISTQUEUE_MYSQL"
    unnamed = "sql"
    kinds: ClassVar = {
        "fifo": pq.MySQLQueue, "priority": pq.MySQLPriorityQueue, "ack": pq.MySQLAckQueue,
    }  # fmt: skip
    tasks: ClassVar = {
        "fifo": pq.AsyncMySQLQueue, "priority": pq.AsyncMySQLPriorityQueue,
        "ack": pq.AsyncMySQLAckQueue,
    }  # fmt: skip

    def connect(self, database: str | None = None) -> Any:
        return pymysql.connect(**self.account, database=database, autocommit=True)

    @contextmanager
    def a_user(self, database: dict[str, Any], password: str) -> Iterator[dict[str, Any]]:
        name = database["database"]
        user = f"{name[:18]}_u"
        self.execute(f"CREATE USER '{user}'@'%' IDENTIFIED BY '{password}'")
        try:
            self.execute(f"GRANT ALL ON {name}.* TO '{user}'@'%'")
            yield {**database, "user": user, "password": password}
        finally:
            self.execute(f"DROP USER '{user}'@'%'")


class Postgres(Server):
    scheme, script, variable = "postgresql", "postgres-server", "PERSISTQUEUE_POSTGRES"
    unnamed = "default"
    kinds: ClassVar = {
        "fifo": pq.PostgresQueue, "priority": pq.PostgresPriorityQueue, "ack": pq.PostgresAckQueue,
    }  # fmt: skip
    tasks: ClassVar = {
        "fifo": pq.AsyncPostgresQueue, "priority": pq.AsyncPostgresPriorityQueue,
        "ack": pq.AsyncPostgresAckQueue,
    }  # fmt: skip

    def connect(self, database: str | None = None) -> Any:
        connection = pg8000.dbapi.connect(**self.account, database=database or "postgres")
        connection.autocommit = True
        return connection

    def drop(self, database: str) -> None:
        # Queues that were not closed are connected still.
        self.execute(f"DROP DATABASE {database} WITH (FORCE)")

    def schema(self, database: dict[str, Any]) -> str:
        return "public"

    @contextmanager
    def a_user(self, database: dict[str, Any], password: str) -> Iterator[dict[str, Any]]:
        name = database["database"]
        user = f"{name[:18]}_u"
        self.execute(f"CREATE USER {user} PASSWORD '{password}'")
        try:
            self.execute(f"GRANT ALL ON SCHEMA public TO {user}", name)
            yield {**database, "user": user, "password": password}
        finally:
            self.execute(f"DROP OWNED BY {user}", name)
            self.execute(f"DROP USER {user}")


class Nats(AnyServer):
    scheme, script, variable = "nats", "nats-server", "PERSISTQUEUE_NATS"
    kinds: ClassVar = {"fifo": pq.NatsQueue, "ack": pq.NatsAckQueue}
    tasks: ClassVar = {"fifo": pq.AsyncNatsQueue, "ack": pq.AsyncNatsAckQueue}

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.servers = urlsplit(address).netloc

    @contextmanager
    def place(self) -> Iterator[dict[str, Any]]:
        # There are no databases here: a queue has the name alone for itself.
        arguments = {"servers": self.servers, "name": f"pq_{uuid.uuid4().hex[:16]}"}
        try:
            yield arguments
        finally:
            with pq.NatsQueue(**arguments) as queue:
                queue.clear()

    @classmethod
    def url(cls, place: dict[str, Any], behind: str = "") -> str:
        return f"{cls.scheme}://{place['servers']}{behind}"


DATABASES: dict[str, type[Server]] = {"mysql": MySQL, "postgresql": Postgres}
MAKES: dict[str, type[AnyServer]] = {**DATABASES, "nats": Nats}


class Private:
    """A server that can be killed."""

    def __init__(self, make: type[AnyServer]) -> None:
        self.process = subprocess.Popen(
            [str(SUPPORT / make.script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        address = self.process.stdout.readline().strip()
        assert address.startswith(f"{make.scheme}://"), "the server did not start"
        self.server = make(address)

    def order(self, order: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(30)


@contextmanager
def private_server(make: type[AnyServer]) -> Iterator[Private]:
    private = Private(make)
    try:
        yield private
    finally:
        private.stop()


@contextmanager
def shared_server(make: type[AnyServer]) -> Iterator[AnyServer]:
    address = os.environ.get(make.variable)
    if address:
        yield make(address)
        return
    with private_server(make) as private:
        yield private.server
