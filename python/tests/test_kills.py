"""SIGKILL at random moments, round after round, with new processes in the place of the killed.

PERSISTQUEUE_KILL_ROUNDS sets the rounds (15), PERSISTQUEUE_SEED the moments.
"""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from pathlib import Path

import pytest
from helpers import drain, ending, start_worker, wait_until
from workers import said

from persistqueue import Queue

ROUNDS = int(os.environ.get("PERSISTQUEUE_KILL_ROUNDS", "15"))
SEED = int(os.environ.get("PERSISTQUEUE_SEED", "0")) or random.randrange(1, 1 << 32)
PUTS = 1000  # by each producer in each round

pytestmark = pytest.mark.timeout(120 + 10 * ROUNDS)


class Rounds:
    """Two producers and a consumer a round, one of which is killed; then the accounts."""

    def __init__(self, folder: Path, consumer: str) -> None:
        self.path, self.folder, self.consumer = str(folder / "q"), folder, consumer
        self.promised: list[tuple] = []
        self.taken: list[tuple] = []
        self.killed: Counter = Counter()
        self.chance = random.Random(SEED)

    def play(self, number: int) -> None:
        stop = self.folder / f"stop{number}"
        names = [f"{number}a", f"{number}b"]
        jobs = [("produce", self.path, name, PUTS, 20) for name in names]
        jobs.append(("consume", self.path, stop, self.consumer, 20))
        logs = [self.folder / f"log{number}-{index}" for index in range(3)]
        workers = []
        for job, log in zip(jobs, logs, strict=True):
            with log.open("wb") as out:
                workers.append(start_worker(*job, stdout=out))
        with ending(*workers):
            victim = number % 3
            self.wait_for_the_moment(logs[victim], workers[:2], PUTS * (24 if victim == 2 else 4))
            workers[victim].send_signal(signal.SIGKILL)
            ends = [worker.wait(60) for worker in workers[:2]]
            stop.touch()
            ends.append(workers[2].wait(60))
        self.killed["consumer" if victim == 2 else "producer"] += ends[victim] == -signal.SIGKILL
        assert [end for index, end in enumerate(ends) if index != victim] == [0, 0]
        for name, log in zip(names, logs, strict=False):
            self.promised += [(name, put) for put in said(log)]
        self.taken += [tuple(item) for item in said(logs[2])]

    def wait_for_the_moment(self, log: Path, producers: list, whole: int) -> None:
        """Until a random part of the victim's log is there (or all the work is done)."""
        size = self.chance.random() * whole
        wait_until(
            lambda: log.stat().st_size >= size or all(p.poll() is not None for p in producers),
            what="the moment to kill",
        )

    def finish(self) -> tuple[set, Counter]:
        """The promised items that nobody got, and how often each was got."""
        print(f"killed in time: {dict(self.killed)}")
        assert self.killed.total(), "every victim had ended before it was killed"
        rest = drain(Queue(self.path, autosave=True))
        got = Counter(self.taken + [tuple(item) for item in rest])
        return set(self.promised) - set(got), got


@pytest.fixture(autouse=True)
def tell_seed() -> None:
    print(f"PERSISTQUEUE_SEED={SEED} PERSISTQUEUE_KILL_ROUNDS={ROUNDS}")


def test_kills_with_autosave_deliver_nothing_twice_and_lose_only_what_was_in_hand(
    tmp_path: Path,
) -> None:
    rounds = Rounds(tmp_path, "autosave")
    for number in range(ROUNDS):
        rounds.play(number)
    lost, got = rounds.finish()
    assert max(got.values()) == 1
    assert len(lost) <= rounds.killed["consumer"]  # taken, and killed before it could say so
    assert len(set(got) - set(rounds.promised)) <= rounds.killed["producer"]


def test_kills_without_autosave_lose_nothing(tmp_path: Path) -> None:
    rounds = Rounds(tmp_path, "plain")
    for number in range(ROUNDS):
        rounds.play(number)
    lost, got = rounds.finish()
    assert lost == set()
    twice = sum(count - 1 for count in got.values())
    assert twice <= rounds.killed["consumer"]  # said, and killed before task_done
    assert len(set(got) - set(rounds.promised)) <= rounds.killed["producer"]


def test_kills_keep_each_producers_order(tmp_path: Path) -> None:
    rounds = Rounds(tmp_path, "autosave")
    for number in range(max(ROUNDS // 5, 2)):
        rounds.play(number)
    last: dict = {}
    for name, put in rounds.taken + [tuple(i) for i in drain(Queue(rounds.path, autosave=True))]:
        assert last.get(name, -1) < put
        last[name] = put
