"""Queues on database servers, against real ones: what is the same on each make."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from helpers import ending, in_thread, run_python, start_python
from servers import Server, private_server

from persistqueue import Empty, Full, serializers
from persistqueue.exceptions import ClosedError, ConnectError, DatabaseError, UndecodableError

SECRET = "s3cret-pass/word"


class Here:
    """A new database, and the classes for queues in it."""

    def __init__(self, server: Server, arguments: dict[str, Any]) -> None:
        self.server, self.arguments = server, arguments
        self.table = f"queue_{server.unnamed}"

    def fifo(self, **options: Any) -> Any:
        return self.server.kinds["fifo"](**{**self.arguments, **options})

    def priority(self) -> Any:
        return self.server.kinds["priority"](**self.arguments)

    def ack(self, **options: Any) -> Any:
        return self.server.kinds["ack"](**self.arguments, **options)

    def tasks(self, kind: str = "fifo", **options: Any) -> Any:
        return self.server.tasks[kind](**self.arguments, **options)

    def code(self, kind: str) -> str:
        """As a program opens one, with the arguments in its own first argument."""
        name = self.server.kinds[kind].__name__
        return f"persistqueue.{name}(**eval(sys.argv[1]))"

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        return self.server.execute(sql, self.arguments["database"])


@pytest.fixture
def here(server: Server, database: dict[str, Any]) -> Iterator[Here]:
    yield Here(server, database)


# --- names and arguments -------------------------------------------------------------------------


def test_the_table_is_called_as_elsewhere(here: Here) -> None:
    here.fifo().put(1)
    here.fifo(name="named").put(1)
    here.fifo(table_name="exact").put(1)
    here.ack().put(1)
    tables = here.server.tables(here.arguments)
    assert tables == {here.table, "queue_named", "exact", f"ack_queue_{here.server.unnamed}"}


def test_arguments_that_make_no_sense_are_told(here: Here) -> None:
    with pytest.raises(ValueError, match="tls"):
        here.fifo(tls="perhaps")
    with pytest.raises(TypeError):
        type(here.fifo())("127.0.0.1")


# --- what a queue does ---------------------------------------------------------------------------


def test_it_does_what_an_sqlite_queue_does(here: Here) -> None:
    queue = here.fifo()
    first = queue.put({"a": [1, 2]})
    second = queue.put_nowait("two")
    assert isinstance(first, int) and second > first
    assert (queue.size, queue.qsize(), len(queue), queue.empty(), queue.full()) == (
        2, 2, 2, False, False,
    )  # fmt: skip
    assert [row["data"] for row in queue.queue()] == [{"a": [1, 2]}, "two"]
    assert queue.peek() == {"a": [1, 2]}
    assert queue.update("2", id=second) == second
    raw = queue.get(raw=True)
    assert (raw["pqid"], raw["data"]) == (first, {"a": [1, 2]})
    assert abs(raw["timestamp"] - time.time()) < 60
    assert queue.get(id=second) == "2"
    with pytest.raises(Empty):
        queue.get(block=False)
    with pytest.raises(Empty):
        queue.get(timeout=0.05)
    queue.task_done()
    queue.join()
    assert queue.put_many(["x", "y", "z"])[0] > second
    assert queue.get_many(2) == ["x", "y"]
    assert queue.purge() == 1
    queue.shrink_disk_usage()
    queue.close()
    with pytest.raises(ClosedError):
        queue.put(1)


@pytest.mark.parametrize("item", [None, 0, "", False, b"", "ü\0𝄞", [], 2**70])
def test_any_value_is_an_item(here: Here, item: Any) -> None:
    queue = here.fifo()
    queue.put(item)
    assert queue.get(block=False) == item


@pytest.mark.parametrize("name", ["pickle", "json", "msgpack", "cbor2"])
def test_serializers(here: Here, name: str) -> None:
    queue = here.fifo(serializer=getattr(serializers, name))
    queue.put({"k": {"one": 1, "two": None}})
    assert queue.get(block=False) == {"k": {"one": 1, "two": None}}


def test_large_items_and_exact_times_come_back(here: Here) -> None:
    before = time.time()
    queue = here.fifo()
    queue.put(b"x" * 3_000_000)
    row = queue.get(raw=True)
    assert row["data"] == b"x" * 3_000_000
    assert before - 1 <= row["timestamp"] <= time.time() + 1


def test_a_row_that_does_not_decode_stays(here: Here) -> None:
    queue = here.fifo()
    queue.put("good")
    here.execute(f"UPDATE {here.table} SET data = 'no pickle'")
    queue.put("next")
    with pytest.raises(UndecodableError, match="row 1"):
        queue.get(block=False)
    assert queue.get(block=False) == "next"
    assert here.execute(f"SELECT data FROM {here.table}") == [(b"no pickle",)]


@pytest.mark.parametrize("quote", ["`", '"'])
def test_names_are_no_sql(here: Here, quote: str) -> None:
    name = f"o'ne{quote}; DROP TABLE {here.table}; --"
    here.fifo().put("safe")
    here.fifo(name=name).put("odd")
    assert here.fifo(name=name).get(block=False) == "odd"
    assert here.fifo().get(block=False) == "safe"


def test_the_lowest_priority_comes_first(here: Here) -> None:
    queue = here.priority()
    for number, priority in enumerate([5, 1, 5, -2, 1]):
        queue.put(number, priority)
    assert [queue.get(block=False) for _ in range(5)] == [3, 1, 4, 0, 2]


def test_maxsize_blocks_and_refuses(here: Here) -> None:
    queue = here.fifo(maxsize=1)
    queue.put(1)
    assert queue.full()
    with pytest.raises(Full):
        queue.put_nowait(2)
    waiter = threading.Thread(target=lambda: queue.put(2, timeout=20))
    waiter.start()
    assert queue.get() == 1
    waiter.join(20)
    assert queue.get(timeout=5) == 2


def test_auto_commit_off_keeps_what_is_not_done(here: Here) -> None:
    queue = here.fifo(auto_commit=False)
    for number in range(3):
        queue.put(number)
    assert here.fifo().qsize() == 0
    queue.task_done()
    assert here.fifo().qsize() == 3
    assert queue.get() == 0
    queue.task_done()
    assert queue.get() == 1
    queue.close()
    again = here.fifo()
    assert [again.get(block=False) for _ in range(2)] == [1, 2]


def test_close_wakes_a_blocked_get(here: Here) -> None:
    queue = here.fifo()
    threading.Timer(0.2, queue.close).start()
    with pytest.raises(ClosedError):
        in_thread(lambda: queue.get(timeout=20), 15)


def test_a_put_elsewhere_wakes_a_blocked_get(here: Here) -> None:
    queue = here.fifo()
    code = f"import persistqueue, sys; {here.code('fifo')}.put('late')"
    threading.Timer(0.2, lambda: run_python(code, repr(here.arguments))).start()
    assert in_thread(lambda: queue.get(timeout=20), 25) == "late"


@pytest.mark.parametrize("kind", ["fifo", "priority", "ack"])
def test_it_can_be_handed_to_another_process(here: Here, kind: str) -> None:
    for classes in (here.server.kinds, here.server.tasks):
        queue = classes[kind](**here.arguments, name="handed", maxsize=3)
        if classes is here.server.kinds:
            copy = pickle.loads(pickle.dumps(queue))
            copy.put("from the copy")
            assert queue.get(block=False) == "from the copy"
        else:
            copy = pickle.loads(pickle.dumps(queue))
        assert (type(copy), copy.maxsize, copy.name) == (classes[kind], 3, "handed")


# --- acknowledgements ----------------------------------------------------------------------------


def test_an_acknowledged_queue(here: Here) -> None:
    queue = here.ack()
    for number in range(4):
        queue.put(number)
    done, failed, back = queue.get(), queue.get(), queue.get()
    assert (queue.unack_count(), queue.size, queue.active_size()) == (3, 1, 4)
    assert queue.ack(done) is not None
    assert queue.ack(done) is None
    assert queue.ack_failed(failed) is not None
    assert queue.nack(back) is not None
    counts = (queue.acked_count(), queue.ack_failed_count(), queue.ready_count())
    assert counts == (1, 1, 1)
    assert queue.get() == back
    queue.clear_acked_data(keep_latest=0)
    assert queue.acked_count() == 0


def test_leases_delays_attempts_and_dead_letters(here: Here) -> None:
    queue = here.ack(lease=0.3, max_attempts=2)
    queue.put("late", delay=0.3)
    with pytest.raises(Empty):
        queue.get(block=False)
    late = queue.get(timeout=20, raw=True)
    again = queue.get(timeout=20, raw=True)
    assert late["pqid"] == again["pqid"]
    queue.nack(again)
    with pytest.raises(Empty):
        queue.get(timeout=0.5)
    assert queue.dead_count() == 1
    assert queue.requeue_dead() == 1
    assert queue.get(timeout=5) == "late"


def test_what_a_dead_holder_held_is_resumed(here: Here) -> None:
    here.ack().put("held")
    code = f"""
