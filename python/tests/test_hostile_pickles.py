"""A pickle that would run code, in every place where one can lie: looking never runs it.

Only taking an item deserializes it, and not even that does where items are signed.
"""

from __future__ import annotations

import os
import pickle
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from every_kind import EVERY, LOCAL, ON_SERVER, Raw
from helpers import drain, old_folder, persistq
from servers import MAKES

import persistqueue
from persistqueue import Queue, UntrustedError
from persistqueue.serializers import Encrypted, Signed

KEY = b"a key that is no secret, and long enough"


class Evil:
    """Its pickle makes a folder when it is read, also in another process."""

    def __init__(self, marker: Path) -> None:
        self.marker = str(marker)

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (self.marker,)


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "it-ran"


@pytest.fixture
def evil(marker: Path) -> bytes:
    return pickle.dumps(Evil(marker), 4)


@pytest.mark.parametrize("kind", EVERY)
def test_opening_and_counting_run_nothing(place: Any, kind: str, evil: bytes, marker: Path) -> None:
    EVERY[kind].put(place, evil, Raw())
    assert EVERY[kind].look(place) == 1
    assert not marker.exists()
    # That it would run is what this test stands on.
    EVERY[kind].get(place)
    assert marker.exists()


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("protection", [Signed, Encrypted])
def test_a_get_of_signed_items_runs_nothing(
    place: Any, kind: str, protection: Any, evil: bytes, marker: Path
) -> None:
    if protection is Encrypted and "Unique" in kind:
        pytest.skip("a unique queue cannot be encrypted")
    serializer = protection(keys=[KEY])
    EVERY[kind].put(place, evil, Raw())
    with pytest.raises(UntrustedError):
        EVERY[kind].get(place, serializer)
    assert not marker.exists()


@pytest.mark.parametrize("kind", ["Queue", "SQLiteQueue", "AsyncQueue", "PDict"])
@pytest.mark.parametrize("protection", [Signed, Encrypted])
def test_what_looks_like_a_signature_runs_nothing(
    place: Any, kind: str, protection: Any, evil: bytes, marker: Path
) -> None:
    serializer = protection(keys=[KEY])
    honest = serializer.dumps("honest")
    behind = honest[: -len(pickle.dumps("honest", 4))]
    for planted in [honest + evil, behind + evil, honest[:12] + evil, honest[:4] + evil]:
        EVERY[kind].put(place, planted, Raw())
        with pytest.raises(UntrustedError):
            EVERY[kind].get(place, serializer)
    assert not marker.exists()


LOOKS = {
    "len": ["len", "{queue}"],
    "peek": ["peek", "{queue}", "--all"],
    "peek as JSON": ["peek", "{queue}", "--json"],
    "stats": ["stats", "{queue}"],
    "ls": ["ls", "{folder}"],
    "doctor": ["doctor", "{queue}"],
    "watch": ["watch", "{queue}", "--prometheus", "{folder}/metrics", "--once"],
    "export": ["export", "{queue}"],
    "copy": ["copy", "{queue}", "{folder}/another"],
    "repair": ["repair", "{queue}"],
    "get": ["get", "{queue}", "--all", "--json"],
    "purge": ["purge", "{queue}", "--yes"],
}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize(
    "kind", [kind for kind in LOCAL if LOCAL[kind].url and kind[:5] != "Async"]
)
def test_the_command_runs_nothing(
    place: Any, kind: str, look: str, evil: bytes, marker: Path
) -> None:
    LOCAL[kind].put(place, evil, Raw())
    queue = str(LOCAL[kind].url).format(place)
    command = [word.format(queue=queue, folder=place) for word in LOOKS[look]]
    # Some of them say that the item is not theirs to read, and do not end with 0.
    run(*command)
    assert not marker.exists()


def run(*command: str, codes: tuple[int, ...] = (0, 1, 6)) -> None:
    whole = [sys.executable, "-m", "persistqueue", *command]
    done = subprocess.run(whole, capture_output=True, text=True, timeout=60)
    assert done.returncode in codes, (command, done)
    assert "panicked" not in done.stderr


