"""Several puts and settlements in one commit: all of it or nothing."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from helpers import Blocked, drain, ending, require, start_python
from test_green import LIBRARIES, PATCH, PRELUDE, play

from persistqueue import (
    ClosedError,
    Full,
    NotHeldError,
    PDict,
    PersistQueueError,
    PriorityQueue,
    Queue,
    SQLiteAckQueue,
    SQLiteQueue,
    Transaction,
    UniqueAckQ,
    UniqueQ,
)

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def inbox(tmp_path: Path) -> Any:
    return SQLiteAckQueue(str(tmp_path), name="inbox", durability="process")


@pytest.fixture
def outbox(tmp_path: Path) -> Any:
    return SQLiteQueue(str(tmp_path), name="outbox", durability="process")


def counts(queue: SQLiteAckQueue) -> tuple[int, int, int]:
    return queue.size, queue.unack_count(), queue.acked_count()


def test_a_block_commits_at_its_end_and_nothing_before(inbox: Any, outbox: Any) -> None:
    inbox.put_many(["a", "b", "c"])
    done, again, given_up = (inbox.get() for _ in range(3))
    with inbox.transaction() as transaction:
        assert isinstance(transaction, Transaction)
        assert transaction.put("result", queue=outbox) is None
        transaction.put("more work")
        assert transaction.ack(done) is None
        transaction.nack(again)
        transaction.ack_failed(given_up)
        assert (outbox.size, counts(inbox)) == (0, (0, 3, 0))
    assert (outbox.size, counts(inbox), inbox.ack_failed_count()) == (1, (2, 0, 1), 1)
    assert inbox.active_size() == 2, "nothing of it is held any more"
    assert (outbox.get(), inbox.get(), inbox.get()) == ("result", "b", "more work")


def test_an_exception_drops_all_of_it(inbox: Any, outbox: Any) -> None:
    inbox.put("job")
    job = inbox.get()
    with pytest.raises(ZeroDivisionError), inbox.transaction() as transaction:
        transaction.put("result", queue=outbox)
        transaction.ack(job)
        raise ZeroDivisionError
    assert (outbox.size, counts(inbox)) == (0, (0, 1, 0))
    assert inbox.ack(job) == 1


def test_an_item_that_cannot_be_serialized_drops_all_of_it(inbox: Any, outbox: Any) -> None:
    inbox.put("job")
    job = inbox.get()
    with pytest.raises(Exception, match="pickle"), inbox.transaction() as transaction:
        transaction.ack(job)
        transaction.put(threading.Lock(), queue=outbox)
    assert (outbox.size, counts(inbox)) == (0, (0, 1, 0))


def test_commit_gives_the_numbers_and_ends_it(inbox: Any, outbox: Any) -> None:
    inbox.put("job")
    with outbox.transaction() as transaction:
        transaction.put("first")
        transaction.put("second")
        transaction.ack(inbox.get(), queue=inbox)
        assert transaction.commit() == [1, 2, 1]
        assert outbox.size == 2
    assert outbox.size == 2
    for late in (transaction.commit, lambda: transaction.put("late")):
        with pytest.raises(ValueError, match="over"):
            late()
    assert outbox.transaction().commit() == []


def test_a_full_queue_refuses_all_of_it_and_the_item_is_still_held(
    inbox: Any, tmp_path: Path
) -> None:
    outbox = SQLiteQueue(str(tmp_path), name="outbox", maxsize=1)
    outbox.put("fills it")
    inbox.put_many(["job", "other"])
    job, other = inbox.get(), inbox.get()
    start = time.monotonic()
    with pytest.raises(Full), inbox.transaction() as transaction:
        transaction.ack(job)
        transaction.nack(other)
        transaction.put("result", queue=outbox)
    assert time.monotonic() - start < 5, "it waits for no room"
    assert (outbox.size, counts(inbox), inbox.active_size()) == (1, (0, 2, 0), 2)
    # By identity, as if nothing had been.
    assert (inbox.ack(job), inbox.nack(other)) == (1, 2)
    assert counts(inbox) == (1, 0, 1)


def test_who_lost_the_lease_publishes_nothing(inbox: Any, outbox: Any, tmp_path: Path) -> None:
    inbox.put("job")
    job = inbox.get(lease=0.03)
    other = SQLiteAckQueue(str(tmp_path), name="inbox")
    again = other.get(timeout=10)
    with pytest.raises(NotHeldError) as caught, inbox.transaction() as transaction:
        transaction.put("result", queue=outbox)
        transaction.ack(job)
    assert caught.value.id == 1
    assert isinstance(caught.value, PersistQueueError)
    assert (outbox.size, counts(inbox)) == (0, (0, 1, 0))
    with other.transaction() as transaction:
        transaction.put("result", queue=outbox)
        transaction.ack(again)
    assert (outbox.size, counts(inbox)) == (1, (0, 0, 1))


def test_a_delivery_is_not_another_one_of_the_same_row(inbox: Any, outbox: Any) -> None:
    inbox.put(["job"])
    late = inbox.get(lease=0.03)
    transaction = inbox.transaction()
    transaction.put("result", queue=outbox)
    transaction.ack(late)
    again = inbox.get(timeout=10)
    with pytest.raises(NotHeldError):
        transaction.commit()
    assert inbox.ack(again) == 1, "what this object holds now is not forgotten"
    assert outbox.size == 0


def test_an_item_is_settled_once(inbox: Any, outbox: Any) -> None:
    inbox.put("job")
    job = inbox.get()
    with pytest.raises(NotHeldError), inbox.transaction() as transaction:
        transaction.put("result", queue=outbox)
        transaction.ack(job)
        transaction.ack(job)
    assert (outbox.size, counts(inbox)) == (0, (0, 1, 0))
    with inbox.transaction() as transaction:
        transaction.ack(job)
    with pytest.raises(NotHeldError, match="not held"), inbox.transaction() as transaction:
        transaction.put("result", queue=outbox)
        transaction.ack(job)
    assert (outbox.size, counts(inbox)) == (0, (0, 0, 1))


def test_an_item_is_named_as_for_the_queues_own_ack(inbox: Any) -> None:
    inbox.put_many(["a", "b", "c"])
    inbox.get()
    raw = inbox.get(raw=True)
    inbox.get()
    with inbox.transaction() as transaction:
        transaction.ack(id=1)
        transaction.ack(raw)
        transaction.ack(id="3")
        for wrong in ({}, {"item": "a", "id": 1}):
            with pytest.raises(ValueError, match="not both"):
                transaction.ack(**wrong)
    assert (counts(inbox), inbox.active_size()) == ((0, 0, 3), 0)


def test_a_duplicate_is_not_stored_and_does_no_harm(tmp_path: Path) -> None:
    inbox, seen = UniqueAckQ(str(tmp_path), name="in"), UniqueQ(str(tmp_path), name="seen")
    inbox.put({"a": 1, "b": 2})
    seen.put("known")
    job = inbox.get()
    transaction = inbox.transaction()
    transaction.put("known", queue=seen)
    transaction.put("new", queue=seen)
    transaction.put({"b": 2, "a": 1})
    transaction.ack(job)
    transaction.put({"b": 2, "a": 1})
    assert transaction.commit() == [None, 2, None, 1, 2]
    assert (seen.size, counts(inbox)) == (2, (1, 0, 0))


def test_options_of_a_put_hold_and_wrong_ones_are_refused(inbox: Any, tmp_path: Path) -> None:
    urgent = PriorityQueue(str(tmp_path), name="urgent")
    with urgent.transaction() as transaction:
        transaction.put("later", priority=5)
        transaction.put("first", priority=-1)
        transaction.put("delayed", queue=inbox, delay=60)
        transaction.put("short-lived", queue=inbox, ttl=0)
        for queue, option in ((urgent, "delay"), (urgent, "ttl"), (inbox, "priority")):
            with pytest.raises(ValueError, match=option):
                transaction.put("wrong", queue=queue, **{option: 1})
        with pytest.raises(ValueError, match="time"):
            transaction.put("wrong", queue=inbox, delay=-1)
    assert [urgent.get(), urgent.get()] == ["first", "later"]
    assert inbox.delayed_count() == 1
    assert (drain(inbox), inbox.dead_count()) == ([], 1)


def test_a_nack_is_as_the_queues_own(inbox: Any) -> None:
    inbox.put_many(["delayed", "last"])
    delayed, last = inbox.get(), inbox.get()
    transaction = inbox.transaction()
    transaction.nack(delayed, delay=60)
    transaction.nack(last, to_back=True)
    assert transaction.commit() == [1, 3]
    assert (inbox.delayed_count(), inbox.get(raw=True)["pqid"]) == (1, 3)


def test_only_queues_of_one_database_take_part(inbox: Any, outbox: Any, tmp_path: Path) -> None:
    elsewhere = SQLiteQueue(str(tmp_path / "other"))
    batched = SQLiteQueue(str(tmp_path), name="batched", auto_commit=False)
    memory, other_memory = SQLiteAckQueue(":memory:"), SQLiteQueue(":memory:")
    folder = Queue(str(tmp_path / "folder"))
    strangers = [elsewhere, batched, memory, folder, PDict(str(tmp_path), "dict"), "outbox"]
    with inbox.transaction() as transaction:
        transaction.put("result", queue=outbox)
        for stranger in strangers:
            with pytest.raises(ValueError):
                transaction.put("result", queue=stranger)
    assert outbox.size == 1
    with pytest.raises(ValueError, match="auto_commit"):
        batched.transaction().put("result")
    with pytest.raises(ValueError, match="acknowledge"):
        inbox.transaction().ack("result", queue=outbox)
    with memory.transaction() as transaction:
        transaction.put("mine")
        with pytest.raises(ValueError, match="one database"):
            transaction.put("result", queue=other_memory)
    assert memory.get() == "mine"


def test_a_queue_that_was_closed_meanwhile_fails_all_of_it(inbox: Any, outbox: Any) -> None:
    with pytest.raises(ClosedError), inbox.transaction() as transaction:
        transaction.put("more work")
        transaction.put("result", queue=outbox)
        outbox.close()
    assert inbox.size == 0


def test_it_wakes_who_waits_in_each_of_its_queues(tmp_path: Path) -> None:
    inbox = SQLiteAckQueue(str(tmp_path), name="inbox", maxsize=1)
    outbox = SQLiteQueue(str(tmp_path), name="outbox")
    inbox.put("job")
    job = inbox.get()
    waits = [Blocked(outbox.get), Blocked(lambda: inbox.put("next"))]
    assert all(blocked.waits for blocked in waits)
    with inbox.transaction() as transaction:
        transaction.put("result", queue=outbox)
        transaction.ack(job)
    assert [blocked.result() for blocked in waits] == ["result", 2]


def test_it_wakes_a_get_in_another_process(inbox: Any, outbox: Any, tmp_path: Path) -> None:
    code = """
