"""Acknowledged queues between processes: each item once, killed workers, leases, waking."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from helpers import Blocked, ending, run_python, start_python, wait_until

from persistqueue import (
    Empty,
    FILOSQLiteAckQueue,
    SQLiteAckQueue,
    UniqueAckQ,
)
from persistqueue.exceptions import ClosedError

KINDS = [SQLiteAckQueue, FILOSQLiteAckQueue, UniqueAckQ]

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


DRAIN = """
import json, persistqueue, sys, threading
queue = getattr(persistqueue, sys.argv[1])(sys.argv[2], durability="process")
got, refused = [], []
def drain():
    for item in queue:
        got.append(item)
        if queue.ack(item) is None:
            refused.append(item)
threads = [threading.Thread(target=drain) for _ in range(4)]
sys.stdin.readline()
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps([got, refused]))
"""


def test_four_processes_of_four_threads_drain_each_item_once(kind: Any, tmp_path: Path) -> None:
    queue = kind(str(tmp_path))
    queue.put_many(range(2000))
    workers = [start_python(DRAIN, kind.__name__, tmp_path) for _ in range(4)]
    got: list = []
    with ending(*workers):
        for worker in workers:
            worker.stdin.write("go\n")
            worker.stdin.flush()
        for worker in workers:
            taken, refused = json.loads(worker.communicate(timeout=60)[0])
            assert refused == []
            got += taken
    assert Counter(got) == Counter(range(2000))
    assert (queue.size, queue.unack_count(), queue.acked_count()) == (0, 0, 2000)


def acknowledge(tasks: Any, results: Any) -> None:
    """For a process of multiprocessing, which is handed the queues themselves."""
    item = tasks.get(timeout=20)
    results.put([item, tasks.ack(item)])


def test_queues_can_be_sent_to_a_spawned_process(kind: Any, tmp_path: Path) -> None:
    tasks = kind(str(tmp_path), name="tasks", max_attempts=7)
    results = kind(str(tmp_path), name="results")
    held = tasks.get(id=tasks.put("held here"))
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=acknowledge, args=(tasks, results))
    process.start()
    tasks.put("job")
    assert results.get(timeout=30) == ["job", 2]
    process.join(30)
    assert process.exitcode == 0
    assert tasks.ack(held) == 1


def test_a_forked_child_takes_for_itself_and_not_what_its_parent_holds(
    kind: Any, tmp_path: Path
) -> None:
    code = """
import os, sys
import persistqueue
queue = getattr(persistqueue, sys.argv[1])(sys.argv[2], durability="process")
queue.put_many([("parents",), ("childs",)])
held = queue.get(id=1)
child = os.fork()
if not child:
    assert queue.ack(held) is None, "it is the parent's"
    item = queue.get(timeout=10)
    assert item == ("childs",), item
    assert queue.ack(item) == 2
    queue.resume_unack_tasks()
    assert queue.unack_count() == 1
    queue.close()
    assert getattr(persistqueue, sys.argv[1])(sys.argv[2]).unack_count() == 1
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert queue.ack(held) == 1
assert (queue.size, queue.acked_count()) == (0, 2)
"""
    run_python(code, kind.__name__, tmp_path)


HOLD = """
import os, persistqueue, sys, time
queue = getattr(persistqueue, sys.argv[1])(sys.argv[2], **eval(sys.argv[3]))
items = [queue.get(timeout=20) for _ in range(2)]
if "fork" in sys.argv:
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, b"!")  # it lives, and has given up what is its parent's
        time.sleep(60)
        os._exit(0)
    os.read(read, 1)
    print(child, flush=True)
print("holds", flush=True)
for line in sys.stdin:
    print(eval(line), flush=True)
