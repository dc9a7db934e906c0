"""The same random play here and on persist-queue 1.1.0: each result must be the same.

PERSISTQUEUE_ORACLE names the Python of an environment that has persist-queue 1.1.0;
PERSISTQUEUE_GAMES sets how many games (300), PERSISTQUEUE_SEED which ones. The differences that
are meant, and how the play meets them, stand in `random_play.py`.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import HERE, ending, oracle_python, require
from random_play import SERIALIZERS, VALUES, AsyncPlayer, Player, make_game

GAMES = int(os.environ.get("PERSISTQUEUE_GAMES", "300"))
MOVES = 40
SEED = int(os.environ.get("PERSISTQUEUE_SEED", "0")) or random.randrange(1, 1 << 32)

pytestmark = pytest.mark.timeout(60 + GAMES)


@pytest.fixture
def oracle() -> Iterator[subprocess.Popen]:
    command = [oracle_python(), str(HERE / "oracle_driver.py")]
    pipe = subprocess.PIPE
    child = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
    with ending(child):
        yield child


def played_by_the_oracle(oracle: subprocess.Popen, game: dict) -> list[str]:
    oracle.stdin.write(json.dumps(game) + "\n")
    oracle.stdin.flush()
    line = oracle.stdout.readline()
    assert line, f"the oracle died of {game}"
    return json.loads(line)


def explain(game: dict, ours: list[str], theirs: list[str]) -> str:
    at = next(
        (n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b),
        min(len(ours), len(theirs)),
    )
    history = "\n  ".join(ours[max(at - 25, 0) : at])
    return f"{game}\n  {history}\nours:   {ours[at : at + 3]}\ntheirs: {theirs[at : at + 3]}"


def test_random_play_gives_what_persist_queue_gives(
    oracle: subprocess.Popen, tmp_path: Path
) -> None:
    for name in ("msgpack", "cbor2"):
        require(name)
    print(f"PERSISTQUEUE_SEED={SEED} PERSISTQUEUE_GAMES={GAMES}")
    chance = random.Random(SEED)
    seen: set[str] = set()
    for number in range(GAMES):
        game = make_game(chance, MOVES)
        theirs = played_by_the_oracle(oracle, game)
        ours = Player(str(tmp_path / str(number)), game).play()
        assert ours == theirs, f"seed {SEED}, game {number}: {explain(game, ours, theirs)}"
        seen.add(game["serializer"])
    if GAMES >= 50:
        assert seen == set(SERIALIZERS)


def test_random_play_on_an_async_queue_gives_what_persist_queue_gives(
    oracle: subprocess.Popen, tmp_path: Path
) -> None:
    print(f"PERSISTQUEUE_SEED={SEED} PERSISTQUEUE_GAMES={GAMES}")
    chance = random.Random(SEED)
    for number in range(max(GAMES // 5, 1)):
        game = make_game(chance, MOVES) | {"async": True}
        # With the others the original takes its own items for damaged ones (case 39).
        game["serializer"] = "pickle"
        game["moves"] = [[move, value % len(VALUES["pickle"])] for move, value in game["moves"]]
        theirs = played_by_the_oracle(oracle, game)
        ours = AsyncPlayer(str(tmp_path / str(number)), game).play()
        assert ours == theirs, f"seed {SEED}, game {number}: {explain(game, ours, theirs)}"
