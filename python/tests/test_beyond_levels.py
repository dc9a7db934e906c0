"""Section 7 and around it: durability levels, subclasses, many threads."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from helpers import drain, files, put_all

from persistqueue import Full, Queue

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "q")


@pytest.mark.parametrize("durability", ["process", "disk", 0.05, 1])
def test_each_durability_level_stores_and_gives(path: str, durability: object) -> None:
    queue = Queue(path, chunksize=3, durability=durability)
    put_all(queue, range(10))
    assert queue.get() == 0
    queue.task_done()
    del queue
    assert drain(Queue(path, chunksize=3, durability=durability)) == list(range(1, 10))


@pytest.mark.parametrize("durability", ["often", "", -1, -0.5, float("nan")])
def test_a_durability_that_makes_no_sense_is_a_value_error(path: str, durability: object) -> None:
    with pytest.raises(ValueError, match="durability"):
        Queue(path, durability=durability)
    assert not Path(path).exists() or not files(path)


def test_an_interval_level_syncs_at_close(path: str) -> None:
    started = time.monotonic()
    with Queue(path, durability=30) as queue:
        queue.put("kept")
    assert time.monotonic() - started < 20, "close must not wait for the interval"
    assert drain(Queue(path)) == ["kept"]


def test_a_subclass_may_have_another_constructor(path: str) -> None:
    class Jobs(Queue):
        def __init__(self, folder: str, *, label: str) -> None:
            super().__init__(folder, maxsize=2)
            self.label = label

        def get(self, *args, **kwargs) -> tuple:
            return self.label, super().get(*args, **kwargs)

    jobs = Jobs(path, label="job")
    put_all(jobs, "ab")
    with pytest.raises(Full):
        jobs.put_nowait("c")
    assert jobs.get() == ("job", "a")
    assert isinstance(jobs, Queue)


@pytest.mark.parametrize("maxsize", [0, 3])
def test_many_threads_lose_and_double_nothing(path: str, maxsize: int) -> None:
    queue = Queue(path, maxsize=maxsize, chunksize=7)
    got: list = []

    def produce(name: int) -> None:
        for number in range(200):
            queue.put((name, number))

    def consume() -> None:
        while (item := queue.get(timeout=30)) is not None:
            got.append(item)
            queue.task_done()
        queue.task_done()

    producers = [threading.Thread(target=produce, args=(name,)) for name in range(5)]
    consumers = [threading.Thread(target=consume) for _ in range(5)]
    for thread in producers + consumers:
        thread.start()
    for thread in producers:
        thread.join()
    for _ in consumers:
        queue.put(None)
    queue.join()
    for thread in consumers:
        thread.join()
    assert sorted(got) == [(name, number) for name in range(5) for number in range(200)]
    assert queue.unfinished_tasks == 0
    assert drain(Queue(path)) == []
