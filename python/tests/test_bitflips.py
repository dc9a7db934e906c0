"""Every single flipped bit and every truncation of every file of a small queue.

Each case runs in a child process that says what it is about to do and what came of it, so that
even a crash of the interpreter is a result that names its case.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import files, put_all, read_through_damage, run_python

from persistqueue import Queue

ITEMS = ["first item", "second item", "third item"]

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    """The folder of a queue of three items; the process that wrote it has ended."""
    folder = tmp_path_factory.mktemp("flips") / "template"
    code = "import sys, test_bitflips as t; t.put_all(t.Queue(sys.argv[1]), t.ITEMS)"
    run_python(code, folder)
    return folder


def interesting(content: bytes) -> list[int]:
    """The bytes that say something, and the eight after each: not a preallocated rest."""
    near: set[int] = set()
    for at, byte in enumerate(content):
        if byte:
            near.update(range(at, at + 9))
    return sorted(at for at in near if at < len(content))


def flips(content: bytes) -> Iterator[tuple[str, bytes]]:
    for at in interesting(content):
        for bit in range(8):
            damaged = bytearray(content)
            damaged[at] ^= 1 << bit
            yield f"byte {at} bit {bit}", bytes(damaged)


def truncations(content: bytes) -> Iterator[tuple[str, bytes]]:
    for length in sorted({0, max(len(content) - 1, 0), *interesting(content)}):
        if length < len(content):
            yield f"cut at {length}", content[:length]


DAMAGES = {"flip": flips, "cut": truncations}


def write_folder(folder: str, contents: dict[str, bytes]) -> None:
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            os.unlink(os.path.join(parent, name))
        if parent != folder:
            os.rmdir(parent)
    for name, content in contents.items():
        place = os.path.join(folder, name)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as file:
            file.write(content.rstrip(b"\0"))
            file.truncate(len(content))


def child(template: str, scratch: str, name: str, damage: str) -> None:
    """Prints for each damage its name, then what a reader and a writer met."""
    whole = files(template)
    os.mkdir(scratch)
    for case, damaged in DAMAGES[damage](whole[name]):
        print(case, flush=True)
        write_folder(scratch, whole | {name: damaged})
        try:
            queue = Queue(scratch)
            items, errors = read_through_damage(queue)
            queue.put("after")
            after = read_through_damage(queue)[0]
            result = {"items": items, "errors": list(map(str, errors)), "after": after}
        except Exception as error:
            result = {"raised": repr(error)}
        queue = None
        print(json.dumps(result), flush=True)


def names(template: Path) -> list[str]:
    return [name for name, content in files(template).items() if content]


def outcomes(template: Path, scratch: Path, name: str, damage: str) -> list[tuple[str, dict]]:
    code = "import sys, test_bitflips; test_bitflips.child(*sys.argv[1:])"
    command = [sys.executable, "-c", code, template, scratch, name, damage]
    here = Path(__file__).parent
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=110)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"{name}: {lines[-1:]} ended it: {done.returncode} {done.stderr}"
    return [(f"{name} {lines[i]}", json.loads(lines[i + 1])) for i in range(0, len(lines), 2)]


def in_order(items: list) -> bool:
    rest = iter(ITEMS)
    return all(item in rest for item in items)


@pytest.mark.parametrize("kind", ["segment", "other"])
def test_no_flipped_bit_gives_a_wrong_value_or_stops_the_queue(
    template: Path, tmp_path: Path, kind: str
) -> None:
    chosen = [name for name in names(template) if (name[0] == "q") == (kind == "segment")]
    assert chosen
    count = 0
    for number, name in enumerate(chosen):
        for case, result in outcomes(template, tmp_path / str(number), name, "flip"):
            count += 1
            assert "raised" not in result, (case, result)
            assert in_order(result["items"]), (case, result)
            assert result["after"] == ["after"], (case, result)
            lost = len(ITEMS) - len(result["items"])
            torn = result["items"] == ITEMS[:-1]  # a bad last record is a torn write: no error
            assert lost <= (kind == "segment"), (case, result)
            assert len(result["errors"]) <= 1, (case, result)
            assert torn or len(result["errors"]) >= lost, (case, result)
    print(f"{count} flipped bits in {chosen}")


def test_no_truncation_gives_a_wrong_value_or_stops_the_queue(
    template: Path, tmp_path: Path
) -> None:
    for number, name in enumerate(names(template)):
        for case, result in outcomes(template, tmp_path / str(number), name, "cut"):
            assert "raised" not in result, (case, result)
            assert result["items"] == ITEMS[: len(result["items"])], (case, result)
            assert len(result["errors"]) <= 1, (case, result)
            assert result["after"] == ["after"], (case, result)
            if name[0] != "q":
                assert result["items"] == ITEMS, (case, result)


def test_random_bytes_in_place_of_any_file_do_not_stop_the_queue(
    template: Path, tmp_path: Path
) -> None:
    whole = files(template)
    for number, name in enumerate(names(template)):
        folder = tmp_path / str(number)
        folder.mkdir()
        noise = bytes((37 * at * at + 11) % 251 for at in range(600))
        write_folder(str(folder), whole | {name: noise})
        queue = Queue(str(folder))
        items, errors = read_through_damage(queue)
        assert items == [] if name[0] == "q" else items == ITEMS
        assert len(errors) <= 1
        put_all(queue, ["after"])
        assert read_through_damage(queue)[0] == ["after"]
