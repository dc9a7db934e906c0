"""The command `persistq`, also as `python -m persistqueue`."""

from __future__ import annotations

import signal
import sys

from persistqueue import _native


def main() -> int:
    """Runs the command with this process's arguments, and gives its exit code."""
    # Python would only note that Ctrl-C was pressed, and the command would go on.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    program = [sys.executable, "-m", "persistqueue"]
    return _native.run_command(["persistq", *sys.argv[1:]], program)


if __name__ == "__main__":
    sys.exit(main())
