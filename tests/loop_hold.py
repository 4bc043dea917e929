"""Measures how long single callbacks hold the event loop."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import time
from unittest.mock import patch

# Maximum seconds of processor time for a single step of the event loop.
MAX_HOLD = 0.1


@dataclass
class Hold:
    # Seconds of processor time of the loop's thread.
    longest: float = 0.0
    callback: str = ""


@contextmanager
def measured_hold() -> Iterator[Hold]:
    """Find the callback that holds the event loop longest, in processor time, which a busy machine does not change."""
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
