"""The tables of 1.1.0's asynchronous classes, which forget the name: we go on there."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from helpers import ending, run_python
from originals import Original, start_async_original

from persistqueue import AsyncFILOSQLiteQueue, AsyncSQLiteQueue, AsyncUniqueQ, SQLiteQueue
from persistqueue.exceptions import UndecodableError

pytestmark = pytest.mark.timeout(90)

KINDS = [AsyncSQLiteQueue, AsyncFILOSQLiteQueue, AsyncUniqueQ]
ITEMS = [{"number": 1, "text": "é"}, "b", None, [4, (5,)], b"\0"]


@contextmanager
def original(kind: Any, path: Path, **options: Any) -> Iterator[Original]:
    with ending(start_async_original(kind, path, **options)) as (process,):
        yield Original(process)


def fill(kind: Any, path: Path, items: list, **options: Any) -> None:
    """As 1.1.0 leaves the file when it is closed."""
    with original(kind, path, **options) as q:
        for item in items:
            assert isinstance(q(f"q.put({item!r})"), int)
        q("q.close()")


def rows(path: Path, table: str) -> int:
    database = sqlite3.connect(path)
    [[count]] = database.execute(f"SELECT COUNT(*) FROM {table}")
    database.close()
    return count


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", [{}, {"name": "jobs"}], ids=["default", "named"])
@pytest.mark.parametrize("auto_commit", [True, False])
def test_what_an_async_original_left_comes_out_in_order(
    tmp_path: Path, kind: Any, name: dict, auto_commit: bool
) -> None:
    path = tmp_path / "x.db"
    fill(kind, path, ITEMS, **name)

    async def main() -> None:
        async with kind(path, auto_commit=auto_commit, **name) as queue:
            assert await queue.qsize() == len(ITEMS)
            assert await queue.put("more") == len(ITEMS) + 1
            items = [await queue.get(block=False) for _ in range(len(ITEMS) + 1)]
            expected = [*ITEMS, "more"]
            assert items == (expected[::-1] if kind is AsyncFILOSQLiteQueue else expected)
            assert await queue.empty()
            await queue.task_done()
        # Nothing is left there: the name counts from now on.
        async with kind(path, **name) as queue:
            await queue.put("named")

    asyncio.run(main())
    table = kind._KIND
    assert [rows(path, table), rows(path, f"{table}_{name.get('name', 'default')}")] == [0, 1]


def test_a_unique_queue_knows_the_values_that_an_async_original_left(tmp_path: Path) -> None:
    fill(AsyncUniqueQ, tmp_path / "x.db", [{"b": 1, "a": 2}])

    async def main() -> None:
        async with AsyncUniqueQ(tmp_path / "x.db") as queue:
            assert await queue.put({"a": 2, "b": 1}) is None
            assert await queue.qsize() == 1

    asyncio.run(main())


def test_a_running_async_original_shares_its_table(tmp_path: Path) -> None:
    path = tmp_path / "x.db"

    async def main(q: Original) -> None:
        q("q.put('first')")
        ours = [AsyncSQLiteQueue(path), AsyncSQLiteQueue(path, "other name")]
        assert [await queue.qsize() for queue in ours] == [1, 1]
        await ours[0].put("second")
        assert q("q.qsize()") == 2
        assert await ours[1].get() == "first"
        assert q("q.get(block=False)") == "second"
        # Empty for a moment, it stays theirs and ours.
        assert [await queue.qsize() for queue in ours] == [0, 0]
        late = AsyncSQLiteQueue(path)
        get = asyncio.create_task(late.get())
        await asyncio.sleep(0.1)
        q("q.put('third')")
        assert await asyncio.wait_for(get, 10) == "third"

        taken: list = []
        for number in range(100):
            await ours[number % 2].put(("ours", number))
            q(f"q.put(('theirs', {number}))")
            taken.append(await ours[0].get())
            taken.append(q("q.get(block=False)"))
        both = [(who, number) for number in range(100) for who in ("ours", "theirs")]
        assert taken == both
        for queue in [*ours, late]:
            await queue.close()

    with original(AsyncSQLiteQueue, path) as q:
        asyncio.run(main(q))
    assert "queue_default" not in tables(path)


def tables(path: Path) -> list[str]:
    database = sqlite3.connect(path)
    names = [name for (name,) in database.execute("SELECT name FROM sqlite_master")]
    database.close()
    return names


def test_the_nameless_table_concerns_no_other_class_and_no_other_program(tmp_path: Path) -> None:
    fill(AsyncSQLiteQueue, tmp_path / "data.db", ["theirs"])
    assert SQLiteQueue(tmp_path).qsize() == 0
    other = tmp_path / "other.db"
    database = sqlite3.connect(other)
    database.execute("CREATE TABLE queue (who TEXT)")
    database.execute("INSERT INTO queue VALUES ('me')")
    database.commit()
    database.close()

    async def main() -> None:
        async with AsyncFILOSQLiteQueue(tmp_path / "data.db") as queue:
            assert await queue.qsize() == 0
        async with AsyncSQLiteQueue(other) as queue:
            await queue.put("mine")
            assert await queue.get() == "mine"

    asyncio.run(main())
    assert rows(other, "queue") == 1


def test_an_error_names_the_nameless_table(tmp_path: Path) -> None:
    fill(AsyncSQLiteQueue, tmp_path / "x.db", ["a"])
    database = sqlite3.connect(tmp_path / "x.db")
    database.execute("UPDATE queue SET data = x'00'")
    database.commit()
    database.close()

    async def main() -> None:
        with pytest.raises(UndecodableError, match=r"row 1 of queue in .*x\.db cannot"):
            await AsyncSQLiteQueue(tmp_path / "x.db").get()

    asyncio.run(main())


def test_a_forked_child_stays_with_the_nameless_table_of_its_parent(tmp_path: Path) -> None:
    fill(AsyncSQLiteQueue, tmp_path / "x.db", ["a"])
    code = """
import asyncio, os, sys
from persistqueue import AsyncSQLiteQueue
queue = AsyncSQLiteQueue(sys.argv[1])
async def parent():
    assert await queue.get() == "a"
asyncio.run(parent())
if os.fork() == 0:
    asyncio.run(queue.put("from the child"))
    os._exit(0)
assert os.wait()[1] == 0
assert asyncio.run(queue.get(block=False)) == "from the child"
"""
    run_python(code, tmp_path / "x.db")
