"""Queues in databases go along into other processes, and outlive killed ones."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from helpers import ending, run_python, start_python, wait_until
from workers import said

from persistqueue import FILOSQLiteQueue, PriorityQueue, SQLiteQueue, UniqueQ

CLASSES = [SQLiteQueue, FILOSQLiteQueue, UniqueQ, PriorityQueue]
ROUNDS = int(os.environ.get("PERSISTQUEUE_KILL_ROUNDS", "15"))

pytestmark = pytest.mark.timeout(120 + 10 * ROUNDS)


@pytest.fixture(params=CLASSES, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


def echo(tasks: Any, results: Any) -> None:
    """For a process of multiprocessing, which is handed the queues themselves."""
    results.put(["done", tasks.get(timeout=20)])


def test_queues_can_be_sent_to_a_spawned_process(kind: Any, tmp_path: Path) -> None:
    tasks, results = kind(str(tmp_path), "tasks"), kind(str(tmp_path), "results")
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=echo, args=(tasks, results))
    process.start()
    tasks.put({"job": 1})
    assert results.get(timeout=30) == ["done", {"job": 1}]
    process.join(30)
    assert process.exitcode == 0


def test_a_sent_queue_keeps_its_arguments(
    kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    queue = kind("q", "n", True, 3.0, db_file_name="f.db", maxsize=7, durability="process")
    data = pickle.dumps(queue)
    monkeypatch.chdir("/")
    copy = pickle.loads(data)
    assert copy.path == str(tmp_path / "q")
    assert (copy.name, copy.multithreading, copy.timeout) == ("n", True, 3.0)
    assert (copy.db_file_name, copy.maxsize) == ("f.db", 7)
    queue.put("a")
    assert copy.get() == "a"


def test_a_queue_in_memory_cannot_be_sent(kind: Any) -> None:
    with pytest.raises(ValueError, match="memory"):
        pickle.dumps(kind(":memory:"))


def test_after_fork_parent_and_child_both_use_the_queue(kind: Any, tmp_path: Path) -> None:
    code = """
import os, sys
import persistqueue
queue = getattr(persistqueue, sys.argv[1])(sys.argv[2], durability="process")
queue.put_many(range(100))
first = queue.get()
read, write = os.pipe()
child = os.fork()
if not child:
    queue.put_many(range(100, 150))
    os.write(write, repr([queue.get(timeout=10) for _ in range(40)]).encode())
    os._exit(0)
ours = [queue.get(timeout=10) for _ in range(40)]
assert os.waitpid(child, 0)[1] == 0
theirs = eval(os.read(read, 100_000))
assert sorted([first] + ours + theirs + list(queue)) == list(range(150))
assert queue.size == 0
"""
    run_python(code, kind.__name__, tmp_path)


def test_a_forked_child_wakes_its_parents_blocked_get(kind: Any, tmp_path: Path) -> None:
    code = """
import os, sys, time
import persistqueue
queue = getattr(persistqueue, sys.argv[1])(sys.argv[2])
child = os.fork()
if not child:
    time.sleep(0.1)
    queue.put("from the child")
    os._exit(0)
assert queue.get(timeout=10) == "from the child"
assert os.waitpid(child, 0)[1] == 0
"""
    run_python(code, kind.__name__, tmp_path)


def test_eight_processes_may_open_a_fresh_path_at_once(kind: Any, tmp_path: Path) -> None:
    code = """
import persistqueue, sys
sys.stdin.readline()
persistqueue.__dict__[sys.argv[1]](sys.argv[2]).put(int(sys.argv[3]))
"""
    path = tmp_path / "fresh"
    workers = [start_python(code, kind.__name__, path, number) for number in range(8)]
    with ending(*workers):
        for worker in workers:
            worker.stdin.write("go\n")
            worker.stdin.flush()
        assert [worker.wait(60) for worker in workers] == [0] * 8
    assert sorted(kind(str(path))) == list(range(8))


PRODUCE = """
import json, os, persistqueue, sys
queue = getattr(persistqueue, sys.argv[1])(sys.argv[2], durability="process")
for number in range(100_000):
    queue.put([sys.argv[3], number])
    os.write(1, f"{number}\\n".encode())
"""

CONSUME = """
import json, os, persistqueue, sys
queue = getattr(persistqueue, sys.argv[1])(sys.argv[2], durability="process")
while True:
    os.write(1, (json.dumps(queue.get(timeout=60)) + "\\n").encode())
"""


def test_kills_deliver_nothing_twice_and_lose_only_what_was_in_hand(
    kind: Any, tmp_path: Path
) -> None:
    promised: set = set()
    taken: list = []
    rounds = max(ROUNDS // 3, 2)
    for number in range(rounds):
        jobs = [(PRODUCE, f"{number}a"), (PRODUCE, f"{number}b"), (CONSUME, ""), (CONSUME, "")]
        logs = [tmp_path / f"log{number}-{index}" for index in range(4)]
        workers = []
        for (code, name), log in zip(jobs, logs, strict=True):
            with log.open("wb") as out:
                workers.append(start_python(code, kind.__name__, tmp_path, name, stdout=out))
        with ending(*workers):
            for log in logs:
                wait_until(lambda log=log: log.stat().st_size > 0, what="a first item")
            time.sleep(random.random() * 0.3)
            for worker in workers:
                worker.send_signal(signal.SIGKILL)
                assert worker.wait(10) == -signal.SIGKILL
        for index in range(2):
            promised |= {(jobs[index][1], put) for put in said(logs[index])}
            taken += [tuple(item) for item in said(logs[index + 2])]
    with kind(str(tmp_path)) as queue:
        got = Counter(taken + [tuple(item) for item in queue])
    assert max(got.values()) == 1
    assert len(promised - set(got)) <= 2 * rounds  # taken, and killed before it was said
    assert len(set(got) - promised) <= 2 * rounds  # put, and killed before it was said


WAITS = {
    "get": "queue.get()",
    "get with timeout": "queue.get(timeout=60)",
    "get by id": "queue.get(id=99)",
    "put": "queue.put('a'); queue.put('b')",
    "join": "queue.put('a'); queue.join()",
}


@pytest.mark.parametrize("wait", WAITS)
def test_ctrl_c_interrupts_a_blocked_call_within_a_second(
    kind: Any, tmp_path: Path, wait: str
) -> None:
    code = f"""
import persistqueue, sys
queue = getattr(persistqueue, sys.argv[1])(sys.argv[2], maxsize=1)
print("ready", flush=True)
try:
    {WAITS[wait]}
except KeyboardInterrupt:
    queue.put_nowait("still works") if queue.empty() else queue.get_nowait()
    print("interrupted", flush=True)
"""
    with ending(start_python(code, kind.__name__, tmp_path)) as (process,):
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.3)  # it goes on from there to the blocked call
        assert process.poll() is None
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "interrupted\n"
        assert time.monotonic() - sent < 1
        assert process.wait(10) == 0
