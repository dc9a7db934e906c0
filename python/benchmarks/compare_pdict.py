"""Times `PDict` of two installed packages side by side; arguments and output as in `compare.py`.

Both flush each change to the disk (`synchronous=FULL`).
"""

from __future__ import annotations

from compare import main
from results import MACHINE

PROGRAM = r"""
import json, sys, tempfile, time
from persistqueue import PDict

COUNT = int(sys.argv[1])
VALUE = "a short text, as in a job's name"
clock = time.perf_counter_ns
result = {}


def timed(name, function):
    start = clock()
    for number in range(COUNT):
        function(f"key {number}")
    result[name] = (clock() - start) / COUNT


with tempfile.TemporaryDirectory() as folder:
    pdict = PDict(folder, "d")
    timed("set, new keys", lambda key: pdict.__setitem__(key, VALUE))
    # Another value: where a page stays the same, SQLite writes nothing.
    timed("set, old keys", lambda key: pdict.__setitem__(key, VALUE[::-1]))
    timed("get", lambda key: pdict[key])
    timed("in", lambda key: key in pdict)
    timed("get, missing key", lambda key: pdict.get("no " + key))
    timed("len", lambda key: len(pdict))
    timed("delete", lambda key: pdict.__delitem__(key))
    pdict.close()
print(json.dumps(result))
"""

if __name__ == "__main__":
    main(PROGRAM, "dictionary", MACHINE)