import sys
from persistqueue import SQLiteQueue
queue = SQLiteQueue(sys.argv[1], name="outbox")
print("ready", flush=True)
print(queue.get(timeout=20), flush=True)
"""
    child = start_python(code, tmp_path)
    with ending(child):
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.1)
        with outbox.transaction() as transaction:
            transaction.put("result")
        assert child.stdout.readline() == "result\n"


def test_workers_in_threads_publish_each_result_once(inbox: Any, outbox: Any) -> None:
    inbox.put_many(range(300))

    def run(number: int) -> None:
        for job in inbox:
            try:
                with inbox.transaction() as transaction:
                    transaction.put(job, queue=outbox)
                    transaction.ack(job)
                    if (job + number) % 3 == 0:
                        transaction.ack(job)
            except NotHeldError:
                # Of a group that shared a commit with others; the item is still ours.
                with inbox.transaction() as transaction:
                    transaction.ack(job)
                    transaction.put(job, queue=outbox)

    workers = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert counts(inbox) == (0, 0, 300)
    assert sorted(drain(outbox)) == list(range(300))


WORKER = """
import os, sys
from persistqueue import NotHeldError, SQLiteAckQueue, SQLiteQueue
inbox = SQLiteAckQueue(sys.argv[1], name="inbox", durability="process", lease=1)
outbox = SQLiteQueue(sys.argv[1], name="outbox", durability="process")
print("ready", flush=True)
while True:
    job = inbox.get()
    try:
        with inbox.transaction() as transaction:
            transaction.put(job, queue=outbox)
            transaction.ack(job)
    except NotHeldError:
        pass
