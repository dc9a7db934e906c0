"""What holds for all tests."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from every_kind import LOCAL, ON_SERVER
from servers import DATABASES, MAKES, AnyServer, Server, shared_server

# A shell starts what runs in the background with Ctrl-C ignored, and processes that the tests start
# would inherit that: those that are to be interrupted would not be.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def server_of() -> Iterator[Callable[[str], Any]]:
    """Gives the server of a make, which is started where none is there yet."""
    running: dict[str, AnyServer] = {}
    with ExitStack() as stack:

        def server_of(make: str) -> AnyServer:
            if make not in running:
                running[make] = stack.enter_context(shared_server(MAKES[make]))
            return running[make]

        yield server_of


@pytest.fixture(params=DATABASES)
def server(request: pytest.FixtureRequest, server_of: Callable[[str], Any]) -> Server:
    return server_of(request.param)


@pytest.fixture
def database(server: Server) -> Iterator[dict[str, Any]]:
    """The arguments of a queue in a new database."""
    with server.database() as arguments:
        yield arguments


@pytest.fixture
def place(
    tmp_path: Path, request: pytest.FixtureRequest, server_of: Callable[[str], AnyServer]
) -> Iterator[Any]:
    """Where the kind of the test's parameter is opened."""
    kind = request.getfixturevalue("kind")
    if kind in LOCAL:
        folder = tmp_path / "place"
        folder.mkdir()
        yield folder
        return
    with server_of(ON_SERVER[kind].make).place() as arguments:
        yield arguments
