"""AsyncQueue: what 1.1.0's promises, and what it loses there."""

from __future__ import annotations

import asyncio
import collections.abc
import gc
import inspect
import json
import os
import pickle
import random
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import pytest
from async_helpers import on_each_loop, run
from helpers import drain, ending, require, run_python, segments, start_python

import persistqueue
from persistqueue import AsyncQueue, Empty, Full, Queue, serializers
from persistqueue.exceptions import ClosedError, CorruptedError, SerializerMismatchError

pytestmark = pytest.mark.timeout(90)

# --- names and behaviour of 1.1.0 -----------------------------------------------------------------


def test_async_queue_is_where_persist_queue_has_it() -> None:
    from persistqueue.async_queue import AsyncQueue as There

    assert There is persistqueue.AsyncQueue
    parameters = inspect.signature(AsyncQueue).parameters
    positional = [p.name for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == ["path", "maxsize", "chunksize", "tempdir", "serializer", "autosave"]
    assert not issubclass(AsyncQueue, Queue)


def test_a_queue_can_be_made_and_used_without_a_running_loop(tmp_path: Path) -> None:
    queue = AsyncQueue(str(tmp_path / "q"), 3, serializer=serializers.json)
    assert (queue.path, queue.maxsize, queue.autosave) == (str(tmp_path / "q"), 3, False)

    async def put() -> None:
        await queue.put("a")

    async def get() -> Any:
        return await queue.get()

    asyncio.run(put())
    assert queue.unfinished_tasks == 1
    assert asyncio.run(get()) == "a"


@on_each_loop
def test_every_call_is_a_coroutine_to_asyncio(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        async with AsyncQueue(tmp_path / "q") as queue:
            call = queue.put("a")
            assert asyncio.iscoroutine(call)
            assert isinstance(call, collections.abc.Coroutine)
            assert await asyncio.create_task(call) is None
            assert await asyncio.gather(queue.get(), queue.qsize()) == ["a", 0]
            assert await asyncio.wait_for(queue.empty(), 1)
            assert await queue.task_done() is None

    run(loop, main())


@on_each_loop
def test_the_calls_do_what_those_of_a_queue_do(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        queue = AsyncQueue(tmp_path / "q", maxsize=2)
        await queue.put("a")
        await queue.put_nowait("b")
        assert (await queue.qsize(), await queue.empty(), await queue.full()) == (2, False, True)
        with pytest.raises(Full):
            await queue.put("c", block=False)
        with pytest.raises(Full):
            await queue.put("c", timeout=0.01)
        with pytest.raises(ValueError, match="timeout"):
            await queue.put("c", timeout=-1)
        assert await queue.peek() == "a"
        assert [await queue.get(), await queue.get_nowait()] == ["a", "b"]
        for call in (queue.get_nowait(), queue.get(False), queue.get(True, 0.01), queue.peek()):
            with pytest.raises(Empty):
                await call
        with pytest.raises(ValueError, match="timeout"):
            await queue.get(timeout=-1)
        await queue.task_done()
        await queue.task_done()
        with pytest.raises(ValueError, match="task_done"):
            await queue.task_done()
        await asyncio.wait_for(queue.join(), 5)
        await queue.put_many([1, 2])
        assert await queue.get_many(5) == [1, 2]
        await queue.put(3)
        assert await queue.clear() == 1

    run(loop, main())


@on_each_loop
def test_join_waits_for_the_last_task_done(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        queue = AsyncQueue(tmp_path / "q")
        await queue.put("a")
        joined = asyncio.create_task(queue.join())
        await queue.get()
        await asyncio.sleep(0.02)
        assert not joined.done()
        await queue.task_done()
        await asyncio.wait_for(joined, 5)

    run(loop, main())


@on_each_loop
def test_a_full_queue_is_waited_for(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        queue = AsyncQueue(tmp_path / "q", maxsize=1, autosave=True)
        await queue.put(1)
        put = asyncio.create_task(queue.put(2))
        await asyncio.sleep(0.02)
        assert not put.done()
        assert await queue.get() == 1
        await asyncio.wait_for(put, 5)
        assert await queue.get() == 2

    run(loop, main())


@on_each_loop
def test_async_for_gives_the_items_as_they_come_until_the_queue_is_closed(
    tmp_path: Path, loop: str
) -> None:
    async def main() -> None:
        queue = AsyncQueue(tmp_path / "q", autosave=True)

        async def read() -> list:
            return [item async for item in queue]

        reader = asyncio.create_task(read())
        for item in range(5):
            await queue.put(item)
            await asyncio.sleep(0.001)
        await queue.close()
        assert await asyncio.wait_for(reader, 5) == [0, 1, 2, 3, 4]

    run(loop, main())


@on_each_loop
def test_close_ends_waits_and_refuses_calls(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        queue = AsyncQueue(tmp_path / "q")
        get = asyncio.create_task(queue.get())
        await asyncio.sleep(0.01)
        await queue.close()
        with pytest.raises(ClosedError):
            await asyncio.wait_for(get, 5)
        with pytest.raises(ClosedError):
            await queue.put(1)
        await queue.close()

    run(loop, main())


def test_a_call_that_is_not_awaited_does_nothing_and_one_is_awaited_once(tmp_path: Path) -> None:
    async def main() -> None:
        queue = AsyncQueue(tmp_path / "q")
        queue.put("never").close()
        call = queue.put("once")
        await call
        with pytest.raises(RuntimeError):
            await call
        assert await queue.qsize() == 1

    asyncio.run(main())


# --- beside other queues --------------------------------------------------------------------------


@on_each_loop
def test_sync_and_async_queues_share_a_folder_at_once(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        queue = AsyncQueue(tmp_path / "q", autosave=True)
        other = Queue(tmp_path / "q", autosave=True)
        threads = [
            threading.Thread(target=lambda n=n: [other.put((n, i)) for i in range(200)])
            for n in range(2)
        ]
        taken: list = []
        in_thread: list = []

        def take() -> None:
            while (item := other.get()) is not None:
                in_thread.append(item)

        async def consume() -> None:
            while (item := await queue.get()) is not None:
                taken.append(item)

        consumers = [asyncio.create_task(consume()) for _ in range(3)]
        taker = threading.Thread(target=take)
        for thread in [*threads, taker]:
            thread.start()
        for i in range(200):
            await queue.put((2, i))
        for thread in threads:
            await asyncio.to_thread(thread.join)
        while await queue.qsize():
            await asyncio.sleep(0.001)
        for _ in range(4):
            await queue.put(None)
        await asyncio.gather(*consumers)
        await asyncio.to_thread(taker.join)
        assert sorted(taken + in_thread) == sorted((n, i) for n in range(3) for i in range(200))

    run(loop, main())


@on_each_loop
def test_failing_42_a_put_of_a_thread_or_a_process_wakes_a_get(tmp_path: Path, loop: str) -> None:
    code = """
import sys
from persistqueue import Queue
queue = Queue(sys.argv[1])
for line in sys.stdin:
    queue.put(line.strip())
"""

    async def main() -> list:
        queue = AsyncQueue(tmp_path / "q", autosave=True)
        other = Queue(tmp_path / "q")
        threading.Timer(0.05, other.put, ["thread"]).start()
        items = [await asyncio.wait_for(queue.get(), 10)]
        times = []
        with ending(start_python(code, tmp_path / "q")) as (child,):
            for number in range(20):
                get = asyncio.create_task(queue.get())
                await asyncio.sleep(0.02)
                start = time.monotonic()
                child.stdin.write(f"{number}\n")
                child.stdin.flush()
                items.append(await asyncio.wait_for(get, 10))
                times.append(time.monotonic() - start)
        assert sorted(times[1:])[len(times) // 2] < 0.1
        return items

    assert run(loop, main()) == ["thread", *map(str, range(20))]


def test_a_get_in_one_loop_is_woken_by_a_put_in_another(tmp_path: Path) -> None:
    queue = AsyncQueue(tmp_path / "q", autosave=True)
    got: list = []

    async def get() -> None:
        got.append(await asyncio.wait_for(queue.get(), 10))

    async def put() -> None:
        await asyncio.sleep(0.05)
        await queue.put("a")

    thread = threading.Thread(target=lambda: asyncio.run(get()))
    thread.start()
    asyncio.run(put())
    thread.join(10)
    assert got == ["a"]


def test_a_forked_child_has_a_loop_and_a_queue_of_its_own(tmp_path: Path) -> None:
    code = """
import asyncio, os, sys
from persistqueue import AsyncQueue
queue = AsyncQueue(sys.argv[1], autosave=True)

async def once(item):
    get = asyncio.create_task(queue.get())
    await asyncio.sleep(0.01)
    await queue.put(item)
    return await asyncio.wait_for(get, 10)

async def parent():
    waits = asyncio.create_task(queue.get())
    await asyncio.sleep(0.01)
    child = os.fork()
    if child == 0:
        del waits
        return None
    waits.cancel()
    status = await asyncio.to_thread(os.waitpid, child, 0)
    assert status[1] == 0, status
    return await once("parent")

assert asyncio.run(once("before")) == "before"
child = os.fork()
if child == 0:
    ok = asyncio.run(once("child")) == "child"
    os._exit(not ok)
assert os.waitpid(child, 0)[1] == 0
assert asyncio.run(once("parent")) == "parent"
"""
    run_python(code, tmp_path / "q")


# --- cancelling -----------------------------------------------------------------------------------


@on_each_loop
@pytest.mark.parametrize(
    "options", [{"autosave": True}, {}, {"autosave": True, "durability": "disk"}]
)
def test_failing_40_three_hundred_times_a_hundred_cancelled_gets_lose_nothing(
    tmp_path: Path, loop: str, options: dict
) -> None:
    rounds = 10 if "durability" in options else 300

    async def main() -> None:
        queue = AsyncQueue(tmp_path / "q", **options)
        chance = random.Random(40)
        taken: list = []
        put = 0
        for _ in range(rounds):
            gets = [asyncio.create_task(queue.get()) for _ in range(100)]
            if chance.random() < 0.7:
                await asyncio.sleep(0)
            for _ in range(50):
                await queue.put_nowait(put)
                put += 1
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
            for get in gets:
                get.cancel()
            for result in await asyncio.gather(*gets, return_exceptions=True):
                if not isinstance(result, asyncio.CancelledError):
                    taken.append(result)
        assert await queue.qsize() == put - len(taken)
        taken += [await queue.get_nowait() for _ in range(await queue.qsize())]
        assert sorted(taken) == list(range(put))

    run(loop, main(), 80)


@on_each_loop
def test_failing_40_a_cancelled_put_keeps_the_counts_right(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        queue = AsyncQueue(tmp_path / "q", maxsize=1)
        await queue.put("first")
        puts = [asyncio.create_task(queue.put(n)) for n in range(20)]
        await asyncio.sleep(0.01)
        for put in puts:
            put.cancel()
        await asyncio.gather(*puts, return_exceptions=True)
        assert (await queue.qsize(), queue.unfinished_tasks) == (1, 1)
        disk = AsyncQueue(tmp_path / "disk", durability="disk")
        put = asyncio.create_task(disk.put("a"))
        await asyncio.sleep(0)
        put.cancel()
        await asyncio.gather(put, return_exceptions=True)
        await disk.put("b")
        assert await disk.qsize() == disk.unfinished_tasks == 2

    run(loop, main())


@on_each_loop
def test_wait_for_that_is_too_late_leaves_the_item(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        queue = AsyncQueue(tmp_path / "q", autosave=True)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(queue.get(), 0.01)
        await queue.put(1)
        assert await queue.qsize() == 1
        assert await asyncio.wait_for(queue.get(), 5) == 1

    run(loop, main())


@on_each_loop
def test_a_wake_up_of_a_cancelled_get_goes_to_the_next_one(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        queue = AsyncQueue(tmp_path / "q", autosave=True)
        gets = [asyncio.create_task(queue.get()) for _ in range(3)]
        await asyncio.sleep(0.01)
        await queue.put("a")
        gets[0].cancel()
        assert await asyncio.wait_for(gets[1], 5) == "a"
        gets[2].cancel()

    run(loop, main())


# --- loops ----------------------------------------------------------------------------------------


@on_each_loop
def test_ten_thousand_tasks_wait_on_one_queue(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        queue = AsyncQueue(tmp_path / "q", autosave=True)
        before = len(os.listdir("/proc/self/task"))
        gets = [asyncio.create_task(queue.get()) for _ in range(10_000)]
        await asyncio.sleep(0.1)
        assert len(os.listdir("/proc/self/task")) <= before
        for item in range(10_000):
            await queue.put(item)
        assert sorted(await asyncio.gather(*gets)) == list(range(10_000))

    run(loop, main())


@on_each_loop
def test_a_loop_that_is_closed_while_tasks_wait_takes_nothing_along(
    tmp_path: Path, loop: str, capsys: pytest.CaptureFixture
) -> None:
    queue = AsyncQueue(tmp_path / "q", autosave=True)
    before = len(os.listdir("/proc/self/fd"))
    if loop == "uvloop":
        require("uvloop")
        import uvloop

        new_loop = uvloop.new_event_loop
    else:
        new_loop = asyncio.new_event_loop
    gone = []
    for _ in range(3):
        dead = new_loop()

        async def wait() -> None:
            await queue.get()

        tasks = [dead.create_task(wait()) for _ in range(3)]
        dead.run_until_complete(asyncio.sleep(0.01))
        gone += [weakref.ref(task) for task in tasks]
        for task in tasks:
            task._log_destroy_pending = False
        dead.close()
        del dead, tasks, task

    async def main() -> None:
        get = asyncio.create_task(queue.get())
        await asyncio.sleep(0.01)
        await queue.put("a")
        assert await asyncio.wait_for(get, 5) == "a"
        assert await queue.qsize() == 0
        await queue.put("b")
        assert await queue.qsize() == 1

    run(loop, main())
    gc.collect()
    assert [task() for task in gone] == [None] * 9
    assert len(os.listdir("/proc/self/fd")) <= before + 2
    assert capsys.readouterr().err == ""


@on_each_loop
def test_a_task_keeps_what_it_took_from_others_task_done(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        queue = AsyncQueue(tmp_path / "q")
        await queue.put_many(["mine", "yours"])
        ready = asyncio.Event()

        async def hold() -> None:
            assert await asyncio.wait_for(queue.get(), 5) == "mine"
            await ready.wait()

        async def finish() -> None:
            assert await asyncio.wait_for(queue.get(), 5) == "yours"
            await queue.task_done()

        holder = asyncio.create_task(hold())
        await asyncio.sleep(0.01)
        await asyncio.create_task(finish())
        ready.set()
        await holder
        await queue.close()
        again = AsyncQueue(tmp_path / "q")
        assert await again.get_nowait() == "mine"
        assert await again.qsize() == 0

    run(loop, main())


# --- serializers ----------------------------------------------------------------------------------


class Slow:
    """Asynchronous on both sides."""

    def __init__(self) -> None:
        self.wait: asyncio.Event | None = None
        self.pause = 0.001

    async def dump(self, value: Any, fp: Any) -> None:
        await asyncio.sleep(0.001)
        fp.write(json.dumps(value).encode())

    async def load(self, fp: Any) -> Any:
        await (self.wait.wait() if self.wait else asyncio.sleep(self.pause))
        return json.loads(fp.read())


@on_each_loop
def test_an_asynchronous_serializer_is_awaited(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        queue = AsyncQueue(tmp_path / "q", serializer=Slow(), autosave=True)
        await queue.put({"a": 1})
        await queue.put_many([2, 3])
        assert await queue.peek() == {"a": 1}
        assert [await queue.get(), await queue.get_many(9)] == [{"a": 1}, [2, 3]]
        with pytest.raises(TypeError):
            await queue.put(object())
        assert await queue.qsize() == 0

    run(loop, main())


@on_each_loop
def test_a_get_that_is_cancelled_while_it_deserializes_leaves_its_item(
    tmp_path: Path, loop: str
) -> None:
    async def main() -> None:
        serializer = Slow()
        serializer.wait = asyncio.Event()
        queue = AsyncQueue(tmp_path / "q", serializer=serializer, autosave=True)
        await queue.put_many(["a", "b"])
        get = asyncio.create_task(queue.get())
        await asyncio.sleep(0.01)
        get.cancel()
        await asyncio.gather(get, return_exceptions=True)
        assert await queue.qsize() == 2
        serializer.wait.set()
        assert [await queue.get(), await queue.get()] == ["a", "b"]

    run(loop, main())


@on_each_loop
def test_a_cancelled_get_many_takes_nothing(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        serializer = Slow()
        queue = AsyncQueue(tmp_path / "q", serializer=serializer, autosave=True)
        await queue.put_many(["a", "b", "c"])
        serializer.pause = 0.02
        for seconds in (0.01, 0.03, 0.05):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(queue.get_many(3), seconds)
            assert await queue.qsize() == 3
        assert await queue.get_many(3) == ["a", "b", "c"]

    run(loop, main())


def test_a_synchronous_queue_refuses_an_asynchronous_serializer(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "q", serializer=Slow())
    with pytest.raises(TypeError, match="AsyncQueue"):
        queue.put(1)
    assert queue.qsize() == 0


@on_each_loop
@pytest.mark.parametrize("name", ["pickle", "json", "msgpack", "cbor2"])
def test_failing_39_items_of_every_serializer_come_back(
    tmp_path: Path, loop: str, name: str
) -> None:
    if name in ("msgpack", "cbor2"):
        require(name)

    async def main() -> None:
        items = [0, "text", {"a": {"b": None}}, "x" * 5000]
        queue = AsyncQueue(tmp_path / "q", serializer=getattr(serializers, name))
        await queue.put_many(items)
        await queue.close()
        queue = AsyncQueue(tmp_path / "q", serializer=getattr(serializers, name))
        assert [await queue.get() for _ in items] == items
        other = "pickle" if name == "json" else "json"
        with pytest.raises(SerializerMismatchError, match=name):
            AsyncQueue(tmp_path / "q", serializer=getattr(serializers, other))

    run(loop, main())


def test_failing_39_one_bad_byte_costs_one_item(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "q")
    for item in range(10):
        queue.put(["item", item])
    queue.close()
    [segment] = segments(tmp_path / "q")
    content = bytearray(segment.read_bytes())
    content[content.index(pickle.dumps(["item", 4], 4)) + 5] ^= 1
    segment.write_bytes(content)

    async def main() -> None:
        queue = AsyncQueue(tmp_path / "q")
        items, errors = [], 0
        while True:
            try:
                items.append((await queue.get(timeout=0.1))[1])
            except CorruptedError:
                errors += 1
            except Empty:
                break
        assert (items, errors) == ([0, 1, 2, 3, 5, 6, 7, 8, 9], 1)

    asyncio.run(main())


# --- time -----------------------------------------------------------------------------------------


def test_failing_43_large_items_take_no_longer_than_in_a_queue(tmp_path: Path) -> None:
    item = b"x" * 1_000_000

    async def main() -> float:
        queue = AsyncQueue(tmp_path / "q", autosave=True)
        for _ in range(99):
            await queue.put(item)
        start = time.monotonic()
        for _ in range(99):
            assert len(await queue.get()) == 1_000_000
        return time.monotonic() - start

    assert asyncio.run(main()) < 1.5


def test_async_and_sync_read_what_the_other_wrote(tmp_path: Path) -> None:
    async def main() -> None:
        async with AsyncQueue(tmp_path / "q") as queue:
            await queue.put_many(["a", "b"])

    asyncio.run(main())
    assert drain(Queue(tmp_path / "q")) == ["a", "b"]
    handed = pickle.loads(pickle.dumps(AsyncQueue(tmp_path / "q", maxsize=7)))
    assert handed.maxsize == 7
