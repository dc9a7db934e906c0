"""Cases 1 to 16 of what persist-queue 1.1.0 gets wrong with files: each must hold here.

Case 8, the power cut, needs a disk that can be replayed: the Rust tests have it.
"""

from __future__ import annotations

import errno
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
    in_thread,
    mounted,
    put_all,
    read_through_damage,
    run_python,
    start_worker,
)
from persistqueue import Full, Queue
from persistqueue.serializers import json as json_serializer
from workers import put_three, said

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "q")


def old_folder(path: str, items: list, info: bytes | None = None) -> None:
    """A folder as persist-queue leaves it: pickles in a row, and where they begin and end."""
    chunk = b"".join(pickle.dumps(item, 4) for item in items)
    ends = {"tail": [0, 0, 0], "head": [0, len(items), len(chunk)]}
    os.mkdir(path)
    Path(path, "q00000").write_bytes(chunk)
    whole = pickle.dumps({"chunksize": 100, "size": len(items)} | ends, 4)
    Path(path, "info").write_bytes(whole if info is None else info)


class OnlyText:
    name = "only-text"

    def dump(self, value: object, fp: io.BytesIO) -> None:
        assert isinstance(value, str)
        fp.write(value.encode())

    def load(self, fp: io.BytesIO) -> str:
        return fp.read().decode()


def test_failing_01_an_item_that_cannot_be_serialized_does_not_harm_the_next(path: str) -> None:
    queue = Queue(path)
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        queue.put([b"G" * 200_000, lambda: 0])
    shared = ["x"]
    queue.put([shared, shared])
    del queue
    assert drain(Queue(path)) == [[["x"], ["x"]]]


def test_failing_02_a_put_that_found_the_disk_full_stored_nothing(tmp_path: Path) -> None:
    with mounted(tmp_path / "small", "size=64k") as disk:
        queue = Queue(str(disk / "q"))
        accepted = []
        for number in range(7):
            item = [number, "x" * (100_000 if number == 1 else 500)]
            try:
                queue.put(item)
                accepted.append(item)
            except OSError as error:
                assert error.errno == errno.ENOSPC
        assert [number for number, _ in accepted] == [0, 2, 3, 4, 5, 6]
        del queue
        assert drain(Queue(str(disk / "q"))) == accepted


def test_failing_03_a_put_does_not_finish_what_was_taken(path: str) -> None:
    queue = Queue(path)
    put_all(queue, "ab")
    assert queue.get() == "a"
    queue.put("c")
    del queue
    assert drain(Queue(path)) == ["a", "b", "c"]


def test_failing_04_one_workers_task_done_leaves_the_other_workers_item(path: str) -> None:
    queue = Queue(path)
    put_all(queue, "ab")
    assert in_thread(queue.get) == "a"
    assert queue.get() == "b"
    queue.task_done()
    assert "a" in drain(Queue(path))


def test_failing_05_two_objects_on_one_path_keep_each_others_puts(path: str) -> None:
    first, second = Queue(path), Queue(path)
    for number in range(3):
        first.put(("first", number))
        second.put(("second", number))
    del first, second
    assert len(drain(Queue(path))) == 6


def test_failing_05_opening_truncates_nothing_under_the_older_object(path: str) -> None:
    first = Queue(path)
    put_all(first, range(3))
    second = Queue(path)
    put_all(first, range(3, 6))
    assert drain(second) == list(range(6))


def test_failing_06_two_producer_processes_lose_nothing(tmp_path: Path, path: str) -> None:
    logs = [(tmp_path / name).open("wb") for name in "ab"]
    workers = [start_worker("produce", path, log.name[-1], 3000, stdout=log) for log in logs]
    with ending(*workers):
        assert [worker.wait(60) for worker in workers] == [0, 0]
    items = drain(Queue(path, autosave=True))
    for name in "ab":
        assert [number for who, number in items if who == name] == list(range(3000))
    assert len(items) == 6000


def test_failing_06_two_consumer_processes_share_nothing(tmp_path: Path, path: str) -> None:
    put_all(Queue(path, autosave=True), range(2000))
    (tmp_path / "stop").touch()
    logs = [(tmp_path / name).open("wb") for name in "ab"]
    workers = [
        start_worker("consume", path, tmp_path / "stop", "autosave", stdout=log) for log in logs
    ]
    with ending(*workers):
        assert [worker.wait(60) for worker in workers] == [0, 0]
    assert sorted(said(logs[0].name) + said(logs[1].name)) == list(range(2000))


def test_failing_07_after_fork_parent_and_child_both_put(path: str) -> None:
    code = """
import os, sys
from persistqueue import Queue
queue = Queue(sys.argv[1], chunksize=10)
queue.put(["before", 0])
child = os.fork()
for number in range(125):
    queue.put(["parent" if child else "child", number])
if not child:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    run_python(code, path)
    items = drain(Queue(path, chunksize=10))
    for name, count in (("before", 1), ("parent", 125), ("child", 125)):
        assert [number for who, number in items if who == name] == list(range(count))


def test_failing_08_a_level_that_survives_a_power_cut_can_be_asked_for(path: str) -> None:
    Queue(path, durability="disk").put("synced")
    assert drain(Queue(path)) == ["synced"]


@pytest.mark.parametrize("info", [b"", None], ids=["empty", "missing"])
def test_failing_09_a_folder_without_its_info_is_not_wiped(path: str, info: bytes | None) -> None:
    from persistqueue.exceptions import PersistQueueError

    old_folder(path, ["a", "b"], info or b"")
    if info is None:
        os.remove(os.path.join(path, "info"))
    before = files(path)["q00000"]
    try:
        assert drain(Queue(path)) == ["a", "b"]
    except PersistQueueError as error:
        assert path in str(error)
        assert files(path)["q00000"] == before


def test_failing_10_a_damaged_record_is_reported_once_and_the_rest_goes_on(path: str) -> None:
    put_all(Queue(path, serializer=json_serializer), ["zero", "marker-one", "two", "three"])
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


def test_failing_12_chunksize_zero_still_deletes_what_is_done(path: str) -> None:
    queue = Queue(path, chunksize=0, autosave=True)
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


def test_failing_13_a_clock_set_back_does_not_lengthen_a_timeout(path: str) -> None:
    code = """
import sys, time
real, start = time.time, time.time()
time.time = lambda: real() - (5 if real() > start + 0.1 else 0)
from persistqueue import Empty, Queue
queue = Queue(sys.argv[1])
start, before = real(), time.monotonic()
try:
    queue.get(timeout=0.3)
except Empty:
    waited = time.monotonic() - before
assert 0.25 < waited < 2, waited
"""
    run_python(code, path)


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
    old_folder(path, ["a"], pickle.dumps({"chunksize": Evil(str(marker)), "size": 1}, 4))
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
