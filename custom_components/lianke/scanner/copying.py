"""The print of a copy: scanned pages go the way of any other print, once."""

from pathlib import Path
from typing import Any, Final

from homeassistant.core import Context, HomeAssistant

from ..api.coerce import to_list, to_mapping
from ..documents.document import Document
from ..documents.kinds import CONTENT_TYPES
from ..documents.sources import async_open_pdf
from ..documents.spool import async_get_spool, copy_file
from ..printing.handlers import async_run_action

ID_CARD: Final = "id_card"
"""The value of `sheet` for both sides of a card."""
CARD_MM: Final = (85.6, 54.0)
A4_MM: Final = (210.0, 297.0)
# The card lies in the corner where the scanner's mark is.
CARD_CUT: Final = {"right": CARD_MM[0] / A4_MM[0], "bottom": CARD_MM[1] / A4_MM[1]}


async def async_print_pages(
    hass: HomeAssistant, paths: list[Path], fields: dict[str, Any], scan_id: str, context: Context
) -> list[str]:
    """Print scanned files by the action that prints anything, and return the ids of the jobs.

    `fields` are the action's, without what is printed. The scan's id is the request's: the same print is never made
    twice, whatever stops in between. Raises InputError, LiankeError, HomeAssistantError.
    """
    spool = await async_get_spool(hass)
    handles: list[str] = []
    try:
        async with spool.scope():
            for path in paths:
                copy = await spool.async_new_path(path.suffix)
                size = path.stat().st_size
                await hass.async_add_executor_job(copy_file, path, copy, size, path.name)
                document = Document(
                    path=copy,
                    name=path.name,
                    content_type=CONTENT_TYPES[path.suffix],
                    extension=path.suffix,
                    size=size,
                    pages=None if path.suffix == ".pdf" else 1,
                    title=path.stem,
                )
                if path.suffix == ".pdf":
                    document = await async_open_pdf(
                        hass, spool, document, password=None, limit_bytes=size, user=context.user_id
                    )
                handles.append(await spool.async_keep(document, user=context.user_id))
        if fields.get("sheet") == ID_CARD:
            fields = fields | {"id_card_crop": [CARD_CUT] * len(handles)}
        answer = await async_run_action(
            hass,
            "print",
            {**fields, "document": handles, "request_id": scan_id},
            context,
        )
        jobs = to_list(to_mapping(answer).get("jobs"))
        return [str(to_mapping(job).get("job_id")) for job in jobs]
    finally:
        for handle in handles:
            await spool.async_forget(handle)
