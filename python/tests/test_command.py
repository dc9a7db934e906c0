"""The command `persistq` of the wheel, on queues that Python and the original wrote."""

from __future__ import annotations

import datetime
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import lines, oracle_python, persistq

import persistqueue
from persistqueue import serializers

KINDS = {
    "fifo": persistqueue.SQLiteQueue,
    "filo": persistqueue.FILOSQLiteQueue,
    "unique": persistqueue.UniqueQ,
    "priority": persistqueue.PriorityQueue,
    "ack": persistqueue.SQLiteAckQueue,
    "ack-filo": persistqueue.FILOSQLiteAckQueue,
    "ack-unique": persistqueue.UniqueAckQ,
}
ITEMS = ["text", "", 7, -(2**70), 0.5, None, True, [1, [2]], {"a": {"b": [None]}}]


@pytest.mark.parametrize("name", ["pickle", "json", "msgpack", "cbor2"])
def test_a_folder_goes_from_python_to_the_shell_and_back(tmp_path: Path, name: str) -> None:
    items = [item for item in ITEMS if item != -(2**70)]
    serializer = getattr(serializers, name)
    with persistqueue.Queue(tmp_path / "q", serializer=serializer, autosave=True) as queue:
        for item in items:
            queue.put(item)
    output = persistq("get", tmp_path / "q", "--all", "--json")
    assert lines(output) == items
    persistq("put", tmp_path / "q", "--json", stdin=output)
    with persistqueue.Queue(tmp_path / "q", serializer=serializer, autosave=True) as queue:
        back = [queue.get_nowait() for _ in items]
    # MessagePack has one kind of list, and Python's class reads it as tuples.
    assert json.loads(json.dumps(back)) == items


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_goes_from_python_to_the_shell_and_back(tmp_path: Path, kind: str) -> None:
    url = f"sqlite:{tmp_path}#jobs?kind={kind}"
    with KINDS[kind](str(tmp_path), name="jobs") as queue:
        for item in ITEMS:
            queue.put(item)
    output = persistq("get", url, "--all", "--json")
    persistq("put", url, "--json", stdin=output)
    with KINDS[kind](str(tmp_path), name="jobs") as queue:
        got = [queue.get(block=False) for _ in ITEMS]
    # Out and in and out again: a stack is turned over twice.
    assert got == ITEMS


def test_a_text_of_the_shell_is_the_same_to_a_unique_queue(tmp_path: Path) -> None:
    with persistqueue.UniqueQ(str(tmp_path)) as queue:
        for item in ["text", {"b": [1, "x"], "a": None}, 300, 70000]:
            queue.put(item)
        url = f"sqlite:{tmp_path}?kind=unique"
        assert persistq("put", url, "text", "--count") == "0\n"
        items = ['{"a": null, "b": [1, "x"]}', "300", "70000"]
        assert persistq("put", url, "--json", "--count", *items) == "0\n"
        assert len(queue) == 4


def test_an_object_of_a_class_is_shown_and_stays(tmp_path: Path) -> None:
    day = datetime.date(2026, 11, 24)
    with persistqueue.Queue(tmp_path / "q", autosave=True) as queue:
        queue.put({"when": day})
    shown = persistq("peek", tmp_path / "q")
    assert "datetime.date" in shown
    persistq("get", tmp_path / "q", code=1)
    exported = persistq("export", tmp_path / "q")
    persistq("import", tmp_path / "other", stdin=exported)
    with persistqueue.Queue(tmp_path / "other", autosave=True) as queue:
        assert queue.get_nowait() == {"when": day}


def test_a_pickle_runs_nothing(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return Path.touch, (tmp_path / "sprung",)

    with persistqueue.Queue(tmp_path / "q", autosave=True) as queue:
        queue.put(Trap())
    persistq("peek", tmp_path / "q")
    persistq("get", tmp_path / "q", code=1)
    persistq("doctor", tmp_path / "q")
    persistq("export", tmp_path / "q")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["pickle", "json", "msgpack", "cbor2"])
def test_folders_of_the_original_are_read_and_written(tmp_path: Path, name: str) -> None:
    def original(code: str) -> str:
        head = (
            "import sys, json, persistqueue\n"
            f"import persistqueue.serializers.{name} as serializer\n"
            "q = persistqueue.Queue(sys.argv[1], serializer=serializer, autosave=True)\n"
        )
        command = [oracle_python(), "-c", head + code, tmp_path / "old"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    original("for n in range(250): q.put({'n': n})\nfor n in range(101): q.get()")
    left = [{"n": n} for n in range(101, 250)]
    before = sorted((path.name, path.read_bytes()) for path in (tmp_path / "old").iterdir())
    assert persistq("len", tmp_path / "old") == "149\n"
    assert lines(persistq("peek", tmp_path / "old", "--all", "--json")) == left
    persistq("doctor", tmp_path / "old")
    persistq("import", tmp_path / "new", tmp_path / "old")
    after = sorted((path.name, path.read_bytes()) for path in (tmp_path / "old").iterdir())
    assert before == after
    (tmp_path / "old").rename(tmp_path / "moved")
    persistq("export", tmp_path / "new", "--legacy", tmp_path / "old")
    got = original("q.put({'n': 250})\nwhile q.qsize(): print(json.dumps(q.get()))")
    assert lines(got) == [*left, {"n": 250}]
    assert lines(persistq("get", tmp_path / "moved", "--all", "--json")) == left


@pytest.mark.parametrize("kind", KINDS)
def test_tables_of_the_original_are_used_with_it(tmp_path: Path, kind: str) -> None:
    name = KINDS[kind].__name__
    code = (
        "import sys, json, persistqueue\n"
        f"q = persistqueue.{name}(sys.argv[1], multithreading=True)\n"
        "for item in json.loads(sys.argv[2]): q.put(item)\n"
        "for _ in range(int(sys.argv[3])): print(json.dumps(q.get()))\n"
    )

    def original(items: list, gets: int) -> list:
        command = [oracle_python(), "-c", code, tmp_path, json.dumps(items), str(gets)]
        return lines(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    original(["a", 1], 0)
    assert persistq("len", tmp_path) == "2\n"
    assert f"kind={kind}" in persistq("ls", tmp_path)
    got = lines(persistq("get", tmp_path, "--all", "--json"))
    assert sorted(map(str, got)) == ["1", "a"]
    persistq("put", tmp_path, "from the shell")
    assert original([], 1) == ["from the shell"]


def test_ctrl_c_ends_a_command_that_waits(tmp_path: Path) -> None:
    persistq("put", tmp_path / "q", "a")
    command = [sys.executable, "-m", "persistqueue", "get", tmp_path / "q", "--follow"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "a\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == -signal.SIGINT


def test_the_demonstration_runs_in_the_wheel(tmp_path: Path) -> None:
    assert "doubled" in persistq("demo", "--lines", 400, "--folder", tmp_path)
