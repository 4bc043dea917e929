"""Resolve print options to the service's ids, each checked before anything is sent."""

from collections.abc import Mapping
from dataclasses import fields, replace
import re
from typing import Final

from .capabilities import (
    A4_ID,
    CUSTOM_ID,
    STANDARD,
    Capabilities,
    DriverDefaults,
    Paper,
    are_mostly_narrow,
    find_by_name,
    normalize_name,
    parse_size,
    sort_by_similarity,
    standard_paper,
)
from .errors import OptionError
from .models import Species
from .options import (
    ALIGNMENTS,
    COLORS,
    DUPLEX,
    EXCEL_FITS,
    MANUAL_DUPLEX,
    ORIENTATIONS,
    QUALITIES,
    SCALES,
    PrintOptions,
    ResolvedOptions,
    duplex_names,
    parse_page_range,
)

MAX_COPIES: Final = 999
MAX_SIDE: Final = 32767
"""0.1 mm; what the driver's 16-bit field can hold."""
MAX_ALLOWED: Final = 40
SWITCHES: Final = frozenset({"auto_rotate", "reverse_order"})
NO_DEFAULT_A4: Final = frozenset({Species.LABEL, Species.RECEIPT})

_UNKNOWN = Capabilities()
_PERCENT = re.compile(r"(\d{1,3})\s*[%％]", re.ASCII)


def resolve_options(
    options: PrintOptions,
    capabilities: Capabilities | None,
    papers: tuple[Paper, ...],
    species: Species,
    *,
    raw: bool = False,
) -> ResolvedOptions:
    """Return the options as ids, checked against the printer; raises OptionError.

    A missing block (or no capabilities at all) means unknown: ids and standard values pass, other names are refused
    as not checkable. What is unset comes from the driver, then A4, but never A4 for a label or receipt printer.
    With `raw` the printer gets bare commands, on which options have no effect: none may be set.
    """
    for item in fields(options):
        value = getattr(options, item.name)
        # YAML's yes and no where a name or a number is expected.
        if isinstance(value, bool) and item.name not in SWITCHES:
            raise OptionError("invalid_option", option=item.name, value=str(value).lower())
    capabilities = capabilities or _UNKNOWN
    if raw:
        return _raw(options, capabilities)
    paper_id, paper = _paper(options, capabilities, papers, species)
    custom = paper if paper_id == CUSTOM_ID else None
    duplex, by_hand = _duplex(options.duplex, capabilities)
    return ResolvedOptions(
        paper_id=paper_id,
        paper_width=None if custom is None else custom.width,
        paper_length=None if custom is None else custom.height,
        paper=paper,
        copies=_copies(options.copies, capabilities),
        color=_choice(
            "color", options.color, COLORS, capabilities.colors, capabilities.defaults.color
        ),
        duplex=duplex,
        by_hand=by_hand,
        orientation=_choice(
            "orientation",
            options.orientation,
            ORIENTATIONS,
            capabilities.orientations,
            capabilities.defaults.orientation,
        ),
        tray=_named("tray", options.tray, capabilities.trays, capabilities.defaults.tray),
        media_type=_named(
            "media_type",
            options.media_type,
            capabilities.media_types,
            capabilities.defaults.media_type,
        ),
        quality=_choice("quality", options.quality, QUALITIES, None, capabilities.defaults.quality),
        scale=_scale(options.scale),
        align=_keyword("align", options.align, ALIGNMENTS),
        auto_rotate=options.auto_rotate,
        reverse_order=options.reverse_order,
        page_range=parse_page_range(options.pages or ""),
        excel_fit=_keyword("excel_fit", options.excel_fit, EXCEL_FITS),
    )


def _raw(options: PrintOptions, capabilities: Capabilities) -> ResolvedOptions:
    """Return the options of raw commands: the service requires a paper id, which has no effect."""
    if names := options.set_names:
        raise OptionError("raw_refuses_options", option="raw", value=", ".join(names))
    known = [*(capabilities.papers or {}).values()]
    paper_id = capabilities.defaults.paper_id
    if not paper_id or paper_id < 0:
        paper_id = known[0] if known and A4_ID not in known else A4_ID
    return ResolvedOptions(paper_id=paper_id)


def _paper(
    options: PrintOptions, capabilities: Capabilities, papers: tuple[Paper, ...], species: Species
) -> tuple[int, Paper | None]:
    """Return the paper's id and, if known, the paper."""
    if options.paper_width is not None or options.paper_height is not None:
        return CUSTOM_ID, _custom(options)
    if options.paper is None:
        return _default_paper(capabilities, papers, species)
    paper_id = _paper_id(options.paper, capabilities.papers, papers)
    if paper_id == CUSTOM_ID:
        raise OptionError("custom_paper_needs_both_sides", option="paper", value=options.paper)
    return paper_id, _describe(paper_id, capabilities, papers)


