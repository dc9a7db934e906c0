"""Section 2 of the contract: what is on disk, and for how long."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from helpers import disk_usage, drain, ending, put_all, start_python

from persistqueue import AsyncQueue, Full, Queue

pytestmark = pytest.mark.timeout(60)


def test_a_put_that_returned_survives_the_death_of_the_process(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from persistqueue import Queue
queue = Queue(sys.argv[1], chunksize=7)
for number in range(50):
    queue.put(number)
os.kill(os.getpid(), signal.SIGKILL)
"""
    with ending(start_python(code, tmp_path / "q")) as (process,):
        assert process.wait(20) == -signal.SIGKILL
    assert drain(Queue(str(tmp_path / "q"), chunksize=7)) == list(range(50))


def test_maxsize_bounds_what_is_stored_after_reopening(tmp_path: Path) -> None:
    put_all(Queue(str(tmp_path / "q")), range(3))
    queue = Queue(str(tmp_path / "q"), maxsize=3)
    assert queue.full()
    with pytest.raises(Full):
        queue.put_nowait(3)


def test_a_drained_queue_holds_less_than_two_chunks_bytes(tmp_path: Path) -> None:
    queue = Queue(str(tmp_path / "q"), chunksize=10)
    put_all(queue, [b"x" * 100_000] * 100)
    assert disk_usage(tmp_path / "q") >= 100 * 100_000
    for _ in range(100):
        queue.get()
        queue.task_done()
    assert disk_usage(tmp_path / "q") < 2 * 10 * 100_000


def test_chunks_are_kept_until_the_take_is_final(tmp_path: Path) -> None:
    queue = Queue(str(tmp_path / "q"), chunksize=2)
    put_all(queue, range(20))
    assert drain(queue) == list(range(20))
    del queue
    assert drain(Queue(str(tmp_path / "q"), chunksize=2)) == list(range(20))


def test_reopening_with_another_chunksize_loses_nothing(tmp_path: Path) -> None:
    put_all(Queue(str(tmp_path / "q"), chunksize=3), range(10))
    put_all(Queue(str(tmp_path / "q"), chunksize=5), range(10, 20))
    assert drain(Queue(str(tmp_path / "q"), chunksize=2)) == list(range(20))


def test_a_folder_whose_name_is_not_in_utf_8_is_like_any_other(tmp_path: Path) -> None:
    path = os.path.join(tmp_path, os.fsdecode(b"caf\xe9"))
    with Queue(path) as queue:
        queue.put(1)
        assert queue.path == path

    async def take() -> int:
        async with AsyncQueue(path) as queue:
            assert queue.path == path
            return await queue.get()

    assert asyncio.run(take()) == 1
    assert drain(Queue(path)) == [1]
    assert os.listdir(os.fsencode(tmp_path)) == [b"caf\xe9"]
