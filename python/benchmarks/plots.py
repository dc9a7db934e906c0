"""The pictures of what was measured, as SVG; `report.py` calls it.

The same figures give the same bytes, with the same Matplotlib.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter
from results import Figures, Row, digest, of

INK, COLOURS = "#1f2328", ("#0a7bbf", "#d55e00", "#808080")
# Text is black on white, and light where the reader prefers a dark page.
DARK = "<style>@media (prefers-color-scheme: dark) { text { fill: #e6edf3 !important } }</style>"
mpl.rcParams |= {
    "axes.axisbelow": True,
    "axes.edgecolor": "#808080",
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": "medium",
    "font.family": "sans-serif",
    "grid.alpha": 0.3,
    "grid.color": "#808080",
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "persist-queue",
    "text.color": INK,
    "xtick.color": INK,
    "xtick.minor.bottom": False,
    "ytick.color": INK,
    "ytick.minor.left": False,
    "axes.labelcolor": INK,
}


def seconds(row: Row) -> tuple[float, float, float]:
    return row["median"] / 1e9, row["least"] / 1e9, row["most"] / 1e9


def spreads(axes: Any, found: dict[str, dict[str, Row]], cases: Iterable[tuple[str, str]]) -> None:
    """A dot for each case of each queue, from the least to the most of its rounds."""
    names = list(found)
    for (label, case), colour, offset in zip(cases, COLOURS, (-0.14, 0.14), strict=False):
        times = [seconds(found[name][case]) for name in names]
        places = [place + offset for place in range(len(names))]
        axes.hlines(places, [t[1] for t in times], [t[2] for t in times], colour, linewidth=2)
        axes.plot([t[0] for t in times], places, "o", color=colour, label=label)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(EngFormatter(unit="s"))
    axes.set_ylim(len(names) - 0.5, -0.5)


def queues(figures: Figures, table: str, panels: dict[str, str], ours: str) -> Figure:
    """A panel for each kind of item, a line for each queue."""
    found = of(figures, table)
    figure = Figure(figsize=(12, 1.3 + 0.34 * len(found)), layout="constrained")
    columns = figure.subplots(1, len(panels), sharex=True, sharey=True)
    for axes, (title, case) in zip(columns, panels.items(), strict=True):
        spreads(axes, found, [(call, f"{call} {case}") for call in ("put", "get")])
        axes.set_title(title)
    survives = [next(iter(rows.values()))["survives"] for rows in found.values()]
    labels = [f"{name} · {kept}" for name, kept in zip(found, survives, strict=True)]
    columns[0].set_yticks(range(len(found)), labels)
    for text, name in zip(columns[0].get_yticklabels(), found, strict=True):
        text.set_fontweight("bold" if name.startswith(ours) else "normal")
    figure.legend(*columns[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    figure.supxlabel(
        "time of one call, less is better: median, and from the least to the most of all rounds\n"
        "behind each name: what a finished put survives",
        fontsize="small",
    )
    return figure


def lines(figures: Figures, table: str, names: Iterable[str], of_what: str) -> Figure:
    """A line for each thing that was measured, with a band from the least to the most."""
    found = of(figures, table)
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    axes = figure.subplots()
    for name, colour in zip(names, COLOURS, strict=False):
        at = [int(case) for case in found[name]]
        times = [seconds(row) for row in found[name].values()]
        axes.plot(at, [t[0] for t in times], "o-", color=colour, label=name)
        axes.fill_between(
            at, [t[1] for t in times], [t[2] for t in times], color=colour, alpha=0.2, linewidth=0
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_major_formatter(EngFormatter(unit="s"))
    axes.set_xlabel(of_what)
    axes.set_ylabel("time of one call")
    axes.legend()
    return figure


def save(figure: Figure, file: Path, description: str) -> None:
    drawn = io.StringIO()
    about: dict[str, Any] = {"Date": None, "Description": description}
    figure.savefig(drawn, format="svg", transparent=True, metadata=about)
    file.write_text(drawn.getvalue().replace("<defs>", f"{DARK}\n <defs>", 1))


def draw(figures: Figures, folder: Path) -> None:
    sizes = {"100 bytes": "100", "1 KiB": "1024", "64 KiB": "65536"}
    kinds = {"a short text": "text", "a small dict": "dict"}
    for name, figure in {
        "rust-peers": queues(figures, "rust-peers", sizes, "persist-queue"),
        "python-peers": queues(figures, "python-peers", kinds, "persist-queue-rs"),
        "size": lines(figures, "size", ("put", "get, task_done", "plain write"), "bytes"),
        "depth": lines(figures, "depth", ("put", "get"), "waiting items"),
    }.items():
        save(figure, folder / f"{name}.svg", digest(figures))
