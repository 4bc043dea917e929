"""A queue for work that only a few may do at the same time; users, boxes and devices take turns."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Hashable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Final, Self

# Maximum number of owners whose last turns a queue remembers.
MAX_OWNERS: Final = 1000
# Shortest time of the timer in seconds: the event loop may fire a shorter timer a moment too early.
SHORTEST_WAIT: Final = 0.01


# The owner of some work: a user (None for all automations together), or the name of a group and one of its members.
type Owner = tuple[str | None, ...]


def lan_owner(device: str) -> Owner:
    """Return the owner of work for a device of the home network. All devices together get as many turns as one user."""
    return "lan", device


class NoPlaceError(Exception):
    """Too many callers are waiting already, or no place became free in time."""


class Turns:
    """Remembers the order of turns. Sort owners by `last` to put the owner whose turn was longest ago first.

    An owner that is a tuple is a member of a group; the tuple without its last part is the name of the group. Groups
    take turns like owners, and so do the members of a group.
    """

    def __init__(self) -> None:
        self._last: dict[Hashable, int] = {}
        self._numbers = count(1)

    def note(self, owner: Hashable) -> None:
        for one in _with_groups(owner):
            self._last.pop(one, None)
            self._last[one] = next(self._numbers)
            if len(self._last) > MAX_OWNERS:
                del self._last[next(iter(self._last))]

    def last(self, owner: Hashable) -> list[int]:
        """Return the numbers of the last turns of the owner's groups and of the owner.

        Later turns have higher numbers; 0 means that there was no turn yet.
        """
        return [self._last.get(one, 0) for one in _with_groups(owner)]


def _with_groups(owner: Hashable) -> list[Hashable]:
    if not isinstance(owner, tuple):
        return [owner]
    # The largest group comes first.
    return [owner[:length] for length in range(1, len(owner) + 1)]


@dataclass(eq=False, slots=True)
class QueuePlace:
    """A place in a queue, held or waited for."""

    queue: FairQueue
    owner: Hashable
    # By key, how many places that have the key may be held at the same time.
    limits: Mapping[Hashable, int]
    rank: int
    turn: asyncio.Future[None]
    is_kept: bool = False

    def keep(self) -> Self:
        """Keep the place after the `async with` block; the holder must then call `give_back`."""
        self.is_kept = True
        return self

    def give_back(self) -> None:
        """Free the place for the next in line. A second call does nothing."""
        self.queue.give_back(self)


class FairQueue:
    """Hands out places: `places` in all, at most `max_per_owner` to one owner.

    The owner whose last turn was longest ago goes first; among equals, the owner who came first. A holder never loses
    its place, so the limit per owner applies even while nobody else waits: an owner who comes later must find free
    places.
    """

    def __init__(
        self,
        places: int | None = None,
        max_per_owner: int | None = None,
        *,
        max_waiting: int | None = None,
        max_waiting_per_owner: int | None = None,
        opens_in: Callable[[QueuePlace], float] | None = None,
        on_turn: Callable[[QueuePlace], None] | None = None,
    ) -> None:
        """`max_waiting` is how many callers may wait, `max_waiting_per_owner` how many callers of one owner.

        To limit a rate, `opens_in` returns the seconds until a free place may be taken; `on_turn` is called with each
        place when it is taken.
        """
        self._opens_in = opens_in
        self._on_turn = on_turn
        self._places = places
        self._max_per_owner = max_per_owner
        self._max_waiting = max_waiting
        self._max_waiting_per_owner = max_waiting_per_owner
        self._waiting: list[QueuePlace] = []
        self._held: list[QueuePlace] = []
        self._counts: Counter[Hashable] = Counter()
        self._turns = Turns()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def taken(self) -> int:
        return len(self._held)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def is_full(self, owner: Hashable) -> bool:
        return not self._fits(self._limits(owner))

    def is_wanted_by(self, owner: Hashable) -> bool:
        return any(one.owner == owner for one in (*self._held, *self._waiting))

    @asynccontextmanager
    async def place(
        self,
        owner: Hashable,
        *,
        extra_limits: Mapping[Any, int] | None = None,
        rank: int = 0,
        max_wait: float | None = None,
    ) -> AsyncIterator[QueuePlace]:
        """Wait for a place, and hold it in the `async with` block. Raises NoPlaceError.

        `extra_limits`: for each key, how many places that were asked for with this key may be held at the same time. A
        smaller `rank` goes first. `max_wait`: seconds; 0 means not to wait, None to wait for ever.
        """
        turn = asyncio.get_running_loop().create_future()
        mine = QueuePlace(self, owner, {**self._limits(owner), **(extra_limits or {})}, rank, turn)
        self._waiting.append(mine)
        self._hand_out()
        try:
            if not turn.done():
                if max_wait == 0 or self._is_full_for(owner):
                    raise NoPlaceError
                try:
                    async with asyncio.timeout(max_wait):
                        await turn
                except TimeoutError:
                    raise NoPlaceError from None
            yield mine
        finally:
            if not mine.is_kept:
                self.give_back(mine)

    def give_back(self, place: QueuePlace) -> None:
        """Free a place for the next in line. If the caller still waits for the place, leave the line instead."""
        if place in self._held:
            self._held.remove(place)
            self._counts -= Counter(place.limits.keys())
        elif place in self._waiting:
            self._waiting.remove(place)
        self._hand_out()

    def _limits(self, owner: Hashable) -> dict[Hashable, int]:
        limits: dict[Hashable, int | None] = {
            self: self._places,
            ("owner", owner): self._max_per_owner,
        }
        return {one: most for one, most in limits.items() if most is not None}

    def _fits(self, limits: Mapping[Hashable, int]) -> bool:
        return all(self._counts[one] < most for one, most in limits.items())

    def _is_full_for(self, owner: Hashable) -> bool:
        own = sum(one.owner == owner for one in self._waiting)
        return (self._max_waiting is not None and len(self._waiting) > self._max_waiting) or (
            self._max_waiting_per_owner is not None and own > self._max_waiting_per_owner
        )

    def _hand_out(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # A waiter that was canceled just now has not left the line yet: its future is done, so skip it.
        while fitting := [
            one for one in self._waiting if not one.turn.done() and self._fits(one.limits)
        ]:
            waits = {one: 0.0 if self._opens_in is None else self._opens_in(one) for one in fitting}
            if (soonest := min(waits.values())) > 0:
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(max(soonest, SHORTEST_WAIT), self._hand_out)
                return
            ready = (one for one in fitting if waits[one] <= 0)
            chosen = min(ready, key=lambda one: (one.rank, self._turns.last(one.owner)))
            self._waiting.remove(chosen)
            self._held.append(chosen)
            self._counts.update(chosen.limits.keys())
            self._turns.note(chosen.owner)
            if self._on_turn is not None:
                self._on_turn(chosen)
            chosen.turn.set_result(None)
