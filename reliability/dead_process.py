"""Kills processes that use one queue, at random moments, round after round.

`python dead_process.py [KIND...] [ROUNDS] [--seed S]`, with a Python that has `persistqueue`; for
the kinds on a server PERSISTQUEUE_MYSQL, PERSISTQUEUE_POSTGRES and PERSISTQUEUE_NATS name it. In
each round two to four processes call the queue at random, and some are killed (SIGKILL). After some
rounds the queue is emptied, and an account of all that the processes wrote down says whether a
promise was broken (`dead_process_account.py`).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dead_process_account import Account, Rest, facts
from dead_process_worker import Caller, Worker, key_of
from queue_kinds import KINDS

# So many rounds on one queue; then it is emptied, and the next one is begun.
ROUNDS_OF_A_QUEUE = 20
# Who has not ended by then hangs, in seconds.
PATIENCE = 90
# For how long NATS keeps from others what a dead one held, in seconds. A slow machine tells it
# within that time who lives.
LEASE = 5


def forked(task: Callable[[], None], log: Path) -> int:
    """Runs a task in a process of its own, which never goes on with what this one does."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        task()
        code = 0
    except BaseException:
        with log.open("a") as file:
            file.write(json.dumps([time.monotonic_ns(), "error", traceback.format_exc()]) + "\n")
    finally:
        os._exit(code)


def ended(child: int) -> bool:
    """Waits for a process. Where it hangs it is killed."""
    deadline = time.monotonic() + PATIENCE
    pause = 0.001
    while time.monotonic() < deadline:
        if os.waitpid(child, os.WNOHANG)[0]:
            return True
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def empty(kind: str, place: str, found: Path) -> None:
    """Takes all that is left, and writes it down with the counts."""
    call = Caller(kind, place, "process")
    values: dict[str, Any] = {}
    keys: list[str] = []
    counts: dict[str, int] = {}
    if KINDS[kind].on_nats:
        keys, counts = empty_on_nats(kind, call)
    elif KINDS[kind].final == "dict":
        values = call("copy")
        counts["size"] = call("size") if call.loop else len(call.queue)
    else:
        if KINDS[kind].final == "ack":
            deadline = time.monotonic() + PATIENCE
            # A server notices a little later who died.
            while (held := call("unack_count")) and time.monotonic() < deadline:
                call("resume_unack_tasks")
                time.sleep(0.05)
            counts |= {
                "held": held,
                "acked": call("acked_count"),
                "failed": call("ack_failed_count"),
            }
        counts["size"] = call("qsize")
        while items := call.take(1):
            keys += map(key_of, items)
    call("close")
    found.write_text(json.dumps([keys, counts, values]))


def empty_on_nats(kind: str, call: Caller) -> tuple[list[str], dict[str, int]]:
    """Some items come when the leases of the dead are over, and nothing is kept of what is done."""
    acks = KINDS[kind].final == "ack"
    keys: list[str] = []
    deadline = time.monotonic() + LEASE * 4
    while call("qsize") and time.monotonic() < deadline:
        items = call.take(1)
        keys += map(key_of, items)
        if acks and items:
            call("ack", *items)
        time.sleep(0 if items else 0.05)
    # Before, nats-server 2.9 may count one twice that it could not deliver to who was killed.
    counts = {"size": len(keys) + call("qsize")}
    return keys, counts | ({"failed": call("dead_count")} if acks else {})


@contextlib.contextmanager
def place_for(kind: str, folder: Path) -> Iterator[str]:
    """Where a new queue is kept."""
    if KINDS[kind].place != "server":
        yield str(folder)
        return
    url = urlsplit(os.environ[KINDS[kind].server])
    name = f"pq_{uuid.uuid4().hex[:16]}"
    if KINDS[kind].on_nats:
        from persistqueue import NatsAckQueue

        # Who makes a queue says how long its leases are.
        with NatsAckQueue(url.netloc, name, lease=LEASE) as queue:
            try:
                yield name
            finally:
                queue.clear()
                queue.drop_dead()
        return
    at: dict[str, Any] = {
        "host": url.hostname, "port": url.port, "user": url.username,
        "password": url.password or "",
    }  # fmt: skip

    def execute(sql: str) -> None:
        if url.scheme == "mysql":
            import pymysql

            connection: Any = pymysql.connect(**at)
        else:
            import pg8000.dbapi

            connection = pg8000.dbapi.connect(database="postgres", **at)
            connection.autocommit = True
        with contextlib.closing(connection):
            connection.cursor().execute(sql)

    execute(f"CREATE DATABASE {name}")
    try:
        yield name
    finally:
        execute(f"DROP DATABASE {name}")


