"""A dictionary in a database, for tasks of asyncio."""

from __future__ import annotations

import os
from typing import Any

from persistqueue import _native, serializers
from persistqueue._database import MEMORY
from persistqueue._folder import Durability, StrPath
from persistqueue._handover import pickled, unpickled
from persistqueue._serializer import AnyRowSerializer, serializer_name

__all__ = ["AsyncPDict"]


class AsyncPDict(_native.AsyncSqliteDict):
    """The dictionary `name` in the database file `path`, which the first call opens.

    File and folder are made where they are missing. `PDict("folder", name)` is the same dictionary
    as `AsyncPDict("folder/data.db", name)`.

    - `path`: `":memory:"` keeps it in memory, for this object.
    - `serializer`: for the values, which it has to make into bytes; its functions may be coroutine
      functions. `PDict` can read those that are pickled.
    - `durability`: what a finished change survives: `"disk"` also a dead machine; `"process"` and a
      number of seconds a killed process.
    - `timeout`: how many seconds a call waits while another process holds the database's lock.

    What cannot be awaited has a name here: `set`, `delete`, `contains` and `size` are what
    `d[key] = value`, `del d[key]`, `key in d` and `len(d)` are for a dictionary; `await d[key]`
    gives a value. `async for` goes through the keys, and through `values()` and `items()`, in the
    order in which the keys were first set, and does not mind changes meanwhile. Nothing is done
    before a call is awaited. A call that is cancelled has made its change or has not; a `pop` has
    not.
    """

    def __init__(
        self,
        path: StrPath,
        name: str = "default",
        serializer: AnyRowSerializer = serializers.pickle,
        *,
        durability: Durability = "disk",
        timeout: float = 10.0,
    ) -> None:
        self.path: Any = path
        self.name = name
        # Later the working directory may be another one.
        file = MEMORY if path == MEMORY else os.path.abspath(path)
        named = serializer_name(serializer)
        self._plan(file, str(name), serializer, named, durability, timeout)
        self._arguments = {
            "path": file,
            "name": name,
            "serializer": serializer,
            "durability": durability,
            "timeout": timeout,
        }

    async def update(self, *args: Any, **kwargs: Any) -> None:
        """Sets all that another mapping or an iterable of pairs has: in one transaction."""
        await self._set_many(list(dict(*args, **kwargs).items()))

    async def popitem(self) -> tuple[Any, Any]:
        """Removes the key that was first set last, and gives it with its value."""
        last = await self._pop_last()
        if last is None:
            raise KeyError("popitem(): dictionary is empty")
        return last

    async def copy(self) -> dict[Any, Any]:
        """Gives all that is stored as a plain dictionary."""
        return {key: value async for key, value in self.items()}

    # Or else Python would ask for `self[0]`, `self[1]`, and so on.
    __iter__ = None

    def __contains__(self, key: object) -> bool:
        raise TypeError("`in` cannot be awaited: ask with `await d.contains(key)`")

    def __getstate__(self) -> dict[str, Any]:
        # Handed to another process, it opens the same database there.
        state = pickled(self.__dict__, self._arguments)
        if state["_arguments"]["path"] == MEMORY:
            raise ValueError("a dictionary in memory cannot be handed to another process")
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        arguments = unpickled(state)
        self.__dict__.update(state)
        AsyncPDict.__init__(self, **arguments)
