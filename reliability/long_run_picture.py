"""Draws what `long_run.py --json` wrote down: `long_run_picture.py SAMPLES.json PICTURE.svg`."""

from __future__ import annotations

import hashlib
import json
import sys
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "python" / "benchmarks"))

from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter
from plots import COLOURS, save

# How many samples one point of a rate is made of: a single one jumps.
TOGETHER = 6

Samples = list[dict[str, float]]


def rates(samples: Samples, kind: str) -> tuple[list[float], list[float]]:
    ends = samples[::TOGETHER]
    pairs = list(pairwise(ends))
    minutes = [(one["seconds"] + other["seconds"]) / 120 for one, other in pairs]
    found = [(two[kind] - one[kind]) / (two["seconds"] - one["seconds"]) for one, two in pairs]
    return minutes, found


def picture(samples: Samples) -> Figure:
    figure = Figure(figsize=(9, 7), layout="constrained")
    above, *below = figure.subplots(4, 1, sharex=True, height_ratios=[2, 1, 1, 1])
    names = {"file": "file queue", "ack": "queue with acknowledgements, SQLite"}
    for (kind, name), colour in zip(names.items(), COLOURS, strict=False):
        above.plot(*rates(samples, kind), color=colour, label=name)
    above.set_title("puts and takes a second, of four processes")
    above.yaxis.set_major_formatter(EngFormatter())
    above.legend()
    minutes = [sample["seconds"] / 60 for sample in samples]
    titles = {"memory": "memory of them, MiB", "handles": "open handles", "disk": "on disk, MiB"}
    for axes, (figure_name, title) in zip(below, titles.items(), strict=True):
        axes.plot(minutes, [sample[figure_name] for sample in samples], color=COLOURS[0])
        axes.set_title(title)
    for axes in (above, *below):
        axes.set_ylim(bottom=0)
    below[-1].set_xlabel("minutes")
    return figure


if __name__ == "__main__":
    text = Path(sys.argv[1]).read_text()
    save(picture(json.loads(text)), Path(sys.argv[2]), hashlib.sha256(text.encode()).hexdigest())
