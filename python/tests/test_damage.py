"""Damage in the queue's folder: found by checksum, told once, stepped over, nothing else lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers import drain, files, put_all, read_through_damage, segments, write_queue

from persistqueue import Queue

pytestmark = pytest.mark.timeout(60)

GARBAGE = b"\xde\xad\xbe\xef garbage that no queue wrote \x01\x02\x03"


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "q")


def texts(count: int) -> list[str]:
    return [f"item-{number:03}-{'x' * 40}" for number in range(count)]


def flip_in(path: str, text: str) -> tuple[Path, int]:
    """Flips one bit in the middle of the stored text; tells the file and where."""
    for name, content in files(path).items():
        at = content.find(text.encode())
        if at >= 0:
            at += len(text) // 2
            damaged = bytearray(content)
            damaged[at] ^= 1
            Path(path, name).write_bytes(damaged)
            return Path(path, name), at
    raise AssertionError(f"{text} is in no file of {os.listdir(path)}")


def test_garbage_after_the_end_of_the_newest_chunk_is_cut(path: str) -> None:
    write_queue(path, texts(5))
    with segments(path)[-1].open("ab") as newest:
        newest.write(GARBAGE)
    queue = Queue(path)
    queue.put("after")
    assert read_through_damage(queue) == ([*texts(5), "after"], [])
    assert not any(GARBAGE in content.read_bytes() for content in segments(path))


def test_garbage_right_after_the_last_record_is_cut(path: str) -> None:
    write_queue(path, texts(5))
    newest = segments(path)[-1]
    content = newest.read_bytes()
    end = len(content.rstrip(b"\0"))
    newest.write_bytes(content[:end] + GARBAGE + content[end + len(GARBAGE) :])
    queue = Queue(path)
    queue.put("after")
    assert read_through_damage(queue) == ([*texts(5), "after"], [])


def test_a_torn_last_record_is_cut_silently(path: str) -> None:
    write_queue(path, texts(5))
    newest = segments(path)[-1]
    content = newest.read_bytes()
    newest.write_bytes(content[: content.index(b"item-004") + 10])
    queue = Queue(path)
    queue.put("after")
    assert read_through_damage(queue) == ([*texts(4), "after"], [])


def test_a_damaged_last_record_is_cut_silently(path: str) -> None:
    write_queue(path, texts(5))
    flip_in(path, "item-004")
    queue = Queue(path)
    queue.put("after")
    assert read_through_damage(queue) == ([*texts(4), "after"], [])


@pytest.mark.parametrize("chunksize", [100, 3])
@pytest.mark.parametrize("which", [0, 3, 7])
def test_a_flipped_byte_costs_its_own_record_and_one_error(
    path: str, which: int, chunksize: int
) -> None:
    write_queue(path, texts(9), chunksize=chunksize)
    flip_in(path, texts(9)[which])
    items, errors = read_through_damage(Queue(path, chunksize=chunksize))
    assert items == [text for number, text in enumerate(texts(9)) if number != which]
    assert len(errors) == 1


def test_the_error_comes_in_the_place_of_the_record(path: str) -> None:
    from persistqueue.exceptions import CorruptedError

    write_queue(path, texts(3))
    flip_in(path, texts(3)[1])
    queue = Queue(path)
    assert queue.get() == texts(3)[0]
    with pytest.raises(CorruptedError):
        queue.get()
    assert queue.get() == texts(3)[2]


def test_the_error_says_file_offset_and_where_the_bytes_are_kept(path: str) -> None:
    write_queue(path, texts(5))
    damaged, at = flip_in(path, texts(5)[2])
    bytes_now = damaged.read_bytes()
    _, [error] = read_through_damage(Queue(path))
    assert Path(error.path) == damaged
    assert bytes_now.index(texts(5)[1].encode()) < error.offset <= at
    assert str(damaged) in str(error)
    assert str(error.offset) in str(error)
    assert Path(path) in Path(error.kept).parents


def test_the_damaged_bytes_are_kept_in_the_queues_folder(path: str) -> None:
    write_queue(path, texts(5))
    damaged, at = flip_in(path, texts(5)[2])
    hurt = damaged.read_bytes()[at - 20 : at + 20]
    queue = Queue(path)
    _, [error] = read_through_damage(queue)
    queue.task_done()
    assert hurt in Path(error.kept).read_bytes()
    assert Path(error.kept) in list(Path(path).rglob("*"))


@pytest.mark.parametrize("autosave", [False, True])
def test_the_error_does_not_come_again_after_reopening(path: str, autosave: bool) -> None:
    write_queue(path, texts(5))
    flip_in(path, texts(5)[2])
    queue = Queue(path, autosave=autosave)
    read_through_damage(queue)
    if not autosave:
        queue.task_done()
    queue.put("after")
    del queue
    assert read_through_damage(Queue(path, autosave=autosave)) == (["after"], [])


def test_a_blocked_get_gets_past_damage_to_a_later_put(path: str) -> None:
    write_queue(path, texts(3))
    flip_in(path, texts(3)[0])
    queue = Queue(path)
    queue.put("after")
    items, errors = read_through_damage(queue)
    assert (items, len(errors)) == ([*texts(3)[1:], "after"], 1)


def test_a_missing_chunk_in_the_middle_is_reported_and_the_others_are_read(path: str) -> None:
    write_queue(path, texts(9), chunksize=3)
    os.remove(segments(path)[1])
    items, errors = read_through_damage(Queue(path, chunksize=3))
    assert items == texts(9)[:3] + texts(9)[6:]
    assert len(errors) == 1


def test_an_emptied_chunk_in_the_middle_is_reported_and_the_others_are_read(path: str) -> None:
    write_queue(path, texts(9), chunksize=3)
    segments(path)[1].write_bytes(b"")
    items, errors = read_through_damage(Queue(path, chunksize=3))
    assert items == texts(9)[:3] + texts(9)[6:]
    assert len(errors) == 1


@pytest.mark.parametrize("control", [None, b"", GARBAGE, b"\0" * 4096, b"\xff" * 70_000])
def test_a_lost_control_file_costs_at_most_a_redelivery(path: str, control: bytes | None) -> None:
    write_queue(path, texts(7), done=2, chunksize=3)
    place = Path(path, "control")
    assert place.is_file()
    if control is None:
        place.unlink()
    else:
        place.write_bytes(control)
    queue = Queue(path, chunksize=3)
    queue.put("after")
    items, errors = read_through_damage(queue)
    assert errors == []
    again = len(items) - len([*texts(7)[2:], "after"])
    assert 0 <= again <= 2
    assert items == [*texts(7)[2 - again :], "after"]


def test_a_lost_control_file_does_not_lose_the_next_task_done(path: str) -> None:
    write_queue(path, texts(3))
    Path(path, "control").unlink()
    queue = Queue(path)
    assert queue.get() == texts(3)[0]
    queue.task_done()
    del queue
    assert drain(Queue(path)) == texts(3)[1:]


def test_opening_leaves_files_that_it_does_not_know(path: str) -> None:
    put_all(Queue(path), texts(2))
    Path(path, "notes.txt").write_bytes(GARBAGE)
    queue = Queue(path)
    assert drain(queue) == texts(2)
    queue.task_done()
    assert Path(path, "notes.txt").read_bytes() == GARBAGE
