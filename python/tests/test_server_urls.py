"""Queues on database servers by their URL: `persistqueue.open`, and `persistq` on what Python and
the original wrote."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import lines, oracle_python, persistq
from servers import Server

import persistqueue
from persistqueue.exceptions import ConnectError

KINDS = ["fifo", "priority", "ack"]
ITEMS = ["text", "", 7, 0.5, None, True, [1, [2]], {"a": {"b": [None]}}]


@pytest.fixture
def database(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    with server.database() as arguments:
        monkeypatch.setenv(f"{server.variable}_PASSWORD", arguments["password"])
        yield arguments


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_class(server: Server, database: dict[str, Any], kind: str) -> None:
    url = server.url(database)
    with persistqueue.open(f"{url}#jobs?kind={kind}", maxsize=7) as queue:
        assert type(queue) is server.kinds[kind]
        assert queue.maxsize == 7
        queue.put("a")
        queue.put("b")
    # The only one there needs no name.
    with persistqueue.open(url, create=False) as queue:
        assert type(queue) is server.kinds[kind]
        item = queue.get(block=False)
        assert item == "a"
        if kind == "ack":
            queue.ack(item)
    with server.kinds[kind](**database, name="jobs") as queue:
        assert queue.qsize() == 1


def test_one_without_a_name_is_called_as_the_class_calls_it(
    server: Server, database: dict[str, Any]
) -> None:
    with persistqueue.open(server.url(database)) as queue:
        queue.put("a")
    assert server.kinds["fifo"](**database).get(block=False) == "a"


def test_a_queue_that_is_not_there_is_made_if_it_may_be(
    server: Server, database: dict[str, Any]
) -> None:
    with pytest.raises(FileNotFoundError):
        persistqueue.open(server.url(database, "#jobs"), create=False)
    for kind in ["filo", "unique", "ack-priority"]:
        with pytest.raises(ValueError, match=kind):
            persistqueue.open(server.url(database, f"#jobs?kind={kind}"))
    assert server.tables(database) == set()


def test_the_password_is_in_the_environment_or_a_file_and_not_in_the_url(
    server: Server,
    database: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    variable = f"{server.variable}_PASSWORD"
    with server.a_user(database, "s3cret") as account:
        theirs = server.url(account, "#jobs")
        monkeypatch.setenv(variable, "s3cret")
        with persistqueue.open(theirs) as queue:
            queue.put("a")
        monkeypatch.delenv(variable)
        with pytest.raises(ConnectError, match=r"refuses user|wants a password"):
            persistqueue.open(theirs)
        (tmp_path / "password").write_text("s3cret\n")
        monkeypatch.setenv(f"{variable}_FILE", str(tmp_path / "password"))
        with persistqueue.open(theirs, create=False) as queue:
            assert queue.get(block=False) == "a"
        with pytest.raises(ValueError, match=variable) as refused:
            persistqueue.open(theirs.replace("@", ":s3cret@"))
        assert "s3cret" not in str(refused.value)


def test_the_url_says_how_it_is_encrypted(server: Server, database: dict[str, Any]) -> None:
    with persistqueue.open(server.url(database, "?tls=preferred#jobs")) as queue:
        queue.put("a")
    with pytest.raises(ConnectError):
        persistqueue.open(server.url(database, "?tls=required#jobs"))
    with pytest.raises(ValueError, match="tls"):
        persistqueue.open(server.url(database, "?tls=perhaps#jobs"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_goes_from_python_to_the_shell_and_back(
    server: Server, database: dict[str, Any], kind: str, tmp_path: Path
) -> None:
    name = server.url(database, f"#jobs?kind={kind}")
    with server.kinds[kind](**database, name="jobs") as queue:
        for item in ITEMS:
            queue.put(item)
    assert name in persistq("ls", server.url(database))
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
    with server.kinds[kind](**database, name="jobs") as queue:
        assert [queue.get(block=False) for _ in ITEMS] == ITEMS
    persistq("put", name, "gone")
    # What was not acknowledged waits again.
    left = 1 + len(ITEMS) if kind == "ack" else 1
    assert persistq("purge", name, "--yes") == f"{left}\n"


def test_a_table_of_the_original_is_used_with_it(
    server_of: Callable[[str], Server], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = server_of("mysql")
    with server.database() as database:
        monkeypatch.setenv("PERSISTQUEUE_MYSQL_PASSWORD", database["password"])
        use_with_the_original(server, database, tmp_path)


def use_with_the_original(server: Server, database: dict[str, Any], tmp_path: Path) -> None:
    code = (
        "import sys, json, persistqueue.mysqlqueue\n"
        "q = persistqueue.mysqlqueue.MySQLQueue(**json.loads(sys.argv[1]))\n"
        "for item in json.loads(sys.argv[2]): q.put(item)\n"
        "for _ in range(int(sys.argv[3])): print(json.dumps(q.get(block=False)))\n"
    )
    spelled = {
        "host": database["host"], "port": database["port"], "user": database["user"],
        "passwd": database["password"], "db_name": database["database"],
    }  # fmt: skip

    def original(items: list, gets: int) -> list:
        arguments = [json.dumps(spelled), json.dumps(items), str(gets)]
        command = [oracle_python(), "-c", code, *arguments]
        return lines(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    def table() -> list:
        return server.execute("CHECKSUM TABLE queue_sql", database["database"])

    items = ["a", 1, {"n": [None]}]
    original(items, 0)
    name, before = server.url(database), table()
    assert persistq("len", name) == "3\n"
    assert "#sql?kind=fifo" in persistq("ls", name)
    assert lines(persistq("peek", name, "--all", "--json")) == items
    assert json.loads(persistq("stats", name, "--json"))["depth"] == 3
    persistq("doctor", name)
    persistq("copy", name, tmp_path / "copy")
    assert table() == before
    assert server.tables(database) == {"queue_sql"}
    assert lines(persistq("get", name, "--json")) == ["a"]
    with persistqueue.open(name, create=False) as queue:
        assert queue.get(block=False) == 1
    persistq("put", name, "from the shell")
    persistq("copy", tmp_path / "copy", name)
    assert original([], 5) == [{"n": [None]}, "from the shell", *items]
    original(["b"], 0)
    assert persistq("purge", name, "--yes") == "1\n"
