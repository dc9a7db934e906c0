"""Real database servers for the tests, and databases on them.

`PERSISTQUEUE_MYSQL` and `PERSISTQUEUE_POSTGRES` name those to use, as `./dev` sets them; else
private ones are started.
"""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

import pg8000.dbapi
import pymysql

import persistqueue as pq

SUPPORT = Path(__file__).parents[2] / "crates/persist-queue/tests/support"


class Server:
    """Where a server is, who may do everything there, and what is called how on this make."""

    scheme: ClassVar[str]
    script: ClassVar[str]
    # Names it in the environment; with `_PASSWORD` behind it, the password for URLs.
    variable: ClassVar[str]
    # What a queue is called that nobody gives a name.
    unnamed: ClassVar[str]
    # The classes by the kinds in URLs.
    kinds: ClassVar[dict[str, Any]]
    tasks: ClassVar[dict[str, Any]]

    def __init__(self, address: str) -> None:
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
    def url(cls, database: dict[str, Any], behind: str = "") -> str:
        place = "{user}@{host}:{port}/{database}".format_map(database)
        return f"{cls.scheme}://{place}{behind}"


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


MAKES: dict[str, type[Server]] = {"mysql": MySQL, "postgresql": Postgres}


class Private:
    """A server that can be killed."""

    def __init__(self, make: type[Server]) -> None:
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
def private_server(make: type[Server]) -> Iterator[Private]:
    private = Private(make)
    try:
        yield private
    finally:
        private.stop()


@contextmanager
def shared_server(make: type[Server]) -> Iterator[Server]:
    address = os.environ.get(make.variable)
    if address:
        yield make(address)
        return
    with private_server(make) as private:
        yield private.server
