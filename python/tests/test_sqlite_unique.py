"""A unique queue: which items are the same, and which bytes they are (failing 26)."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import enum
import json
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import require, run_python

from persistqueue import UniqueQ, serializers


@dataclasses.dataclass
class Point:
    x: Any
    y: Any


@dataclasses.dataclass(frozen=True)
class Frozen:
    x: Any


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a: Any, b: Any) -> None:
        self.a, self.b = a, b

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Slotted) and (self.a, self.b) == (other.a, other.b)

    def __hash__(self) -> int:
        return 0


class Colour(enum.Enum):
    RED = "red"


def text() -> str:
    """A new object each time."""
    return "".join(["some ", "text"])


X = [text()]

# Two values each that are equal, and made in different ways.
PAIRS = {
    "shared list": ([X, X], [[text()], [text()]]),
    "shared text": ([X[0], X[0]], [text(), text()]),
    "shared bytes": ([text().encode()] * 2, [text().encode(), text().encode()]),
    "shared tuple": ([(1, 2)] * 2, [tuple(iter([1, 2])), tuple(iter([1, 2]))]),
    "order": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "nested order": ({"x": [{"a": 1, "b": 2}]}, {"x": [{"b": 2, "a": 1}]}),
    "order in a tuple": (({"a": 1, "b": 2},), ({"b": 2, "a": 1},)),
    "order of keys of several types": ({1: 0, "a": 0, None: 0}, {None: 0, "a": 0, 1: 0}),
    "order of tuples as keys": ({(1, "a"): 0, ("a", 1): 0}, {("a", 1): 0, (1, "a"): 0}),
    "key that is also a value": ({X[0]: X[0]}, {text(): text()}),
    "set": ({f"{n}" for n in range(50)}, {f"{n}" for n in reversed(range(50))}),
    "set in a set": ({frozenset("abc"), frozenset("d")}, {frozenset("d"), frozenset("cba")}),
    "object": (Point(X, {"a": X, "b": 1}), Point([text()], {"b": 1, "a": [text()]})),
    "shared object": ([Point(1, 2)] * 2, [Point(1, 2), Point(1, 2)]),
    "frozen object": (Frozen(X), Frozen([text()])),
    "object with slots": (Slotted(X, X), Slotted([text()], [text()])),
    "counter": (collections.Counter("aab"), collections.Counter("baa")),
    "defaultdict": (
        collections.defaultdict(list, {"a": X, "b": X}),
        collections.defaultdict(list, {"b": [text()], "a": [text()]}),
    ),
    "deque": (collections.deque([X, X]), collections.deque([[text()], [text()]])),
    "enum": ([Colour.RED, "RED"], [Colour("red"), "".join("RED")]),
    "date": (datetime.datetime(2020, 1, 1), datetime.datetime(2020, 1, 1)),
}


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[UniqueQ]:
    with UniqueQ(str(tmp_path), durability="process") as queue:
        yield queue


def test_26_a_waiting_duplicate_is_none_and_stores_nothing(queue: UniqueQ) -> None:
    assert queue.put("a") == 1
    assert queue.put("a") is None
    assert queue.put_nowait("a") is None
    assert queue.put_many(["a", "b", "b"])[::2] == [None, None]
    assert list(queue) == ["a", "b"]


def test_26_a_value_that_was_taken_can_be_put_again(queue: UniqueQ) -> None:
    queue.put("a")
    queue.get()
    assert queue.put("a") is not None


def test_26_put_nowait_works(queue: UniqueQ) -> None:
    assert queue.put_nowait("a") == 1


@pytest.mark.parametrize("pair", PAIRS)
def test_26_equal_values_are_equal_however_they_were_made(queue: UniqueQ, pair: str) -> None:
    one, other = PAIRS[pair]
    assert one == other
    assert queue.put(one) == 1
    assert queue.put(other) is None
    got = queue.get()
    assert got == one
    assert type(got) is type(one)


@pytest.mark.parametrize("pair", PAIRS)
def test_26_a_value_that_has_been_in_a_queue_is_the_same(queue: UniqueQ, pair: str) -> None:
    queue.put(PAIRS[pair][0])
    assert queue.put(queue.peek()) is None
    assert queue.put(pickle.loads(pickle.dumps(PAIRS[pair][0]))) is None


@pytest.mark.parametrize(
    "values", [(1, True, 1.0), ("a", b"a"), ([1], (1,)), (None, 0, "", False, [], {}, ())]
)
def test_26_values_of_other_types_are_others(queue: UniqueQ, values: tuple) -> None:
    assert None not in queue.put_many(values)
    assert list(queue) == list(values)


def test_26_an_ordered_dictionary_has_an_order(queue: UniqueQ) -> None:
    ordered = collections.OrderedDict
    assert queue.put(ordered(a=1, b=2)) is not None
    assert queue.put(ordered(b=2, a=1)) is not None
    assert list(queue.get()) == ["a", "b"]


def test_26_a_value_that_contains_itself_can_be_put(queue: UniqueQ) -> None:
    value: list = [1]
    value.append(value)
    queue.put(value)
    got = queue.get()
    assert got[1] is got


def test_26_a_set_is_the_same_in_every_process(tmp_path: Path) -> None:
    code = """
import sys
from persistqueue import UniqueQ
UniqueQ(sys.argv[1]).put({"a": {str(n) for n in range(20)}})
"""
    for seed in "123":
        run_python(code, tmp_path, env={**os.environ, "PYTHONHASHSEED": seed})
    assert UniqueQ(str(tmp_path)).size == 1


@pytest.mark.parametrize("name", ["pickle", "json", "msgpack", "cbor2"])
def test_26_the_order_is_none_of_any_serializer(tmp_path: Path, name: str) -> None:
    if name in ("msgpack", "cbor2"):
        require(name)
    queue = UniqueQ(str(tmp_path), serializer=getattr(serializers, name))
    assert queue.put({"x": {"a": X, "b": X}, "y": 1}) == 1
    assert queue.put({"y": 1, "x": {"b": [text()], "a": [text()]}}) is None


class OnlyDumps:
    @staticmethod
    def dumps(value: Any) -> str:
        return json.dumps(value)

    @staticmethod
    def loads(data: str) -> Any:
        assert isinstance(data, str)
        return json.loads(data)


class OnlyDump:
    @staticmethod
    def dump(value: Any, fp: Any) -> None:
        fp.write(json.dumps(value).encode())

    @staticmethod
    def load(fp: Any) -> Any:
        return json.loads(fp.read())


@pytest.mark.parametrize("serializer", [json, pickle, OnlyDumps, OnlyDump])
def test_26_the_order_is_none_of_a_users_serializer(tmp_path: Path, serializer: Any) -> None:
    queue = UniqueQ(str(tmp_path), serializer=serializer)
    assert queue.put({"x": {"a": 1, "b": 2}, "y": 1}) == 1
    assert queue.put({"y": 1, "x": {"b": 2, "a": 1}}) is None
    assert queue.get() == {"x": {"a": 1, "b": 2}, "y": 1}


def test_the_documentation_says_what_equal_means() -> None:
    assert "same types" in (UniqueQ.__doc__ or "")
