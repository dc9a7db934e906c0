"""What the documents name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [*ROOT.glob("python/tests/*.py"), *ROOT.glob("crates/persist-queue/tests/**/*.rs")]


def test_every_test_that_the_compatibility_page_names_exists() -> None:
    named = set(re.findall(r"`(\w+)`", (ROOT / "docs/compatibility.md").read_text()))
    tests = {name for name in named if name.count("_") >= 3}
    defined = set()
    for source in SOURCES:
        defined |= set(
            re.findall(r"^\s*(?:async )?(?:def|fn) (\w+)", source.read_text(), re.MULTILINE)
        )
    assert len(tests) > 50
    assert tests - defined == set()


@pytest.mark.parametrize(
    "page", ["README.md", "docs/design.md", "docs/performance.md", "docs/reliability.md"]
)
def test_every_file_that_a_page_links_exists(page: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text())
    assert links
    for link in links:
        assert ((ROOT / page).parent / link).exists(), link


def test_the_examples_of_the_page_on_pickles_do_what_they_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs/pickle-safety.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```(?:\s*```text\n(.*?)```)?", page, re.DOTALL)
    assert len(blocks) >= 6
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for code, shown in blocks:
        exec(code, names)
        assert capsys.readouterr().out == shown, code


def test_every_file_that_the_design_names_exists() -> None:
    text = (ROOT / "docs/design.md").read_text()
    for name in re.findall(r"`((?:codec|file|process|storage)/\w+\.rs)`", text):
        assert (ROOT / "crates/persist-queue/src" / name).exists(), name
