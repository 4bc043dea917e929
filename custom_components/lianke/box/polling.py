"""What one poll of a box asks of the service."""

from dataclasses import replace

from homeassistant.util.async_ import create_eager_task

from ..api.client import LiankeClient
from ..api.errors import BoxNotProvisionedError, BoxOfflineError, LiankeError
from ..api.models import Box, Printer, PrinterKind

type Answer = tuple[Box, tuple[Printer, ...] | None]


async def async_poll(client: LiankeClient, kind: PrinterKind, *, was_online: bool) -> Answer:
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


async def _async_both(client: LiankeClient, kind: PrinterKind) -> Answer:
    """Ask for box and printers at once: what a push tells of is seen a round trip sooner."""
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
    # Whatever the service says of the printers of a box that is off.
    return box, rows if box.online else None


async def _async_rows(client: LiankeClient, kind: PrinterKind) -> tuple[Printer, ...] | None:
    """Return the rows of a box's printers, None when it is offline."""
    try:
        return tuple(await client.printers(kind))
    except BoxOfflineError, BoxNotProvisionedError:
        return None
