"""A program as a user would write it: must pass a strict type checker, and run."""

from __future__ import annotations

import contextlib
import pathlib
from typing import Any

import persistqueue
from persistqueue import Empty, Full, PDict, PriorityQueue, Queue, UniqueQ, serializers
from persistqueue.exceptions import CorruptedError, PersistQueueError


class Upper:
    """A serializer of the user's own."""

    name = "upper"

    def dump(self, value: Any, fp: Any) -> None:
        fp.write(str(value).upper().encode())

    def load(self, fp: Any) -> str:
        text: str = fp.read().decode()
        return text


class Jobs(Queue):
    """A queue of the user's own."""

    def submit(self, name: str) -> None:
        self.put({"name": name})


def fill(queue: Queue) -> int:
    queue.put_many(["a", "b"])
    queue.put("c", timeout=1.5)
    with contextlib.suppress(Full):
        queue.put_nowait("d")
    return queue.qsize()


def drain(queue: Queue) -> list[Any]:
    taken = [queue.get(), *queue.get_many(2)]
    try:
        taken.append(queue.get(block=False))
    except Empty:
        print("taken all", len(taken))
    except CorruptedError as error:
        print(error.path, error.offset, error.bytes, error.records, error.kept)
    queue.task_done()
    return taken


def main() -> None:
    with Queue(pathlib.Path("plain"), maxsize=3, durability="disk") as queue:
        count: int = fill(queue)
        assert count == 3, count
        assert queue.full()
        assert drain(queue) == ["a", "b", "c"]
        assert queue.empty()

    with Jobs("jobs", serializer=serializers.json, autosave=True) as jobs:
        jobs.submit("wash")
        for job in jobs:
            assert job == {"name": "wash"}

    with Queue("upper", serializer=Upper(), durability=0.5) as upper:
        upper.put("text")
        with Queue.inspect("upper", serializer=Upper()) as view:
            assert (len(view), view.peek(), list(view.items())) == (1, "TEXT", ["TEXT"])
    with UniqueQ("unique", maxsize=3) as unique:
        number: int | None = unique.put({"a": 1})
        assert number == 1, number
        assert unique.put({"a": 1}) is None
        assert unique.update({"a": 2}, id=unique.peek(raw=True)) == 1
        assert [row["data"] for row in unique.queue()] == [{"a": 2}]
    with PriorityQueue("unique", name="jobs", durability="process") as urgent:
        assert urgent.put_many(["b", "c"], priority=2) == [1, 2]
        assert urgent.put("a", 1) == 3
        assert 3 in urgent
        assert list(urgent) == ["a", "b", "c"]
    try:
        Queue("upper", serializer=serializers.json)
    except PersistQueueError as error:
        print(error)

    with PDict[str, int](pathlib.Path("counts"), "pages", durability="process") as counts:
        counts["a"] = counts.get("a", 0) + 1
        counts |= {"b": 2}
        total: int = sum(counts.values())
        plain: dict[str, int] = dict(counts.items())
        assert (total, plain, counts.pop("b")) == (3, {"a": 1, "b": 2}, 2)
    print(persistqueue.__version__)


if __name__ == "__main__":
    main()
