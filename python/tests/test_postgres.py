"""What only queues on a PostgreSQL server do, against a real one.

The rest is in `test_servers.py`."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from helpers import in_thread
from servers import Server

import persistqueue
from persistqueue import AsyncPostgresQueue, DatabaseError, PostgresQueue


@pytest.fixture
def server(server_of: Callable[[str], Server]) -> Server:
    return server_of("postgresql")


def test_the_arguments_by_their_places_are_its_attributes(database: dict[str, Any]) -> None:
    host, port, user = database["host"], database["port"], database["user"]
    password, name = database["password"], database["database"]
    queue = PostgresQueue(host, user, password, name, "jobs", port, False)
    assert (queue.host, queue.user, queue.password) == (host, user, password)
    assert (queue.database, queue.name, queue.port) == (name, "jobs", port)
    assert queue.auto_commit is False
    queue.put("a")
    queue.task_done()
    assert PostgresQueue(**database, table_name="queue_jobs").get(block=False) == "a"


def test_the_columns_are_as_the_documents_say(server: Server, database: dict[str, Any]) -> None:
    PostgresQueue(**database)
    columns = server.execute(
        "SELECT column_name, data_type FROM information_schema.columns"
        " WHERE table_name = 'queue_default'",
        database["database"],
    )
    found = {"_id": "bigint", "data": "bytea", "timestamp": "double precision"}
    assert dict(columns) == found


def test_a_notification_wakes_who_waits(server: Server, database: dict[str, Any]) -> None:
    queue = PostgresQueue(**database)
    written: list[float] = []

    def write() -> None:
        data = pickle.dumps("by somebody else").hex()
        row = f"'\\x{data}', {time.time()}"
        server.execute(
            f"INSERT INTO queue_default (data, timestamp) VALUES ({row}); NOTIFY queue_default",
            database["database"],
        )
        written.append(time.monotonic())

    writer = threading.Timer(0.3, write)
    writer.start()
    assert in_thread(lambda: queue.get(timeout=20), 25) == "by somebody else"
    woken = time.monotonic()
    # The notification comes before the writer has heard that it is done.
    writer.join()
    # Without one the server is asked every two seconds.
    assert woken - written[0] < 1


def test_a_user_without_rights_is_told_what_is_missing(
    server: Server, database: dict[str, Any]
) -> None:
    user = f"{database['database'][:18]}_r"
    server.execute(f"CREATE USER {user} PASSWORD 'right'")
    try:
        with pytest.raises(DatabaseError, match="GRANT what is missing"):
            PostgresQueue(**{**database, "user": user, "password": "right"})
    finally:
        server.execute(f"DROP USER {user}")


def test_a_name_that_is_too_long_is_refused(database: dict[str, Any]) -> None:
    PostgresQueue(**database, name="n" * 57)
    with pytest.raises(ValueError, match="63"):
        PostgresQueue(**database, name="n" * 58)


def test_the_names_are_there() -> None:
    assert persistqueue.postgresqueue.PostgresQueue is PostgresQueue
    assert persistqueue.async_sqlqueue.AsyncPostgresQueue is AsyncPostgresQueue
