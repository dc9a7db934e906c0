"""The short forms of what `./dev dead-process` and `./dev long-run` try for long."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from servers import MAKES, AnyServer

RELIABILITY = Path(__file__).parents[2] / "reliability"
SEED = int(os.environ.get("PERSISTQUEUE_SEED", "0")) or random.randrange(1, 1 << 32)
sys.path.insert(0, str(RELIABILITY))


def tried(program: str, *arguments: object, code: int = 0, **environment: str) -> str:
    """What the program prints; it must end with `code`."""
    command = [sys.executable, str(RELIABILITY / program), *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=110, env=os.environ | environment
    )
    assert done.returncode == code, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_killed_processes_break_no_promise_of_any_kind(tmp_path: Path) -> None:
    nowhere = {make.variable: "" for make in MAKES.values()}
    said = tried("dead_process.py", 1, "--seed", SEED, "--folder", tmp_path, **nowhere)
    assert said.count("no promise broken") == 25


@pytest.mark.parametrize("make", MAKES)
def test_killed_processes_break_no_promise_of_a_server(
    server_of: Callable[[str], AnyServer], make: str, tmp_path: Path
) -> None:
    from queue_kinds import KINDS

    server = server_of(make)
    kinds = [name for name, kind in KINDS.items() if kind.server == server.variable]
    where = ("--seed", SEED, "--folder", tmp_path)
    said = tried("dead_process.py", *kinds, 1, *where, **{server.variable: server.address})
    assert said.count("no promise broken") == len(kinds) == len(server.kinds) + len(server.tasks)


@pytest.mark.parametrize("forged", ["lost", "doubled"])
@pytest.mark.parametrize("kind", ["file", "ack", "dict"])
def test_the_account_notices_what_is_lost_and_what_comes_twice(
    tmp_path: Path, kind: str, forged: str
) -> None:
    where = ("--seed", 7, "--folder", tmp_path)
    said = tried("dead_process.py", kind, 1, *where, "--forge", forged, code=1)
    assert {"lost": "lost: ", "doubled": "came 2 times"}[forged] in said or kind == "dict"


@pytest.mark.parametrize(
    ("kind", "faults"),
    [
        ("file", ("--every", 9)),
        ("sqlite", ("--every", 37)),
        ("ack", ("--every", 37)),
        ("async-file", ("--every", 31)),
        # A lock that could not be had once was never had again.
        ("sqlite", ("--only", "EMFILE at openat number 3")),
        # A commit whose flush failed was found whole by whoever opened the database after a kill.
        ("async-sqlite", ("--only", "EIO at fdatasync")),
        # A lock was kept on a file that could not be looked at once.
        ("dict", ("--only", "EIO at newfstatat")),
        # A put that had to wait for the disk was told to have failed, and was stored.
        ("async-file", ("--only", "EMFILE at eventfd2")),
    ],
)
def test_a_system_call_that_fails_breaks_no_promise(
    tmp_path: Path, kind: str, faults: tuple[object, ...]
) -> None:
    if not shutil.which("strace"):
        assert not os.environ.get("CI"), "CI must have strace"
        pytest.skip("strace is not installed")
    where = ("--level", "disk", "--start", SEED % 31, "--folder", tmp_path)
    said = tried("system_calls.py", kind, *where, *faults)
    assert "no promises broken" in said
    assert " 0 of them met" not in said


def test_a_run_under_load_takes_each_item_once(tmp_path: Path) -> None:
    # So short that it need not be flat.
    command = [sys.executable, str(RELIABILITY / "long_run.py"), sys.executable]
    options = ["--minutes", "0.05", "--folder", str(tmp_path)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=110)
    assert "each item was taken once" in done.stdout, done


def test_the_verdict_of_a_long_run_notices_what_grows() -> None:
    import long_run

    def samples(grows: str) -> list[long_run.Sample]:
        flat = {"memory": 50.0, "handles": 80.0, "disk": 30.0}
        return [
            {name: value + (second if name == grows else 0) for name, value in flat.items()}
            | {
                "processor": second,
                "ack": 0,
                "file": 100 * (second - (grows == "file") * second**2 / 300),
            }
            for second in map(float, range(100))
        ]

    assert not [line for line in long_run.verdict(samples("")) if "NOT FLAT" in line]
    for grows in ("memory", "handles", "disk", "file"):
        bad = [line for line in long_run.verdict(samples(grows)) if "NOT FLAT" in line]
        assert len(bad) == 1, (grows, bad)
