"""Takes the power from a queue, at every moment.

`python dead_machine.py INTERPRETER [--kind K]... [--file-system F] [--states N] [--seed S]`, as
root on Linux, where INTERPRETER has `persistqueue`. A block device records every write and every
flush that reaches it (`qemu-storage-daemon` with its filter `blklogwrites`, exported as a file by
FUSE, a loop device on top). A queue on a file system there is put into and taken from, and each
call that returned is noted with how much was recorded by then. Afterwards the disk is made again as
it was at flushes, some with a random part of what was written behind the flush, mounted as the
kernel mounts it after a power loss, and the queue is opened and emptied.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from workloads import KINDS, Promise

MAGIC = 0x6A736677736872
FLUSH, FUA, DISCARD = 1, 2, 4
SIZES = {"ext4": 64 << 20, "xfs": 320 << 20, "btrfs": 128 << 20}
SECTOR = 512


@dataclass
class Entry:
    sector: int
    sectors: int
    flags: int
    # Where its bytes stand in the log.
    at: int


@dataclass
class Machine:
    """A block device that records, and what is on it."""

    folder: Path
    file_system: str
    device: str = ""
    daemon: subprocess.Popen[bytes] | None = None
    # How much was recorded before the queue was begun.
    start: int = 0
    base: Path = field(init=False)
    log: Path = field(init=False)
    mount: Path = field(init=False)

    def __post_init__(self) -> None:
        self.base, self.log = self.folder / "base", self.folder / "log"
        self.mount = self.folder / "mount"
        self.mount.mkdir()

    def begin(self) -> None:
        size = SIZES[self.file_system]
        for path, length in ((self.base, size), (self.log, 4 << 30)):
            with path.open("wb") as file:
                file.truncate(length)
        export = self.folder / "export"
        export.touch()
        parts = f"file=base,log=log,log-sector-size={SECTOR}"
        self.daemon = subprocess.Popen(
            [
                "qemu-storage-daemon",
                *("--blockdev", f"driver=file,node-name=base,filename={self.base}"),
                *("--blockdev", f"driver=file,node-name=log,filename={self.log}"),
                *("--blockdev", f"driver=blklogwrites,node-name=all,{parts}"),
                *("--export", f"type=fuse,id=all,node-name=all,mountpoint={export},writable=on"),
            ]
        )
        deadline = time.monotonic() + 20
        while export.stat().st_size != size:
            if time.monotonic() > deadline:
                raise SystemExit("qemu-storage-daemon does not export the disk")
            time.sleep(0.05)
        self.device = attach(export)
        make = {"ext4": ["-q", "-F"], "xfs": ["-q", "-f"], "btrfs": ["-q", "-f"]}
        run(f"mkfs.{self.file_system}", *make[self.file_system], self.device)
        run("mount", self.device, str(self.mount))
        self.start = self.recorded()

    def recorded(self) -> int:
        """How many entries are in the log; each flush writes down how many."""
        with self.log.open("rb") as log:
            magic, _, entries, _ = struct.unpack("<QQQI", log.read(28))
        assert magic == MAGIC
        return int(entries)

    def end(self) -> None:
        subprocess.run(["umount", self.mount], check=False)
        if self.device:
            subprocess.run(["losetup", "-d", self.device], check=False)
        if self.daemon:
            self.daemon.terminate()
            self.daemon.wait()

    def entries(self) -> list[Entry]:
        found = []
        with self.log.open("rb") as log:
            at = SECTOR
            for _ in range(self.recorded()):
                log.seek(at)
                sector, sectors, flags, _ = struct.unpack("<QQQQ", log.read(32))
                found.append(Entry(sector, sectors, flags, at + SECTOR))
                at += SECTOR + (0 if flags & DISCARD else sectors * SECTOR)
        return found


def run(*command: str) -> None:
    subprocess.run(command, check=True)


def attach(path: Path) -> str:
    found = subprocess.run(
        ["losetup", "-f", "--show", path], check=True, capture_output=True, text=True
    )
    return found.stdout.strip()


@contextlib.contextmanager
def mounted(image: Path, mount: Path) -> Iterator[None]:
    device = attach(image)
    try:
        run("mount", device, str(mount))
        try:
            yield
        finally:
            run("umount", str(mount))
    finally:
        run("losetup", "-d", device)


def apply(entry: Entry, log: IO[bytes], image: IO[bytes]) -> None:
    if not entry.sectors:
        return
    if entry.flags & DISCARD:
        data = bytes(entry.sectors * SECTOR)
    else:
        log.seek(entry.at)
        data = log.read(entry.sectors * SECTOR)
    image.seek(entry.sector * SECTOR)
    image.write(data)


State = tuple[int, list[int]]


def states(entries: list[Entry], first: int, count: int, chance: random.Random) -> list[State]:
    """Moments of a power loss: the last flush that was done, and what else was written."""
    flushes = [at for at, entry in enumerate(entries) if entry.flags & FLUSH and at >= first]
    ends = [*flushes[1:], len(entries)]
    right_behind = chance.sample(flushes, min(len(flushes), count // 2))
    found: list[State] = [(flush, []) for flush in right_behind]
    windows = [(flush, end) for flush, end in zip(flushes, ends, strict=True) if end > flush + 1]
    while len(found) < count:
        flush, end = chance.choice(windows)
        crash, share = chance.randint(flush + 2, end), chance.random()
        # What is forced to the disk is there when it is done.
        more = [
            at
            for at in range(flush + 1, crash)
            if entries[at].flags & FUA or chance.random() < share
        ]
        if more:
            found.append((flush, more))
    return sorted(found, key=lambda state: state[0])


def look(interpreter: str, kind: str, mount: Path) -> list[int]:
    """What another program finds in the queue behind the power loss."""
    program = [interpreter, str(Path(__file__).with_name("workloads.py")), "look", kind, str(mount)]
    found = subprocess.run(program, check=False, capture_output=True, text=True, timeout=120)
    if found.returncode:
        raise AssertionError(f"the queue cannot be opened and emptied:\n{found.stderr}")
    result: list[int] = json.loads(found.stdout)
    return result


def load(machine: Machine, interpreter: str, kind: str, seed: int) -> list[tuple[int, str, int]]:
    """Works with the queue; gives each call that returned, with how much was recorded by then."""
    program = [interpreter, "-u", str(Path(__file__).with_name("workloads.py")), "work", kind]
    working = subprocess.Popen(
        [*program, str(machine.mount), str(seed)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert working.stdin and working.stdout
    done = []
    for line in working.stdout:
        call, number = line.split()
        done.append((machine.recorded(), call, int(number)))
        # It goes on only then.
        working.stdin.write("\n")
        working.stdin.flush()
    if working.wait():
        raise SystemExit(f"the work with {kind} failed")
    return done


def try_kind(kind: str, options: argparse.Namespace) -> int:
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="dead-machine-", dir=options.folder) as name:
        machine = Machine(Path(name), options.file_system)
        try:
            machine.begin()
            done = load(machine, options.interpreter, kind, options.seed)
        finally:
            machine.end()
        entries = machine.entries()
        calls = [(call, number) for _, call, number in done]
        tried = states(entries, machine.start, options.states, chance)
        image, trial = machine.folder / "image", machine.folder / "trial"
        shutil.copyfile("/dev/null", image)
        os.truncate(image, SIZES[options.file_system])
        applied = 0
        for flush, more in tried:
            with machine.log.open("rb") as log, image.open("r+b") as disk:
                for entry in entries[applied : flush + 1]:
                    apply(entry, log, disk)
            applied = flush + 1
            run("cp", "--sparse=always", str(image), str(trial))
            with machine.log.open("rb") as log, trial.open("r+b") as disk:
                for at in more:
                    apply(entries[at], log, disk)
            # None returned between this flush and the next one without being counted here.
            promised = sum(1 for recorded, _, _ in done if recorded <= flush + 1)
            with mounted(trial, machine.mount):
                found = look(options.interpreter, kind, machine.mount) if promised else []
            wrong = Promise(kind, calls, promised).broken_by(found)
            if wrong:
                moment = f"behind entry {flush}, with {more}"
                print(f"{kind}: power loss {moment}: {wrong}", file=sys.stderr)
                return 1
        torn = sum(1 for _, more in tried if more)
        print(
            f"{kind} on {options.file_system}: {len(done)} calls, "
            f"{len(entries)} writes and flushes; "
            f"{len(tried)} power losses, {torn} of them with a part of what was not flushed: "
            "no promise broken",
            flush=True,
        )
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("interpreter", help="a Python interpreter with persistqueue")
    parser.add_argument("--kind", action="append", choices=KINDS, help="all of them by default")
    parser.add_argument("--file-system", default="ext4", choices=SIZES)
    parser.add_argument(
        "--states", type=int, default=60, help="how many power losses for each kind"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where the disks are kept")
    options = parser.parse_args()
    return max(try_kind(kind, options) for kind in options.kind or KINDS)


if __name__ == "__main__":
    sys.exit(main())
