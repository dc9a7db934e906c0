"""What all queues on servers share, those in databases and those on NATS."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from persistqueue import _native
from persistqueue._database import InDatabase
from persistqueue._handover import unpickled

# How a queue is opened where it is.
_OPTIONS = ("timeout", "auto_commit", "maxsize")


class Remote(InDatabase):
    """A queue on a server."""

    # The arguments that say where it is and how it is reached, and which of them are files.
    _PLACE: ClassVar[tuple[str, ...]]
    _FILES: ClassVar[tuple[str, ...]] = ("tls_ca",)

    def _begin(self, given: dict[str, Any]) -> None:
        """Opens the queue, or plans to."""
        raise NotImplementedError

    def _place(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {key: arguments[key] for key in self._PLACE}

    def _open_with(self, **arguments: Any) -> None:
        for file in self._FILES:
            if arguments[file] is not None:
                # Later the working directory may be another one.
                arguments[file] = os.path.abspath(arguments[file])
        place = self._place(arguments)
        options = {key: arguments[key] for key in _OPTIONS}
        self._begin(self._given(place, arguments["name"], arguments["serializer"], **options))
        self._arguments = arguments

    def __setstate__(self, state: dict[str, Any]) -> None:
        arguments = unpickled(state)
        self.__dict__.update(state)
        self._open_with(**arguments)


class Blocking(Remote, _native.SqliteQueue):
    def _begin(self, given: dict[str, Any]) -> None:
        self._open(given)


class ForTasks(Remote, _native.AsyncSqliteQueue):
    def _begin(self, given: dict[str, Any]) -> None:
        self._plan(given)
