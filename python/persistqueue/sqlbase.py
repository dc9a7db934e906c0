"""What the queues in SQLite databases have in common."""

from __future__ import annotations

import os
from typing import Any

from persistqueue import _native, serializers
from persistqueue._database import MEMORY, InDatabase
from persistqueue._folder import Durability, StrPath
from persistqueue._handover import unpickled
from persistqueue._native import Transaction
from persistqueue._serializer import RowSerializer, Serializer

__all__ = ["Durability", "SQLiteBase", "Transaction"]

_FILE = "data.db"


class SQLiteBase(InDatabase, _native.SqliteQueue):
    """A queue in a database in the folder `path`, which is made when it is missing.

    - `path`: `":memory:"` keeps the queue in memory; it ends with this object.
    - `name`: a database holds any number of queues.
    - `multithreading`: not needed any more; any number of threads may share any queue.
    - `timeout`: for how many seconds a call waits for other processes that hold the database's
      lock, before it raises `LockedError`.
    - `auto_commit`: whether each call is a transaction of its own.
    - `serializer`: an object with `dumps(value)` and `loads(bytes)`, or `dump` and `load`.
    - `db_file_name`: the name of the file in the folder; `data.db` where it is None.
    - `durability`: `"disk"` survives a dead machine; `"process"` a killed process, and a number of
      seconds that too.
    - `maxsize`: how many items it holds at most; no limit where it is not above 0.
    """

    def __init__(
        self,
        path: StrPath,
        name: str = "default",
        multithreading: bool = False,
        timeout: float = 10.0,
        auto_commit: bool = True,
        serializer: Serializer | RowSerializer = serializers.pickle,
        db_file_name: str | None = None,
        *,
        durability: Durability = "disk",
        maxsize: int = 0,
    ) -> None:
        self.path: Any = path
        self.name = name
        self.multithreading = multithreading
        self.timeout = timeout
        self.auto_commit = auto_commit
        self.db_file_name = _FILE if db_file_name is None else db_file_name
        self.memory_sql = path == MEMORY
        file = MEMORY if self.memory_sql else os.path.join(os.fspath(path), self.db_file_name)
        self._open(
            self._given(
                {"path": file, "durability": durability, "joins_nameless": False},
                name,
                serializer,
                timeout=timeout,
                auto_commit=auto_commit,
                maxsize=maxsize,
            )
        )
        self._arguments = {
            "path": path if self.memory_sql else os.path.abspath(path),
            "name": name,
            "multithreading": multithreading,
            "timeout": timeout,
            "auto_commit": auto_commit,
            "serializer": serializer,
            "db_file_name": db_file_name,
            "durability": durability,
            "maxsize": maxsize,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        arguments = unpickled(state)
        self.__dict__.update(state)
        SQLiteBase.__init__(self, **arguments)
