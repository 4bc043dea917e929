"""The same job once more or at another printer: its options checked anew, its paper found by size."""

from dataclasses import replace
from typing import Final

from ..api.capabilities import CUSTOM_ID, Capabilities, Paper
from ..api.coerce import to_int
from ..api.models import Species
from ..api.options import (
    MANUAL_DUPLEX,
    PAPER_OPTIONS,
    PrintOptions,
    known_papers,
    name_of,
    options_in,
)
from ..devices import Target
from ..documents.kinds import FileType
from ..documents.sheets import BORDERLESS, LAID_OUT_BY
from ..errors import InputError
from ..jobs.job import Job
from ..jobs.retry import Changes
from .print import async_resolve

# From here on, each driver numbers what is its own (DMBIN_USER, DMMEDIA_USER).
OWN_NUMBERS: Final = 256


async def async_changes(
    target: Target, job: Job, chosen: PrintOptions, source: Target | None = None
) -> Changes:
    """Return how a job's document is printed on a printer with these options changed.

    Options that the job was asked for and that are not changed are checked anew, too; those that were chosen for
    another printer, `source`, as that one calls them, and its paper by size. Raises InputError:
    manual_duplex_unchanged, manual_duplex_not_again, sheets_are_laid_out, printer_gone, paper_not_mapped, and what is
    wrong with an option.
    """
    if len(job.deliveries) > 1:
        # They were made for one printer and its options.
        raise InputError("manual_duplex_unchanged", title=job.title)
    if chosen.get("duplex") in MANUAL_DUPLEX:
        raise InputError("manual_duplex_not_again", title=job.title)
    if job.spec.laid_out and (fixed := sorted(LAID_OUT_BY & chosen.keys())):
        raise InputError("sheets_are_laid_out", title=job.title, option=fixed[0])
    requested = options_in(chosen, job.spec.requested)
    if source is not None:
        was_named = "paper" in requested and job.deliveries[0].options.paper_id != CUSTOM_ID
        if was_named and not any(name in chosen for name in PAPER_OPTIONS):
            chosen = options_in(await _async_paper(target, job), chosen)
        requested = options_in(chosen, _as_named(source, job))
    data = {**requested, "raw": is_raw(job)}
    # Sheets that are to be cut need no printer with a word for that.
    one_sided = job.spec.laid_out and "duplex" not in chosen and requested.get("duplex") == "off"
    options = await async_resolve(target, data, laid_out=job.spec.laid_out, one_sided=one_sided)
    # A default option for both sides by hand is for documents that are printed anew.
    options = replace(options, by_hand=None)
    return Changes(printer_key=target.printer_key, options=options, requested=requested)


def _as_named(source: Target, job: Job) -> PrintOptions:
    """Return what a job was asked for, with the names of what the printer's driver numbers by itself."""
    known = source.data.storage.printers.get(job.printer_key)
    able = (known and known.capabilities) or Capabilities()
    asked = dict(job.spec.requested)
    blocks = (("paper", able.papers), ("tray", able.trays), ("media_type", able.media_types))
    for option, block in ((option, block or {}) for option, block in blocks):
        number = to_int(asked.get(option))
        if number is not None and number >= OWN_NUMBERS and asked[option] not in block:
            # One without a name is nothing that another printer has.
            asked[option] = name_of(block, number) or f"#{number}"
    return options_in(asked)


# 0.1 mm; drivers round sizes of the same paper differently.
SAME_SIZE: Final = 20
# These take paper of any size.
ANY_SIZE: Final = frozenset({Species.LABEL, Species.RECEIPT})


async def async_move(target: Target, job: Job, other: Target) -> Job:
    """Move a job to another printer and return the new one.

    Raises InputError: move_to_itself, paper_not_mapped, what is wrong with an option, and
    like `PrintQueue.async_move`. The job stays where it is then.
    """
    if (target.entry.entry_id, job.printer_key) == (other.entry.entry_id, other.printer_key):
        raise InputError("move_to_itself", title=job.title)
    chosen = await _async_paper(other, job)
    changes = await async_changes(other, job, chosen, target)
    return await target.data.queue.async_move(job.job_id, changes, other.entry.entry_id)


async def _async_paper(other: Target, job: Job) -> PrintOptions:
    """Return the options that stand for a job's paper at another printer, none where it is not known."""
    wanted = job.deliveries[0].options.paper
    if wanted is None or is_raw(job):
        return {}
    view = other.view
    able, papers = await other.data.coordinator.capabilities.get(other.printer_key)
    found = find_paper(wanted, known_papers(able, papers))
    if found is not None:
        return {"paper": found.paper_id}
    if wanted.paper_id == CUSTOM_ID and view.printer.species in ANY_SIZE:
        return {"paper_width": wanted.width / 10, "paper_height": wanted.height / 10}
    size = f"{wanted.width / 10:g} × {wanted.height / 10:g} mm"
    raise InputError("paper_not_mapped", title=job.title, printer=view.name, size=size)


def find_paper(wanted: Paper, papers: list[Paper]) -> Paper | None:
    """Return the paper of the same size, best by the same name, None without one."""
    borderless = bool(BORDERLESS.search(wanted.name))

    def unlike(paper: Paper) -> tuple[bool, bool, int]:
        return (
            paper.name != wanted.name,
            bool(BORDERLESS.search(paper.name)) is not borderless,
            _difference(wanted, paper),
        )

    fitting = [paper for paper in papers if _difference(wanted, paper) <= SAME_SIZE]
    return min(fitting, key=unlike, default=None)


def _difference(one: Paper, other: Paper) -> int:
    return max(abs(one.width - other.width), abs(one.height - other.height))


def is_raw(job: Job) -> bool:
    """Return whether a job is printer commands, which have no options."""
    return job.present.document.name.endswith(FileType.RAW)
