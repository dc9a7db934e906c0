"""Times the queues on a MySQL server of two packages side by side; see `compare.py`.

`PERSISTQUEUE_MYSQL` says which server, as `mysql://root@127.0.0.1:3306`; without it a private
MariaDB is started, as for the tests. Each commit
is flushed there (`innodb_flush_log_at_trx_commit=1`).
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from compare import main
from results import MACHINE

SERVER = Path(__file__).parents[2] / "crates/persist-queue/tests/support/mysql-server"

PROGRAM = r"""
import json, os, subprocess, sys, threading, time, uuid
from urllib.parse import urlsplit
import pymysql
from persistqueue.mysqlqueue import MySQLQueue

COUNT = int(sys.argv[1])
ITEM = "a short text, as in a job's name"
clock = time.perf_counter_ns
result = {}

url = urlsplit(os.environ["PERSISTQUEUE_MYSQL"])
server = {"host": url.hostname, "port": url.port or 3306, "user": url.username or "root",
          "passwd": url.password or ""}
database = "pq_bench_" + uuid.uuid4().hex[:12]


def execute(sql):
    connection = pymysql.connect(
        host=server["host"], port=server["port"], user=server["user"], password=server["passwd"]
    )
    with connection.cursor() as cursor:
        cursor.execute(sql)
    connection.close()


def timed(name, function, count=COUNT):
    start = clock()
    for _ in range(count):
        function()
    result[name] = (clock() - start) / count


def threads(name, function, count=COUNT):
    def work():
        for _ in range(count // 8):
            function()

    workers = [threading.Thread(target=work) for _ in range(8)]
    start = clock()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    result[name] = (clock() - start) / count


CONSUMER = '''
import sys
from persistqueue.mysqlqueue import MySQLQueue
queue = MySQLQueue(**eval(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[2])):
    queue.get()
print("done", flush=True)
'''


def processes(name, arguments, count=COUNT):
    children = [
        subprocess.Popen([sys.executable, "-c", CONSUMER, repr(arguments), str(count // 8)],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    for child in children:
        child.stdout.readline()
    start = clock()
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        child.stdout.readline()
    result[name] = (clock() - start) / count
    for child in children:
        child.wait()


execute(f"CREATE DATABASE {database}")
try:
    arguments = {**server, "db_name": database}
    queue = MySQLQueue(**arguments)
    timed("put", lambda: queue.put(ITEM))
    timed("get", queue.get)
    queue = MySQLQueue(**arguments, name="threads")
    threads("put, 8 threads", lambda: queue.put(ITEM))
    threads("get, 8 threads", queue.get)
    queue = MySQLQueue(**arguments, name="processes")
    for _ in range(COUNT):
        queue.put(ITEM)
    processes("get, 8 processes", {**arguments, "name": "processes"})
finally:
    execute(f"DROP DATABASE {database}")
print(json.dumps(result))
"""

if __name__ == "__main__":
    if "PERSISTQUEUE_MYSQL" in os.environ:
        main(PROGRAM, "mysql", MACHINE)
    else:
        # It ends when its standard input is closed.
        pipe = subprocess.PIPE
        with subprocess.Popen([SERVER], stdin=pipe, stdout=pipe, text=True) as server:
            assert server.stdout is not None
            os.environ["PERSISTQUEUE_MYSQL"] = server.stdout.readline().strip()
            main(PROGRAM, "mysql", MACHINE)
