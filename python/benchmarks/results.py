"""What a benchmark found: rows of one shape, which all benchmarks write as JSON."""

from __future__ import annotations

import hashlib
import json
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict

NOTHING, PROCESS, MACHINE = "nothing", "killed process", "dead machine"


class Row(TypedDict):
    """One figure, with the spread over the rounds."""

    table: str
    name: str
    survives: str  # what a put that returned survives
    case: str
    unit: str
    median: float
    least: float
    most: float


def nanoseconds(table: str, name: str, survives: str, case: str, values: list[float]) -> Row:
    return {
        "table": table,
        "name": name,
        "survives": survives,
        "case": case,
        "unit": "ns",
        "median": statistics.median(values),
        "least": min(values),
        "most": max(values),
    }


def write(file: Path, rows: Iterable[Row]) -> None:
    file.write_text(json.dumps({"rows": list(rows)}, indent=1) + "\n")


class Figures(TypedDict):
    """All rows of one run of all benchmarks, as `gather.py` writes them."""

    machine: dict[str, str]
    rows: list[Row]


def of(figures: Figures, table: str) -> dict[str, dict[str, Row]]:
    """The rows of a table, by name and case."""
    found: dict[str, dict[str, Row]] = {}
    for row in figures["rows"]:
        if row["table"] == table:
            found.setdefault(row["name"], {})[row["case"]] = row
    return found


def digest(figures: Figures) -> str:
    """Stands in each picture, so that a test without Matplotlib knows what it was drawn from."""
    return hashlib.sha256(json.dumps(figures["rows"], sort_keys=True).encode()).hexdigest()
