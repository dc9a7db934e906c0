"""Queues that are opened by a path or URL."""

from __future__ import annotations

from pathlib import Path

import pytest

import persistqueue
from persistqueue import serializers

KINDS = {
    "fifo": persistqueue.SQLiteQueue,
    "filo": persistqueue.FILOSQLiteQueue,
    "unique": persistqueue.UniqueQ,
    "priority": persistqueue.PriorityQueue,
    "ack": persistqueue.SQLiteAckQueue,
    "ack-filo": persistqueue.FILOSQLiteAckQueue,
    "ack-unique": persistqueue.UniqueAckQ,
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_class(tmp_path: Path, kind: str) -> None:
    url = f"sqlite:{tmp_path}/jobs.db#build?kind={kind}"
    with persistqueue.open(url) as queue:
        assert type(queue) is KINDS[kind]
        queue.put("a")
    # The only one there needs no name.
    with persistqueue.open(tmp_path / "jobs.db", create=False) as queue:
        assert type(queue) is KINDS[kind]
        item = queue.get(block=False)
        assert item == "a"
        if kind.startswith("ack"):
            queue.ack(item)
    with KINDS[kind](tmp_path, name="build", db_file_name="jobs.db") as queue:
        assert queue.qsize() == 0


@pytest.mark.parametrize("name", ["pickle", "json", "msgpack", "cbor2"])
def test_a_folder_is_opened_with_the_serializer_that_it_remembers(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / "q"
    with persistqueue.Queue(path, serializer=getattr(serializers, name)) as queue:
        queue.put("a")
    with persistqueue.open(f"file:{path}", autosave=True) as queue:
        assert type(queue) is persistqueue.Queue
        assert queue.autosave
        assert queue.get_nowait() == "a"


def test_a_folder_that_is_not_there_is_made_if_it_may_be(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        persistqueue.open(tmp_path / "q", create=False)
    assert not list(tmp_path.iterdir())
    with persistqueue.open(tmp_path / "q") as queue:
        queue.put("a")
    assert persistqueue.open(str(tmp_path / "q"), create=False).qsize() == 1


@pytest.mark.parametrize(
    "url",
    ["", "sqlite:x.db?kind=stack", "mysql://me:secret@host/shop", "sqlite:x.db?kind=ack-priority"],
)
def test_what_cannot_be_opened_is_a_value_error(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError):
        persistqueue.open(url)
    assert not list(tmp_path.iterdir())
