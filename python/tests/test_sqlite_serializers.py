"""Serializers of the queues in databases: `dumps` and `loads`, else `dump` and `load`."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import custom_serializer
import pytest
from helpers import require, run_python

from persistqueue import FILOSQLiteQueue, PriorityQueue, SQLiteQueue, UniqueQ, serializers


@pytest.fixture(
    params=[SQLiteQueue, FILOSQLiteQueue, UniqueQ, PriorityQueue], ids=lambda kind: kind.__name__
)
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


class Both:
    """Has all four: persist-queue calls these two of them for its databases."""

    def dumps(self, value: Any, sort_keys: bool = False) -> bytes:
        return b"s" + pickle.dumps(value)

    def loads(self, data: bytes) -> Any:
        return pickle.loads(data[1:])

    def dump(self, value: Any, fp: Any) -> None:
        raise AssertionError("dump was called")

    def load(self, fp: Any) -> Any:
        raise AssertionError("load was called")


class Array:
    @staticmethod
    def dumps(value: Any, sort_keys: bool = False) -> bytearray:
        return bytearray(pickle.dumps(value))

    @staticmethod
    def loads(data: bytes) -> Any:
        assert isinstance(data, bytes)
        return pickle.loads(data)


@pytest.mark.parametrize("serializer", [Both(), Array, json, pickle, custom_serializer])
def test_a_users_serializer_is_enough_with_one_pair_of_functions(
    kind: Any, tmp_path: Path, serializer: Any
) -> None:
    queue = kind(str(tmp_path), serializer=serializer)
    queue.put({"a": 1})
    assert queue.peek() == {"a": 1}
    assert queue.update({"b": 2}, id=1) == 1
    assert queue.queue()[0]["data"] == {"b": 2}
    assert queue.get() == {"b": 2}


@pytest.mark.parametrize("name", ["pickle", "json", "msgpack", "cbor2"])
def test_our_serializers_store_no_frame(kind: Any, tmp_path: Path, name: str) -> None:
    if name in ("msgpack", "cbor2"):
        require(name)
    serializer = getattr(serializers, name)
    queue = kind(str(tmp_path), serializer=serializer)
    queue.put({"a": 1})
    assert stored(tmp_path) == serializer.dumps({"a": 1})
    assert queue.get() == {"a": 1}


def test_text_is_stored_as_text(kind: Any, tmp_path: Path) -> None:
    queue = kind(str(tmp_path), serializer=json)
    queue.put("é\0x")
    assert stored(tmp_path) == json.dumps("é\0x")
    assert queue.get() == "é\0x"


def stored(path: Path) -> Any:
    """Read by another process: two copies of SQLite in one would break each other's locks."""
    code = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
(table,), = database.execute("SELECT name FROM sqlite_master WHERE name LIKE '%queue_default'")
print(repr(database.execute(f"SELECT data FROM {table}").fetchone()[0]))
"""
    return eval(run_python(code, path / "data.db").stdout)


def test_a_serializer_that_gives_something_else_is_a_type_error(kind: Any, tmp_path: Path) -> None:
    class Wrong:
        @staticmethod
        def dumps(value: Any, sort_keys: bool = False) -> int:
            return 5

        loads = dumps

    queue = kind(str(tmp_path), serializer=Wrong)
    with pytest.raises(TypeError, match="bytes or text"):
        queue.put(1)
    assert queue.empty()


def test_an_object_that_is_no_serializer_is_refused_when_the_queue_is_opened(
    kind: Any, tmp_path: Path
) -> None:
    with pytest.raises(AttributeError):
        kind(str(tmp_path), serializer=object())


def test_an_item_that_cannot_be_serialized_puts_nothing(kind: Any, tmp_path: Path) -> None:
    queue = kind(str(tmp_path))
    with pytest.raises(Exception, match="pickle"):
        queue.put(lambda: 0)
    assert queue.empty()
