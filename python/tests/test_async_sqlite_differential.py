"""The same random play on the asynchronous classes in databases, here and on persist-queue 1.1.0.

PERSISTQUEUE_GAMES sets how many games (300, shared by the classes), PERSISTQUEUE_SEED which ones.
What is left out because it differs on purpose stands in `async_sqlite_play.py`.
"""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest
from async_sqlite_play import KINDS, Player, make_game
from test_differential import GAMES, SEED, explain, oracle, played_by_the_oracle

__all__ = ["oracle"]  # the fixture

MOVES = 60

pytestmark = pytest.mark.timeout(60 + GAMES)


@pytest.mark.parametrize("kind", KINDS)
def test_random_play_of_a_task_on_a_database_gives_what_persist_queue_gives(
    oracle: subprocess.Popen,
    tmp_path: Path,
    kind: str,
) -> None:
    print(f"PERSISTQUEUE_SEED={SEED} PERSISTQUEUE_GAMES={GAMES}")
    chance = random.Random(f"{SEED} {kind}")
    for number in range(max(GAMES // len(KINDS), 1)):
        game = make_game(chance, kind, MOVES)
        theirs = played_by_the_oracle(oracle, game)
        ours = Player(str(tmp_path / str(number)), game).play()
        assert ours == theirs, f"seed {SEED}, game {number}: {explain(game, ours, theirs)}"
