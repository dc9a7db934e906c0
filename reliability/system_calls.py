"""Lets each system call of a small program with a queue fail, and kills it there (strace, Linux).

`python system_calls.py [KIND...] [--level L] [--every N]`, with a Python that has `persistqueue`.
A program opens a queue, makes each kind of call, closes it, and does so again. One run under strace
counts its system calls for files, locks and mappings; then there is one run for each of them and
each fault. Behind every fault the program must go on or raise an error that names the queue, must
not hang or crash, and the queue must hold what was promised (`dead_process_account.py`).
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dead_process import ended, forked
from dead_process_account import Account, Rest, facts
from dead_process_worker import Caller, Loop, Worker, key_of, loop_for
from queue_kinds import KINDS

DEFAULT = ("file", "file-plain", "sqlite", "ack", "async-file", "async-sqlite", "async-ack")
HANDLES = {"openat", "open", "dup", "fcntl", "inotify_init1", "inotify_add_watch", "eventfd2"}
ROOM = {"write", "pwrite64", "writev", "pwritev", "pwritev2", "fallocate", "ftruncate", "openat"}
ROOM |= {"mkdir", "mkdirat", "mmap", "fsync", "fdatasync", "msync", "rename", "renameat"}
LONG = {"read", "pread64", "preadv", "write", "pwrite64", "writev", "pwritev", "openat", "flock"}
LONG |= {"fcntl", "fsync", "fdatasync", "fallocate", "ftruncate", "msync"}
OTHERS = {"lseek", "unlink", "unlinkat", "stat", "lstat", "fstat", "newfstatat", "statx", "access"}
OTHERS |= {"getdents64", "statfs", "fstatfs", "close", "sync_file_range", "faccessat2", "readlink"}
OTHERS |= {
    "fchmod",
    "fchown",
    "geteuid",
    "link",
    "linkat",
    "symlink",
    "munmap",
    "mremap",
    "madvise",
}
# No file is behind these; the memory of the program itself is.
ONLY_KILLED = {"munmap", "madvise", "mremap", "geteuid"}
CALLS = HANDLES | ROOM | LONG | OTHERS
LOG_SIZE = 1 << 20


@dataclass(frozen=True)
class Fault:
    call: str
    number: int
    what: str

    @property
    def injection(self) -> str:
        how = "signal=SIGKILL" if self.what == "SIGKILL" else f"error={self.what}"
        return f"inject={self.call}:{how}:when={self.number}"

    def __str__(self) -> str:
        return f"{self.what} at {self.call} number {self.number}"


class Log:
    """Lines in memory that two processes share: writing one is no system call."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, LOG_SIZE)
        self.end = 9

    def say(self, *fact: Any) -> None:
        line = (json.dumps([time.monotonic_ns(), *fact]) + "\n").encode()
        self.memory[self.end : self.end + len(line)] = line
        self.end += len(line)
        self.memory[1:9] = self.end.to_bytes(8, "little")

    def facts(self) -> list[list[Any]]:
        end = int.from_bytes(self.memory[1:9], "little")
        return [json.loads(line) for line in self.memory[9:end].splitlines()]


class Program(Worker):
    """The scripted one."""

    def __init__(self, kind: str, place: str, level: str, log: Log, loop: Loop) -> None:
        self.begin(kind, "p", 1, True)
        self.lines, self.place, self.level, self.loop = log, place, level, loop
        self.kind_name = kind
        self.is_open = False

    def say(self, *fact: Any) -> None:
        self.lines.say(*fact)

    def attempt(self, step: str) -> bool:
        try:
            getattr(self, step)()
        except BaseException as error:
            self.say("raised", step, type(error).__name__, str(error), ours(error, self.place))
            return False
        return True

    def script(self) -> None:
        while self.lines.memory[0] == 0:
            time.sleep(0.0005)
        put = ["set_keys", "delete_key"] if self.kind.final == "dict" else ["put", "put_many"]
        steps = [*put, *put]
        if self.kind.final != "dict":
            steps += ["take", "take_many"]
        steps += {"ack": ["ack", "nack", "fail"], "task_done": ["finish"]}.get(self.kind.final, [])
        for _ in range(2):
            # The fault comes once: the second time it must go.
            if not (self.attempt("open_queue") or self.attempt("open_queue")):
                self.say("error", "it cannot be opened behind the fault")
                return
            for step in steps:
                self.attempt(step)
            self.attempt("close_queue")
            # What it held waits again.
            self.held.clear()

    def open_queue(self) -> None:
        self.call = Caller(self.kind_name, self.place, self.level, self.loop, timeout=2)
        # An asynchronous one opens its file with the first call.
        self.call("copy" if self.kind.final == "dict" else "empty")

    def close_queue(self) -> None:
        self.say("do", "close", [])
        self.call("close")
        self.say("did", "close", [])


