"""eventlet and gevent, the real ones: a green thread that waits in a database's queue lets the
others run."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import require
from test_green import LIBRARIES, PATCH, PRELUDE, play

pytestmark = pytest.mark.timeout(60)

KINDS = ["SQLiteQueue", "FILOSQLiteQueue", "UniqueQ", "PriorityQueue"]

GET = """
queue = Queue(sys.argv[1])
waiter = spawn(queue.get)
until_ten_more_ticks()
queue.put("late")
assert finish(waiter) == "late"
"""

PUT = """
queue = Queue(sys.argv[1], maxsize=1)
queue.put("first")
waiter = spawn(queue.put, "second")
until_ten_more_ticks()
assert queue.qsize() == 1
assert queue.get() == "first"
finish(waiter)
assert queue.get() == "second"
"""

JOIN = """
queue = Queue(sys.argv[1])
queue.put("work")
waiter = spawn(queue.join)
until_ten_more_ticks()
queue.get()
finish(waiter)
"""

CLOSE = """
queue = Queue(sys.argv[1])

def refused():
    try:
        queue.get()
    except ClosedError:
        return "closed"

waiter = spawn(refused)
until_ten_more_ticks()
queue.close()
assert finish(waiter) == "closed"
"""

TIMEOUT = """
queue = Queue(sys.argv[1], maxsize=1)
before = ticks
try:
    queue.get(timeout=0.2)
    raise SystemExit("no Empty")
except Empty:
    pass
assert ticks >= before + 10, ticks
queue.put("fills it")
before = ticks
try:
    queue.put("refused", timeout=0.2)
    raise SystemExit("no Full")
except Full:
    pass
assert ticks >= before + 10, ticks
"""

MANY = """
queue = Queue(sys.argv[1], maxsize=5)
got = []

def produce(name):
    for number in range(20):
        queue.put((name, number))

def consume():
    for _ in range(20):
        got.append(queue.get())

threads = [spawn(produce, name) for name in range(4)] + [spawn(consume) for _ in range(4)]
for thread in threads:
    finish(thread)
assert sorted(got) == [(name, number) for name in range(4) for number in range(20)]
"""

OTHER_PROCESS = """
import subprocess
queue = Queue(sys.argv[1])
waiter = spawn(queue.get)
until_ten_more_ticks()
put = "import sys, persistqueue as p; getattr(p, sys.argv[2])(sys.argv[1]).put('from outside')"
child = subprocess.Popen([sys.executable, "-c", put, sys.argv[1], Queue.__name__])
assert finish(waiter) == "from outside"
assert child.wait() == 0
"""

LOCKED = """
import subprocess, time
queue = Queue(sys.argv[1])
lock = '''
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
'''
pipe = subprocess.PIPE
child = subprocess.Popen(
    [sys.executable, "-c", lock, sys.argv[1] + "/data.db"], stdin=pipe, stdout=pipe
)
assert child.stdout.readline() == b"locked\\n"
waiter = spawn(queue.put, "waits for the lock")
until_ten_more_ticks()
child.stdin.close()
finish(waiter)
assert child.wait() == 0
assert queue.get() == "waits for the lock"
"""

INTERRUPTED = """
import random
Timeout = eventlet.Timeout if "eventlet" in sys.modules else gevent.Timeout
queue = Queue(sys.argv[1], durability="process")
got = []

def consume():
    while len(got) < 200:
        try:
            with Timeout(random.random() * 0.004):
                got.append(queue.get())
        except Timeout:
            pass

waiter = spawn(consume)
for number in range(200):
    queue.put(number)
finish(waiter)
assert sorted(got) == list(range(200))
assert queue.size == len(queue.queue()) == 0
"""

SCENES = {
    "get": GET,
    "put": PUT,
    "join": JOIN,
    "close": CLOSE,
    "timeout": TIMEOUT,
    "many": MANY,
    "other process": OTHER_PROCESS,
    "locked": LOCKED,
    "interrupted": INTERRUPTED,
}


def imports(kind: str) -> str:
    return f"from persistqueue import ClosedError, Empty, Full, {kind} as Queue"


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_blocked_call_lets_other_green_threads_run(
    tmp_path: Path, kind: str, library: str, scene: str
) -> None:
    require(library)
    play(tmp_path, PATCH[library], imports(kind), PRELUDE, SCENES[scene])


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("library", LIBRARIES)
def test_patching_after_the_import_works_too(tmp_path: Path, library: str, scene: str) -> None:
    require(library)
    play(tmp_path, imports("SQLiteQueue"), PATCH[library], PRELUDE, SCENES[scene])