"""


def start_holder(kind: Any, path: Path, *more: str, **options: Any) -> Any:
    return start_python(HOLD, kind.__name__, path, options, *more)


def say(process: Any, expression: str) -> str:
    process.stdin.write(expression + "\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def kill(process: Any) -> None:
    process.send_signal(signal.SIGKILL)
    assert process.wait(10) == -signal.SIGKILL


def test_a_killed_workers_items_come_back_at_the_next_opening_and_a_live_ones_do_not(
    kind: Any, tmp_path: Path
) -> None:
    with kind(str(tmp_path)) as queue:
        queue.put_many(range(6))
    killed, living = start_holder(kind, tmp_path), start_holder(kind, tmp_path)
    with ending(killed, living):
        for worker in (killed, living):
            assert worker.stdout.readline() == "holds\n"
        kill(killed)
        queue = kind(str(tmp_path))
        assert (queue.size, queue.unack_count(), queue.ready_count()) == (4, 2, 2)
        alive = json.loads(say(living, "items"))
        got = [queue.get(block=False) for _ in range(4)]
        assert Counter(got + alive) == Counter(range(6))
        assert say(living, "[queue.ack(item) is not None for item in items]") == "[True, True]"
        assert queue.acked_count() == 2
        assert len(list(tmp_path.glob("*-holder-*"))) == 2, "no file of the dead one's is left"


def test_a_killed_workers_items_come_back_beside_its_living_child(
    kind: Any, tmp_path: Path
) -> None:
    with kind(str(tmp_path)) as queue:
        queue.put_many(range(2))
    with ending(start_holder(kind, tmp_path, "fork")) as (worker,):
        child = int(worker.stdout.readline())
        try:
            assert worker.stdout.readline() == "holds\n"
            kill(worker)
            assert sorted(kind(str(tmp_path))) == [0, 1]
        finally:
            os.kill(child, signal.SIGKILL)


def test_with_a_lease_a_killed_workers_items_come_to_who_waits(kind: Any, tmp_path: Path) -> None:
    queue = kind(str(tmp_path))
    queue.put_many(range(2))
    with ending(start_holder(kind, tmp_path, lease=1.0)) as (worker,):
        assert worker.stdout.readline() == "holds\n"
        taken = time.monotonic()
        kill(worker)
        blocked = Blocked(lambda: [queue.get(timeout=20) for _ in range(2)])
        assert blocked.waits
        assert sorted(blocked.result(10)) == [0, 1]
        assert time.monotonic() - taken < 1.5


def test_without_a_lease_they_come_to_a_waiting_worker_that_resumes(
    kind: Any, tmp_path: Path
) -> None:
    queue = kind(str(tmp_path))
    queue.put_many(range(2))
    with ending(start_holder(kind, tmp_path)) as (worker,):
        assert worker.stdout.readline() == "holds\n"
        queue.resume_unack_tasks()
        with pytest.raises(Empty):
            queue.get(block=False)
        kill(worker)
        blocked = Blocked(lambda: queue.get(timeout=20))
        assert blocked.waits
        queue.resume_unack_tasks()
        assert blocked.result(1) in (0, 1)


ELSEWHERE = """
import persistqueue, sys, time
queue = getattr(persistqueue, sys.argv[1])(sys.argv[2])
held = queue.get(timeout=20)
print("ready", flush=True)
for line in sys.stdin:
    print(eval(line), flush=True)
"""

WAKES = {
    "put": "queue.put('woken')",
    "nack": "queue.nack(held)",
    "delay": "queue.put('woken', delay=0.15)",
    "nack with delay": "queue.nack(held, delay=0.15)",
}


def time_to_wake(kind: Any, folder: Path, how: str) -> float:
    queue = kind(str(folder))
    queue.put("woken" if "nack" in how else "first")
    with ending(start_python(ELSEWHERE, kind.__name__, folder)) as (process,):
        assert process.stdout.readline() == "ready\n"
        woken: list[float] = []
        blocked = Blocked(lambda: (queue.get(timeout=20), woken.append(time.monotonic()))[0])
        assert blocked.waits
        say(process, WAKES[how])
        asked = time.monotonic()
        assert blocked.result(5) == "woken"
        return woken[0] - asked


@pytest.mark.parametrize("how", WAKES)
def test_a_blocked_get_is_woken_by_another_process(kind: Any, tmp_path: Path, how: str) -> None:
    # Before it looks by itself, twice a second. Another try, since a busy machine may be late once.
    limit = (0.15 if "delay" in how else 0) + 0.2
    assert any(time_to_wake(kind, tmp_path / attempt, how) < limit for attempt in ("1", "2"))


def test_close_wakes_every_blocked_get(kind: Any, tmp_path: Path) -> None:
    queue = kind(str(tmp_path))
    waiters = [Blocked(queue.get) for _ in range(3)]
    queue.put("delayed", delay=600)
    queue.close()
    for waiter in waiters:
        with pytest.raises(ClosedError):
            waiter.result(1)


def test_kills_lose_nothing_and_what_was_acked_stays_acked(kind: Any, tmp_path: Path) -> None:
    """Workers that are killed again and again: each item is acked in the end, and once."""
    code = """
import os, persistqueue, sys
queue = getattr(persistqueue, sys.argv[1])(sys.argv[2], durability="process")
while True:
    item = queue.get(timeout=60)
    if queue.ack(item) is not None:
        os.write(1, f"{item}\\n".encode())
"""
    with kind(str(tmp_path)) as queue:
        queue.put_many(range(6000))
    log = tmp_path / "log"
    log.touch()
    for number in range(4):
        if len(log.read_text().split()) >= 6000 - 8:
            break  # a fast machine is through before the last kill
        with log.open("ab") as out:
            size = log.stat().st_size
            workers = [start_python(code, kind.__name__, tmp_path, stdout=out) for _ in range(2)]
            with ending(*workers):
                wait_until(lambda size=size: log.stat().st_size > size, what="a first item")
                time.sleep(0.02 * (number + 1))
                for worker in workers:
                    kill(worker)
    acked = [int(line) for line in log.read_text().split()]
    assert max(Counter(acked).values()) == 1
    queue = kind(str(tmp_path))
    left = [(item, queue.ack(item) is not None) for item in queue]
    assert all(done for _, done in left)
    assert queue.acked_count() == 6000
    told = set(acked) | {item for item, _ in left}
    assert len(set(range(6000)) - told) <= 8, "acked, and killed before that was said"
    assert not set(acked) & {item for item, _ in left}
