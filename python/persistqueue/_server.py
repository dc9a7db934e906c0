"""What queues on database servers share, whatever the make of the server."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from persistqueue import _native
from persistqueue._database import InDatabase
from persistqueue._handover import unpickled

# Where the database is and how it is reached, and how the queue is opened there.
_PLACE = ("host", "port", "user", "password", "database", "table_name", "tls", "tls_ca")
_CONNECTIONS = ("connect_timeout", "max_connections")
_OPTIONS = ("timeout", "auto_commit", "maxsize")


# What the constructors of all makes take.
OPTIONS = """- `auto_commit`: whether each call is a transaction of its own.
    - `serializer`: an object with `dumps(value)` and `loads(bytes)`, or `dump` and `load`.
    - `max_connections`: how many connections this process has at most to this database.
    - `timeout`: for how many seconds a call waits for a connection while all are in use, and for
      others that are in its way in the database.
    - `connect_timeout`: how many seconds connecting may take.
    - `tls`: `"off"`, `"preferred"`, or `"required"`, where the server's certificate must be good;
      `tls_ca` is a file with the authority's, if it is not a public one.
    - `maxsize`: how many items it holds at most; no limit where it is not above 0.
    """


class OnServer(InDatabase):
    """A queue in a database on a server."""

    # The make of the server, as URLs name it.
    _MAKE: ClassVar[str]

    def _begin(self, given: dict[str, Any]) -> None:
        """Opens the queue, or plans to."""
        raise NotImplementedError

    def _open_with(self, **arguments: Any) -> None:
        if arguments["tls_ca"] is not None:
            # Later the working directory may be another one.
            arguments["tls_ca"] = os.path.abspath(arguments["tls_ca"])
        place = {"make": self._MAKE} | {key: arguments[key] for key in _PLACE + _CONNECTIONS}
        options = {key: arguments[key] for key in _OPTIONS}
        self._begin(self._given(place, arguments["name"], arguments["serializer"], **options))
        self._arguments = arguments

    def __setstate__(self, state: dict[str, Any]) -> None:
        arguments = unpickled(state)
        self.__dict__.update(state)
        self._open_with(**arguments)


class Blocking(OnServer, _native.SqliteQueue):
    def _begin(self, given: dict[str, Any]) -> None:
        self._open(given)


class ForTasks(OnServer, _native.AsyncSqliteQueue):
    def _begin(self, given: dict[str, Any]) -> None:
        self._plan(given)


class Working(OnServer):
    """Takes what only queues with acknowledgements take; the rest is for the next class."""

    def __init__(
        self,
        *args: Any,
        auto_resume: bool = True,
        lease: float | None = None,
        max_attempts: int | None = None,
        backoff: float = 0.0,
        ttl: float | None = None,
        keep_acked: bool = True,
        **kwargs: Any,
    ) -> None:
        self._work = {
            "auto_resume": auto_resume,
            "lease": lease,
            "max_attempts": max_attempts,
            "backoff": backoff,
            "ttl": ttl,
            "keep_acked": keep_acked,
        }
        super().__init__(*args, **kwargs)
