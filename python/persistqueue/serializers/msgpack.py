"""MessagePack: small and fast, and readable from any language. Lists come back as tuples."""

from __future__ import annotations

from typing import Any, BinaryIO

from persistqueue.serializers import _framed
from persistqueue.serializers._optional import optional
from persistqueue.serializers._ordered import ordered

__all__ = ["dump", "dumps", "load", "loads"]


def dump(value: Any, fp: BinaryIO, sort_keys: bool = False) -> None:
    """Writes `value` to `fp`, behind its length."""
    _framed.write(dumps(value, sort_keys), fp)


def dumps(value: Any, sort_keys: bool = False) -> bytes:
    """Gives `value` as bytes."""
    packed: bytes = optional("msgpack").packb(ordered(value) if sort_keys else value)
    return packed


def load(fp: BinaryIO) -> Any:
    """Reads one value from `fp`. `EOFError` where it is not there as a whole."""
    return loads(_framed.read(fp))


def loads(bytes_value: bytes) -> Any:
    """Gives the value that `dumps` was given."""
    # What can be put can be taken: msgpack packs keys of any type but by default reads only text.
    return optional("msgpack").unpackb(bytes_value, use_list=False, strict_map_key=False)
