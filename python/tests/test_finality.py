"""When a take is final: autosave, task_done by thread, and opening the queue again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers import drain, in_thread, put_all

from persistqueue import Queue

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "q")


def filled(path: str, count: int = 5, **options) -> Queue:
    queue = Queue(path, **options)
    put_all(queue, range(count))
    return queue


class Worker(ThreadPoolExecutor):
    """One thread that stays alive and does what it is told."""

    def __init__(self) -> None:
        super().__init__(max_workers=1)

    def take(self, queue: Queue, count: int = 1) -> list:
        return self.submit(lambda: [queue.get(timeout=5) for _ in range(count)]).result(10)

    def task_done(self, queue: Queue) -> None:
        self.submit(queue.task_done).result(10)


def test_with_autosave_a_get_that_returned_is_final(path: str) -> None:
    queue = filled(path, autosave=True)
    assert [queue.get(), queue.get()] == [0, 1]
    assert drain(Queue(path, autosave=True)) == [2, 3, 4]


def test_without_autosave_what_was_taken_and_not_done_comes_back_in_order(path: str) -> None:
    queue = filled(path)
    assert [queue.get(), queue.get()] == [0, 1]
    del queue
    assert drain(Queue(path)) == [0, 1, 2, 3, 4]


def test_task_done_makes_the_take_final(path: str) -> None:
    queue = filled(path)
    queue.get()
    queue.task_done()
    del queue
    assert drain(Queue(path)) == [1, 2, 3, 4]


def test_what_was_taken_after_task_done_comes_back(path: str) -> None:
    queue = filled(path)
    queue.get()
    queue.task_done()
    assert queue.get() == 1
    del queue
    assert drain(Queue(path)) == [1, 2, 3, 4]


def test_take_a_thousand_and_one_task_done_finishes_a_thousand(path: str) -> None:
    queue = filled(path, 1001)
    for number in range(1000):
        assert queue.get() == number
    queue.task_done()
    assert queue.unfinished_tasks == 1000
    del queue
    assert drain(Queue(path)) == [1000]


def test_a_later_put_does_not_make_a_take_final(path: str) -> None:
    queue = filled(path, 2)
    assert queue.get() == 0
    queue.put("later")
    del queue
    assert drain(Queue(path)) == [0, 1, "later"]


def test_a_later_put_by_another_object_does_not_make_a_take_final(path: str) -> None:
    queue = filled(path, 2)
    assert queue.get() == 0
    Queue(path).put("later")
    assert drain(Queue(path)) == [0, 1, "later"]


def test_task_done_leaves_what_another_thread_works_on(path: str) -> None:
    queue = filled(path, 3)
    with Worker() as worker:
        assert worker.take(queue) == [0]
        assert queue.get() == 1
        queue.task_done()
        assert 0 in drain(Queue(path))


def test_task_done_is_final_for_its_thread_although_an_older_item_is_in_flight(path: str) -> None:
    queue = filled(path, 3)
    with Worker() as worker:
        assert worker.take(queue) == [0]
        assert queue.get() == 1
        queue.task_done()
        assert drain(Queue(path)) == [0, 2]


def test_each_worker_finishes_its_own(path: str) -> None:
    queue = filled(path, 4)
    with Worker() as first, Worker() as second:
        assert first.take(queue) + second.take(queue) == [0, 1]
        second.task_done(queue)
        first.task_done(queue)
        assert drain(Queue(path)) == [2, 3]


def test_one_task_done_finishes_all_that_its_own_thread_has_taken(path: str) -> None:
    queue = filled(path, 6)
    with Worker() as worker:
        assert worker.take(queue, 3) == [0, 1, 2]
        assert queue.get() == 3
        worker.task_done(queue)
        assert drain(Queue(path)) == [3, 4, 5]


def test_a_thread_that_holds_nothing_finishes_the_oldest_item_in_flight(path: str) -> None:
    queue = filled(path, 4)
    assert [queue.get(), queue.get(), queue.get()] == [0, 1, 2]
    in_thread(queue.task_done)
    assert drain(Queue(path)) == [1, 2, 3]


def test_a_dispatchers_workers_finish_one_item_each(path: str) -> None:
    queue = filled(path, 4)
    assert [queue.get(), queue.get(), queue.get()] == [0, 1, 2]
    in_thread(queue.task_done)
    in_thread(queue.task_done)
    assert queue.unfinished_tasks == 2
    assert drain(Queue(path)) == [2, 3]


def test_what_a_dead_thread_held_can_be_finished_by_another(path: str) -> None:
    queue = filled(path, 3)
    assert in_thread(queue.get) == 0
    queue.task_done()
    assert drain(Queue(path)) == [1, 2]


def test_unfinished_tasks_falls_by_one_a_call_whoever_calls(path: str) -> None:
    queue = filled(path, 4)
    with Worker() as worker:
        worker.take(queue, 2)
        worker.task_done(queue)
        assert queue.unfinished_tasks == 3
        queue.task_done()
        assert queue.unfinished_tasks == 2


@pytest.mark.parametrize("autosave", [False, True])
def test_unfinished_tasks_after_reopening_is_the_number_of_items_on_disk(
    path: str, autosave: bool
) -> None:
    queue = filled(path, 5, autosave=autosave)
    queue.get()
    queue.get()
    if not autosave:
        queue.task_done()
        assert queue.unfinished_tasks == 4
    del queue
    assert Queue(path, autosave=autosave).unfinished_tasks == 3


def test_join_after_reopening_waits_for_the_items_on_disk(path: str) -> None:
    filled(path, 2)
    queue = Queue(path)
    for _ in range(2):
        queue.get()
        queue.task_done()
    queue.join()


def test_reopening_while_the_old_object_is_referenced_starts_from_what_is_final(path: str) -> None:
    old = filled(path, 5)
    assert [old.get(), old.get()] == [0, 1]
    new = Queue(path)
    assert new.qsize() == 5
    assert drain(new) == [0, 1, 2, 3, 4]


def test_the_newer_object_takes_over_as_the_consumer(path: str) -> None:
    old = filled(path, 3)
    assert old.get() == 0
    new = Queue(path)
    assert new.get() == 0
    new.task_done()
    assert drain(Queue(path)) == [1, 2]


def test_puts_of_an_older_object_reach_the_newer_one(path: str) -> None:
    old = filled(path, 2, chunksize=2)
    new = Queue(path, chunksize=2)
    for number in range(2, 10):
        (old if number % 2 else new).put(number)
    assert drain(new) == list(range(10))
