"""Random single-threaded play on the classes in databases, here and on persist-queue 1.1.0.

Both sides import this module (see `random_play.py`), so it imports nothing but what both have.

What is left out, because the two differ on purpose:

* None as an item: the original takes it for an empty queue (failing 18).
* A `get` by a number that does not wait: the original delivers held and acked rows again (failing
  36), and takes the number 0 for none.
* `get(raw=True)` of a FILOSQLiteQueue without a number: the original loses the item (failing 42).
* `update` of a row that is not there (failing 28), and in the unique queues (equal values).
* Sets and values that share parts in unique queues: equal values are one item here (failing 26).
* A value that a UniqueAckQ has acked: it can be put again here (failing 37).
* To settle a row that is not held, or twice (failing 35), and items that look like raw rows (33).
* `resume_unack_tasks` while this object holds something: its items stay its own here (failing 32).
* `clear_acked_data` that keeps some and has no limit: an SQL error in the original (failing 36).
* What `clear_acked_data` returns: a number of no meaning in the original.
* Dictionaries in dictionaries in unique queues: their order is made the same here, and not there.
* `put_nowait` of a UniqueQ: a TypeError in the original. The acked queues there have none.
* In PDict: keys that are no text, deletion of missing keys, and what the original inherits from the
  empty dict that it is (failing 38).
"""

from __future__ import annotations

import random
from typing import Any

QUEUES = ["SQLiteQueue", "FILOSQLiteQueue", "UniqueQ", "PriorityQueue"]
ACK_QUEUES = ["SQLiteAckQueue", "FILOSQLiteAckQueue", "UniqueAckQ"]
KINDS = [*QUEUES, *ACK_QUEUES, "PDict"]

QUEUE_MOVES = (
    ["put"] * 5 + ["get"] * 3 + ["get_raw", "get_by_id", "update", "look", "list", "reopen"]
)
MOVES = {
    "queue": [*QUEUE_MOVES, "task_done"],
    "ack": [
        *QUEUE_MOVES,
        *["get_behind", "ack", "ack", "nack", "nack", "ack_failed", "settle_by_id"],
        *["settle_raw", "clear", "resume"],
    ],
    "dict": ["set"] * 4 + ["read"] * 2 + ["read_or", "delete", "has", "look", "reopen"],
}

VALUES = [0, 1, -1, 1 << 70, 2.5, True, "", "a", "text", "é\n\0", b"", b"\xff" * 300, "x" * 5000]
VALUES += [[], [1, [2, [3]]], (1, (2,)), {"b": 1, "a": [2]}, False, 0.0, 1j]
KEYS = ["", "a", "A", "key", "é", "x" * 300, "1", "None"]


def family(kind: str) -> str:
    return "dict" if kind == "PDict" else "ack" if kind in ACK_QUEUES else "queue"


def make_game(chance: random.Random, kind: str, moves: int) -> dict:
    names = MOVES[family(kind)]
    return {
        "kind": kind,
        "multithreading": chance.random() < 0.5,
        "auto_resume": chance.random() < 0.5,
        "moves": [[chance.choice(names), chance.randrange(1 << 16)] for _ in range(moves)],
    }


