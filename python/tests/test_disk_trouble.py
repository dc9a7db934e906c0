"""Disk full, read-only, no more files: an OSError that says what and where, and nothing lost."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import (
    disk_usage,
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
    write_queue(str(disk / "q"), [0, 1, 2])
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
