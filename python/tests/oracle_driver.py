"""Run by persist-queue 1.1.0's Python: plays each game that comes as a line of JSON."""

from __future__ import annotations

import json
import sys
import tempfile

import random_play
import sqlite_play


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for number, line in enumerate(sys.stdin):
            game = json.loads(line)
            play = sqlite_play if "kind" in game else random_play
            player = random_play.AsyncPlayer if "async" in game else play.Player
            results = player(f"{folder}/{number}", game).play()
            print(json.dumps(results), flush=True)


if __name__ == "__main__":
    main()
