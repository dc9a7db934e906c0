"""The asynchronous dictionary: the same one as `PDict`, for tasks."""

from __future__ import annotations

import asyncio
import inspect
import pickle
import random
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from async_helpers import on_each_loop, run
from test_async_sqlite import SlowFiles, SlowRows
from test_pdict_shared import Peer

import persistqueue
from persistqueue import AsyncPDict, AsyncSQLiteQueue, PDict
from persistqueue.exceptions import ClosedError, LockedError, UnrecognisedError

pytestmark = pytest.mark.timeout(90)


def test_the_async_dictionary_is_where_its_like_are() -> None:
    from persistqueue import async_sqlqueue

    assert async_sqlqueue.AsyncPDict is persistqueue.AsyncPDict
    parameters = inspect.signature(AsyncPDict).parameters.values()
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == ["path", "name", "serializer"]


@on_each_loop
def test_an_async_dictionary_does_what_a_dictionary_does(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        d = AsyncPDict(tmp_path / "x.db", "d")
        assert not (tmp_path / "x.db").exists()
        call = d.set("a", 1)
        assert asyncio.iscoroutine(call)
        assert await call is None
        assert [await d["a"], await d.get("a"), await d.get("a", 0)] == [1, 1, 1]
        assert [await d.get("b"), await d.get("b", 0), await d.get(object(), 0)] == [None, 0, 0]
        assert [await d.contains("a"), await d.contains("b")] == [True, False]
        assert [await d.setdefault("a", 9), await d.setdefault("b", 2)] == [1, 2]
        assert await d.setdefault("none") is None
        await d.update({"c": 3}, d=4)
        await d.update([("e", 5)])
        await d.update()
        assert [await d.size(), await d.empty()] == [6, False]
        assert await d.copy() == {"a": 1, "b": 2, "none": None, "c": 3, "d": 4, "e": 5}
        assert [await d.pop("b"), await d.pop("b", None), await d.pop("b", 7)] == [2, None, 7]
        assert await d.popitem() == ("e", 5)
        assert await d.delete("none") is None
        keys = d.keys()
        assert [key async for key in d] == [key async for key in keys] == ["a", "c", "d"]
        assert [value async for value in d.values()] == [1, 3, 4]
        assert [pair async for pair in d.items()] == [("a", 1), ("c", 3), ("d", 4)]
        await d.clear()
        assert [await d.size(), await d.empty(), await d.copy()] == [0, True, {}]
        with pytest.raises(KeyError, match="empty"):
            await d.popitem()
        await d.shrink_disk_usage()
        await d.close()
        await d.close()
        for late in (d.set("a", 1), d["a"], d.size(), d.copy(), d.contains(())):
            with pytest.raises(ClosedError):
                await late

    run(loop, main())


def test_a_key_that_is_missing_in_an_async_dictionary_is_a_key_error(tmp_path: Path) -> None:
    async def main() -> None:
        async with AsyncPDict(tmp_path / "x.db") as d:
            for call in (d["k"], d.pop("k"), d.delete("k")):
                with pytest.raises(KeyError) as caught:
                    await call
                assert caught.value.args == ("Key: k not exists.",)
            with pytest.raises(TypeError, match="key"):
                await d.set(object(), 1)
            with pytest.raises(TypeError, match="2 arguments"):
                await d.pop("k", 1, 2)

    asyncio.run(main())


def test_what_cannot_be_awaited_is_a_type_error(tmp_path: Path) -> None:
    d: Any = AsyncPDict(tmp_path / "x.db")
    with pytest.raises(TypeError, match="contains"):
        "a" in d  # noqa: B015
    for wrong in (list, len, lambda d: d.__setitem__, lambda d: d.__delitem__):
        with pytest.raises((TypeError, AttributeError)):
            wrong(d)


@on_each_loop
def test_keys_of_all_kinds_come_back_from_an_async_dictionary(tmp_path: Path, loop: str) -> None:
    keys = ["1", 1, b"1", 0.5, None, (1, "a"), "é", True]

    async def main() -> None:
        async with AsyncPDict(tmp_path / "x.db") as d:
            for number, key in enumerate(keys):
                await d.set(key, number)
            assert [await d[key] for key in keys] == [0, 7, 2, 3, 4, 5, 6, 7]
            assert [key async for key in d] == keys[:-1]

    run(loop, main())


@on_each_loop
def test_an_async_and_a_blocking_dictionary_on_one_file_agree(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        d = AsyncPDict(tmp_path / "data.db", "d", durability="process")
        other = PDict(tmp_path, "d", durability="process")
        await d.set("a", {"x": [1]})
        other["b"] = 2
        assert other == {"a": {"x": [1]}, "b": 2}
        assert await d.copy() == {"a": {"x": [1]}, "b": 2}
        del other["a"]
        assert not await d.contains("a")
        assert await AsyncPDict(tmp_path / "data.db", "other").size() == 0

        winners: list = []

        def pop() -> None:
            winners.extend(n for n in range(100) if other.pop(n, None) is not None)

        async def pop_later() -> None:
            for number in range(100):
                if await d.pop(number, None) is not None:
                    winners.append(number)

        await d.update((number, "x") for number in range(100))
        thread = threading.Thread(target=pop)
        thread.start()
        await asyncio.gather(*(pop_later() for _ in range(5)))
        await asyncio.to_thread(thread.join)
        assert sorted(winners) == list(range(100))
        defaults = await asyncio.gather(*(d.setdefault("who", n) for n in range(50)))
        assert set(defaults) == {other["who"]}

    run(loop, main())


def test_an_async_dictionary_shares_a_file_with_a_running_persist_queue(tmp_path: Path) -> None:
    peer = Peer(str(tmp_path))

    async def main() -> None:
        d = AsyncPDict(tmp_path / "data.db", "d")
        assert peer("set", "theirs", [1]) is None
        assert await d["theirs"] == [1]
        await d.set("ours", (2,))
        assert peer("get", "ours") == (2,)
        assert await d.pop("theirs") == [1]
        assert peer("in", "theirs") is False
        # What 1.1.0 stored for a number is found as one, and put back as it stood.
        peer("set", 5, "five")
        for round in range(60):
            pop = asyncio.create_task(d.pop(5))
            await asyncio.sleep(round % 12 * 0.0002)
            pop.cancel()
            [result] = await asyncio.gather(pop, return_exceptions=True)
            if result == "five":
                peer("set", 5, "five")
            deadline = time.monotonic() + 5
            while peer("get", 5) != "five" or await d.get(5) != "five":
                assert time.monotonic() < deadline

    try:
        asyncio.run(main())
    finally:
        peer.process.kill()
        peer.process.communicate()


@on_each_loop
def test_an_async_iteration_goes_on_while_others_change_what_is_there(
    tmp_path: Path, loop: str
) -> None:
    async def main() -> None:
        d = AsyncPDict(tmp_path / "x.db", durability="process")
        await d.update((number, number) for number in range(1000))
        met = []
        async for key in d:
            met.append(key)
            if isinstance(key, int) and key % 100 == 0:
                await d.delete(key)
                await d.set(f"new {key}", 0)
        assert [key for key in met if isinstance(key, int)] == list(range(1000))
        assert await d.size() == 1000

    run(loop, main())


@on_each_loop
def test_a_cancelled_step_of_an_async_iteration_skips_nothing(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        d = AsyncPDict(tmp_path / "x.db", serializer=SlowRowsAsBytes())
        await d.update((number, number) for number in range(300))
        items = d.items()
        met = []
        for polls in range(10_000):
            step = asyncio.ensure_future(anext(items))
            if polls % 3:
                for _ in range(polls % 5):
                    await asyncio.sleep(0)
                step.cancel()
            try:
                met.append(await step)
            except asyncio.CancelledError:
                pass
            except StopAsyncIteration:
                break
        assert met == [(number, number) for number in range(300)]
        first = asyncio.ensure_future(anext(d.values()))
        assert await first == 0
        values = d.values()
        steps = [asyncio.ensure_future(anext(values)) for _ in range(2)]
        one, two = await asyncio.gather(*steps, return_exceptions=True)
        assert one == 0
        assert isinstance(two, RuntimeError)

    run(loop, main())


class SlowRowsAsBytes(SlowRows):
    async def dumps(self, value: Any) -> bytes:  # type: ignore[override]
        return (await super().dumps(value)).encode()

    async def loads(self, data: bytes) -> Any:  # type: ignore[override]
        await asyncio.sleep(0)
        return await super().loads(data.decode())


@on_each_loop
@pytest.mark.parametrize("serializer", [SlowRowsAsBytes, SlowFiles])
def test_an_asynchronous_serializer_of_values_is_awaited(
    tmp_path: Path, loop: str, serializer: type
) -> None:
    async def main() -> None:
        d = AsyncPDict(tmp_path / "x.db", serializer=serializer())
        await d.set("a", {"b": 1})
        await d.update(c=2)
        assert [await d["a"], await d.get("a"), await d.setdefault("a")] == [{"b": 1}] * 3
        assert await d.setdefault("d", 3) == 3
        assert [value async for value in d.values()] == [{"b": 1}, 2, 3]
        assert [await d.pop("a"), await d.popitem()] == [{"b": 1}, ("d", 3)]
        with pytest.raises(TypeError):
            await d.update(good=1, bad=object())
        assert await d.copy() == {"c": 2}
        text = AsyncPDict(tmp_path / "x.db", serializer=SlowRows())
        with pytest.raises(TypeError, match="bytes"):
            await text.set("a", 1)

    run(loop, main())


@on_each_loop
def test_a_cancelled_pop_of_an_async_dictionary_has_removed_nothing(
    tmp_path: Path, loop: str
) -> None:
    async def main() -> None:
        d = AsyncPDict(tmp_path / "x.db", durability="process")
        keys = list(range(400))
        await d.update((key, str(key)) for key in keys)
        chance = random.Random(40)
        popped = []
        for key in keys:
            pop = asyncio.create_task(d.pop(key))
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(chance.choice([0, 0.0001, 0.002]))
            pop.cancel()
            [result] = await asyncio.gather(pop, return_exceptions=True)
            if not isinstance(result, asyncio.CancelledError):
                assert result == str(key)
                popped.append(key)
        assert 0 < len(popped) < len(keys)
        left = [key for key in keys if key not in popped]
        deadline = time.monotonic() + 5
        while (now := [key async for key in d]) != left:
            assert time.monotonic() < deadline, (now, left)
        assert [value async for value in d.values()] == [str(key) for key in left]

    run(loop, main())


@on_each_loop
def test_a_cancelled_set_of_an_async_dictionary_is_there_or_not(tmp_path: Path, loop: str) -> None:
    async def main() -> None:
        d = AsyncPDict(tmp_path / "x.db")
        sure = set()
        for key in range(60):
            put = asyncio.create_task(d.update({key: 1, -key: 1}))
            await asyncio.sleep([0, 0.0005, 0.002][key % 3])
            put.cancel()
            [result] = await asyncio.gather(put, return_exceptions=True)
            if result is None:
                sure.add(key)
        there = await d.copy()
        assert sure <= set(there)
        assert all(-key in there for key in there)

    run(loop, main())


def test_an_async_dictionary_is_opened_by_its_first_call(tmp_path: Path) -> None:
    (tmp_path / "no database").write_bytes(b"x" * 4096)

    async def main() -> None:
        d = AsyncPDict(tmp_path / "sub" / "x.db")
        await asyncio.gather(*(d.set(n, n) for n in range(50)))
        assert await d.size() == 50
        with pytest.raises(UnrecognisedError):
            async with AsyncPDict(tmp_path / "no database"):
                pass
        unused = AsyncPDict(tmp_path / "unused.db")
        await unused.close()
        with pytest.raises(ClosedError):
            await unused.set(1, 1)
        assert not (tmp_path / "unused.db").exists()
        memory = AsyncPDict(":memory:")
        await memory.set("a", "in memory")
        assert await memory["a"] == "in memory"

    asyncio.run(main())
    for wrong in ({"durability": "maybe"}, {"timeout": -1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            AsyncPDict(tmp_path / "x.db", **wrong)  # type: ignore[arg-type]


def test_an_async_dictionary_waits_for_a_lock_and_not_the_loop(tmp_path: Path) -> None:
    async def main() -> None:
        d = AsyncPDict(tmp_path / "x.db", timeout=0.3)
        await d.set("a", 1)
        other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        put = asyncio.create_task(d.set("a", 2))
        ticks = 0
        while not put.done():
            await asyncio.sleep(0.005)
            ticks += 1
        with pytest.raises(LockedError):
            await put
        assert ticks > 10
        other.execute("ROLLBACK")
        other.close()
        assert await d["a"] == 1

    asyncio.run(main())


def test_an_async_dictionary_and_a_queue_share_a_database(tmp_path: Path) -> None:
    async def main() -> None:
        queue, d = AsyncSQLiteQueue(tmp_path / "x.db"), AsyncPDict(tmp_path / "x.db")
        await asyncio.gather(*(queue.put(n) for n in range(50)), *(d.set(n, n) for n in range(50)))
        assert [await queue.qsize(), await d.size()] == [50, 50]

    asyncio.run(main())


def test_an_async_dictionary_is_handed_on_as_what_it_was_opened_with(tmp_path: Path) -> None:
    d = pickle.loads(pickle.dumps(AsyncPDict(tmp_path / "data.db", "n")))
    assert (type(d), d.name) == (AsyncPDict, "n")

    async def main() -> None:
        await d.set("a", 1)

    asyncio.run(main())
    assert PDict(tmp_path, "n") == {"a": 1}
    with pytest.raises(ValueError, match="memory"):
        pickle.dumps(AsyncPDict(":memory:"))
