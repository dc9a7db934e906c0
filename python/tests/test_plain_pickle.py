"""Plain values are pickled and read without `pickle`, into the very bytes that it makes."""

from __future__ import annotations

import pickle
import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from persistqueue import SQLiteQueue

LENGTHS = [0, 1, 2, 3, 254, 255, 256, 257, 61439, 61440, 61441, 65524, 65535, 65536, 65537, 200_000]
EDGES = [0, 1, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF, 0x10000]
EDGES += [
    2**bits + more for bits in (*range(23, 33), 39, 40, 47, 62, 63, 64, 80) for more in (-1, 0, 1)
]


class Text(str):
    """What is not exactly a plain value has to come back as it was."""


class Whole(int):
    pass


def plain_values() -> list[Any]:
    random.seed(7)
    values: list[Any] = [None, True, False, 0.0, -0.0, 1.5, float("inf"), -1e300, 5e-324]
    values += [sign * number for number in EDGES for sign in (1, -1)]
    values += [random.randint(-(2**63), 2**63 - 1) >> random.randrange(64) for _ in range(2000)]
    values += [random.uniform(-1e9, 1e9) for _ in range(100)]
    for length in LENGTHS:
        values += ["x" * length, "é" * (length // 2), "𝄞" * (length // 4), b"\x00" * length]
    for _ in range(500):
        points = random.choices(range(0xD800), k=random.randrange(300))
        values.append("".join(map(chr, points)))
        values.append(random.randbytes(random.randrange(600)))
    values += ["lone \ud800 surrogate", Text("text"), Whole(5), (1, 2), {"a": "dict"}, [b"bytes"]]
    return values


def test_plain_values_are_pickled_as_pickle_does(tmp_path: Path) -> None:
    values = plain_values()
    with SQLiteQueue(tmp_path, durability="process") as queue:
        queue.put_many(values)
        stored = sqlite3.connect(tmp_path / "data.db").execute(
            "SELECT data FROM queue_default ORDER BY _id"
        )
        for value, (data,) in zip(values, stored, strict=True):
            assert data == pickle.dumps(value, 4), value
        for value in values:
            taken = queue.get(block=False)
            assert type(taken) is type(value)
            # What pickle makes also tells -0.0 from 0.0.
            assert pickle.dumps(taken, 4) == pickle.dumps(value, 4)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_of_any_protocol_are_read(tmp_path: Path, protocol: int) -> None:
    values = plain_values()
    with SQLiteQueue(tmp_path, durability="process") as queue:
        with sqlite3.connect(tmp_path / "data.db") as other:
            other.executemany(
                "INSERT INTO queue_default (data, timestamp) VALUES (?, 0)",
                [(pickle.dumps(value, protocol),) for value in values],
            )
        for value in values:
            assert queue.get(block=False) == value


def test_what_only_looks_like_a_plain_pickle_is_left_to_pickle(tmp_path: Path) -> None:
    random.seed(8)
    whole = [pickle.dumps(value, 4) for value in (None, True, 5, 300, -1, 2.5, "text", b"bytes")]
    damaged = []
    for data in whole:
        for _ in range(300):
            changed = bytearray(data)
            for _ in range(random.randrange(1, 3)):
                changed[random.randrange(len(changed))] = random.randrange(256)
            damaged.append(bytes(changed[: random.randrange(1, len(changed) + 2)]))
    with SQLiteQueue(tmp_path, durability="process") as queue:
        connection = sqlite3.connect(tmp_path / "data.db", isolation_level=None)
        for data in damaged:
            insert = "INSERT INTO queue_default (data, timestamp) VALUES (?, 0)"
            row = connection.execute(insert, (data,)).lastrowid
            try:
                expected = pickle.loads(data)
            except Exception:
                with pytest.raises(Exception, match=f"row {row}"):
                    queue.get(block=False)
                connection.execute("DELETE FROM queue_default")
            else:
                taken = queue.get(block=False)
                assert pickle.dumps(taken, 4) == pickle.dumps(expected, 4), data
