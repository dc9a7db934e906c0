"""What queues on database servers share, whatever the make of the server."""

from __future__ import annotations

from typing import Any, ClassVar

from persistqueue._remote import Remote

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


class OnServer(Remote):
    """A queue in a database on a server."""

    # The make of the server, as URLs name it.
    _MAKE: ClassVar[str]
    _PLACE = (
        "host",
        "port",
        "user",
        "password",
        "database",
        "table_name",
        "tls",
        "tls_ca",
        "connect_timeout",
        "max_connections",
    )

    def _place(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"make": self._MAKE} | super()._place(arguments)


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
