"""Build the print request of a copy, and check it before the pages are scanned."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr

from ..api.options import options_in
from ..devices import Target, async_target
from ..documents.document import CONTENT_TYPES, Document, FileType
from ..documents.sheets import WHOLE_PICTURE, SheetOptions
from ..documents.sources import DocumentRequest
from ..printing.builder import MakeDocument, PrintRequest, async_job_builder
from .scan_job import ID_CARD, ScanJob

CARD_MM: Final = (85.6, 54.0)
A4_MM: Final = (210.0, 297.0)
# The part of an A4 page that shows the card, which lies in the corner that is marked on the scanner.
CARD_CUT: Final = {"right": CARD_MM[0] / A4_MM[0], "bottom": CARD_MM[1] / A4_MM[1]}
# Seconds to wait until the box of a copy's printer is set up.
BOX_SECONDS: Final = 20
# A picture that stands in for the page, which is not scanned yet.
_STAND_IN: Final = Document(
    path=Path(__file__).parents[1] / "brand" / "icon.png",
    name="page.png",
    content_type=CONTENT_TYPES[FileType.PNG],
    size=1,
    extension=FileType.PNG,
    pages=1,
    title="",
)


def copy_request(job: ScanJob, target: Target, documents: Sequence[MakeDocument]) -> PrintRequest:
    cuts = (WHOLE_PICTURE | CARD_CUT,) * len(documents)
    return PrintRequest(
        target=target,
        context=job.asker.context,
        documents=documents,
        options=options_in(job.printing),
        sheets=SheetOptions(sheet=ID_CARD, id_card_crop=cuts) if job.is_card else None,
    )


async def async_check_copy(hass: HomeAssistant, job: ScanJob) -> None:
    """Raise the errors that printing the copy would raise now if the copy had one page."""

    async def stand_in(_request: DocumentRequest) -> Document:
        return _STAND_IN

    target = async_target(hass, job.printing["device_id"])
    async with async_job_builder(hass, copy_request(job, target, [stand_in])) as builder:
        await builder.async_check()


async def async_copy_printer(hass: HomeAssistant, job: ScanJob) -> Target:
    """Return a copy's printer. Wait up to BOX_SECONDS until the printer's box is set up.

    Raises the same errors as `async_target`.
    """
    device_id = job.printing["device_id"]
    device = dr.async_get(hass).async_get(device_id)
    if device and (entry := hass.config_entries.async_get_entry(device.config_entry_id)):
        changed = asyncio.Event()
        stop = entry.async_on_state_change(changed.set)
        try:
            async with asyncio.timeout(BOX_SECONDS):
                while entry.state is not ConfigEntryState.LOADED:
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            pass
        finally:
            stop()
    return async_target(hass, device_id)
