"""What the blocking and the asynchronous queues on NATS share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Literal

from persistqueue import _native, serializers
from persistqueue._database import InDatabase
from persistqueue._folder import StrPath
from persistqueue._handover import unpickled
from persistqueue._serializer import AnyRowSerializer

# Where the servers are, and how the queue is opened there.
_PLACE = (
    "servers",
    "user",
    "password",
    "token",
    "credentials",
    "tls",
    "tls_ca",
    "connect_timeout",
    "replicas",
)
_FILES = ("credentials", "tls_ca")


class OnNats(InDatabase):
    """A queue on a NATS server or cluster, for any number of machines.

    - `servers`: `"HOST:PORT"`, or a list of those of one cluster.
    - `name`: a server holds any number of queues.
    - `serializer`: an object with `dumps(value)` and `loads(bytes)`, or `dump` and `load`.
    - `user` and `password`, or `token`, or `credentials`, a file: who asks.
    - `timeout`: for how many seconds a call waits for the server to be there and to answer.
    - `connect_timeout`: how many seconds connecting may take.
    - `tls`: `"off"` or `"required"`, where the server's certificate must be good; `tls_ca` is a
      file with the authority's, if this system does not know it.
    - `maxsize`: how many items it holds at most, for all who put; as it is where it is not above 0.
    - `replicas`: on how many servers of a cluster each item is, where the queue is made; 3 in a
      cluster where it is None.
    """

    def __init__(
        self,
        servers: str | Sequence[str],
        name: str = "default",
        serializer: AnyRowSerializer = serializers.pickle,
        *,
        user: str | None = None,
        password: str | None = None,
        token: str | None = None,
        credentials: StrPath | None = None,
        timeout: float = 10.0,
        connect_timeout: float = 10.0,
        tls: Literal["off", "required"] | None = None,
        tls_ca: StrPath | None = None,
        maxsize: int = 0,
        replicas: int | None = None,
    ) -> None:
        self.servers = [servers] if isinstance(servers, str) else list(servers)
        self.name = name
        self._open_with(
            servers=self.servers,
            name=name,
            serializer=serializer,
            user=user,
            password=password,
            token=token,
            credentials=credentials,
            timeout=timeout,
            connect_timeout=connect_timeout,
            tls=tls,
            tls_ca=tls_ca,
            maxsize=maxsize,
            replicas=replicas,
        )

    def _begin(self, given: dict[str, Any]) -> None:
        """Opens the queue, or plans to."""
        raise NotImplementedError

    def _open_with(self, **arguments: Any) -> None:
        for file in _FILES:
            if arguments[file] is not None:
                # Later the working directory may be another one.
                arguments[file] = os.path.abspath(arguments[file])
        place = {key: arguments[key] for key in _PLACE}
        options = {"timeout": arguments["timeout"], "maxsize": arguments["maxsize"]}
        given = self._given(
            place, arguments["name"], arguments["serializer"], auto_commit=True, **options
        )
        self._begin(given)
        self._arguments = arguments

    def __setstate__(self, state: dict[str, Any]) -> None:
        arguments = unpickled(state)
        self.__dict__.update(state)
        self._open_with(**arguments)


class Blocking(OnNats, _native.SqliteQueue):
    def _begin(self, given: dict[str, Any]) -> None:
        self._open(given)


class ForTasks(OnNats, _native.AsyncSqliteQueue):
    def _begin(self, given: dict[str, Any]) -> None:
        self._plan(given)


class Working(OnNats):
    """Takes what only queues with acknowledgements take; the rest is for the next class."""

    def __init__(
        self,
        *args: Any,
        lease: float | None = None,
        max_attempts: int | None = None,
        backoff: float = 0.0,
        **kwargs: Any,
    ) -> None:
        self._work = {
            "auto_resume": True,
            "lease": lease,
            "max_attempts": max_attempts,
            "backoff": backoff,
            "ttl": None,
            "keep_acked": False,
        }
        super().__init__(*args, **kwargs)
