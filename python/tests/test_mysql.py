"""Queues on a MySQL server, against a real MariaDB: section 4 of the contract."""

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

import pymysql
import pytest
from helpers import ending, in_thread, oracle_python, run_python, start_python
from mysql_server import PrivateServer, Server, shared_server

import persistqueue
from persistqueue import (
    AsyncMySQLQueue,
    Empty,
    Full,
    MySQLAckQueue,
    MySQLPriorityQueue,
    MySQLQueue,
    serializers,
)
from persistqueue.exceptions import ClosedError, ConnectError, DatabaseError, UndecodableError

SECRET = "s3cret-pass/word"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with shared_server() as running:
        yield running


@pytest.fixture
def database(server: Server) -> Iterator[dict[str, Any]]:
    with server.database() as arguments:
        yield arguments


def columns(server: Server, database: dict[str, Any], table: str) -> dict[str, str]:
    rows = server.execute(
        "SELECT column_name, data_type FROM information_schema.columns"
        f" WHERE table_schema = '{database['db_name']}' AND table_name = '{table}'"
    )
    return dict(rows)


# --- names and arguments -------------------------------------------------------------------------


def test_both_spellings_of_the_arguments_open_the_same_queue(database: dict[str, Any]) -> None:
    host, port, user = database["host"], database["port"], database["user"]
    passwd, db_name = database["passwd"], database["db_name"]
    by_place = MySQLQueue(host, user, passwd, db_name, "jobs", port)
    by_place.put("a")
    new = MySQLQueue(
        host=host, port=port, username=user, password=passwd, database=db_name,
        table_name="queue_jobs", max_connections=3,
    )  # fmt: skip
    assert new.get(block=False) == "a"
    assert (by_place.host, by_place.user, by_place.passwd) == (host, user, passwd)
    assert (by_place.db_name, by_place.port, by_place.charset) == (db_name, port, "utf8mb4")


def test_the_table_is_called_as_1x_calls_it(server: Server, database: dict[str, Any]) -> None:
    MySQLQueue(**database).put(1)
    MySQLQueue(**database, name="named").put(1)
    MySQLQueue(**database, table_name="exact").put(1)
    tables = {row[0] for row in server.execute("SHOW TABLES", database["db_name"])}
    assert {"queue_sql", "queue_named", "exact"} <= tables


def test_missing_and_contradicting_arguments_are_told(database: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="user or username"):
        MySQLQueue("127.0.0.1", passwd="x", db_name="x")
    with pytest.raises(TypeError, match="user and username"):
        MySQLQueue(**database, username="somebody else")
    with pytest.raises(ValueError, match="tls"):
        MySQLQueue(**database, tls="perhaps")  # type: ignore[arg-type]


def test_a_pooled_connection_is_pymysqls(database: dict[str, Any]) -> None:
    queue = MySQLQueue(**database)
    queue.put("row")
    connection = queue.get_pooled_conn()
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM queue_sql")
        assert cursor.fetchone() == (1,)
    connection.close()
    assert isinstance(connection, pymysql.connections.Connection)


# --- what a queue does ---------------------------------------------------------------------------


def test_it_does_what_an_sqlite_queue_does(database: dict[str, Any]) -> None:
    queue = MySQLQueue(**database)
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
def test_any_value_is_an_item(database: dict[str, Any], item: Any) -> None:
    queue = MySQLQueue(**database)
    queue.put(item)
    assert queue.get(block=False) == item


@pytest.mark.parametrize("name", ["pickle", "json", "msgpack", "cbor2"])
def test_serializers(database: dict[str, Any], name: str) -> None:
    queue = MySQLQueue(**database, serializer=getattr(serializers, name))
    queue.put({"k": {"one": 1, "two": None}})
    assert queue.get(block=False) == {"k": {"one": 1, "two": None}}


