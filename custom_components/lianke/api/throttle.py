"""What a request is for, and what decides when it may go."""

from contextlib import AbstractAsyncContextManager
from enum import IntEnum
from typing import Protocol


class Purpose(IntEnum):
    """What a request is for. Where requests wait for each other, the smaller number goes first."""

    SUBMIT = 0
    """Hands in a print job."""
    TRACK = 1
    """Asks what became of a job, or cancels it."""
    POLL = 2
    """Refreshes what is known of a box and its printers."""
    COUNT = 3
    """Counts the pages of a document whose print waits for that."""
    LOOKUP = 4
    """Does something else that a user asked for: a preview, a search, a press of a button."""
    PICTURE = 5
    """Fetches a preview's page, which lies outside the service's API."""


class Throttle(Protocol):
    """Limits requests at once and over time, and pauses when the service complains."""

    def slot(self, purpose: Purpose, *, upload: bool = False) -> AbstractAsyncContextManager[None]:
        """Return a context that is entered when a request, or an upload, which may take minutes, may go."""

    def too_frequent(self) -> None:
        """Take note that the service complained (10009)."""
