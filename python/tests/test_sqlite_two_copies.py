"""Python's own sqlite3 in the process of a queue, on the queue's file: two copies of SQLite, whose
locks belong to the process and not to either of them."""

from __future__ import annotations

from pathlib import Path

from helpers import run_python

SCENE = """
import sqlite3, subprocess, sys, threading
from persistqueue import SQLiteQueue

path = sys.argv[1]
queue = SQLiteQueue(path, durability="process")
stop = threading.Event()

def use_sqlite3():
    while not stop.is_set():
        database = sqlite3.connect(path + "/data.db", timeout=30)
        with database:
            database.execute("CREATE TABLE IF NOT EXISTS mine (x)")
            database.execute("INSERT INTO mine VALUES (1)")
        database.close()

put = "from persistqueue import *; q = SQLiteQueue({!r}); [q.put(n) for n in range(200)]"
other = subprocess.Popen([sys.executable, "-c", put.format(path)])
thread = threading.Thread(target=use_sqlite3, daemon=True)
thread.start()
for number in range(500):
    queue.put(number)
assert other.wait() == 0
stop.set()
thread.join()
assert queue.size == 700
check = "import sqlite3; print(*sqlite3.connect({!r}).execute('PRAGMA integrity_check'))"
output = subprocess.check_output([sys.executable, "-c", check.format(path + "/data.db")])
assert b"ok" in output, output
"""


def test_sqlite3_in_the_same_process_does_no_harm(tmp_path: Path) -> None:
    run_python(SCENE, tmp_path, timeout=60)
