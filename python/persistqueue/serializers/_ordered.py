"""One spelling for equal values: dictionaries with sorted keys, however deep."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def ordered(value: Any) -> Any:
    """Gives a copy of `value` in which every plain dictionary is sorted by its keys.

    Looks into lists and tuples; leaves subclasses and every other object as they are.
    """
    kind = type(value)
    if kind is dict:
        return {key: ordered(value[key]) for key in _sorted(value)}
    if kind is list:
        return [ordered(item) for item in value]
    if kind is tuple:
        return tuple([ordered(item) for item in value])
    return value


def _sorted(keys: Iterable[Any]) -> list[Any]:
    try:
        return sorted(keys)
    except TypeError:
        # Keys of several types have no order of their own; any will do that is always the same.
        return sorted(keys, key=lambda key: (type(key).__qualname__, repr(key)))
