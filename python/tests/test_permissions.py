"""Folders and files have the rights that the umask leaves, and two users share them by a group."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from every_kind import LOCAL

# Nobody has these numbers.
GROUP, ANNE, BEN = 54320, 54321, 54322

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become two other users")


@pytest.fixture
def folder() -> Iterator[Path]:
    # pytest's own folders are for one user only.
    made = Path(tempfile.mkdtemp(prefix="pq-permissions-"))
    made.chmod(0o755)
    try:
        yield made
    finally:
        shutil.rmtree(made)


@pytest.fixture
def shared(folder: Path) -> Path:
    """A folder of the group's, whose files and folders are the group's too."""
    os.chown(folder, -1, GROUP)
    folder.chmod(0o2770)
    return folder / "queue"


class Child:
    """A process that does `work` with another umask, and as another user."""

    def __init__(self, work: Callable[[], object], umask: int, user: int | None = None) -> None:
        # Not a new interpreter: that user might not be allowed to read it.
        self.pid = os.fork()
        if self.pid:
            return
        code = 1
        try:
            os.umask(umask)
            if user is not None:
                os.setgroups([GROUP])
                os.setgid(user)
                os.setuid(user)
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def end(self) -> None:
        _, status = os.waitpid(self.pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL


def anne(work: Callable[[], object]) -> Child:
    return Child(work, 0o002, ANNE)


def ben(work: Callable[[], object]) -> None:
    Child(work, 0o002, BEN).end()


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
@pytest.mark.parametrize("kind", LOCAL)
def test_folders_and_files_have_the_rights_that_the_umask_leaves(
    folder: Path, kind: str, umask: int
) -> None:
    outermost = folder / "made"

    def check() -> None:
        found = [outermost, *outermost.rglob("*")]
        assert len(found) > 3, found
        for path in found:
            full = 0o777 if path.is_dir() else 0o666
            rights = stat.S_IMODE(path.stat().st_mode)
            assert rights == full & ~umask, f"{path} has {rights:o}, umask {umask:o}"

    def work() -> None:
        # While it is open there are files that are gone later.
        LOCAL[kind].put_and_stay(outermost / "queue", "item", check)
        check()
        LOCAL[kind].get(outermost / "queue")
        check()

    Child(work, umask).end()


@as_root
@pytest.mark.parametrize("kind", LOCAL)
def test_two_users_of_a_group_put_and_take_in_turn(shared: Path, kind: str) -> None:
    anne(lambda: LOCAL[kind].put(shared, "from Anne")).end()
    ben(lambda: take(kind, shared, "from Anne"))
    ben(lambda: LOCAL[kind].put(shared, "from Ben"))
    anne(lambda: take(kind, shared, "from Ben")).end()
    ben(lambda: LOCAL[kind].put(shared, "again"))
    ben(lambda: take(kind, shared, "again"))


@as_root
@pytest.mark.parametrize("kind", LOCAL)
def test_two_users_of_a_group_have_it_open_at_the_same_time(shared: Path, kind: str) -> None:
    with_anne_inside(kind, shared, Child.end)


@as_root
@pytest.mark.parametrize("kind", LOCAL)
def test_one_user_goes_on_after_the_others_process_was_killed(shared: Path, kind: str) -> None:
    with_anne_inside(kind, shared, Child.kill)
    ben(lambda: LOCAL[kind].put(shared, "after that"))
    anne(lambda: take(kind, shared, "from Anne", "from Ben", "after that")).end()


def with_anne_inside(kind: str, shared: Path, leave: Callable[[Child], None]) -> None:
    """Anne has it open while Ben puts and takes; then she leaves."""
    inside, told = os.pipe()
    waits, go = os.pipe()

    def stay() -> None:
        os.close(go)

        def wait() -> None:
            os.write(told, b"!")
            os.read(waits, 1)

        LOCAL[kind].put_and_stay(shared, "from Anne", wait)

    process = anne(stay)
    os.close(told)
    os.close(waits)
    try:
        assert os.read(inside, 1) == b"!", "Anne did not come in"
        # An item of a queue that takes without `autosave` is hers to finish while she is there.
        ben(lambda: LOCAL[kind].put(shared, "from Ben"))
        # What is not committed yet is in Anne's memory.
        batched = "batched" in kind
        ben(lambda: take(kind, shared, *["from Ben"] if batched else ["from Ben", "from Anne"]))
    finally:
        os.close(inside)
        if leave is Child.end:
            os.close(go)
        leave(process)
        if leave is not Child.end:
            os.close(go)


def take(kind: str, shared: Path, *expected: str) -> None:
    item = LOCAL[kind].get(shared)
    assert item in expected, item
