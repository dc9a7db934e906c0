"""Run by persist-queue 1.1.0's Python: plays each game that comes as a line of JSON."""

from __future__ import annotations

import json
import sys
import tempfile

from random_play import Player


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for number, line in enumerate(sys.stdin):
            results = Player(f"{folder}/{number}", json.loads(line)).play()
            print(json.dumps(results), flush=True)


if __name__ == "__main__":
    main()
