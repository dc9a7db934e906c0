"""Folders that persist-queue 1.1.0 itself has written, opened here.

PERSISTQUEUE_ORACLE names the Python of an environment that has persist-queue 1.1.0.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from helpers import HERE, drain, files, oracle_python, read_through_damage, require, segments
from oracle_writer import SERIALIZERS, item, serializer_module

from persistqueue import Queue

pytestmark = pytest.mark.timeout(60)

CHUNKSIZE, COUNT, TAKEN = 7, 40, 17  # the tail is in the middle of the third chunk


def written_by_the_oracle(
    folder: Path, serializer: str, count: int = COUNT, taken: int = TAKEN
) -> str:
    python = oracle_python()
    if serializer in ("msgpack", "cbor2"):
        require(serializer)
    command = [python, str(HERE / "oracle_writer.py"), str(folder), serializer]
    command += [str(number) for number in (CHUNKSIZE, count, taken)]
    subprocess.run(command, check=True, timeout=60)
    assert (folder / "info").is_file()
    return str(folder)


def opened(path: str, serializer: str, **options: Any) -> Queue:
    return Queue(path, chunksize=CHUNKSIZE, serializer=serializer_module(serializer), **options)


def items(start: int, stop: int = COUNT) -> list[dict]:
    return [item(number) for number in range(start, stop)]


@pytest.fixture(params=SERIALIZERS)
def serializer(request) -> str:
    return request.param


@pytest.fixture
def old(tmp_path: Path, serializer: str) -> str:
    """The path of a folder with unread items of the oracle's."""
    return written_by_the_oracle(tmp_path / "q", serializer)


def test_all_unread_items_are_there_in_order(old: str, serializer: str) -> None:
    queue = opened(old, serializer)
    assert queue.qsize() == queue.unfinished_tasks == COUNT - TAKEN
    assert drain(queue) == items(TAKEN)


def test_new_items_come_behind_the_old_ones(old: str, serializer: str) -> None:
    queue = opened(old, serializer)
    queue.put("new")
    assert drain(queue) == [*items(TAKEN), "new"]


def test_the_folder_is_converted_once(old: str, serializer: str) -> None:
    queue = opened(old, serializer)
    for number in range(TAKEN, TAKEN + 3):
        assert queue.get() == item(number)
    queue.task_done()
    del queue
    assert not Path(old, "info").exists()
    assert drain(opened(old, serializer)) == items(TAKEN + 3)


def test_an_opening_without_a_take_converts_too(old: str, serializer: str) -> None:
    opened(old, serializer)
    assert not Path(old, "info").exists()
    assert drain(opened(old, serializer)) == items(TAKEN)


def test_the_old_files_are_gone_afterwards(old: str, serializer: str) -> None:
    chunks = [chunk.read_bytes() for chunk in segments(old)]
    before = sum(map(len, files(old).values()))
    queue = opened(old, serializer, autosave=True)
    drain(queue)
    queue.close()
    left = files(old)
    assert "info" not in left
    assert not [name for name, content in left.items() if content in chunks and content]
    items_left = [content for name, content in left.items() if name.startswith("q")]
    assert sum(map(len, items_left)) < before


def test_a_drained_old_folder_opens_empty_and_works(tmp_path: Path, serializer: str) -> None:
    path = written_by_the_oracle(tmp_path / "q", serializer, taken=COUNT)
    queue = opened(path, serializer)
    assert queue.empty()
    queue.put("new")
    del queue
    assert drain(opened(path, serializer)) == ["new"]


def test_an_old_folder_without_a_take_opens(tmp_path: Path, serializer: str) -> None:
    path = written_by_the_oracle(tmp_path / "q", serializer, count=3, taken=0)
    assert drain(opened(path, serializer)) == items(0, 3)


def test_what_the_oracle_wrote_behind_its_head_is_no_item(old: str, serializer: str) -> None:
    with segments(old)[-1].open("ab") as newest:
        newest.write(b"half an item that was never accepted")
    queue = opened(old, serializer)
    queue.put("new")
    assert read_through_damage(queue) == ([*items(TAKEN), "new"], [])


def test_a_wrong_serializer_is_refused_and_changes_nothing(old: str, serializer: str) -> None:
    from persistqueue.exceptions import PersistQueueError

    before = files(old)
    wrong = "json" if serializer != "json" else "pickle"
    with pytest.raises(PersistQueueError) as caught:
        opened(old, wrong)
    assert old in str(caught.value)
    after = {name: content for name, content in files(old).items() if "lock" not in name}
    assert after == before
    assert drain(opened(old, serializer)) == items(TAKEN)


def damage(path: str, number: int, serializer: str) -> None:
    """Overwrites an item so that no serializer reads it, and keeps how the chunk is framed.

    Of a pickle that is the whole record: its framing is that each begins with the same bytes.
    """
    mark, start = f"item-{number:05}".encode(), b"\x80\x04\x95"
    [chunk] = [chunk for chunk in segments(path) if mark in chunk.read_bytes()]
    content = bytearray(chunk.read_bytes())
    begin = content.index(mark)
    end = begin + len(mark)
    if serializer == "pickle":
        begin, end = content.rindex(start, 0, begin), content.index(start, end)
    content[begin:end] = b"\xff" * (end - begin)
    chunk.write_bytes(content)


def test_damage_in_an_old_chunk_costs_one_error_and_that_item(old: str, serializer: str) -> None:
    damaged = 24  # in the fourth of six chunks, in its middle
    damage(old, damaged, serializer)
    # Only a user's own serializer could find the next item again, and it has no way to say so.
    lost = range(damaged, 28) if serializer == "custom" else [damaged]
    got, errors = read_through_damage(opened(old, serializer))
    assert got == [each for each in items(TAKEN) if each["number"] not in lost]
    assert len(errors) == 1


def test_damage_in_an_old_chunk_is_not_told_again(old: str, serializer: str) -> None:
    damage(old, 24, serializer)
    queue = opened(old, serializer)
    read_through_damage(queue)
    queue.task_done()
    queue.put("new")
    del queue
    assert read_through_damage(opened(old, serializer)) == (["new"], [])


def test_a_missing_old_chunk_costs_one_error_and_its_items(old: str, serializer: str) -> None:
    segments(old)[1].unlink()  # the folder begins with the third chunk: this is the fourth
    got, errors = read_through_damage(opened(old, serializer))
    assert got == [each for each in items(TAKEN) if each["number"] not in range(21, 28)]
    assert len(errors) == 1
