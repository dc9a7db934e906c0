"""Renders what was measured: the tables of a page, between markers, and the pictures beside it.

`python report.py FIGURES PAGE IMAGES`: the JSON that `gather.py` wrote, `performance.md`, and the
folder of the pictures. It reads nothing else, so the same figures give the same page.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from results import Figures, Row, of

MARKED = re.compile(r"(<!-- table (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def nanoseconds(value: float) -> str:
    return f"{value:,.0f}"


def scaled(by: float, value: float) -> str:
    value /= by
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


microseconds = partial(scaled, 1e3)
millions = partial(scaled, 1e6)

Shown = Callable[[float], str]
Columns = dict[str, tuple[str, Shown]]


def table(head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    head = list(head)
    cells = [head, ["---"] * len(head), *lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells).replace("|  |", "| |", 1)


def queues(name: str, cases: dict[str, str], shown: Shown, figures: Figures) -> str:
    """A line for each queue, a column for each case."""
    return table(
        ["", "survives", *cases],
        (
            [queue, next(iter(rows.values()))["survives"]]
            + [shown(rows[case]["median"]) for case in cases.values()]
            for queue, rows in of(figures, name).items()
        ),
    )


def put_and_get(size: int, figures: Figures) -> str:
    def line(name: str, rows: dict[str, Row]) -> list[str]:
        put, get = rows[f"put {size}"], rows[f"get {size}"]
        times = put["median"], get["median"], put["median"] + get["median"]
        return [name, put["survives"], *map(nanoseconds, times)]

    lines = (line(*item) for item in of(figures, "rust-peers").items())
    return table(["", "survives", "put", "get", "put + get"], lines)


def cases(name: str, case: str, shown: Columns, figures: Figures) -> str:
    """A line for each case, a column for each thing that was measured."""
    found = of(figures, name)
    return table(
        [case, *(column for column, _ in shown.values())],
        (
            [f"{int(at):,}", *(show(found[key][at]["median"]) for key, (_, show) in shown.items())]
            for at in next(iter(found.values()))
        ),
    )


def original(figures: Figures) -> str:
    ours, theirs = of(figures, "original").values()
    medians = ((case, row["median"], theirs[case]["median"]) for case, row in ours.items())
    return table(
        ["", "ours", "persist-queue 1.1.0", "times faster"],
        (
            [case, microseconds(mine), microseconds(other), scaled(1, other / mine)]
            for case, mine, other in medians
        ),
    )


def spread(name: str, shown: Shown, figures: Figures) -> str:
    """A line for each thing that was measured, and how it compares with the first."""
    found = {name: next(iter(rows.values())) for name, rows in of(figures, name).items()}
    first = next(iter(found))
    return table(
        ["", "median", "least", "most", f"of {first}"],
        (
            [
                name,
                *(shown(value) for value in (row["median"], row["least"], row["most"])),
                f"{row['median'] / found[first]['median']:.2f}",
            ]
            for name, row in found.items()
        ),
    )


def machine(figures: Figures) -> str:
    facts = figures["machine"]
    return (
        f"Measured on {facts['date']} at commit {facts['commit']}: {facts['processor']}, "
        f"{facts['cores']} cores, {facts['kernel']}, {facts['file system']}, "
        f"Python {facts['Python']}, Rust {facts['Rust']}.\n"
    )


PYTHON = {
    f"{call}, {kind}": f"{call} {kind}" for kind in ("text", "dict") for call in ("put", "get")
}
STREAMS = {"1 thread to 1": "1", "4 threads to 4": "4"}
SERVERS = {
    "driver: insert": "driver: insert",
    "put": "put",
    "driver: claim": "driver: claim",
    "get": "get",
    "get, held": "get, held",
    "ack": "ack",
    "wake-up": "wake-up",
}
SIZES: Columns = {
    "plain write": ("plain write", microseconds),
    "put": ("put", microseconds),
    "get, task_done": ("get, task_done", microseconds),
}
DEPTHS: Columns = {
    "put": ("put (ns)", nanoseconds),
    "get": ("get (ns)", nanoseconds),
    "opening": ("opening (ms)", millions),
    "memory": ("memory (MB)", millions),
}
THREADS: Columns = {
    "get, autosave": ("put and get, autosave", nanoseconds),
    "get, task_done": ("put, get, task_done", nanoseconds),
    "put alone": ("put alone", nanoseconds),
}
TABLES: dict[str, Callable[[Figures], str]] = {
    "machine": machine,
    "original": original,
    "python-peers": partial(queues, "python-peers", PYTHON, microseconds),
    "calls": partial(spread, "calls", nanoseconds),
    "rust-peers-100": partial(put_and_get, 100),
    "rust-peers-1024": partial(put_and_get, 1024),
    "rust-peers-65536": partial(put_and_get, 65536),
    "rust-streams": partial(queues, "rust-streams", STREAMS, nanoseconds),
    "rust-disk": partial(queues, "rust-disk", {"put": "put"}, microseconds),
    "size": partial(cases, "size", "bytes", SIZES),
    "depth": partial(cases, "depth", "waiting items", DEPTHS),
    "processes": partial(spread, "processes", microseconds),
    "servers": partial(queues, "servers", SERVERS, microseconds),
    "streams": partial(cases, "streams", "threads on each side", THREADS),
}


def render(page: str, figures: Figures) -> str:
    """The page with its tables as the figures say; an error where a table has no place in it."""
    missing = TABLES.keys() ^ {name for _, name, _ in MARKED.findall(page)}
    if missing:
        raise ValueError(f"tables of the page and of this program differ: {sorted(missing)}")
    return MARKED.sub(lambda found: found[1] + TABLES[found[2]](figures) + found[3], page)


def main() -> None:
    # Only here: the tables need no Matplotlib.
    from plots import draw

    figures: Figures = json.loads(Path(sys.argv[1]).read_text())
    page = Path(sys.argv[2])
    page.write_text(render(page.read_text(), figures))
    draw(figures, Path(sys.argv[3]))


if __name__ == "__main__":
    main()