"""


def test_killed_workers_publish_each_result_once(tmp_path: Path) -> None:
    inbox = SQLiteAckQueue(str(tmp_path), name="inbox", durability="process")
    outbox = SQLiteQueue(str(tmp_path), name="outbox", durability="process")
    inbox.put_many(range(20_000))
    for round_ in range(8):
        worker = start_python(WORKER, tmp_path)
        with ending(worker):
            assert worker.stdout.readline() == "ready\n"
            time.sleep(0.03 + 0.017 * round_)
            worker.kill()
            worker.wait(10)
        assert outbox.size == inbox.acked_count()
    done = drain(outbox)
    assert 0 < len(done) < 20_000, "killed at work"
    assert len(set(done)) == len(done) == inbox.acked_count()
    inbox.resume_unack_tasks()
    assert sorted([*done, *inbox.get_many(20_000)]) == list(range(20_000))


GREEN = """
queue, results = Queue(sys.argv[1], name="in"), Queue(sys.argv[1], name="out")
queue.put("work")
job = queue.get()
waiter = spawn(results.get)
until_ten_more_ticks()
before = ticks
with queue.transaction() as transaction:
    transaction.put("result", queue=results)
    transaction.ack(job)
assert finish(waiter) == "result"
assert (queue.active_size(), queue.acked_count()) == (0, 1)
"""

# A green thread may be interrupted while others commit for it: then it is committed, and told so.
GREEN_INTERRUPTED = """
import random
Timeout = eventlet.Timeout if "eventlet" in sys.modules else gevent.Timeout
queue = Queue(sys.argv[1], name="in", durability="process")
results = Queue(sys.argv[1], name="out", durability="process")
queue.put_many([(number,) for number in range(100)])
for item in queue.get_many(100):
    try:
        with Timeout(random.random() * 0.002), queue.transaction() as transaction:
            transaction.put(item, queue=results)
            transaction.ack(item)
    except Timeout:
        pass
assert queue.active_size() == queue.unack_count(), "what was acked is not held any more"
assert results.size == queue.acked_count()
"""


@pytest.mark.parametrize("scene", [GREEN, GREEN_INTERRUPTED], ids=["waits", "interrupted"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_green_threads_commit_transactions(tmp_path: Path, library: str, scene: str) -> None:
    require(library)
    imports = "from persistqueue import SQLiteAckQueue as Queue"
    play(tmp_path, PATCH[library], imports, PRELUDE, scene)