@pytest.mark.parametrize("where", ["chunk", "info"])
@pytest.mark.parametrize("serializer", [None, pickle, Signed(keys=[KEY])])
def test_converting_a_folder_of_persist_queue_1_runs_nothing(
    tmp_path: Path, evil: bytes, marker: Path, where: str, serializer: Any
) -> None:
    folder = tmp_path / "old"
    if where == "chunk":
        old_folder(folder, ["before", Evil(marker), "after"])
    else:
        old_folder(folder, ["before", "after"], info=evil)
    options = {} if serializer is None else {"serializer": serializer}
    try:
        queue = Queue(folder, **options)
    except persistqueue.PersistQueueError:
        queue = None
    assert not marker.exists()
    if queue is None:
        return
    size = queue.qsize()
    assert not marker.exists()
    if isinstance(serializer, Signed):
        for _ in range(size):
            with pytest.raises(UntrustedError):
                queue.get_nowait()
        assert not marker.exists()
    queue.close()


@pytest.mark.parametrize("command", ["len", "peek", "doctor", "ls", "stats", "import"])
def test_the_command_on_a_folder_of_persist_queue_1_runs_nothing(
    tmp_path: Path, marker: Path, command: str
) -> None:
    folder = tmp_path / "old"
    old_folder(folder, ["before", Evil(marker), "after"])
    if command == "import":
        run("import", str(tmp_path / "new"), str(folder))
    else:
        run(command, str(tmp_path if command == "ls" else folder))
    assert not marker.exists()


NAMES = [
    "info",
    "tmpabc123",
    "info.tmp",
    "q00001",
    "q00000.tmp",
    "control",
    "control.tmp",
    "lock",
    "lock.turn",
    "lock.consumer",
    "damaged-q00000-128",
    "foreign-q00000-0",
    "data.db-journal",
    "notes.pickle",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_any_name_in_the_folder_runs_nothing(
    tmp_path: Path, evil: bytes, marker: Path, name: str
) -> None:
    folder = tmp_path / "queue"
    with Queue(folder) as queue:
        queue.put("honest")
    (folder / name).write_bytes(evil)
    got = []
    try:
        with Queue(folder) as queue:
            queue.qsize()
            got = drain(queue)
    except persistqueue.PersistQueueError:
        pass  # it says that it does not know the file
    assert got in ([], ["honest"])
    for command in ["len", "peek", "doctor", "stats"]:
        run(command, str(folder), codes=(0, 1, 5, 6))
    assert not marker.exists()


def test_the_keys_of_a_dictionary_run_nothing(tmp_path: Path, evil: bytes, marker: Path) -> None:
    with persistqueue.PDict(str(tmp_path), "d") as dictionary:
        dictionary[7] = "value"
    # As literals are stored: Python code, a pickle, and nonsense.
    code = f"__import__('os').mkdir({str(marker)!r})".encode()
    database = sqlite3.connect(tmp_path / "data.db")
    (table,) = database.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '%d%' "
        "AND sql LIKE '%key%'"
    ).fetchone()
    for key in [b"\xffpq\0" + code, evil, b"\xffpq\0" + evil, b"\xffpq\0((((("]:
        database.execute(f'INSERT INTO "{table}" (key, data) VALUES (?, ?)', (key, evil))
    database.commit()
    database.close()
    with persistqueue.PDict(str(tmp_path), "d") as dictionary:
        assert len(dictionary) == 5
        keys = dictionary.iterkeys()
        read = 0
        for _ in range(5):
            try:
                next(keys)
                read += 1
            except (ValueError, SyntaxError, TypeError):
                pass
        assert read >= 1
        assert dictionary[7] == "value"
        assert 7 in dictionary
        dictionary.clear()
    assert not marker.exists()


@pytest.mark.parametrize("kind", ON_SERVER)
def test_the_command_on_a_server_runs_nothing(
    place: Any, kind: str, evil: bytes, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ON_SERVER[kind].put(place, evil, Raw())
    make = MAKES[ON_SERVER[kind].make]
    if "password" in place:
        monkeypatch.setenv(f"{make.variable}_PASSWORD", place["password"])
    queue = ON_SERVER[kind].url.format(make.url(place, f"#{place['name']}"))
    for command in ["len", "peek", "stats", "doctor", "export"]:
        run(command, queue)
    assert place["name"] in persistq("ls", make.url(place))
    assert not marker.exists()
