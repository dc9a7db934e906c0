"""What the tests share: reading a queue to its end, other processes, small file systems."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from persistqueue import Empty, Queue

HERE = Path(__file__).resolve().parent
WORKERS = HERE / "workers.py"


def drain(queue: Queue, limit: int = 100_000) -> list:
    """Takes everything that waits, without blocking."""
    items: list = []
    for _ in range(limit):
        try:
            items.append(queue.get_nowait())
        except Empty:
            return items
    raise AssertionError(f"the queue gave more than {limit} items")


def read_through_damage(queue: Queue, limit: int = 200) -> tuple[list, list]:
    """Takes everything, going on after each CorruptedError: the items and the errors."""
    from persistqueue.exceptions import CorruptedError

    items: list = []
    errors: list = []
    for _ in range(limit):
        try:
            items.append(queue.get_nowait())
        except CorruptedError as error:
            errors.append(error)
        except Empty:
            return items, errors
    raise AssertionError(f"no end after {limit} takes: {len(items)} items, {errors[-3:]}")


def put_all(queue: Queue, items: Any) -> None:
    for item in items:
        queue.put(item)


def in_thread(function: Callable[[], Any], timeout: float = 10) -> Any:
    """Calls the function in a thread of its own; gives its result or raises its error."""
    outcome: list = []

    def run() -> None:
        try:
            outcome.append((True, function()))
        except BaseException as error:
            outcome.append((False, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(timeout)
    assert outcome, f"the thread did not end within {timeout} s"
    good, value = outcome[0]
    if not good:
        raise value
    return value


class Blocked:
    """A call that is expected to block, in a thread; `result()` waits for its end."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._outcome: list = []
        started = threading.Event()

        def run() -> None:
            started.set()
            try:
                self._outcome.append((True, function()))
            except BaseException as error:
                self._outcome.append((False, error))

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        assert started.wait(5)
        self._thread.join(0.1)  # long enough for a call that does not block to end

    @property
    def waits(self) -> bool:
        return self._thread.is_alive()

    def result(self, timeout: float = 5) -> Any:
        self._thread.join(timeout)
        assert self._outcome, f"still blocked after {timeout} s"
        good, value = self._outcome[0]
        if not good:
            raise value
        return value


def wait_until(predicate: Callable[[], Any], timeout: float = 20, what: str = "it") -> Any:
    deadline = time.monotonic() + timeout
    while not (value := predicate()):
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout} s"
        time.sleep(0.001)
    return value


def run_python(code: str, *args: Any, timeout: float = 60, **options: Any):
    """Runs the code in an interpreter of its own; fails with its output if it fails."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, args)],
        cwd=HERE, timeout=timeout, capture_output=True, text=True, **options,
    )  # fmt: skip
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def write_queue(
    path: str, items: list, done: int = 0, serializer: str = "pickle", **options: Any
) -> None:
    """In another process, which then ends, so that nothing here holds or writes the files."""
    code = """
import sys
from persistqueue import Queue, serializers
path, items, done, options = sys.argv[1], *map(eval, sys.argv[2:5])
queue = Queue(path, serializer=getattr(serializers, sys.argv[5]), **options)
for item in items:
    queue.put(item)
for _ in range(done):
    queue.get()
    queue.task_done()
"""
    run_python(code, path, repr(items), done, options, serializer)


def persistq(*args: object, code: int = 0, stdin: str = "") -> str:
    """What the command of the wheel prints; it must end with `code`."""
    command = [sys.executable, "-m", "persistqueue", *map(str, args)]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, (args, done)
    return done.stdout


def lines(output: str) -> list:
    """What is in JSON lines."""
    return [json.loads(line) for line in output.splitlines()]


def start_python(code: str, *args: Any, **options: Any) -> subprocess.Popen:
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True} | options
    return subprocess.Popen([sys.executable, "-c", code, *map(str, args)], cwd=HERE, **options)


def start_worker(*args: Any, **options: Any) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, str(WORKERS), *map(str, args)], **options)


@contextlib.contextmanager
def ending(*processes: subprocess.Popen) -> Iterator[tuple[subprocess.Popen, ...]]:
    """Leaves none of these processes behind."""
    try:
        yield processes
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
            process.wait(10)
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    with contextlib.suppress(OSError):
                        stream.close()


def files(folder: os.PathLike) -> dict[str, bytes]:
    """Every file under the folder, by its relative name."""
    found = (path for path in Path(folder).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(found)}


def segments(folder: os.PathLike) -> list[Path]:
    found = sorted(path for path in Path(folder).glob("q*") if path.name[1:].isdigit())
    assert found, f"no segment in {os.listdir(folder)}"
    return found


def old_folder(
    path: os.PathLike | str, items: list, protocol: int = 4, info: bytes | None = None
) -> None:
    """A folder as persist-queue leaves it: pickles in a row, and where they begin and end."""
    chunk = b"".join(pickle.dumps(item, protocol) for item in items)
    ends = {"tail": [0, 0, 0], "head": [0, len(items), len(chunk)]}
    whole = pickle.dumps({"chunksize": 100, "size": len(items)} | ends, protocol)
    os.mkdir(path)
    Path(path, "q00000").write_bytes(chunk)
    Path(path, "info").write_bytes(whole if info is None else info)


def disk_usage(folder: os.PathLike) -> int:
    """The bytes that the folder's files occupy, as `du` counts."""
    found = (path for path in Path(folder).rglob("*") if path.is_file())
    return sum(path.stat().st_blocks * 512 for path in found)


def oracle_python() -> str:
    """The interpreter that has persist-queue 1.1.0; in CI it must be there."""
    path = os.environ.get("PERSISTQUEUE_ORACLE", "")
    if path and os.access(path, os.X_OK):
        return path
    reason = f"PERSISTQUEUE_ORACLE ({path!r}) names no Python with persist-queue 1.1.0"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def require(module: str) -> None:
    """The package must be installed in CI; elsewhere its test is skipped."""
    try:
        __import__(module)
    except ImportError:
        reason = f"{module} is not installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
