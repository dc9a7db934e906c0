"""Makes the files in this folder: run it with a Python that has persist-queue[extra]==1.1.0.

    python make.py [FOLDER [COUNT]]

FOLDER (default: the one this file is in) gets

* pickle, json, msgpack, cbor2: folders written by persist-queue with that serializer;
* malicious: a folder whose files would run a command if they were unpickled;
* infos.json: the info file in other dialects of pickle, name to hexadecimal;
* protocol0.pickles to protocol5.pickles: pickles of all sorts of objects behind one another, with
  COUNT (default 60) random ones for each protocol; opcodes.pickles: each opcode once a pickle;
* ends.json: where, by Python's own pickletools, each pickle in those files ends.
"""

import collections
import datetime
import decimal
import fractions
import io
import json
import os
import pickle
import pickletools
import random
import shutil
import sys
import uuid

import persistqueue
from persistqueue.serializers import cbor2, json as json_serializer, msgpack
from persistqueue.serializers import pickle as pickle_serializer

SERIALIZERS = {
    "pickle": pickle_serializer,
    "json": json_serializer,
    "msgpack": msgpack,
    "cbor2": cbor2,
}


# Folders.


def item(number):
    return {"number": number, "half": number / 2, "text": "é" * number, "list": [None, -number]}


def folder(path, serializer, items, taken, chunksize=100):
    """Puts some items, takes the first ones and leaves the rest."""
    queue = persistqueue.Queue(path, chunksize=chunksize, serializer=serializer, tempdir=path)
    for number in range(items):
        queue.put(item(number))
    for _ in range(taken):
        queue.get()
        queue.task_done()


def folders(path):
    for name, serializer in SERIALIZERS.items():
        home = os.path.join(path, name)
        shutil.rmtree(home, ignore_errors=True)
        for case, arguments in {
            "fresh": (5, 0),
            "partly": (10, 4, 3),
            "drained": (4, 4, 3),
            "boundary": (6, 0, 3),
        }.items():
            os.makedirs(os.path.join(home, case))
            folder(os.path.join(home, case), serializer, *arguments)


class Command:
    def __reduce__(self):
        return os.system, ("touch persist-queue-ran-a-pickle",)


def malicious(path):
    path = os.path.join(path, "malicious")
    os.makedirs(path, exist_ok=True)
    attack = pickle.dumps(Command(), protocol=4)
    for name in "info", "q00000":
        with open(os.path.join(path, name), "wb") as file:
            file.write(attack)


# Info files.

INFO = {"chunksize": 3, "size": 70_001, "tail": [1, 2, 300], "head": [23_335, 0, 70_000]}
PYTHON_2 = (
    b"(dp0\nS'tail'\np1\n(lp2\nI1\naI2\naL300L\nasS'head'\np3\n(lp4\nI23335\naI0\naI70000\nas"
    b"S'chunksize'\np5\nI3\nsS'size'\np6\nI70001\ns."
)
PYTHON_2_BINARY = (
    b"\x80\x02}q\x00(U\x04tailq\x01]q\x02(K\x01K\x02\x8a\x02,\x01eU\x04headq\x03]q\x04(M'[K\x00"
    b"Jp\x11\x01\x00eU\tchunksizeq\x05K\x03U\x04sizeq\x06Jq\x11\x01\x00u."
)
BYTES_KEYS = {key.encode(): value for key, value in INFO.items()}
TUPLES = {**INFO, "tail": (1, 2, 300), "head": (23_335, 0, 70_000)}


def infos(path):
    made = {f"protocol {number}": pickle.dumps(INFO, number) for number in range(6)}
    made |= {f"tuples, protocol {number}": pickle.dumps(TUPLES, number) for number in range(6)}
    made |= {f"bytes keys, protocol {number}": pickle.dumps(BYTES_KEYS, number) for number in (3, 4)}
    made["pickle in Python"] = python_pickle(INFO)
    made["Python 2"] = PYTHON_2
    made["Python 2, binary"] = PYTHON_2_BINARY
    for name, data in made.items():
        loaded = pickle.loads(data, encoding="ascii")
        loaded = {key if isinstance(key, str) else key.decode(): loaded[key] for key in loaded}
        assert {**loaded, "tail": [*loaded["tail"]], "head": [*loaded["head"]]} == INFO, name
    with open(os.path.join(path, "infos.json"), "w") as file:
        json.dump({name: data.hex() for name, data in made.items()}, file, indent=1)
        file.write("\n")


def python_pickle(value):
    file = io.BytesIO()
    pickle._Pickler(file, 4).dump(value)
    return file.getvalue()


# Pickles.


class Plain:
    def __init__(self, *values):
        self.values = values


class Slotted:
    __slots__ = ("left", "right")

    def __init__(self, left, right):
        self.left, self.right = left, right

    def __reduce_ex__(self, protocol):
        # Protocol 0 and 1 cannot pickle slots by themselves.
        return type(self), (self.left, self.right)


