"""Section 2 of the contract: Empty, Full, timeouts, the bound, task_done and join."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import Blocked, drain, put_all

from persistqueue import Empty, Full, Queue

pytestmark = pytest.mark.timeout(60)


def test_tempdir_is_accepted_and_left_empty(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    queue = Queue(str(tmp_path / "q"), tempdir=str(temporary))
    queue.put(1)
    assert queue.get() == 1
    assert not list(temporary.iterdir())


def test_put_and_get_take_block_and_timeout_in_this_order(tmp_path: Path) -> None:
    queue = Queue(str(tmp_path / "q"))
    assert queue.put("a", False, 1) is None
    assert queue.put(item="b", block=True, timeout=1) is None
    assert queue.get(False, 1) == "a"
    assert queue.get(block=True, timeout=1) == "b"


@pytest.mark.parametrize("maxsize", [0, -1])
def test_full_is_false_without_a_bound(tmp_path: Path, maxsize: int) -> None:
    queue = Queue(str(tmp_path / "q"), maxsize=maxsize)
    put_all(queue, range(5))
    assert queue.full() is False
    assert queue.maxsize == maxsize


def test_full_is_true_at_the_bound(tmp_path: Path) -> None:
    queue = Queue(str(tmp_path / "q"), maxsize=2)
    queue.put(1)
    assert queue.full() is False
    queue.put(2)
    assert queue.full() is True


def test_what_is_taken_no_longer_counts_towards_the_bound(tmp_path: Path) -> None:
    queue = Queue(str(tmp_path / "q"), maxsize=1)
    queue.put("a")
    queue.get()
    queue.put_nowait("b")
    assert queue.get_nowait() == "b"


@pytest.mark.parametrize("how", [{"block": False}, {"timeout": 0}, {"timeout": 0.05}])
def test_get_from_an_empty_queue_raises_empty(tmp_path: Path, how: dict) -> None:
    with pytest.raises(Empty):
        Queue(str(tmp_path / "q")).get(**how)


@pytest.mark.parametrize("how", [{"block": False}, {"timeout": 0}, {"timeout": 0.05}])
def test_put_into_a_full_queue_raises_full_and_stores_nothing(tmp_path: Path, how: dict) -> None:
    queue = Queue(str(tmp_path / "q"), maxsize=1)
    queue.put("kept")
    with pytest.raises(Full):
        queue.put("refused", **how)
    assert drain(queue) == ["kept"]


def test_put_nowait_and_get_nowait_never_wait(tmp_path: Path) -> None:
    queue = Queue(str(tmp_path / "q"), maxsize=1)
    with pytest.raises(Empty):
        queue.get_nowait()
    queue.put_nowait(1)
    with pytest.raises(Full):
        queue.put_nowait(2)


def test_a_negative_timeout_of_get_is_a_value_error(tmp_path: Path) -> None:
    queue = Queue(str(tmp_path / "q"))
    queue.put("kept")
    with pytest.raises(ValueError):
        queue.get(timeout=-1)
    assert drain(queue) == ["kept"]


def test_a_negative_timeout_of_put_is_a_value_error(tmp_path: Path) -> None:
    queue = Queue(str(tmp_path / "q"), maxsize=3)
    with pytest.raises(ValueError):
        queue.put("refused", timeout=-1)
    assert drain(queue) == []


def test_task_done_called_too_often_is_a_value_error(tmp_path: Path) -> None:
    queue = Queue(str(tmp_path / "q"))
    queue.put(1)
    queue.get()
    queue.task_done()
    with pytest.raises(ValueError):
        queue.task_done()
    assert queue.unfinished_tasks == 0


def test_unfinished_tasks_rises_with_put_and_falls_by_one_a_task_done(tmp_path: Path) -> None:
    queue = Queue(str(tmp_path / "q"))
    put_all(queue, "abc")
    assert queue.unfinished_tasks == 3
    queue.get()
    assert queue.unfinished_tasks == 3
    queue.task_done()
    assert queue.unfinished_tasks == 2


def test_a_blocked_get_wakes_at_a_put(tmp_path: Path) -> None:
    queue = Queue(str(tmp_path / "q"))
    blocked = Blocked(queue.get)
    assert blocked.waits
    queue.put("late")
    assert blocked.result() == "late"


def test_a_blocked_put_wakes_at_a_get(tmp_path: Path) -> None:
    queue = Queue(str(tmp_path / "q"), maxsize=1)
    queue.put("first")
    blocked = Blocked(lambda: queue.put("second"))
    assert blocked.waits
    assert queue.get() == "first"
    blocked.result()
    assert queue.get() == "second"


def test_join_returns_when_every_item_is_done(tmp_path: Path) -> None:
    queue = Queue(str(tmp_path / "q"))
    put_all(queue, "ab")
    blocked = Blocked(queue.join)
    queue.get()
    queue.task_done()
    assert blocked.waits
    queue.get()
    queue.task_done()
    blocked.result()


def test_join_of_an_empty_queue_returns_at_once(tmp_path: Path) -> None:
    Queue(str(tmp_path / "q")).join()
