"""SIGKILL while a folder of persist-queue's is converted: the next opening has every item.

PERSISTQUEUE_KILL_ROUNDS sets the rounds (15), PERSISTQUEUE_SEED the moments.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import HERE, WORKERS, drain, ending, files, oracle_python, start_worker
from oracle_writer import item

from persistqueue import Queue

ROUNDS = int(os.environ.get("PERSISTQUEUE_KILL_ROUNDS", "15"))
SEED = int(os.environ.get("PERSISTQUEUE_SEED", "0")) or random.randrange(1, 1 << 32)
COUNT, TAKEN = 4000, 137

pytestmark = pytest.mark.timeout(60 + 5 * ROUNDS)


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("legacy") / "template"
    command = [oracle_python(), str(HERE / "oracle_writer.py"), str(folder), "pickle"]
    subprocess.run([*command, "50", str(COUNT), str(TAKEN)], check=True, timeout=60)
    return folder


def opening_takes(folder: Path) -> float:
    """How long a whole conversion takes here, in seconds."""
    command = [sys.executable, str(WORKERS), "open_only", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == '"opening"\n'
        before = time.monotonic()
        assert process.stdout.readline() == '"opened"\n'
        return time.monotonic() - before


def open_and_kill(folder: Path, after: float) -> int:
    process = start_worker("open_only", folder, stdout=subprocess.PIPE, text=True)
    with ending(process):
        assert process.stdout.readline() == '"opening"\n'
        deadline = time.monotonic() + after
        while time.monotonic() < deadline:
            pass
        process.send_signal(signal.SIGKILL)
        return process.wait(10)


def test_a_kill_in_the_middle_of_the_conversion_loses_nothing(
    template: Path, tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    shutil.copytree(template, tmp_path / "timed")
    whole = opening_takes(tmp_path / "timed")
    halfway = 0
    for number in range(ROUNDS):
        folder = tmp_path / str(number)
        shutil.copytree(template, folder)
        for _ in range(chance.randrange(1, 4)):  # and again during the recovery
            open_and_kill(folder, chance.random() * whole)
        names = set(files(folder))
        halfway += "info" in names and names != set(files(template))
        assert drain(Queue(str(folder))) == [item(n) for n in range(TAKEN, COUNT)]
        shutil.rmtree(folder)
    print(f"PERSISTQUEUE_SEED={SEED}: {halfway} of {ROUNDS} left both old and new files")


def test_after_a_kill_the_folder_can_be_used_and_reopened(template: Path, tmp_path: Path) -> None:
    folder = tmp_path / "q"
    shutil.copytree(template, folder)
    open_and_kill(folder, 0.001)
    queue = Queue(str(folder))
    assert queue.get() == item(TAKEN)
    queue.task_done()
    queue.put("new")
    del queue
    rest = [item(n) for n in range(TAKEN + 1, COUNT)]
    assert drain(Queue(str(folder))) == [*rest, "new"]
    assert not (folder / "info").exists()
