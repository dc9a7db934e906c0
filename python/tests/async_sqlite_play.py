"""Random play of a task on the asynchronous classes in databases, here and on persist-queue 1.1.0.

Both sides import this module (see `random_play.py`), so it imports nothing but what both have.

What is left out, because the two differ on purpose:

* `get(raw=True)` of an AsyncFILOSQLiteQueue: the original loses the item (failing 42).
* A value that an AsyncUniqueQ has already, and its `put_nowait`: the first leaves the original's
  database locked, the second is a TypeError there (failing 41, 26). Other orders, sets and parts of
  equal values (failing 26).
* `auto_commit=False`: what is not done when the queue is closed is lost in the original, also what
  was put (failing 42); so `task_done` comes before each closing.
* `update` of a row that is not there or not named (failing 28), and in unique queues.
* A call behind `close`: the original opens the file again; here it is a ClosedError.
* `get` by what is no number: the original then takes the next item.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

from sqlite_play import VALUES

KINDS = ["AsyncSQLiteQueue", "AsyncFILOSQLiteQueue", "AsyncUniqueQ"]
MOVES = ["put"] * 5 + ["get"] * 3 + ["get_raw", "get_by_id", "get_missing", "update", "look"]
MOVES += ["task_done", "reopen"]


def make_game(chance: random.Random, kind: str, moves: int) -> dict:
    return {
        "kind": kind,
        "auto_commit": chance.random() < 0.5,
        "moves": [[chance.choice(MOVES), chance.randrange(1 << 16)] for _ in range(moves)],
    }


class Player:
    """Plays one game on a file of its own and keeps the results."""

    def __init__(self, path: str, game: dict) -> None:
        self.path = path + ".db"
        self.game = game
        self.kind = game["kind"]
        self.results: list[str] = []
        self.waiting: dict[int, str] = {}
        self.queue: Any = None

    def play(self) -> list[str]:
        asyncio.run(self.play_all())
        return self.results

    async def play_all(self) -> None:
        await self.open()
        for name, number in self.game["moves"]:
            await getattr(self, name)(number)
        while self.waiting:
            await self.get()
        await self.close()

    async def open(self) -> None:
        from persistqueue import async_sqlqueue

        kind = getattr(async_sqlqueue, self.kind)
        self.queue = kind(self.path, auto_commit=self.game["auto_commit"])
        await self.look()

    async def close(self) -> None:
        await self.task_done()
        await self.queue.close()

    async def note(self, name: str, call: Any) -> Any:
        try:
            result = await call
        except Exception as error:
            self.results.append(f"{name} {type(error).__name__}")
            return None
        shown = result
        if isinstance(result, dict) and "timestamp" in result:
            assert isinstance(result["timestamp"], float)
            shown = result["pqid"], result["data"]
        self.results.append(f"{name} {shown!r:.60}")
        return result

    async def look(self, _: int = 0) -> None:
        for name in ("qsize", "empty", "full"):
            await self.note(name, getattr(self.queue, name)())

    async def task_done(self, _: int = 0) -> None:
        await self.note("task_done", self.queue.task_done())

    async def reopen(self, _: int = 0) -> None:
        await self.close()
        await self.open()

    async def put(self, number: int) -> None:
        value = VALUES[number % len(VALUES)]
        if self.kind == "AsyncUniqueQ":
            value = number
            if repr(value) in self.waiting.values():
                return
        nowait = number & 64 and self.kind != "AsyncUniqueQ"
        id = await self.note("put", (self.queue.put_nowait if nowait else self.queue.put)(value))
        self.waiting[id] = repr(value)

    def taken(self, id: int | None = None) -> None:
        """Notes that a row is gone: the one that is named, or the next one."""
        if self.waiting:
            next_one = max if self.kind == "AsyncFILOSQLiteQueue" else min
            del self.waiting[next_one(self.waiting) if id is None else id]

    async def get(self, number: int = 0) -> None:
        calls = [
            lambda: self.queue.get_nowait(),
            lambda: self.queue.get(timeout=0.01),
            lambda: self.queue.get(block=False),
        ]
        if number % 4 == 3 and self.waiting:
            calls.append(lambda: self.queue.get())
        await self.note("get", calls[number % len(calls)]())
        self.taken()

    async def get_raw(self, _: int) -> None:
        if self.kind != "AsyncFILOSQLiteQueue":
            await self.note("get raw", self.queue.get(block=False, raw=True))
            self.taken()

    async def get_by_id(self, number: int) -> None:
        if self.waiting:
            id = sorted(self.waiting)[number % len(self.waiting)]
            raw = number % 2 == 0 and self.kind != "AsyncFILOSQLiteQueue"
            await self.note(
                "get by id", self.queue.get(id=id if number % 3 else {"pqid": id}, raw=raw)
            )
            self.taken(id)

    async def get_missing(self, number: int) -> None:
        """A number that does not wait is not waited for, whatever the call says."""
        wait = [{}, {"block": False}, {"timeout": 0.01}][number % 3]
        await self.note("get missing", self.queue.get(id=10_000 + number, **wait))

    async def update(self, number: int) -> None:
        if self.waiting and self.kind != "AsyncUniqueQ":
            id = sorted(self.waiting)[number % len(self.waiting)]
            value = VALUES[number % len(VALUES)]
            named = {"pqid": id, "data": value}
            call = self.queue.update(value, id) if number & 1 else self.queue.update(named)
            await self.note("update", call)
