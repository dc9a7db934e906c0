"""Values one after the other in one stream: each behind its length, as a little-endian u32."""

from __future__ import annotations

import struct
from typing import BinaryIO

_LENGTH = struct.Struct("<L")


def write(data: bytes, fp: BinaryIO) -> None:
    """Writes one frame."""
    fp.write(_LENGTH.pack(len(data)) + data)


def read(fp: BinaryIO) -> bytes:
    """Reads one frame. `EOFError` where it is not there as a whole."""
    (length,) = _LENGTH.unpack(_exactly(fp, _LENGTH.size))
    return _exactly(fp, length)


def _exactly(fp: BinaryIO, size: int) -> bytes:
    data = fp.read(size)
    if len(data) != size:
        raise EOFError(f"the stream ends after {len(data)} of {size} bytes")
    return data
