"""Prints for how long the event loop is held while tasks put and get on a disk that is waited for.

`python loop_hold.py [OPERATIONS [TASKS [FOLDER]]]`: 100,000 operations of 100 tasks, a put, a
`qsize` and a get in turn, at level `disk`, on an AsyncQueue and an AsyncSQLiteQueue. FOLDER is on
the disk to be asked, and is left as it was.

A hold is the time of one callback of the loop, be it a step of a task, and all that is done in it,
serializing too: for so long nothing else can run. Each is timed by the loop's own `Handle._run`,
so this needs asyncio's own loop.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from persistqueue import AsyncQueue, AsyncSQLiteQueue

ITEM = b"x" * 100
QUANTILES = {"median": 0.5, "99 %": 0.99, "99.9 %": 0.999}


@contextmanager
def held() -> Iterator[list[float]]:
    """The seconds that each callback takes meanwhile."""
    times: list[float] = []
    run: Callable[..., Any] = asyncio.Handle._run

    def timed(handle: asyncio.Handle) -> None:
        start = time.perf_counter()
        run(handle)
        times.append(time.perf_counter() - start)

    asyncio.Handle._run = timed  # type: ignore[method-assign, assignment]
    try:
        yield times
    finally:
        asyncio.Handle._run = run  # type: ignore[method-assign]


async def work(queue: Any, operations: int) -> None:
    for number in range(operations):
        turn = number % 3
        if turn == 0:
            await queue.put(ITEM)
        elif turn == 1:
            await queue.qsize()
        else:
            # Each task has put one before: there is one for each.
            await queue.get()


async def measure(queue: Any, operations: int, tasks: int) -> tuple[list[float], float]:
    async with queue:
        await asyncio.gather(*(work(queue, 3) for _ in range(tasks)))
        start = time.perf_counter()
        with held() as times:
            await asyncio.gather(*(work(queue, operations // tasks) for _ in range(tasks)))
        return sorted(times), time.perf_counter() - start


def report(name: str, times: list[float], seconds: float, operations: int) -> None:
    print(f"{name}: {operations} operations in {seconds:.1f} s, {len(times)} callbacks, ms held:")
    for label, part in QUANTILES.items():
        print(f"  {label:<7}{1000 * times[int(part * (len(times) - 1))]:9.3f}")
    print(f"  {'max':<7}{1000 * times[-1]:9.3f}")


def main() -> None:
    given = dict(enumerate(sys.argv))
    operations, tasks = int(given.get(1, 100_000)), int(given.get(2, 100))
    where = given.get(3)
    with tempfile.TemporaryDirectory(dir=where) as folder:
        queues = {
            "AsyncQueue": AsyncQueue(f"{folder}/queue", autosave=True, durability="disk"),
            "AsyncSQLiteQueue": AsyncSQLiteQueue(f"{folder}/data.db", durability="disk"),
        }
        for name, queue in queues.items():
            times, seconds = asyncio.run(measure(queue, operations, tasks))
            report(name, times, seconds, operations)


if __name__ == "__main__":
    main()
