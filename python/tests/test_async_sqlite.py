"""The asynchronous queues in databases: what 1.1.0 promises of them, and what it loses there."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import os
import pickle
import random
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from async_helpers import on_each_loop, run
from helpers import ending, require, start_python

import persistqueue
from persistqueue import (
    AsyncFIFOSQLiteQueue,
    AsyncFILOSQLiteQueue,
    AsyncPriorityQueue,
    AsyncSQLiteAckQueue,
    AsyncSQLiteQueue,
    AsyncUniqueQ,
    Empty,
    Full,
    SQLiteQueue,
    UniqueQ,
    serializers,
)
from persistqueue.exceptions import ClosedError, UndecodableError, UnrecognisedError

pytestmark = pytest.mark.timeout(90)

KINDS = [AsyncSQLiteQueue, AsyncFILOSQLiteQueue, AsyncUniqueQ, AsyncPriorityQueue]


# --- names and behaviour of 1.1.0 -----------------------------------------------------------------


def test_the_async_database_queues_are_where_persist_queue_has_them() -> None:
    from persistqueue import async_sqlqueue

    for kind in KINDS:
        assert getattr(async_sqlqueue, kind.__name__) is getattr(persistqueue, kind.__name__)
        parameters = inspect.signature(kind).parameters.values()
        positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        assert positional == ["path", "name", "serializer", "auto_commit"]
    assert issubclass(AsyncUniqueQ, AsyncSQLiteQueue)
    assert issubclass(AsyncFILOSQLiteQueue, AsyncSQLiteQueue)
    assert issubclass(AsyncFIFOSQLiteQueue, AsyncSQLiteQueue)


@on_each_loop
def test_the_async_calls_do_what_those_of_a_database_queue_do(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        queue = AsyncSQLiteQueue(tmp_path / "x.db", "jobs", maxsize=3)
        assert not (tmp_path / "x.db").exists()
        call = queue.put("a")
        assert asyncio.iscoroutine(call)
        assert await call == 1
        assert [await queue.put_nowait("b"), await queue.put(None)] == [2, 3]
        assert (await queue.qsize(), await queue.empty(), await queue.full()) == (3, False, True)
        for call in (queue.put("c", False), queue.put("c", timeout=0.01), queue.put_nowait("c")):
            with pytest.raises(Full):
                await call
        raw = await queue.get(raw=True)
        assert (raw["pqid"], raw["data"], type(raw["timestamp"])) == (1, "a", float)
        assert await queue.update("B", 2) == 2
        assert await queue.contains(2)
        assert await queue.peek() == "B"
        assert [(row["id"], row["data"]) for row in await queue.queue()] == [(2, "B"), (3, None)]
        assert await queue.get(id=3) is None
        assert await queue.get_nowait() == "B"
        for call in (queue.get_nowait(), queue.get(False), queue.get(True, 0.01), queue.peek()):
            with pytest.raises(Empty):
                await call
        with pytest.raises(ValueError, match="timeout"):
            await queue.get(timeout=-1)
        with pytest.raises(ValueError, match="id"):
            await queue.update("no id")
        assert await queue.task_done() is None
        await asyncio.wait_for(queue.join(), 5)
        assert await queue.put_many([1, 2]) == [4, 5]
        assert await queue.get_many(9) == [1, 2]
        await queue.put(3)
        assert await queue.clear() == 1
        await queue.shrink_disk_usage()
        await queue.close()
        await queue.close()
        for call in (queue.put(1), queue.get(), queue.qsize()):
            with pytest.raises(ClosedError):
                await call

    run(loop, main())


@on_each_loop
def test_the_kinds_give_items_in_their_order(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        results = []
        for kind in KINDS:
            async with kind(tmp_path / "x.db") as queue:
                puts = [await queue.put(item, *more(kind, item)) for item in [3, 1, 3, 2]]
                results.append((puts, await queue.get_many(9)))
        assert results == [
            ([1, 2, 3, 4], [3, 1, 3, 2]),
            ([1, 2, 3, 4], [2, 3, 1, 3]),
            ([1, 2, None, 3], [3, 1, 2]),
            ([1, 2, 3, 4], [1, 2, 3, 3]),
        ]

    def more(kind: Any, item: int) -> tuple:
        return (item,) if kind is AsyncPriorityQueue else ()

    run(loop, main())


def test_a_database_queue_is_opened_by_its_first_call(tmp_path: Path) -> None:
    (tmp_path / "no database").write_bytes(b"x" * 4096)

    async def main() -> None:
        queue = AsyncSQLiteQueue(tmp_path / "sub" / "x.db")
        assert sorted(await asyncio.gather(*(queue.put(n) for n in range(50)))) == [*range(1, 51)]
        with pytest.raises(UnrecognisedError):
            await AsyncSQLiteQueue(tmp_path / "no database").put(1)
        with pytest.raises(UnrecognisedError):
            async with AsyncSQLiteQueue(tmp_path / "no database"):
                pass
        unused = AsyncSQLiteQueue(tmp_path / "unused.db")
        await unused.close()
        with pytest.raises(ClosedError):
            await unused.put(1)
        assert not (tmp_path / "unused.db").exists()
        memory = AsyncSQLiteQueue(":memory:")
        await memory.put("in memory")
        assert await memory.get() == "in memory"

    asyncio.run(main())
    with pytest.raises(ValueError, match="durability"):
        AsyncSQLiteQueue(tmp_path / "x.db", durability="maybe")  # type: ignore[arg-type]


@on_each_loop
def test_async_for_over_a_database_queue_ends_with_close(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        queue = AsyncSQLiteQueue(tmp_path / "x.db")

        async def read() -> list:
            return [item async for item in queue]

        reader = asyncio.create_task(read())
        for item in range(3):
            await queue.put(item)
        while await queue.qsize():
            await asyncio.sleep(0.001)
        get = asyncio.create_task(AsyncSQLiteQueue(tmp_path / "other.db").get())
        await queue.close()
        assert await asyncio.wait_for(reader, 5) == [0, 1, 2]
        get.cancel()

    run(loop, main())


# --- beside other queues --------------------------------------------------------------------------


@on_each_loop
def test_sync_and_async_queues_share_a_database_at_once(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        queue = AsyncSQLiteQueue(tmp_path / "data.db", durability="process")
        other = SQLiteQueue(tmp_path, durability="process")
        taken: list = []
        in_thread: list = []

        def put(number: int) -> None:
            for i in range(100):
                other.put((number, i))

        def take() -> None:
            while (item := other.get()) is not None:
                in_thread.append(item)

        async def consume() -> None:
            while (item := await queue.get()) is not None:
                taken.append(item)

        consumers = [asyncio.create_task(consume()) for _ in range(3)]
        threads = [threading.Thread(target=put, args=[n]) for n in range(2)]
        taker = threading.Thread(target=take)
        for thread in [*threads, taker]:
            thread.start()
        await asyncio.gather(*(queue.put((2, i)) for i in range(100)))
        for thread in threads:
            await asyncio.to_thread(thread.join)
        while await queue.qsize():
            await asyncio.sleep(0.001)
        await queue.put_many([None] * 4)
        await asyncio.gather(*consumers)
        await asyncio.to_thread(taker.join)
        assert sorted(taken + in_thread) == sorted((n, i) for n in range(3) for i in range(100))

    run(loop, main())


@on_each_loop
def test_failing_42_a_put_of_another_process_wakes_a_get_from_a_database(
    tmp_path: Path, loop: str
) -> None:
    code = """
