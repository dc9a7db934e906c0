"""How a queue is handed to another process: pickled as what it was opened with, opened there."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any


def pickled(state: dict[str, Any], arguments: dict[str, Any] | None) -> dict[str, Any]:
    """The state of an object that was opened with `arguments`, as it can be pickled."""
    if arguments is None:
        raise ValueError("a queue that was never opened cannot be pickled")
    arguments = {**arguments, "serializer": findable(arguments["serializer"])}
    return {**state, "_arguments": arguments}


def unpickled(state: dict[str, Any]) -> dict[str, Any]:
    """Takes out of a pickled state what the object is to be opened with."""
    arguments: dict[str, Any] = state.pop("_arguments")
    arguments["serializer"] = found(arguments["serializer"])
    return arguments


def findable(serializer: Any) -> Any:
    """A serializer as it can be pickled."""
    is_module = isinstance(serializer, ModuleType)
    return _ModuleName(serializer.__name__) if is_module else serializer


def found(serializer: Any) -> Any:
    """The serializer of what `findable` gave."""
    named = isinstance(serializer, _ModuleName)
    return importlib.import_module(serializer) if named else serializer


class _ModuleName(str):
    """Stands in a pickle for a module, which cannot be pickled itself."""
