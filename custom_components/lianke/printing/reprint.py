"""Print a job again, on its own or another printer: options are checked again, and paper is matched by size."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from homeassistant.util.json import JsonObjectType, JsonValueType

from ..api.capabilities import CUSTOM_ID, Capabilities, Paper
from ..api.coerce import to_int
from ..api.errors import OptionError
from ..api.models import PrinterType
from ..api.options import (
    COLORS,
    DUPLEX,
    MANUAL_DUPLEX,
    MAX_LISTED_NAMES,
    ORIENTATIONS,
    PAPER_OPTIONS,
    PrintOptions,
    ResolvedOptions,
    known_papers,
    name_of_value,
    options_in,
)
from ..devices import Target
from ..documents.document import FileType
from ..documents.sheets import BORDERLESS, FIT_SCALE, LAYOUT_OPTIONS
from ..input_error import InputError
from ..jobs.job import Job
from .builder import MoveRequester, ReprintChanges, async_move_to, async_resolve_options
from .true_size import async_scale_of_scan

NOTHING_CHOSEN: Final[PrintOptions] = {}
_PAPER: Final = frozenset(PAPER_OPTIONS)
# From this number on, the meaning of a number is defined by each driver (DMPAPER_USER, DMBIN_USER, DMMEDIA_USER).
FIRST_DRIVER_NUMBER: Final = 256


async def async_check_changes(
    target: Target,
    job: Job,
    chosen: PrintOptions,
    source: Target | None = None,
    *,
    without: Collection[str] = (),
) -> ReprintChanges:
    """Check the options for printing a job's document again, on its own or another printer; return the changes.

    `source` is the job's own printer if `target` is another printer, otherwise None. On its own printer, options that
    are not `chosen` stay as they were resolved. On another printer, all options are checked again: the requested
    options, by the names that the job's own printer gives them, and the job's paper, which is matched by size even if
    nobody requested it. Options in `without` are left to the printer.
    Raises InputError: option_twice, manual_duplex_unchanged, manual_duplex_not_again, sheets_are_laid_out,
    sheets_need_paper, raw_other_model, printer_gone, paper_not_mapped, option_missing_there; OptionError.
    """
    if twice := sorted(set(without) & chosen.keys()):
        raise InputError("option_twice", option=twice[0])
    try:
        return await _async_compared(target, job, chosen, source, without)
    except OptionError as err:
        if source is None or not err.reason.endswith("_not_available"):
            raise
        # The general texts say "this printer", which readers would take for the printer that has the job now.
        raise OptionError(
            "option_missing_there",
            option=err.option,
            value=err.value,
            allowed=err.allowed,
            printer=target.view.name,
            title=job.spec.title,
            name=err.option,
        ) from None


async def _async_compared(
    target: Target,
    job: Job,
    chosen: PrintOptions,
    source: Target | None,
    without: Collection[str],
) -> ReprintChanges:
    if len(job.deliveries) > 1:
        # The two deliveries were split for one printer and its options.
        raise InputError("manual_duplex_unchanged", title=job.spec.title)
    if chosen.get("duplex") in MANUAL_DUPLEX:
        raise InputError("manual_duplex_not_again", title=job.spec.title)
    if job.spec.laid_out and (fixed := sorted(LAYOUT_OPTIONS & chosen.keys())):
        raise InputError("sheets_are_laid_out", title=job.spec.title, option=fixed[0])
    if source is None:
        asked = job.spec.requested
    else:
        known = source.data.storage.printers.get(job.spec.printer_key)
        if is_raw(job) and known is not None and known.printer.model != target.view.printer.model:
            # Another model would print the commands as text.
            raise InputError("raw_other_model", title=job.spec.title, printer=target.view.name)
        if _PAPER.isdisjoint((*chosen, *without)):
            chosen = options_in(await _async_paper(target, job), chosen)
        asked = _as_named(source, job)
    if not _PAPER.isdisjoint(without):
        # Leave out all options about paper together.
        without = {*without, *PAPER_OPTIONS}
    left = {name: value for name, value in asked.items() if name not in without}
    requested = options_in(chosen, left)
    # Sheets that were laid out for one side can also be printed by a driver without an option for one-sided printing.
    one_sided = job.spec.laid_out and "duplex" not in chosen and requested.get("duplex") == "off"
    try:
        options = await async_resolve_options(
            target, requested, raw=is_raw(job), laid_out=job.spec.laid_out, one_sided=one_sided
        )
    except OptionError as err:
        # Do not offer manual duplex, because the document has not been split into front and back sides.
        allowed = [name for name in err.allowed if name not in MANUAL_DUPLEX]
        raise OptionError(err.reason, option=err.option, value=err.value, allowed=allowed) from None
    if source is None:
        # The defaults may have changed since the job was printed, so only the changed options are resolved again.
        anew = {field: getattr(options, field) for field in _fields({*chosen, *without})}
        options = replace(job.deliveries[0].options, **anew)
    if not job.spec.laid_out:
        path = (source or target).data.queue.document_path(job)
        hass = target.data.coordinator.hass
        options = await async_scale_of_scan(hass, path, requested, options)
    sheet = _needed(job)
    if sheet is not None and not _holds(options.paper, sheet):
        raise _too_small("sheets_need_paper", target, job, sheet)
    # If manual duplex is the default, it applies to new documents only.
    options = replace(options, by_hand=None)
    return ReprintChanges(printer_key=target.printer_key, options=options, requested=requested)


def _fields(names: Collection[str]) -> set[str]:
    """Return the names of the ResolvedOptions fields that are set by the options with these names."""
    fields: set[str] = set()
    for name in names:
        if name in _PAPER:
            fields |= {"paper", "paper_id", "paper_width", "paper_length"}
        else:
            fields.add("page_range" if name == "pages" else name)
    return fields


def _needed(job: Job) -> Paper | None:
    """Return the sheet on which pages were laid out in true size; None if the pages can be scaled to any paper."""
    options = job.deliveries[0].options
    return options.paper if job.spec.laid_out and options.scale != FIT_SCALE else None


def _holds(paper: Paper | None, sheet: Paper) -> bool:
    """Whether the whole sheet fits on the paper; False for paper of unknown size."""
    return (
        paper is not None
        and paper.width >= sheet.width - PAPER_TOLERANCE
        and paper.height >= sheet.height - PAPER_TOLERANCE
    )


def _too_small(reason: str, target: Target, job: Job, sheet: Paper) -> InputError:
    size = _size_of(sheet)
    return InputError(reason, title=job.spec.title, printer=target.view.name, size=size)


def _as_named(source: Target, job: Job) -> PrintOptions:
    """Return the requested options with names in place of the numbers that only the job's own driver defines.

    Another driver may know the names.
    """
    known = source.data.storage.printers.get(job.spec.printer_key)
    able = (known and known.capabilities) or Capabilities()
    asked = dict(job.spec.requested)
    blocks = (("paper", able.papers), ("tray", able.trays), ("media_type", able.media_types))
    for option, block in ((option, block or {}) for option, block in blocks):
        number = to_int(asked.get(option))
        if number is not None and number >= FIRST_DRIVER_NUMBER and asked[option] not in block:
            # A number without a name becomes "#300", which no other printer offers.
            asked[option] = name_of_value(block, number) or f"#{number}"
    return options_in(asked)


# Difference in 0.1 mm up to which the sides of two papers count as equal: drivers round paper sizes differently.
PAPER_TOLERANCE: Final = 20
# Types of printers that accept paper of any size.
ANY_SIZE: Final = frozenset({PrinterType.LABEL, PrinterType.RECEIPT})


async def async_move(
    target: Target,
    job: Job,
    other: Target,
    chosen: PrintOptions = NOTHING_CHOSEN,
    *,
    without: Collection[str] = (),
    mover: MoveRequester | None = None,
) -> Job:
    """Move a job to another printer with the `chosen` options changed; return the new job.

    `mover` is the person who changes options. If the job may print more pages with the new options, over all copies, it
    becomes the mover's job, and all rules for a new print apply to it. Otherwise it stays with the user who printed it,
    but must be approved again unless the mover may approve.
    Raises InputError: move_to_itself, and the errors of `async_check_changes` and `PrintQueue.async_move`. After an
    error, the job stays on its printer.
    """
    changes = await _async_there(target, job, other, chosen, without)
    # An approval does not cover changed options, for example one-sided instead of duplex printing.
    changed_by = mover if chosen or without else None
    return await async_move_to(target.data.queue, job, changes, other.entry.entry_id, changed_by)


async def _async_there(
    target: Target, job: Job, other: Target, chosen: PrintOptions, without: Collection[str]
) -> ReprintChanges:
    if (target.entry.entry_id, job.spec.printer_key) == (other.entry.entry_id, other.printer_key):
        raise InputError("move_to_itself", title=job.spec.title)
    # If the printer accepts no jobs, refuse it before looking up its capabilities.
    other.data.queue.check_printer(other.printer_key)
    return await async_check_changes(other, job, chosen, target, without=without)


async def async_plan_move(target: Target, job: Job, other: Target) -> JsonObjectType:
    """Return how a job's options would differ on another printer, and which options must be chosen before the move.

    `open`: options whose value the printer does not offer, each with the values that the printer offers (`allowed`),
    the value that it uses if nobody chooses (`instead`; None if unknown), and whether somebody `must_choose`. Among
    them are options marked `unknown`: the driver does not say whether it supports the value, which is requested as
    before if nobody chooses another. `different`: options for which the printer uses another value by default (`after`;
    None if unknown). `same`: options that are requested as before.
    Raises InputError if no choice makes the move possible.
    """
    found: dict[str, tuple[str, list[str]]] = {}
    without: set[str] = set()
    changes: ReprintChanges | None = None
    chosen, stuck = NOTHING_CHOSEN, ""
    while changes is None and not stuck:
        try:
            changes = await _async_there(target, job, other, chosen, without)
        except OptionError as err:
            option, value, allowed = err.option, err.value, [*err.allowed]
        except InputError as err:
            if err.reason != "paper_not_mapped":
                raise
            option, value, allowed = "paper", *await _async_papers(job, other)
            if _needed(job) is not None:
                # The printer's default paper may be too small, so continue with the first paper that is large enough.
                # Differences in other options do not depend on the paper.
                found["paper"], chosen = (value, allowed), {"paper": allowed[0]}
                continue
        if changes is None:
            # If an option is refused although it is left to the printer, the box's default options have set its value.
            stuck = option if option in without else ""
            found.setdefault(option, (value, allowed))
            without.add(option)
    options, asked = (None, {}) if changes is None else (changes.options, changes.requested)
    before, there = job.deliveries[0].options, {} if options is None else _names(options)
    if options and options.paper and before.paper and _is_same(before.paper, options.paper):
        # Both are the same paper, even if the two drivers name the paper differently or round its size differently.
        there["paper"] = _size_of(before.paper)
    unknown = await _async_unknown(other, asked)
    known = {
        name: value for name, value in _names(before).items() if name not in {*found, *unknown}
    }
    different = [
        name
        for name, value in known.items()
        # List duplex and color even if the printer's value is unknown, since a change may cost paper or ink.
        if (name in there and there[name] != value)
        or (options and name not in there and value in COSTLY_OPTIONS)
    ]
    kept = {"paper" if name in _PAPER else name for name in asked} | {
        name for name, value in known.items() if there.get(name) == value
    }
    shown: list[JsonValueType] = [
        {
            "option": option,
            "before": value,
            "allowed": [*allowed],
            "instead": None if option in chosen else there.get(option),
            # Let a person choose paper of another size instead of guessing.
            "must_choose": option in ("paper", stuck),
        }
        for option, (value, allowed) in found.items()
    ]
    shown += [
        {
            "option": option,
            "before": there[option],
            "allowed": [name for name in words if name != there[option]],
            "instead": None,
            "must_choose": False,
            "unknown": True,
        }
        for option, words in unknown.items()
    ]
    return {
        "open": shown,
        "different": [
            {"option": name, "before": known[name], "after": there.get(name)} for name in different
        ],
        "same": [*sorted(kept - {*found, *unknown, *different})],
    }


COSTLY_OPTIONS: Final = frozenset({"long_edge", "short_edge", "color"})


async def _async_unknown(other: Target, requested: Mapping[str, Any]) -> dict[str, Collection[str]]:
    """Return the requested options that the printer's driver does not describe, each with all possible values."""
    able, _ = await other.data.coordinator.capabilities.get(other.printer_key)
    able = able or Capabilities()
    return {
        name: words
        for name, words, block in (("duplex", DUPLEX, able.duplex), ("color", COLORS, able.colors))
        if block is None and requested.get(name) in COSTLY_OPTIONS
    }


