"""Folders of persist-queue 0.x and 1.x as old Pythons wrote them, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import drain, old_folder

from persistqueue import Queue

pytestmark = pytest.mark.timeout(60)

# What was left by: put {"n": 0, "t": "x"} and so on up to 7 with chunksize=3, take four for good.
# The chunks are q00001 and q00002, and the first item of q00001 has been taken.
LEFT_BY = {
    "0.1.0 on Python 2.7": (
        b"(dp0\nS'tail'\np1\n(lp2\nI1\naI1\naI35\nasS'head'\np3\n(lp4\nI2\naI2\naI70\nas"
        b"S'chunksize'\np5\nI3\nsS'size'\np6\nI4\ns.",
        lambda n: b"(dp0\nS't'\np1\nS'x'\np2\nsS'n'\np3\nI%d\ns." % n,
    ),
    "0.4.2 on Python 2.7": (
        b"\x80\x02}q\x00(U\x04tailq\x01]q\x02(K\x01K\x01K\x19eU\x04headq\x03]q\x04(K\x02K\x02K2e"
        b"U\tchunksizeq\x05K\x03U\x04sizeq\x06K\x04u.",
        lambda n: b"\x80\x02}q\x00(U\x01tq\x01U\x01xq\x02U\x01nq\x03K%cu." % n,
    ),
    "0.3.1 on Python 3.6": (
        b"\x80\x03}q\x00(X\t\x00\x00\x00chunksizeq\x01K\x03X\x04\x00\x00\x00sizeq\x02K\x04"
        b"X\x04\x00\x00\x00tailq\x03]q\x04(K\x01K\x01K\x22e"
        b"X\x04\x00\x00\x00headq\x05]q\x06(K\x02K\x02KDeu.",
        lambda n: (
            b"\x80\x03}q\x00(X\x01\x00\x00\x00nq\x01K%cX\x01\x00\x00\x00tq\x02"
            b"X\x01\x00\x00\x00xq\x03u." % n
        ),
    ),
    "1.0.0 on Python 3.11": (
        b"\x80\x04\x95>\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\tchunksize\x94K\x03\x8c\x04size\x94"
        b"K\x04\x8c\x04tail\x94]\x94(K\x01K\x01K\x1ee\x8c\x04head\x94]\x94(K\x02K\x02K<eu.",
        lambda n: (
            b"\x80\x04\x95\x13\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01n\x94K%c"
            b"\x8c\x01t\x94\x8c\x01x\x94u." % n
        ),
    ),
}


@pytest.mark.parametrize("version", LEFT_BY)
def test_a_folder_of_an_old_version_keeps_its_items(tmp_path: Path, version: str) -> None:
    info, record = LEFT_BY[version]
    (tmp_path / "info").write_bytes(info)
    (tmp_path / "q00001").write_bytes(b"".join(map(record, (3, 4, 5))))
    (tmp_path / "q00002").write_bytes(b"".join(map(record, (6, 7))))
    queue = Queue(str(tmp_path), chunksize=3)
    queue.put("new")
    assert drain(queue) == [{"n": n, "t": "x"} for n in range(4, 8)] + ["new"]
    assert not (tmp_path / "info").exists()


@pytest.mark.parametrize("protocol", range(6))
def test_every_pickle_protocol_is_read(tmp_path: Path, protocol: int) -> None:
    items = [{"n": 1, "t": "é", "l": [1, (2, b"\0")]}, None, "x" * 70_000, {1, 2}, 1 << 70, -1.5]
    old_folder(tmp_path / "q", items, protocol)
    assert drain(Queue(str(tmp_path / "q"))) == items


def test_an_item_whose_class_is_gone_does_not_stop_the_conversion(tmp_path: Path) -> None:
    old_folder(tmp_path / "q", ["before", "\0placeholder\0", "behind"])
    chunk, info = tmp_path / "q" / "q00000", tmp_path / "q" / "info"
    content = chunk.read_bytes()
    gone = b"\x80\x04cno_such_module\nNoSuchClass\n)\x81."
    second = content.index(b"\x80\x04\x95", 1)
    third = content.index(b"\x80\x04\x95", second + 1)
    chunk.write_bytes(content[:second] + gone + content[third:])
    grown = len(gone) - (third - second)
    info.write_bytes(_info_of(3, len(content) + grown))
    queue = Queue(str(tmp_path / "q"))
    assert queue.get() == "before"
    with pytest.raises(ImportError, match="no_such_module"):
        queue.get()
    assert queue.get() == "behind"


def _info_of(count: int, size: int) -> bytes:
    import pickle

    ends = {"tail": [0, 0, 0], "head": [0, count, size]}
    return pickle.dumps({"chunksize": 100, "size": count} | ends, 4)
