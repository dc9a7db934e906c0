"""What the queues in a folder share: how they are opened, inspected and handed over."""

from __future__ import annotations

import os
from typing import Any, Literal, TypeAlias

from persistqueue import _native, serializers
from persistqueue._handover import pickled, unpickled
from persistqueue._native import FileView
from persistqueue._serializer import AnySerializer, Serializer, serializer_name

StrPath: TypeAlias = str | os.PathLike[str]
Durability: TypeAlias = Literal["process", "disk"] | float
"""What a finished call survives: a dead process, a dead machine, or one but for so many seconds."""


class InFolder(_native.FolderQueue):
    """A queue in a folder."""

    # What it was opened with; None until it is open.
    _arguments: dict[str, Any] | None = None

    def _open_folder(
        self,
        path: StrPath,
        maxsize: int,
        chunksize: int,
        tempdir: StrPath | None,
        serializer: AnySerializer,
        autosave: bool,
        durability: Durability,
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
        self._open_folder(**arguments)


def _check_tempdir(path: StrPath, tempdir: StrPath) -> None:
    place = os.path.abspath(path)
    while not os.path.exists(place):
        place = os.path.dirname(place)
    if os.stat(place).st_dev != os.stat(tempdir).st_dev:
        raise ValueError(
            f"tempdir {os.fspath(tempdir)} is on another file system than the queue {place}"
        )
