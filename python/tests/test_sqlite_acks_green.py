"""eventlet and gevent, the real ones, on acknowledged queues: a green thread that waits lets the
others run, and one that is interrupted neither loses an item nor wears it out."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import require
from test_green import LIBRARIES, PATCH, PRELUDE, play

pytestmark = pytest.mark.timeout(60)

KINDS = ["SQLiteAckQueue", "FILOSQLiteAckQueue", "UniqueAckQ"]

NACK = """
queue = Queue(sys.argv[1])
queue.put("again")
item = queue.get()
waiter = spawn(queue.get)
until_ten_more_ticks()
queue.nack(item)
assert finish(waiter) == "again"
assert queue.ack(id=1) == 1
"""

DELAY = """
queue = Queue(sys.argv[1])
queue.put("late", delay=0.1)
before = ticks
assert queue.get() == "late"
assert ticks >= before + 10, ticks
"""

LEASE = """
queue = Queue(sys.argv[1], lease=0.1)
queue.put("again")
assert queue.get() == "again"
before = ticks
assert queue.get() == "again"
assert ticks >= before + 10, ticks
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

JOIN = """
queue = Queue(sys.argv[1])
queue.put("work")
item = queue.get()
waiter = spawn(queue.join)
until_ten_more_ticks()
queue.ack(item)
finish(waiter)
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

MANY = """
queue = Queue(sys.argv[1], maxsize=5)
got = []

def produce(name):
    for number in range(15):
        queue.put((name, number))

def consume():
    for _ in range(15):
        item = queue.get()
        assert queue.ack(item)
        got.append(item)

threads = [spawn(produce, name) for name in range(4)] + [spawn(consume) for _ in range(4)]
for thread in threads:
    finish(thread)
assert sorted(got) == [(name, number) for name in range(4) for number in range(15)]
assert queue.acked_count() == 60
"""

# A delivery that reached nobody does not count: with one attempt each, it would end the item.
INTERRUPTED = """
import random
Timeout = eventlet.Timeout if "eventlet" in sys.modules else gevent.Timeout
queue = Queue(sys.argv[1], durability="process", max_attempts=1)
got = []

def consume():
    while len(got) < 200:
        try:
            with Timeout(random.random() * 0.004):
                if random.random() < 0.5:
                    got.append(queue.get())
                else:
                    got.extend(queue.get_many(3))
        except Timeout:
            pass

waiter = spawn(consume)
for number in range(200):
    queue.put((number,))
finish(waiter)
assert sorted(got) == [(number,) for number in range(200)]
assert (queue.size, queue.unack_count(), queue.dead_count()) == (0, 200, 0)
for item in got:
    assert queue.ack(item)
"""

INTERRUPTED_ACK = """
import random
Timeout = eventlet.Timeout if "eventlet" in sys.modules else gevent.Timeout
queue = Queue(sys.argv[1], durability="process")
queue.put_many([(number,) for number in range(100)])
for item in queue.get_many(100):
    try:
        with Timeout(random.random() * 0.002):
            queue.ack(item)
    except Timeout:
        pass
assert queue.active_size() == queue.unack_count(), "what was acked is not held any more"
"""

SCENES = {
    "nack": NACK,
    "delay": DELAY,
    "lease": LEASE,
    "close": CLOSE,
    "join": JOIN,
    "other process": OTHER_PROCESS,
    "many": MANY,
    "interrupted": INTERRUPTED,
    "interrupted ack": INTERRUPTED_ACK,
}


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("kind", KINDS)
def test_green_threads_share_an_acknowledged_queue(
    tmp_path: Path, kind: str, library: str, scene: str
) -> None:
    require(library)
    imports = f"from persistqueue import ClosedError, {kind} as Queue"
    play(tmp_path, PATCH[library], imports, PRELUDE, SCENES[scene])
