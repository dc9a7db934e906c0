"""The queues of Python that are compared: how each is opened, and what it promises.

Each `opened` is a program of its own environment that defines `opened(folder)`, which gives a
function that puts, one that takes the next item for good, and one that counts what waits.
"""

from __future__ import annotations

from typing import NamedTuple

from results import MACHINE, NOTHING, PROCESS


class Peer(NamedTuple):
    name: str
    survives: str
    opened: str
    environment: str = "peers"
    # How many times fewer items than the fastest ones are worth their time.
    slower: int = 1


OURS = """
from persistqueue import Queue

def opened(folder):
    queue = Queue(folder, autosave=True{durability})
    return queue.put, queue.get, queue.qsize
"""

# Ours, and 1.1.0. It flushes no file before 100 items are in it, then that file, never the folder.
TASK_DONE = """
from persistqueue import Queue

def opened(folder):
    queue = Queue(folder)

    def get():
        item = queue.get()
        queue.task_done()
        return item

    return queue.put, get, queue.qsize
"""

# Each push is a write call, but how many there are is written by `close` alone: a new object starts
# with none, whatever is in its files.
QUEUELIB = """
import pickle
from queuelib import FifoDiskQueue

def opened(folder):
    queue = FifoDiskQueue(folder)
    return (
        lambda item: queue.push(pickle.dumps(item)),
        lambda: pickle.loads(queue.pop()),
        queue.__len__,
    )
"""

# A write-ahead log with synchronous=NORMAL: a commit is a write call. It holds texts, and keeps
# them when they are done.
LITEQUEUE = """
import json
from litequeue import LiteQueue

def opened(folder):
    queue = LiteQueue(folder + "/queue.db")

    def get():
        message = queue.pop()
        queue.done(message.message_id)
        return json.loads(message.data)

    return lambda item: queue.put(json.dumps(item)), get, queue.qsize
"""

# A write-ahead log with synchronous=NORMAL too, in its DEFAULT_SETTINGS.
DISKCACHE = """
from diskcache import Deque

def opened(folder):
    deque = Deque(directory=folder)
    return deque.append, deque.popleft, deque.__len__
"""

# A put writes and flushes Python's buffers, never the kernel's.
PQUEUE = """
from pqueue import Queue

def opened(folder):
    # It renames files from there.
    queue = Queue(folder, tempdir=folder)

    def get():
        item = queue.get()
        queue.task_done()
        return item

    return queue.put, get, queue.qsize
"""

# It leaves `synchronous` as SQLite has it where `fsync` is None: FULL, a flush for each commit.
# With fsync=False it is OFF.
HUEY = """
import pickle
from huey.storage import SqliteStorage

def opened(folder):
    storage = SqliteStorage(filename=folder + "/huey.db", fsync={fsync})
    synchronous = storage.sql("PRAGMA synchronous", results=True)[0][0]
    assert synchronous == {synchronous}, synchronous
    return (
        lambda item: storage.enqueue(pickle.dumps(item)),
        lambda: pickle.loads(storage.dequeue()),
        storage.queue_size,
    )
"""

MEMORY = """
from queue import {kind}

def opened(folder):
    queue = {kind}()
    return queue.put, queue.get, queue.qsize
"""

PICKLED = """
import pickle
from queue import {kind}

def opened(folder):
    queue = {kind}()
    return (
        lambda item: queue.put(pickle.dumps(item)),
        lambda: pickle.loads(queue.get()),
        queue.qsize,
    )
"""

PEERS = [
    Peer("persist-queue-rs, autosave", PROCESS, OURS.format(durability=""), "ours"),
    Peer("persist-queue-rs, task_done", PROCESS, TASK_DONE, "ours"),
    Peer(
        "persist-queue-rs, level disk",
        MACHINE,
        OURS.format(durability=', durability="disk"'),
        "ours",
        20,
    ),
    Peer("persist-queue 1.1.0", PROCESS, TASK_DONE, "theirs", 40),
    Peer("pqueue", PROCESS, PQUEUE, slower=40),
    Peer("queuelib (FifoDiskQueue)", NOTHING, QUEUELIB),
    Peer("litequeue", PROCESS, LITEQUEUE, slower=10),
    Peer("diskcache (Deque)", PROCESS, DISKCACHE, slower=20),
    Peer("huey (SqliteStorage)", MACHINE, HUEY.format(fsync=None, synchronous=2), slower=40),
    Peer("huey, fsync=False", PROCESS, HUEY.format(fsync=False, synchronous=0), slower=20),
    Peer("queue.Queue", NOTHING, MEMORY.format(kind="Queue")),
    Peer("queue.Queue, pickled", NOTHING, PICKLED.format(kind="Queue")),
    Peer("queue.SimpleQueue", NOTHING, MEMORY.format(kind="SimpleQueue")),
    Peer("queue.SimpleQueue, pickled", NOTHING, PICKLED.format(kind="SimpleQueue")),
]
