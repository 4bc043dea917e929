"""A lock that goes from user to user, so that many tasks of one do not hold up another's."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class FairLock:
    """Hands out one turn at a time: among those who wait, each user in turn, each in order."""

    def __init__(self) -> None:
        """Start free."""
        self._taken = False
        # The user whose turn is next stands first.
        self._waiting: dict[str | None, deque[asyncio.Future[None]]] = {}

    def waiting(self, user: str | None) -> int:
        """Return how many tasks of a user wait."""
        return len(self._waiting.get(user, ()))

    @asynccontextmanager
    async def turn(self, user: str | None, *, patience: float | None = None) -> AsyncIterator[None]:
        """Hold the turn; raises TimeoutError when it does not come within `patience` seconds."""
        async with asyncio.timeout(patience):
            await self._take(user)
        try:
            yield
        finally:
            self._pass_on()

    async def _take(self, user: str | None) -> None:
        if not self._taken:
            self._taken = True
            return
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue = self._waiting.setdefault(user, deque())
        queue.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine in queue:
                queue.remove(mine)
            elif not mine.cancelled():
                # It came at the moment when nobody wanted it any more.
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """Give the turn to the next user who waits."""
        while self._waiting:
            user = next(iter(self._waiting))
            queue = self._waiting.pop(user)
            if not queue:
                continue
            mine = queue.popleft()
            if queue:
                self._waiting[user] = queue
            if not mine.done():
                mine.set_result(None)
                return
        self._taken = False
