"""Queues on a NATS server, against a real one."""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from helpers import in_thread, run_python
from servers import Nats

import persistqueue
from persistqueue import (
    AsyncNatsAckQueue,
    AsyncNatsQueue,
    Empty,
    Full,
    NatsAckQueue,
    NatsQueue,
    serializers,
)
from persistqueue.exceptions import (
    ClosedError,
    ConnectError,
    PutInPartError,
    UndecodableError,
)


@pytest.fixture
def place(server_of: Callable[[str], Nats]) -> Iterator[dict[str, Any]]:
    with server_of("nats").place() as arguments:
        yield arguments


def test_items_of_all_kinds_come_out_in_their_order(place: dict[str, Any]) -> None:
    with NatsQueue(**place) as queue:
        items = ["a", None, 0, "", {"b": [1, 2.5]}, b"\xff"]
        for item in items[:2]:
            assert queue.put(item) > 0
        assert len(queue.put_many(items[2:])) == 4
        assert (queue.qsize(), queue.empty()) == (6, False)
        assert queue.peek() == "a"
        assert [queue.get(), *queue.get_many(9)] == items
        with pytest.raises(Empty):
            queue.get_nowait()
        with pytest.raises(Empty):
            queue.get(timeout=0.05)
    with pytest.raises(ClosedError):
        queue.put("late")


def test_a_put_of_another_object_wakes_who_waits(place: dict[str, Any]) -> None:
    queue = NatsQueue(**place)
    threading.Timer(0.3, lambda: NatsQueue(**place).put("x")).start()
    assert in_thread(lambda: queue.get(timeout=20), 25) == "x"


def test_a_full_queue_refuses(place: dict[str, Any]) -> None:
    queue = NatsQueue(**place, maxsize=2)
    queue.put(1)
    with pytest.raises(Full):
        queue.put_many([2, 3, 4], block=False)
    with pytest.raises(PutInPartError) as raised:
        queue.put_many([2, 3], block=False)
    error = raised.value
    assert (error.stored, error.unknown, error.count) == (1, 0, 2)
    with pytest.raises(Full):
        queue.put_nowait(3)
    assert queue.get_many(9) == [1, 2]


def test_an_item_stays_until_it_is_acknowledged(place: dict[str, Any]) -> None:
    queue = NatsAckQueue(**place, max_attempts=2)
    queue.put_many(["a", "b", "c"])
    first = queue.get()
    assert queue.ack(first) is not None
    assert queue.ack(first) is None
    second = queue.get()
    queue.nack(second)
    again = queue.get()
    assert again == "b"
    queue.nack(again)
    assert queue.dead_count() == 1
    third = queue.get()
    assert queue.extend(third, lease=60)
    queue.ack_failed(third)
    assert sorted(letter["data"] for letter in queue.dead_letters()) == ["b", "c"]
    assert queue.requeue_dead() == 2
    assert queue.ack_many([queue.get(), queue.get()]).count(None) == 0
    assert queue.qsize() == 0


def test_what_jetstream_does_not_have_is_refused(place: dict[str, Any]) -> None:
    queue = NatsAckQueue(**place)
    with pytest.raises(ValueError, match="PostgreSQL"):
        queue.put("late", delay=1)
    with pytest.raises(ValueError, match="PostgreSQL"):
        queue.acked_count()
    with pytest.raises(ValueError, match="called"):
        NatsQueue(place["servers"], "a.b")
    with pytest.raises(ValueError, match="exclude"):
        NatsQueue(**place, user="me", token="t")
    assert queue.qsize() == 0


def test_an_item_that_cannot_be_read_is_told_and_others_come(place: dict[str, Any]) -> None:
    NatsQueue(**place, serializer=serializers.json).put("no pickle")
    queue = NatsQueue(**place)
    queue.put("whole")
    with pytest.raises(UndecodableError):
        queue.get(block=False)
    assert queue.get(block=False) == "whole"
    assert queue.qsize() == 1


def test_an_item_that_cannot_be_read_comes_again_when_its_lease_is_over(
    place: dict[str, Any],
) -> None:
    NatsAckQueue(**place, lease=1, serializer=serializers.json).put("no pickle")
    told = pytest.raises(UndecodableError, match="when its lease is over")

    async def work() -> None:
        async with AsyncNatsAckQueue(**place) as queue:
            for _ in range(2):
                with told:
                    await queue.get(timeout=20)

    # Each of them lives on, and keeps what it holds.
    for queue in (NatsQueue(**place), NatsAckQueue(**place)):
        for _ in range(2):
            with told:
                queue.get(timeout=20)
    asyncio.run(work())


def test_tasks_put_take_wait_and_are_cancelled(place: dict[str, Any]) -> None:
    async def work() -> None:
        async with AsyncNatsQueue(**place) as queue:
            getter = asyncio.create_task(queue.get())
            await asyncio.sleep(0.2)
            await queue.put("x")
            assert await asyncio.wait_for(getter, 20) == "x"
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(queue.get(), 0.1)
            await queue.put_many([1, 2])
            assert await queue.get_many(9) == [1, 2]
        async with AsyncNatsAckQueue(**place) as jobs:
            await jobs.put("job")
            job = await jobs.get()
            assert await jobs.ack(job) is not None
            assert await jobs.qsize() == 0

    asyncio.run(work())


def test_a_pickled_queue_is_the_same_queue(place: dict[str, Any]) -> None:
    queue = NatsQueue(**place)
    queue.put("a")
    assert pickle.loads(pickle.dumps(queue)).get(block=False) == "a"


def test_after_fork_parent_and_child_both_use_the_queue(place: dict[str, Any]) -> None:
    code = """
import os, sys
from persistqueue import NatsQueue
queue = NatsQueue(*sys.argv[1:])
queue.put_many(range(100))
read, write = os.pipe()
child = os.fork()
if not child:
    queue.put_many(range(100, 150))
    os.write(write, repr([queue.get(timeout=10) for _ in range(40)]).encode())
    os._exit(0)
ours = [queue.get(timeout=10) for _ in range(40)]
assert os.waitpid(child, 0)[1] == 0
theirs = eval(os.read(read, 100_000))
assert sorted(ours + theirs + queue.get_many(150)) == list(range(150))
"""
    run_python(code, place["servers"], place["name"])


def test_a_url_opens_it(place: dict[str, Any]) -> None:
    url = f"nats://{place['servers']}/{place['name']}"
    with pytest.raises(FileNotFoundError):
        persistqueue.open(url, create=False)
    with persistqueue.open(f"{url}?kind=ack") as queue:
        assert isinstance(queue, NatsAckQueue)
        queue.put("a")
    with persistqueue.open(url, create=False) as queue:
        assert isinstance(queue, NatsAckQueue)
        assert queue.ack(queue.get()) is not None
    with pytest.raises(ValueError, match="PERSISTQUEUE_NATS_PASSWORD"):
        persistqueue.open("nats://me:s3cret@host/jobs")


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(ConnectError, match="check that it runs"):
        NatsQueue("127.0.0.1:1", timeout=1, connect_timeout=1)


def test_the_names_are_there() -> None:
    assert persistqueue.natsqueue.NatsQueue is NatsQueue
