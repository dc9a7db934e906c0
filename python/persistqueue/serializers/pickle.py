"""The default serializer: any Python object. Only open queues whose writers you trust."""

from __future__ import annotations

import pickle
from typing import Any, BinaryIO

from persistqueue.serializers._ordered import ordered

__all__ = ["dump", "dumps", "load", "loads", "protocol"]

protocol = 4
"""The version of pickle's format. Fixed, so that programs on older Pythons read the queue too."""

# Bound once: a look-up in the module for each item would be a tenth of the time.
_dump, _dumps, _load, _loads = pickle.dump, pickle.dumps, pickle.load, pickle.loads


def dump(value: Any, fp: BinaryIO, sort_keys: bool = False) -> None:
    """Writes `value` to `fp`."""
    _dump(ordered(value) if sort_keys else value, fp, protocol)


def dumps(value: Any, sort_keys: bool = False) -> bytes:
    """Gives `value` as bytes."""
    return _dumps(ordered(value) if sort_keys else value, protocol)


def load(fp: BinaryIO) -> Any:
    """Reads one value from `fp`."""
    return _load(fp)


def loads(bytes_value: bytes) -> Any:
    """Gives the value that `dumps` was given."""
    return _loads(bytes_value)
