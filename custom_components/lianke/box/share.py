"""What polling needs to know of the account that several boxes share."""

from typing import Protocol


class CloudShare(Protocol):
    """What the boxes of one ApiKey share, as far as polling goes."""

    @property
    def fingerprint(self) -> str | None:
        """What tells the present push address from another one; None without an address."""

    def stretched(self, interval: float) -> float:
        """Return the seconds between two polls that leave room for the account's other boxes."""

    async def async_admit(self, requests: int) -> None:
        """Wait until the account may make so many more polling requests."""
