"""Packages that not everybody has installed."""

from __future__ import annotations

import importlib
from typing import Any

# The import system would be asked for every item otherwise.
_loaded: dict[str, Any] = {}


def optional(package: str) -> Any:
    """Imports `package`, or says how to get it."""
    module = _loaded.get(package)
    if module is None:
        module = _loaded[package] = _import(package)
    return module


def _import(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ImportError(
            f"the serializer '{package}' needs the package '{package}': "
            f"pip install persist-queue-rs[{package}]",
            name=package,
        ) from error