import persistqueue, sys
queue = {here.code("ack")}
print(queue.get(), flush=True)
sys.stdin.read()
"""
    with ending(start_python(code, repr(here.arguments))) as (holder,):
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Empty):
            here.ack().get(block=False)
        holder.kill()
        holder.wait()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            assert here.ack().get(timeout=0.2) == "held"
        except Empty:
            continue
        return
    pytest.fail("what a killed process held did not come back")


# --- many ----------------------------------------------------------------------------------------

DRAIN = """
got = []
def work():
    while True:
        try:
            got.append(queue.get(timeout=1))
        except persistqueue.Empty:
            return
threads = [threading.Thread(target=work) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(*got)
"""


def test_workers_never_share_an_item(here: Here) -> None:
    queue = here.fifo()
    queue.put_many(range(2000))
    code = f"import persistqueue, sys, threading\nqueue = {here.code('fifo')}\n{DRAIN}"
    workers = [start_python(code, repr(here.arguments)) for _ in range(3)]
    with ending(*workers):
        got = [int(number) for worker in workers for number in worker.stdout.read().split()]
    assert sorted(got) == list(range(2000))


# --- errors --------------------------------------------------------------------------------------


def test_the_password_is_shown_nowhere(here: Here) -> None:
    with here.server.a_user(here.arguments, SECRET) as account:
        theirs = Here(here.server, account)
        queue = theirs.fifo()
        queue.put("works")
        seen = [repr(queue), str(queue), repr(theirs.tasks())]
        for wrong in (
            {"password": SECRET + "x"},
            {"database": "missing_" + account["database"]},
            {"host": "no-such-host.invalid"},
        ):
            with pytest.raises(ConnectError) as error:
                theirs.fifo(**wrong)
            seen.append(f"{error.value} {error.value!r}")
        here.execute(f"DROP TABLE {here.table}")
        with pytest.raises(DatabaseError) as broken:
            queue.put("no table")
        seen.append(f"{broken.value} {broken.value!r}")
        queue.close()
        assert not any("s3cret" in text for text in seen), seen


def test_what_is_wrong_with_a_connection_is_told(here: Here) -> None:
    with here.server.a_user(here.arguments, "right") as account, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = closed.getsockname()[1]
        theirs = Here(here.server, account)
        for change, expected in (
            ({"password": "wrong"}, f"user '{account['user']}' or the password"),
            ({**here.server.account, "database": "gone"}, "no database 'gone'"),
            ({"host": "no-such-host.invalid"}, "no-such-host.invalid"),
            ({"port": nobody}, str(nobody)),
        ):
            start = time.monotonic()
            with pytest.raises(ConnectError, match=expected):
                theirs.fifo(**change, connect_timeout=3)
            assert time.monotonic() - start < 20


def test_a_server_that_comes_back_is_used_again(server: Server) -> None:
    with private_server(type(server)) as private, private.server.database() as database:
        here = Here(private.server, database)
        queue = here.fifo()
        queue.put("before")
        assert private.order("kill") == "killed"
        with pytest.raises(DatabaseError):
            here.fifo(connect_timeout=0.5)
        assert private.order("start").startswith(f"{server.scheme}://")
        # What changes nothing is done again over another connection.
        assert queue.qsize() == 1
        queue.put("behind")
        assert [queue.get(timeout=10) for _ in range(2)] == ["before", "behind"]


# --- tasks and green threads ---------------------------------------------------------------------


def test_tasks(here: Here) -> None:
    async def main() -> None:
        async with here.tasks() as queue:
            waiting = [asyncio.create_task(queue.get()) for _ in range(20)]
            await asyncio.sleep(0.05)
            waiting[3].cancel()
            await queue.put_many(range(30))
            got = await asyncio.gather(*waiting, return_exceptions=True)
            assert isinstance(got[3], asyncio.CancelledError)
            taken = [item for item in got if isinstance(item, int)]
            rest = [await queue.get() for _ in range(await queue.qsize())]
            assert sorted(taken + rest) == list(range(30))
            assert here.fifo().empty()

    asyncio.run(asyncio.wait_for(main(), 60))


def test_tasks_by_priority(here: Here) -> None:
    async def main() -> None:
        async with here.tasks("priority") as queue:
            await queue.put("last", 7)
            await queue.put("second")
            await queue.put_nowait("first", -1)
            assert await queue.put_many(["third", "fourth"], 3)
            got = [await queue.get(block=False) for _ in range(5)]
            assert got == ["first", "second", "third", "fourth", "last"]

    asyncio.run(asyncio.wait_for(main(), 60))


def test_tasks_acknowledge(here: Here) -> None:
    async def main() -> None:
        async with here.tasks("ack", max_attempts=1) as queue:
            await queue.put_many(range(4))
            await queue.put("late", delay=60)
            done, failed, dead = [await queue.get() for _ in range(3)]
            assert await queue.unack_count() == 3
            assert await queue.active_size() == 4
            assert await queue.extend(done, lease=60)
            assert await queue.ack(done) is not None
            assert await queue.ack(done) is None
            assert await queue.ack_failed(failed) is not None
            assert await queue.nack(dead) is not None
            assert [
                await queue.acked_count(), await queue.ack_failed_count(),
                await queue.delayed_count(), await queue.dead_count(),
            ] == [1, 1, 1, 1]  # fmt: skip
            assert await queue.requeue_dead() == 1
            last = [await queue.get() for _ in range(2)]
            assert sorted(last) == [2, 3]
            assert None not in await queue.ack_many(last)

    asyncio.run(asyncio.wait_for(main(), 60))


def test_cancelled_gets_lose_nothing(here: Here) -> None:
    async def main() -> None:
        queue = here.tasks()
        got: list[int] = []

        async def put() -> None:
            for number in range(200):
                await queue.put(number)

        putting = asyncio.create_task(put())
        number = 0
        while not putting.done():
            number += 1
            with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
                got.append(await asyncio.wait_for(queue.get(), 0.0005 * (number % 7)))
        await putting
        await asyncio.sleep(0.5)
        while await queue.qsize():
            got.append(await queue.get())
        await queue.close()
        assert sorted(got) == list(range(200))

    asyncio.run(asyncio.wait_for(main(), 90))


GREEN = """
import sys
if sys.argv[2] == "gevent":
    import gevent.monkey
    gevent.monkey.patch_all()
    from gevent import sleep, spawn
    finish = lambda green: green.get(timeout=20)
else:
    import eventlet
    eventlet.monkey_patch()
    from eventlet import sleep, spawn
    finish = lambda green: green.wait()
import persistqueue
queue = OPEN
ticks = 0
def tick():
    global ticks
    while True:
        ticks += 1
        sleep(0.001)
spawn(tick)
waiter = spawn(lambda: queue.get(timeout=20))
while ticks < 20:
    sleep(0.001)
queue.put("green")
assert finish(waiter) == "green"
print("ok")
"""


@pytest.mark.parametrize("library", ["eventlet", "gevent"])
def test_a_green_thread_that_waits_lets_others_run(here: Here, library: str) -> None:
    code = GREEN.replace("OPEN", here.code("fifo"))
    done = subprocess.run(
        [sys.executable, "-c", code, repr(here.arguments), library],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.endswith("ok\n"), done.stderr
