"""Cases 1 to 8 and 13 of what persist-queue 1.1.0 gets wrong: items lost, doubled or changed.

Case 8, the power cut, needs a disk that can be replayed: the Rust tests have it.
"""

from __future__ import annotations

import errno
import io
import pickle
from pathlib import Path

import pytest
from helpers import (
    drain,
    ending,
    in_thread,
    put_all,
    run_python,
    start_worker,
)
from small_disks import mounted
from workers import said

from persistqueue import Queue

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "q")


class OnlyText:
    name = "only-text"

    def dump(self, value: object, fp: io.BytesIO) -> None:
        assert isinstance(value, str)
        fp.write(value.encode())

    def load(self, fp: io.BytesIO) -> str:
        return fp.read().decode()


def test_failing_01_an_item_that_cannot_be_serialized_does_not_harm_the_next(path: str) -> None:
    queue = Queue(path)
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        queue.put([b"G" * 200_000, lambda: 0])
    shared = ["x"]
    queue.put([shared, shared])
    del queue
    assert drain(Queue(path)) == [[["x"], ["x"]]]


def test_failing_02_a_put_that_found_the_disk_full_stored_nothing(tmp_path: Path) -> None:
    with mounted(tmp_path / "small", "size=64k") as disk:
        queue = Queue(str(disk / "q"))
        accepted = []
        for number in range(7):
            item = [number, "x" * (100_000 if number == 1 else 500)]
            try:
                queue.put(item)
                accepted.append(item)
            except OSError as error:
                assert error.errno == errno.ENOSPC
        assert [number for number, _ in accepted] == [0, 2, 3, 4, 5, 6]
        del queue
        assert drain(Queue(str(disk / "q"))) == accepted


def test_failing_03_a_put_does_not_finish_what_was_taken(path: str) -> None:
    queue = Queue(path)
    put_all(queue, "ab")
    assert queue.get() == "a"
    queue.put("c")
    del queue
    assert drain(Queue(path)) == ["a", "b", "c"]


def test_failing_04_one_workers_task_done_leaves_the_other_workers_item(path: str) -> None:
    queue = Queue(path)
    put_all(queue, "ab")
    assert in_thread(queue.get) == "a"
    assert queue.get() == "b"
    queue.task_done()
    assert "a" in drain(Queue(path))


def test_failing_05_two_objects_on_one_path_keep_each_others_puts(path: str) -> None:
    first, second = Queue(path), Queue(path)
    for number in range(3):
        first.put(("first", number))
        second.put(("second", number))
    del first, second
    assert len(drain(Queue(path))) == 6


def test_failing_05_opening_truncates_nothing_under_the_older_object(path: str) -> None:
    first = Queue(path)
    put_all(first, range(3))
    second = Queue(path)
    put_all(first, range(3, 6))
    assert drain(second) == list(range(6))


def test_failing_06_two_producer_processes_lose_nothing(tmp_path: Path, path: str) -> None:
    logs = [(tmp_path / name).open("wb") for name in "ab"]
    workers = [start_worker("produce", path, log.name[-1], 3000, stdout=log) for log in logs]
    with ending(*workers):
        assert [worker.wait(60) for worker in workers] == [0, 0]
    items = drain(Queue(path, autosave=True))
    for name in "ab":
        assert [number for who, number in items if who == name] == list(range(3000))
    assert len(items) == 6000


def test_failing_06_two_consumer_processes_share_nothing(tmp_path: Path, path: str) -> None:
    put_all(Queue(path, autosave=True), range(2000))
    (tmp_path / "stop").touch()
    logs = [(tmp_path / name).open("wb") for name in "ab"]
    workers = [
        start_worker("consume", path, tmp_path / "stop", "autosave", stdout=log) for log in logs
    ]
    with ending(*workers):
        assert [worker.wait(60) for worker in workers] == [0, 0]
    assert sorted(said(logs[0].name) + said(logs[1].name)) == list(range(2000))


def test_failing_07_after_fork_parent_and_child_both_put(path: str) -> None:
    code = """
import os, sys
from persistqueue import Queue
queue = Queue(sys.argv[1], chunksize=10)
queue.put(["before", 0])
child = os.fork()
for number in range(125):
    queue.put(["parent" if child else "child", number])
if not child:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    run_python(code, path)
    items = drain(Queue(path, chunksize=10))
    for name, count in (("before", 1), ("parent", 125), ("child", 125)):
        assert [number for who, number in items if who == name] == list(range(count))


def test_failing_08_a_level_that_survives_a_power_cut_can_be_asked_for(path: str) -> None:
    Queue(path, durability="disk").put("synced")
    assert drain(Queue(path)) == ["synced"]


@pytest.mark.parametrize("call", ["get(timeout=0.3)", "put(1, timeout=0.3)"])
def test_failing_13_a_clock_set_back_does_not_lengthen_a_timeout(path: str, call: str) -> None:
    code = f"""
import sys, time
real, start = time.time, None
time.time = lambda: real() - (5 if start and real() > start + 0.1 else 0)
from persistqueue import Empty, Full, Queue
queue = Queue(sys.argv[1], maxsize=1)
if {call!r}.startswith("put"):
    queue.put(0)
start, before = real(), time.monotonic()
try:
    queue.{call}
except (Empty, Full):
    waited = time.monotonic() - before
assert 0.25 < waited < 2, waited
"""
    run_python(code, path)
