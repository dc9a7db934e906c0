"""What the blocking and the asynchronous queues on NATS share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from persistqueue import serializers
from persistqueue._folder import StrPath
from persistqueue._remote import Remote
from persistqueue._serializer import AnyRowSerializer


class OnNats(Remote):
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
            auto_commit=True,
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