class Trial:
    """The rounds on one queue."""

    def __init__(self, kind: str, seed: int, folder: Path, place: str) -> None:
        self.kind, self.folder, self.place = kind, folder, place
        self.chance = random.Random(seed)
        self.account = Account(KINDS[kind])
        self.killed = 0

    def round(self, number: int) -> None:
        count = self.chance.randint(2, 4)
        stop = self.folder / f"stop{number}"
        alone = KINDS[self.kind].final in ("task_done", "batch")
        workers: dict[str, tuple[int, Path]] = {}
        for index in range(count):
            name, seed = f"{number}{'abcd'[index]}", self.chance.randrange(1 << 32)
            log = self.folder / f"log{name}"

            def task(name: str = name, log: Path = log, seed: int = seed, at: int = index) -> None:
                # One takes at a time where a take is not final.
                takes = at == 0 or not alone
                Worker(self.kind, self.place, name, log, seed, takes).run(stop)

            workers[name] = forked(task, log), log
        victims = self.chance.sample(list(workers), self.chance.randint(1, count))
        died: dict[str, int] = {}
        # Some are killed while they open the queue, some long after.
        opening = self.chance.random() < 0.1
        while not opening and not all(facts(log) for _, log in workers.values()):
            if any(os.waitid(os.P_PID, child, PEEK) for child, _ in workers.values()):
                break
            time.sleep(0.002)
        for name in victims:
            time.sleep(self.chance.random() ** 2 * 0.3)
            died[name] = time.monotonic_ns()
            os.kill(workers[name][0], signal.SIGKILL)
            self.killed += 1
        time.sleep(self.chance.random() * 0.05)
        stop.touch()
        for name, (child, log) in workers.items():
            if not ended(child):
                self.account.wrong.append(f"{name} hung: {facts(log)[-1:]}")
        for name, (_, log) in workers.items():
            self.account.read(name, log, died.get(name))
            log.unlink(missing_ok=True)

    def finish(self, forge: str) -> list[str]:
        found, log = self.folder / "found", self.folder / "found-log"
        if not ended(forked(lambda: empty(self.kind, self.place, found), log)):
            return [*self.account.wrong, "the queue hung when it was emptied"]
        if errors := facts(log):
            return [*self.account.wrong, f"the queue cannot be emptied: {errors[0][2]}"]
        rest = Rest(*json.loads(found.read_text()))
        if forge == "lost":
            # Promises that nobody made.
            never = [f"never:{number}" for number in range(self.account.unknown_final + 1)]
            self.account.put.update(never)
            self.account.values["never/0"] = [1]
        if forge == "doubled":
            again = self.account.may_double + 1
            rest.keys += rest.keys[-again:] or list(self.account.final)[-again:]
            rest.counts["size"] = len(rest.keys)
            rest.values["twice/0"] = 1
        return self.account.check(rest)


PEEK = os.WEXITED | os.WNOHANG | os.WNOWAIT


def try_kind(kind: str, rounds: int, seed: int, folder: str, forge: str = "") -> list[str]:
    """Gives what was wrong."""
    start, killed, calls, doubts = time.monotonic(), 0, 0, 0
    for first in range(0, rounds, ROUNDS_OF_A_QUEUE):
        with (
            tempfile.TemporaryDirectory(prefix="dead-process-", dir=folder) as name,
            place_for(kind, Path(name)) as place,
        ):
            trial = Trial(kind, seed + first, Path(name), place)
            for number in range(first, min(first + ROUNDS_OF_A_QUEUE, rounds)):
                trial.round(number)
                if trial.account.wrong:
                    break
            wrong = trial.finish(forge)
        killed += trial.killed
        calls += trial.account.calls
        doubts += trial.account.in_doubt
        if wrong:
            print(f"{kind}, seed {seed + first}, {trial.killed} killed:", *wrong[:10], sep="\n  ")
            return wrong
    print(
        f"{kind}: {killed} killed in {rounds} rounds, {doubts} of them within a call; "
        f"{calls} calls returned: no promise broken ({time.monotonic() - start:.0f} s)",
        flush=True,
    )
    return []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--rounds", type=int, default=100, help="for each kind")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where the queues are kept")
    parser.add_argument("--forge", default="", choices=["lost", "doubled"], help="a false account")
    options = parser.parse_args()
    # A number among the kinds is the rounds, as ./dev hands it on.
    words = [word for word in options.kinds if word.isdigit()]
    rounds = int(words[-1]) if words else options.rounds
    kinds = [word for word in options.kinds if not word.isdigit()]
    if unknown := set(kinds) - set(KINDS):
        parser.error(f"there is no kind {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    print(f"--seed {options.seed} --rounds {rounds}", flush=True)
    if not kinds:
        kinds = [
            kind
            for kind in KINDS
            if KINDS[kind].place != "server" or os.environ.get(KINDS[kind].server)
        ]
    # Before the forks, so that each is ready at once.
    import persistqueue  # noqa: F401

    failed = [
        kind
        for kind in kinds
        if try_kind(kind, rounds, options.seed, options.folder, options.forge)
    ]
    if failed:
        print(f"broken: {', '.join(failed)}")
    return len(failed) > 0


if __name__ == "__main__":
    sys.exit(main())
