"""A dictionary goes along into other processes, and shares its file with persist-queue 1.1.0."""

from __future__ import annotations

import json
import multiprocessing
import pickle
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import HERE, ending, oracle_python, run_python

from persistqueue import PDict

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "folder")


class Peer:
    """persist-queue 1.1.0 on the same dictionary, in a process of its own."""

    def __init__(self, path: str) -> None:
        command = [oracle_python(), str(HERE / "pdict_peer.py"), path, "d"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)

    def ask(self, operation: str, key: Any = None, value: Any = None) -> None:
        self.process.stdin.write(json.dumps([operation, repr(key), repr(value)]) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        line = self.process.stdout.readline()
        assert line, "persist-queue 1.1.0 died"
        return eval(line)

    def __call__(self, operation: str, key: Any = None, value: Any = None) -> Any:
        self.ask(operation, key, value)
        return self.answer()


@pytest.fixture
def peer(path: str) -> Iterator[Peer]:
    peer = Peer(path)
    with ending(peer.process):
        yield peer


def set_in_child(pdict: PDict, key: str) -> None:
    pdict[key] = pdict["from the parent"] + 1


def test_pdict_can_be_sent_to_a_spawned_process(path: str) -> None:
    pdict = PDict(path, "d")
    pdict["from the parent"] = 1
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=set_in_child, args=(pdict, "from the child"))
    process.start()
    process.join(30)
    assert process.exitcode == 0
    assert pdict == {"from the parent": 1, "from the child": 2}


def test_pdict_sent_keeps_its_arguments(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pdict = PDict("folder", "d", True, durability="process", timeout=3)
    pdict.note = "kept"  # type: ignore[attr-defined]
    pdict["a"] = 1
    sent = [pickle.dumps(pdict, protocol) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)]
    monkeypatch.chdir("/")
    for other in map(pickle.loads, sent):
        given = (other.name, other.multithreading, other.durability, other.timeout, other.note)
        assert given == ("d", True, "process", 3, "kept")
        assert other == {"a": 1}
    with pytest.raises(TypeError, match="memory"):
        pickle.dumps(PDict(":memory:", "d"))


def test_pdict_after_fork_parent_and_child_both_use_it(path: str) -> None:
    code = """
import os, sys
from persistqueue import PDict
pdict = PDict(sys.argv[1], "d", durability="process")
pdict["before"] = 0
child = os.fork()
for number in range(100):
    pdict[("parent" if child else "child", number)] = number
    assert pdict["before"] == 0
if not child:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert len(pdict) == 201
"""
    run_python(code, path)


def test_pdict_eight_processes_open_a_fresh_path_at_once(path: str) -> None:
    code = """
import os, sys
from persistqueue import PDict
children = []
read, write = os.pipe()
for number in range(8):
    child = os.fork()
    if not child:
        os.close(write)
        os.read(read, 1)
        PDict(sys.argv[1], "d")[number] = number
        os._exit(0)
    children.append(child)
os.close(write)
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 8
assert sorted(PDict(sys.argv[1], "d")) == list(range(8))
"""
    run_python(code, path)


def test_pdict_finds_the_keys_that_persist_queue_set(path: str, peer: Peer) -> None:
    keys = ["a", "", "é", "7", b"bytes", 1, -2, 0.5, 3.0, 1e300, True, None]
    for key in keys:
        peer("set", key, ["value of", key])
    # 1 and True are one row there, and None is never found again.
    theirs = {key: peer("get", key) for key in keys}
    assert (theirs[1], theirs[None]) == (["value of", True], "missing")
    pdict = PDict(path, "d")
    for key in keys:
        assert pdict.get(key, "missing") == theirs[key], key
        assert (key in pdict) == peer("in", key)
    assert len(pdict) == peer("len")
    # What was bound as a number is a text there, and cannot be told from one.
    numbers = ["1", "-2", "0.5", "3.0", "1.0e+300"]
    assert list(pdict) == ["a", "", "é", "7", b"bytes", *numbers]
    assert pdict["1"] == pdict[1] == ["value of", True]


def test_pdict_changes_the_row_of_a_number_that_persist_queue_set(path: str, peer: Peer) -> None:
    for key in (1, 2, 2.5):
        peer("set", key, "theirs")
    pdict = PDict(path, "d")
    pdict[1] = "ours"
    pdict[2.5] = "ours"
    assert peer("get", 1) == peer("get", 2.5) == "ours"
    assert pdict.pop(1) == "ours"
    del pdict[2]
    assert [peer("in", key) for key in (1, 2, 2.5)] == [False, False, True]
    assert len(pdict) == 1


def test_pdict_persist_queue_finds_the_texts_and_bytes_that_we_set(path: str, peer: Peer) -> None:
    pdict = PDict(path, "d")
    keys = ["a", "", "é", "1", "0.5", "x y\n", b"", b"bytes"]
    for key in keys:
        pdict[key] = {"value of": key}
    pdict[1] = "number"
    for key in keys:
        assert peer("get", key) == {"value of": key}
        assert peer("in", key)
    assert peer("len") == len(pdict) == len(keys) + 1
    peer("set", "a", "theirs")
    peer("del", "1")
    assert pdict["a"] == "theirs"
    assert "1" not in pdict
    assert pdict[1] == "number"


def test_pdict_shares_a_file_with_a_running_persist_queue(path: str, peer: Peer) -> None:
    pdict = PDict(path, "d")
    peer.ask("count", "theirs", 200)
    for _ in range(200):
        pdict["ours"] = pdict.get("ours", 0) + 1
        assert pdict["ours"] >= pdict.get("missing", 0)
    assert peer.answer() == 200
    assert pdict == {"ours": 200, "theirs": 200} or pdict == {"theirs": 200, "ours": 200}
    assert peer("get", "ours") == 200


def test_pdict_a_column_is_added_under_a_running_persist_queue(path: str, peer: Peer) -> None:
    peer("set", "a", 1)
    assert peer("get", "a") == 1
    pdict = PDict(path, "d")
    pdict["b"] = 2
    assert peer("get", "b") == 2
    peer("set", "b", 3)
    peer("set", "c", 4)
    assert pdict == {"a": 1, "b": 3, "c": 4}
