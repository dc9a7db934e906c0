"""Which serializers a queue takes, and what it remembers of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import custom_serializer
import pytest
from helpers import drain, files, put_all, require, write_queue

from persistqueue import Queue, serializers

NAMES = ["pickle", "msgpack", "cbor2", "json"]


VALUE = {"b": [1, None, True], "a": "text é", "c": {"z": 1.5, "y": -1}}


pytestmark = pytest.mark.timeout(60)


def module(name: str) -> Any:
    if name in ("msgpack", "cbor2"):
        require(name)
    return getattr(serializers, name)


def listed(value: Any) -> Any:
    """The value with tuples as lists: msgpack, as in persist-queue, gives arrays as tuples."""
    if isinstance(value, dict):
        return {key: listed(each) for key, each in value.items()}
    return [listed(each) for each in value] if isinstance(value, list | tuple) else value


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "q")


@pytest.mark.parametrize("name", NAMES)
def test_a_queue_with_each_serializer(path: str, name: str) -> None:
    put_all(Queue(path, serializer=module(name)), [VALUE, 1, "x"])
    assert listed(drain(Queue(path, serializer=module(name)))) == [VALUE, 1, "x"]


def test_a_queue_with_a_module_of_the_users_own(path: str) -> None:
    items = [{"set": {1, 2}}, (1, 2), b"\n\n", None]
    put_all(Queue(path, serializer=custom_serializer), items)
    assert drain(Queue(path, serializer=custom_serializer)) == items


class ReadsToTheEnd:
    """Frames nothing: its load takes all that there is."""

    def dump(self, value: bytes, fp: BinaryIO) -> None:
        fp.write(value[: len(value) // 2])
        fp.write(value[len(value) // 2 :])

    def load(self, fp: BinaryIO) -> bytes:
        return fp.read()


def test_load_may_read_to_the_end_and_gets_exactly_its_own_record(path: str) -> None:
    items = [b"one", b"two\n", b"\0" * 70_000, b"three"]
    put_all(Queue(path, serializer=ReadsToTheEnd()), items)
    assert drain(Queue(path, serializer=ReadsToTheEnd())) == items


def test_an_item_of_no_bytes_is_an_item(path: str) -> None:
    queue = Queue(path, serializer=ReadsToTheEnd())
    put_all(queue, [b"", b"x", b""])
    del queue
    assert drain(Queue(path, serializer=ReadsToTheEnd())) == [b"", b"x", b""]


class RaisesHalfWay(ReadsToTheEnd):
    refuse = True

    def dump(self, value: bytes, fp: BinaryIO) -> None:
        fp.write(value)
        if value.startswith(b"bad") and self.refuse:
            raise RuntimeError("half-way")


def test_a_serializer_that_raises_half_way_stores_nothing(path: str) -> None:
    queue = Queue(path, serializer=RaisesHalfWay())
    queue.put(b"before")
    with pytest.raises(RuntimeError, match="half-way"):
        queue.put(b"bad" + b"x" * 100_000)
    queue.put(b"behind")
    assert (queue.qsize(), queue.unfinished_tasks) == (2, 2)
    del queue
    assert drain(Queue(path, serializer=RaisesHalfWay())) == [b"before", b"behind"]


class LoadsNot(ReadsToTheEnd):
    broken = False

    def load(self, fp: BinaryIO) -> bytes:
        if self.broken:
            raise RuntimeError("cannot load")
        return fp.read()


def test_an_item_whose_load_raised_is_not_lost(path: str) -> None:
    serializer = LoadsNot()
    queue = Queue(path, serializer=serializer)
    put_all(queue, [b"one", b"two"])
    serializer.broken = True
    with pytest.raises(RuntimeError, match="cannot load"):
        queue.get(timeout=5)
    serializer.broken = False
    del queue
    assert drain(Queue(path, serializer=serializer)) == [b"one", b"two"]


@pytest.mark.parametrize("written", NAMES)
@pytest.mark.parametrize("opened", NAMES)
def test_opening_with_another_serializer_names_both(path: str, written: str, opened: str) -> None:
    from persistqueue.exceptions import PersistQueueError, SerializerMismatchError

    write_queue(path, ["kept"], serializer=module(written).__name__.rpartition(".")[2])
    if opened == written:
        assert Queue(path, serializer=module(opened)).get() == "kept"
        return
    before = files(path)
    with pytest.raises(SerializerMismatchError) as caught:
        Queue(path, serializer=module(opened))
    assert isinstance(caught.value, PersistQueueError)
    assert written in str(caught.value)
    assert opened in str(caught.value)
    assert files(path) == before
    assert drain(Queue(path, serializer=module(written))) == ["kept"]


class Named(ReadsToTheEnd):
    def __init__(self, name: str) -> None:
        self.name = name


@pytest.mark.parametrize(
    ("serializer", "name"),
    [
        (Named("my-own-format"), "my-own-format"),
        (ReadsToTheEnd(), f"{__name__}.ReadsToTheEnd"),
        (custom_serializer, "custom_serializer"),
    ],
)
def test_a_serializers_remembered_name(path: str, serializer: Any, name: str) -> None:
    from persistqueue.exceptions import SerializerMismatchError

    put_all(Queue(path, serializer=serializer), [b"kept"])
    with pytest.raises(SerializerMismatchError) as caught:
        Queue(path)
    assert name in str(caught.value)
    assert "pickle" in str(caught.value)


def test_two_objects_of_one_name_are_the_same_serializer(path: str) -> None:
    put_all(Queue(path, serializer=Named("same")), [b"kept"])
    assert drain(Queue(path, serializer=Named("same"))) == [b"kept"]
