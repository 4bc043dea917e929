"""One poll of a box, and what polling needs of the account."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from homeassistant.util.async_ import create_eager_task

from ..api.client import LiankeClient
from ..api.errors import BoxNotProvisionedError, BoxOfflineError, LiankeError
from ..api.models import Box, Printer, PrinterKind
from ..const import CONF_POLL_INTERVAL, DEFAULT_POLL_INTERVAL, MAX_POLL_INTERVAL, MIN_POLL_INTERVAL


class PollingAccount(Protocol):
    """The account of a box, as far as polling needs it."""

    @property
    def fingerprint(self) -> str | None:
        """Fingerprint of the present callback address; None without an address."""

    def stretch_interval(self, interval: float) -> float:
        """Return the seconds between two polls that leave room for the account's other boxes."""

    async def async_throttle(self, requests: int) -> None:
        """Wait until the account may make so many more polling requests."""


# Seconds.
OFFLINE_INTERVAL = 300
RELAXED_INTERVAL = 300


def poll_interval(options: Mapping[str, Any], *, online: bool, relaxed: bool) -> float:
    """Return the seconds between two polls of a box by its options; `relaxed` if pushes tell what matters."""
    wished = options.get(CONF_POLL_INTERVAL, DEFAULT_POLL_INTERVAL)
    interval = min(max(float(wished), MIN_POLL_INTERVAL), MAX_POLL_INTERVAL)
    if not online:
        return max(interval, OFFLINE_INTERVAL)
    return max(interval, RELAXED_INTERVAL) if relaxed else interval


type PollResult = tuple[Box, tuple[Printer, ...] | None]


async def async_poll(client: LiankeClient, kind: PrinterKind, *, was_online: bool) -> PollResult:
    """Return the box and its printers' rows, None for the rows of a box that is offline.

    Raises LiankeError.
    """
    if was_online:
        box, rows = await _async_both(client, kind)
    else:
        box = await client.box()
        rows = await _async_rows(client, kind) if box.online else None
    if rows is None and box.online:
        box = replace(box, online=False)
    return box, rows


async def _async_both(client: LiankeClient, kind: PrinterKind) -> PollResult:
    """Ask for box and printers at once, which shows a change a round trip sooner."""
    asked = create_eager_task(client.box())
    failure: LiankeError | None = None
    try:
        try:
            rows = await _async_rows(client, kind)
        except LiankeError as err:
            rows, failure = None, err
        box = await asked
    finally:
        asked.cancel()
    if failure is not None and box.online:
        raise failure
    # The service may still list the printers of a box that is off.
    return box, rows if box.online else None


async def _async_rows(client: LiankeClient, kind: PrinterKind) -> tuple[Printer, ...] | None:
    """Return the rows of a box's printers, None when it is offline."""
    try:
        return tuple(await client.printers(kind))
    except BoxOfflineError, BoxNotProvisionedError:
        return None
