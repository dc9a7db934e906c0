"""Times the queues: `python benchmark/run_benchmark.py [N] [rst|console|json]`.

Uses only what `persistqueue` has under its public names, so that it runs with this package and with
the original persist-queue. A figure is the median of several rounds, in seconds for N items.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import persistqueue

ROUNDS = 5
ITEM = "a short text, as in a job's name"

MakeQueue = Callable[..., Any]


def write(make: MakeQueue, count: int) -> float:
    queue = make(autosave=False)
    start = time.perf_counter()
    for _ in range(count):
        queue.put(ITEM)
    return time.perf_counter() - start


def read(make: MakeQueue, count: int) -> float:
    queue = filled(make, count, autosave=False)
    start = time.perf_counter()
    for _ in range(count):
        queue.get()
    return time.perf_counter() - start


def read_and_finish(make: MakeQueue, count: int) -> float:
    queue = filled(make, count, autosave=False)
    start = time.perf_counter()
    for _ in range(count):
        queue.get()
        queue.task_done()
    return time.perf_counter() - start


def read_autosave(make: MakeQueue, count: int) -> float:
    queue = filled(make, count, autosave=True)
    start = time.perf_counter()
    for _ in range(count):
        queue.get()
    return time.perf_counter() - start


def write_and_read(make: MakeQueue, count: int) -> float:
    queue = make(autosave=False)
    start = time.perf_counter()
    for _ in range(count):
        queue.put(ITEM)
        queue.get()
        queue.task_done()
    return time.perf_counter() - start


def filled(make: MakeQueue, count: int, *, autosave: bool) -> Any:
    queue = make(autosave=autosave)
    for _ in range(count):
        queue.put(ITEM)
    return queue


def file_queue(folder: str) -> MakeQueue:
    return lambda *, autosave: persistqueue.Queue(folder, autosave=autosave)


# Title, the name that `persistqueue` must have, what makes one in a folder, and what is timed.
QUEUES: list[tuple[str, str, Callable[[str], MakeQueue], dict[str, Any]]] = [
    (
        "File queue",
        "Queue",
        file_queue,
        {
            "write": write,
            "read": read,
            "read, task_done": read_and_finish,
            "read, autosave": read_autosave,
            "write, read, task_done": write_and_read,
        },
    ),
]


def measure(
    make_maker: Callable[[str], MakeQueue], case: Callable[[MakeQueue, int], float], count: int
) -> float:
    times = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            times.append(case(make_maker(os.path.join(folder, "queue")), count))
    return statistics.median(times)


def run(count: int) -> dict[str, dict[str, float]]:
    results: dict[str, dict[str, float]] = {}
    for title, name, make_maker, cases in QUEUES:
        if not hasattr(persistqueue, name):
            continue
        results[title] = {}
        for case_name, case in cases.items():
            print(f"{title}: {case_name}", file=sys.stderr)
            results[title][case_name] = measure(make_maker, case, count)
    return results


def print_console(results: dict[str, dict[str, float]], count: int) -> None:
    print(f"persistqueue {persistqueue.__version__}, Python {platform.python_version()}")
    print(f"median of {ROUNDS} rounds of {count} items")
    for title, cases in results.items():
        print(f"\n{title}")
        for name, seconds in cases.items():
            print(f"  {name:<24}{seconds:>10.4f} s{seconds / count * 1e6:>12.2f} us an item")


def print_rst(results: dict[str, dict[str, float]], count: int) -> None:
    for title, cases in results.items():
        rows = [("", f"{count} items (s)", "one item (us)")]
        rows += [(name, f"{s:.4f}", f"{s / count * 1e6:.2f}") for name, s in cases.items()]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        line = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
        print(f"{title}\n{'=' * len(title)}\n\n{line}")
        for number, row in enumerate(rows):
            cells = (f" {cell:<{width}} " for cell, width in zip(row, widths, strict=True))
            print("|" + "|".join(cells) + "|")
            print(line.replace("-", "=") if number == 0 else line)
        print()


def print_json(results: dict[str, dict[str, float]], count: int) -> None:
    head = {"version": persistqueue.__version__, "items": count, "rounds": ROUNDS}
    print(json.dumps({**head, "seconds": results}, indent=2))


PRINTERS = {"rst": print_rst, "console": print_console, "json": print_json}


def main() -> None:
    parser = argparse.ArgumentParser(description="Times the queues.")
    parser.add_argument("count", nargs="?", type=int, default=1000, help="items in a round")
    parser.add_argument("output", nargs="?", choices=PRINTERS, default="console")
    args = parser.parse_args()
    if args.count < 1:
        parser.error("a round has at least 1 item")
    PRINTERS[args.output](run(args.count), args.count)


if __name__ == "__main__":
    main()
