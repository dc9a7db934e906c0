"""What holds for all tests."""

from __future__ import annotations

import signal

# A shell starts what runs in the background with Ctrl-C ignored, and processes that the tests start
# would inherit that: those that are to be interrupted would not be.
signal.signal(signal.SIGINT, signal.default_int_handler)
