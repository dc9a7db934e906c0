"""Four processes put into queues and take from them for a long time; nothing may grow.

`python long_run.py INTERPRETER [--minutes M] [--json FILE]`, where INTERPRETER has `persistqueue`.
Two processes put and two take, all as fast as they can, from a file queue and a queue with
acknowledgements in SQLite. Memory, open handles, disk use and calls are written down every few
seconds; the verdict is whether the last quarter of the time is like the second one. At the end
every item must have been taken once.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

Sample = dict[str, float]

# How much more the last quarter may have than the second: a share of it, and so much on top.
BOUNDS = {
    "memory": (0.03, 1.0),  # MiB, all processes together
    "handles": (0.0, 4.0),
    "disk": (0.10, 4.0),  # MiB
}
# Calls in a second of processor time: others on the machine do not change it much.
LEAST_PACE = 0.8
PAGE, TICKS = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
MIB = 1 << 20


class Processes:
    """The four, and what can be seen of them from outside."""

    def __init__(self, interpreter: str, folder: Path, waste: str) -> None:
        self.folder = folder
        program = [interpreter, str(Path(__file__).with_name("long_run_worker.py"))]
        names = [("put", 1), ("put", 2), ("take", 1), ("take", 2)]
        self.told = [folder / f"calls-{role}-{number}" for role, number in names]
        self.all = [
            subprocess.Popen(
                [*program, role, str(number), str(folder), waste], stdout=subprocess.PIPE, text=True
            )
            for role, number in names
        ]

    def sample(self) -> Sample:
        pages = handles = ticks = 0
        for process in self.all:
            proc = Path(f"/proc/{process.pid}")
            if process.poll() is not None:
                raise SystemExit(f"a process ended by itself with {process.returncode}")
            # Resident pages without those of mapped files, which are the kernel's to keep.
            _, resident, shared = (proc / "statm").read_text().split()[:3]
            pages += int(resident) - int(shared)
            handles += len(list((proc / "fd").iterdir()))
            fields = (proc / "stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        calls = [struct.unpack("<2Q", told.read_bytes()) for told in self.told if size(told) == 16]
        return {
            "memory": pages * PAGE / MIB,
            "handles": handles,
            "disk": sum(size(file, used=True) for file in self.folder.rglob("*")) / MIB,
            "processor": ticks / TICKS,
            "file": sum(each[0] for each in calls),
            "ack": sum(each[1] for each in calls),
        }

    def stop(self) -> list[dict[str, Any]]:
        """Lets the producers end and the consumers take the rest; gives the accounts."""
        accounts = []
        for role, two in (("put", self.all[:2]), ("take", self.all[2:])):
            (self.folder / f"stop-{role}").touch()
            for process in two:
                out, _ = process.communicate(timeout=120)
                if process.returncode:
                    raise SystemExit(f"a {role} process ended with {process.returncode}")
                accounts.append(json.loads(out))
        return accounts

    def kill(self) -> None:
        for process in self.all:
            process.kill()
            process.wait()


def size(file: Path, used: bool = False) -> int:
    """A file's bytes, or what it takes on the disk; 0 for one that was removed just now."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return 0
    return found.st_blocks * 512 if used else found.st_size


def account(accounts: list[dict[str, Any]]) -> str:
    """What is wrong with the items that were put and taken; nothing where each came once."""
    for kind in ("file", "ack"):
        for producer, made in enumerate(accounts[:2], 1):
            count = made["calls"][kind]
            takers = [taker["taken"][kind].get(str(producer), [0, 0]) for taker in accounts[2:]]
            taken, numbers = (sum(taker[at] for taker in takers) for at in (0, 1))
            if (taken, numbers) != (count, count * (count - 1) // 2):
                return f"{kind}: {taken} of {count} of producer {producer} were taken, or not once"
    return ""


def paces(samples: list[Sample]) -> list[float]:
    """Calls in each second of processor time, between two samples."""
    found = []
    for before, after in pairwise(samples):
        calls = sum(after[kind] - before[kind] for kind in ("file", "ack"))
        spent = after["processor"] - before["processor"]
        if spent > 0:
            found.append(calls / spent)
    return found


def verdict(samples: list[Sample]) -> list[str]:
    """A line for each figure; one that grew is marked with NOT FLAT."""
    quarter = len(samples) // 4
    second, last = samples[quarter : 2 * quarter], samples[-quarter:]
    lines = []
    for figure, (share, slack) in BOUNDS.items():
        # SQLite's log grows and is begun again: the most of the time counts, of disk use.
        of = max if figure == "disk" else statistics.median
        before, after = (of(sample[figure] for sample in part) for part in (second, last))
        good = after <= before * (1 + share) + slack
        unit = "" if figure == "handles" else " MiB"
        lines.append(f"{figure}: {before:.1f}{unit}, then {after:.1f}{unit}{mark(good)}")
    before, after = (statistics.median(paces(part)) for part in (second, last))
    good = after >= before * LEAST_PACE
    lines.append(f"calls in a second of processor time: {before:.0f}, then {after:.0f}{mark(good)}")
    return lines


def mark(good: bool) -> str:
    return "" if good else ": NOT FLAT"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("interpreter", help="a Python interpreter with persistqueue")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--every", type=float, help="seconds from sample to sample")
    parser.add_argument("--json", type=Path, help="where the samples are written")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where the queues are kept")
    parser.add_argument(
        "--waste", default="", choices=["", "memory", "handles"], help="a leak, to be found"
    )
    options = parser.parse_args()
    every = options.every or max(0.25, options.minutes * 60 / 720)
    samples: list[Sample] = []
    with tempfile.TemporaryDirectory(prefix="long-run-", dir=options.folder) as name:
        processes = Processes(options.interpreter, Path(name), options.waste)
        try:
            start = time.monotonic()
            while (spent := time.monotonic() - start) < options.minutes * 60:
                samples.append({"seconds": spent} | processes.sample())
                time.sleep(every)
            accounts = processes.stop()
        finally:
            processes.kill()
    if options.json:
        options.json.write_text(json.dumps(samples) + "\n")
    wrong = account(accounts)
    lines = verdict(samples)
    for kind in ("file", "ack"):
        put, taken = (sum(each["calls"][kind] for each in accounts[at : at + 2]) for at in (0, 2))
        print(f"{kind} queue: {put} put, {taken} taken")
    print(f"second quarter of {spent / 60:.1f} minutes, then last quarter:")
    print("\n".join(f"  {line}" for line in lines))
    print(wrong or "each item was taken once, those of each producer in order")
    return int(bool(wrong) or any("NOT FLAT" in line for line in lines))


if __name__ == "__main__":
    sys.exit(main())
