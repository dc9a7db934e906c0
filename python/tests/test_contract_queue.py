"""Section 2 of the contract: the names, the constructor, and the order of items."""

from __future__ import annotations

import os
import queue as std
from pathlib import Path

import pytest
from helpers import drain, put_all

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


def test_qsize_and_empty_count_what_waits(tmp_path: Path) -> None:
    queue = Queue(str(tmp_path / "q"))
    assert (queue.qsize(), queue.empty()) == (0, True)
    put_all(queue, "ab")
    queue.get()
    assert (queue.qsize(), queue.empty()) == (1, False)
