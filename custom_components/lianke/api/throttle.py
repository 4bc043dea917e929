"""Purposes of requests, and the protocol of what limits them."""

from contextlib import AbstractAsyncContextManager
from enum import IntEnum
from typing import Protocol


class Purpose(IntEnum):
    """What a request is for; a smaller number goes first where requests queue."""

    SUBMIT = 0
    """Submits a print job."""
    TRACK = 1
    """Tracks a job, or cancels it."""
    POLL = 2
    """Polls a box and its printers."""
    COUNT = 3
    """Counts the pages of a document before it is printed."""
    LOOKUP = 4
    """Serves a user's request: a preview, a search, a pressed button."""
    PICTURE = 5
    """Downloads a preview's page, which is outside the service's API."""


class Throttle(Protocol):
    """Limits requests at once and over time, and pauses when the service complains."""

    def slot(self, purpose: Purpose, *, upload: bool = False) -> AbstractAsyncContextManager[None]:
        """Return a context that is entered when a request, or an upload (which may take minutes), may start."""

    def too_frequent(self) -> None:
        """Pause because the service answered "too frequent" (10009)."""
