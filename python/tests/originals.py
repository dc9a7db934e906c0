"""A running persist-queue 1.1.0, driven over a pipe."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from helpers import oracle_python

# Answers each line, an expression on `q`, with a line.
DRIVER = """
import sys
import persistqueue
import persistqueue.serializers.cbor2, persistqueue.serializers.json
import persistqueue.serializers.msgpack, persistqueue.serializers.pickle
options = eval(sys.argv[3])
options["serializer"] = getattr(persistqueue.serializers, options["serializer"])
q = getattr(persistqueue, sys.argv[1])(sys.argv[2], **options)
print("ready", flush=True)
for line in sys.stdin:
    try:
        print(repr(eval(line)), flush=True)
    except BaseException as error:
        print(repr(repr(error)), flush=True)
"""


class Original:
    """An object of persist-queue 1.1.0 in a process of its own."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process
        assert process.stdout.readline() == "ready\n"

    def start(self, expression: str) -> None:
        self.process.stdin.write(expression.replace("\n", " ") + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        return eval(self.process.stdout.readline())

    def __call__(self, expression: str) -> Any:
        self.start(expression)
        return self.answer()


def start_original(kind: Any, path: Path, **options: Any) -> subprocess.Popen:
    """`serializer` is the name of a module of `persistqueue.serializers`."""
    options = {"multithreading": True, "serializer": "pickle"} | options
    return subprocess.Popen(
        [oracle_python(), "-c", DRIVER, kind.__name__, str(path), repr(options)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


# As `DRIVER`, where what an expression gives is awaited if it can be.
ASYNC_DRIVER = """
import asyncio, inspect, sys
import persistqueue.async_sqlqueue

async def main():
    kind = getattr(persistqueue.async_sqlqueue, sys.argv[1])
    async with kind(sys.argv[2], **eval(sys.argv[3])) as q:
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            try:
                value = eval(line)
                print(repr(await value if inspect.isawaitable(value) else value), flush=True)
            except BaseException as error:
                print(repr(repr(error)), flush=True)

asyncio.run(main())
"""


def start_async_original(kind: Any, path: Path, **options: Any) -> subprocess.Popen:
    """For `Original`: `path` is the database file."""
    return subprocess.Popen(
        [oracle_python(), "-c", ASYNC_DRIVER, kind.__name__, str(path), repr(options)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
