"""CBOR: as small as MessagePack, with dates, decimals and more, and a standard."""

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
    encoded: bytes = optional("cbor2").dumps(ordered(value) if sort_keys else value)
    return encoded


def load(fp: BinaryIO) -> Any:
    """Reads one value from `fp`. `EOFError` where it is not there as a whole."""
    return loads(_framed.read(fp))


def loads(bytes_value: bytes) -> Any:
    """Gives the value that `dumps` was given."""
    return optional("cbor2").loads(bytes_value)
