"""What the contract says of every queue in an SQLite database."""

from __future__ import annotations

import inspect
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from helpers import Blocked, ending, in_thread, run_python, start_python, wait_until

import persistqueue
from persistqueue import (
    ClosedError,
    Empty,
    FIFOSQLiteQueue,
    FILOSQLiteQueue,
    Full,
    LockedError,
    PriorityQueue,
    SQLiteQueue,
    UniqueQ,
    serializers,
)

CLASSES = [SQLiteQueue, FILOSQLiteQueue, UniqueQ, PriorityQueue]

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(params=CLASSES, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def queue(kind: Any, tmp_path: Path) -> Any:
    return kind(str(tmp_path / "q"))


def rows(path: str) -> list:
    """What another program sees in the file; run in another process, as SQLite's locks want it."""
    code = (
        "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchall())"
    )
    return eval(
        run_python(code, path, "SELECT name FROM sqlite_master WHERE type = 'table'").stdout
    )


def test_the_constructor_has_the_originals_parameters_in_their_order(kind: Any) -> None:
    parameters = list(inspect.signature(kind).parameters.values())
    named = {p.name: p.default for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD}
    assert named == {
        "path": inspect.Parameter.empty,
        "name": "default",
        "multithreading": False,
        "timeout": 10.0,
        "auto_commit": True,
        "serializer": serializers.pickle,
        "db_file_name": None,
    }
    new = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    assert new == {"durability": "disk", "maxsize": 0}


def test_the_classes_are_related_as_in_the_original() -> None:
    assert FIFOSQLiteQueue is SQLiteQueue
    assert issubclass(FILOSQLiteQueue, SQLiteQueue)
    assert issubclass(UniqueQ, SQLiteQueue)
    assert not issubclass(PriorityQueue, SQLiteQueue)
    assert persistqueue.sqlqueue.SQLiteQueue is SQLiteQueue
    assert persistqueue.priorityqueue.PriorityQueue is PriorityQueue


@pytest.mark.parametrize(
    ("kind", "table"),
    [
        (SQLiteQueue, "queue_jobs"),
        (FILOSQLiteQueue, "filo_queue_jobs"),
        (UniqueQ, "unique_queue_jobs"),
        (PriorityQueue, "priority_queue_jobs"),
    ],
)
def test_the_table_is_called_as_in_the_original(kind: Any, table: str, tmp_path: Path) -> None:
    kind(str(tmp_path), name="jobs")
    assert (table,) in rows(str(tmp_path / "data.db"))


def test_the_file_is_data_db_or_what_it_is_called(kind: Any, tmp_path: Path) -> None:
    kind(str(tmp_path / "new" / "folder")).put(1)
    assert (tmp_path / "new" / "folder" / "data.db").is_file()
    kind(tmp_path / "other", db_file_name="mine.sqlite").put(1)
    assert (tmp_path / "other" / "mine.sqlite").is_file()
    assert not (tmp_path / "other" / "data.db").exists()


def test_memory_keeps_it_in_memory(kind: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    queue = kind(":memory:")
    queue.put("a")
    assert kind(":memory:").empty()
    assert in_thread(queue.get) == "a"
    assert queue.memory_sql is True
    assert os.listdir(tmp_path) == []


def test_the_attributes_are_the_originals(queue: Any, tmp_path: Path) -> None:
    assert queue.path == str(tmp_path / "q")
    assert (queue.name, queue.timeout, queue.db_file_name) == ("default", 10.0, "data.db")
    assert (queue.auto_commit, queue.multithreading, queue.memory_sql) == (True, False, False)
    queue.put(1)
    assert (queue.size, queue.total, queue.qsize(), len(queue)) == (1, 1, 1, 1)


def test_a_put_gives_the_rows_number(queue: Any) -> None:
    assert [queue.put("a"), queue.put_nowait("b")] == [1, 2]


def test_numbers_are_never_used_again(queue: Any) -> None:
    queue.put("a")
    queue.get()
    assert queue.put("b") == 2


@pytest.mark.parametrize("item", [None, 0, "", False, b"", [], {}, 0.0])
def test_items_that_are_false_are_items(queue: Any, item: Any) -> None:
    queue.put(item)
    got = queue.get(block=False)
    assert got == item
    assert type(got) is type(item)
    with pytest.raises(Empty):
        queue.get(block=False)


def test_raw_gives_the_number_the_item_and_the_time(queue: Any) -> None:
    before = time.time()
    queue.put({"a": 1})
    raw = queue.get(raw=True)
    assert set(raw) == {"pqid", "data", "timestamp"}
    assert (raw["pqid"], raw["data"]) == (1, {"a": 1})
    assert before <= raw["timestamp"] <= time.time()


def test_an_id_is_a_number_or_what_raw_gave(queue: Any) -> None:
    for item in "abc":
        queue.put(item)
    assert queue.get(id=2) == "b"
    raw = queue.peek(id=3, raw=True)
    assert queue.get_nowait(id=raw) == "c"
    assert queue.get_nowait(id=1, raw=True)["data"] == "a"


def test_a_get_of_an_id_that_does_not_wait_is_empty_or_waits(queue: Any) -> None:
    queue.put("a")
    with pytest.raises(Empty):
        queue.get(block=False, id=2)
    with pytest.raises(Empty):
        queue.get(timeout=0.05, id=2)
    blocked = Blocked(lambda: queue.get(id=2))
    assert blocked.waits
    queue.put("b")
    assert blocked.result() == "b"
    assert queue.get_nowait() == "a"


def test_update_replaces_an_item_in_its_place(queue: Any) -> None:
    for item in "ab":
        queue.put(item)
    assert queue.update("c", id=1) == 1
    assert queue.update("d", 2) == 2
    assert sorted(queue) == ["c", "d"]


def test_update_takes_the_id_of_a_raw_item(queue: Any) -> None:
    queue.put("a")
    raw = queue.peek(raw=True)
    assert queue.update({**raw, "data": "b"}) == 1
    assert queue.update({**raw, "data": "c"}, id=raw) == 1
    assert queue.get() == "c"


def test_update_stores_a_users_own_dictionary_as_it_is(queue: Any) -> None:
    queue.put("a")
    assert queue.update({"pqid": 7}, id=1) == 1
    assert queue.get() == {"pqid": 7}


def test_queue_lists_the_waiting_rows(queue: Any) -> None:
    queue.put("a")
    queue.put("b")
    listed = queue.queue()
    assert [(row["id"], row["data"]) for row in listed] == [(1, "a"), (2, "b")]
    assert all(set(row) == {"id", "data", "timestamp"} for row in listed)
    assert queue.size == 2


def test_task_done_changes_nothing_where_each_call_is_final(queue: Any) -> None:
    queue.put("a")
    queue.put("b")
    queue.get()
    for _ in range(3):
        queue.task_done()
    assert queue.size == 1


def test_join_returns_once_nothing_waits(queue: Any) -> None:
    queue.join()
    queue.put("a")
    joined = Blocked(queue.join)
    assert joined.waits
    queue.get()
    joined.result()


def test_what_was_put_waits_after_reopening_and_what_was_taken_does_not(
    kind: Any, tmp_path: Path
) -> None:
    with kind(str(tmp_path)) as queue:
        for item in (1, 2, 3):
            queue.put(item)
        taken = queue.get()
    assert sorted([taken, *kind(str(tmp_path))]) == [1, 2, 3]


def test_two_names_are_two_queues_in_one_file(kind: Any, tmp_path: Path) -> None:
    one, two = kind(str(tmp_path), "one"), kind(str(tmp_path), "two")
    one.put("a")
    assert two.empty()
    two.put("b")
    assert (one.get(), two.get()) == ("a", "b")


def test_two_objects_of_one_process_share_a_queue(kind: Any, tmp_path: Path) -> None:
    one, two = kind(str(tmp_path)), kind(str(tmp_path))
    blocked = Blocked(two.get)
    one.put("a")
    assert blocked.result() == "a"
    assert one.size == two.size == 0


def test_maxsize_bounds_what_is_stored_also_after_reopening(kind: Any, tmp_path: Path) -> None:
    with kind(str(tmp_path), maxsize=2) as queue:
        assert not queue.full()
        queue.put_many([1, 2])
    queue = kind(str(tmp_path), maxsize=2)
    assert queue.full()
    with pytest.raises(Full):
        queue.put_nowait(3)
    with pytest.raises(Full):
        queue.put(3, timeout=0.05)
    blocked = Blocked(lambda: queue.put(3))
    assert blocked.waits
    queue.get()
    assert blocked.result() == 3
    assert queue.maxsize == 2


def test_full_is_false_without_maxsize(queue: Any) -> None:
    queue.put(1)
    assert queue.full() is False


def test_put_many_puts_all_or_none(queue: Any) -> None:
    with pytest.raises((AttributeError, TypeError, Exception)) as caught:
        queue.put_many([1, lambda: 0, 2])
    assert caught.type is not Full
    assert queue.empty()
    assert queue.put_many(x for x in (1, 2)) == [1, 2]


def test_get_many_takes_what_waits_and_waits_only_for_the_first(queue: Any) -> None:
    queue.put_many([1, 2, 3])
    assert sorted(queue.get_many(2) + queue.get_many(5)) == [1, 2, 3]
    assert queue.get_many(0) == []
    with pytest.raises(Empty):
        queue.get_many(1, timeout=0.05)


def test_peek_leaves_the_item(queue: Any) -> None:
    with pytest.raises(Empty):
        queue.peek()
    queue.put("a")
    assert queue.peek() == queue.peek(id=1) == "a"
    assert queue.peek(raw=True)["pqid"] == 1
    assert queue.get() == "a"


def test_in_looks_for_the_id_of_a_waiting_row(queue: Any) -> None:
    queue.put("a")
    assert 1 in queue
    assert queue.peek(raw=True) in queue
    assert 2 not in queue
    queue.get()
    assert 1 not in queue
    with pytest.raises(TypeError):
        "a" in queue  # noqa: B015


def test_iterating_consumes_until_empty(queue: Any) -> None:
    queue.put_many([1, 2, 3])
    assert sorted(queue) == [1, 2, 3]
    assert list(queue) == []


@pytest.mark.parametrize("method", ["clear", "purge"])
def test_purge_removes_all_that_waits(queue: Any, method: str) -> None:
    queue.put_many([1, 2, 3])
    assert getattr(queue, method)() == 3
    assert queue.empty()


def test_a_closed_queue_says_so(queue: Any) -> None:
    queue.close()
    queue.close()
    for call in (lambda: queue.put(1), queue.get, queue.qsize, queue.task_done, queue.queue):
        with pytest.raises(ClosedError, match="closed"):
            call()


def test_a_negative_timeout_is_a_value_error(queue: Any) -> None:
    with pytest.raises(ValueError):
        queue.get(timeout=-1)
    with pytest.raises(Empty):
        queue.get(block=False, timeout=-1)


def test_a_timeout_follows_the_monotonic_clock(queue: Any) -> None:
    start = time.monotonic()
    with pytest.raises(Empty):
        queue.get(timeout=0.3)
    assert 0.3 <= time.monotonic() - start < 0.6


@pytest.mark.parametrize("multithreading", [False, True])
def test_threads_share_a_queue_whatever_multithreading_says(
    kind: Any, tmp_path: Path, multithreading: bool
) -> None:
    queue = kind(str(tmp_path), multithreading=multithreading, durability="process")
    got: list = []

    def produce(name: int) -> None:
        for number in range(50):
            queue.put((name, number))

    def consume() -> None:
        for _ in range(50):
            got.append(queue.get(timeout=20))

    threads = [threading.Thread(target=produce, args=(name,)) for name in range(4)]
    threads += [threading.Thread(target=consume) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [(name, number) for name in range(4) for number in range(50)]
    assert queue.empty()


LOCK = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


def test_a_locked_database_is_told_when_the_timeout_is_over(kind: Any, tmp_path: Path) -> None:
    queue = kind(str(tmp_path), timeout=0.5)
    queue.put("a")
    with ending(start_python(LOCK, tmp_path / "data.db")) as (other,):
        assert other.stdout.readline() == "locked\n"
        start = time.monotonic()
        with pytest.raises(LockedError):
            queue.put("b")
        assert 0.4 < time.monotonic() - start < 2
        with pytest.raises(LockedError):
            queue.get(timeout=20)
    assert queue.put("c")
    assert queue.size == 2


def test_a_lock_that_ends_in_time_does_not_reach_the_user(kind: Any, tmp_path: Path) -> None:
    queue = kind(str(tmp_path))
    with ending(start_python(LOCK, tmp_path / "data.db")) as (other,):
        assert other.stdout.readline() == "locked\n"
        blocked = Blocked(lambda: queue.put("b"))
        assert blocked.waits
    assert blocked.result() == 1


def test_any_name_names_a_table(kind: Any, tmp_path: Path) -> None:
    for name in ("a b", "x'y", 'x"y', "x`; DROP TABLE queue_default; --", "é", ""):
        queue = kind(str(tmp_path), name)
        queue.put(name)
        assert kind(str(tmp_path), name).get() == name


def test_a_file_that_is_no_database_is_a_clear_error_and_stays(kind: Any, tmp_path: Path) -> None:
    (tmp_path / "data.db").write_bytes(b"certainly not a database" * 100)
    with pytest.raises(persistqueue.UnrecognisedError, match=r"data\.db"):
        kind(str(tmp_path))
    assert (tmp_path / "data.db").read_bytes() == b"certainly not a database" * 100


def test_subclasses_may_add_to_the_classes(kind: Any, tmp_path: Path) -> None:
    class Mine(kind):
        def __init__(self, path: str, more: int) -> None:
            super().__init__(path)
            self.more = more

        def get(self, *args: Any, **kwargs: Any) -> Any:
            return self.more, super().get(*args, **kwargs)

    queue = Mine(str(tmp_path), 3)
    queue.put("a")
    assert queue.get() == (3, "a")


def test_a_dropped_queue_leaves_its_file_to_others(kind: Any, tmp_path: Path) -> None:
    queue = kind(str(tmp_path))
    queue.put("a")
    del queue
    code = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('PRAGMA integrity_check')"
    run_python(code, tmp_path / "data.db")
    assert kind(str(tmp_path)).get() == "a"


def test_close_wakes_whoever_waits(queue: Any) -> None:
    waiting = [Blocked(queue.get) for _ in range(3)]
    wait_until(lambda: all(blocked.waits for blocked in waiting))
    start = time.monotonic()
    queue.close()
    for blocked in waiting:
        with pytest.raises(ClosedError):
            blocked.result()
    assert time.monotonic() - start < 0.5
