"""What the blocking and the asynchronous queues on a PostgreSQL server share."""

from __future__ import annotations

from typing import Literal

from persistqueue import serializers
from persistqueue._folder import StrPath
from persistqueue._serializer import AnyRowSerializer
from persistqueue._server import OPTIONS, OnServer


class OnPostgres(OnServer):
    __doc__ = f"""A queue in a database on a PostgreSQL server, for any number of machines.

    - `host`, `port`, `user`, `password`, `database`: where the database is, and who asks.
    - `name`: a database holds any number of queues. `table_name` is the exact name of the table
      instead.
    {OPTIONS}"""

    _MAKE = "postgresql"

    def __init__(
        self,
        host: str,
        user: str,
        password: str,
        database: str,
        name: str = "default",
        port: int = 5432,
        auto_commit: bool = True,
        serializer: AnyRowSerializer = serializers.pickle,
        *,
        table_name: str | None = None,
        max_connections: int = 10,
        timeout: float = 10.0,
        connect_timeout: float = 10.0,
        tls: Literal["off", "preferred", "required"] | None = None,
        tls_ca: StrPath | None = None,
        maxsize: int = 0,
    ) -> None:
        self.host = host
        self.user = user
        self.password = password
        self.database = database
        self.name = name
        self.port = port
        self.auto_commit = auto_commit
        self._open_with(
            host=host,
            port=port,
            user=user,
            password=password,
            database=database,
            name=name,
            table_name=table_name,
            auto_commit=auto_commit,
            serializer=serializer,
            max_connections=max_connections,
            timeout=timeout,
            connect_timeout=connect_timeout,
            tls=tls,
            tls_ca=tls_ca,
            maxsize=maxsize,
        )
