"""Cases 9 to 12 and 14 to 16 of what persist-queue 1.1.0 gets wrong: its folder and its face."""

from __future__ import annotations

import io
import os
import pickle
import signal
import stat
from pathlib import Path

import pytest
from helpers import (
    disk_usage,
    drain,
    ending,
    files,
    old_folder,
    put_all,
    read_through_damage,
    start_worker,
    write_queue,
)
from workers import put_three, said

from persistqueue import Full, Queue
from persistqueue.serializers import json as json_serializer

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "q")


class OnlyText:
    name = "only-text"

    def dump(self, value: object, fp: io.BytesIO) -> None:
        assert isinstance(value, str)
        fp.write(value.encode())

    def load(self, fp: io.BytesIO) -> str:
        return fp.read().decode()


@pytest.mark.parametrize("info", [b"", None], ids=["empty", "missing"])
def test_failing_09_a_folder_without_its_info_is_not_wiped(path: str, info: bytes | None) -> None:
    from persistqueue.exceptions import PersistQueueError

    old_folder(path, ["a", "b"], info=info or b"")
    if info is None:
        os.remove(os.path.join(path, "info"))
    before = files(path)["q00000"]
    try:
        assert drain(Queue(path)) == ["a", "b"]
    except PersistQueueError as error:
        assert path in str(error)
        assert files(path)["q00000"] == before


def test_failing_10_a_damaged_record_is_reported_once_and_the_rest_goes_on(path: str) -> None:
    write_queue(path, ["zero", "marker-one", "two", "three"], serializer="json")
    for name, content in files(path).items():
        Path(path, name).write_bytes(content.replace(b"marker-one", b"mark\xff\xff-one"))
    items, errors = read_through_damage(Queue(path, serializer=json_serializer))
    assert items == ["zero", "two", "three"]
    assert len(errors) == 1


def test_failing_11_kills_leave_no_temporary_files(tmp_path: Path, path: str) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = os.environ | {"TMPDIR": str(temporary)}
    for number in range(10):
        log = tmp_path / f"log{number}"
        with log.open("wb") as out:
            worker = start_worker("produce", path, number, 100_000, stdout=out, env=environment)
        with ending(worker):
            while len(said(log)) < 20:
                assert worker.poll() is None
            worker.send_signal(signal.SIGKILL)
    assert not list(temporary.iterdir())
    assert not [name for name in files(path) if "tmp" in name]


def test_failing_11_a_refused_put_leaves_no_temporary_file(tmp_path: Path, path: str) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    queue = Queue(path, tempdir=str(temporary), serializer=OnlyText())
    queue.put("good")
    before = set(files(path))
    for _ in range(5):
        with pytest.raises(AssertionError):
            queue.put({"not": "text"})
    assert not list(temporary.iterdir())
    assert set(files(path)) == before


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_failing_11_every_files_mode_follows_the_umask(path: str, umask: int) -> None:
    before = os.umask(umask)
    try:
        queue = Queue(path)
        queue.put(1)
        queue.get()
        queue.task_done()
    finally:
        os.umask(before)
    for name in files(path):
        mode = stat.S_IMODE(os.stat(os.path.join(path, name)).st_mode)
        assert mode & 0o666 == 0o666 & ~umask, f"{name}: {mode:o}"


def test_failing_12_maxsize_binds_a_queue_reopened_above_it(path: str) -> None:
    put_all(Queue(path), range(5))
    queue = Queue(path, maxsize=3)
    assert queue.full()
    with pytest.raises(Full):
        queue.put_nowait(5)
    assert [queue.get() for _ in range(3)] == [0, 1, 2]
    queue.put_nowait(5)
    assert drain(queue) == [3, 4, 5]


def test_failing_12_chunksize_zero_is_refused_or_deletes_what_is_done(path: str) -> None:
    try:
        queue = Queue(path, chunksize=0, autosave=True)
    except ValueError as error:
        assert "chunksize" in str(error)
        return
    for number in range(300):
        queue.put([number, b"x" * 100_000])
        assert queue.get()[0] == number
    assert disk_usage(path) < 15_000_000


def test_failing_12_a_drained_queue_gives_its_bytes_back(path: str) -> None:
    queue = Queue(path, autosave=True)
    for _ in range(99):
        queue.put(b"x" * 1_000_000)
    for _ in range(99):
        queue.get()
    del queue
    Queue(path, autosave=True).put("next")
    assert disk_usage(path) < 50_000_000


def test_failing_14_another_serializer_is_refused_before_any_item(path: str) -> None:
    from persistqueue.exceptions import SerializerMismatchError

    put_all(Queue(path), ["kept"])
    with pytest.raises(SerializerMismatchError):
        Queue(path, serializer=json_serializer)
    assert drain(Queue(path)) == ["kept"]


def test_failing_14_a_serializer_encodes_nothing_but_the_users_items(path: str) -> None:
    put_all(Queue(path, serializer=OnlyText()), ["a", "b"])
    assert drain(Queue(path, serializer=OnlyText())) == ["a", "b"]


class Evil:
    def __init__(self, marker: str) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple:
        return os.mkdir, (self.marker,)


def test_failing_15_a_malicious_info_runs_nothing(tmp_path: Path, path: str) -> None:
    from persistqueue.exceptions import PersistQueueError

    marker = tmp_path / "ran"
    old_folder(path, ["a"], info=pickle.dumps({"chunksize": Evil(str(marker)), "size": 1}, 4))
    before = files(path)["q00000"]
    try:
        assert drain(Queue(path)) == ["a"]
    except PersistQueueError:
        assert files(path)["q00000"] == before
    assert not marker.exists()


def test_failing_15_opening_runs_no_items_code(tmp_path: Path, path: str) -> None:
    marker = tmp_path / "ran"
    old_folder(path, ["a", Evil(str(marker)), "b"])
    assert Queue(path).qsize() == 3
    assert not marker.exists()


def test_failing_16_close_with_len_and_peek_exist(path: str) -> None:
    with Queue(path) as queue:
        put_all(queue, "ab")
        assert (len(queue), queue.peek(), len(queue)) == (2, "a", 2)
    queue.close()


def test_failing_16_a_queue_can_be_handed_to_a_spawned_process(path: str) -> None:
    queue = Queue(path)
    copy = pickle.loads(pickle.dumps(queue))
    put_three(copy)
    assert drain(Queue(path)) == [0, 1, 2]