def _custom(options: PrintOptions) -> Paper:
    """Return the paper of a custom size."""
    width, height = options.paper_width, options.paper_height
    if width is None or height is None:
        raise OptionError(
            "custom_paper_needs_both_sides",
            option="paper_width" if width is None else "paper_height",
        )
    if options.paper is not None and normalize_name(options.paper) not in (
        "custom",
        str(CUSTOM_ID),
    ):
        raise OptionError("paper_or_size", option="paper", value=options.paper)
    for option, side in (("paper_width", width), ("paper_height", height)):
        # Written so that "not a number" fails, too.
        if not 1 <= side * 10 <= MAX_SIDE:
            raise OptionError(
                "paper_size_out_of_range",
                option=option,
                value=side,
                allowed=[f"0.1–{MAX_SIDE / 10} mm"],
            )
    return _sized(round(width * 10), round(height * 10))


def _sized(width: int, length: int) -> Paper:
    """Return a custom paper of that size (0.1 mm)."""
    return Paper.of_size(CUSTOM_ID, _size_name(width, length), width, length)


def _size_name(width: int, length: int) -> str:
    """Return what a paper of that size is called."""
    return f"{width / 10:g} × {length / 10:g} mm"


def _default_paper(
    capabilities: Capabilities, papers: tuple[Paper, ...], species: Species
) -> tuple[int, Paper | None]:
    """Return the driver's paper or A4; raises OptionError where that would waste labels."""
    default: DriverDefaults = capabilities.defaults
    width, length = default.paper_width or 0, default.paper_length or 0
    paper_id = default.paper_id
    narrow = species in NO_DEFAULT_A4 or (species is Species.UNKNOWN and are_mostly_narrow(papers))
    is_custom = paper_id == CUSTOM_ID or (narrow and paper_id is None)
    if is_custom and 0 < width <= MAX_SIDE and 0 < length <= MAX_SIDE:
        return CUSTOM_ID, _sized(width, length)
    if paper_id is not None and paper_id > 0 and not (narrow and paper_id == A4_ID):
        return paper_id, _describe(paper_id, capabilities, papers)
    known = _known_ids(capabilities.papers, papers)
    if narrow or (known and A4_ID not in known):
        raise OptionError(
            "paper_required", option="paper", allowed=_paper_names(capabilities.papers, papers)
        )
    return A4_ID, _describe(A4_ID, capabilities, papers)


def _paper_id(wanted: str | int, block: Mapping[str, int] | None, papers: tuple[Paper, ...]) -> int:
    """Return the id of a paper given by name or id."""
    names = {paper.name: paper.paper_id for paper in papers} | dict(block or {})
    if (found := find_by_name(wanted, names)) is not None:
        return found
    known = _known_ids(block, papers)
    number = _number(wanted)
    if number is None and (standard := standard_paper(wanted)) is not None:
        number = standard.paper_id
    if number is not None and number >= 0 and (not known or number in known or number == CUSTOM_ID):
        return number
    if not known:
        raise OptionError(
            "option_not_checkable",
            option="paper",
            value=wanted,
            allowed=[paper.name for paper in STANDARD],
        )
    raise OptionError(
        "paper_not_available",
        option="paper",
        value=wanted,
        allowed=sort_by_similarity(wanted, block or [paper.name for paper in papers])[:MAX_ALLOWED],
    )


def _known_ids(block: Mapping[str, int] | None, papers: tuple[Paper, ...]) -> frozenset[int]:
    """Return the ids of all known papers of the printer; empty = unknown."""
    return frozenset((block or {}).values()) | frozenset(paper.paper_id for paper in papers)


def _paper_names(block: Mapping[str, int] | None, papers: tuple[Paper, ...]) -> list[str]:
    """Return the names of the papers for an error's text."""
    return [*(block or [paper.name for paper in papers])][:MAX_ALLOWED]


def _describe(paper_id: int, capabilities: Capabilities, papers: tuple[Paper, ...]) -> Paper | None:
    """Return a paper's name and size: from the printer's list, the standard, its driver or its name."""
    for paper in papers:
        if paper.paper_id == paper_id:
            return paper
    name = next(
        (name for name, number in (capabilities.papers or {}).items() if number == paper_id), None
    )
    if (standard := standard_paper(paper_id)) is not None:
        return standard if name is None else replace(standard, name=name)
    size = None if name is None else parse_size(name)
    width, length = capabilities.defaults.paper_width or 0, capabilities.defaults.paper_length or 0
    if (
        paper_id == capabilities.defaults.paper_id
        and 0 < width <= MAX_SIDE
        and 0 < length <= MAX_SIDE
    ):
        size = width, length
    return None if size is None else Paper.of_size(paper_id, name or _size_name(*size), *size)


