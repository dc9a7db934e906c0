"""Times two installed packages called `persistqueue` side by side.

`python compare.py OURS THEIRS [--rounds R] [--items N] [--json FILE]`, where OURS and THEIRS are
the Python interpreters of two environments. A round runs each in a process of its own, one right
after the other and in turn first, so that a machine that slows down slows both.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from results import PROCESS, nanoseconds, write

# Runs in either environment: prints nanoseconds an item, by case.
PROGRAM = r"""
import json, sys, tempfile, time
import persistqueue

COUNT = int(sys.argv[1])
ITEM = "a short text, as in a job's name"
clock = time.perf_counter_ns
result = {}


def timed(name, function):
    start = clock()
    for _ in range(COUNT):
        function()
    result[name] = (clock() - start) / COUNT


def finish_one():
    queue.get()
    queue.task_done()


def all_three():
    queue.put(ITEM)
    finish_one()


with tempfile.TemporaryDirectory() as folder:
    queue = persistqueue.Queue(folder + "/plain")
    timed("put", lambda: queue.put(ITEM))
    timed("get", queue.get)
    timed("task_done", queue.task_done)
    queue = persistqueue.Queue(folder + "/autosave", autosave=True)
    for _ in range(COUNT):
        queue.put(ITEM)
    timed("get, autosave", queue.get)
    queue = persistqueue.Queue(folder + "/finishing")
    for _ in range(COUNT):
        queue.put(ITEM)
    timed("get, task_done", finish_one)
    queue = persistqueue.Queue(folder + "/together")
    timed("put, get, task_done", all_three)
    del queue
print(json.dumps(result))
"""

Times = dict[str, list[float]]


class Run(NamedTuple):
    """A program in an environment, which prints as JSON what an item took, by case."""

    interpreter: str
    program: str
    items: int


def command(interpreter: str, program: str, *arguments: str) -> list[str]:
    # Isolated: no folder of sources may hide what is installed.
    return [interpreter, "-I", "-c", program, *arguments]


def output(command: list[str]) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def collect(runs: Sequence[Run], rounds: int) -> list[Times]:
    times: list[Times] = [{} for _ in runs]
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        order = range(len(runs))
        for which in order if number % 2 == 0 else reversed(order):
            run = runs[which]
            printed = output(command(run.interpreter, run.program, str(run.items)))
            for case, value in json.loads(printed).items():
                times[which].setdefault(case, []).append(value)
    return times


def summary(ours: Times, theirs: Times) -> Iterable[tuple[str, float, float, float]]:
    for case, values in ours.items():
        mine, other = statistics.median(values), statistics.median(theirs[case])
        yield case, mine, other, other / mine


def arguments(description: str, interpreters: Sequence[str], items: int) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    for name in interpreters:
        parser.add_argument(name, help="a Python interpreter")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--items", type=int, default=items)
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures")
    return parser.parse_args()


def main(program: str = PROGRAM, table: str = "original", survives: str = PROCESS) -> None:
    args = arguments(__doc__ or "", ["ours", "theirs"], 5000)
    runs = [Run(interpreter, program, args.items) for interpreter in (args.ours, args.theirs)]
    ours, theirs = collect(runs, args.rounds)
    if args.json:
        write(
            args.json,
            (
                nanoseconds(table, name, survives, case, values)
                for name, times in (("ours", ours), ("persist-queue 1.1.0", theirs))
                for case, values in times.items()
            ),
        )
    print(f"medians of {args.rounds} rounds of {args.items} short texts")
    print(f"{'':<22}{'ours':>12}{'theirs':>12}{'times faster':>16}")
    for case, mine, other, ratio in summary(ours, theirs):
        print(f"{case:<22}{mine / 1000:>9.2f} us{other / 1000:>9.2f} us{ratio:>16.1f}")


if __name__ == "__main__":
    main()
