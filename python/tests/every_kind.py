"""Every kind of queue and the dictionaries, behind two functions, for what must hold for all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

from servers import MAKES

import persistqueue as pq
from persistqueue import serializers

Opener = Callable[..., Any]


class Kind:
    """How it is opened on a place, which is a folder, or the arguments for a server."""

    def __init__(self, open: Opener, url: str | None = None, make: str = "") -> None:
        self.open = open
        self.url = url
        """How the command names it, with `{}` for the folder, or for the URL of the queue; None for
        what that cannot open."""
        self.make = make
        """On what server it is."""

    def put(self, place: Any, item: Any, serializer: Any = serializers.pickle) -> None:
        with closing(self.open(place, serializer)) as opened:
            opened.put(item)

    def get(self, place: Any, serializer: Any = serializers.pickle) -> Any:
        """Takes an item, for good."""
        with closing(self.open(place, serializer)) as opened:
            item = opened.get(timeout=5)
            opened.task_done()
            if hasattr(opened, "ack") and item is not None:
                assert opened.ack(item)
            return item

    def look(self, place: Any, serializer: Any = serializers.pickle) -> int:
        """Opens and closes it, and says how many items there are."""
        with closing(self.open(place, serializer)) as opened:
            opened.empty()
            return opened.qsize()

    def put_and_stay(self, place: Any, item: Any, call: Callable[[], Any]) -> None:
        """Calls `call` while it is open and has put an item."""
        with closing(self.open(place, serializers.pickle)) as opened:
            opened.put(item)
            call()


class AsyncKind(Kind):
    """For tasks."""

    def put(self, place: Any, item: Any, serializer: Any = serializers.pickle) -> None:
        self._run(place, serializer, lambda opened: opened.put(item))

    def get(self, place: Any, serializer: Any = serializers.pickle) -> Any:
        async def work(opened: Any) -> Any:
            item = await opened.get(timeout=5)
            done = opened.task_done()
            if hasattr(done, "__await__"):
                await done
            if hasattr(opened, "ack") and item is not None:
                assert await opened.ack(item)
            return item

        return self._run(place, serializer, work)

    def look(self, place: Any, serializer: Any = serializers.pickle) -> int:
        return self._run(place, serializer, _size)

    def put_and_stay(self, place: Any, item: Any, call: Callable[[], Any]) -> None:
        async def work(opened: Any) -> None:
            await opened.put(item)
            call()

        self._run(place, serializers.pickle, work)

    def _run(self, place: Any, serializer: Any, call: Callable[[Any], Any]) -> Any:
        async def run() -> Any:
            opened = self.open(place, serializer)
            try:
                return await call(opened)
            finally:
                await opened.close()

        return asyncio.run(run())


async def _size(opened: Any) -> int:
    size = opened.qsize()
    return await size if hasattr(size, "__await__") else size


class Dictionary(Kind):
    """Its one value stands for the items."""

    def put(self, place: Any, item: Any, serializer: Any = serializers.pickle) -> None:
        with self.open(place, serializer) as opened:
            opened["key"] = item

    def get(self, place: Any, serializer: Any = serializers.pickle) -> Any:
        with self.open(place, serializer) as opened:
            return opened["key"]

    def look(self, place: Any, serializer: Any = serializers.pickle) -> int:
        with self.open(place, serializer) as opened:
            assert list(opened) == ["key"] and "key" in opened
            return len(opened)

    def put_and_stay(self, place: Any, item: Any, call: Callable[[], Any]) -> None:
        with self.open(place, serializers.pickle) as opened:
            opened["key"] = item
            call()


class AsyncDictionary(AsyncKind):
    """As `Dictionary`."""

    def put(self, place: Any, item: Any, serializer: Any = serializers.pickle) -> None:
        self._run(place, serializer, lambda opened: opened.set("key", item))

    def get(self, place: Any, serializer: Any = serializers.pickle) -> Any:
        return self._run(place, serializer, lambda opened: opened["key"])

    def look(self, place: Any, serializer: Any = serializers.pickle) -> int:
        return self._run(place, serializer, lambda opened: opened.size())

    def put_and_stay(self, place: Any, item: Any, call: Callable[[], Any]) -> None:
        async def work(opened: Any) -> None:
            await opened.set("key", item)
            call()

        self._run(place, serializers.pickle, work)


class Raw:
    """Writes bytes as they are, under the name of pickle: it plants what it is told."""

    name = "pickle"

    def dump(self, value: bytes, fp: BinaryIO) -> None:
        fp.write(value)

    def load(self, fp: BinaryIO) -> bytes:
        return fp.read()

    def dumps(self, value: bytes) -> bytes:
        return value

    def loads(self, data: bytes) -> bytes:
        return data


def _folder(kind: Any, **options: Any) -> Opener:
    return lambda place, serializer: kind(str(place), serializer=serializer, **options)


def _table(kind: Any, **options: Any) -> Opener:
    return lambda place, serializer: kind(str(place), name="jobs", serializer=serializer, **options)


def _file(kind: Any, **options: Any) -> Opener:
    def open(place: Path, serializer: Any) -> Any:
        return kind(str(place / "data.db"), name="jobs", serializer=serializer, **options)

    return open


def _server(kind: Any, **options: Any) -> Opener:
    return lambda place, serializer: kind(**place, serializer=serializer, **options)


def _url(kind: str) -> str:
    return "sqlite:{}/data.db#jobs?kind=" + kind


LOCAL: dict[str, Kind] = {
    "Queue": Kind(_folder(pq.Queue), "{}"),
    "Queue autosave": Kind(_folder(pq.Queue, autosave=True), "{}"),
    "SQLiteQueue": Kind(_table(pq.SQLiteQueue), _url("fifo")),
    "SQLiteQueue batched": Kind(_table(pq.SQLiteQueue, auto_commit=False), _url("fifo")),
    "FILOSQLiteQueue": Kind(_table(pq.FILOSQLiteQueue), _url("filo")),
    "UniqueQ": Kind(_table(pq.UniqueQ), _url("unique")),
    "PriorityQueue": Kind(_table(pq.PriorityQueue), _url("priority")),
    "SQLiteAckQueue": Kind(_table(pq.SQLiteAckQueue), _url("ack")),
    "FILOSQLiteAckQueue": Kind(_table(pq.FILOSQLiteAckQueue), _url("ack-filo")),
    "UniqueAckQ": Kind(_table(pq.UniqueAckQ), _url("ack-unique")),
    "PDict": Dictionary(_table(pq.PDict)),
    "AsyncQueue": AsyncKind(_folder(pq.AsyncQueue), "{}"),
    "AsyncQueue autosave": AsyncKind(_folder(pq.AsyncQueue, autosave=True), "{}"),
    "AsyncSQLiteQueue": AsyncKind(_file(pq.AsyncSQLiteQueue), _url("fifo")),
    "AsyncFILOSQLiteQueue": AsyncKind(_file(pq.AsyncFILOSQLiteQueue), _url("filo")),
    "AsyncUniqueQ": AsyncKind(_file(pq.AsyncUniqueQ), _url("unique")),
    "AsyncPriorityQueue": AsyncKind(_file(pq.AsyncPriorityQueue), _url("priority")),
    "AsyncSQLiteAckQueue": AsyncKind(_file(pq.AsyncSQLiteAckQueue), _url("ack")),
    "AsyncFILOSQLiteAckQueue": AsyncKind(_file(pq.AsyncFILOSQLiteAckQueue), _url("ack-filo")),
    "AsyncUniqueAckQ": AsyncKind(_file(pq.AsyncUniqueAckQ), _url("ack-unique")),
    "AsyncPDict": AsyncDictionary(_file(pq.AsyncPDict)),
}

ON_SERVER: dict[str, Kind] = {
    cls.__name__: face(_server(cls), f"{{}}?kind={kind}", make)
    for make, server in MAKES.items()
    for face, classes in ((Kind, server.kinds), (AsyncKind, server.tasks))
    for kind, cls in classes.items()
}
EVERY = {**LOCAL, **ON_SERVER}
