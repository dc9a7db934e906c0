"""A process that may open no more files: calls fail, do nothing, and work when it may again."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import run_python

from persistqueue import AsyncQueue

# Opens the queue while the process may have `more` files than it has, and then without that limit.
OPEN = """
import os, resource, sys
import persistqueue
kind, path, more = sys.argv[1], sys.argv[2], int(sys.argv[3])
most = resource.getrlimit(resource.RLIMIT_NOFILE)
next_one = os.open(os.devnull, os.O_RDONLY)
os.close(next_one)
resource.setrlimit(resource.RLIMIT_NOFILE, (next_one + more, most[1]))
try:
    getattr(persistqueue, kind)(path)
    print("opened")
except OSError as error:
    print("refused")
except persistqueue.exceptions.DatabaseError as error:
    print("refused")
resource.setrlimit(resource.RLIMIT_NOFILE, most)
with getattr(persistqueue, kind)(path) as queue:
    queue.put("an item")
    assert queue.get() == "an item"
"""


@pytest.mark.parametrize("kind", ["Queue", "SQLiteQueue", "SQLiteAckQueue"])
def test_a_queue_that_found_no_more_files_can_be_opened_when_there_are(
    tmp_path: Path, kind: str
) -> None:
    said = [
        run_python(OPEN, kind, tmp_path / f"q{more}", more).stdout.split() for more in range(10)
    ]
    assert ["refused"] in said


def with_files(more: int, task: Callable[[], object]) -> None:
    """Does it while the process may have so many files more than it has."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    # How many it has says nothing where some were given to it under high numbers.
    next_one = os.open(os.devnull, os.O_RDONLY)
    os.close(next_one)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next_one + more, before[1]))
    try:
        task()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_put_of_a_task_that_finds_no_more_files_has_put_nothing(tmp_path: Path) -> None:
    async def main() -> int:
        queue = AsyncQueue(str(tmp_path / "q"), durability="disk")
        put = queue.put("an item")
        with pytest.raises(OSError, match="open files"):
            with_files(0, lambda: put.send(None))
        found = await queue.qsize()
        await queue.put("another item")
        assert await queue.get() == "another item"
        await queue.close()
        return found

    assert asyncio.run(main()) == 0
