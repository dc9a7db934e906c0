"""Random single-threaded play on a queue, the same for ours and for persist-queue 1.1.0.

Both sides import this module: the tests in their own interpreter, `oracle_driver.py` in that of
the original. So it imports nothing but what both have.

A game is what JSON can carry: how the queue is opened, and a list of moves. A result is the text
of what a move gave or raised, so that results of two libraries can be compared.

Three differences are meant. A player meets them in a way that both libraries agree on:

* In the original a put without autosave makes earlier takes final, because it saves the whole
  position (case 3 of the failings). Here it does not. So before a reopening, and only if there
  was a put while something was taken and not done, the player calls task_done: then both have
  the takes final. In between, everything about such puts is compared.
* A queue reopened with a smaller maxsize is bounded here and is not in the original (case 12).
  So a game reopens with the arguments it began with.
* After a reopening without autosave what was taken and not done comes back, so that there may be
  more items than maxsize. `full` is then False in the original, which asks whether the number
  *equals* maxsize, and a put goes through. Here the bound binds. So the player takes (and does)
  the surplus before it goes on.
"""

from __future__ import annotations

import asyncio
import importlib
import random
from typing import Any

SERIALIZERS = ["pickle", "msgpack", "cbor2", "json"]
MOVES = ["put"] * 6 + ["get"] * 5 + ["task_done"] * 2 + ["reopen", "look", "look"]

COMMON = [0, -1, 1 << 40, 1.5, "", "text", "é\n\0", True, None, [], [1, [2, [3]]], "x" * 5000]
VALUES: dict[str, list] = {
    "json": [*COMMON, {"a": {"b": [None]}}, {"1": 2}],
    "msgpack": [*COMMON, {"a": {"b": b"\0"}}, b"\xff" * 300, {"1": 2}],
    "cbor2": [*COMMON, {"a": {"b": b"\0"}}, b"\xff" * 300, {1: 2}, {3}, 1 << 70],
    "pickle": [*COMMON, {"a": {"b": b"\0"}}, (1, (2,)), {3}, frozenset("a"), 1j, 1 << 70, int],
}


def make_game(chance: random.Random, moves: int) -> dict:
    serializer = chance.choice(SERIALIZERS)
    values = len(VALUES[serializer])
    return {
        "serializer": serializer,
        "autosave": chance.random() < 0.5,
        "chunksize": chance.randrange(1, 8),
        "maxsize": chance.randrange(0, 6),
        "moves": [[chance.choice(MOVES), chance.randrange(values)] for _ in range(moves)],
    }


class Player:
    """Plays one game in a folder of its own and keeps the results."""

    def __init__(self, folder: str, game: dict) -> None:
        name = f"persistqueue.serializers.{game['serializer']}"
        self.open_args: dict = {
            "path": folder,
            "maxsize": game["maxsize"],
            "chunksize": game["chunksize"],
            "serializer": importlib.import_module(name),
            "autosave": game["autosave"],
        }
        self.values = VALUES[game["serializer"]]
        self.moves = game["moves"]
        self.results: list[str] = []
        self.in_flight = False
        self.put_while_in_flight = False
        self.queue: Any = None

    def play(self) -> list[str]:
        self.open()
        for name, number in self.moves:
            getattr(self, name)(number)
        for _ in range(len(self.moves) + 1):  # what is left, in its order
            if self.get() == "Empty":
                break
        self.look()
        self.queue = None
        return self.results

    def new_queue(self) -> Any:
        from persistqueue import Queue

        return Queue(**self.open_args)

    def open(self) -> None:
        self.queue = self.new_queue()
        self.in_flight = self.put_while_in_flight = False
        self.look()

    def note(self, name: str, function: Any, *args: Any) -> str:
        try:
            result = repr(function(*args))
        except Exception as error:
            result = type(error).__name__
        self.results.append(f"{name} -> {result}")
        return result

    def put(self, number: int) -> None:
        value = self.values[number]
        bounded = self.open_args["maxsize"] > 0
        function = self.queue.put_nowait if bounded or number % 2 else self.queue.put
        if self.note(f"put {value!r:.20}", function, value) == "None":
            self.put_while_in_flight |= self.in_flight

    def get(self, _: int = 0) -> str:
        result = self.note("get", self.queue.get_nowait)
        self.in_flight |= result != "Empty"
        return result

    def task_done(self, _: int = 0) -> str:
        result = self.note("task_done", self.queue.task_done)
        if result == "None":
            self.in_flight = self.put_while_in_flight = False
        return result

    def look(self, _: int = 0) -> None:
        for name in ("qsize", "empty", "full"):
            self.note(name, getattr(self.queue, name))
        self.note("unfinished", lambda: self.queue.unfinished_tasks)

    def size(self) -> int:
        return self.queue.qsize()

    def close(self) -> None:
        self.queue = None

    def reopen(self, _: int = 0) -> None:
        if self.put_while_in_flight and not self.open_args["autosave"]:
            self.task_done()
        self.close()
        self.open()
        surplus = self.size() - self.open_args["maxsize"]
        if self.open_args["maxsize"] > 0 and surplus > 0:
            for _ in range(surplus):
                self.get()
            self.task_done()


class AsyncPlayer(Player):
    """As `Player`, on an AsyncQueue; each call is awaited before the next one."""

    def __init__(self, folder: str, game: dict) -> None:
        super().__init__(folder, game)
        self.loop = asyncio.new_event_loop()

    def play(self) -> list[str]:
        try:
            return super().play()
        finally:
            self.loop.close()

    def new_queue(self) -> Any:
        from persistqueue.async_queue import AsyncQueue

        return AsyncQueue(**self.open_args)

    def note(self, name: str, function: Any, *args: Any) -> str:
        def awaited(*args: Any) -> Any:
            result = function(*args)
            return self.loop.run_until_complete(result) if hasattr(result, "send") else result

        return super().note(name, awaited, *args)

    def size(self) -> int:
        return self.loop.run_until_complete(self.queue.qsize())

    def close(self) -> None:
        self.loop.run_until_complete(self.queue.close())
        super().close()
