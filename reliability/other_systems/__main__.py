"""`python -m other_systems [aarch64|s390x|windows|pythons]... [--wheel FILE] [--test TEST]...`"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .outcome import Outcome
from .processors import processor
from .pythons import pythons
from .windows import windows

SYSTEMS = ["aarch64", "s390x", "windows", "pythons"]


def outcomes(options: argparse.Namespace, scratch: Path) -> Iterator[Outcome]:
    for system in options.systems or SYSTEMS:
        if system == "pythons":
            if options.wheel is None:
                sys.exit("pythons: which wheel? --wheel FILE")
            yield from pythons(options.wheel.resolve(), scratch, options.test)
        elif system == "windows":
            yield from windows(scratch, options.test)
        else:
            yield from processor(system, options.test)


def main() -> None:
    parser = argparse.ArgumentParser(prog="other_systems", description=__doc__)
    parser.add_argument("systems", nargs="*", metavar="SYSTEM", help=", ".join(SYSTEMS))
    parser.add_argument("--wheel", type=Path, help="for pythons: what is installed")
    parser.add_argument("--test", action="append", default=[], help="only this test, or these")
    options = parser.parse_args()
    if unknown := set(options.systems) - set(SYSTEMS):
        parser.error(f"there are {', '.join(SYSTEMS)}, not {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as scratch:
        all_of_them = list(outcomes(options, Path(scratch)))
    print()
    for outcome in all_of_them:
        print(outcome)
    if not all_of_them or not all(outcome.is_good for outcome in all_of_them):
        sys.exit("Not all passed.")


main()
