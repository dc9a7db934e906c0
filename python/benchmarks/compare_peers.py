"""Times the file queue beside other queues of Python, one thread.

`python compare_peers.py OURS THEIRS PEERS [--rounds R] [--items N] [--json FILE]`, where each is
the Python interpreter of an environment: with this package, with persist-queue 1.1.0, and with
`requirements-peers.txt`. Rounds are as in `compare.py`. Before them a process that put is killed,
and what another one finds is compared with what `peers.py` says.
"""

from __future__ import annotations

import signal
import subprocess
import tempfile

from compare import Run, Times, arguments, collect, command, output
from peers import PEERS, Peer
from results import NOTHING, Row, nanoseconds, write

PUT_AND_GET = r"""
import json, sys, tempfile, time

COUNT = int(sys.argv[1])
clock = time.perf_counter_ns
result = {}
ITEMS = {
    "text": "a short text, as in a job's name",
    "dict": {"id": 170, "task": "resize", "path": "/img/170.png", "tries": 0, "sizes": [64, 128]},
}


def timed(name, function):
    start = clock()
    for _ in range(COUNT):
        function()
    result[name] = (clock() - start) / COUNT


for kind, item in ITEMS.items():
    with tempfile.TemporaryDirectory() as folder:
        put, get, size = opened(folder)
        timed("put " + kind, lambda: put(item))
        timed("get " + kind, get)
        put(item)
        assert get() == item
        assert size() == 0
        del put, get, size
print(json.dumps(result))
"""

PUT_AND_DIE = r"""
import os, signal, sys

put, get, size = opened(sys.argv[1])
for number in range(COUNT):
    put(str(number))
os.kill(os.getpid(), signal.SIGKILL)
"""

GET_ALL = r"""
import sys

put, get, size = opened(sys.argv[1])
print([get() for _ in range(size())] == [str(number) for number in range(COUNT)])
"""

COUNT = "COUNT = 50\n"


def check_kill(peer: Peer, interpreter: str) -> None:
    """Raises an error unless what the peer says of a killed process is so."""
    program = COUNT + peer.opened
    with tempfile.TemporaryDirectory() as folder:
        killed = subprocess.run(command(interpreter, program + PUT_AND_DIE, folder))
        if killed.returncode != -signal.SIGKILL:
            raise RuntimeError(f"{peer.name} could not put")
        survived = output(command(interpreter, program + GET_ALL, folder)).strip() == "True"
    if survived != (peer.survives != NOTHING):
        raise RuntimeError(f"{peer.name} does not survive {peer.survives}")


def rows(times: list[Times]) -> list[Row]:
    return [
        nanoseconds("python-peers", peer.name, peer.survives, case, values)
        for peer, cases in zip(PEERS, times, strict=True)
        for case, values in cases.items()
    ]


def main() -> None:
    args = arguments(__doc__ or "", ["ours", "theirs", "peers"], 20_000)
    interpreters = vars(args)
    for peer in PEERS:
        check_kill(peer, interpreters[peer.environment])
    runs = [
        Run(
            interpreters[peer.environment],
            peer.opened + PUT_AND_GET,
            max(args.items // peer.slower, 20),
        )
        for peer in PEERS
    ]
    found = rows(collect(runs, args.rounds))
    if args.json:
        write(args.json, found)
    print(f"nanoseconds a call, median (least to most) of {args.rounds} rounds")
    for row in found:
        what = f"{row['name']:<30}{row['survives']:<16}{row['case']:<10}"
        print(f"{what}{row['median']:>10,.0f} ({row['least']:,.0f} to {row['most']:,.0f})")


if __name__ == "__main__":
    main()
