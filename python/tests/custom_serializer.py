"""A serializer of a user's own, as a module: one Python literal a line."""

from __future__ import annotations

import ast
from typing import Any, BinaryIO


def dump(value: Any, fp: BinaryIO) -> None:
    fp.write(repr(value).encode() + b"\n")


def load(fp: BinaryIO) -> Any:
    return ast.literal_eval(fp.readline().decode())