def known_papers(capabilities: Capabilities | None, papers: tuple[Paper, ...]) -> list[Paper]:
    """Return the papers of a printer whose sizes are known; the standard ones where it lists none."""
    able = capabilities or _UNKNOWN
    ids = _known_ids(able.papers, papers)
    described = [_describe(paper_id, able, papers) for paper_id in sorted(ids)]
    return [paper for paper in described if paper is not None] if ids else [*STANDARD]


def _copies(wanted: int | None, capabilities: Capabilities) -> int:
    """Return the number of copies, checked against the printer's maximum."""
    limit = min(capabilities.max_copies or MAX_COPIES, MAX_COPIES)
    if wanted is None:
        default = capabilities.defaults.copies
        return default if default is not None and 1 <= default <= limit else 1
    if not 1 <= wanted <= limit:
        raise OptionError("too_many_copies", option="copies", value=wanted, allowed=[f"1–{limit}"])
    return wanted


def _choice(
    option: str,
    wanted: str | None,
    values: Mapping[str, int],
    supported: frozenset[int] | None,
    default: int | None,
) -> int | None:
    """Return the id of one of a few fixed values, or the driver's default if it is one of them."""
    possible = [name for name, number in values.items() if supported is None or number in supported]
    if wanted is None:
        return default if any(values[name] == default for name in possible) else None
    if (name := wanted.strip().casefold()) not in possible:
        raise OptionError(f"{option}_not_available", option=option, value=wanted, allowed=possible)
    return values[name]


def _duplex(wanted: str | None, capabilities: Capabilities) -> tuple[int | None, str | None]:
    """Return the id of a duplex mode, and the edge along which pages turn if that is done by hand.

    By hand is possible on every printer: a duplex unit may be broken, or the paper too thick for it.
    """
    supported = capabilities.duplex
    if wanted is None:
        return _choice("duplex", None, DUPLEX, supported, capabilities.defaults.duplex), None
    name = wanted.strip().casefold()
    if (edge := MANUAL_DUPLEX.get(name)) is not None:
        return (DUPLEX["off"] if supported is None or DUPLEX["off"] in supported else None), edge
    if name not in DUPLEX or (supported is not None and DUPLEX[name] not in supported):
        raise OptionError(
            "duplex_not_available", option="duplex", value=wanted, allowed=duplex_names(supported)
        )
    return DUPLEX[name], None


def _named(
    option: str, wanted: str | int | None, block: Mapping[str, int] | None, default: int | None
) -> int | None:
    """Return the id of a tray or media type given by the driver's name or by id."""
    if wanted is None:
        return (
            default
            if default is not None and (block is None or default in block.values())
            else None
        )
    if (found := find_by_name(wanted, block or {})) is not None:
        return found
    number = _number(wanted)
    if block is None:
        if number is None:
            raise OptionError("option_not_checkable", option=option, value=wanted)
        return number
    if number is None or number not in block.values():
        raise OptionError(
            f"{option}_not_available",
            option=option,
            value=wanted,
            allowed=sort_by_similarity(wanted, block)[:MAX_ALLOWED],
        )
    return number


def _keyword(option: str, wanted: str | None, values: Mapping[str, str]) -> str | None:
    """Return the service's value for one of ours."""
    if wanted is None:
        return None
    if (found := values.get(wanted.strip().casefold())) is None:
        raise OptionError("invalid_option", option=option, value=wanted, allowed=values)
    return found


def _scale(wanted: str | None) -> str | None:
    """Return the scaling: a keyword or a percentage."""
    if wanted is None:
        return None
    word = wanted.strip().casefold()
    if (found := SCALES.get(word)) is not None:
        return found
    percent = _PERCENT.fullmatch(word)
    if percent is None or int(percent[1]) == 0:
        raise OptionError(
            "invalid_option", option="scale", value=wanted, allowed=[*SCALES, "1%–999%"]
        )
    return f"{int(percent[1])}%"


def _number(wanted: str | int) -> int | None:
    """Return an id given as a number or as its digits; YAML's yes and no are none."""
    if isinstance(wanted, bool):
        return None
    if isinstance(wanted, int):
        return wanted
    text = normalize_name(wanted)
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else None
