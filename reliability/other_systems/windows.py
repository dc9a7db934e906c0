"""Windows, as far as Wine is Windows."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from .cargo import Build
from .outcome import ROOT, Outcome, run

CORE = ROOT / "crates/persist-queue"
COMPILER = "x86_64-w64-mingw32-gcc"
FEATURES = ["msgpack", "cbor", "json", "pickle", "legacy", "sqlite", "tokio"]
TESTS = ["lib", "format", "contract", "exchange", "processes"]
# Windows lets nobody replace a folder of open files; and speed under Wine says nothing.
LEFT_OUT = {"processes": ["a_replaced_folder_is_noticed_and_not_touched", "speed::", "stress::"]}


def windows(scratch: Path, tests: Sequence[str]) -> Iterator[Outcome]:
    """Builds the tests with MinGW and runs them under Wine."""
    there = Build("x86_64-pc-windows-gnu", COMPILER, FEATURES)
    chosen = list(tests or TESTS)
    programs = there.programs(chosen)
    library = scratch / "bcryptprimitives.dll"
    source = Path(__file__).parent / "process_prng.c"
    subprocess.run([COMPILER, "-shared", "-o", library, source, "-ladvapi32"], check=True)
    environment = {"WINEPREFIX": str(scratch / "wine"), "WINEDEBUG": "-all"}
    wine = shutil.which("wine") or "wine"
    for test in chosen:
        # A program's own folder is where its libraries are looked for first.
        shutil.copy(library, programs[test].parent)
        command = [wine, str(programs[test])]
        for left_out in LEFT_OUT.get(test, []):
            command += ["--skip", left_out]
        yield run("Windows", test, command, environment, CORE)
