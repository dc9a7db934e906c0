"""Ctrl-C reaches a program that waits in the queue."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from helpers import ending, start_python

pytestmark = pytest.mark.timeout(60)

WAITS = {
    "get": "queue.get()",
    "get with timeout": "queue.get(timeout=60)",
    "put": "queue.put('a'); queue.put('b')",
    "join": "queue.put('a'); queue.join()",
}


@pytest.mark.parametrize("wait", WAITS)
def test_ctrl_c_interrupts_a_blocked_call_within_a_second(tmp_path: Path, wait: str) -> None:
    code = f"""
import sys
from persistqueue import Queue
queue = Queue(sys.argv[1], maxsize=1)
print("ready", flush=True)
try:
    {WAITS[wait]}
except KeyboardInterrupt:
    queue.put_nowait("still works") if queue.empty() else queue.get_nowait()
    print("interrupted", flush=True)
"""
    process = start_python(code, tmp_path / "q")
    with ending(process):
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.3)  # it goes on from there to the blocked call
        assert process.poll() is None
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "interrupted\n"
        assert time.monotonic() - sent < 1
        assert process.wait(10) == 0
