"""Times two installed packages called `persistqueue` side by side.

`python compare.py OURS THEIRS [--rounds R] [--items N] [--json]`, where OURS and THEIRS are the
Python interpreters of two environments. A round runs each in a process of its own, one right after
the other and in turn first, so that a machine that slows down slows both.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Iterable

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


def all_three():
    queue.put(ITEM)
    queue.get()
    queue.task_done()


with tempfile.TemporaryDirectory() as folder:
    queue = persistqueue.Queue(folder + "/plain")
    timed("put", lambda: queue.put(ITEM))
    timed("get", queue.get)
    timed("task_done", queue.task_done)
    queue = persistqueue.Queue(folder + "/autosave", autosave=True)
    for _ in range(COUNT):
        queue.put(ITEM)
    timed("get, autosave", queue.get)
    queue = persistqueue.Queue(folder + "/together")
    timed("put, get, task_done", all_three)
    del queue
print(json.dumps(result))
"""

Times = dict[str, list[float]]


def run_once(interpreter: str, items: int, program: str) -> dict[str, float]:
    # Isolated: no folder of sources may hide what is installed.
    finished = subprocess.run(
        [interpreter, "-I", "-c", program, str(items)], check=True, capture_output=True, text=True
    )
    result: dict[str, float] = json.loads(finished.stdout)
    return result


def collect(interpreters: list[str], rounds: int, items: int, program: str) -> list[Times]:
    times: list[Times] = [{} for _ in interpreters]
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        order = range(len(interpreters))
        for which in order if number % 2 == 0 else reversed(order):
            for case, value in run_once(interpreters[which], items, program).items():
                times[which].setdefault(case, []).append(value)
    return times


def summary(ours: Times, theirs: Times) -> Iterable[tuple[str, float, float, float]]:
    for case, values in ours.items():
        mine, other = statistics.median(values), statistics.median(theirs[case])
        yield case, mine, other, other / mine


def main(program: str = PROGRAM) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("ours", help="a Python interpreter")
    parser.add_argument("theirs", help="a Python interpreter")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--items", type=int, default=5000)
    parser.add_argument("--json", action="store_true", help="nanoseconds an item, as JSON")
    args = parser.parse_args()
    rows = list(summary(*collect([args.ours, args.theirs], args.rounds, args.items, program)))
    if args.json:
        cases = {case: {"ours": o, "theirs": t, "ratio": r} for case, o, t, r in rows}
        print(json.dumps({"rounds": args.rounds, "items": args.items, "ns": cases}, indent=2))
        return
    print(f"medians of {args.rounds} rounds of {args.items} short texts")
    print(f"{'':<22}{'ours':>12}{'theirs':>12}{'times faster':>16}")
    for case, mine, other, ratio in rows:
        print(f"{case:<22}{mine / 1000:>9.2f} us{other / 1000:>9.2f} us{ratio:>16.1f}")


if __name__ == "__main__":
    main()
