"""What a queue is used for while the power may go, and what it has promised then.

`workloads.py work KIND FOLDER SEED` tells each call that returned, a line each, and goes on when it
gets a line; `workloads.py look KIND FOLDER` prints what is in the queue.
"""

from __future__ import annotations

import json
import random
import sys
from typing import Any, cast

KINDS = ("file-disk", "file-process", "sqlite-disk", "sqlite-process", "ack-disk")
CALLS = 120


def opened(kind: str, folder: str) -> Any:
    # Only here: who checks the promises needs no queue.
    import persistqueue

    which, level = cast("list[Any]", kind.split("-"))
    if which == "file":
        # Small segments, so that many are begun and removed.
        return persistqueue.Queue(folder + "/q", chunksize=16, autosave=True, durability=level)
    if which == "ack":
        return persistqueue.SQLiteAckQueue(folder, durability=level)
    return persistqueue.SQLiteQueue(folder, auto_commit=True, durability=level)


def work(kind: str, folder: str, seed: int) -> None:
    queue, chance = opened(kind, folder), random.Random(seed)
    put = 0

    def tell(call: str, number: int) -> None:
        print(call, number)
        sys.stdin.readline()

    for _ in range(CALLS):
        if chance.random() < 0.6 or not queue.qsize():
            queue.put((put, "x" * chance.choice([0, 100, 3000])))
            tell("put", put)
            put += 1
        elif kind.startswith("ack"):
            item = queue.get()
            queue.ack(item)
            tell("get", item[0])
        else:
            tell("get", queue.get()[0])


def look(kind: str, folder: str) -> None:
    queue = opened(kind, folder)
    items = []
    while queue.qsize():
        item = queue.get(block=False)
        if kind.startswith("ack"):
            queue.ack(item)
        items.append(item[0])
    print(json.dumps(items))


def numbers(which: str, calls: list[tuple[str, int]]) -> set[int]:
    return {number for call, number in calls if call == which}


class Promise:
    """What must be true of a queue where so many of these calls had returned by then."""

    def __init__(self, kind: str, calls: list[tuple[str, int]], returned: int) -> None:
        self.level = kind.split("-")[1]
        self.put = numbers("put", calls[:returned])
        self.got = numbers("get", calls[:returned])
        # The next call was begun, and may have been done or not.
        self.perhaps_got = numbers("get", calls[: returned + 1])
        self.ever_put = numbers("put", calls)

    def broken_by(self, items: list[int]) -> str:
        if sorted(set(items)) != items:
            return f"not in order, or twice: {items}"
        if not set(items) <= self.ever_put:
            return f"never put: {items}"
        if self.level == "disk":
            if lost := self.put - self.perhaps_got - set(items):
                return f"lost: {sorted(lost)}"
            if again := self.got & set(items):
                return f"came back: {sorted(again)}"
            return ""
        # Only the newest may be lost, and the oldest come back.
        whole = list(range(items[0], items[-1] + 1)) if items else []
        return "" if items == whole else f"with a gap: {items}"


if __name__ == "__main__":
    if sys.argv[1] == "work":
        work(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        look(sys.argv[2], sys.argv[3])
