"""A put in a transaction of the program's own, on a real PostgreSQL server, with each driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg
import psycopg2
import psycopg2.extras
import pytest
from psycopg.rows import dict_row
from servers import Server

from persistqueue import Empty, Full, PostgresAckQueue, PostgresPriorityQueue, PostgresQueue


def by_psycopg(place: dict[str, Any], **more: Any) -> Any:
    return psycopg.connect(
        host=place["host"], port=place["port"], user=place["user"], dbname=place["database"], **more
    )


def by_psycopg_with_dicts(place: dict[str, Any]) -> Any:
    return by_psycopg(place, row_factory=dict_row)


def by_psycopg2(place: dict[str, Any], **more: Any) -> Any:
    return psycopg2.connect(
        host=place["host"], port=place["port"], user=place["user"], dbname=place["database"], **more
    )


def by_psycopg2_with_dicts(place: dict[str, Any]) -> Any:
    return by_psycopg2(place, cursor_factory=psycopg2.extras.RealDictCursor)


@pytest.fixture
def server(server_of: Callable[[str], Server]) -> Server:
    return server_of("postgresql")


@pytest.fixture(params=[by_psycopg, by_psycopg_with_dicts, by_psycopg2, by_psycopg2_with_dicts])
def connection(request: pytest.FixtureRequest, database: dict[str, Any]) -> Iterator[Any]:
    with closing(request.param(database)) as connection:
        yield connection


def execute(connection: Any, statement: str) -> None:
    with closing(connection.cursor()) as cursor:
        cursor.execute(statement)


class Bytes:
    """Items are their own bytes."""

    @staticmethod
    def dumps(value: bytes) -> bytes:
        return value

    @staticmethod
    def loads(data: bytes) -> bytes:
        return data


def test_the_item_comes_with_the_commit_and_wakes_who_waits(
    connection: Any, database: dict[str, Any]
) -> None:
    queue, other = PostgresQueue(**database), PostgresQueue(**database)
    execute(connection, "CREATE TABLE mine (number INT)")
    connection.commit()
    with ThreadPoolExecutor() as threads:
        got = threads.submit(other.get, timeout=60)
        execute(connection, "INSERT INTO mine VALUES (1)")
        assert queue.put_in(connection, {"number": 1}) > 0
        assert queue.empty()
        connection.commit()
        assert got.result() == {"number": 1}
    assert queue.empty()


def test_it_never_was_there_where_the_transaction_ends_otherwise(
    connection: Any, database: dict[str, Any]
) -> None:
    queue = PostgresQueue(**database)
    queue.put_in(connection, "never")
    connection.rollback()
    with pytest.raises(Empty):
        queue.get(block=False)
    queue.put_in(connection, "then")
    connection.commit()
    assert queue.get(block=False) == "then"


def test_priorities_delays_and_names_of_any_kind(connection: Any, database: dict[str, Any]) -> None:
    # What drivers take for parameters is in these names.
    urgent = PostgresPriorityQueue(**database, name="50 %s $1 '\"")
    for priority in (5, -1):
        urgent.put_in(connection, priority, priority)
    work = PostgresAckQueue(**database, name="$2 %(work)s", serializer=Bytes)
    work.put_in(connection, b"\x00\xff%s now")
    work.put_in(connection, b"later", delay=3600, ttl=7200)
    connection.commit()
    assert [urgent.get(block=False) for _ in range(2)] == [-1, 5]
    assert work.get(block=False) == b"\x00\xff%s now"
    with pytest.raises(Empty):
        work.get(block=False)
    assert work.delayed_count() == 1


def test_what_is_refused_leaves_the_transaction_as_it_was(
    connection: Any, database: dict[str, Any]
) -> None:
    queue = PostgresQueue(**database, maxsize=1)
    queue.put_in(connection, "the only one")
    with pytest.raises(Full):
        queue.put_in(connection, "one too many")
    later = PostgresQueue(**database, name="later", auto_commit=False)
    with pytest.raises(ValueError, match="auto_commit"):
        later.put_in(connection, "now")
    connection.commit()
    assert (queue.get(block=False), later.qsize()) == ("the only one", 0)


def test_another_database_is_refused(
    connection: Any, server: Server, database: dict[str, Any]
) -> None:
    with server.database() as elsewhere:
        queue = PostgresQueue(**elsewhere)
        with pytest.raises(ValueError, match=database["database"]):
            queue.put_in(connection, "lost")
        connection.rollback()
        assert queue.empty()


def test_what_the_driver_raises_is_raised(connection: Any, database: dict[str, Any]) -> None:
    queue = PostgresQueue(**database)
    connection.close()
    with pytest.raises(Exception) as raised:
        queue.put_in(connection, "lost")
    assert type(raised.value).__module__.split(".")[0] in {"psycopg", "psycopg2"}
    assert queue.empty()


def test_with_a_statement_that_fails_the_transaction_is_over(database: dict[str, Any]) -> None:
    queue = PostgresQueue(**database)
    with closing(by_psycopg(database)) as connection:
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("SELECT * FROM nothing")
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            queue.put_in(connection, "lost")
        connection.rollback()
        queue.put_in(connection, "stored")
        connection.commit()
    assert queue.get(block=False) == "stored"
