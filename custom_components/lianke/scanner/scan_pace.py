"""When requests to the service for one scan may be sent: quickly at first, but never too many in a minute."""

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
        """Wait `pause` seconds, or longer while as many requests as may be sent in a minute have been sent."""
        at = self._clock() + pause
        if len(self._sent) == MAX_SCAN_REQUESTS:
            at = max(at, self._sent[0] + MINUTE)
        self._sent.append(at)
        await asyncio.sleep(at - self._clock())
