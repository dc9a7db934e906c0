"""A queue can be looked into without being touched: `Queue.inspect`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import (
    drain,
    files,
    put_all,
    run_python,
    write_queue,
)
from small_disks import mounted, read_only_view

from persistqueue import Queue

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", "size=2m") as folder:
        yield folder


def test_a_read_only_disk_can_be_inspected(disk: Path, tmp_path: Path) -> None:
    write_queue(str(disk / "q"), list(range(4)), done=1)
    with read_only_view(disk, tmp_path / "view") as view:
        inspection = Queue.inspect(str(view / "q"))
        assert len(inspection) == 3
        assert inspection.peek() == 1
        assert list(inspection.items()) == [1, 2, 3]


def test_inspecting_writes_nothing(tmp_path: Path) -> None:
    write_queue(str(tmp_path / "q"), [0, 1, 2])
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "q").rglob("*")}
    contents = files(tmp_path / "q")
    inspection = Queue.inspect(str(tmp_path / "q"))
    assert (len(inspection), inspection.peek(), list(inspection.items())) == (3, 0, [0, 1, 2])
    assert files(tmp_path / "q") == contents
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "q").rglob("*")}


def test_inspecting_takes_nothing_from_a_live_consumer(tmp_path: Path) -> None:
    queue = Queue(str(tmp_path / "q"))
    put_all(queue, range(3))
    assert queue.get() == 0
    assert list(Queue.inspect(str(tmp_path / "q")).items())[-2:] == [1, 2]
    assert queue.get() == 1
    queue.task_done()
    del queue
    assert drain(Queue(str(tmp_path / "q"))) == [2]


def test_inspecting_a_missing_queue_is_an_error_and_makes_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Queue.inspect(str(tmp_path / "none")).peek()
    assert not (tmp_path / "none").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")
def test_a_user_who_may_only_read_can_inspect() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        write_queue(folder + "/q", [0, 1, 2])
        code = """
import os, sys
from persistqueue import Queue
Queue.inspect
os.setgid(65534)
os.setuid(65534)
inspection = Queue.inspect(sys.argv[1])
assert (len(inspection), inspection.peek()) == (3, 0)
assert list(inspection.items()) == [0, 1, 2]
"""
        run_python(code, folder + "/q")
