"""eventlet and gevent, the real ones: a green thread that waits lets the others run.

Each script runs in an interpreter of its own, because patching changes the whole interpreter.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from helpers import require, run_python

LIBRARIES = ["eventlet", "gevent"]

pytestmark = pytest.mark.timeout(60)

PATCH = {
    "eventlet": "import eventlet; eventlet.monkey_patch()",
    "gevent": "from gevent import monkey; monkey.patch_all()",
}

# What both libraries call by other names, and a green thread that counts while another waits.
PRELUDE = """
import sys
if "eventlet" in sys.modules:
    import eventlet
    spawn, sleep = eventlet.spawn, eventlet.sleep
    finish = lambda thread: thread.wait()
else:
    import gevent
    spawn, sleep = gevent.spawn, gevent.sleep
    finish = lambda thread: thread.get(timeout=20)

ticks = 0

def clock():
    global ticks
    while True:
        ticks += 1
        sleep(0.001)

def until_ten_more_ticks():
    goal = ticks + 10
    while ticks < goal:
        sleep(0.001)

spawn(clock)
"""

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
queue.task_done()
finish(waiter)
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
queue = Queue(sys.argv[1], maxsize=5, autosave=True)
got = []

def produce(name):
    for number in range(50):
        queue.put((name, number))

def consume():
    while (item := queue.get()) is not None:
        got.append(item)

producers = [spawn(produce, name) for name in range(5)]
consumers = [spawn(consume) for _ in range(3)]
for thread in producers:
    finish(thread)
for _ in consumers:
    queue.put(None)
for thread in consumers:
    finish(thread)
assert sorted(got) == [(name, number) for name in range(5) for number in range(50)]
"""

OTHER_PROCESS = """
import json, subprocess
queue = Queue(sys.argv[1], autosave=True)
waiter = spawn(queue.get)
until_ten_more_ticks()
put = "import sys, persistqueue as p; p.Queue(sys.argv[1]).put('from outside')"
child = subprocess.Popen([sys.executable, "-c", put, sys.argv[1]])
assert finish(waiter) == "from outside"
assert child.wait() == 0
"""

INTERRUPTED = """
import random
Timeout = eventlet.Timeout if "eventlet" in sys.modules else gevent.Timeout
queue = Queue(sys.argv[1], autosave=True, durability="disk")
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
assert got == list(range(200))
assert queue.qsize() == 0
"""

SCENES = {
    "get": GET,
    "put": PUT,
    "join": JOIN,
    "timeout": TIMEOUT,
    "many": MANY,
    "other process": OTHER_PROCESS,
    "interrupted": INTERRUPTED,
}
IMPORT = "from persistqueue import Empty, Full, Queue"


def play(folder: Path, *parts: str) -> None:
    try:
        run_python("\n".join(parts), folder / "q", timeout=30)
    except subprocess.TimeoutExpired as error:
        raise AssertionError(f"the whole program hangs: {error.stderr!r}") from None


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_blocked_call_lets_other_green_threads_run(
    tmp_path: Path, library: str, scene: str
) -> None:
    require(library)
    play(tmp_path, PATCH[library], IMPORT, PRELUDE, SCENES[scene])


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("library", LIBRARIES)
def test_patching_after_the_import_works_too(tmp_path: Path, library: str, scene: str) -> None:
    require(library)
    play(tmp_path, IMPORT, PATCH[library], PRELUDE, SCENES[scene])


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_durable_level_lets_other_green_threads_run(tmp_path: Path, library: str) -> None:
    require(library)
    scene = MANY.replace("autosave=True", "autosave=True, durability='disk'")
    play(tmp_path, PATCH[library], IMPORT, PRELUDE, scene)
