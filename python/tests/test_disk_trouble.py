"""Disk full, read-only, no more files: an OSError that says what and where, and nothing lost."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import (
    disk_usage,
    drain,
    files,
    mounted,
    put_all,
    read_only_view,
    run_python,
)
from persistqueue import Queue

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", "size=2m") as folder:
        yield folder


def fill(folder: Path) -> Path:
    """Takes all the room that is left; remove the file to give it back."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65536, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError as error:
                assert error.errno == errno.ENOSPC
    return ballast


def put_until_full(queue: Queue, size: int = 20_000) -> tuple[list, OSError]:
    accepted: list = []
    for number in range(1000):
        item = [number, "x" * size]
        try:
            queue.put(item)
        except OSError as error:
            return accepted, error
        accepted.append(item)
    raise AssertionError("the disk took it all")


def test_a_full_disk_raises_an_os_error_with_errno_and_the_path(disk: Path) -> None:
    queue = Queue(str(disk / "q"))
    accepted, error = put_until_full(queue)
    assert len(accepted) >= 10
    assert error.errno == errno.ENOSPC
    assert str(error.filename).startswith(str(disk / "q"))


def test_on_a_full_disk_what_was_stored_stays_and_the_refused_item_is_none(disk: Path) -> None:
    queue = Queue(str(disk / "q"))
    accepted, _ = put_until_full(queue)
    assert queue.qsize() == len(accepted)
    del queue
    assert drain(Queue(str(disk / "q"))) == accepted


def test_a_smaller_item_may_follow_a_refused_one(disk: Path) -> None:
    queue = Queue(str(disk / "q"))
    with pytest.raises(OSError, match="No space"):
        queue.put("x" * 3_000_000)
    queue.put("small")
    assert drain(queue) == ["small"]


def test_the_queue_works_on_when_there_is_space_again(disk: Path) -> None:
    queue = Queue(str(disk / "q"), autosave=True)
    queue.put("before")
    ballast = fill(disk)
    with pytest.raises(OSError, match="No space"):
        queue.put("x" * 1_000_000)
    ballast.unlink()
    queue.put("x" * 1_000_000)
    queue.put("behind")
    assert drain(queue) == ["before", "x" * 1_000_000, "behind"]


@pytest.mark.parametrize("autosave", [False, True])
def test_a_full_disk_does_not_stop_consuming(disk: Path, autosave: bool) -> None:
    queue = Queue(str(disk / "q"), chunksize=5, autosave=autosave)
    accepted, _ = put_until_full(queue)
    fill(disk)
    for item in accepted[:-3]:
        assert queue.get(timeout=5) == item
        queue.task_done()
    del queue
    assert drain(Queue(str(disk / "q"), chunksize=5, autosave=autosave)) == accepted[-3:]


def test_consuming_a_full_disk_makes_room(disk: Path) -> None:
    queue = Queue(str(disk / "q"), chunksize=5, autosave=True)
    accepted, _ = put_until_full(queue)
    before = disk_usage(disk / "q")
    assert drain(queue) == accepted
    assert disk_usage(disk / "q") < before / 2
    queue.put(accepted[0])
    assert drain(queue) == [accepted[0]]


def test_a_queue_can_be_opened_and_drained_on_a_full_disk(disk: Path) -> None:
    put_all(Queue(str(disk / "q")), range(10))
    fill(disk)
    queue = Queue(str(disk / "q"))
    for number in range(10):
        assert queue.get(timeout=5) == number
        queue.task_done()


def test_a_read_only_disk_raises_an_os_error_with_errno_and_the_path(
    disk: Path, tmp_path: Path
) -> None:
    put_all(Queue(str(disk / "q")), range(3))
    before = files(disk)
    with read_only_view(disk, tmp_path / "view") as view:
        with pytest.raises(OSError) as caught:
            Queue(str(view / "q")).put("refused")
        assert caught.value.errno == errno.EROFS
        assert str(caught.value.filename).startswith(str(view / "q"))
    assert files(disk) == before
    queue = Queue(str(disk / "q"))
    queue.put(3)
    assert drain(queue) == [0, 1, 2, 3]


def test_a_read_only_disk_can_be_inspected(disk: Path, tmp_path: Path) -> None:
    queue = Queue(str(disk / "q"))
    put_all(queue, range(4))
    queue.get()
    queue.task_done()
    del queue
    with read_only_view(disk, tmp_path / "view") as view:
        inspection = Queue.inspect(str(view / "q"))
        assert len(inspection) == 3
        assert inspection.peek() == 1
        assert list(inspection.items()) == [1, 2, 3]


def test_inspecting_writes_nothing(tmp_path: Path) -> None:
    put_all(Queue(str(tmp_path / "q")), range(3))
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
        put_all(Queue(folder + "/q"), range(3))
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


def test_too_many_open_files_is_an_os_error_and_passes(tmp_path: Path) -> None:
    code = """
import errno, os, resource, sys
from helpers import drain
from persistqueue import Queue
queue = Queue(sys.argv[1], chunksize=1, autosave=True)
queue.put(0)
limits = resource.getrlimit(resource.RLIMIT_NOFILE)
lowest_free = os.dup(0)
os.close(lowest_free)
resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, limits[1]))
try:
    Queue(sys.argv[1] + "-other").put("x")
    raise SystemExit("it needs no file?")
except OSError as error:
    refusal = error
accepted = [0]
for number in range(1, 40):
    try:
        queue.put(number)
        accepted.append(number)
    except OSError as error:
        assert error.errno == errno.EMFILE, error
        assert str(error.filename).startswith(sys.argv[1]), error
resource.setrlimit(resource.RLIMIT_NOFILE, limits)
assert refusal.errno == errno.EMFILE, refusal
assert str(refusal.filename).startswith(sys.argv[1] + "-other"), refusal
queue.put("after")
assert drain(queue) == [*accepted, "after"]
assert drain(Queue(sys.argv[1] + "-other")) == []
"""
    run_python(code, tmp_path / "q")
