"""Run by persist-queue 1.1.0's Python: leaves a folder as that library leaves it.

`python oracle_writer.py FOLDER SERIALIZER CHUNKSIZE COUNT TAKEN` puts COUNT items and takes TAKEN
of them for good. Imported by the tests for `item`, so it must import no queue at the top.
"""

from __future__ import annotations

import importlib
import sys

SERIALIZERS = ["pickle", "msgpack", "cbor2", "json", "custom"]


def item(number: int) -> dict:
    return {"number": number, "text": f"item-{number:05}", "more": "é" * (number % 50)}


def serializer_module(name: str) -> object:
    if name == "custom":
        return importlib.import_module("custom_serializer")
    return importlib.import_module(f"persistqueue.serializers.{name}")


def write(folder: str, serializer: str, chunksize: str, count: str, taken: str) -> None:
    from persistqueue import Queue

    queue = Queue(folder, chunksize=int(chunksize), serializer=serializer_module(serializer))
    for number in range(int(count)):
        queue.put(item(number))
    for _ in range(int(taken)):
        queue.get()
    if int(taken):
        queue.task_done()


if __name__ == "__main__":
    write(*sys.argv[1:])
