"""Other processors, emulated by qemu: 64-bit ARM, and one that has numbers the other way round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .cargo import Build, build
from .outcome import ROOT, Outcome, run

CORE = ROOT / "crates/persist-queue"
FEATURES = ["msgpack", "cbor", "json", "pickle", "legacy", "simulation", "sqlite", "tokio"]
# `exchange` comes by itself.
TESTS = ["lib", "format", "corruption", "crash", "mapped"]
# qemu 7.2 gives a handler of SIGBUS an address with its halves swapped on s390x.
NOT_EMULATED = {
    ("s390x", "mapped"): ["a_segment_that_somebody_cuts_is_an_error_and_does_not_kill_the_process"]
}


def processor(name: str, tests: Sequence[str]) -> Iterator[Outcome]:
    """Runs tests on this processor, and has it share files with the one of this machine."""
    emulator = f"qemu-{name} -L /usr/{name}-linux-gnu"
    # An emulator is slow enough that some optimization pays.
    faster = {"CARGO_PROFILE_DEV_OPT_LEVEL": "1"}
    there = Build(f"{name}-unknown-linux-gnu", f"{name}-linux-gnu-gcc", FEATURES, faster)
    chosen = list(tests or [*TESTS, "exchange"])
    programs = there.programs(chosen)
    # For test programs that start themselves again.
    environment = {"PERSIST_QUEUE_EMULATOR": emulator}
    for test in chosen:
        command = [*emulator.split(), str(programs[test])]
        for left_out in NOT_EMULATED.get((name, test), []):
            command += ["--skip", left_out]
        yield run(name, test, command, environment, CORE)
    if "exchange" in chosen:
        here = build(["exchange"], ["--features", ",".join(FEATURES)], {})
        other = {"PERSIST_QUEUE_OTHER": f"{emulator} {programs['exchange']}"}
        yield run(name, "exchange with here", [str(here["exchange"])], other, CORE)
