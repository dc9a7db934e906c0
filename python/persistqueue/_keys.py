"""How keys that are neither text nor bytes are written down: equal keys the same, in ASCII."""

from __future__ import annotations

import ast
import datetime
import math
from typing import Any

__all__ = ["spell", "value"]


def spell(key: Any) -> tuple[bool, str] | None:
    """Gives whether the key is a literal, and its spelling; None for what cannot be a key."""
    hash(key)  # what a dictionary refuses is refused with the same error
    if isinstance(key, datetime.datetime):
        # As persist-queue 1.x stores dates: as text.
        return False, key.isoformat(" ")
    if isinstance(key, datetime.date):
        return False, key.isoformat()
    literal = _literal(key)
    return None if literal is None else (True, literal)


def value(literal: str) -> Any:
    """Gives the key that was spelled so. Runs no code, whatever is in the file."""
    return ast.literal_eval(literal)


def _literal(key: Any) -> str | None:
    if key is None:
        return "None"
    if isinstance(key, int):
        return repr(int(key))
    if isinstance(key, float):
        return _float(key)
    if isinstance(key, str):
        # Not `repr`: which characters that escapes changes between versions of Python.
        return ascii(str.__str__(key))
    if isinstance(key, bytes):
        return repr(bytes(key))
    if isinstance(key, tuple):
        return _tuple(key)
    return None


def _float(key: float) -> str | None:
    if math.isnan(key):
        return None
    if math.isinf(key):
        return "1e999" if key > 0 else "-1e999"
    return repr(int(key)) if key.is_integer() else repr(float(key))


def _tuple(key: tuple[Any, ...]) -> str | None:
    parts = []
    for part in key:
        literal = _literal(part)
        if literal is None:
            return None
        parts.append(literal)
    return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"