import sys
from persistqueue import SQLiteQueue
queue = SQLiteQueue(sys.argv[1], "jobs")
for line in sys.stdin:
    queue.put(line.strip())
"""

    async def main() -> None:
        queue = AsyncSQLiteQueue(tmp_path / "data.db", name="jobs")
        times = []
        with ending(start_python(code, tmp_path)) as (child,):
            for number in range(15):
                get = asyncio.create_task(queue.get())
                await asyncio.sleep(0.03)
                start = time.monotonic()
                child.stdin.write(f"{number}\n")
                child.stdin.flush()
                assert await asyncio.wait_for(get, 10) == str(number)
                times.append(time.monotonic() - start)
        assert sorted(times[1:])[len(times) // 2] < 0.2

    run(loop, main())


def test_failing_41_the_name_is_the_tables(tmp_path: Path) -> None:
    async def main() -> None:
        for name in ("one", "two"):
            async with AsyncSQLiteQueue(tmp_path / "data.db", name=name) as queue:
                await queue.put(name)

    asyncio.run(main())
    assert SQLiteQueue(tmp_path, "one").get_nowait() == "one"
    assert SQLiteQueue(tmp_path, "two").get_nowait() == "two"


@on_each_loop
def test_failing_41_a_duplicate_leaves_the_database_free(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        queue = AsyncUniqueQ(tmp_path / "data.db")
        assert [await queue.put({"a": 1, "b": 2}), await queue.put({"b": 2, "a": 1})] == [1, None]
        assert [await queue.put_nowait("a"), await queue.put_nowait("a")] == [2, None]
        assert await queue.put_many(["a", "b"]) == [None, 3]
        other = sqlite3.connect(tmp_path / "data.db", timeout=0)
        other.execute("CREATE TABLE other (a)")
        other.close()

    run(loop, main())
    assert UniqueQ(tmp_path).qsize() == 3


@on_each_loop
def test_failing_42_puts_without_auto_commit_are_there_after_close(
    tmp_path: Path, loop: str
) -> None:
    async def main() -> None:
        queue = AsyncSQLiteQueue(tmp_path / "x.db", auto_commit=False)
        for item in "abc":
            await queue.put(item)
        assert await queue.get() == "a"
        assert await queue.qsize() == 2
        await queue.task_done()
        assert await queue.get() == "b"
        await queue.close()
        queue = AsyncSQLiteQueue(tmp_path / "x.db", auto_commit=False)
        assert await queue.get_many(9) == ["b", "c"]
        del queue
        gc.collect()
        async with AsyncSQLiteQueue(tmp_path / "x.db") as queue:
            assert await queue.qsize() == 2

    run(loop, main())


def test_failing_42_a_raw_filo_get_keeps_the_item(tmp_path: Path) -> None:
    async def main() -> None:
        queue = AsyncFILOSQLiteQueue(tmp_path / "x.db")
        await queue.put_many(["a", "b"])
        assert (await queue.get(raw=True))["data"] == "b"
        assert (await queue.get(raw=True))["data"] == "a"

    asyncio.run(main())


def test_failing_43_large_items_from_a_database_take_no_time_for_each_other(
    tmp_path: Path,
) -> None:
    item = b"x" * 1_000_000

    async def main() -> float:
        queue = AsyncSQLiteQueue(tmp_path / "x.db", durability="process")
        await queue.put_many([item] * 99)
        start = time.monotonic()
        for _ in range(99):
            assert len(await queue.get()) == 1_000_000
        return time.monotonic() - start

    assert asyncio.run(main()) < 2.0


# --- cancelling -----------------------------------------------------------------------------------


@on_each_loop
@pytest.mark.parametrize("auto_commit", [True, False])
def test_failing_40_three_hundred_times_a_hundred_cancelled_gets_from_a_database(
    tmp_path: Path, loop: str, auto_commit: bool
) -> None:
    async def main() -> None:
        queue = AsyncSQLiteQueue(tmp_path / "x.db", auto_commit=auto_commit, durability="process")
        chance = random.Random(40)
        taken: list = []
        put = 0
        for _ in range(300):
            gets = [asyncio.create_task(queue.get()) for _ in range(100)]
            if chance.random() < 0.7:
                await asyncio.sleep(0)
            puts = range(put, put + chance.randrange(1, 20))
            put += len(puts)
            await queue.put_many(list(puts))
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(chance.choice([0, 0.001]))
            for get in gets:
                get.cancel()
            for result in await asyncio.gather(*gets, return_exceptions=True):
                if not isinstance(result, asyncio.CancelledError):
                    taken.append(result)
        deadline = time.monotonic() + 5
        while (left := await queue.qsize()) != put - len(taken):
            assert time.monotonic() < deadline, (left, put, len(taken))
        taken += await queue.get_many(put) if left else []
        assert sorted(taken) == list(range(put))

    run(loop, main(), 80)


@on_each_loop
def test_failing_40_a_cancelled_put_into_a_database_is_counted_or_not_there(
    tmp_path: Path, loop: str
) -> None:
    async def main() -> None:
        queue = AsyncSQLiteQueue(tmp_path / "x.db")
        # On a slow disk all of the others may be cancelled in time, and get_many waits for an item.
        await queue.put(-1)
        chance = random.Random(7)
        stored = {-1}
        for number in range(60):
            put = asyncio.create_task(queue.put(number))
            await asyncio.sleep(chance.choice([0, 0.0005, 0.002]))
            put.cancel()
            [result] = await asyncio.gather(put, return_exceptions=True)
            if not isinstance(result, asyncio.CancelledError):
                stored.add(number)
        size = await queue.qsize()
        items = await queue.get_many(100)
        assert size == len(items) == len(set(items))
        assert stored <= set(items)
        full = AsyncSQLiteQueue(tmp_path / "full.db", maxsize=1)
        await full.put(1)
        put = asyncio.create_task(full.put(2))
        await asyncio.sleep(0.05)
        put.cancel()
        await asyncio.gather(put, return_exceptions=True)
        assert await full.get() == 1
        assert await full.qsize() == 0

    run(loop, main())


@on_each_loop
@pytest.mark.parametrize("kind", [*KINDS, AsyncSQLiteAckQueue], ids=lambda kind: kind.__name__)
def test_ten_thousand_tasks_wait_on_a_database_without_threads(
    tmp_path: Path, loop: str, kind: Any
) -> None:
    async def main() -> float:
        queue = kind(tmp_path / "x.db", durability="process")
        await queue.qsize()
        before = len(os.listdir("/proc/self/task"))
        gets = [asyncio.create_task(queue.get()) for _ in range(10_000)]
        await asyncio.sleep(1)
        assert len(os.listdir("/proc/self/task")) <= before + 1
        start = time.monotonic()
        await queue.put_many(range(10_000))
        assert sorted(await asyncio.gather(*gets)) == list(range(10_000))
        return time.monotonic() - start

    assert run(loop, main()) < 20


def test_a_closed_loop_takes_no_item_of_a_database_along(tmp_path: Path) -> None:
    queue = AsyncSQLiteQueue(tmp_path / "x.db")
    dead = asyncio.new_event_loop()
    tasks = [dead.create_task(wait(queue)) for _ in range(3)]
    dead.run_until_complete(asyncio.sleep(0.1))
    for task in tasks:
        task._log_destroy_pending = False
    dead.close()
    del tasks, task, dead
    gc.collect()

    async def main() -> None:
        get = asyncio.create_task(queue.get())
        await asyncio.sleep(0.01)
        await queue.put("a")
        assert await asyncio.wait_for(get, 5) == "a"
        await queue.put("b")
        assert await queue.qsize() == 1

    asyncio.run(main())


async def wait(queue: Any) -> None:
    await queue.get()


# --- serializers ----------------------------------------------------------------------------------


class SlowRows:
    """Coroutine functions, for rows."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.go.set()

    async def dumps(self, value: Any) -> str:
        await asyncio.sleep(0.001)
        return json.dumps(value)

    async def loads(self, data: str) -> Any:
        await asyncio.sleep(0.001)
        await self.go.wait()
        return json.loads(data)


