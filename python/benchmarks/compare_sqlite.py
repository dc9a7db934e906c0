"""Times the queues in SQLite databases of two packages side by side; see `compare.py`.

Both commit with `synchronous=FULL`, except where a case says otherwise.
"""

from __future__ import annotations

from compare import main

PROGRAM = r"""
import json, sqlite3, sys, tempfile, threading, time
import persistqueue
from persistqueue import PriorityQueue, SQLiteAckQueue, SQLiteQueue

COUNT = int(sys.argv[1])
DEPTH, ACKED, HELD = 200_000, 300_000, 8000
ITEM = "a short text, as in a job's name"
OURS = hasattr(persistqueue, "PersistQueueError")
clock = time.perf_counter_ns
result = {}


def timed(name, function, count=COUNT):
    start = clock()
    for _ in range(count):
        function()
    result[name] = (clock() - start) / count


def threads(name, function, count=COUNT):
    def work():
        for _ in range(count // 8):
            function()

    workers = [threading.Thread(target=work) for _ in range(8)]
    start = clock()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    result[name] = (clock() - start) / count


def fill(folder, table, columns, rows):
    # By SQL, in one transaction, while nobody has the queue open.
    data = persistqueue.serializers.pickle.dumps(ITEM)
    connection = sqlite3.connect(folder + "/data.db")
    marks = ", ".join("?" * (len(columns) + 2))
    names = ", ".join(("data", "timestamp", *columns))
    with connection:
        connection.executemany(
            f"INSERT INTO {table} ({names}) VALUES ({marks})",
            ((data, float(number), *rows(number)) for number in range(rows.count)),
        )
    connection.close()


class Rows:
    def __init__(self, count, *values):
        self.count, self.values = count, values

    def __call__(self, number):
        return tuple(value(number) if callable(value) else value for value in self.values)


with tempfile.TemporaryDirectory(dir=".") as folder:
    queue = SQLiteQueue(folder + "/one", multithreading=True)
    timed("put", lambda: queue.put(ITEM))
    timed("get", queue.get)
    queue = SQLiteQueue(folder + "/eight", multithreading=True)
    threads("put, 8 threads", lambda: queue.put(ITEM))
    threads("get, 8 threads", queue.get)

    level = {"durability": "process"} if OURS else {}
    queue = SQLiteQueue(folder + "/process", **level)
    timed("put, ours at process", lambda: queue.put(ITEM))
    timed("get, ours at process", queue.get)
    queue = SQLiteQueue(folder + "/batch", auto_commit=False)
    timed("put, no auto_commit", lambda: queue.put(ITEM))
    queue.task_done()
    queue = SQLiteQueue(":memory:")
    timed("put, in memory", lambda: queue.put(ITEM))
    timed("get, in memory", queue.get)

    PriorityQueue(folder + "/depth").close()
    fill(folder + "/depth", "priority_queue_default", ("priority",), Rows(DEPTH, lambda n: n % 10))
    queue = PriorityQueue(folder + "/depth")
    timed("priority get at 200000", queue.get, 50)

    for name, acked in (("", 0), (" beside 300000 acked", ACKED)):
        path = folder + "/ack" + str(acked)
        SQLiteAckQueue(path).close()
        fill(path, "ack_queue_default", ("status",), Rows(acked, 5))
        queue = SQLiteAckQueue(path)
        for _ in range(200):
            queue.put(ITEM)
        timed("ack get" + name, queue.get, 200)

    path = folder + "/held"
    SQLiteAckQueue(path).close()
    fill(path, "ack_queue_default", ("status",), Rows(HELD, 0))
    queue = SQLiteAckQueue(path, **level)
    items = [queue.get() for _ in range(HELD)]
    timed("ack with 8000 held, ours at process", lambda: queue.ack(items.pop()), 400)
    if not OURS:
        queue._putter.execute("PRAGMA synchronous = NORMAL")
    timed("ack with 8000 held, both NORMAL", lambda: queue.ack(items.pop()), 400)
    # What the search for the item costs, without any disk.
    queue = SQLiteAckQueue(":memory:")
    for _ in range(HELD):
        queue.put(ITEM)
    items = [queue.get() for _ in range(HELD)]
    timed("ack with 8000 held, in memory", lambda: queue.ack(items.pop()), 200)
    del queue
print(json.dumps(result))
"""

if __name__ == "__main__":
    main(PROGRAM, "sqlite", "as the case says")
