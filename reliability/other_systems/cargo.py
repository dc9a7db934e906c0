"""The test programs of the core crate for another system."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .outcome import ROOT


@dataclass
class Build:
    """For which system, with which linker."""

    target: str
    compiler: str
    features: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)

    def variables(self) -> dict[str, str]:
        """What cargo is told by the environment."""
        name = self.target.replace("-", "_")
        return {
            f"CARGO_TARGET_{name.upper()}_LINKER": self.compiler,
            f"CC_{name}": self.compiler,
            # Nobody debugs there.
            "CARGO_PROFILE_DEV_DEBUG": "0",
            **self.environment,
        }

    def programs(self, tests: Sequence[str]) -> dict[str, Path]:
        """Builds these test programs, of which `lib` has the tests within the sources."""
        options = ["--target", self.target, "--features", ",".join(self.features)]
        return build(tests, options, self.variables())


def build(
    tests: Sequence[str], options: Sequence[str], variables: Mapping[str, str]
) -> dict[str, Path]:
    command = ["cargo", "test", "--no-run", "--message-format", "json", "-p", "persist-queue"]
    for test in tests:
        command += ["--lib"] if test == "lib" else ["--test", test]
    done = subprocess.run(
        [*command, *options],
        cwd=ROOT,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    programs = {}
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["profile"]["test"]:
            name = "lib" if "lib" in message["target"]["kind"] else message["target"]["name"]
            programs[name] = Path(message["executable"])
    return programs
