"""The file queue: first in, first out, in a folder, for any number of threads and processes."""

from __future__ import annotations

import os
from typing import Any, Literal, TypeAlias

from persistqueue import _native, serializers
from persistqueue._handover import pickled, unpickled
from persistqueue._native import FileView
from persistqueue._serializer import Serializer, serializer_name

__all__ = ["Durability", "FileView", "Queue"]

StrPath: TypeAlias = str | os.PathLike[str]
Durability: TypeAlias = Literal["process", "disk"] | float
"""What a finished call survives: a dead process, a dead machine, or one but for so many seconds."""


class Queue(_native.FileQueue):
    """A queue in the folder `path`, which is made when it is missing.

    - `maxsize`: how many items it holds at most; no limit where it is not above 0.
    - `chunksize`: how many items go into one file; 100 where it is not above 0.
    - `tempdir`: not needed any more. Still checked: it has to be on the same file system.
    - `serializer`: an object with `dump(value, fp)` and `load(fp)`.
    - `autosave`: whether an item is gone with the `get` that returned it. Otherwise it is gone with
      `task_done()`, and comes back when the queue is opened again before that.
    - `durability`: `"process"` survives a killed process; `"disk"` also a dead machine; a number
      of seconds also a dead machine, except for what was done in about that time.
    """

    # What it was opened with; None until it is open.
    _arguments: dict[str, Any] | None = None

    def __init__(
        self,
        path: StrPath = "queue",
        maxsize: int = 0,
        chunksize: int = 100,
        tempdir: StrPath | None = None,
        serializer: Serializer = serializers.pickle,
        autosave: bool = False,
        *,
        durability: Durability = "process",
    ) -> None:
        if tempdir is not None:
            _check_tempdir(path, tempdir)
        self.tempdir = tempdir
        self._given_path = path
        self._open(
            os.fspath(path),
            maxsize,
            chunksize,
            autosave,
            serializer,
            serializer_name(serializer),
            durability,
        )
        self._arguments = {
            "path": os.path.abspath(path),
            "maxsize": maxsize,
            "chunksize": chunksize,
            "tempdir": tempdir,
            "serializer": serializer,
            "autosave": autosave,
            "durability": durability,
        }

    @property
    def path(self) -> Any:
        """The folder, as it was given."""
        return self._given_path

    @staticmethod
    def inspect(path: StrPath = "queue", serializer: Serializer = serializers.pickle) -> FileView:
        """Opens a queue for reading only: takes nothing, changes nothing, needs no right to write.

        Works beside processes that use the queue.
        """
        return FileView(os.fspath(path), serializer, serializer_name(serializer))

    def __getstate__(self) -> dict[str, Any]:
        # Handed to another process, it opens the same folder there.
        return pickled(self.__dict__, self._arguments)

    def __setstate__(self, state: dict[str, Any]) -> None:
        arguments = unpickled(state)
        self.__dict__.update(state)
        Queue.__init__(self, **arguments)

    def __del__(self) -> None:
        if self._arguments is not None:
            self.close()


def _check_tempdir(path: StrPath, tempdir: StrPath) -> None:
    place = os.path.abspath(path)
    while not os.path.exists(place):
        place = os.path.dirname(place)
    if os.stat(place).st_dev != os.stat(tempdir).st_dev:
        raise ValueError(
            f"tempdir {os.fspath(tempdir)} is on another file system than the queue {place}"
        )
