"""One of the processes of `long_run.py`: `long_run_worker.py ROLE NUMBER FOLDER [WASTE]`.

A `put` process puts into a file queue and into a queue with acknowledgements, a `take` process
takes from both, each as fast as it can. How many calls it has made stands in
`FOLDER/calls-ROLE-NUMBER`. It ends when the file `FOLDER/stop-ROLE` is there, a taker when nothing
is left too, and prints its account.
"""

from __future__ import annotations

import json
import os
import random
import struct
import sys
import time
from pathlib import Path
from typing import Any

from persistqueue import Empty, Full, Queue, SQLiteAckQueue

# What may wait in each queue; then a producer waits for the consumers.
ROOM = 2_000
# Everything is closed and opened again so often.
CALLS_OF_AN_OPENING = 20_000
KINDS = ("file", "ack")


def opened(folder: Path) -> dict[str, Any]:
    return {
        "file": Queue(str(folder / "file"), ROOM, 500, autosave=True),
        "ack": SQLiteAckQueue(str(folder / "ack"), durability="process", maxsize=ROOM),
    }


class Worker:
    def __init__(self, role: str, number: int, folder: Path, waste: str) -> None:
        self.role, self.number, self.folder, self.waste = role, number, folder, waste
        self.calls = dict.fromkeys(KINDS, 0)
        # By kind and producer: how many were taken, their sum, and the newest.
        self.taken: dict[str, dict[int, list[int]]] = {kind: {} for kind in KINDS}
        self.wasted: list[Any] = []
        self.chance = random.Random(number)
        self.told = os.open(folder / f"calls-{role}-{number}", os.O_WRONLY | os.O_CREAT)
        self.queues = opened(folder)

    def tell(self) -> None:
        os.pwrite(self.told, struct.pack("<2Q", *self.calls.values()), 0)

    def put(self, kind: str) -> bool:
        text = b"x" * self.chance.choice([0, 30, 300, 3_000])
        try:
            self.queues[kind].put((self.number, self.calls[kind], text), timeout=0.05)
        except Full:
            return False
        return True

    def take(self, kind: str) -> bool:
        try:
            item = self.queues[kind].get(timeout=0.05)
        except Empty:
            return False
        if kind == "ack":
            if self.queues[kind].ack(item) is None:
                raise SystemExit(f"an ack of {item[:2]} was refused")
            if self.calls[kind] % 500 == 0:
                # What was acknowledged would be kept for ever, as in persist-queue.
                self.queues[kind].clear_acked_data(max_delete=2_000, keep_latest=1_000)
        producer, number, _ = item
        account = self.taken[kind].setdefault(producer, [0, 0, -1])
        if number <= account[2]:
            raise SystemExit(f"{kind}: {number} of {producer} came behind {account[2]}")
        account[:] = account[0] + 1, account[1] + number, number
        return True

    def run(self) -> None:
        call = self.put if self.role == "put" else self.take
        stop = self.folder / f"stop-{self.role}"
        while True:
            stopping = stop.exists()
            went_on = False
            until = time.monotonic() + 0.2
            while time.monotonic() < until:
                for kind in KINDS:
                    if call(kind):
                        went_on = True
                        self.calls[kind] += 1
                        if sum(self.calls.values()) % CALLS_OF_AN_OPENING == 0:
                            self.open_again()
            self.tell()
            if self.waste == "memory":
                self.wasted.append(bytes(200_000))
            if self.waste == "handles":
                self.wasted.append(os.open(self.folder, os.O_RDONLY))
            if stopping and not (went_on and self.role == "take"):
                break
        for queue in self.queues.values():
            queue.close()
        print(json.dumps({"calls": self.calls, "taken": self.taken}))

    def open_again(self) -> None:
        for queue in self.queues.values():
            queue.close()
        self.queues = opened(self.folder)


if __name__ == "__main__":
    waste = sys.argv[4] if len(sys.argv) > 4 else ""
    Worker(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), waste).run()
