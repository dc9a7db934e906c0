"""Section 7: what persist-queue has not: close, with, len, peek, iteration, many at once, levels."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from helpers import Blocked, drain, files, put_all
from persistqueue import Empty, Full, Queue

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "q")


def test_new_exceptions_have_one_base() -> None:
    from persistqueue import exceptions

    for name in (
        "ClosedError",
        "ConsumedElsewhereError",
        "CorruptedError",
        "LockedError",
        "SerializerMismatchError",
        "UnrecognisedError",
    ):
        assert issubclass(getattr(exceptions, name), exceptions.PersistQueueError), name
    assert issubclass(exceptions.PersistQueueError, Exception)


@pytest.mark.parametrize(
    "use",
    [
        lambda queue: queue.put(1),
        lambda queue: queue.put_nowait(1),
        lambda queue: queue.get(),
        lambda queue: queue.get_nowait(),
        lambda queue: queue.task_done(),
        lambda queue: queue.peek(),
        lambda queue: queue.clear(),
        lambda queue: queue.put_many([1]),
        lambda queue: queue.get_many(1, 0),
        lambda queue: next(iter(queue)),
    ],
    ids=["put", "put_nowait", "get", "get_nowait", "task_done", "peek", "clear"]
    + ["put_many", "get_many", "iter"],
)
def test_use_after_close_is_a_closed_error(path: str, use) -> None:
    from persistqueue.exceptions import ClosedError

    queue = Queue(path)
    queue.put("kept")
    queue.close()
    with pytest.raises(ClosedError):
        use(queue)
    assert drain(Queue(path)) == ["kept"]


def test_close_twice_is_harmless(path: str) -> None:
    queue = Queue(path)
    queue.close()
    queue.close()


def test_close_makes_nothing_final_that_was_not_done(path: str) -> None:
    queue = Queue(path)
    put_all(queue, "abc")
    queue.get()
    queue.task_done()
    queue.get()
    queue.close()
    assert drain(Queue(path)) == ["b", "c"]


@pytest.mark.parametrize(
    "wait",
    [
        lambda queue: queue.get(),
        lambda queue: queue.get(timeout=30),
        lambda queue: queue.put(2),
        lambda queue: queue.join(),
    ],
    ids=["get", "get timeout", "put", "join"],
)
def test_close_wakes_a_blocked_waiter_with_a_closed_error(path: str, wait) -> None:
    from persistqueue.exceptions import ClosedError

    queue = Queue(path, maxsize=1)
    queue.put("unfinished")
    blocked = Blocked(lambda: wait(queue))
    if not blocked.waits:  # it took the item: now nothing is there to get
        blocked = Blocked(lambda: wait(queue))
    assert blocked.waits
    queue.close()
    with pytest.raises(ClosedError):
        blocked.result()


def test_a_with_block_closes(path: str) -> None:
    from persistqueue.exceptions import ClosedError

    with Queue(path) as queue:
        queue.put(1)
    with pytest.raises(ClosedError):
        queue.put(2)
    assert drain(Queue(path)) == [1]


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
    with pytest.raises(Exception, match="pickle"):
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


@pytest.mark.parametrize("durability", ["process", "disk", 0.05, 1])
def test_each_durability_level_stores_and_gives(path: str, durability: object) -> None:
    queue = Queue(path, chunksize=3, durability=durability)
    put_all(queue, range(10))
    assert queue.get() == 0
    queue.task_done()
    del queue
    assert drain(Queue(path, chunksize=3, durability=durability)) == list(range(1, 10))


@pytest.mark.parametrize("durability", ["often", "", -1, -0.5, float("nan")])
def test_a_durability_that_makes_no_sense_is_a_value_error(path: str, durability: object) -> None:
    with pytest.raises(ValueError, match="durability"):
        Queue(path, durability=durability)
    assert not Path(path).exists() or not files(path)


def test_an_interval_level_syncs_at_close(path: str) -> None:
    started = time.monotonic()
    with Queue(path, durability=30) as queue:
        queue.put("kept")
    assert time.monotonic() - started < 20, "close must not wait for the interval"
    assert drain(Queue(path)) == ["kept"]


def test_a_subclass_may_have_another_constructor(path: str) -> None:
    class Jobs(Queue):
        def __init__(self, folder: str, *, label: str) -> None:
            super().__init__(folder, maxsize=2)
            self.label = label

        def get(self, *args, **kwargs) -> tuple:
            return self.label, super().get(*args, **kwargs)

    jobs = Jobs(path, label="job")
    put_all(jobs, "ab")
    with pytest.raises(Full):
        jobs.put_nowait("c")
    assert jobs.get() == ("job", "a")
    assert isinstance(jobs, Queue)


@pytest.mark.parametrize("maxsize", [0, 3])
def test_many_threads_lose_and_double_nothing(path: str, maxsize: int) -> None:
    queue = Queue(path, maxsize=maxsize, chunksize=7)
    got: list = []

    def produce(name: int) -> None:
        for number in range(200):
            queue.put((name, number))

    def consume() -> None:
        while (item := queue.get(timeout=30)) is not None:
            got.append(item)
            queue.task_done()
        queue.task_done()

    producers = [threading.Thread(target=produce, args=(name,)) for name in range(5)]
    consumers = [threading.Thread(target=consume) for _ in range(5)]
    for thread in producers + consumers:
        thread.start()
    for thread in producers:
        thread.join()
    for _ in consumers:
        queue.put(None)
    queue.join()
    for thread in consumers:
        thread.join()
    assert sorted(got) == [(name, number) for name in range(5) for number in range(200)]
    assert queue.unfinished_tasks == 0
    del queue
    assert drain(Queue(path)) == []