def test_a_row_that_does_not_decode_stays(server: Server, database: dict[str, Any]) -> None:
    queue = MySQLQueue(**database)
    queue.put("good")
    server.execute("UPDATE queue_sql SET data = 'no pickle'", database["db_name"])
    queue.put("next")
    with pytest.raises(UndecodableError, match="row 1"):
        queue.get(block=False)
    assert queue.get(block=False) == "next"
    assert server.execute("SELECT data FROM queue_sql", database["db_name"]) == [(b"no pickle",)]


def test_names_are_no_sql(server: Server, database: dict[str, Any]) -> None:
    name = "o'ne`; DROP TABLE queue_sql; --"
    MySQLQueue(**database).put("safe")
    MySQLQueue(**database, name=name).put("odd")
    assert MySQLQueue(**database, name=name).get(block=False) == "odd"
    assert MySQLQueue(**database).get(block=False) == "safe"


def test_the_lowest_priority_comes_first(database: dict[str, Any]) -> None:
    queue = MySQLPriorityQueue(**database)
    for number, priority in enumerate([5, 1, 5, -2, 1]):
        queue.put(number, priority)
    assert [queue.get(block=False) for _ in range(5)] == [3, 1, 4, 0, 2]


def test_maxsize_blocks_and_refuses(database: dict[str, Any]) -> None:
    queue = MySQLQueue(**database, maxsize=1)
    queue.put(1)
    assert queue.full()
    with pytest.raises(Full):
        queue.put_nowait(2)
    waiter = threading.Thread(target=lambda: queue.put(2, timeout=20))
    waiter.start()
    assert queue.get() == 1
    waiter.join(20)
    assert queue.get(timeout=5) == 2


def test_auto_commit_off_keeps_what_is_not_done(database: dict[str, Any]) -> None:
    queue = MySQLQueue(**database, auto_commit=False)
    for number in range(3):
        queue.put(number)
    assert MySQLQueue(**database).qsize() == 0
    queue.task_done()
    assert MySQLQueue(**database).qsize() == 3
    assert queue.get() == 0
    queue.task_done()
    assert queue.get() == 1
    queue.close()
    again = MySQLQueue(**database)
    assert [again.get(block=False) for _ in range(2)] == [1, 2]


def test_close_wakes_a_blocked_get(database: dict[str, Any]) -> None:
    queue = MySQLQueue(**database)
    threading.Timer(0.2, queue.close).start()
    with pytest.raises(ClosedError):
        in_thread(lambda: queue.get(timeout=20), 15)


def test_a_put_elsewhere_wakes_a_blocked_get(database: dict[str, Any]) -> None:
    queue = MySQLQueue(**database)
    code = "import persistqueue, sys; persistqueue.MySQLQueue(**eval(sys.argv[1])).put('late')"
    threading.Timer(0.2, lambda: run_python(code, repr(database))).start()
    assert in_thread(lambda: queue.get(timeout=20), 25) == "late"


def test_it_can_be_handed_to_another_process(database: dict[str, Any]) -> None:
    queue = MySQLQueue(**database, name="handed")
    copy = pickle.loads(pickle.dumps(queue))
    copy.put("from the copy")
    assert queue.get(block=False) == "from the copy"


# --- acknowledgements ----------------------------------------------------------------------------


def test_an_acknowledged_queue(database: dict[str, Any]) -> None:
    queue = MySQLAckQueue(**database)
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


def test_leases_delays_attempts_and_dead_letters(database: dict[str, Any]) -> None:
    queue = MySQLAckQueue(**database, lease=0.3, max_attempts=2)
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


def test_what_a_dead_holder_held_is_resumed(database: dict[str, Any]) -> None:
    MySQLAckQueue(**database).put("held")
    code = """
import persistqueue, sys
queue = persistqueue.MySQLAckQueue(**eval(sys.argv[1]))
print(queue.get(), flush=True)
sys.stdin.read()
"""
    with ending(start_python(code, repr(database))) as (holder,):
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Empty):
            MySQLAckQueue(**database).get(block=False)
        holder.kill()
        holder.wait()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            assert MySQLAckQueue(**database).get(timeout=0.2) == "held"
        except Empty:
            continue
        return
    pytest.fail("what a killed process held did not come back")


