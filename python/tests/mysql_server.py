"""A real MariaDB server for the tests, and databases on it.

`PERSISTQUEUE_MYSQL` names the one to use, as `./dev` sets it; else a private one is started.
"""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pymysql

SCRIPT = Path(__file__).parents[2] / "crates/persist-queue/tests/support/mysql-server"


class Server:
    """Where a server is, and who may do everything there."""

    def __init__(self, address: str) -> None:
        url = urlsplit(address)
        self.host = url.hostname or "127.0.0.1"
        self.port = url.port or 3306
        self.user = unquote(url.username or "root")
        self.password = unquote(url.password or "")

    def connect(self, database: str | None = None) -> Any:
        return pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            database=database,
            autocommit=True,
        )

    @contextmanager
    def database(self) -> Iterator[dict[str, Any]]:
        """The arguments of a queue in a new database, which is dropped at the end."""
        name = f"pq_{uuid.uuid4().hex[:16]}"
        self.execute(f"CREATE DATABASE {name}")
        try:
            yield {
                "host": self.host,
                "port": self.port,
                "user": self.user,
                "passwd": self.password,
                "db_name": name,
            }
        finally:
            self.execute(f"DROP DATABASE {name}")

    def execute(self, sql: str, database: str | None = None) -> list[tuple[Any, ...]]:
        connection = self.connect(database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return list(cursor.fetchall())
        finally:
            connection.close()


class PrivateServer(Server):
    """One that can be killed."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        address = self.process.stdout.readline().strip()
        assert address.startswith("mysql://"), "the server did not start"
        super().__init__(address)

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
def shared_server() -> Iterator[Server]:
    address = os.environ.get("PERSISTQUEUE_MYSQL")
    if address:
        yield Server(address)
        return
    private = PrivateServer()
    try:
        yield private
    finally:
        private.stop()
