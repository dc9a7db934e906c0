"""Acknowledged queues of persist-queue 1.1.0 and ours on one database file: in turn, and at once.

The original claims an item in two statements, so no more than one of its consumers at a time can
do without delivering twice. Where both take at once, only what it took itself may be doubled.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import Blocked, ending, start_python
from originals import Original, start_original

from persistqueue import Empty, FILOSQLiteAckQueue, SQLiteAckQueue, UniqueAckQ

KINDS = [SQLiteAckQueue, FILOSQLiteAckQueue, UniqueAckQ]

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@contextlib.contextmanager
def original_at(kind: Any, path: Path, **options: Any) -> Iterator[Original]:
    with ending(start_original(kind, path, **options)) as (process,):
        yield Original(process)


@pytest.fixture
def original(kind: Any, tmp_path: Path) -> Iterator[Original]:
    with original_at(kind, tmp_path) as original:
        yield original


THEIR_COUNTS = (
    "(q._count(), q.unack_count(), q.acked_count(), q.ready_count(), q.ack_failed_count())"
)


TAKE_AND_ACK = "(g := q.get(block=False, raw=True), q.ack(id=g['pqid']), g['data'])[-1]"


def counts(queue: SQLiteAckQueue) -> tuple[int, ...]:
    return (
        queue.size,
        queue.unack_count(),
        queue.acked_count(),
        queue.ready_count(),
        queue.ack_failed_count(),
    )


def test_what_the_original_left_goes_on_here(kind: Any, tmp_path: Path) -> None:
    with original_at(kind, tmp_path) as original:
        original("[q.put(n) for n in range(6)]")
        original("q.ack(id=q.get(raw=True)['pqid'])")
        original("q.ack_failed(id=q.get(raw=True)['pqid'])")
        original("q.get()")
        original("q.nack(id=q.get(raw=True)['pqid'])")
    queue = kind(str(tmp_path), auto_resume=False)
    assert counts(queue) == (3, 1, 1, 1, 1)
    assert [row["data"] for row in queue.queue()] == list(range(6))
    queue.resume_unack_tasks()
    assert counts(queue) == (4, 0, 1, 2, 1)
    expected = [3, 2, 1, 0] if kind is FILOSQLiteAckQueue else [2, 3, 4, 5]
    items = [queue.get(block=False) for _ in range(4)]
    assert items == expected
    assert None not in [queue.ack(item) for item in items]
    assert counts(queue) == (0, 0, 5, 0, 1)


def test_what_we_left_goes_on_in_the_original(kind: Any, tmp_path: Path) -> None:
    with kind(str(tmp_path), lease=600, max_attempts=3, ttl=600) as queue:
        queue.put_many(range(6))
        queue.ack(id=queue.get(raw=True)["pqid"])
        queue.ack_failed(id=queue.get(raw=True)["pqid"])
        queue.get()
        queue.nack(id=queue.get(raw=True)["pqid"])
    with original_at(kind, tmp_path, auto_resume=False) as original:
        assert original(THEIR_COUNTS) == (3, 1, 1, 1, 1)
        original("q.resume_unack_tasks()")
        assert original(THEIR_COUNTS) == (4, 0, 1, 2, 1)
        expected = [3, 2, 1, 0] if kind is FILOSQLiteAckQueue else [2, 3, 4, 5]
        assert original("[q.get(block=False) for _ in range(4)]") == expected
        assert [row["status"] for row in original("q.queue()")].count(2) == 4
        assert original("[q.ack(id=key) for key in list(q._unack_cache)] and None") is None
        assert original(THEIR_COUNTS) == (0, 0, 5, 0, 1)
        original("q.clear_acked_data(keep_latest=2, clear_ack_failed=True)")
        assert original("len(q.queue())") == 2
    assert len(kind(str(tmp_path)).queue()) == 2


def test_a_table_is_extended_under_a_running_original(
    kind: Any, tmp_path: Path, original: Original
) -> None:
    """Our columns, indexes and trigger come while it has the table open; its calls still work."""
    assert original("q.put('before')") == 1
    queue = kind(str(tmp_path))
    assert original("q.put('behind')") == 2
    assert [row["data"] for row in original("q.queue()")] == ["before", "behind"]
    assert original("q.update('changed', 2)") == 2
    assert original("q.get(id=1)") == "before"
    assert original("q.nack(id=1)") == 1
    assert counts(queue) == original(THEIR_COUNTS) == (2, 0, 0, 1, 0)
    assert original("q.get(id=2, raw=True)['data']") == "changed"
    assert original("q.ack(id=2)") == 2
    assert original("q.get(timeout=5)") == "before"
    assert original("q.ack_failed(id=1)") == 1
    assert counts(queue) == original(THEIR_COUNTS) == (0, 0, 1, 0, 1)
    original("q.clear_acked_data(keep_latest=0, max_delete=10, clear_ack_failed=True)")
    assert queue.queue() == []
    original("q.shrink_disk_usage()")
    assert original("q.put('still works')") == 3
    assert queue.get(timeout=5) == "still works"
    assert queue.ack(id=3) == 3


def test_counts_and_acks_of_either_are_seen_by_the_other(
    kind: Any, tmp_path: Path, original: Original
) -> None:
    queue = kind(str(tmp_path))
    queue.put_many("abc")
    assert original("q.put('d')") == 4
    item = queue.get(id=1)
    assert original("q.get(id=4)") == "d"
    assert counts(queue) == original(THEIR_COUNTS) == (2, 2, 0, 0, 0)
    assert queue.ack(item) == 1
    assert original("q.ack(id=4)") == 4
    assert counts(queue) == original(THEIR_COUNTS) == (2, 0, 2, 0, 0)
    assert queue.get(id=2) == "b"
    assert original("q.get(id=3)") == "c"
    assert queue.ack_failed(id=2) == 2
    assert original("q.nack(id=3)") == 3
    assert counts(queue) == original(THEIR_COUNTS) == (1, 0, 2, 1, 1)


@pytest.mark.parametrize("wakes", ["q.put('a')", "q.nack(id=1)"])
def test_the_original_wakes_our_blocked_get(
    kind: Any, tmp_path: Path, original: Original, wakes: str
) -> None:
    queue = kind(str(tmp_path))
    if "nack" in wakes:
        original("q.put('a')")
        original("q.get(timeout=5)")
    blocked = Blocked(lambda: queue.get(timeout=20))
    assert blocked.waits
    original(wakes)
    assert blocked.result(1) == "a"


def test_an_opening_original_takes_our_rows_and_our_late_ack_is_refused(
    kind: Any, tmp_path: Path
) -> None:
    """It knows no holders. What it takes away and holds is its own, whatever we say then."""
    queue = kind(str(tmp_path))
    queue.put(["a"])
    item = queue.get()
    with original_at(kind, tmp_path) as original:
        assert original(THEIR_COUNTS) == (1, 0, 0, 1, 0)
        assert original("q.get(timeout=5)") == ["a"]
        for settle in (queue.ack, queue.nack, queue.ack_failed):
            assert settle(item) is None
            assert settle(id=1) is None
        assert not queue.extend(id=1, lease=1)
        assert counts(queue) == original(THEIR_COUNTS) == (0, 1, 0, 0, 0)
        assert original("q.ack(id=1)") == 1
        assert counts(queue) == (0, 0, 1, 0, 0)


def test_our_late_ack_is_refused_by_number_too(kind: Any, tmp_path: Path) -> None:
    queue = kind(str(tmp_path))
    queue.put("a")
    raw = queue.get(raw=True)
    with original_at(kind, tmp_path) as original:
        assert original("q.get(timeout=5)") == "a"
        assert queue.ack(id=raw) is None
        assert queue.ack(id=raw["pqid"]) is None
        assert queue.unack_count() == 1


def test_a_row_that_the_original_acked_is_not_ours_any_more(kind: Any, tmp_path: Path) -> None:
    queue = kind(str(tmp_path), lease=0.2)
    queue.put(["a"])
    item = queue.get()
    with original_at(kind, tmp_path, auto_resume=False) as original:
        assert original("q.ack(id=1)") == 1
    assert queue.ack(item) is None
    time.sleep(0.25)  # nor does it come back when our lease would have ended
    with pytest.raises(Empty):
        queue.get(block=False)
    assert counts(queue) == (0, 0, 1, 0, 0)


def test_the_original_never_takes_our_delayed_and_dead_rows(
    kind: Any, tmp_path: Path, original: Original
) -> None:
    queue = kind(str(tmp_path), max_attempts=1)
    queue.put("delayed", delay=600)
    queue.put("dead")
    queue.nack(id=queue.get(raw=True)["pqid"])
    assert (queue.delayed_count(), queue.dead_count()) == (1, 1)
    assert original(THEIR_COUNTS) == (0, 0, 0, 0, 0)
    assert original("q.get(block=False)") == "Empty()"
    original("q.resume_unack_tasks()")
    with original_at(kind, tmp_path) as another:
        assert another("q.get(block=False)") == "Empty()"
        another("q.clear_acked_data(max_delete=0, keep_latest=0, clear_ack_failed=True)")
    assert (queue.delayed_count(), queue.dead_count()) == (1, 1)
    assert queue.requeue_dead() == 1
    assert original("q.get(timeout=5)") == "dead"


def test_what_the_original_acked_too_early_does_not_come_when_its_time_has_come(
    kind: Any, tmp_path: Path, original: Original
) -> None:
    queue = kind(str(tmp_path))
    queue.put("delayed", delay=0.1, ttl=0.2)
    assert original("q.ack(id=1)") == 1
    with pytest.raises(Empty):
        queue.get(timeout=0.3)
    assert counts(queue) == (0, 0, 1, 0, 0)


def test_nothing_that_is_over_is_looked_at_again(
    kind: Any, tmp_path: Path, original: Original
) -> None:
    """Times that are left in rows would have each get go through all of those rows for ever."""
    queue = kind(str(tmp_path), ttl=600, lease=600)
    queue.put_many("abc")
    queue.put("d", delay=600)
    queue.ack(id=queue.get(id=1, raw=True))
    queue.ack_failed(id=queue.get(id=2, raw=True))
    queue.get(id=3)
    assert original("(q.ack(id=3), q.ack_failed(id=4))") == (3, 4)
    with contextlib.closing(sqlite3.connect(tmp_path / "data.db")) as database:
        [[table]] = database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'ack%'"
        )
        rows = database.execute(f"SELECT status, due, expires, holder FROM {table} ORDER BY _id")
        assert list(rows) == [(status, None, None, None) for status in (5, 9, 5, 9)]


def test_a_value_that_either_put_is_a_duplicate_to_the_other(tmp_path: Path) -> None:
    with original_at(UniqueAckQ, tmp_path) as original:
        queue = UniqueAckQ(str(tmp_path))
        assert original("q.put({'b': 1, 'a': 2})") == 1
        assert queue.put({"a": 2, "b": 1}) is None
        assert queue.put("ours") == 2
        assert original("q.put('ours')") is None
        assert original("q.ack(id=q.get(timeout=5, raw=True)['pqid'])") == 1
        assert queue.put({"a": 2, "b": 1}) == 3, "what the original acked can be put again here"
        assert original("q.get(timeout=5)") == "ours"


def test_both_put_and_ours_takes_and_acks_each_once(
    kind: Any, tmp_path: Path, original: Original
) -> None:
    queue = kind(str(tmp_path), durability="process")
    original.start("[q.put(('theirs', n)) for n in range(200)] and None")
    got = []
    for number in range(200):
        queue.put(("ours", number))
        got.append(queue.get(timeout=20))
        assert queue.ack(got[-1]) is not None
    assert original.answer() is None
    for item in queue:
        got.append(item)
        assert queue.ack(item) is not None
    assert Counter(got) == Counter((who, n) for who in ("ours", "theirs") for n in range(200))
    assert counts(queue) == (0, 0, 400, 0, 0)


def test_both_put_and_the_original_takes_and_acks_each_once(
    kind: Any, tmp_path: Path, original: Original
) -> None:
    queue = kind(str(tmp_path), durability="process")
    original.start(f"[(q.put(('theirs', n)), {TAKE_AND_ACK})[-1] for n in range(150)]")
    queue.put_many([("ours", number) for number in range(100)])
    for number in range(100, 150):
        queue.put(("ours", number))
    got = original.answer()
    assert isinstance(got, list), got
    got += original(f"[{TAKE_AND_ACK} for _ in range(q._count())]")
    assert Counter(got) == Counter((who, n) for who in ("ours", "theirs") for n in range(150))
    assert counts(queue) == (0, 0, 300, 0, 0)


def test_several_of_ours_take_beside_a_taking_original(kind: Any, tmp_path: Path) -> None:
    """Whatever the original does with a row that ours took first, none of ours takes one twice."""
    queue = kind(str(tmp_path), durability="process")
    queue.put_many(range(600))
    code = """
import json, persistqueue, sys
queue = getattr(persistqueue, sys.argv[1])(sys.argv[2], durability="process")
got = []
for item in queue:
    got.append([item, queue.ack(item) is not None])
print(json.dumps(got))
queue.close()
"""
    with original_at(kind, tmp_path) as original:
        workers = [start_python(code, kind.__name__, tmp_path) for _ in range(2)]
        with ending(*workers):
            # Its get() without the error where ours were faster.
            take = "(g := q._pop(raw=True)) and (q.ack(id=g['pqid']), g['data'])[-1]"
            original.start(f"[{take} for _ in range(50)]")
            ours = [item for w in workers for item in json.loads(w.communicate(timeout=60)[0])]
            theirs = original.answer()
    assert isinstance(theirs, list), theirs
    theirs = [item for item in theirs if item is not None]
    taken = Counter(item for item, _ in ours)
    # The original may take back a row between our claim and our ack, and give it once more.
    assert [item for item, times in taken.items() if times > 1 and item not in theirs] == []
    assert set(taken) | set(theirs) == set(range(600))
    assert queue.size == queue.unack_count() == 0
