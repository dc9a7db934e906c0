"""What the queues in SQLite databases have in common."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, ClassVar

from persistqueue import _native, serializers
from persistqueue._folder import Durability, StrPath
from persistqueue._handover import pickled, unpickled
from persistqueue._native import Transaction
from persistqueue._serializer import RowSerializer, Serializer, serializer_name

__all__ = ["Durability", "SQLiteBase", "Transaction"]

_MEMORY = ":memory:"
_FILE = "data.db"


class SQLiteBase(_native.SqliteQueue):
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

    _KIND: ClassVar[str]
    # What only queues with acknowledgements are opened with.
    _work: dict[str, Any] | None = None
    # What it was opened with; None until it is open.
    _arguments: dict[str, Any] | None = None

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
        self.memory_sql = path == _MEMORY
        self._open(
            _MEMORY if self.memory_sql else os.path.join(os.fspath(path), self.db_file_name),
            self._KIND,
            str(name),
            timeout,
            auto_commit,
            serializer,
            serializer_name(serializer),
            self._speller(serializer),
            durability,
            maxsize,
            self._work,
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

    def _speller(self, serializer: Any) -> Callable[[Any], tuple[Any, Any]] | None:
        return None

    def __getstate__(self) -> dict[str, Any]:
        # Handed to another process, it opens the same file there.
        state = pickled(self.__dict__, self._arguments)
        if self.memory_sql:
            raise ValueError("a queue in memory cannot be handed to another process")
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        arguments = unpickled(state)
        self.__dict__.update(state)
        SQLiteBase.__init__(self, **arguments)

    def __del__(self) -> None:
        if self._arguments is not None:
            self._leave()
