"""A fair queue: what only a few may do at a time, users, boxes and devices do in turn."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Hashable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Final, Self

MAX_OWNERS: Final = 1000
"""owners whose last turns are remembered."""
# Seconds. A shorter timer may fire before it is time.
SHORTEST_WAIT: Final = 0.01


type Owner = tuple[str | None, ...]
"""a user, None for all automations; or a group and one of it."""


def lan_owner(device: str) -> Owner:
    """Return who owns what a device of the home network has sent: all of them together have turns like one user."""
    return "lan", device


class NoPlaceError(Exception):
    """Too many are waiting already, or no place became free in time."""


class Turns:
    """Remembers who had a turn when. Sort by `last`, and whose turn was longest ago comes first.

    An owner that is a tuple belongs to a group, the tuple without its last part: the groups have turns like owners,
    and among a group's the members have theirs.
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
        """Return the numbers of the last turns of an owner's groups and its own, 0 where there was none."""
        return [self._last.get(one, 0) for one in _with_groups(owner)]


def _with_groups(owner: Hashable) -> list[Hashable]:
    """Return an owner's groups, the largest first, and the owner."""
    if not isinstance(owner, tuple):
        return [owner]
    return [owner[:length] for length in range(1, len(owner) + 1)]


@dataclass(eq=False, slots=True)
class Place:
    """A place that is waited for or held."""

    queue: FairQueue
    owner: Hashable
    # How many may be held at a time of those that name the same.
    limits: Mapping[Hashable, int]
    rank: int
    turn: asyncio.Future[None]
    is_kept: bool = False

    def keep(self) -> Self:
        """Keep the place when its block ends; from now on it must be given back."""
        self.is_kept = True
        return self

    def give_back(self) -> None:
        """Let the next one have the place. Doing so twice is harmless."""
        self.queue.give_back(self)


class FairQueue:
    """Hands out `places`, at most a `share` of them to one owner.

    Whose last turn was longest ago goes first, then who came first. A place is never taken away from its holder, so
    that a share also holds while nobody else waits: whoever comes next finds the others free.
    """

    def __init__(
        self,
        places: int | None = None,
        share: int | None = None,
        *,
        line: int | None = None,
        line_share: int | None = None,
        opens_in: Callable[[Place], float] | None = None,
        on_turn: Callable[[Place], None] | None = None,
    ) -> None:
        """`line` is how many may wait, `line_share` how many of one owner.

        Where a rate is limited, `opens_in` says in how many seconds a place may be taken that is free, and `on_turn` is
        called with each that is.
        """
        self._opens_in = opens_in
        self._on_turn = on_turn
        self._places = places
        self._share = share
        self._line = line
        self._line_share = line_share
        self._waiting: list[Place] = []
        self._held: list[Place] = []
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
        within: Mapping[Any, int] | None = None,
        rank: int = 0,
        patience: float | None = None,
    ) -> AsyncIterator[Place]:
        """Hold a place. Raises NoPlaceError.

        `within` sets further limits: how many places may be held at a time by all who name the same key. A smaller
        `rank` goes before all larger ones. `patience` is in seconds; 0 means not to wait, None to wait without end.
        """
        turn = asyncio.get_running_loop().create_future()
        mine = Place(self, owner, {**self._limits(owner), **(within or {})}, rank, turn)
        self._waiting.append(mine)
        self._hand_out()
        try:
            if not turn.done():
                if patience == 0 or self._is_line_full(owner):
                    raise NoPlaceError
                try:
                    async with asyncio.timeout(patience):
                        await turn
                except TimeoutError:
                    raise NoPlaceError from None
            yield mine
        finally:
            if not mine.is_kept:
                self.give_back(mine)

    def give_back(self, place: Place) -> None:
        """Let the next one have a place, or leave the line."""
        if place in self._held:
            self._held.remove(place)
            self._counts -= Counter(place.limits.keys())
        elif place in self._waiting:
            self._waiting.remove(place)
        self._hand_out()

    def _limits(self, owner: Hashable) -> dict[Hashable, int]:
        limits: dict[Hashable, int | None] = {self: self._places, ("owner", owner): self._share}
        return {one: most for one, most in limits.items() if most is not None}

    def _fits(self, limits: Mapping[Hashable, int]) -> bool:
        return all(self._counts[one] < most for one, most in limits.items())

    def _is_line_full(self, owner: Hashable) -> bool:
        own = sum(one.owner == owner for one in self._waiting)
        return (self._line is not None and len(self._waiting) > self._line) or (
            self._line_share is not None and own > self._line_share
        )

    def _hand_out(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # Whoever was canceled in this moment, before it could leave the line, gets none.
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
