"""What running tests somewhere came to."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The longest that one test program may take, in seconds.
HANGS = 1800

RUST_SUMMARY = re.compile(r"test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored")
PYTEST_SUMMARY = re.compile(r"(\d+) (passed|failed|skipped|errors?)")


@dataclass
class Outcome:
    """One run: where, of what, and what its last lines say."""

    where: str
    what: str
    passed: int
    failed: int
    skipped: int
    ended_well: bool
    seconds: float

    @property
    def is_good(self) -> bool:
        # A run in which nothing ran shows nothing.
        return self.ended_well and self.failed == 0 and self.passed > 0

    def __str__(self) -> str:
        word = "passes" if self.is_good else "FAILS"
        counts = f"{self.passed} passed, {self.failed} failed, {self.skipped} left out"
        return f"{self.where:<12} {self.what:<22} {word:<7} {counts} ({self.seconds:.0f} s)"


def run(
    where: str,
    what: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path = ROOT,
) -> Outcome:
    """Runs tests of Rust's harness or pytest, shows what they say, and reads their summaries."""
    print(f"--- {where}: {what}", flush=True)
    start = time.monotonic()
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    with subprocess.Popen(
        ["timeout", str(HANGS), *command],
        env={**os.environ, **environment},
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            if summary := RUST_SUMMARY.search(line):
                # The last one counts: children, which are the same program, say theirs before.
                counts = dict(zip(counts, map(int, summary.groups()), strict=True))
            elif re.search(r" in \d+\.\d+s", line):
                for number, name in PYTEST_SUMMARY.findall(line):
                    counts["failed" if name.startswith("error") else name] += int(number)
    ended_well = process.returncode == 0
    return Outcome(where, what, **counts, ended_well=ended_well, seconds=time.monotonic() - start)
