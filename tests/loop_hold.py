"""Measures how long single callbacks hold the event loop."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import time
from unittest.mock import patch

# The longest a single step of the event loop may take, in seconds of processor time.
MAX_HOLD = 0.1


@dataclass
class Hold:
    # Seconds of processor time of the loop's thread.
    longest: float = 0.0
    callback: str = ""


@contextmanager
def measured_hold() -> Iterator[Hold]:
    """Find the callback that holds the event loop longest, in processor time: a busy machine does not count."""
    hold = Hold()
    run = asyncio.Handle._run

    def timed(handle: asyncio.Handle) -> None:
        before = time.thread_time()
        run(handle)
        took = time.thread_time() - before
        if took > hold.longest:
            hold.longest, hold.callback = took, repr(handle)[:300]

    with patch.object(asyncio.Handle, "_run", timed):
        yield hold
