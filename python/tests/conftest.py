"""What holds for all tests."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from every_kind import LOCAL
from mysql_server import Server, shared_server

# A shell starts what runs in the background with Ctrl-C ignored, and processes that the tests start
# would inherit that: those that are to be interrupted would not be.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with shared_server() as running:
        yield running


@pytest.fixture
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Where the kind of the test's parameter is opened."""
    if request.getfixturevalue("kind") in LOCAL:
        folder = tmp_path / "place"
        folder.mkdir()
        yield folder
        return
    with request.getfixturevalue("server").database() as arguments:
        yield arguments
