"""`auto_commit=False` beside other processes: ours, persist-queue 1.1.0, forked and killed ones."""

from __future__ import annotations

import pickle
import signal
from pathlib import Path
from typing import Any

import pytest
from helpers import ending, require, run_python, start_python
from test_green import LIBRARIES, PATCH, PRELUDE, play
from test_sqlite_auto_commit import TABLES, ordered, stored
from test_sqlite_beside_the_original import UNIQUE, Original
from test_sqlite_beside_the_original import start as start_original
from test_sqlite_green import imports

from persistqueue import FILOSQLiteQueue, SQLiteQueue, UniqueQ

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(params=TABLES, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_another_process_is_not_locked_out_and_numbers_never_collide(
    kind: Any, tmp_path: Path
) -> None:
    queue = kind(str(tmp_path), auto_commit=False)
    ours = [queue.put(("ours", number)) for number in range(3)]
    code = """
import persistqueue, sys
queue = getattr(persistqueue, sys.argv[1])(
    sys.argv[2], timeout=0, auto_commit=sys.argv[3] == "True"
)
print([queue.put(("theirs", sys.argv[3], number)) for number in range(3)])
"""
    theirs = [
        number
        for auto_commit in (True, False)
        for number in eval(run_python(code, kind.__name__, tmp_path, auto_commit).stdout)
    ]
    ours += [queue.put(("ours", number)) for number in range(3, 6)]
    assert len({*ours, *theirs}) == 12
    queue.close()
    assert stored(kind, tmp_path) == sorted(ours + theirs)


def test_two_batching_objects_take_in_turn_and_share_nothing(kind: Any, tmp_path: Path) -> None:
    one, two = (kind(str(tmp_path), auto_commit=False) for _ in range(2))
    one.put_many(range(10))
    one.task_done()
    got = []
    for _ in range(5):
        got += [one.get(), two.get()]
    assert sorted(got) == list(range(10))
    one.task_done()
    assert len(stored(kind, tmp_path)) == 5
    two.close()
    assert sorted(one) == sorted(got[1::2])


def test_the_original_puts_and_takes_in_turn_with_a_batch(kind: Any, tmp_path: Path) -> None:
    queue = kind(str(tmp_path), auto_commit=False)
    with ending(start_original(kind, tmp_path)) as (process,):
        original = Original(process)
        ours = queue.put("ours")
        theirs = original("q.put('theirs')")
        more = queue.put("more of ours")
        assert len({ours, theirs, more}) == 3
        # It is not locked out by what is batched here, and does not see it.
        assert [row["data"] for row in original("q.queue()")] == ["theirs"]
        assert original("q.get(timeout=5)") == "theirs"
        queue.task_done()
        assert original("q.size") >= 0
        expected = ordered(kind, ["ours", "more of ours"])
        assert original("q.get(timeout=5)") == expected[0]
        assert queue.get() == expected[1]
        queue.task_done()
        assert stored(kind, tmp_path) == []
        assert original("q.put('last')") > max(ours, theirs, more)
        assert queue.get(timeout=5) == "last"


def test_the_original_reads_what_a_closed_batch_left(kind: Any, tmp_path: Path) -> None:
    with kind(str(tmp_path), auto_commit=False) as queue:
        queue.put_many([1, 2, 3, 4])
        taken = queue.get()
        queue.task_done()
        queue.get()
    left = [item for item in ordered(kind, [1, 2, 3, 4]) if item != taken]
    with ending(start_original(kind, tmp_path)) as (process,):
        original = Original(process)
        assert original("q.size") == 3
        assert original("[q.get(block=False) for _ in range(3)]") == left


@pytest.mark.parametrize("item", UNIQUE, ids=repr)
def test_a_value_that_the_original_put_is_a_duplicate_in_a_batch(tmp_path: Path, item: Any) -> None:
    queue = UniqueQ(str(tmp_path), auto_commit=False)
    with ending(start_original(UniqueQ, tmp_path)) as (process,):
        original = Original(process)
        assert original(f"q.put({item!r})") == 1
        # As it has been read: made as the original would make it again.
        assert queue.put(queue.peek()) is None


@pytest.mark.parametrize("item", UNIQUE, ids=repr)
def test_a_value_that_the_original_put_since_is_stored_once(tmp_path: Path, item: Any) -> None:
    queue = UniqueQ(str(tmp_path), auto_commit=False)
    with ending(start_original(UniqueQ, tmp_path)) as (process,):
        original = Original(process)
        # Made as the original makes it again.
        queue.put(pickle.loads(pickle.dumps(item)))
        assert original(f"q.put({item!r})")
        queue.task_done()
        assert len(stored(UniqueQ, tmp_path)) == 1
        assert queue.size == 1
        assert list(queue) == [item]


def test_a_forked_child_does_not_store_its_parents_batch(kind: Any, tmp_path: Path) -> None:
    code = """
import os, sys
import persistqueue
queue = getattr(persistqueue, sys.argv[1])(sys.argv[2], auto_commit=False)
queue.put("the parent's")
queue.put("taken by the parent")
queue.get()
child = os.fork()
if not child:
    assert queue.size == 0
    queue.put("the child's")
    queue.task_done()
    queue.close()
    del queue
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
silent = os.fork()
if not silent:
    del queue
    sys.exit(0)
assert os.waitpid(silent, 0)[1] == 0
other = getattr(persistqueue, sys.argv[1])(sys.argv[2])
assert other.get_nowait() == "the child's"
assert other.empty()
queue.task_done()
assert other.size == queue.size == 1
"""
    run_python(code, kind.__name__, tmp_path)


def test_a_kill_loses_only_what_was_not_made_durable(kind: Any, tmp_path: Path) -> None:
    code = """
import persistqueue, sys
queue = getattr(persistqueue, sys.argv[1])(sys.argv[2], auto_commit=False)
queue.put_many(range(6))
done = queue.get()
queue.task_done()
taken = queue.get()
queue.put("lost")
print([done, taken], flush=True)
sys.stdin.read()
"""
    with ending(start_python(code, kind.__name__, tmp_path)) as (process,):
        done, taken = eval(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
    again = list(kind(str(tmp_path), auto_commit=False))
    assert again == [item for item in ordered(kind, list(range(6))) if item != done]
    assert taken in again


def test_a_batching_queue_can_be_sent_to_another_process(kind: Any, tmp_path: Path) -> None:
    queue = kind(str(tmp_path), auto_commit=False)
    queue.put("not sent")
    sent = pickle.loads(pickle.dumps(queue))
    assert sent.auto_commit is False
    assert sent.empty()
    sent.put("sent")
    assert stored(kind, tmp_path) == []


GREEN_GET = """
queue = Queue(sys.argv[1], auto_commit=False)
waiter = spawn(queue.get)
until_ten_more_ticks()
queue.put("late")
assert finish(waiter) == "late"
"""

GREEN_MANY = """
queue = Queue(sys.argv[1], auto_commit=False)
got = []

def produce(name):
    for number in range(20):
        queue.put((name, number))
        sleep(0)

def consume():
    for _ in range(20):
        got.append(queue.get())
        sleep(0)
        queue.task_done()

threads = [spawn(produce, name) for name in range(4)] + [spawn(consume) for _ in range(4)]
for thread in threads:
    finish(thread)
assert sorted(got) == [(name, number) for name in range(4) for number in range(20)]
queue.join()
"""

GREEN_OWN = """
queue = Queue(sys.argv[1], auto_commit=False)
queue.put_many([1, 2])
mine = queue.get()
theirs = finish(spawn(queue.get))
queue.task_done()
queue.close()
assert list(Queue(sys.argv[1])) == [theirs]
"""

GREEN_INTERRUPTED = """
import random
Timeout = eventlet.Timeout if "eventlet" in sys.modules else gevent.Timeout
queue = Queue(sys.argv[1], durability="process", auto_commit=False)
got = []

def consume():
    while len(got) < 200:
        try:
            with Timeout(random.random() * 0.002):
                got.append(queue.get())
        except Timeout:
            pass

waiter = spawn(consume)
for number in range(200):
    queue.put(number)
    if number % 7 == 0:
        queue.task_done()
    sleep(0)
finish(waiter)
assert sorted(got) == list(range(200))
assert queue.size == len(queue.queue()) == 0
"""

GREEN = {
    "get": GREEN_GET,
    "many": GREEN_MANY,
    "each its own": GREEN_OWN,
    "interrupted": GREEN_INTERRUPTED,
}


@pytest.mark.parametrize("scene", GREEN)
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("kind", [SQLiteQueue, FILOSQLiteQueue], ids=lambda kind: kind.__name__)
def test_green_threads_share_a_batch(tmp_path: Path, kind: Any, library: str, scene: str) -> None:
    require(library)
    play(tmp_path, PATCH[library], imports(kind.__name__), PRELUDE, GREEN[scene])