class SlowFiles:
    """Coroutine functions, for files."""

    async def dump(self, value: Any, fp: Any) -> None:
        await asyncio.sleep(0.001)
        fp.write(json.dumps(value).encode())

    async def load(self, fp: Any) -> Any:
        await asyncio.sleep(0.001)
        return json.loads(fp.read())


@on_each_loop
@pytest.mark.parametrize("serializer", [SlowRows, SlowFiles])
@pytest.mark.parametrize("auto_commit", [True, False])
def test_an_asynchronous_serializer_of_rows_is_awaited(
    tmp_path: Path, loop: str, serializer: type, auto_commit: bool
) -> None:
    async def main() -> None:
        for kind in (AsyncSQLiteQueue, AsyncUniqueQ):
            queue = kind(tmp_path / "x.db", serializer=serializer(), auto_commit=auto_commit)
            await queue.put({"a": 1})
            await queue.put_many([2, 3])
            assert await queue.peek() == {"a": 1}
            assert [row["data"] for row in await queue.queue()] == [{"a": 1}, 2, 3]
            assert [await queue.get(), await queue.get_many(9)] == [{"a": 1}, [2, 3]]
            with pytest.raises(TypeError):
                await queue.put(object())
            await queue.close()

    run(loop, main())


@on_each_loop
def test_a_get_of_a_row_that_is_cancelled_while_it_deserializes_leaves_it(
    tmp_path: Path, loop: str
) -> None:
    async def main() -> None:
        serializer = SlowRows()
        queue = AsyncSQLiteQueue(tmp_path / "x.db", serializer=serializer)
        await queue.put_many(["a", "b"])
        serializer.go.clear()
        for call in (queue.get(), queue.get_many(2)):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(call, 0.1)
        serializer.go.set()
        assert await queue.qsize() == 2
        assert [await queue.get(), await queue.get()] == ["a", "b"]

    run(loop, main())


