"""What a queue owes, from the logs of those who used it, and whether it paid.

It knows nothing of queues but what they promise.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from queue_kinds import Kind


@dataclass
class Rest:
    """What was found in the queue at the end, in the order in which it came, and its counts."""

    keys: list[str]
    counts: dict[str, int]
    values: dict[str, Any] = field(default_factory=dict)


def facts(log: Path) -> list[list[Any]]:
    text = log.read_text() if log.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


class Account:
    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        # How often each item was put and made final, and how often that is in doubt.
        self.put: Counter[str] = Counter()
        self.perhaps_put: Counter[str] = Counter()
        self.final: Counter[str] = Counter()
        self.perhaps_final: Counter[str] = Counter()
        # How many items were final, whichever they are, if the call in doubt was done.
        self.unknown_final = 0
        self.failed, self.perhaps_failed = 0, 0
        # Those that came more than once, and how many may.
        self.doubled: set[str] = set()
        self.may_double = 0
        # From when to when somebody surely held an item.
        self.holds: dict[str, list[tuple[int, int, str]]] = {}
        # What each key of a dictionary is, without the calls in doubt.
        self.values: dict[str, list[Any]] = {}
        self.doubts: list[dict[str, Any]] = []
        self.wrong: list[str] = []
        self.calls = self.in_doubt = 0

    def read(self, name: str, log: Path, died_at: int | None) -> None:
        """Takes one process's log; `died_at` is when it was killed, if it was."""
        self.read_facts(name, facts(log), died_at)

    def read_facts(self, name: str, lines: list[list[Any]], died_at: int | None) -> None:
        held: dict[str, int] = {}
        batch: list[str] = []
        newest: dict[str, int] = {}
        begun: tuple[str, Any] | None = None
        began = closing = 0
        for at, what, *fact in lines:
            if what == "error":
                self.wrong.append(f"{name}: {fact[0]}")
            elif what == "do":
                closing = at if fact[0] == "close" else closing
                begun, began = (fact[0], fact[1]), at
            elif what == "raised":
                # Then nothing was done.
                begun = None
            elif what == "did" and begun:
                self.calls += 1
                self.note(name, begun, fact[1], (began, at), held, batch, newest)
                begun = None
        if died_at is None and begun:
            self.wrong.append(f"{name}: {begun} never ended")
        if begun:
            self.in_doubt += 1
            self.doubt(*begun, held, batch)
        elif batch:
            # Nobody said that they were durable, and nobody that they were not.
            self.perhaps_put.update(batch)
        end = closing or died_at or 0
        settled = set(begun[1]) if begun and begun[0] in ("finish", "return", "fail") else set()
        for key, since in held.items():
            if key not in settled:
                self.hold(key, since, end, name)

    def note(
        self,
        name: str,
        begun: tuple[str, Any],
        found: list[Any],
        when: tuple[int, int],
        held: dict[str, int],
        batch: list[str],
        newest: dict[str, int],
    ) -> None:
        """A call that returned."""
        call, given = begun
        kind = self.kind.final
        if call == "put":
            stored = [key for key, good in zip(given, found, strict=True) if good]
            if kind == "batch":
                batch.extend(stored)
            else:
                self.put.update(stored)
        elif call == "take" and kind == "returned":
            self.final.update(found)
            self.in_order(name, found, newest)
        elif call == "take":
            held.update(dict.fromkeys(found, when[1]))
        elif call in ("finish", "return", "fail"):
            if not all(found):
                self.wrong.append(f"{name}: {call} of {given} was refused: {found}")
            for key in given:
                self.hold(key, held.pop(key), when[0], name)
            if call != "return":
                self.final.update(given)
            if call == "fail":
                self.failed += len(given)
            self.put.update(batch)
            batch.clear()
        elif call == "set":
            for key, value in given.items():
                self.values[key] = [value]
        elif call == "close":
            self.put.update(batch)
            batch.clear()

    def doubt(self, call: str, given: Any, held: dict[str, int], batch: list[str]) -> None:
        """The call that was interrupted by the kill."""
        self.perhaps_put.update(batch)
        self.may_double += self.kind.twice and call == "take"
        if call == "put":
            self.perhaps_put.update(given)
        elif call == "take" and self.kind.final == "returned":
            self.unknown_final += given
        elif call in ("finish", "fail"):
            self.perhaps_final.update(given)
            self.perhaps_failed += len(given) * (call == "fail")
        elif call == "set":
            self.doubts.append(given)

    def hold(self, key: str, since: int, until: int, name: str) -> None:
        self.holds.setdefault(key, []).append((since, until, name))

    def double(self, key: str, how: str) -> None:
        self.doubled.add(key)
        if len(self.doubled) > self.may_double:
            self.wrong.append(f"{key} {how}")

    def in_order(self, name: str, keys: list[str], newest: dict[str, int]) -> None:
        """Takers get the items of each producer in the order of its puts."""
        if self.kind.order != "fifo" or self.kind.unique:
            return
        if self.kind.place == "server":
            # Takers pass by what another one takes just now. It waits again where that one dies.
            return
        for key in keys:
            producer, number = key.split(":")
            if int(number) <= newest.get(producer, -1):
                self.wrong.append(f"{name}: {key} came behind {producer}:{newest[producer]}")
            newest[producer] = int(number)

    def check(self, rest: Rest) -> list[str]:
        """What was promised and is not so."""
        if self.kind.final == "dict":
            self.check_values(rest)
            return self.wrong
        left = Counter(rest.keys)
        lost = []
        for key in set(self.put) | set(self.perhaps_put) | set(self.final) | set(left):
            came = self.final[key] + left[key]
            if came > self.put[key] + self.perhaps_put[key]:
                self.double(key, f"came {came} times, put {self.put[key]} times")
            missing = self.put[key] - came - self.perhaps_final[key]
            lost += [key] * max(missing, 0)
        if len(lost) > self.unknown_final:
            self.wrong.append(
                f"lost: {sorted(lost)}, of which calls in doubt took at most {self.unknown_final}"
            )
        self.check_order(rest.keys)
        self.check_holds()
        self.check_counts(rest)
        return self.wrong

    def check_order(self, keys: list[str]) -> None:
        if not self.kind.order:
            return
        once = [key for key in keys if self.put[key] + self.perhaps_put[key] == 1]
        newest: dict[tuple[str, int], int] = {}
        down = self.kind.order == "filo"
        urgency = 0
        for key in once:
            producer, number = key.split(":")
            group = (producer, 0)
            if self.kind.order == "priority":
                group = (producer, int(number) % 3)
                if group[1] < urgency:
                    self.wrong.append(f"{key} came too late for its priority")
                urgency = group[1]
            before = newest.get(group)
            if before is not None and (int(number) < before) != down:
                self.wrong.append(f"{key} came behind {producer}:{before}")
            newest[group] = int(number)

    def check_holds(self) -> None:
        """Nobody was given what somebody else held."""
        for key, holds in self.holds.items():
            if self.put[key] + self.perhaps_put[key] > 1:
                continue
            ordered = sorted(holds)
            for one, other in pairwise(ordered):
                if other[0] < one[1]:
                    self.double(key, f"was held by {one[2]} and {other[2]} at once")

    def check_counts(self, rest: Rest) -> None:
        counts = rest.counts
        if counts["size"] != len(rest.keys):
            self.wrong.append(f"the size was {counts['size']}, and {len(rest.keys)} items came")
        if counts.get("held"):
            self.wrong.append(f"{counts['held']} items were held by nobody alive")
        acked = sum(self.final.values()) - self.failed
        perhaps = sum(self.perhaps_final.values()) - self.perhaps_failed
        # Where a value comes again, its acknowledged row goes.
        if self.kind.unique:
            return
        if "acked" in counts and not acked <= counts["acked"] <= acked + perhaps:
            self.wrong.append(f"{counts['acked']} acked, of {acked} and {perhaps} in doubt")
        if "failed" in counts and not (
            self.failed <= counts["failed"] <= self.failed + self.perhaps_failed
        ):
            self.wrong.append(f"{counts['failed']} failed, of {self.failed}")

    def check_values(self, rest: Rest) -> None:
        done = dict.fromkeys(range(len(self.doubts)), False)
        for number, change in enumerate(self.doubts):
            # A change is made as a whole or not at all.
            done[number] = all(rest.values.get(key) == value for key, value in change.items())
        now = {key: value for key, (value,) in self.values.items()}
        for number, change in enumerate(self.doubts):
            if done[number]:
                now |= change
        now = {key: value for key, value in now.items() if value is not None}
        if now != rest.values:
            self.wrong.append(f"the dictionary has {rest.values} instead of {now}")
        if rest.counts["size"] != len(rest.values):
            self.wrong.append(f"its size was {rest.counts['size']} of {len(rest.values)}")
