"""What persist-queue 1.1.0 gets wrong in its SQL queues, by the numbers of the list."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from helpers import Blocked, disk_usage, ending, run_python, start_python
from small_disks import mounted

import persistqueue
from persistqueue import (
    ClosedError,
    Empty,
    FILOSQLiteQueue,
    PriorityQueue,
    SQLiteQueue,
    UndecodableError,
    UniqueQ,
    serializers,
)

CLASSES = [SQLiteQueue, FILOSQLiteQueue, UniqueQ, PriorityQueue]

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(params=CLASSES, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


def put_elsewhere(kind: Any, path: Path, *items: Any) -> None:
    code = "import persistqueue, sys\nq = getattr(persistqueue, sys.argv[1])(sys.argv[2])\n"
    run_python(code + "q.put_many(eval(sys.argv[3]))", kind.__name__, path, repr(list(items)))


def spoil(kind: Any, path: Path, id: int) -> None:
    """Another program writes nonsense into a row."""
    code = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as database:
    tables = database.execute("SELECT name FROM sqlite_master WHERE name LIKE '%queue_default'")
    for (table,) in tables.fetchall():
        database.execute(f"UPDATE {table} SET data = x'00' WHERE _id = ?", (int(sys.argv[2]),))
"""
    run_python(code, path / "data.db", id)


def test_17_none_is_an_item_and_no_item_blocks(kind: Any, tmp_path: Path) -> None:
    queue = kind(str(tmp_path))
    queue.put(None)
    assert queue.get(block=False) is None
    queue.put(None)
    assert queue.get(timeout=5) is None


def test_18_filo_gives_a_raw_item(tmp_path: Path) -> None:
    queue = FILOSQLiteQueue(str(tmp_path))
    queue.put_many(["a", "b"])
    assert queue.get(raw=True)["data"] == "b"
    assert queue.get_nowait(raw=True)["pqid"] == 1


def test_18_a_row_that_does_not_decode_stays_and_the_error_says_which(
    kind: Any, tmp_path: Path
) -> None:
    queue = kind(str(tmp_path))
    queue.put_many(["a", "b"])
    spoil(kind, tmp_path, 2)
    assert queue.get(id=1) == "a"
    with pytest.raises(UndecodableError, match=r"row 2 of \w*queue_default in .*data\.db") as told:
        queue.get(timeout=5)
    assert told.value.id == 2
    assert isinstance(told.value.__cause__, Exception)
    queue.put("c")
    assert queue.get(timeout=5) == "c"
    assert 2 in queue
    with pytest.raises(Empty):
        queue.get_nowait()


def test_18_a_row_that_does_not_decode_can_be_mended(kind: Any, tmp_path: Path) -> None:
    queue = kind(str(tmp_path))
    queue.put("a")
    spoil(kind, tmp_path, 1)
    with pytest.raises(UndecodableError):
        queue.get_nowait()
    with pytest.raises(UndecodableError, match="row 1 of"):
        queue.queue()
    assert queue.update("mended", id=1) == 1
    assert queue.get_nowait() == "mended"


def test_18_an_interrupted_serializer_costs_no_item(kind: Any, tmp_path: Path) -> None:
    class Interrupted:
        once = True

        @staticmethod
        def dumps(value: Any, sort_keys: bool = False) -> bytes:
            return serializers.pickle.dumps(value)

        @classmethod
        def loads(cls, data: bytes) -> Any:
            if cls.once:
                cls.once = False
                raise KeyboardInterrupt
            return serializers.pickle.loads(data)

    queue = kind(str(tmp_path), serializer=Interrupted)
    queue.put("a")
    with pytest.raises(KeyboardInterrupt):
        queue.get_nowait()
    assert queue.get_nowait() == "a"


DRAIN = """
import json, persistqueue, sys
queue = getattr(persistqueue, sys.argv[1])(sys.argv[2], durability="process")
print("ready", flush=True)
sys.stdin.readline()
print(json.dumps(list(queue)))
"""


def test_21_four_processes_drain_each_row_once(kind: Any, tmp_path: Path) -> None:
    queue = kind(str(tmp_path), durability="process")
    queue.put_many(range(2000))
    workers = [start_python(DRAIN, kind.__name__, tmp_path) for _ in range(4)]
    with ending(*workers):
        for worker in workers:
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            worker.stdin.write("go\n")
            worker.stdin.flush()
        got = Counter(
            item for worker in workers for item in eval(worker.communicate(timeout=60)[0])
        )
    assert got == Counter(range(2000))


def test_22_counts_are_those_of_the_database(kind: Any, tmp_path: Path) -> None:
    queue = kind(str(tmp_path))
    assert queue.size == 0
    put_elsewhere(kind, tmp_path, 1, 2)
    assert (queue.size, queue.qsize(), len(queue), queue.empty()) == (2, 2, 2, False)
    code = "import persistqueue, sys; list(getattr(persistqueue, sys.argv[1])(sys.argv[2]))"
    run_python(code, kind.__name__, tmp_path)
    assert (queue.size, queue.qsize(), len(queue), queue.empty()) == (0, 0, 0, True)


STAMPS = """
import persistqueue, sys, time
queue = getattr(persistqueue, sys.argv[1])(sys.argv[2], durability="process")
for _ in range(20):
    sys.stdin.readline()
    queue.put(time.monotonic_ns())
"""


def test_23_a_put_of_another_process_wakes_a_blocked_get_at_once(kind: Any, tmp_path: Path) -> None:
    queue = kind(str(tmp_path))
    late = []
    with ending(start_python(STAMPS, kind.__name__, tmp_path)) as (other,):
        for _ in range(20):
            timer = threading.Timer(0.03, lambda: (other.stdin.write("\n"), other.stdin.flush()))
            timer.start()
            stamp = queue.get(timeout=20)
            late.append(time.monotonic_ns() - stamp)
    assert sorted(late)[10] < 50e6, late


