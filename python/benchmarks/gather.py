"""Puts the rows of several benchmarks into one file, with the machine that they were measured on.

`python gather.py FILE FOLDER ROWS...`: the JSON to write, a folder of the disk that was measured,
and the JSON files of the benchmarks.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path


def said(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def commit() -> str:
    """The last one that changed what is measured."""
    changed = said("git", "status", "--porcelain", "--", "crates")
    return said("git", "log", "-1", "--format=%h", "--", "crates") + ("-dirty" if changed else "")


def machine(folder: str) -> dict[str, str]:
    return {
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d}",
        "processor": processor(),
        "cores": str(os.cpu_count()),
        "kernel": f"{platform.system()} {platform.release()}",
        "file system": said("df", "--output=fstype", folder).splitlines()[-1],
        "Python": platform.python_version(),
        "Rust": said("rustc", "--version").split()[1],
        "commit": commit(),
    }


def main() -> None:
    file, folder, *parts = sys.argv[1:]
    rows = [row for part in parts for row in json.loads(Path(part).read_text())["rows"]]
    for row in rows:
        row |= {key: round(row[key], 1) for key in ("median", "least", "most")}
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    described = json.dumps(machine(folder), indent=2).replace("\n", "\n ")
    Path(file).write_text(f'{{\n "machine": {described},\n "rows": [\n{lines}\n ]\n}}\n')


if __name__ == "__main__":
    main()
