"""Section 7: close, the context manager, and the exceptions of our own."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import Blocked, drain, put_all

from persistqueue import Queue

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "q")


def test_new_exceptions_have_one_base() -> None:
    from persistqueue import exceptions

    for name in (
        "ClosedError",
        "ConsumedElsewhereError",
        "CorruptedError",
        "LockedError",
        "SerializerMismatchError",
        "UnrecognisedError",
    ):
        assert issubclass(getattr(exceptions, name), exceptions.PersistQueueError), name
    assert issubclass(exceptions.PersistQueueError, Exception)


@pytest.mark.parametrize(
    "use",
    [
        lambda queue: queue.put(1),
        lambda queue: queue.put_nowait(1),
        lambda queue: queue.get(),
        lambda queue: queue.get_nowait(),
        lambda queue: queue.task_done(),
        lambda queue: queue.peek(),
        lambda queue: queue.clear(),
        lambda queue: queue.put_many([1]),
        lambda queue: queue.get_many(1, 0),
        lambda queue: next(iter(queue)),
    ],
    ids=[
        "put",
        "put_nowait",
        "get",
        "get_nowait",
        "task_done",
        "peek",
        "clear",
        "put_many",
        "get_many",
        "iter",
    ],
)
def test_use_after_close_is_a_closed_error(path: str, use) -> None:
    from persistqueue.exceptions import ClosedError

    queue = Queue(path)
    queue.put("kept")
    queue.close()
    with pytest.raises(ClosedError):
        use(queue)
    assert drain(Queue(path)) == ["kept"]


def test_close_twice_is_harmless(path: str) -> None:
    queue = Queue(path)
    queue.close()
    queue.close()


def test_close_makes_nothing_final_that_was_not_done(path: str) -> None:
    queue = Queue(path)
    put_all(queue, "abc")
    queue.get()
    queue.task_done()
    queue.get()
    queue.close()
    assert drain(Queue(path)) == ["b", "c"]


@pytest.mark.parametrize(
    "wait",
    [
        lambda queue: queue.get(),
        lambda queue: queue.get(timeout=30),
        lambda queue: queue.put(2),
        lambda queue: queue.join(),
    ],
    ids=["get", "get timeout", "put", "join"],
)
def test_close_wakes_a_blocked_waiter_with_a_closed_error(path: str, wait) -> None:
    from persistqueue.exceptions import ClosedError

    queue = Queue(path, maxsize=1)
    queue.put("unfinished")
    blocked = Blocked(lambda: wait(queue))
    if not blocked.waits:  # it took the item: now nothing is there to get
        blocked = Blocked(lambda: wait(queue))
    assert blocked.waits
    queue.close()
    with pytest.raises(ClosedError):
        blocked.result()


def test_a_with_block_closes(path: str) -> None:
    from persistqueue.exceptions import ClosedError

    with Queue(path) as queue:
        queue.put(1)
    with pytest.raises(ClosedError):
        queue.put(2)
    assert drain(Queue(path)) == [1]