class Player:
    """Plays one game in a folder of its own and keeps the results."""

    def __init__(self, folder: str, game: dict) -> None:
        self.folder = folder
        self.game = game
        self.kind = game["kind"]
        self.acks = self.kind in ACK_QUEUES
        self.unique = self.kind in ("UniqueQ", "UniqueAckQ")
        self.results: list[str] = []
        self.held: list[tuple[int, Any]] = []  # what the open object took: number and item
        self.left: list[int] = []  # what an earlier object held
        self.acked: list[str] = []
        self.queue: Any = None

    def play(self) -> list[str]:
        self.open()
        for name, number in self.game["moves"]:
            getattr(self, name)(number)
        self.queue.close()
        return self.results

    def open(self) -> None:
        import persistqueue

        options = {"multithreading": self.game["multithreading"]}
        if self.kind == "PDict":
            options["name"] = "dictionary"
        if self.acks:
            options["auto_resume"] = self.game["auto_resume"]
        self.queue = getattr(persistqueue, self.kind)(self.folder, **options)

    def note(self, name: str, function: Any, *args: Any, **named: Any) -> Any:
        try:
            result = function(*args, **named)
        except Exception as error:
            # 'timestamp' differs, and 'Empty' is of another module.
            self.results.append(f"{name} {type(error).__name__}")
            return None
        shown = result
        if isinstance(result, dict) and "timestamp" in result:
            assert isinstance(result["timestamp"], float)
            shown = result["pqid"], result["data"]
        self.results.append(f"{name} {shown!r:.60}")
        return result

    def look(self, _: int = 0) -> None:
        names = ["size", "qsize", "empty", "full", "__len__"]
        if self.acks:
            names += [
                "unack_count",
                "acked_count",
                "ready_count",
                "ack_failed_count",
                "active_size",
            ]
        for name in names if self.kind != "PDict" else ["__len__"]:
            asked = getattr(self.queue, name)
            self.note(name, asked if callable(asked) else lambda asked=asked: asked)

    def rows(self) -> list[dict]:
        return self.queue.queue()

    def waiting(self) -> list[int]:
        return [row["id"] for row in self.rows() if row.get("status", 0) < 2]

    def list(self, _: int = 0) -> None:
        keys = ("id", "data", "status")
        shown = [tuple(row[key] for key in keys if key in row) for row in self.rows()]
        self.results.append(f"list {shown!r:.2000}")

    def reopen(self, _: int = 0) -> None:
        self.queue.close()
        self.left += [number for number, _ in self.held]
        self.held = []
        if self.game["auto_resume"]:
            self.left = []
        self.open()
        self.look()

    # --- queues ---

    def put(self, number: int) -> None:
        value = VALUES[number % len(VALUES)]
        if spelled(value) in self.acked:
            return
        extra = (number % 5 - 2,) if self.kind == "PriorityQueue" else ()
        nowait = not self.acks and not self.unique and not extra and number & 64
        self.note("put", self.queue.put_nowait if nowait else self.queue.put, value, *extra)

    def take(self, name: str, **named: Any) -> None:
        """The number is looked up first: only so is an item known by identity later."""
        before = set(self.waiting()) if self.acks else set()
        item = self.note(name, self.queue.get, block=False, **named)
        for number in before - set(self.waiting()) if self.acks else ():
            self.held.append((number, item))

    def get(self, number: int = 0) -> None:
        if number % 4 == 0 and not self.acks:
            self.note("get_nowait", self.queue.get_nowait)
        elif number % 4 == 1 and self.rows() and self.waiting():
            self.take("get", timeout=0.01)
        else:
            self.take("get")

    def get_raw(self, _: int) -> None:
        if self.kind != "FILOSQLiteQueue":
            self.take("get raw", raw=True)

    def get_by_id(self, number: int) -> None:
        waiting = self.waiting()
        if waiting:
            id = waiting[number % len(waiting)]
            self.take("get by id", id=id if number % 3 else {"pqid": id}, raw=number % 2 == 0)

    def get_behind(self, number: int) -> None:
        ids = [row["id"] for row in self.rows()]
        if ids:
            self.take("get behind", id=ids[number % len(ids)], next_in_order=True)

    def update(self, number: int) -> None:
        waiting = self.waiting()
        if waiting and not self.unique:
            id, value = waiting[number % len(waiting)], VALUES[number % len(VALUES)]
            if number & 1:
                self.note("update", self.queue.update, value, id)
            else:
                self.note("update", self.queue.update, {"pqid": id, "data": value})

    def task_done(self, _: int) -> None:
        self.note("task_done", self.queue.task_done)

    # --- acknowledgements ---

    def settle(self, name: str, number: int) -> None:
        if not self.held:
            return
        _, item = self.held[number % len(self.held)]
        id = self.note(name, getattr(self.queue, name), item)
        # Of several that are the same object, it is for the queue to say which one it was.
        self.held = [(row, item) for row, item in self.held if row != id]
        self.remember(name, item)

    def remember(self, name: str, item: Any) -> None:
        if self.kind == "UniqueAckQ" and name == "ack":
            self.acked.append(spelled(item["data"] if is_raw(item) else item))

    def ack(self, number: int) -> None:
        self.settle("ack", number)

    def nack(self, number: int) -> None:
        self.settle("nack", number)

    def ack_failed(self, number: int) -> None:
        self.settle("ack_failed", number)

    def settle_by_id(self, number: int) -> None:
        ids = [id for id, _ in self.held] + self.left
        if not ids:
            return
        id, name = ids[number % len(ids)], ["ack", "nack", "ack_failed"][number % 3]
        [item] = [row["data"] for row in self.rows() if row["id"] == id]
        self.note(f"{name} by id", getattr(self.queue, name), id=id if number & 8 else str(id))
        self.held = [(row, item) for row, item in self.held if row != id]
        self.left = [row for row in self.left if row != id]
        self.remember(name, item)

    def settle_raw(self, number: int) -> None:
        if self.left:
            id = self.left.pop(number % len(self.left))
            self.note("nack raw", self.queue.nack, {"pqid": id, "data": "", "timestamp": 0.0})

    def clear(self, number: int) -> None:
        most, keep = [1, 2, 1000][number % 3], [0, 1, 3][number // 3 % 3]
        clear = self.queue.clear_acked_data
        self.note("clear", lambda: str(clear(most, keep, number & 16 > 0)) and "done")
        stay = [spelled(row["data"]) for row in self.rows()]
        self.acked = [shown for shown in self.acked if shown in stay]

    def resume(self, _: int) -> None:
        if not self.held:
            self.note("resume", self.queue.resume_unack_tasks)
            self.left = []

    # --- the dictionary ---

    def key(self, number: int) -> str:
        return KEYS[number // len(VALUES) % len(KEYS)]

    def set(self, number: int) -> None:
        self.note("set", self.queue.__setitem__, self.key(number), VALUES[number % len(VALUES)])

    def read(self, number: int) -> None:
        self.note("read", lambda: self.queue[self.key(number)])

    def read_or(self, number: int) -> None:
        self.note("read or", self.queue.get, self.key(number), *(["other"] if number & 1 else []))

    def has(self, number: int) -> None:
        self.note("has", lambda: self.key(number) in self.queue)

    def delete(self, number: int) -> None:
        if self.key(number) in self.queue:
            self.note("delete", self.queue.__delitem__, self.key(number))


def spelled(value: Any) -> str:
    return repr(sorted(value.items()) if isinstance(value, dict) else value)


def is_raw(item: Any) -> bool:
    return isinstance(item, dict) and "pqid" in item
