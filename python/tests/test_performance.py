"""The page of figures shows what was measured, and nothing by hand."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
sys.path.append(str(ROOT / "python/benchmarks"))

from report import render  # noqa: E402
from results import Figures, digest  # noqa: E402


@pytest.fixture
def page() -> str:
    return (DOCS / "performance.md").read_text()


@pytest.fixture
def figures() -> Figures:
    found: Figures = json.loads((DOCS / "performance.json").read_text())
    return found


def test_the_tables_are_what_the_figures_say(page: str, figures: Figures) -> None:
    assert render(page, figures) == page


def test_a_figure_that_changes_changes_its_table(page: str, figures: Figures) -> None:
    for table in {row["table"] for row in figures["rows"]}:
        changed = copy.deepcopy(figures)
        next(row for row in changed["rows"] if row["table"] == table)["median"] *= 3
        assert render(page, changed) != page, table


def test_a_table_that_the_page_lacks_is_an_error(page: str, figures: Figures) -> None:
    with pytest.raises(ValueError, match="calls"):
        render(page.replace("<!-- table calls -->", ""), figures)


def test_every_figure_lies_between_the_ends_of_its_spread(figures: Figures) -> None:
    for row in figures["rows"]:
        assert 0 < row["least"] <= row["median"] <= row["most"], row


@pytest.mark.parametrize("name", ["rust-peers", "python-peers", "size", "depth"])
def test_a_picture_is_drawn_from_the_same_figures(figures: Figures, name: str) -> None:
    picture = ElementTree.parse(DOCS / f"images/{name}.svg").getroot()
    words = "".join(picture.itertext())
    assert digest(figures) in words
    assert "time of one call" in words
