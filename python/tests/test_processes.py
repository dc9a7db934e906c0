"""Real processes that share a queue's folder."""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from pathlib import Path

import pytest
from helpers import Blocked, drain, ending, put_all, run_python, start_worker, wait_until
from workers import said

from persistqueue import Full, Queue

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "q")


def start_holder(path: str, count: int) -> tuple[subprocess.Popen, list]:
    """A process that has taken `count` items and works on them until its input ends."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    holder = start_worker("hold", path, count, **pipes)
    return holder, [json.loads(holder.stdout.readline()) for _ in range(count)]


@pytest.mark.parametrize(("producers", "consumers"), [(2, 2), (3, 3)])
def test_each_item_reaches_one_consumer_once(
    tmp_path: Path, path: str, producers: int, consumers: int
) -> None:
    count, stop = 500, tmp_path / "stop"
    takers, makers = [], []
    for number in range(consumers):
        with (tmp_path / f"consumer{number}").open("wb") as log:
            takers.append(start_worker("consume", path, stop, "autosave", 7, stdout=log))
    for number in range(producers):
        with (tmp_path / f"producer{number}").open("wb") as log:
            makers.append(start_worker("produce", path, number, count, 7, stdout=log))
    with ending(*takers, *makers):
        assert [maker.wait(60) for maker in makers] == [0] * producers
        stop.touch()
        assert [taker.wait(60) for taker in takers] == [0] * consumers

    logs = [said(tmp_path / f"consumer{number}") for number in range(consumers)]
    everything = sorted(tuple(item) for log in logs for item in log)
    assert everything == sorted((str(p), n) for p in range(producers) for n in range(count))
    for log in logs:
        for producer in range(producers):
            numbers = [number for who, number in log if who == str(producer)]
            assert numbers == sorted(numbers), "out of order"
    assert drain(Queue(path, autosave=True)) == []


def test_puts_of_another_process_are_seen_by_an_open_queue(path: str) -> None:
    queue = Queue(path)
    queue.put("ours")
    run_python("import sys, persistqueue as p; p.Queue(sys.argv[1]).put('theirs')", path)
    assert queue.qsize() == 2
    assert drain(queue) == ["ours", "theirs"]


def test_a_second_consumer_without_autosave_is_told_who_consumes_and_the_ways_out(
    path: str,
) -> None:
    from persistqueue.exceptions import ConsumedElsewhereError, PersistQueueError

    assert issubclass(ConsumedElsewhereError, PersistQueueError)
    put_all(Queue(path), range(3))
    holder, taken = start_holder(path, 1)
    with ending(holder):
        assert taken == [0]
        with pytest.raises(ConsumedElsewhereError) as caught:
            Queue(path).get(timeout=5)
    for word in (str(holder.pid), "autosave", "ack queue"):
        assert word in str(caught.value)


def test_a_second_process_can_put_while_another_consumes(path: str) -> None:
    put_all(Queue(path), range(2))
    holder, _ = start_holder(path, 1)
    with ending(holder):
        Queue(path).put("more")
    assert drain(Queue(path)) == [0, 1, "more"]


@pytest.mark.parametrize("end", ["kill", "exit"])
def test_when_the_consumer_is_gone_another_takes_over_with_what_was_not_done(
    path: str, end: str
) -> None:
    put_all(Queue(path), range(4))
    holder, taken = start_holder(path, 2)
    with ending(holder):
        assert taken == [0, 1]
        if end == "kill":
            holder.kill()
        else:
            holder.stdin.close()
        holder.wait(20)
        assert drain(Queue(path)) == [0, 1, 2, 3]


def test_a_refused_consumer_can_take_once_the_other_is_gone(path: str) -> None:
    from persistqueue.exceptions import ConsumedElsewhereError

    put_all(Queue(path), range(2))
    holder, _ = start_holder(path, 1)
    queue = Queue(path)
    with ending(holder), pytest.raises(ConsumedElsewhereError):
        queue.get(timeout=5)
    assert drain(queue) == [0, 1]


def test_maxsize_bounds_across_processes(path: str) -> None:
    queue = Queue(path, maxsize=2, autosave=True)
    code = "import sys, persistqueue as p; p.Queue(sys.argv[1], maxsize=2).put_nowait(1)"
    run_python(code, path)
    queue.put_nowait(2)
    assert queue.full()
    with pytest.raises(Full):
        queue.put_nowait(3)
    with pytest.raises(AssertionError, match="Full"):
        run_python(code, path)


def test_a_blocked_put_wakes_at_another_processes_get(path: str) -> None:
    queue = Queue(path, maxsize=1, autosave=True)
    queue.put("first")
    blocked = Blocked(lambda: queue.put("second"))
    assert blocked.waits
    run_python("import sys, persistqueue as p; p.Queue(sys.argv[1], autosave=True).get()", path)
    blocked.result(10)
    assert drain(queue) == ["second"]


def test_a_blocked_get_wakes_at_another_processes_put(tmp_path: Path, path: str) -> None:
    queue, log = Queue(path, autosave=True), tmp_path / "log"
    with log.open("wb") as out:
        reader = start_worker("meet", path, stdout=out)
    with ending(reader):
        for number in range(1, 31):
            wait_until(lambda n=number: len(said(log)) == n, what=f"arrival {number}")
            time.sleep(0.005)  # the reader goes back to its get and blocks there
            queue.put(time.monotonic_ns())
        queue.put(None)
        assert reader.wait(20) == 0
    waits = [nanoseconds / 1e9 for nanoseconds in said(log)[1:]]
    assert len(waits) == 30
    print(f"wake-up in another process: median {statistics.median(waits) * 1000:.2f} ms")
    assert max(waits) < 1


def test_maxsize_holds_while_processes_put_and_take(tmp_path: Path, path: str) -> None:
    queue, stop = Queue(path, maxsize=3, autosave=True), tmp_path / "stop"
    makers, takers = [], []
    for number in range(2):
        with (tmp_path / f"consumer{number}").open("wb") as log:
            takers.append(start_worker("consume", path, stop, "autosave", stdout=log))
        makers.append(start_worker("produce", path, number, 300, 100, 3, stdout=subprocess.DEVNULL))
    with ending(*makers, *takers):
        sizes = {0}
        while any(maker.poll() is None for maker in makers):
            sizes.add(queue.qsize())
            time.sleep(0.0005)
        stop.touch()
        assert [worker.wait(60) for worker in makers + takers] == [0] * 4
    got = [tuple(item) for n in range(2) for item in said(tmp_path / f"consumer{n}")]
    assert sorted(got) == [(str(n), number) for n in range(2) for number in range(300)]
    assert max(sizes) <= 3


def test_several_processes_may_open_a_fresh_path_at_once(tmp_path: Path) -> None:
    for attempt in range(5):
        path = tmp_path / str(attempt)
        workers = [
            start_worker("produce", path, name, 5, stdout=subprocess.DEVNULL) for name in "abcd"
        ]
        with ending(*workers):
            assert [worker.wait(60) for worker in workers] == [0] * 4
        everything = sorted(tuple(item) for item in drain(Queue(str(path), autosave=True)))
        assert everything == [(name, number) for name in "abcd" for number in range(5)]
