"""A queue goes along into forked and into spawned processes."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest
from helpers import drain, run_python
from workers import put_three, take_and_put_back

from persistqueue import Queue

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "q")


def test_after_fork_parent_and_child_both_use_the_queue(path: str) -> None:
    code = """
import os, sys
from helpers import drain
from persistqueue import Queue
queue = Queue(sys.argv[1], chunksize=5, autosave=True)
for number in range(100):
    queue.put(number)
assert queue.get() == 0
read, write = os.pipe()
child = os.fork()
if not child:
    for number in range(100, 150):
        queue.put(number)
    os.write(write, repr([queue.get(timeout=10) for _ in range(40)]).encode())
    os._exit(0)
ours = [queue.get(timeout=10) for _ in range(40)]
assert os.waitpid(child, 0)[1] == 0
theirs = eval(os.read(read, 100_000))
assert sorted(ours + theirs + drain(queue)) == list(range(1, 150))
"""
    run_python(code, path)


def test_a_forked_child_wakes_its_parents_blocked_get(path: str) -> None:
    code = """
import os, sys, time
from persistqueue import Queue
queue = Queue(sys.argv[1], autosave=True)
child = os.fork()
if not child:
    time.sleep(0.1)
    queue.put("from the child")
    os._exit(0)
assert queue.get(timeout=10) == "from the child"
assert os.waitpid(child, 0)[1] == 0
"""
    run_python(code, path)


def test_a_queue_can_be_sent_to_a_spawned_process(path: str) -> None:
    queue = Queue(path, chunksize=2, autosave=True)
    process = multiprocessing.get_context("spawn").Process(target=put_three, args=(queue, 5))
    process.start()
    process.join(30)
    assert process.exitcode == 0
    assert drain(queue) == [5, 6, 7]


def test_two_queues_connect_a_spawned_worker(tmp_path: Path) -> None:
    tasks = Queue(str(tmp_path / "tasks"), autosave=True)
    results = Queue(str(tmp_path / "results"), autosave=True)
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=take_and_put_back, args=(tasks, results))
    process.start()
    tasks.put({"job": 1})
    assert results.get(timeout=30) == ["done", {"job": 1}]
    process.join(30)
    assert process.exitcode == 0


def test_a_sent_queue_keeps_its_arguments(tmp_path: Path) -> None:
    import pickle

    queue = Queue(str(tmp_path / "q"), 3, 7, autosave=True)
    copy = pickle.loads(pickle.dumps(queue))
    assert (copy.path, copy.maxsize, copy.chunksize) == (queue.path, 3, 7)
    assert copy.autosave is True
    assert copy.serializer is queue.serializer
