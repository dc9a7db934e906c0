"""Section 2 of the contract: the file queue as one program sees it."""

from __future__ import annotations

import os
import queue as std
import signal
from pathlib import Path

import persistqueue
import pytest
from helpers import Blocked, disk_usage, drain, ending, put_all, start_python
from persistqueue import Empty, Full, Queue
from persistqueue.serializers import json as json_serializer
from persistqueue.serializers import pickle as pickle_serializer

pytestmark = pytest.mark.timeout(60)


def test_public_names_are_where_persist_queue_has_them() -> None:
    import persistqueue.exceptions
    import persistqueue.queue
    import persistqueue.serializers

    assert persistqueue.queue.Queue is persistqueue.Queue
    assert persistqueue.exceptions.Empty is persistqueue.Empty
    assert persistqueue.exceptions.Full is persistqueue.Full
    assert isinstance(persistqueue.__version__, str)


def test_empty_and_full_are_also_those_of_the_standard_library() -> None:
    assert issubclass(Empty, std.Empty)
    assert issubclass(Full, std.Full)


def test_constructor_defaults(tmp_path: Path) -> None:
    queue = Queue(str(tmp_path / "q"))
    assert queue.path == str(tmp_path / "q")
    assert (queue.maxsize, queue.chunksize, queue.autosave) == (0, 100, False)
    assert queue.serializer is pickle_serializer


def test_constructor_order_of_parameters(tmp_path: Path) -> None:
    queue = Queue(str(tmp_path / "q"), 3, 7, None, json_serializer, True)
    assert (queue.maxsize, queue.chunksize, queue.autosave) == (3, 7, True)
    assert queue.serializer is json_serializer


def test_constructor_names_of_parameters(tmp_path: Path) -> None:
    queue = Queue(
        path=str(tmp_path / "q"),
        maxsize=3,
        chunksize=7,
        tempdir=None,
        serializer=json_serializer,
        autosave=True,
    )
    assert (queue.maxsize, queue.chunksize, queue.autosave) == (3, 7, True)


def test_constructor_new_parameters_are_keyword_only(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        Queue(str(tmp_path / "q"), 0, 100, None, pickle_serializer, False, "process")


def test_queue_without_a_path_uses_the_default_directory(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Queue().put("here")
    assert drain(Queue("queue")) == ["here"]


def test_path_may_be_a_path_object_and_missing_parents_are_made(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    queue = Queue(folder)
    queue.put(1)
    assert os.fspath(queue.path) == str(folder)
    assert folder.is_dir()


def test_tempdir_is_accepted_and_left_empty(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    queue = Queue(str(tmp_path / "q"), tempdir=str(temporary))
    queue.put(1)
    assert queue.get() == 1
    assert not list(temporary.iterdir())


def test_items_come_out_first_in_first_out_across_chunks(tmp_path: Path) -> None:
    queue = Queue(str(tmp_path / "q"), chunksize=3)
    put_all(queue, range(20))
    assert drain(queue) == list(range(20))


@pytest.mark.parametrize("item", [None, 0, "", False, [], b"\0" * 9, (1, {2}), "x" * 3_000_000])
def test_any_item_comes_back_as_it_was(tmp_path: Path, item: object) -> None:
    queue = Queue(str(tmp_path / "q"))
    queue.put(item)
    assert queue.get_nowait() == item
    assert queue.empty()


def test_put_and_get_take_block_and_timeout_in_this_order(tmp_path: Path) -> None:
    queue = Queue(str(tmp_path / "q"))
    assert queue.put("a", False, 1) is None
    assert queue.put(item="b", block=True, timeout=1) is None
    assert queue.get(False, 1) == "a"
    assert queue.get(block=True, timeout=1) == "b"


def test_qsize_and_empty_count_what_waits(tmp_path: Path) -> None:
    queue = Queue(str(tmp_path / "q"))
    assert (queue.qsize(), queue.empty()) == (0, True)
    put_all(queue, "ab")
    queue.get()
    assert (queue.qsize(), queue.empty()) == (1, False)


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


def test_a_put_that_returned_survives_the_death_of_the_process(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from persistqueue import Queue
queue = Queue(sys.argv[1], chunksize=7)
for number in range(50):
    queue.put(number)
os.kill(os.getpid(), signal.SIGKILL)
"""
    with ending(start_python(code, tmp_path / "q")) as (process,):
        assert process.wait(20) == -signal.SIGKILL
    assert drain(Queue(str(tmp_path / "q"), chunksize=7)) == list(range(50))


def test_maxsize_bounds_what_is_stored_after_reopening(tmp_path: Path) -> None:
    put_all(Queue(str(tmp_path / "q")), range(3))
    queue = Queue(str(tmp_path / "q"), maxsize=3)
    assert queue.full()
    with pytest.raises(Full):
        queue.put_nowait(3)


def test_a_drained_queue_holds_less_than_two_chunks_bytes(tmp_path: Path) -> None:
    queue = Queue(str(tmp_path / "q"), chunksize=10)
    put_all(queue, [b"x" * 100_000] * 100)
    assert disk_usage(tmp_path / "q") >= 100 * 100_000
    for _ in range(100):
        queue.get()
        queue.task_done()
    assert disk_usage(tmp_path / "q") < 2 * 10 * 100_000


def test_chunks_are_kept_until_the_take_is_final(tmp_path: Path) -> None:
    queue = Queue(str(tmp_path / "q"), chunksize=2)
    put_all(queue, range(20))
    assert drain(queue) == list(range(20))
    del queue
    assert drain(Queue(str(tmp_path / "q"), chunksize=2)) == list(range(20))


def test_reopening_with_another_chunksize_loses_nothing(tmp_path: Path) -> None:
    put_all(Queue(str(tmp_path / "q"), chunksize=3), range(10))
    put_all(Queue(str(tmp_path / "q"), chunksize=5), range(10, 20))
    assert drain(Queue(str(tmp_path / "q"), chunksize=2)) == list(range(20))