def test_a_synchronous_database_queue_refuses_an_asynchronous_serializer(tmp_path: Path) -> None:
    queue = SQLiteQueue(tmp_path, serializer=SlowRows())
    with pytest.raises(TypeError, match="async"):
        queue.put(1)
    assert queue.qsize() == 0


@on_each_loop
@pytest.mark.parametrize("name", ["pickle", "json", "msgpack", "cbor2"])
def test_failing_39_rows_of_every_serializer_come_back(
    tmp_path: Path, loop: str, name: str
) -> None:
    if name in ("msgpack", "cbor2"):
        require(name)

    async def main() -> None:
        items = [0, "text", {"a": {"b": None}}, "x" * 5000]
        async with AsyncSQLiteQueue(
            tmp_path / "x.db", serializer=getattr(serializers, name)
        ) as queue:
            await queue.put_many(items)
            assert [await queue.get() for _ in items] == items

    run(loop, main())


def test_a_row_that_does_not_decode_stays(tmp_path: Path) -> None:
    async def main() -> None:
        queue = AsyncSQLiteQueue(tmp_path / "x.db")
        await queue.put_many(["a", "b"])
        database = sqlite3.connect(tmp_path / "x.db")
        database.execute("UPDATE queue_default SET data = x'00' WHERE _id = 1")
        database.commit()
        database.close()
        with pytest.raises(UndecodableError) as caught:
            await queue.get()
        assert caught.value.id == 1
        assert await queue.get() == "b"
        await queue.update("mended", 1)
        assert await queue.get() == "mended"

    asyncio.run(main())


def test_an_async_database_queue_is_handed_on_as_what_it_was_opened_with(tmp_path: Path) -> None:
    queue = pickle.loads(pickle.dumps(AsyncUniqueQ(tmp_path / "data.db", "n", maxsize=7)))
    assert (type(queue), queue.name, queue.maxsize) == (AsyncUniqueQ, "n", 7)

    async def main() -> None:
        await queue.put(1)

    asyncio.run(main())
    with pytest.raises(ValueError, match="memory"):
        pickle.dumps(AsyncSQLiteQueue(":memory:"))


@on_each_loop
def test_a_hundred_puts_at_once_are_all_there(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        queue = AsyncSQLiteQueue(tmp_path / "x.db")
        ids = await asyncio.gather(*(queue.put(n) for n in range(100)))
        assert sorted(ids) == list(range(1, 101))
        taken = await asyncio.gather(*(queue.get() for _ in range(100)))
        assert sorted(taken) == list(range(100))

    run(loop, main())
