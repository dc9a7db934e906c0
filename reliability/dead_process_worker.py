"""A process that calls a queue at random until it is killed, or told to end.

What it is about to do and what was done stands in its log, a line each, written by one system call:
so the call that a kill interrupts is the only one in doubt.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import random
import time
from pathlib import Path
from typing import Any

from queue_kinds import KINDS, opened

Loop = asyncio.AbstractEventLoop | None

CALLS_AT_MOST = 5_000
KEYS = 8


def item_of(name: str, number: int) -> list[Any]:
    """Small ones, and some that are larger than a page."""
    return [name, number, "x" * (6_000 if number % 17 == 0 else number * 7 % 90)]


def key_of(item: list[Any]) -> str:
    return f"{item[0]}:{item[1]}"


def priority_of(key: str) -> int:
    return int(key.rpartition(":")[2]) % 3


def loop_for(kind: str) -> Loop:
    return asyncio.new_event_loop() if KINDS[kind].cls.startswith("Async") else None


class Caller:
    """The calls of a queue, also of one for tasks."""

    def __init__(
        self, kind: str, place: str, durability: str, loop: Loop = None, timeout: float = 30
    ) -> None:
        self.loop = loop or loop_for(kind)
        self.queue = opened(kind, place, durability, timeout)

    def __call__(self, name: str, *args: Any, **named: Any) -> Any:
        found = getattr(self.queue, name)(*args, **named)
        if self.loop and inspect.isawaitable(found):
            return self.loop.run_until_complete(awaited(found))
        return found

    def take(self, most: int) -> list[Any]:
        from persistqueue import Empty

        try:
            return [self("get", block=False)] if most == 1 else list(self("get_many", most, 0))
        except Empty:
            return []


async def awaited(found: Any) -> Any:
    return await found


class Worker:
    def __init__(self, kind: str, place: str, name: str, log: Path, seed: int, takes: bool) -> None:
        self.begin(kind, name, seed, takes)
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        self.call = Caller(kind, place, self.chance.choice(["process"] * 5 + ["disk"]))

    def begin(self, kind: str, name: str, seed: int, takes: bool) -> None:
        self.kind, self.name, self.takes = KINDS[kind], name, takes
        self.chance = random.Random(seed)
        self.number = 0
        # What was taken and is not final, by its key.
        self.held: dict[str, Any] = {}

    def say(self, *fact: Any) -> None:
        os.write(self.log, (json.dumps([time.monotonic_ns(), *fact]) + "\n").encode())

    def run(self, stop: Path) -> None:
        self.say("ready")
        weights = self.weights()
        for _ in range(CALLS_AT_MOST):
            if stop.exists():
                break
            (what,) = self.chance.choices(list(weights), list(weights.values()))
            getattr(self, what)()
        if self.kind.final in ("task_done", "batch"):
            self.finish()
        self.say("do", "close", [])
        self.call("close")
        self.say("did", "close", [])

    def weights(self) -> dict[str, float]:
        if self.kind.final == "dict":
            return {"set_keys": 4, "delete_key": 1}
        puts = self.chance.choice([1, 2, 4])
        weights: dict[str, float] = {"put": puts, "put_many": puts / 8}
        if self.takes:
            weights |= {"take": 2, "take_many": 0.25}
        if self.kind.final == "batch" or (self.takes and self.kind.final == "task_done"):
            weights |= {"finish": 0.7}
        if self.takes and self.kind.final == "ack":
            weights |= {"ack": 1.6, "ack_many": 0.2, "nack": 0.4, "fail": 0.2}
        return weights

    def put(self) -> None:
        number = self.number
        if self.kind.unique and number and self.chance.random() < 0.2:
            number = self.chance.randrange(number)
        else:
            self.number += 1
        item = item_of(self.name, number)
        self.say("do", "put", [key_of(item)])
        args = (priority_of(key_of(item)),) if self.kind.order == "priority" else ()
        found = self.call("put", item, *args)
        self.say("did", "put", [not self.kind.unique or found is not None])

    def put_many(self) -> None:
        numbers = range(self.number, self.number + self.chance.randint(2, 6))
        self.number += len(numbers)
        items = [item_of(self.name, number) for number in numbers]
        if self.kind.order == "priority":
            # They share one.
            items = [item for item in items if item[1] % 3 == numbers[0] % 3]
        self.say("do", "put", [key_of(item) for item in items])
        args = (numbers[0] % 3,) if self.kind.order == "priority" else ()
        self.call("put_many", items, *args)
        self.say("did", "put", [True] * len(items))

    def take(self, most: int = 1) -> None:
        self.say("do", "take", most)
        items = self.call.take(most)
        if self.kind.final != "returned":
            self.held |= {key_of(item): item for item in items}
        self.say("did", "take", [key_of(item) for item in items])

    def take_many(self) -> None:
        self.take(self.chance.randint(2, 5))

    def finish(self) -> None:
        """task_done, which makes all final that this thread holds."""
        keys = list(self.held)
        if self.kind.final == "task_done" and not keys:
            return
        self.say("do", "finish", keys)
        self.call("task_done")
        self.held.clear()
        self.say("did", "finish", [True] * len(keys))

    def settle(self, what: str, call: str, many: int = 1) -> None:
        if not self.held:
            return
        keys = self.chance.sample(list(self.held), min(many, len(self.held)))
        items = [self.held.pop(key) for key in keys]
        self.say("do", what, keys)
        found = self.call(call, items) if many > 1 else [self.call(call, items[0])]
        self.say("did", what, [row is not None for row in found])

    def ack(self) -> None:
        self.settle("finish", "ack")

    def ack_many(self) -> None:
        self.settle("finish", "ack_many", 3)

    def nack(self) -> None:
        self.settle("return", "nack")

    def fail(self) -> None:
        self.settle("fail", "ack_failed")

    def set_keys(self) -> None:
        keys = self.chance.sample(range(KEYS), self.chance.choice([1, 1, 3]))
        self.number += 1
        new = {f"{self.name}/{key}": self.number for key in keys}
        self.say("do", "set", new)
        self.call("update", new)
        self.say("did", "set", [])

    def delete_key(self) -> None:
        key = f"{self.name}/{self.chance.randrange(KEYS)}"
        self.say("do", "set", {key: None})
        self.call("pop", key, None)
        self.say("did", "set", [])
