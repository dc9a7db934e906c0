"""`auto_commit=False`: puts and takes are batched in memory, and made durable together."""

from __future__ import annotations

import gc
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from helpers import Blocked, in_thread, run_python

from persistqueue import (
    ClosedError,
    Empty,
    FILOSQLiteQueue,
    Full,
    PriorityQueue,
    SQLiteQueue,
    UndecodableError,
    UniqueQ,
    serializers,
)

TABLES = {
    SQLiteQueue: "queue_default",
    FILOSQLiteQueue: "filo_queue_default",
    UniqueQ: "unique_queue_default",
    PriorityQueue: "priority_queue_default",
}

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(params=TABLES, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def queue(kind: Any, tmp_path: Path) -> Any:
    return kind(str(tmp_path), auto_commit=False)


def stored(kind: Any, path: Path) -> list[int]:
    """The numbers of the rows that another program sees."""
    code = """
import sqlite3, sys
rows = sqlite3.connect(sys.argv[1]).execute(f"SELECT _id FROM {sys.argv[2]} ORDER BY _id")
print([number for number, in rows])
"""
    return eval(run_python(code, path / "data.db", TABLES[kind]).stdout)


def commits(path: Path) -> int:
    """How many transactions the write-ahead log holds: the last page of each says so."""
    log = (path / "data.db-wal").read_bytes()
    frame = 24 + int.from_bytes(log[8:12], "big")
    frames = range(32, len(log) - frame + 1, frame)
    return sum(log[at + 4 : at + 8] != bytes(4) for at in frames)


def ordered(kind: Any, items: list) -> list:
    return items[::-1] if kind is FILOSQLiteQueue else items


def test_others_see_nothing_before_task_done_and_all_after(
    kind: Any, queue: Any, tmp_path: Path
) -> None:
    for item in "abc":
        queue.put(item)
    assert stored(kind, tmp_path) == []
    queue.get()
    queue.put("d")
    assert stored(kind, tmp_path) == []
    queue.task_done()
    taken = 3 if kind is FILOSQLiteQueue else 1
    assert stored(kind, tmp_path) == [number for number in (1, 2, 3, 4) if number != taken]


def test_a_put_gives_the_number_that_its_row_has_later(
    kind: Any, queue: Any, tmp_path: Path
) -> None:
    numbers = [queue.put("a"), queue.put_nowait("b"), *queue.put_many(["c", "d"])]
    queue.close()
    assert stored(kind, tmp_path) == numbers == [1, 2, 3, 4]


def test_close_stores_what_was_batched(kind: Any, queue: Any, tmp_path: Path) -> None:
    queue.put_many([1, 2, 3])
    queue.close()
    assert list(kind(str(tmp_path))) == ordered(kind, [1, 2, 3])


def test_leaving_with_stores_what_was_batched(kind: Any, tmp_path: Path) -> None:
    with kind(str(tmp_path), auto_commit=False) as queue:
        queue.put("a")
    assert stored(kind, tmp_path) == [1]


def test_dropping_the_last_reference_stores_what_was_batched(kind: Any, tmp_path: Path) -> None:
    queue = kind(str(tmp_path), auto_commit=False)
    queue.put("a")
    other = queue
    del queue
    assert stored(kind, tmp_path) == []
    del other
    gc.collect()
    assert stored(kind, tmp_path) == [1]


def test_the_end_of_a_program_stores_what_was_batched(kind: Any, tmp_path: Path) -> None:
    code = """
import persistqueue, sys
queue = getattr(persistqueue, sys.argv[1])(sys.argv[2], auto_commit=False)
queue.put("a")
def of_a_function():
    queue.put("b")
of_a_function()
"""
    run_python(code, kind.__name__, tmp_path)
    assert list(kind(str(tmp_path))) == ordered(kind, ["a", "b"])


def test_a_batch_is_written_before_it_grows_past_a_thousand_items(
    kind: Any, queue: Any, tmp_path: Path
) -> None:
    for number in range(1000):
        queue.put(number)
    assert stored(kind, tmp_path) == []
    queue.put(1000)
    assert len(stored(kind, tmp_path)) == 1001


def test_a_batch_is_written_before_put_many_grows_it_past_a_thousand_items(
    kind: Any, queue: Any, tmp_path: Path
) -> None:
    assert queue.put_many(range(2500)) == list(range(1, 2501))
    assert len(stored(kind, tmp_path)) == 2500
    assert list(queue) == ordered(kind, list(range(2500)))


def test_24_a_thousand_puts_are_few_transactions(kind: Any, queue: Any, tmp_path: Path) -> None:
    before = commits(tmp_path)
    for number in range(1000):
        queue.put(number)
    queue.task_done()
    assert commits(tmp_path) - before <= 3


def test_24_a_thousand_gets_are_one_transaction(kind: Any, tmp_path: Path) -> None:
    kind(str(tmp_path)).put_many(range(1000))
    queue = kind(str(tmp_path), auto_commit=False)
    before = commits(tmp_path)
    assert list(queue) == ordered(kind, list(range(1000)))
    queue.task_done()
    assert commits(tmp_path) - before == 1
    assert stored(kind, tmp_path) == []


def test_many_gets_of_a_batch_are_no_transaction(kind: Any, queue: Any, tmp_path: Path) -> None:
    queue.put_many(range(20))
    queue.task_done()
    queue.put_many(range(20, 30))
    before = commits(tmp_path)
    got = queue.get_many(25) + queue.get_many(25)
    assert got == ordered(kind, list(range(30)))
    assert commits(tmp_path) == before
    queue.task_done()
    assert stored(kind, tmp_path) == []


def test_what_was_taken_and_not_done_comes_back_on_reopening(kind: Any, tmp_path: Path) -> None:
    with kind(str(tmp_path), auto_commit=False) as queue:
        queue.put_many(["a", "b"])
        queue.task_done()
        queue.put_many(["c", "d"])
        assert list(queue) == ordered(kind, ["a", "b", "c", "d"])
        assert queue.empty()
    assert list(kind(str(tmp_path), auto_commit=False)) == ordered(kind, ["a", "b", "c", "d"])


def test_what_was_taken_and_done_does_not_come_back(kind: Any, tmp_path: Path) -> None:
    with kind(str(tmp_path), auto_commit=False) as queue:
        queue.put_many([1, 2, 3, 4])
        done = [queue.get(), queue.get()]
        queue.task_done()
        undone = queue.get()
    again = list(kind(str(tmp_path)))
    assert again == [item for item in ordered(kind, [1, 2, 3, 4]) if item not in done]
    assert undone in again


def test_19_last_in_is_first_out_within_a_batch_and_beside_older_rows(tmp_path: Path) -> None:
    FILOSQLiteQueue(str(tmp_path)).put_many([1, 2])
    queue = FILOSQLiteQueue(str(tmp_path), auto_commit=False)
    queue.put(3)
    assert queue.get() == 3
    queue.put(4)
    assert [queue.get(), queue.get()] == [4, 2]


def test_19_task_done_of_a_last_in_first_out_queue_removes_what_was_taken(tmp_path: Path) -> None:
    with FILOSQLiteQueue(str(tmp_path), auto_commit=False) as queue:
        queue.put_many([1, 2, 3])
    with FILOSQLiteQueue(str(tmp_path), auto_commit=False) as queue:
        assert queue.get() == 3
        queue.task_done()
    assert list(FILOSQLiteQueue(str(tmp_path))) == [2, 1]


def test_19_the_lowest_priority_comes_first_within_a_batch(tmp_path: Path) -> None:
    with PriorityQueue(str(tmp_path), auto_commit=False) as queue:
        for priority in (10, 5, 1):
            queue.put(f"p{priority}", priority)
        assert queue.get() == "p1"
        queue.put("p0", 0)
        assert [queue.get(), queue.get()] == ["p0", "p5"]
        queue.task_done()
        assert stored(PriorityQueue, tmp_path) == [1]
        assert queue.get() == "p10"
    assert list(PriorityQueue(str(tmp_path))) == ["p10"]


def test_19_priorities_in_the_batch_and_in_the_database_are_one_order(tmp_path: Path) -> None:
    older = PriorityQueue(str(tmp_path))
    older.put("b", 2)
    older.put("d", 4)
    queue = PriorityQueue(str(tmp_path), auto_commit=False)
    queue.put("a", 1)
    queue.put("c", 3)
    queue.put("b too", 2)
    assert list(queue) == ["a", "b", "b too", "c", "d"]


def test_20_task_done_of_one_thread_leaves_what_others_work_on(kind: Any, tmp_path: Path) -> None:
    with kind(str(tmp_path), auto_commit=False) as queue:
        queue.put_many(range(4))
        mine = queue.get()
        theirs = in_thread(queue.get)
        queue.task_done()
    again = list(kind(str(tmp_path)))
    assert mine not in again
    assert theirs in again
    assert len(again) == 3


def test_20_many_threads_finish_each_their_own(kind: Any, tmp_path: Path) -> None:
    queue = kind(str(tmp_path), auto_commit=False, durability="process")
    queue.put_many(range(200))
    done: list = []
    kept: list = []

    def work() -> None:
        while True:
            try:
                item = queue.get_nowait()
            except Empty:
                break
            queue.task_done()
            done.append(item)

    def keep() -> None:
        kept.append(queue.get())

    in_thread(keep)
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.close()
    assert sorted(done + kept) == list(range(200))
    assert list(kind(str(tmp_path))) == kept


def test_25_a_get_by_id_takes_from_the_batch_and_from_the_database(kind: Any, queue: Any) -> None:
    queue.put_many("ab")
    queue.task_done()
    queue.put_many("cd")
    assert queue.get(id=2) == "b"
    assert queue.get_nowait(id=3, raw=True)["data"] == "c"
    with pytest.raises(Empty):
        queue.get(block=False, id=2)
    queue.task_done()
    assert list(queue) == ordered(kind, ["a", "d"])


def test_size_counts_what_waits_wherever_it_is(queue: Any) -> None:
    queue.put_many("ab")
    queue.task_done()
    queue.put("c")
    assert (queue.size, len(queue), queue.qsize(), queue.empty()) == (3, 3, 3, False)
    queue.get()
    assert queue.size == 2
    assert len(queue.queue()) == 2
    queue.task_done()
    assert queue.size == 2


def test_peek_and_in_see_what_waits_wherever_it_is(kind: Any, queue: Any) -> None:
    queue.put("a")
    assert queue.peek() == queue.peek(id=1) == "a"
    assert 1 in queue
    queue.task_done()
    queue.put("b")
    assert queue.peek() == ordered(kind, ["a", "b"])[0]
    assert queue.peek(id=2) == "b"
    assert (1 in queue, 2 in queue, 3 in queue) == (True, True, False)
    while not queue.empty():
        expected = queue.peek(raw=True)
        assert queue.get(raw=True) == expected
        assert expected not in queue
    with pytest.raises(Empty):
        queue.peek()


def test_an_item_of_the_batch_can_be_updated(kind: Any, queue: Any) -> None:
    queue.put_many("ab")
    assert queue.update("c", id=1) == 1
    assert queue.peek(id=1) == "c"
    assert list(queue) == ordered(kind, ["c", "b"])


def test_purge_forgets_the_batch_too(kind: Any, queue: Any, tmp_path: Path) -> None:
    queue.put_many("ab")
    queue.task_done()
    queue.put("c")
    assert queue.purge() == 3
    assert queue.empty()
    queue.task_done()
    assert stored(kind, tmp_path) == []


def test_join_waits_for_what_is_taken_and_not_done(queue: Any) -> None:
    queue.put("a")
    joined = Blocked(queue.join)
    assert joined.waits
    queue.get()
    joined = Blocked(queue.join)
    assert joined.waits
    queue.task_done()
    joined.result()


def test_a_batched_put_wakes_a_blocked_get_of_the_same_object(queue: Any) -> None:
    blocked = Blocked(queue.get)
    assert blocked.waits
    queue.put("a")
    assert blocked.result(1) == "a"


def test_task_done_wakes_a_blocked_get_of_another_object(
    kind: Any, queue: Any, tmp_path: Path
) -> None:
    blocked = Blocked(kind(str(tmp_path)).get)
    queue.put("a")
    assert blocked.waits
    queue.task_done()
    assert blocked.result(1) == "a"


def test_maxsize_counts_the_batch(kind: Any, tmp_path: Path) -> None:
    queue = kind(str(tmp_path), auto_commit=False, maxsize=2)
    queue.put_many("ab")
    assert queue.full()
    with pytest.raises(Full):
        queue.put_nowait("c")
    queue.get()
    queue.put_nowait("c")


def test_a_duplicate_within_the_batch_or_in_the_database_is_not_put(tmp_path: Path) -> None:
    queue = UniqueQ(str(tmp_path), auto_commit=False)
    assert queue.put({"a": 1, "b": 2}) == 1
    assert queue.put({"b": 2, "a": 1}) is None
    queue.task_done()
    assert queue.put_nowait({"b": 2, "a": 1}) is None
    assert queue.put_many(["c", "c", {"b": 2, "a": 1}]) == [2, None, None]
    assert queue.size == 2


@pytest.mark.parametrize("serializer", [serializers.pickle, json], ids=["pickle", "json"])
def test_a_value_that_was_taken_can_be_batched_again(tmp_path: Path, serializer: Any) -> None:
    with UniqueQ(str(tmp_path), auto_commit=False, serializer=serializer) as queue:
        queue.put("a")
        queue.task_done()
        assert queue.get() == "a"
        assert queue.put("a") == 2
        assert queue.put("a") is None
        queue.task_done()
        assert stored(UniqueQ, tmp_path) == [2]


def test_a_duplicate_is_known_by_its_text_too(tmp_path: Path) -> None:
    UniqueQ(str(tmp_path), serializer=json).put({"a": 1})
    queue = UniqueQ(str(tmp_path), auto_commit=False, serializer=json)
    assert queue.put({"a": 1}) is None
    assert queue.put("b") == 2
    assert queue.put("b") is None
    assert queue.size == 2


def test_18_a_row_that_does_not_decode_stays_in_the_batch_and_is_told_once(
    kind: Any, tmp_path: Path
) -> None:
    class Fussy:
        dumps = staticmethod(repr)

        @staticmethod
        def loads(text: str) -> Any:
            item = eval(text)
            if item == "bad":
                raise ValueError("not this one")
            return item

    queue = kind(str(tmp_path), auto_commit=False, serializer=Fussy)
    queue.put_many(["bad", "good"])
    got = []
    errors = []
    for _ in range(2):
        try:
            got.append(queue.get_nowait())
        except UndecodableError as error:
            errors.append(error)
    assert (got, [error.id for error in errors]) == (["good"], [1])
    with pytest.raises(Empty):
        queue.get_nowait()
    queue.task_done()
    assert stored(kind, tmp_path) == [1]


def test_a_closed_batch_takes_no_more(queue: Any) -> None:
    queue.close()
    for call in (lambda: queue.put(1), lambda: queue.put_many([1]), queue.task_done, queue.get):
        with pytest.raises(ClosedError):
            call()


def test_memory_is_batched_as_well(kind: Any) -> None:
    queue = kind(":memory:", auto_commit=False)
    queue.put_many("ab")
    assert queue.get() == ordered(kind, ["a", "b"])[0]
    queue.task_done()
    assert queue.size == 1
