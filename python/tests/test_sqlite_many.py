"""Many items of a queue in a database: one transaction for all of them."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from helpers import Blocked, require
from test_green import LIBRARIES, PATCH, PRELUDE, play
from test_sqlite_auto_commit import TABLES, commits, ordered, stored
from test_sqlite_green import imports

from persistqueue import Empty, SQLiteQueue, UndecodableError

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(params=TABLES, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


class Fussy:
    """Does not load `"bad"`, and is interrupted by `"interrupt"`."""

    dumps = staticmethod(repr)

    @staticmethod
    def loads(text: str) -> Any:
        item = eval(text)
        if item == "bad":
            raise ValueError("not this one")
        if item == "interrupt" and Fussy.interrupts:
            raise KeyboardInterrupt
        return item

    interrupts = True


@pytest.mark.parametrize("auto_commit", [True, False])
def test_get_many_is_one_transaction_at_most(kind: Any, tmp_path: Path, auto_commit: bool) -> None:
    kind(str(tmp_path)).put_many(range(100))
    queue = kind(str(tmp_path), auto_commit=auto_commit)
    before = commits(tmp_path)
    got = queue.get_many(60)
    assert commits(tmp_path) - before == auto_commit
    assert got + queue.get_many(60) == ordered(kind, list(range(100)))
    queue.task_done()
    assert stored(kind, tmp_path) == []


def test_get_many_waits_for_the_first_item(kind: Any, tmp_path: Path) -> None:
    queue = kind(str(tmp_path))
    blocked = Blocked(lambda: queue.get_many(5))
    assert blocked.waits
    queue.put_many([1, 2])
    assert sorted(blocked.result()) == [1, 2]
    with pytest.raises(Empty):
        queue.get_many(5, timeout=0.02)


@pytest.mark.parametrize("auto_commit", [True, False])
def test_get_many_leaves_what_does_not_decode_to_the_next_get(
    tmp_path: Path, auto_commit: bool
) -> None:
    queue = SQLiteQueue(str(tmp_path), auto_commit=auto_commit, serializer=Fussy)
    queue.put_many([1, "bad", 2, 3])
    assert queue.get_many(10) == [1]
    with pytest.raises(UndecodableError) as caught:
        queue.get_many(10)
    assert caught.value.id == 2
    assert queue.get_many(10) == [2, 3]
    queue.close()
    assert 2 in stored(SQLiteQueue, tmp_path)


@pytest.mark.parametrize("auto_commit", [True, False])
def test_an_interrupted_get_many_takes_nothing(
    tmp_path: Path, auto_commit: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = SQLiteQueue(str(tmp_path), auto_commit=auto_commit, serializer=Fussy)
    queue.put_many([1, 2, "interrupt"])
    with pytest.raises(KeyboardInterrupt):
        queue.get_many(10)
    assert queue.size == 3
    monkeypatch.setattr(Fussy, "interrupts", False)
    assert queue.get_many(10) == [1, 2, "interrupt"]


def test_threads_that_get_many_share_nothing(kind: Any, tmp_path: Path) -> None:
    kind(str(tmp_path)).put_many(range(1000))
    got: list = []

    def take() -> None:
        queue = kind(str(tmp_path), durability="process")
        try:
            while True:
                got.extend(queue.get_many(7, timeout=0))
        except Empty:
            pass

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    got.extend(kind(str(tmp_path)))
    assert sorted(got) == list(range(1000))


GREEN = """
import random
Timeout = eventlet.Timeout if "eventlet" in sys.modules else gevent.Timeout
queue = Queue(sys.argv[1], durability="process", auto_commit=auto_commit)
got = []

def consume():
    while len(got) < 300:
        try:
            with Timeout(random.random() * 0.004):
                got.extend(queue.get_many(3))
        except Timeout:
            pass

waiter = spawn(consume)
for number in range(100):
    queue.put_many(range(number * 3, number * 3 + 3))
finish(waiter)
assert sorted(got) == list(range(300))
assert queue.size == len(queue.queue()) == 0
"""


@pytest.mark.parametrize("auto_commit", [True, False])
@pytest.mark.parametrize("library", LIBRARIES)
def test_an_interrupted_green_thread_loses_none_of_many(
    tmp_path: Path, library: str, auto_commit: bool
) -> None:
    require(library)
    opened = f"auto_commit = {auto_commit}"
    play(tmp_path, PATCH[library], imports("SQLiteQueue"), PRELUDE, opened, GREEN)


def test_ten_thousand_at_once_do_not_cost_each_other(tmp_path: Path) -> None:
    queue = SQLiteQueue(str(tmp_path), durability="process")
    queue.put_many(range(10_000))
    start = time.monotonic()
    assert queue.get_many(10_000) == list(range(10_000))
    assert time.monotonic() - start < 3
