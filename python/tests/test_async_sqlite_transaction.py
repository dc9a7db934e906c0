"""Several puts and settlements of a task in one commit: all of it or nothing."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from async_helpers import on_each_loop, run
from test_async_sqlite import SlowRows

from persistqueue import (
    AsyncSQLiteAckQueue,
    AsyncSQLiteQueue,
    AsyncTransaction,
    AsyncUniqueQ,
    ClosedError,
    Full,
    NotHeldError,
    SQLiteQueue,
)

pytestmark = pytest.mark.timeout(90)


def queues(path: Path, **options: Any) -> tuple[AsyncSQLiteAckQueue, AsyncSQLiteQueue]:
    inbox = AsyncSQLiteAckQueue(path / "data.db", name="inbox", durability="process")
    outbox = AsyncSQLiteQueue(path / "data.db", name="outbox", durability="process", **options)
    return inbox, outbox


async def counts(queue: AsyncSQLiteAckQueue) -> tuple[int, int, int]:
    return await queue.qsize(), await queue.unack_count(), await queue.acked_count()


@on_each_loop
def test_a_tasks_block_commits_at_its_end_and_nothing_before(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        inbox, outbox = queues(tmp_path)
        await inbox.put_many(["a", "b", "c"])
        done, again, given_up = await inbox.get_many(3)
        async with inbox.transaction() as transaction:
            assert isinstance(transaction, AsyncTransaction)
            assert await transaction.put("result", queue=outbox) is None
            await transaction.put("more work")
            assert await transaction.ack(done) is None
            await transaction.nack(again)
            await transaction.ack_failed(given_up)
            assert (await outbox.qsize(), await counts(inbox)) == (0, (0, 3, 0))
        assert (await outbox.qsize(), await counts(inbox)) == (1, (2, 0, 1))
        assert await inbox.active_size() == 2, "nothing of it is held any more"
        assert await outbox.get() == "result"
        assert [await inbox.get(), await inbox.get()] == ["b", "more work"]

        unique = AsyncUniqueQ(tmp_path / "data.db")
        transaction = unique.transaction()
        for item in "aa":
            await transaction.put(item)
        await transaction.put("other", queue=outbox)
        ids = await transaction.commit()
        assert ids == [1, None, ids[2]]
        assert isinstance(ids[2], int)
        for late in (transaction.commit(), transaction.put("late")):
            with pytest.raises(ValueError, match="over"):
                await late

    run(loop, main())


@on_each_loop
def test_an_exception_drops_all_of_a_tasks_transaction(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        inbox, outbox = queues(tmp_path)
        await inbox.put("a")
        item = await inbox.get()
        with pytest.raises(RuntimeError, match="mine"):
            async with inbox.transaction() as transaction:
                await transaction.put("result", queue=outbox)
                await transaction.ack(item)
                raise RuntimeError("mine")
        assert (await outbox.qsize(), await counts(inbox)) == (0, (0, 1, 0))
        assert await inbox.ack(item) == 1

    run(loop, main())


@on_each_loop
def test_a_refusal_drops_all_of_a_tasks_transaction(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        inbox, outbox = queues(tmp_path, maxsize=1)
        await inbox.put_many(["a", "b"])
        item, other = await inbox.get_many(2)
        with pytest.raises(Full):
            async with inbox.transaction() as transaction:
                await transaction.ack(item)
                await transaction.put(1, queue=outbox)
                await transaction.put(2, queue=outbox)
        assert (await outbox.qsize(), await counts(inbox)) == (0, (0, 2, 0))
        transaction = inbox.transaction()
        await transaction.ack(item)
        await transaction.put(1, queue=outbox)
        await inbox.ack(item)
        with pytest.raises(NotHeldError):
            await transaction.commit()
        assert await outbox.qsize() == 0
        with pytest.raises(NotHeldError):
            await inbox.transaction().ack("never taken")
        assert await inbox.ack(other) == 2

    run(loop, main())


@on_each_loop
def test_only_async_queues_of_one_database_take_part(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        inbox, outbox = queues(tmp_path)
        elsewhere = AsyncSQLiteQueue(tmp_path / "elsewhere.db")
        batched = AsyncSQLiteQueue(tmp_path / "data.db", "batched", auto_commit=False)
        transaction = inbox.transaction()
        for wrong in (elsewhere, batched, SQLiteQueue(tmp_path), "no queue"):
            with pytest.raises(ValueError):
                await transaction.put("item", queue=wrong)  # type: ignore[arg-type]
        for call in (
            transaction.ack("item", queue=outbox),
            transaction.put("item", priority=1),
            transaction.put("item", queue=outbox, delay=1),
            transaction.put("item", delay=-1),
        ):
            with pytest.raises(ValueError):
                await call
        assert await transaction.commit() == []
        await outbox.close()
        with pytest.raises(ClosedError):
            await transaction.put("late", queue=outbox)

    run(loop, main())


@on_each_loop
def test_an_asynchronous_serializer_is_awaited_in_a_transaction(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        queue = AsyncSQLiteQueue(tmp_path / "x.db", serializer=SlowRows())
        with pytest.raises(TypeError):
            async with queue.transaction() as transaction:
                await transaction.put({"a": 1})
                await transaction.put(object())
        assert await queue.qsize() == 0
        async with queue.transaction() as transaction:
            await transaction.put({"a": 1})
        assert await queue.get() == {"a": 1}

    run(loop, main())


@on_each_loop
def test_a_cancelled_commit_is_all_or_nothing(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        inbox, outbox = queues(tmp_path)
        other = AsyncSQLiteQueue(tmp_path / "data.db", "other", durability="process")
        chance = random.Random(9)
        await inbox.put_many(range(200))
        cancelled = 0

        async def work(item: int) -> None:
            async with inbox.transaction() as transaction:
                await transaction.put(item, queue=outbox)
                await transaction.ack(id=item + 1)
                await transaction.put(item, queue=other)

        for item in await inbox.get_many(200):
            task = asyncio.create_task(work(item))
            await asyncio.sleep(chance.choice([0, 0.0002, 0.0005, 0.001]))
            task.cancel()
            [result] = await asyncio.gather(task, return_exceptions=True)
            cancelled += isinstance(result, asyncio.CancelledError)
        assert 0 < cancelled <= 200
        # What was begun comes to its end behind what is asked now.
        await other.put("last")
        published = [row["data"] for row in await outbox.queue()]
        assert published == [row["data"] for row in await other.queue()][:-1]
        acked = [row["data"] for row in await inbox.queue() if row["status"] == 5]
        assert acked == published
        assert await inbox.unack_count() == 200 - len(published)

    run(loop, main())


@on_each_loop
def test_a_cancelled_commit_that_was_made_wakes_who_waits(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        made = 0
        for number in range(40):
            queue = AsyncSQLiteQueue(tmp_path / "x.db", f"{number}", durability="process")
            get = asyncio.create_task(queue.get())
            await asyncio.sleep(0.002)
            transaction = queue.transaction()
            await transaction.put(number)
            commit = asyncio.create_task(call(transaction))
            await asyncio.sleep(number % 8 * 0.0001)
            commit.cancel()
            await asyncio.gather(commit, return_exceptions=True)
            await asyncio.wait([get], timeout=0.2)
            assert get.done() or await queue.qsize() == 0, "nobody was told"
            made += get.done()
            get.cancel()
        assert made > 0

    run(loop, main())


async def call(transaction: AsyncTransaction) -> None:
    await transaction.commit()


@on_each_loop
def test_a_hundred_transactions_at_once_and_a_blocking_queue_beside(
    tmp_path: Path, loop: str
) -> None:
    async def main() -> None:
        inbox, outbox = queues(tmp_path)
        await inbox.put_many(range(100))

        async def work() -> None:
            item = await inbox.get()
            async with inbox.transaction() as transaction:
                await transaction.put(item * 2, queue=outbox)
                await transaction.ack(item)

        await asyncio.gather(*(work() for _ in range(100)))
        assert await counts(inbox) == (0, 0, 100)

    run(loop, main())
    blocking = SQLiteQueue(tmp_path, "outbox")
    assert sorted(blocking.get_many(200)) == [2 * number for number in range(100)]
