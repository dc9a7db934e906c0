"""Section 7: len, peek, iteration, clear, and many items at once."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from helpers import Blocked, drain, put_all

from persistqueue import Empty, Queue

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "q")


def test_len_counts_what_waits(path: str) -> None:
    queue = Queue(path)
    assert len(queue) == 0
    put_all(queue, "abc")
    queue.get()
    assert len(queue) == queue.qsize() == 2


def test_an_empty_queue_is_still_true(path: str) -> None:
    assert bool(Queue(path)) is True


def test_peek_gives_the_next_item_and_takes_nothing(path: str) -> None:
    queue = Queue(path)
    put_all(queue, "ab")
    assert [queue.peek(), queue.peek(), queue.get(), queue.peek()] == ["a", "a", "a", "b"]
    assert queue.qsize() == 1


def test_peek_at_an_empty_queue_raises_empty(path: str) -> None:
    with pytest.raises(Empty):
        Queue(path).peek()


def test_iteration_consumes_until_empty(path: str) -> None:
    queue = Queue(path, chunksize=2)
    put_all(queue, range(7))
    assert list(queue) == list(range(7))
    assert queue.empty()
    assert list(queue) == []


def test_iteration_that_stops_early_leaves_the_rest(path: str) -> None:
    queue = Queue(path)
    put_all(queue, range(5))
    for item in queue:
        if item == 1:
            break
    assert drain(queue) == [2, 3, 4]


def test_in_raises_rather_than_consuming(path: str) -> None:
    queue = Queue(path)
    put_all(queue, range(3))
    with pytest.raises(TypeError):
        assert 1 in queue
    assert drain(queue) == [0, 1, 2]


@pytest.mark.parametrize("method", ["clear", "purge"])
def test_clear_and_purge_remove_what_waits_and_say_how_many(path: str, method: str) -> None:
    queue = Queue(path, chunksize=2)
    put_all(queue, range(5))
    assert getattr(queue, method)() == 5
    assert (queue.qsize(), queue.empty()) == (0, True)
    assert getattr(queue, method)() == 0
    queue.put("after")
    del queue
    assert drain(Queue(path, chunksize=2)) == ["after"]


def test_clear_wakes_a_blocked_put(path: str) -> None:
    queue = Queue(path, maxsize=1)
    queue.put("old")
    blocked = Blocked(lambda: queue.put("new"))
    assert blocked.waits
    queue.clear()
    blocked.result()
    assert drain(queue) == ["new"]


def test_put_many_puts_all_in_order(path: str) -> None:
    queue = Queue(path, chunksize=3)
    queue.put_many(["a", None])
    queue.put_many(number for number in range(10))
    queue.put_many([])
    assert (queue.qsize(), queue.unfinished_tasks) == (12, 12)
    del queue
    assert drain(Queue(path, chunksize=3)) == ["a", None, *range(10)]


def test_put_many_with_one_bad_item_stores_none(path: str) -> None:
    queue = Queue(path)
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        queue.put_many(["good", lambda: 0, "also good"])
    assert queue.empty()


def test_put_many_wakes_several_waiters(path: str) -> None:
    queue = Queue(path)
    blocked = [Blocked(queue.get) for _ in range(3)]
    queue.put_many("abc")
    assert sorted(one.result() for one in blocked) == ["a", "b", "c"]


def test_get_many_gives_at_most_max_in_order(path: str) -> None:
    queue = Queue(path, chunksize=3)
    put_all(queue, range(10))
    assert list(queue.get_many(7)) == list(range(7))
    assert list(queue.get_many(7)) == [7, 8, 9]


def test_get_many_waits_for_the_first_item_only(path: str) -> None:
    queue = Queue(path)
    blocked = Blocked(lambda: queue.get_many(5, timeout=30))
    assert blocked.waits
    queue.put("only one")
    assert list(blocked.result()) == ["only one"]


def test_get_many_of_nothing_within_the_timeout_gives_nothing(path: str) -> None:
    try:
        got = list(Queue(path).get_many(5, timeout=0.05))
    except Empty:
        got = []
    assert got == []


def test_one_task_done_after_get_many_finishes_all_of_them(path: str) -> None:
    queue = Queue(path)
    put_all(queue, range(5))
    queue.get_many(3)
    queue.task_done()
    del queue
    assert drain(Queue(path)) == [3, 4]
