"""The asynchronous queues with acknowledgements."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from async_helpers import on_each_loop, run
from test_async_sqlite import SlowRows

from persistqueue import (
    AsyncFILOSQLiteAckQueue,
    AsyncSQLiteAckQueue,
    AsyncUniqueAckQ,
    Empty,
    SQLiteAckQueue,
)

pytestmark = pytest.mark.timeout(90)


@on_each_loop
def test_async_items_stay_until_they_are_acknowledged(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        async with AsyncSQLiteAckQueue(tmp_path / "data.db") as queue:
            assert await queue.put_many(["a", "b", "c", "d"]) == [1, 2, 3, 4]
            a, b = await queue.get(), await queue.get()
            raw = await queue.get(raw=True)
            assert (a, b, raw["data"], await queue.unack_count()) == ("a", "b", "c", 3)
            assert await queue.active_size() == 4
            assert [await queue.ack(a), await queue.ack(id=2), await queue.nack(raw)] == [1, 2, 3]
            assert await queue.ack(a) is None
            assert [await queue.acked_count(), await queue.ready_count()] == [2, 1]
            c, d = await queue.get_many(9)
            assert (c, d) == ("c", "d")
            assert await queue.ack_many([d], [3]) == [4, 3]
            with pytest.raises(Empty):
                await queue.get(block=False)
            assert await queue.put("later", delay=0.05) == 5
            assert await queue.delayed_count() == 1
            later = await asyncio.wait_for(queue.get(lease=60), 5)
            assert await queue.extend(later, lease=5)
            assert await queue.ack_failed(later) == 5
            assert await queue.ack_failed_count() == 1
            await queue.clear_acked_data(keep_latest=0, clear_ack_failed=True)
            assert await queue.queue() == []
            await queue.put("left")
            assert await queue.get() == "left"

    run(loop, main())
    assert SQLiteAckQueue(tmp_path).get(block=False) == "left"


@on_each_loop
def test_async_dead_letters_and_kinds(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        queue = AsyncSQLiteAckQueue(tmp_path / "x.db", max_attempts=1)
        await queue.put("a")
        await queue.nack(await queue.get())
        assert [letter["data"] for letter in await queue.dead_letters()] == ["a"]
        assert (await queue.dead_count(), await queue.requeue_dead()) == (1, 1)
        await queue.nack(await queue.get())
        assert await queue.drop_dead([1]) == 1
        filo = AsyncFILOSQLiteAckQueue(tmp_path / "x.db")
        await filo.put_many([1, 2])
        assert await filo.get() == 2
        unique = AsyncUniqueAckQ(tmp_path / "x.db")
        assert [await unique.put("a"), await unique.put("a")] == [1, None]
        await unique.ack(await unique.get())
        assert await unique.put("a") == 2

    run(loop, main())


@on_each_loop
def test_three_hundred_times_a_hundred_cancelled_gets_hold_nothing(
    tmp_path: Path, loop: str
) -> None:
    async def main() -> None:
        queue = AsyncSQLiteAckQueue(tmp_path / "x.db", durability="process", keep_acked=False)
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
            got = [
                result
                for result in await asyncio.gather(*gets, return_exceptions=True)
                if not isinstance(result, asyncio.CancelledError)
            ]
            await queue.ack_many(got)
            taken += got
        while len(taken) < put:
            got = await queue.get_many(put, timeout=5)
            taken += got
            await queue.ack_many(got)
        assert sorted(taken) == list(range(put))
        assert await queue.unack_count() == 0

    run(loop, main(), 80)


def test_an_ack_get_that_is_cancelled_while_it_deserializes_gives_back(tmp_path: Path) -> None:
    async def main() -> None:
        serializer = SlowRows()
        queue = AsyncSQLiteAckQueue(tmp_path / "x.db", serializer=serializer)
        await queue.put_many(["a", "b"])
        serializer.go.clear()
        for call in (queue.get(), queue.get_many(2)):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(call, 0.1)
        serializer.go.set()
        assert (await queue.qsize(), await queue.unack_count()) == (2, 0)
        assert await queue.get_many(2) == ["a", "b"]

    asyncio.run(main())
