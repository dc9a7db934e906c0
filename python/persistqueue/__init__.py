"""Queues on disk that live in your process and survive it."""

from persistqueue import serializers
from persistqueue.exceptions import (
    ClosedError,
    ConsumedElsewhereError,
    CorruptedError,
    Empty,
    Full,
    LockedError,
    PersistQueueError,
    SerializerMismatchError,
    UnrecognisedError,
)
from persistqueue.pdict import PDict
from persistqueue.queue import Queue

__all__ = [
    "ClosedError",
    "ConsumedElsewhereError",
    "CorruptedError",
    "Empty",
    "Full",
    "LockedError",
    "PDict",
    "PersistQueueError",
    "Queue",
    "SerializerMismatchError",
    "UnrecognisedError",
    "__author__",
    "__license__",
    "__version__",
    "serializers",
]

__author__ = "the persist-queue-rs authors"
__license__ = "BSD-3-Clause"
# The same as in Cargo.toml; `./dev test` compares them. Asking the installed package's metadata
# would take longer than the rest of the import.
__version__ = "0.1.0"
