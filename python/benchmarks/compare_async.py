"""Times the asynchronous queues of two installed packages side by side.

Arguments as in `compare.py`.

"longest" is the longest time for which the event loop was held while another task put and took.
"""

from __future__ import annotations

from compare import main

PROGRAM = r"""
import asyncio, json, sys, tempfile, time
from persistqueue.async_queue import AsyncQueue
from persistqueue.async_sqlqueue import AsyncSQLiteQueue

COUNT = int(sys.argv[1])
ITEM = "a short text, as in a job's name"
clock = time.perf_counter_ns
result = {}


async def timed(name, function):
    start = clock()
    for _ in range(COUNT):
        await function()
    result[name] = (clock() - start) / COUNT


async def measure(folder):
    queue = AsyncQueue(folder + "/plain")
    await timed("put", lambda: queue.put(ITEM))
    await timed("get", queue.get)
    await timed("task_done", queue.task_done)
    queue = AsyncQueue(folder + "/autosave", autosave=True)
    for _ in range(COUNT):
        await queue.put(ITEM)
    await timed("get, autosave", queue.get)

    there, back = AsyncQueue(folder + "/there"), AsyncQueue(folder + "/back")

    async def answer():
        for _ in range(200):
            await back.put(await there.get())

    answering = asyncio.create_task(answer())
    start = clock()
    for _ in range(200):
        await there.put(ITEM)
        await back.get()
    result["to a task and back"] = (clock() - start) / 200
    await answering

    longest = 0
    busy = True

    async def watch():
        nonlocal longest
        while busy:
            before = clock()
            await asyncio.sleep(0)
            longest = max(longest, clock() - before)

    watching = asyncio.create_task(watch())
    for _ in range(500):
        await queue.put(ITEM)
        await asyncio.sleep(0)
        await queue.get()
        await asyncio.sleep(0)
    busy = False
    await watching
    result["longest"] = longest


async def measure_database(folder):
    # Both flush each commit: synchronous=FULL.
    queue = AsyncSQLiteQueue(folder + "/one.db")
    await queue.put(ITEM)
    await queue.get()
    count = min(COUNT, 500)
    for name, function in (("put", lambda: queue.put(ITEM)), ("get", queue.get)):
        start = clock()
        for _ in range(count):
            await function()
        result["database: " + name] = (clock() - start) / count

    async def work(times):
        for _ in range(times):
            await queue.put(ITEM)
            await queue.get()

    start = clock()
    await asyncio.gather(*(work(5) for _ in range(100)))
    result["database: put and get, 100 tasks"] = (clock() - start) / 500

    held = []
    busy = True

    async def watch():
        while busy:
            before = clock()
            await asyncio.sleep(0)
            held.append(clock() - before)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(work(5) for _ in range(20)))
    busy = False
    await watching
    result["database: longest but 0.1 %"] = sorted(held)[int(len(held) * 0.999)]
    await queue.close()


with tempfile.TemporaryDirectory() as folder:
    asyncio.run(measure(folder))
    asyncio.run(measure_database(folder))
print(json.dumps(result))
"""

if __name__ == "__main__":
    main(PROGRAM, "tasks", "as the case says")
