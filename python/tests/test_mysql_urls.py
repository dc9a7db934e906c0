"""Queues on a MySQL server by their URL: `persistqueue.open`, and `persistq` on what Python and the
original wrote."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import lines, oracle_python, persistq
from mysql_server import Server, shared_server

import persistqueue
from persistqueue import MySQLAckQueue, MySQLPriorityQueue, MySQLQueue
from persistqueue.exceptions import ConnectError

KINDS = {"fifo": MySQLQueue, "priority": MySQLPriorityQueue, "ack": MySQLAckQueue}
ITEMS = ["text", "", 7, 0.5, None, True, [1, [2]], {"a": {"b": [None]}}]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with shared_server() as running:
        yield running


@pytest.fixture
def database(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    with server.database() as arguments:
        monkeypatch.setenv("PERSISTQUEUE_MYSQL_PASSWORD", arguments["passwd"])
        yield arguments


def url(database: dict[str, Any], behind: str = "") -> str:
    place = f"{database['user']}@{database['host']}:{database['port']}/{database['db_name']}"
    return f"mysql://{place}{behind}"


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_class(database: dict[str, Any], kind: str) -> None:
    with persistqueue.open(url(database, f"#jobs?kind={kind}"), maxsize=7) as queue:
        assert type(queue) is KINDS[kind]
        queue.put("a")
        queue.put("b")
    # The only one there needs no name.
    with persistqueue.open(url(database), create=False) as queue:
        assert type(queue) is KINDS[kind]
        item = queue.get(block=False)
        assert item == "a"
        if kind == "ack":
            queue.ack(item)
    with KINDS[kind](**database, name="jobs") as queue:
        assert queue.qsize() == 1


def test_one_without_a_name_is_called_as_the_class_calls_it(database: dict[str, Any]) -> None:
    with persistqueue.open(url(database)) as queue:
        queue.put("a")
    assert MySQLQueue(**database).get(block=False) == "a"


def test_a_queue_that_is_not_there_is_made_if_it_may_be(
    server: Server, database: dict[str, Any]
) -> None:
    with pytest.raises(FileNotFoundError):
        persistqueue.open(url(database, "#jobs"), create=False)
    for kind in ["filo", "unique", "ack-priority"]:
        with pytest.raises(ValueError, match=kind):
            persistqueue.open(url(database, f"#jobs?kind={kind}"))
    assert server.execute("SHOW TABLES", database["db_name"]) == []


def test_the_password_is_in_the_environment_or_a_file_and_not_in_the_url(
    server: Server,
    database: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    user = database["db_name"][:20]
    server.execute(f"CREATE USER '{user}'@'%' IDENTIFIED BY 's3cret'")
    server.execute(f"GRANT ALL ON {database['db_name']}.* TO '{user}'@'%'")
    try:
        theirs = url({**database, "user": user}, "#jobs")
        monkeypatch.setenv("PERSISTQUEUE_MYSQL_PASSWORD", "s3cret")
        with persistqueue.open(theirs) as queue:
            queue.put("a")
        monkeypatch.delenv("PERSISTQUEUE_MYSQL_PASSWORD")
        with pytest.raises(ConnectError, match="refuses user"):
            persistqueue.open(theirs)
        (tmp_path / "password").write_text("s3cret\n")
        monkeypatch.setenv("PERSISTQUEUE_MYSQL_PASSWORD_FILE", str(tmp_path / "password"))
        with persistqueue.open(theirs, create=False) as queue:
            assert queue.get(block=False) == "a"
        with pytest.raises(ValueError, match="PERSISTQUEUE_MYSQL_PASSWORD") as refused:
            persistqueue.open(theirs.replace("@", ":s3cret@"))
        assert "s3cret" not in str(refused.value)
    finally:
        server.execute(f"DROP USER '{user}'@'%'")


def test_the_url_says_how_it_is_encrypted(database: dict[str, Any]) -> None:
    with persistqueue.open(url(database, "?tls=preferred#jobs")) as queue:
        queue.put("a")
    with pytest.raises(ConnectError):
        persistqueue.open(url(database, "?tls=required#jobs"))
    with pytest.raises(ValueError, match="tls"):
        persistqueue.open(url(database, "?tls=perhaps#jobs"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_goes_from_python_to_the_shell_and_back(
    database: dict[str, Any], kind: str, tmp_path: Path
) -> None:
    name = url(database, f"#jobs?kind={kind}")
    with KINDS[kind](**database, name="jobs") as queue:
        for item in ITEMS:
            queue.put(item)
    assert name in persistq("ls", url(database))
    assert persistq("len", name) == f"{len(ITEMS)}\n"
    assert lines(persistq("peek", name, "--all", "--json")) == ITEMS
    assert json.loads(persistq("stats", name, "--json"))["depth"] == len(ITEMS)
    persistq("doctor", name)
    assert lines(persistq("export", name)) == ITEMS
    copy = tmp_path / "copy"
    persistq("copy", name, copy)
    assert lines(persistq("get", copy, "--all", "--json")) == ITEMS
    output = persistq("get", name, "--all", "--json")
    assert lines(output) == ITEMS
    persistq("put", name, "--json", stdin=output)
    with KINDS[kind](**database, name="jobs") as queue:
        assert [queue.get(block=False) for _ in ITEMS] == ITEMS
    persistq("put", name, "gone")
    # What was not acknowledged waits again.
    left = 1 + len(ITEMS) if kind == "ack" else 1
    assert persistq("purge", name, "--yes") == f"{left}\n"


def test_a_table_of_the_original_is_used_with_it(
    server: Server, database: dict[str, Any], tmp_path: Path
) -> None:
    code = (
        "import sys, json, persistqueue.mysqlqueue\n"
        "q = persistqueue.mysqlqueue.MySQLQueue(**json.loads(sys.argv[1]))\n"
        "for item in json.loads(sys.argv[2]): q.put(item)\n"
        "for _ in range(int(sys.argv[3])): print(json.dumps(q.get(block=False)))\n"
    )

    def original(items: list, gets: int) -> list:
        arguments = [json.dumps(database), json.dumps(items), str(gets)]
        command = [oracle_python(), "-c", code, *arguments]
        return lines(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    def table() -> list:
        return server.execute("CHECKSUM TABLE queue_sql", database["db_name"])

    items = ["a", 1, {"n": [None]}]
    original(items, 0)
    name, before = url(database), table()
    assert persistq("len", name) == "3\n"
    assert "#sql?kind=fifo" in persistq("ls", name)
    assert lines(persistq("peek", name, "--all", "--json")) == items
    assert json.loads(persistq("stats", name, "--json"))["depth"] == 3
    persistq("doctor", name)
    persistq("copy", name, tmp_path / "copy")
    assert table() == before
    assert server.execute("SHOW TABLES", database["db_name"]) == [("queue_sql",)]
    assert lines(persistq("get", name, "--json")) == ["a"]
    with persistqueue.open(name, create=False) as queue:
        assert queue.get(block=False) == 1
    persistq("put", name, "from the shell")
    persistq("copy", tmp_path / "copy", name)
    assert original([], 5) == [{"n": [None]}, "from the shell", *items]
    original(["b"], 0)
    assert persistq("purge", name, "--yes") == "1\n"
