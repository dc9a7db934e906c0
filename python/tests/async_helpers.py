"""Running coroutines in each of the event loops."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from helpers import require


def run(loop: str, main: Coroutine, timeout: float = 60) -> Any:
    """Runs the coroutine in a new loop of the named library."""

    async def limited() -> Any:
        return await asyncio.wait_for(main, timeout)

    if loop == "asyncio":
        return asyncio.run(limited())
    require("uvloop")
    import uvloop

    return uvloop.run(limited())


on_each_loop = pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
