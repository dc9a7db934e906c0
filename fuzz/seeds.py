"""Writes what fuzzing starts from into fuzz/corpus: files that real queues left, and real texts.

    python fuzz/seeds.py [FOLDER...]

Further folders of file queues are packed as seeds of the target `segment`.
"""

import hashlib
import struct
import sys
from itertools import combinations
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "crates/persist-queue/tests/data"
CODECS = ["pickle", "json", "msgpack", "cbor2"]
URLS = """\
my_queue
file:q
file:///tmp/q
sqlite:d/data.db#jobs?kind=ack-filo
sqlite:a%23b.db#50%25?kind=priority
mysql://me@db.example:3307/shop#jobs?kind=unique
mysql://me%40home@[::1]:3306/shop?tls=preferred
mysql://me@host:3306/a%2Fb#c%23d?kind=ack&tls=required&tls_ca=a%26b
me\\nhost:3306/shop#jobs?kind=unique
"""
ITEMS = {
    "msgpack": [b"\x92\x07\xa1a", b"\x82\xa1a\x93\x01\xc0\xcb" + bytes(8) + b"\xa1b\xc3"],
    "cbor2": [b"\x82\x07\x61a", b"\xa2\x61a\x83\x01\xf6\xf9\x3c\x00\x61b\xf5"],
    "json": [b'[7, "a"]', b'{"a": [1, null, 1.5e3], "b": true, "c": "\\u00e9"}'],
    "pickle": [
        b"\x80\x04K\x07\x8c\x01a\x86\x94.",
        b"\x80\x02}q\x00(X\x01\x00\x00\x00a]q\x01(K\x01Neu.",
    ],
}


def write(target: str, seed: bytes) -> None:
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(seed).hexdigest()).write_bytes(seed)


def packed(files: list[Path], special: str, seal: bool) -> bytes:
    """A folder in one input, as fuzz/src/folder.rs reads it."""
    seed = b""
    for file in files:
        number = 0 if file.name == special else int(file.name[1:]) + 1
        content = file.read_bytes()
        if special == "control" and number == 0:
            content = content[: 4096 + 256]  # the rest is zeros
        seed += struct.pack("<BBH", number, seal, len(content)) + content
    return seed


def files_of(folder: Path, special: str) -> list[Path]:
    names = [path for path in folder.iterdir() if path.name == special or path.name[1:].isdigit()]
    return sorted(names)


def main() -> None:
    for folder in [DATA / "format/1", *map(Path, sys.argv[1:])]:
        files = files_of(folder, "control")
        for count in range(1, len(files) + 1):
            for some in combinations(files, count):
                write("segment", packed(list(some), "control", seal=True))
        write("segment", packed(files, "control", seal=False))
    control = (DATA / "format/1/control").read_bytes()
    slots = [control[at : at + 256] for at in (0, 4096)]
    for flags in range(4):
        write("control", bytes([flags]) + b"".join(slots))
    # Behind each slot four notes that the first record is finished.
    notes = [slot[16:24] + struct.pack("<QQQQ", 0, 160, 1, 0) for slot in slots for _ in range(4)]
    write("control", bytes([4]) + b"".join(slots + notes))
    for number, codec in enumerate(CODECS):
        for folder in (DATA / "legacy" / codec).iterdir():
            write("legacy", bytes([number]) + packed(files_of(folder, "info"), "info", seal=False))
    salt, records = control[12:16], (DATA / "format/1/q00000").read_bytes()[128:]
    for at in (0, 32):
        write("record", salt + records[at:])
    for url in URLS.splitlines():
        write("url", url.encode().replace(b"\\n", b"\n"))
    for number, codec in enumerate(["msgpack", "cbor2", "json", "pickle"]):
        for item in ITEMS[codec]:
            write("codec", bytes([number]) + item)


if __name__ == "__main__":
    main()