# --- beside 1.1.0 --------------------------------------------------------------------------------

ORIGINAL = """
import sys
import persistqueue.mysqlqueue
q = persistqueue.mysqlqueue.MySQLQueue(**eval(sys.argv[1]))
print("ready", flush=True)
for line in sys.stdin:
    print(repr(eval(line)), flush=True)
"""


def start_original(database: dict[str, Any]) -> subprocess.Popen:
    process = subprocess.Popen(
        [oracle_python(), "-c", ORIGINAL, repr(database)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    return process


def ask(process: subprocess.Popen, expression: str) -> Any:
    process.stdin.write(expression + "\n")
    process.stdin.flush()
    return eval(process.stdout.readline())


def test_a_table_of_1x_is_shared_with_it_while_it_runs(
    server: Server, database: dict[str, Any]
) -> None:
    with ending(start_original(database)) as (original,):
        assert columns(server, database, "queue_sql")["data"] == "blob"
        ask(original, "[q.put(i) for i in range(5)]")
        queue = MySQLQueue(**database)
        assert queue.qsize() == 5
        assert [queue.get(block=False) for _ in range(2)] == [0, 1]
        queue.put({"from": "ours"})
        assert [ask(original, "q.get(block=False)") for _ in range(3)] == [2, 3, 4]
        assert ask(original, "q.get(block=False)") == {"from": "ours"}
        assert queue.empty()


def test_what_1x_cannot_hold_is_refused_with_the_remedy(
    server: Server, database: dict[str, Any]
) -> None:
    with ending(start_original(database)):
        queue = MySQLQueue(**database)
        with pytest.raises(ValueError, match=r"ALTER TABLE .*LONGBLOB") as refused:
            queue.put(b"x" * 70_000)
        remedy = str(refused.value)
        server.execute(
            remedy[remedy.index("ALTER TABLE") :].split(";")[0].rstrip("."), database["db_name"]
        )
        MySQLQueue(**database).put(b"x" * 70_000)
        assert MySQLQueue(**database).get(block=False) == b"x" * 70_000


def test_new_tables_hold_large_items_and_exact_times(
    server: Server, database: dict[str, Any]
) -> None:
    before = time.time()
    queue = MySQLQueue(**database)
    queue.put(b"x" * 3_000_000)
    found = columns(server, database, "queue_sql")
    assert (found["_id"], found["data"], found["timestamp"]) == ("bigint", "longblob", "double")
    row = queue.get(raw=True)
    assert len(row["data"]) == 3_000_000
    assert before - 1 <= row["timestamp"] <= time.time() + 1


# --- many ----------------------------------------------------------------------------------------

DRAIN = """
import persistqueue, sys, threading
queue = persistqueue.MySQLQueue(**eval(sys.argv[1]))
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


def test_workers_never_share_an_item(database: dict[str, Any]) -> None:
    queue = MySQLQueue(**database)
    queue.put_many(range(2000))
    workers = [start_python(DRAIN, repr(database)) for _ in range(3)]
    with ending(*workers):
        got = [int(number) for worker in workers for number in worker.stdout.read().split()]
    assert sorted(got) == list(range(2000))


# --- errors --------------------------------------------------------------------------------------


def test_the_password_is_shown_nowhere(server: Server, database: dict[str, Any]) -> None:
    name = database["db_name"]
    server.execute(f"CREATE USER '{name[:20]}'@'%' IDENTIFIED BY '{SECRET}'")
    try:
        server.execute(f"GRANT ALL ON {name}.* TO '{name[:20]}'@'%'")
        account = {**database, "user": name[:20], "passwd": SECRET}
        queue = MySQLQueue(**account)
        queue.put("works")
        seen = [repr(queue), str(queue), repr(AsyncMySQLQueue(**account))]
        for wrong in (
            {"passwd": SECRET + "x"},
            {"db_name": "missing_" + name},
            {"host": "no-such-host.invalid"},
        ):
            with pytest.raises(ConnectError) as error:
                MySQLQueue(**{**account, **wrong})
            seen.append(f"{error.value} {error.value!r}")
        server.execute("DROP TABLE queue_sql", name)
        with pytest.raises(DatabaseError) as broken:
            queue.put("no table")
        seen.append(f"{broken.value} {broken.value!r}")
        assert not any("s3cret" in text for text in seen), seen
    finally:
        server.execute(f"DROP USER '{name[:20]}'@'%'")


def test_what_is_wrong_with_a_connection_is_told(server: Server, database: dict[str, Any]) -> None:
    name = database["db_name"]
    user = f"{name[:18]}_u"
    server.execute(f"CREATE USER '{user}'@'%' IDENTIFIED BY 'right'")
    try:
        limited = {**database, "user": user, "passwd": "right"}
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            nobody = closed.getsockname()[1]
            for change, expected in (
                ({"passwd": "wrong"}, f"user '{user}' or the password"),
                ({}, "rights"),
                ({"user": database["user"], "passwd": database["passwd"], "db_name": "gone"},
                 "no database 'gone'"),
                ({"host": "no-such-host.invalid"}, "no-such-host.invalid"),
                ({"port": nobody}, str(nobody)),
            ):  # fmt: skip
                start = time.monotonic()
                with pytest.raises(ConnectError, match=expected):
                    MySQLQueue(**{**limited, **change}, connect_timeout=3)
                assert time.monotonic() - start < 20
    finally:
        server.execute(f"DROP USER '{user}'@'%'")


def test_a_server_that_comes_back_is_used_again() -> None:
    private = PrivateServer()
    try:
        with private.database() as database:
            queue = MySQLQueue(**database)
            queue.put("before")
            assert private.order("kill") == "killed"
            with pytest.raises(DatabaseError):
                MySQLQueue(**database, connect_timeout=0.5)
            assert private.order("start").startswith("mysql://")
            # What changes nothing is done again over another connection.
            assert queue.qsize() == 1
            queue.put("behind")
            assert [queue.get(timeout=10) for _ in range(2)] == ["before", "behind"]
    finally:
        private.stop()


# --- tasks and green threads ---------------------------------------------------------------------


def test_tasks(database: dict[str, Any]) -> None:
    async def main() -> None:
        async with AsyncMySQLQueue(**database) as queue:
            waiting = [asyncio.create_task(queue.get()) for _ in range(20)]
            await asyncio.sleep(0.05)
            waiting[3].cancel()
            await queue.put_many(range(30))
            got = await asyncio.gather(*waiting, return_exceptions=True)
            assert isinstance(got[3], asyncio.CancelledError)
            taken = [item for item in got if isinstance(item, int)]
            rest = [await queue.get() for _ in range(await queue.qsize())]
            assert sorted(taken + rest) == list(range(30))
            assert MySQLQueue(**database).empty()

    asyncio.run(asyncio.wait_for(main(), 60))


def test_cancelled_gets_lose_nothing(database: dict[str, Any]) -> None:
    async def main() -> None:
        queue = AsyncMySQLQueue(**database)
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
if sys.argv[1] == "gevent":
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
queue = persistqueue.MySQLQueue(**eval(sys.argv[2]))
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
def test_a_green_thread_that_waits_lets_others_run(database: dict[str, Any], library: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", GREEN, library, repr(database)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.endswith("ok\n"), done.stderr


def test_the_names_are_there() -> None:
    assert persistqueue.mysqlqueue.MySQLQueue is MySQLQueue
    assert persistqueue.async_sqlqueue.AsyncMySQLQueue is AsyncMySQLQueue
