"""The file queue: first in, first out, in a folder, for any number of threads and processes."""

from __future__ import annotations

from persistqueue import _native, serializers
from persistqueue._folder import Durability, InFolder, StrPath
from persistqueue._native import FileView
from persistqueue._serializer import Serializer

__all__ = ["Durability", "FileView", "Queue"]


class Queue(InFolder, _native.FileQueue):
    """A queue in the folder `path`, which is made when it is missing.

    - `maxsize`: how many items it holds at most; no limit where it is not above 0.
    - `chunksize`: how many items go into one file; 100 where it is not above 0. From 100 on, a file
      of small items takes more of them, up to 1 MiB.
    - `tempdir`: not needed any more. Still checked: it has to be on the same file system.
    - `serializer`: an object with `dump(value, fp)` and `load(fp)`.
    - `autosave`: whether an item is gone with the `get` that returned it. Otherwise it is gone with
      `task_done()`, and comes back when the queue is opened again before that.
    - `durability`: `"process"` survives a killed process; `"disk"` also a dead machine; a number
      of seconds also a dead machine, except for what was done in about that time.
    """

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
        self._open_folder(path, maxsize, chunksize, tempdir, serializer, autosave, durability)

    def __del__(self) -> None:
        if self._arguments is not None:
            self.close()
