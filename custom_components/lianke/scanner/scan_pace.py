"""Pace the requests to the service for one scan: quick at first, but never too many in a minute."""

import asyncio
from collections import deque

from ..account.request_limits import MINUTE
from .scan_rules import MAX_SCAN_REQUESTS


class ScanPace:
    def __init__(self, sent: int = 0) -> None:
        """`sent` is the number of requests that were just sent for the scan."""
        self._clock = asyncio.get_running_loop().time
        self._sent = deque([self._clock()] * sent, MAX_SCAN_REQUESTS)

    async def async_turn(self, pause: float = 0) -> None:
        """Wait `pause` seconds before a request, or longer if MAX_SCAN_REQUESTS were sent within the last minute."""
        at = self._clock() + pause
        if len(self._sent) == MAX_SCAN_REQUESTS:
            at = max(at, self._sent[0] + MINUTE)
        self._sent.append(at)
        await asyncio.sleep(at - self._clock())
