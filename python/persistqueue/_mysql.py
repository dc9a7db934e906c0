"""What the blocking and the asynchronous queues on a MySQL server share."""

from __future__ import annotations

from typing import Any, Literal

from persistqueue import serializers
from persistqueue._folder import StrPath
from persistqueue._serializer import AnyRowSerializer
from persistqueue._server import OPTIONS, OnServer


class OnMySQL(OnServer):
    __doc__ = f"""A queue in a database on a MySQL or MariaDB server, for any number of machines.

    - `host`, `port`, `user` (or `username`), `passwd` (or `password`), `db_name` (or `database`):
      where the database is, and who asks.
    - `name`: a database holds any number of queues; `sql` where it is None. `table_name` is the
      exact name of the table instead.
    - `charset`: accepted as before; items are bytes to the server.
    {OPTIONS}"""

    _MAKE = "mysql"

    def __init__(
        self,
        host: str,
        user: str | None = None,
        passwd: str | None = None,
        db_name: str | None = None,
        name: str | None = None,
        port: int = 3306,
        charset: str = "utf8mb4",
        auto_commit: bool = True,
        serializer: AnyRowSerializer = serializers.pickle,
        *,
        username: str | None = None,
        password: str | None = None,
        database: str | None = None,
        table_name: str | None = None,
        max_connections: int = 10,
        timeout: float = 10.0,
        connect_timeout: float = 10.0,
        tls: Literal["off", "preferred", "required"] | None = None,
        tls_ca: StrPath | None = None,
        maxsize: int = 0,
    ) -> None:
        self.host = host
        self.user = _one_of(user=user, username=username)
        self.passwd = _one_of(passwd=passwd, password=password)
        self.db_name = _one_of(db_name=db_name, database=database)
        self.name = name if name else "sql"
        self.port = port
        self.charset = charset
        self.auto_commit = auto_commit
        self._open_with(
            host=host,
            port=port,
            user=self.user,
            password=self.passwd,
            database=self.db_name,
            name=self.name,
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

    def get_pooled_conn(self) -> Any:
        """Gives a connection of PyMySQL's to the same database; the caller closes it."""
        try:
            import pymysql
        except ImportError as error:
            text = "PyMySQL is missing: pip install 'persist-queue-rs[mysql]', or PyMySQL"
            raise ImportError(text) from error
        return pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.passwd,
            database=self.db_name,
            charset=self.charset,
        )


def _one_of(**spellings: str | None) -> str:
    given = {spelling: value for spelling, value in spellings.items() if value is not None}
    if len(set(given.values())) > 1:
        raise TypeError(f"{' and '.join(given)} are two spellings of one argument")
    if not given:
        raise TypeError(f"missing argument: {' or '.join(spellings)}")
    return next(iter(given.values()))
