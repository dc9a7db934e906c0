"""persist-queue 1.1.0 and ours on one database file: in turn, and at the same time."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import Blocked, ending, require, start_python
from originals import Original, start_original

from persistqueue import FILOSQLiteQueue, PriorityQueue, SQLiteQueue, UniqueQ, serializers

CLASSES = [SQLiteQueue, FILOSQLiteQueue, UniqueQ, PriorityQueue]

pytestmark = pytest.mark.timeout(120)


def start(kind: Any, path: Path, serializer: str = "pickle") -> subprocess.Popen:
    return start_original(kind, path, serializer=serializer)


@pytest.fixture(params=CLASSES, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def original(kind: Any, tmp_path: Path) -> Iterator[Original]:
    with ending(start(kind, tmp_path)) as (process,):
        yield Original(process)


@pytest.mark.parametrize("name", ["pickle", "json", "msgpack", "cbor2"])
def test_what_the_original_put_is_taken_here_and_the_other_way_round(
    kind: Any, tmp_path: Path, name: str
) -> None:
    if name in ("msgpack", "cbor2"):
        require(name)
    items = [1, "a", None, {"b": 2, "a": 1}, 2.5]
    with ending(start(kind, tmp_path, name)) as (process,):
        original = Original(process)
        for item in items:
            original(f"q.put({item!r})")
    queue = kind(str(tmp_path), serializer=getattr(serializers, name))
    assert queue.size == len(items)
    expected = items[::-1] if kind is FILOSQLiteQueue else items[:]
    assert list(queue) == expected
    items.remove(None)  # which the original takes for an empty queue
    expected.remove(None)
    queue.put_many(items)
    queue.close()
    with ending(start(kind, tmp_path, name)) as (process,):
        original = Original(process)
        assert original("q.size") == len(items)
        assert original(f"[q.get(block=False) for _ in range({len(items)})]") == expected


def test_both_see_each_others_puts_while_both_are_open(
    kind: Any, tmp_path: Path, original: Original
) -> None:
    queue = kind(str(tmp_path))
    assert original("q.put('theirs')") == 1
    assert queue.size == 1
    assert queue.put("ours") == 2
    assert [row["data"] for row in original("q.queue()")] == ["theirs", "ours"]
    assert queue.get(id=1) == "theirs"
    assert original("q.get(timeout=5)") == "ours"
    assert queue.empty()


def test_a_put_of_the_original_wakes_our_blocked_get(
    kind: Any, tmp_path: Path, original: Original
) -> None:
    queue = kind(str(tmp_path))
    blocked = Blocked(lambda: queue.get(timeout=20))
    assert blocked.waits
    original("q.put('a')")
    assert blocked.result(1) == "a"


def test_an_update_of_either_is_seen_by_the_other(
    kind: Any, tmp_path: Path, original: Original
) -> None:
    queue = kind(str(tmp_path))
    queue.put("a")
    assert original("q.update('b', 1)") == 1
    assert queue.peek() == "b"
    assert queue.update("c", 1) == 1
    assert original("q.get(timeout=5)") == "c"


def test_the_priorities_are_the_originals(tmp_path: Path) -> None:
    with ending(start(PriorityQueue, tmp_path)) as (process,):
        original = Original(process)
        queue = PriorityQueue(str(tmp_path))
        original("q.put('c', 5)")
        queue.put("b", 2)
        original("q.put('a', priority=-1)")
        queue.put("d", 5)
        assert queue.get() == "a"
        assert original("q.get(timeout=5)") == "b"
        assert list(queue) == ["c", "d"]


UNIQUE = ["a", 1, ("a", "a"), {"b": 1, "a": 2}, {"x": {"b": 1, "a": 2}}, {5, 2}, ["xy", "xy"]]


@pytest.mark.parametrize("item", UNIQUE, ids=repr)
def test_a_value_that_the_original_put_is_a_duplicate_here(tmp_path: Path, item: Any) -> None:
    with ending(start(UniqueQ, tmp_path)) as (process,):
        original = Original(process)
        queue = UniqueQ(str(tmp_path))
        assert original(f"q.put({item!r})") == 1
        # As it has been read: made as the original would make it again.
        assert queue.put(queue.peek()) is None
        assert original(f"q.put({item!r})") is None


@pytest.mark.parametrize("item", ["a", 1, {"b": 1, "a": 2}, [1, {"a": 1}]], ids=repr)
def test_a_value_that_was_put_here_is_a_duplicate_to_the_original(
    tmp_path: Path, item: Any
) -> None:
    with ending(start(UniqueQ, tmp_path)) as (process,):
        original = Original(process)
        queue = UniqueQ(str(tmp_path))
        assert queue.put(item) == 1
        assert original(f"q.put({item!r})") is None


def test_both_put_and_ours_takes_each_once(kind: Any, tmp_path: Path, original: Original) -> None:
    queue = kind(str(tmp_path), durability="process")
    original.start("[q.put(('theirs', n)) for n in range(200)] and None")
    got = []
    for number in range(200):
        queue.put(("ours", number))
        got.append(queue.get(timeout=20))
    assert original.answer() is None
    got += list(queue)
    assert Counter(got) == Counter((who, n) for who in ("ours", "theirs") for n in range(200))
    assert queue.size == 0


def test_several_of_ours_take_beside_a_taking_original(kind: Any, tmp_path: Path) -> None:
    """Whatever the original does with a row that ours took first, none of ours takes one twice."""
    queue = kind(str(tmp_path), durability="process")
    queue.put_many(range(600))
    code = """
import json, persistqueue, sys
queue = getattr(persistqueue, sys.argv[1])(sys.argv[2], durability="process")
print(json.dumps(list(queue)))
"""
    workers = [start_python(code, kind.__name__, tmp_path) for _ in range(2)]
    with ending(start(kind, tmp_path), *workers) as (process, *_):
        original = Original(process)
        original.start("[q.get(block=False) for _ in range(50) if q.size > 0]")
        ours = [item for w in workers for item in json.loads(w.communicate(timeout=60)[0])]
        original.answer()
    assert max(Counter(ours).values()) == 1
    assert queue.empty()
