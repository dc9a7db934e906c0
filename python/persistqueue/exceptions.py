"""What can go wrong. `Empty` and `Full` are also the ones of the standard library's `queue`.

Whatever the operating system refuses (a full disk, a read-only one, no rights) comes as the
`OSError` that it is, with the path; a wrong argument comes as a `ValueError` or `TypeError`.
"""

from __future__ import annotations

import queue

__all__ = [
    "ClosedError",
    "ConnectError",
    "ConsumedElsewhereError",
    "CorruptedError",
    "DatabaseError",
    "Empty",
    "Full",
    "GetUnknownError",
    "LockedError",
    "NotHeldError",
    "PersistQueueError",
    "PutInPartError",
    "PutUnknownError",
    "SerializerMismatchError",
    "UndecodableError",
    "UnrecognisedError",
    "UntrustedError",
]


class PersistQueueError(Exception):
    """Everything that this package raises of its own."""


class Empty(queue.Empty, PersistQueueError):
    """Nothing waits in the queue, or nothing came in the time that was given."""


class Full(queue.Full, PersistQueueError):
    """The queue holds `maxsize` items, or held them for as long as the time that was given."""


class ClosedError(PersistQueueError):
    """The queue was closed, here or while this call waited."""


class LockedError(PersistQueueError):
    """Another process holds the queue's lock and does not answer."""


class DatabaseError(PersistQueueError):
    """The database refused a call. What was stored stays."""


class ConnectError(DatabaseError):
    """There is no connection to the server. The text says why and what to do."""


class PutUnknownError(DatabaseError):
    """The connection broke while items were being put: they are stored, or they are not."""


class PutInPartError(DatabaseError):
    """Some of many items are stored, on a server without transactions (NATS)."""

    def __init__(self, *args: object, stored: int = 0, unknown: int = 0, count: int = 0) -> None:
        super().__init__(*args)
        self.stored = stored
        """How many are stored: the first ones, unless others put, took or broke off meanwhile."""
        self.unknown = unknown
        """How many of the others may be stored."""
        self.count = count
        """How many there were."""


class GetUnknownError(DatabaseError):
    """The connection broke while items were being taken, and they are gone from the table.

    Most likely they were taken here; somebody else may have taken them too.
    """

    def __init__(self, *args: object, rows: list[tuple[int, bytes]] | None = None) -> None:
        super().__init__(*args)
        self.rows = rows or []
        """The rows' numbers, and the items as the serializer wrote them."""


class NotHeldError(PersistQueueError):
    """A transaction settles an item that is not held any more. Nothing of it was written."""

    def __init__(self, *args: object, id: int | None = None) -> None:
        super().__init__(*args)
        self.id = id
        """The row's number, where it is known."""


class UndecodableError(PersistQueueError):
    """An item that the serializer could not read; its error is the `__cause__`. It stays."""

    def __init__(self, *args: object, id: int = 0) -> None:
        super().__init__(*args)
        self.id = id
        """The row's number; 0 in a folder or a dictionary."""


class UntrustedError(UndecodableError):
    """An item that `Signed` or `Encrypted` refused: nothing of it was deserialized."""

    def __init__(
        self, *args: object, id: int = 0, reason: str = "", key: str | None = None
    ) -> None:
        super().__init__(*args, id=id)
        self.reason = reason
        """`"unprotected"`, `"unknown key"` or `"forged"`."""
        self.key = key
        """The name of the key that the item names, in hexadecimal digits."""


class SerializerMismatchError(PersistQueueError):
    """The queue was written with another serializer. No item was touched."""


class UnrecognisedError(PersistQueueError):
    """The folder holds something that this version does not understand. Nothing was changed."""


class ConsumedElsewhereError(PersistQueueError):
    """Another process takes from this queue without autosave, and only one at a time can."""

    def __init__(self, *args: object, path: str = "", pid: int | None = None) -> None:
        super().__init__(*args)
        self.path = path
        """The queue's folder."""
        self.pid = pid
        """The process that consumes it, where that is known."""


class CorruptedError(PersistQueueError):
    """Stored bytes are damaged. Told once: the next `get` goes on with the next whole record."""

    def __init__(
        self,
        *args: object,
        path: str = "",
        offset: int = 0,
        bytes: int = 0,
        records: int = 0,
        kept: str | None = None,
    ) -> None:
        super().__init__(*args)
        self.path = path
        """The damaged file."""
        self.offset = offset
        """Where the damage starts, in bytes from the start of the file."""
        self.bytes = bytes
        """How many bytes were skipped."""
        self.records = records
        """How many items were lost in them."""
        self.kept = kept
        """The file that the damaged bytes were put aside in."""
