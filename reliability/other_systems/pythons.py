"""One wheel in several versions of Python."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from .outcome import ROOT, Outcome, run

VERSIONS = ["3.10", "3.11", "3.12", "3.13", "3.14"]
TOOLS = (
    "pytest", "pytest-timeout", "msgpack", "cbor2", "PyMySQL", "pg8000", "gevent", "eventlet",
    "uvloop",
)  # fmt: skip
# What depends on the interpreter: calling it, its exceptions and signals, its loops, its threads
# and processes, and what it deletes.
SOME = [
    "test_contract_queue.py",
    "test_contract_waiting.py",
    "test_contract_storage.py",
    "test_serializers.py",
    "test_async_queue.py",
    "test_async_sqlite.py",
    "test_fork_and_spawn.py",
    "test_interrupt.py",
    "test_green.py",
    "test_legacy.py",
    "test_pdict.py",
    "test_sqlite_contract.py",
    "test_sqlite_acks.py",
    "test_sqlite_transaction.py",
    "test_finality.py",
    "test_open.py",
]
# It measures how fast the machine is.
LEFT_OUT = "test_failing_43_large_items_from_a_database_take_no_time_for_each_other"


def found() -> Iterator[tuple[str, Path]]:
    """The interpreters that are here."""
    for version in VERSIONS:
        places = [shutil.which(f"python{version}") or ""]
        places += map(str, sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python3")))
        for place in places:
            # pyenv has names on the path for what is not chosen, too.
            if place and says(place, "import sys, venv; print(sys.version)").startswith(version):
                yield version, Path(place)
                break


def says(python: str, program: str) -> str:
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def pinned() -> list[str]:
    """The tools of the tests, as the project's own environment has them."""
    lines = (ROOT / "python/requirements-dev.txt").read_text().splitlines()
    return [line for line in lines if re.split("==", line)[0] in TOOLS]


def pythons(wheel: Path, scratch: Path, tests: Sequence[str]) -> Iterator[Outcome]:
    """Installs the wheel in each Python that is here and runs tests; `tests` in place of the chosen
    ones."""
    chosen = tests or [f"python/tests/{name}" for name in SOME]
    for version, interpreter in found():
        venv = scratch / f"python{version}"
        subprocess.run([interpreter, "-m", "venv", "--clear", venv], check=True)
        pip = [
            str(venv / "bin/python"),
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
        ]
        subprocess.run([*pip, *pinned(), str(wheel)], check=True)
        command = [str(venv / "bin/python"), "-m", "pytest", "-q", "-o", f"cache_dir={venv}/cache"]
        command += ["-k", f"not {LEFT_OUT}"]
        outcome = run(f"Python {version}", "the wheel", [*command, *chosen], {})
        if outcome.failed:
            # A test that missed a deadline on a machine that others use too is tried once more.
            again = run(f"Python {version}", "what failed", [*command, "--lf", *chosen], {})
            outcome.failed = again.failed
            outcome.passed += again.passed
            outcome.ended_well = again.ended_well
        yield outcome