class Keywords:
    def __new__(cls, *, name):
        return super().__new__(cls)

    def __getnewargs_ex__(self):
        return (), {"name": "keyword"}


Point = collections.namedtuple("Point", "x y")
SCALARS = [
    None, True, False, 0, 1, -1, 255, 256, 65_535, 65_536, 2**31, -(2**31), 2**63, -(2**2040), 2**2100,
    0.0, -1.5, float("inf"), float("nan"), 1j, "", "text", "line\nbreak\\ \u00e9\u20ac\U0001f600\0",
    "\ud800", "x" * 300, b"", b"\0\x80.\n", b"y" * 300, bytearray(b"array."), ..., NotImplemented,
    int, len, os.path.join, datetime.datetime(2020, 2, 29, 1, 2, 3), datetime.timedelta(days=3),
    decimal.Decimal("1.50"), fractions.Fraction(1, 3), uuid.UUID(int=5), range(3), slice(1, 2),
    Point(1, 2), ValueError("wrong"), Slotted(1, "two"), Plain(1, [2]), Keywords(name="keyword"),
]


def tangle():
    loop = ["loop"]
    loop.append(loop)
    shared = {"shared": [1]}
    many = [str(number) for number in range(300)]
    return [loop, [shared, shared], many + many, dict.fromkeys(range(1_100)), {1, 2}, frozenset({3})]


def random_value(depth):
    kind = random.randrange(9 if depth else 1)
    some = [random_value(depth - 1) for _ in range(random.randrange(5))] if kind else []
    if kind == 1:
        return some
    if kind == 2:
        return tuple(some)
    if kind == 3:
        return {index: value for index, value in enumerate(some)}
    if kind == 4:
        return {random.randrange(10**6) for _ in some}
    if kind == 5:
        return Plain(*some)
    if kind == 6:
        return collections.OrderedDict(enumerate(some))
    if kind == 7:
        return random.randbytes(random.randrange(60))
    if kind == 8:
        return collections.deque(some)
    return random.choice(SCALARS)


def argument(opcode):
    """Some argument that the opcode may have."""
    if opcode.arg is None:
        return b""
    numbers = {"uint1": 1, "uint2": 2, "uint4": 4, "uint8": 8, "int4": 4, "float8": 8}
    if opcode.arg.name in numbers:
        return bytes([2]) + bytes(numbers[opcode.arg.name] - 1)
    lines = {
        "decimalnl_short": b"12\n",
        "decimalnl_long": b"12L\n",
        "floatnl": b"1.5\n",
        "stringnl": b"'a.b'\n",
        "stringnl_noescape": b"a.b\n",
        "stringnl_noescape_pair": b"a.b\nc.d\n",
        "unicodestringnl": b"a.b\n",
    }
    if opcode.arg.name in lines:
        return lines[opcode.arg.name]
    widths = {pickletools.TAKEN_FROM_ARGUMENT1: 1, pickletools.TAKEN_FROM_ARGUMENT4: 4}
    widths |= {pickletools.TAKEN_FROM_ARGUMENT4U: 4, pickletools.TAKEN_FROM_ARGUMENT8U: 8}
    return (3).to_bytes(widths[opcode.arg.n], "little") + b".\n."


def ends(data):
    """Where each pickle ends."""
    file = io.BytesIO(data)
    found = []
    while file.tell() < len(data):
        for _ in pickletools.genops(file):
            pass
        found.append(file.tell())
    return found


def pickles(path, count):
    random.seed(1)
    values = [*SCALARS, *tangle()]
    values += [random_value(4) for _ in range(count)]
    files = {}
    for protocol in range(6):
        made = [pickle.dumps(value, protocol) for value in values]
        # More than a frame holds. One protocol of each kind is enough: it is large.
        if protocol == 4:
            made.append(pickle.dumps([b"." * 66_000, ["text"] * 3, {"bytes": b"."}], protocol))
        files[f"protocol{protocol}"] = made
    files["opcodes"] = [
        opcode.code.encode("latin-1") + argument(opcode) + (b"" if opcode.name == "STOP" else b".")
        for opcode in pickletools.opcodes
        if opcode.name != "PROTO"  # It starts a pickle, so it is in every one of the others.
    ]
    found = {}
    for name, made in files.items():
        data = b"".join(made)
        found[name] = ends(data)
        assert len(found[name]) == len(made)
        with open(os.path.join(path, f"{name}.pickles"), "wb") as file:
            file.write(data)
    with open(os.path.join(path, "ends.json"), "w") as file:
        json.dump(found, file)
        file.write("\n")


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    os.makedirs(path, exist_ok=True)
    folders(path)
    malicious(path)
    infos(path)
    pickles(path, int(sys.argv[2]) if len(sys.argv) > 2 else 60)


if __name__ == "__main__":
    main()
