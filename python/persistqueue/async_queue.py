"""The file queue for tasks of asyncio: what blocks in `Queue` is awaited here."""

from __future__ import annotations

from persistqueue import _native, serializers
from persistqueue._folder import Durability, InFolder, StrPath
from persistqueue._serializer import AnySerializer
from persistqueue.exceptions import Empty, Full

__all__ = ["AsyncQueue", "Empty", "Full"]


class AsyncQueue(InFolder, _native.AsyncFileQueue):
    """A queue in the folder `path`, which is made when it is missing; `Queue` can use it, too.

    The parameters are those of `Queue`. The functions of `serializer` may also be coroutines.
    `async for` gives the items as they come, until the queue is closed.

    What a task has taken is finished by a `task_done()` of the task that called `get()`.
    """

    def __init__(
        self,
        path: StrPath = "queue",
        maxsize: int = 0,
        chunksize: int = 100,
        tempdir: StrPath | None = None,
        serializer: AnySerializer | None = None,
        autosave: bool = False,
        *,
        durability: Durability = "process",
    ) -> None:
        if serializer is None:
            serializer = serializers.pickle
        self._open_folder(path, maxsize, chunksize, tempdir, serializer, autosave, durability)
