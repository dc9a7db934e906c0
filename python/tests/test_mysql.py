"""What only queues on a MySQL server do, against a real MariaDB: section 4 of the contract.

The rest is in `test_servers.py`."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pymysql
import pytest
from helpers import ending, oracle_python
from servers import Server

import persistqueue
from persistqueue import AsyncMySQLQueue, MySQLQueue
from persistqueue.exceptions import ConnectError


@pytest.fixture
def server(server_of: Callable[[str], Server]) -> Server:
    return server_of("mysql")


@pytest.fixture
def database(server: Server) -> Iterator[dict[str, Any]]:
    """With the names of arguments that 1.x has."""
    with server.database() as arguments:
        password, name = arguments.pop("password"), arguments.pop("database")
        yield {**arguments, "passwd": password, "db_name": name}


def columns(server: Server, database: dict[str, Any], table: str) -> dict[str, str]:
    rows = server.execute(
        "SELECT column_name, data_type FROM information_schema.columns"
        f" WHERE table_schema = '{database['db_name']}' AND table_name = '{table}'"
    )
    return dict(rows)


# --- names and arguments -------------------------------------------------------------------------


def test_both_spellings_of_the_arguments_open_the_same_queue(database: dict[str, Any]) -> None:
    host, port, user = database["host"], database["port"], database["user"]
    passwd, db_name = database["passwd"], database["db_name"]
    by_place = MySQLQueue(host, user, passwd, db_name, "jobs", port)
    by_place.put("a")
    new = MySQLQueue(
        host=host, port=port, username=user, password=passwd, database=db_name,
        table_name="queue_jobs", max_connections=3,
    )  # fmt: skip
    assert new.get(block=False) == "a"
    assert (by_place.host, by_place.user, by_place.passwd) == (host, user, passwd)
    assert (by_place.db_name, by_place.port, by_place.charset) == (db_name, port, "utf8mb4")


def test_missing_and_contradicting_arguments_are_told(database: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="user or username"):
        MySQLQueue("127.0.0.1", passwd="x", db_name="x")
    with pytest.raises(TypeError, match="user and username"):
        MySQLQueue(**database, username="somebody else")


def test_a_pooled_connection_is_pymysqls(database: dict[str, Any]) -> None:
    queue = MySQLQueue(**database)
    queue.put("row")
    connection = queue.get_pooled_conn()
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM queue_sql")
        assert cursor.fetchone() == (1,)
    connection.close()
    assert isinstance(connection, pymysql.connections.Connection)


def test_a_user_without_rights_is_told_what_is_missing(
    server: Server, database: dict[str, Any]
) -> None:
    user = f"{database['db_name'][:18]}_r"
    server.execute(f"CREATE USER '{user}'@'%' IDENTIFIED BY 'right'")
    try:
        with pytest.raises(ConnectError, match="rights"):
            MySQLQueue(**{**database, "user": user, "passwd": "right"})
    finally:
        server.execute(f"DROP USER '{user}'@'%'")


# --- beside 1.1.0 --------------------------------------------------------------------------------

ORIGINAL = """
import sys
import persistqueue.mysqlqueue
q = persistqueue.mysqlqueue.MySQLQueue(**eval(sys.argv[1]))
print("ready", flush=True)
for line in sys.stdin:
    print(repr(eval(line)), flush=True)
"""


def start_original(database: dict[str, Any]) -> subprocess.Popen:
    process = subprocess.Popen(
        [oracle_python(), "-c", ORIGINAL, repr(database)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    return process


def ask(process: subprocess.Popen, expression: str) -> Any:
    process.stdin.write(expression + "\n")
    process.stdin.flush()
    return eval(process.stdout.readline())


def test_a_table_of_1x_is_shared_with_it_while_it_runs(
    server: Server, database: dict[str, Any]
) -> None:
    with ending(start_original(database)) as (original,):
        assert columns(server, database, "queue_sql")["data"] == "blob"
        ask(original, "[q.put(i) for i in range(5)]")
        queue = MySQLQueue(**database)
        assert queue.qsize() == 5
        assert [queue.get(block=False) for _ in range(2)] == [0, 1]
        queue.put({"from": "ours"})
        assert [ask(original, "q.get(block=False)") for _ in range(3)] == [2, 3, 4]
        assert ask(original, "q.get(block=False)") == {"from": "ours"}
        assert queue.empty()


def test_what_1x_cannot_hold_is_refused_with_the_remedy(
    server: Server, database: dict[str, Any]
) -> None:
    with ending(start_original(database)):
        queue = MySQLQueue(**database)
        with pytest.raises(ValueError, match=r"ALTER TABLE .*LONGBLOB") as refused:
            queue.put(b"x" * 70_000)
        remedy = str(refused.value)
        server.execute(
            remedy[remedy.index("ALTER TABLE") :].split(";")[0].rstrip("."), database["db_name"]
        )
        MySQLQueue(**database).put(b"x" * 70_000)
        assert MySQLQueue(**database).get(block=False) == b"x" * 70_000


def test_new_tables_hold_large_items_and_exact_times(
    server: Server, database: dict[str, Any]
) -> None:
    before = time.time()
    queue = MySQLQueue(**database)
    queue.put(b"x" * 3_000_000)
    found = columns(server, database, "queue_sql")
    assert (found["_id"], found["data"], found["timestamp"]) == ("bigint", "longblob", "double")
    row = queue.get(raw=True)
    assert len(row["data"]) == 3_000_000
    assert before - 1 <= row["timestamp"] <= time.time() + 1


def test_the_names_are_there() -> None:
    assert persistqueue.mysqlqueue.MySQLQueue is MySQLQueue
    assert persistqueue.async_sqlqueue.AsyncMySQLQueue is AsyncMySQLQueue