def ours(error: BaseException, place: str) -> bool:
    """Whether it is an error of ours, or one of the system, that names the queue."""
    from persistqueue import exceptions

    known = tuple(found for found in vars(exceptions).values() if isinstance(found, type))
    named = place in str(error) or place in str(getattr(error, "filename", None))
    return isinstance(error, (OSError, *known)) and named


@dataclass
class Outcome:
    wrong: list[str]
    injected: bool
    raised: list[str]


class Trial:
    def __init__(self, kind: str, level: str, folder: Path) -> None:
        self.kind, self.level, self.folder = kind, level, folder
        self.place, self.trace = str(folder / "q"), folder / "trace"
        os.mkdir(self.place)

    def run(self, injection: str | None) -> tuple[Log, int | None]:
        """The program under strace: its log, and how it ended; None where it hung."""
        log = Log()
        loop = loop_for(self.kind)
        child = os.fork()
        if not child:
            try:
                Program(self.kind, self.place, self.level, log, loop).script()
            finally:
                # Nothing behind it makes calls for the queue.
                os._exit(0)
        if loop:
            loop.close()
        options = ["-e", "trace=" + ",".join(sorted(f"?{call}" for call in CALLS))]
        options += ["-e", injection] if injection else []
        strace = subprocess.Popen(
            ["strace", "-f", "-y", "-p", str(child), "-o", str(self.trace), *options],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert strace.stderr
        if "attached" not in (said := strace.stderr.readline()):
            raise SystemExit(f"strace cannot be used here: {said}")
        log.memory[0] = 1
        deadline, status = time.monotonic() + 40, None
        while time.monotonic() < deadline:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                break
            time.sleep(0.001)
        else:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            status = None
        strace.stderr.close()
        strace.wait(20)
        return log, None if status is None else os.waitstatus_to_exitcode(status)

    def calls(self) -> dict[tuple[str, int], str]:
        """Each call in the trace, by its name and number within its thread, and what it was."""
        found: dict[tuple[str, int], str] = {}
        counts: Counter[tuple[str, str]] = Counter()
        for line in self.trace.read_text(errors="replace").splitlines():
            if match := re.match(r"(\d+) +(\w+)\((.*)", line):
                thread, call, rest = match.groups()
                counts[thread, call] += 1
                key = call, counts[thread, call]
                found[key] = found.get(key, "") + rest
        return found

    def judge(self, fault: Fault) -> Outcome:
        log, code = self.run(fault.injection)
        wrong, raised, events = [], [], log.facts()
        met = self.trace.read_text(errors="replace").count("INJECTED")
        injected = met > 0
        if met > 1:
            # strace counts in each thread by itself: a new one met it again.
            events = [event for event in events if event[1] != "error"]
        if fault.what == "SIGKILL":
            injected = code == -signal.SIGKILL
        if code is None:
            wrong.append(f"it hung behind {events[-1:]}")
        elif code not in ((0, -signal.SIGKILL) if fault.what == "SIGKILL" else (0,)):
            wrong.append(f"it ended with {code} behind {events[-1:]}")
        for event in events:
            if event[1] == "raised":
                raised.append(f"{event[2]}: {event[3]}: {event[4]}")
                # Behind these calls there is no file that could be named.
                if not event[5] and fault.call not in ("eventfd2", "inotify_init1"):
                    wrong.append(f"an error that names no path, or is none of ours: {raised[-1]}")
        account = Account(KINDS[self.kind])
        account.read_facts("p", events, None if code == 0 else time.monotonic_ns())
        found, errors = self.folder / "found", self.folder / "errors"
        if not ended(forked(lambda: look(self.kind, self.place, found), errors)):
            wrong.append("the queue hung afterwards")
        elif failed := facts(errors):
            wrong.append(f"the queue cannot be used afterwards: {failed[0][2][-400:]}")
        else:
            wrong += account.check(Rest(*json.loads(found.read_text())))
        return Outcome(wrong, injected, raised)


def look(kind: str, place: str, found: Path) -> None:
    """Empties the queue as another program does, and uses it once more."""
    from dead_process import empty

    empty(kind, place, found)
    if KINDS[kind].final == "dict":
        return
    call = Caller(kind, place, "process")
    call("put", ["again", 0, ""])
    keys: list[str] = []
    # Where a take is not final, what was there has come back.
    while items := call.take(1):
        keys += map(key_of, items)
    call("close")
    if keys.count("again:0") != 1:
        raise AssertionError(f"what was put came {keys.count('again:0')} times")


def faults(calls: dict[tuple[str, int], str]) -> list[Fault]:
    found = []
    for (call, number), arguments in sorted(calls.items()):
        what = ["SIGKILL"]
        # Memory of the program itself, and what is no file (a pipe, an eventfd); and what does not
        # fail on any local file: giving a lock back, and closing a folder.
        spared = (call == "mmap" and "-1, 0" in arguments) or "F_UNLCK" in arguments
        spared = spared or re.match(r"\d+<(anon_inode|pipe|socket|/dev)\b", arguments) is not None
        spared = spared or (
            call == "close" and arguments.partition(">")[0].endswith(("/q", "/q/queue"))
        )
        if call not in ONLY_KILLED and not spared:
            what.append("EIO")
            what += ["ENOSPC"] * (call in ROOM)
            what += ["EINTR"] * (call in LONG)
            what += ["EMFILE"] * (call in HANDLES)
        found += [Fault(call, number, each) for each in what]
    return found


def try_kind(kind: str, level: str, folder: str, every: int, start: int, only: str) -> int:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="system-calls-", dir=folder) as name:
        trial = Trial(kind, level, Path(name))
        log, code = trial.run(None)
        if code or any(event[1] in ("raised", "error") for event in log.facts()):
            raise SystemExit(f"{kind}: without a fault it ended with {code}: {log.facts()[-2:]}")
        calls = trial.calls()
    tried, reached, raised, broken = faults(calls)[start % every :: every], 0, 0, 0
    for fault in tried:
        if only and only not in str(fault):
            continue
        with tempfile.TemporaryDirectory(prefix="system-calls-", dir=folder) as name:
            outcome = Trial(kind, level, Path(name)).judge(fault)
        reached += outcome.injected
        raised += bool(outcome.raised)
        if outcome.wrong:
            broken += 1
            print(f"{kind} ({level}), {fault}:", *outcome.wrong[:4], sep="\n    ", flush=True)
            if outcome.raised:
                print("   ", "it raised", *outcome.raised[:2])
    print(
        f"{kind} ({level}): {len(calls)} system calls, {len(tried)} faults, {reached} of them met; "
        f"the program was told of {raised}; {broken or 'no'} promises broken "
        f"({time.monotonic() - began:.0f} s)",
        flush=True,
    )
    return broken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--level", choices=["process", "disk"], help="both by default")
    parser.add_argument("--every", type=int, default=1, help="each so many-th fault only")
    parser.add_argument("--start", type=int, default=0, help="which of them is the first")
    parser.add_argument("--only", default="", help="faults whose name has this in it")
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where the queues are kept")
    options = parser.parse_args()
    if unknown := set(options.kinds) - set(KINDS):
        parser.error(f"there is no kind {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    import persistqueue.mysqlqueue  # noqa: F401

    levels = [options.level] if options.level else ["process", "disk"]
    return min(
        1,
        sum(
            try_kind(kind, level, options.folder, options.every, options.start, options.only)
            for kind in options.kinds or DEFAULT
            for level in levels
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
