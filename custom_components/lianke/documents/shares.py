"""Shares of what is kept for users."""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol


class Kept(Protocol):
    """Something that is kept for a user; its size is in bytes."""

    user: str | None

    @property
    def size(self) -> int:
        """Return how much room it takes."""


def next_to_go(kept: Sequence[Kept], most: int, most_bytes: int) -> int | None:
    """Return which of several things, the oldest first, gives way; None while all of them may stay.

    It is the oldest of the user who keeps most, by number or by size, whichever is too much; the
    newest one stays.
    """
    too_many = len(kept) > most
    if not too_many and (len(kept) < 2 or sum(one.size for one in kept) <= most_bytes):
        return None
    shares: Counter[str | None] = Counter()
    for one in kept:
        shares[one.user] += 1 if too_many else one.size
    users = [one.user for one in kept[:-1]]
    return users.index(max(users, key=lambda user: shares[user]))
