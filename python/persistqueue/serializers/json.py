"""JSON, one value a line: readable by everything, and only for what JSON knows."""

from __future__ import annotations

import json
from typing import Any, BinaryIO

__all__ = ["dump", "dumps", "load", "loads"]


def dump(value: Any, fp: BinaryIO, sort_keys: bool = False) -> None:
    """Writes `value` to `fp`, and a newline."""
    fp.write(dumps(value, sort_keys) + b"\n")


def dumps(value: Any, sort_keys: bool = False) -> bytes:
    """Gives `value` as bytes, without a newline."""
    return json.dumps(value, sort_keys=sort_keys).encode()


def load(fp: BinaryIO) -> Any:
    """Reads one line from `fp`. `EOFError` at the end."""
    line = fp.readline()
    if not line:
        raise EOFError("the stream has ended")
    return json.loads(line)


def loads(bytes_value: bytes) -> Any:
    """Gives the value that `dumps` was given."""
    return json.loads(bytes_value)
