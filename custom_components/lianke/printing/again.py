"""The same job once more or at another printer: its options checked anew, its paper found by size."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from homeassistant.util.json import JsonObjectType, JsonValueType

from ..api.capabilities import CUSTOM_ID, Capabilities, Paper
from ..api.coerce import to_int
from ..api.errors import OptionError
from ..api.models import Species
from ..api.options import (
    COLORS,
    DUPLEX,
    MANUAL_DUPLEX,
    MAX_ALLOWED,
    ORIENTATIONS,
    PAPER_OPTIONS,
    PrintOptions,
    ResolvedOptions,
    known_papers,
    name_of,
    options_in,
)
from ..devices import Target
from ..documents.document import FileType
from ..documents.sheets import BORDERLESS, FIT, LAID_OUT_BY
from ..errors import InputError
from ..jobs.job import Job
from .builder import Changes, Mover, async_move_to, async_resolve

NOTHING_CHOSEN: Final[PrintOptions] = {}
_PAPER: Final = frozenset(PAPER_OPTIONS)
# From here on, each driver numbers what is its own (DMBIN_USER, DMMEDIA_USER).
OWN_NUMBERS: Final = 256


async def async_changes(
    target: Target,
    job: Job,
    chosen: PrintOptions,
    source: Target | None = None,
    *,
    without: Collection[str] = (),
) -> Changes:
    """Return how a job's document is printed on a printer with these options changed: the one place that compares both.

    At its own printer, all others stay as they were resolved. At another one, `source` being its own, they are checked
    anew but for those it is printed `without`, which are left to that printer: what was asked for, as its own printer
    calls it, and the paper that it was resolved to, by size, whether anybody had asked for that or not.
    Raises InputError: option_twice, manual_duplex_unchanged, manual_duplex_not_again, sheets_are_laid_out,
    sheets_need_paper, raw_other_model, printer_gone, paper_not_mapped, option_missing_there, and what else is wrong
    with an option.
    """
    if twice := sorted(set(without) & chosen.keys()):
        raise InputError("option_twice", option=twice[0])
    try:
        return await _async_compared(target, job, chosen, source, without)
    except OptionError as err:
        if source is None or not err.reason.endswith("_not_available"):
            raise
        # "This printer" may be taken for the one that the job was for.
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
) -> Changes:
    """Return how a job is printed on a printer. Raises as `async_changes`."""
    if len(job.deliveries) > 1:
        # They were made for one printer and its options.
        raise InputError("manual_duplex_unchanged", title=job.spec.title)
    if chosen.get("duplex") in MANUAL_DUPLEX:
        raise InputError("manual_duplex_not_again", title=job.spec.title)
    if job.spec.laid_out and (fixed := sorted(LAID_OUT_BY & chosen.keys())):
        raise InputError("sheets_are_laid_out", title=job.spec.title, option=fixed[0])
    changed = _fields({*chosen, *without})
    if source is None:
        asked = job.spec.requested
    else:
        if is_raw(job):
            _check_model(source, target, job)
        if _PAPER.isdisjoint((*chosen, *without)):
            chosen = options_in(await _async_paper(target, job), chosen)
        asked = _as_named(source, job)
    requested = options_in(chosen, _left(asked, without))
    # Sheets that are to be cut need no printer with a word for that.
    one_sided = job.spec.laid_out and "duplex" not in chosen and requested.get("duplex") == "off"
    try:
        options = await async_resolve(
            target, requested, raw=is_raw(job), laid_out=job.spec.laid_out, one_sided=one_sided
        )
    except OptionError as err:
        # Nobody can turn the paper of what was not made for it.
        allowed = [name for name in err.allowed if name not in MANUAL_DUPLEX]
        raise OptionError(err.reason, option=err.option, value=err.value, allowed=allowed) from None
    if source is None:
        # Defaults may be others by now than those that it was printed with.
        anew = {field: getattr(options, field) for field in changed}
        options = replace(job.deliveries[0].options, **anew)
    sheet = _needed(job)
    if sheet is not None and not _holds(options.paper, sheet):
        raise _too_small("sheets_need_paper", target, job, sheet)
    # A default option for both sides by hand is for documents that are printed anew.
    options = replace(options, by_hand=None)
    return Changes(printer_key=target.printer_key, options=options, requested=requested)


def _fields(names: Collection[str]) -> set[str]:
    """Return the fields of resolved options that some options by name decide."""
    fields: set[str] = set()
    for name in names:
        if name in _PAPER:
            fields |= {"paper", "paper_id", "paper_width", "paper_length"}
        else:
            fields.add("page_range" if name == "pages" else name)
    return fields


def _check_model(source: Target, target: Target, job: Job) -> None:
    """Refuse commands for one kind of printer to another kind, which would print them as characters."""
    known = source.data.storage.printers.get(job.spec.printer_key)
    if known is not None and known.printer.model != target.view.printer.model:
        raise InputError("raw_other_model", title=job.spec.title, printer=target.view.name)


def _needed(job: Job) -> Paper | None:
    """Return the sheet that pages in true size were laid out on, None for what fits itself to any paper."""
    options = job.deliveries[0].options
    return options.paper if job.spec.laid_out and options.scale != FIT else None


def _holds(paper: Paper | None, sheet: Paper) -> bool:
    """Return whether nothing of a sheet is cut on a paper; nobody knows of one that has no size."""
    return (
        paper is not None
        and paper.width >= sheet.width - SAME_SIZE
        and paper.height >= sheet.height - SAME_SIZE
    )


def _too_small(reason: str, target: Target, job: Job, sheet: Paper) -> InputError:
    size = _size_of(sheet)
    return InputError(reason, title=job.spec.title, printer=target.view.name, size=size)


def _left(options: PrintOptions | Mapping[str, Any], without: Collection[str]) -> PrintOptions:
    """Return the options but for some; the sizes of a paper go with it."""
    if not _PAPER.isdisjoint(without):
        without = {*without, *PAPER_OPTIONS}
    return options_in({name: value for name, value in options.items() if name not in without})


def _as_named(source: Target, job: Job) -> PrintOptions:
    """Return what a job was asked for, with the names of what the printer's driver numbers by itself."""
    known = source.data.storage.printers.get(job.spec.printer_key)
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


