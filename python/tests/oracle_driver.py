"""Run by persist-queue 1.1.0's Python: plays each game that comes as a line of JSON."""

from __future__ import annotations

import json
import sys
import tempfile

import async_sqlite_play
import random_play
import sqlite_play


def player_of(game: dict) -> type:
    if game.get("kind") in async_sqlite_play.KINDS:
        return async_sqlite_play.Player
    if "kind" in game:
        return sqlite_play.Player
    return random_play.AsyncPlayer if "async" in game else random_play.Player


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for number, line in enumerate(sys.stdin):
            game = json.loads(line)
            player = player_of(game)
            results = player(f"{folder}/{number}", game).play()
            print(json.dumps(results), flush=True)


if __name__ == "__main__":
    main()
