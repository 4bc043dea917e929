"""Options for a job whose document is printed again, here or on another printer."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from ..api.options import MANUAL_DUPLEX, PAPER_OPTIONS
from ..documents.sniff import FileType
from ..errors import InputError
from ..jobs.job import Job
from ..jobs.queue import Changes
from .print import async_resolve
from .request import stored_options
from .schemas import OPTION_NAMES
from .target import Target

# What a layout on sheets has decided already.
LAID_OUT_BY: Final = ("orientation", "scale", "align", "auto_rotate", "excel_fit")


def chosen_options(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the print options that a call names."""
    return {name: data[name] for name in OPTION_NAMES if name in data}


async def async_changes(target: Target, job: Job, chosen: Mapping[str, Any]) -> Changes:
    """Return how a job's document is printed on a printer with these options changed.

    Options that the job was asked for and that are not changed are checked anew, too. Raises
    InputError: by_hand_unchanged, by_hand_not_again, sheets_are_laid_out, printer_gone,
    and what is wrong with an option.
    """
    if job.by_hand is not None:
        raise InputError("by_hand_unchanged", title=job.title)
    if chosen.get("duplex") in MANUAL_DUPLEX:
        raise InputError("by_hand_not_again", title=job.title)
    if job.laid_out and (fixed := [name for name in LAID_OUT_BY if name in chosen]):
        raise InputError("sheets_are_laid_out", title=job.title, option=fixed[0])
    kept = dict(job.requested)
    if any(name in chosen for name in PAPER_OPTIONS):
        # A size never mixes with a paper.
        kept = {name: value for name, value in kept.items() if name not in PAPER_OPTIONS}
    requested = {**kept, **chosen}
    options = await async_resolve(
        target.entry,
        target.printer_key,
        stored_options(requested),
        raw=job.document_name.endswith(FileType.RAW),
    )
    # A default option for both sides by hand is for documents that are printed anew.
    options = replace(options, by_hand=None)
    return Changes(printer_key=target.printer_key, options=options, requested=requested)