async def async_move(
    target: Target,
    job: Job,
    other: Target,
    chosen: PrintOptions = NOTHING_CHOSEN,
    *,
    without: Collection[str] = (),
    mover: Mover | None = None,
) -> Job:
    """Move a job to another printer, with these options changed, and return the new one.

    The `mover` is who changes them. If more pages may come of the job by that, over all copies, it is the mover's print
    from then on, asked about and counted as a new one. If not, it stays whose it was, but is judged by what it becomes:
    what was approved is approved anew, unless the mover approves, as who may approve jobs does.

    Raises InputError: move_to_itself, as `async_changes`, and like `PrintQueue.async_move`. The job stays where it
    is then.
    """
    changes = await _async_there(target, job, other, chosen, without)
    # Nobody has agreed to what is changed: to both sides on one, for instance.
    changed_by = mover if chosen or without else None
    return await async_move_to(target.data.queue, job, changes, other.entry.entry_id, changed_by)


async def _async_there(
    target: Target, job: Job, other: Target, chosen: PrintOptions, without: Collection[str]
) -> Changes:
    """Return how a job is printed at another printer that takes jobs. Raises as `async_move`."""
    if (target.entry.entry_id, job.spec.printer_key) == (other.entry.entry_id, other.printer_key):
        raise InputError("move_to_itself", title=job.spec.title)
    # Before anything is looked up there.
    other.data.queue.check_printer(other.printer_key)
    return await async_changes(other, job, chosen, target, without=without)


