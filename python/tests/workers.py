"""What other processes do in these tests: `python workers.py ROLE ARGUMENTS...`.

Each line that a worker writes is one fact, written unbuffered right after it became true, so that
what is in its log after a SIGKILL is what it had been promised.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from persistqueue import Empty, Queue


def say(fact: object) -> None:
    os.write(1, (json.dumps(fact) + "\n").encode())


def produce(path: str, name: str, count: str, chunksize: str = "100", maxsize: str = "0") -> None:
    """Puts [name, 0], [name, 1], ... and says each number when its put returned."""
    queue = Queue(path, int(maxsize), int(chunksize), autosave=True)
    for number in range(int(count)):
        queue.put([name, number])
        say(number)


def consume(path: str, stop: str, autosave: str, chunksize: str = "100") -> None:
    """Takes items and says each, until the file `stop` is there and the queue is empty."""
    plain = autosave != "autosave"
    queue = Queue(path, chunksize=int(chunksize), autosave=not plain)
    while True:
        stopping = os.path.exists(stop)
        try:
            item = queue.get(timeout=0.05)
        except Empty:
            if stopping:
                return
            continue
        say(item)
        if plain:
            queue.task_done()


def hold(path: str, count: str) -> None:
    """Takes items without finishing them, says each, and keeps them until its input ends."""
    queue = Queue(path)
    for _ in range(int(count)):
        say(queue.get(timeout=20))
    sys.stdin.read()


def meet(path: str) -> None:
    """Says the nanoseconds between each stamp's put and its arrival here, until None comes."""
    queue = Queue(path, autosave=True)
    say("ready")
    while (stamp := queue.get(timeout=60)) is not None:
        say(time.monotonic_ns() - stamp)


def open_only(path: str) -> None:
    """Says that it is about to open the queue, then that it has."""
    say("opening")
    Queue(path)
    say("opened")


def put_three(queue: Queue, start: int = 0) -> None:
    """For a process of multiprocessing, which is handed the queue itself."""
    for number in range(start, start + 3):
        queue.put(number)


def take_and_put_back(tasks: Queue, results: Queue) -> None:
    results.put(["done", tasks.get(timeout=20)])


ROLES = {role.__name__: role for role in (produce, consume, hold, meet, open_only)}


def said(log: str | os.PathLike) -> list:
    """The facts in a log; a last line that the kill cut off is none."""
    text = Path(log).read_text()
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


if __name__ == "__main__":
    ROLES[sys.argv[1]](*sys.argv[2:])
