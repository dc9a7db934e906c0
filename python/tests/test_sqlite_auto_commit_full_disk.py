"""Many items at once on a full disk: they can be consumed; what cannot be written stays."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from small_disks import mounted
from test_sqlite_auto_commit import TABLES

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(params=TABLES, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


def batch_until_full(queue: Any) -> list[int]:
    """Puts and stores batches until one finds no room; that one is put all the same."""
    for number in range(0, 2000, 20):
        queue.put_many((number + more, os.urandom(5000)) for more in range(20))
        try:
            queue.task_done()
        except OSError as error:
            assert error.errno == errno.ENOSPC
            return list(range(number + 20))
    raise AssertionError("the disk was never full")


def test_a_batch_that_finds_no_room_is_kept_and_stored_once_there_is_some(
    kind: Any, tmp_path: Path
) -> None:
    with mounted(tmp_path / "disk", "size=12m") as disk:
        ballast = disk / "ballast"
        ballast.write_bytes(b"x" * 8_000_000)
        queue = kind(str(disk), auto_commit=False)
        put = batch_until_full(queue)
        assert queue.size == len(put)
        with pytest.raises(OSError, match=r"data\.db"):
            queue.close()
        assert queue.size == len(put)
        ballast.unlink()
        queue.close()
        assert sorted(number for number, _ in kind(str(disk))) == put


def test_a_full_disk_can_be_drained_through_a_batch(kind: Any, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=4m") as disk:
        queue = kind(str(disk), auto_commit=False)
        put = batch_until_full(queue)
        assert sorted(number for number, _ in queue) == put
        queue.task_done()
        assert queue.empty()
        queue.put("fits again")
        queue.close()
        assert list(kind(str(disk))) == ["fits again"]


def test_a_full_disk_can_be_drained_by_many(kind: Any, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=4m") as disk:
        queue = kind(str(disk))
        put = []
        with pytest.raises(OSError):
            for number in range(2000):
                queue.put((number, os.urandom(5000)))
                put.append(number)
        got: list = []
        while len(got) < len(put):
            got += queue.get_many(1000, timeout=0)
        assert sorted(number for number, _ in got) == put
        queue.close()