async def async_plan(target: Target, job: Job, other: Target) -> JsonObjectType:
    """Return what would be different if a job was printed at another printer, and what has to be chosen for it first.

    `open` are the options that it cannot do as they are, each with what it can (`allowed`), and what it does if none
    is chosen (`instead`): None where that is unknown or impossible (`must_choose`). What nobody knows of that printer
    (`unknown`) it is asked for as before if nothing is chosen: unknown is not forbidden. `different` are those that it
    does in another way by itself (`after`, None where nobody knows how), `same` those that it is asked for as before.
    Raises InputError for what no choice mends.
    """
    found: dict[str, tuple[str, list[str]]] = {}
    without: set[str] = set()
    changes: Changes | None = None
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
                # That printer's own paper may be too small; what else is different does not depend on which is chosen.
                found["paper"], chosen = (value, allowed), {"paper": allowed[0]}
                continue
        if changes is None:
            # What is refused although it is left to the printer is a default of the box.
            stuck = option if option in without else ""
            found.setdefault(option, (value, allowed))
            without.add(option)
    options, asked = (None, {}) if changes is None else (changes.options, changes.requested)
    before, there = job.deliveries[0].options, {} if options is None else _names(options)
    if options and options.paper and before.paper and _is_same(before.paper, options.paper):
        # Whatever each driver calls it, and however it rounds.
        there["paper"] = _size_of(before.paper)
    unknown = await _async_unknown(other, asked)
    known = {
        name: value for name, value in _names(before).items() if name not in {*found, *unknown}
    }
    different = [
        name
        for name, value in known.items()
        # What costs paper or ink is told as well where nobody knows what that printer does.
        if (name in there and there[name] != value)
        or (options and name not in there and value in COSTLY)
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
            # Paper of another size is nobody's to guess.
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


COSTLY: Final = frozenset({"long_edge", "short_edge", "color"})


async def _async_unknown(other: Target, requested: Mapping[str, Any]) -> dict[str, Collection[str]]:
    """Return what a printer is asked for although nobody knows whether it can, each with all there is of it."""
    able, _ = await other.data.coordinator.capabilities.get(other.printer_key)
    able = able or Capabilities()
    return {
        name: words
        for name, words, block in (("duplex", DUPLEX, able.duplex), ("color", COLORS, able.colors))
        if block is None and requested.get(name) in COSTLY
    }


async def _async_papers(job: Job, other: Target) -> tuple[str, list[str]]:
    """Return what a job's paper is called, and the names of another printer's papers that can take its place.

    Raises InputError: sheets_no_paper where none takes pages that were laid out in true size.
    """
    paper = job.deliveries[0].options.paper
    able, papers = await other.data.coordinator.capabilities.get(other.printer_key)
    sheet = _needed(job)
    known = [one for one in known_papers(able, papers) if sheet is None or _holds(one, sheet)]
    if sheet is not None and not known:
        raise _too_small("sheets_no_paper", other, job, sheet)
    names = dict.fromkeys(one.name for one in known)
    return "" if paper is None else paper.name, [*names][:MAX_ALLOWED]


def _names(options: ResolvedOptions) -> dict[str, JsonValueType]:
    """Return what a person sees of a print on paper, by the names of options; without what is not known."""
    names: dict[str, JsonValueType] = {
        "paper": None if options.paper is None else _size_of(options.paper),
        "copies": options.copies,
        "color": name_of(COLORS, options.color),
        "duplex": name_of(DUPLEX, options.duplex),
        "orientation": name_of(ORIENTATIONS, options.orientation),
    }
    return {name: value for name, value in names.items() if value is not None}


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
    raise InputError(
        "paper_not_mapped", title=job.spec.title, printer=view.name, size=_size_of(wanted)
    )


def _size_of(paper: Paper) -> str:
    return f"{paper.width / 10:.0f} × {paper.height / 10:.0f} mm"


def find_paper(wanted: Paper, papers: list[Paper]) -> Paper | None:
    """Return the paper of the same size, best by the same name, None without one."""
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
    return _difference(one, other) <= SAME_SIZE


def _difference(one: Paper, other: Paper) -> int:
    return max(abs(one.width - other.width), abs(one.height - other.height))


def is_raw(job: Job) -> bool:
    """Return whether a job is printer commands, which have no options."""
    return job.present.document.name.endswith(FileType.RAW)