async def _async_papers(job: Job, other: Target) -> tuple[str, list[str]]:
    """Return the name of a job's paper, and the names of the other printer's papers that can replace it.

    Raises InputError: sheets_no_paper if no paper is large enough for pages that were laid out in true size.
    """
    paper = job.deliveries[0].options.paper
    able, papers = await other.data.coordinator.capabilities.get(other.printer_key)
    sheet = _needed(job)
    known = [one for one in known_papers(able, papers) if sheet is None or _holds(one, sheet)]
    if sheet is not None and not known:
        raise _too_small("sheets_no_paper", other, job, sheet)
    names = dict.fromkeys(one.name for one in known)
    return "" if paper is None else paper.name, [*names][:MAX_LISTED_NAMES]


def _names(options: ResolvedOptions) -> dict[str, JsonValueType]:
    """Return the values of the options that a person notices on paper; unknown values are left out."""
    names: dict[str, JsonValueType] = {
        "paper": None if options.paper is None else _size_of(options.paper),
        "copies": options.copies,
        "color": name_of_value(COLORS, options.color),
        "duplex": name_of_value(DUPLEX, options.duplex),
        "orientation": name_of_value(ORIENTATIONS, options.orientation),
    }
    return {name: value for name, value in names.items() if value is not None}


async def _async_paper(other: Target, job: Job) -> PrintOptions:
    """Return the options for a job's paper on another printer, or no options if the job's paper is unknown.

    Raises InputError: paper_not_mapped.
    """
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
    raise InputError(
        "paper_not_mapped", title=job.spec.title, printer=view.name, size=_size_of(wanted)
    )


def _size_of(paper: Paper) -> str:
    return f"{paper.width / 10:.0f} × {paper.height / 10:.0f} mm"


def find_paper(wanted: Paper, papers: list[Paper]) -> Paper | None:
    """Return paper of the same size, preferably with the same name; None if no paper has this size."""
    borderless = bool(BORDERLESS.search(wanted.name))

    def unlike(paper: Paper) -> tuple[bool, bool, int]:
        return (
            paper.name != wanted.name,
            bool(BORDERLESS.search(paper.name)) is not borderless,
            _difference(wanted, paper),
        )

    fitting = [paper for paper in papers if _is_same(wanted, paper)]
    return min(fitting, key=unlike, default=None)


def _is_same(one: Paper, other: Paper) -> bool:
    return _difference(one, other) <= PAPER_TOLERANCE


def _difference(one: Paper, other: Paper) -> int:
    return max(abs(one.width - other.width), abs(one.height - other.height))


def is_raw(job: Job) -> bool:
    """Whether the document is printer commands, to which no option applies."""
    return job.current_delivery.document.name.endswith(FileType.RAW)