def test_23_close_wakes_a_blocked_get(kind: Any, tmp_path: Path) -> None:
    queue = kind(str(tmp_path))
    blocked = Blocked(queue.get)
    start = time.monotonic()
    queue.close()
    with pytest.raises(ClosedError):
        blocked.result()
    assert time.monotonic() - start < 0.5


LOCK = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


def test_25_a_get_that_does_not_block_does_not_wait_for_the_lock_of_an_empty_queue(
    kind: Any, tmp_path: Path
) -> None:
    queue = kind(str(tmp_path))
    with ending(start_python(LOCK, tmp_path / "data.db")) as (other,):
        assert other.stdout.readline() == "locked\n"
        start = time.monotonic()
        with pytest.raises(Empty):
            queue.get(block=False)
        assert time.monotonic() - start < 1


def test_27_a_get_is_as_quick_beside_many_rows(tmp_path: Path) -> None:
    queue = PriorityQueue(str(tmp_path), durability="process")
    queue.put_many(range(1000))
    few = time_of_gets(queue)
    for start in range(0, 100_000, 10_000):
        queue.put_many(range(start, start + 10_000), priority=start % 7)
    assert time_of_gets(queue) < 20 * few + 0.05


def time_of_gets(queue: Any) -> float:
    start = time.monotonic()
    for _ in range(100):
        queue.get_nowait()
    return time.monotonic() - start


def test_27_the_order_within_a_priority_is_that_of_the_puts_whatever_the_clock_says(
    tmp_path: Path,
) -> None:
    queue = PriorityQueue(str(tmp_path))
    queue.put_many("ab")
    code = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as database:
    database.execute("UPDATE priority_queue_default SET timestamp = -_id")
"""
    run_python(code, tmp_path / "data.db")
    assert list(queue) == ["a", "b"]


def test_28_update_without_an_id_is_a_value_error(kind: Any, tmp_path: Path) -> None:
    queue = kind(str(tmp_path))
    queue.put("a")
    with pytest.raises(ValueError, match="id"):
        queue.update("b")
    assert queue.get() == "a"


def test_28_update_of_an_unknown_id_gives_none_and_stores_nothing(
    kind: Any, tmp_path: Path
) -> None:
    queue = kind(str(tmp_path))
    queue.put("a")
    assert queue.update("b", id=2) is None
    assert queue.get() == "a"
    assert queue.update("b", id=1) is None
    assert queue.empty()


@pytest.mark.parametrize(
    "id",
    [{"pqid": "-1 OR 1=1"}, "1", "1 OR 1=1", 1.0, b"1", [1], {"x": 1}, {}, {"pqid": None}, 2**70],
)
def test_29_an_id_that_is_no_number_never_reaches_sql(kind: Any, tmp_path: Path, id: Any) -> None:
    queue = kind(str(tmp_path))
    queue.put("a")
    calls: list[Any] = [
        lambda: queue.get(block=False, id=id),
        lambda: queue.get_nowait(id),
        lambda: queue.update("b", id),
        lambda: queue.peek(id),
        lambda: id in queue,
    ]
    for call in calls:
        with pytest.raises((TypeError, ValueError)):
            call()
    assert list(queue) == ["a"]


def test_29_a_name_with_a_backtick_names_a_table(kind: Any, tmp_path: Path) -> None:
    queue = kind(str(tmp_path), name="a` (x); --")
    queue.put("a")
    assert queue.get() == "a"


def test_30_shrinking_gives_the_bytes_back_at_once(kind: Any, tmp_path: Path) -> None:
    queue = kind(str(tmp_path))
    queue.put_many(os.urandom(100_000) for _ in range(100))
    assert len(list(queue)) == 100
    assert disk_usage(tmp_path) > 10_000_000
    queue.shrink_disk_usage()
    assert disk_usage(tmp_path) < 2_000_000  # with the room that it keeps for a full disk
    queue.put("a")
    assert queue.get() == "a"


def test_31_join_is_there(kind: Any, tmp_path: Path) -> None:
    queue = kind(str(tmp_path))
    queue.put("a")
    queue.get()
    queue.task_done()
    queue.join()


def test_31_the_serializers_are_there_without_a_further_import(kind: Any, tmp_path: Path) -> None:
    queue = kind(str(tmp_path), serializer=persistqueue.serializers.json)
    queue.put({"a": 1})
    assert queue.get() == {"a": 1}


def put_until_full(queue: Any) -> list[int]:
    accepted = []
    with pytest.raises(OSError, match=r"data\.db") as refused:
        for number in range(10_000):
            queue.put((number, os.urandom(5000)))
            accepted.append(number)
    assert refused.value.errno == errno.ENOSPC
    assert len(accepted) > 50
    return accepted


@pytest.mark.parametrize("durability", ["process", "disk"])
def test_30_a_full_disk_is_an_os_error_and_what_was_put_stays(
    kind: Any, tmp_path: Path, durability: Any
) -> None:
    with mounted(tmp_path / "disk", "size=12m") as disk:
        ballast = disk / "ballast"
        ballast.write_bytes(b"x" * 8_000_000)
        queue = kind(str(disk), durability=durability)
        accepted = put_until_full(queue)
        assert queue.size == len(accepted)
        ballast.unlink()
        assert sorted(number for number, _ in queue) == accepted
        queue.put("fits again")
        assert queue.get() == "fits again"
        queue.close()


def test_30_a_full_disk_can_be_drained(kind: Any, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=4m") as disk:
        queue = kind(str(disk))
        accepted = put_until_full(queue)
        try:
            assert sorted(number for number, _ in queue) == accepted
        finally:
            queue.close()
