"""How a unique queue spells its items, so that equal ones are equal bytes."""

from __future__ import annotations

import io
import pickle
from collections.abc import Awaitable, Callable
from typing import Any

from persistqueue import serializers
from persistqueue._canonical import canonical
from persistqueue.serializers._ordered import ordered

Spell = Callable[[Any], tuple[Any, Any]]
"""Gives an item as bytes, and as those that persist-queue 1.x may have stored, if others."""


def speller(serializer: Any) -> Spell:
    """Gives the function that spells the items of a queue with this serializer."""
    if isinstance(serializer, serializers.Encrypted):
        raise ValueError(
            "a unique queue cannot be encrypted: equal items are not equal bytes there; use Signed"
        )
    if isinstance(serializer, serializers.Signed):
        inside = speller(serializer.serializer)
        return lambda item: serializer.spell(inside(item))
    if serializer in (serializers.pickle, pickle):
        return lambda item: _twice(serializer.dumps, _canonical_or_as_is, item)
    if serializer in (serializers.msgpack, serializers.cbor2):
        return lambda item: _twice(serializer.dumps, ordered, item)
    dumps = getattr(serializer, "dumps", None)
    if dumps is None:
        return lambda item: (_through_file(serializer, ordered(item)), None)
    if _takes_sort_keys(dumps):
        return lambda item: (dumps(item, sort_keys=True), None)
    return lambda item: (dumps(ordered(item)), None)


def _twice(dumps: Callable[[Any], Any], sort: Callable[[Any], Any], item: Any) -> tuple[Any, Any]:
    spelled = dumps(sort(item))
    # persist-queue 1.x sorts only the outermost dictionary.
    theirs = dumps(_outermost_sorted(item))
    return spelled, None if theirs == spelled else theirs


def _canonical_or_as_is(item: Any) -> Any:
    try:
        return canonical(item)
    except RecursionError:
        return item


def _outermost_sorted(item: Any) -> Any:
    if type(item) is not dict:
        return item
    try:
        return {key: item[key] for key in sorted(item)}
    except TypeError:
        return item


def _takes_sort_keys(dumps: Callable[..., Any]) -> bool:
    # Not at the top: it would be half of the time that importing this package takes.
    import inspect

    try:
        parameters = inspect.signature(dumps).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(
        parameter.name == "sort_keys" or parameter.kind is parameter.VAR_KEYWORD
        for parameter in parameters
    )


def _through_file(serializer: Any, item: Any) -> Any:
    file = io.BytesIO()
    written = serializer.dump(item, file)
    return _then_read(written, file) if hasattr(written, "__await__") else file.getvalue()


async def _then_read(written: Awaitable[Any], file: io.BytesIO) -> bytes:
    await written
    return file.getvalue()
