"""Translate the job template attributes of a request into print options."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final

from ...api.capabilities import CUSTOM_ID
from ...ipp.model import (
    UNSUPPORTED,
    Attributes,
    Content,
    IppCollection,
    IppValue,
    Range,
    collection,
)
from .printer_attributes import FIXED_ATTRIBUTES, JOB_TEMPLATE
from .profile import IPP_QUALITIES, FoundMedia, Profile, find_media, named_media, tray_of

# Maximum number of ranges in a job's page selection.
MAX_PAGE_RANGES: Final = 50
# The end of an open page range, for which clients send an even larger number.
_LAST_PAGE: Final = 99_999
# Values of orientation-requested: portrait, landscape, reverse landscape, reverse portrait.
_ORIENTATIONS: Final = {3: "portrait", 4: "landscape", 5: "landscape", 6: "portrait"}
_PAPERS: Final = ("media", "media-col")
# Attributes for which we support a single value, so that they set no print option.
_ONE_VALUE_ONLY: Final = ("finishings", "job-hold-until", "job-sheets", "number-up", "output-bin")
# `auto`: the client leaves the choice to the printer's default options.
_SCALES: Final = {"auto": None, "auto-fit": "fit", "fit": "fit", "fill": "cover", "none": "none"}
_COLOR_KEYWORDS: Final = {"auto": None, "color": "color", "monochrome": "mono"}
_MARGINS: Final = tuple(f"media-{side}-margin" for side in ("top", "right", "bottom", "left"))
# Attributes that set no print option: they offer only one choice, describe the document, or concern the request itself.
_IGNORED_ATTRIBUTES: Final = frozenset(
    {
        "job-name",
        "job-mandatory-attributes",
        "ipp-attribute-fidelity",
        "print-content-optimize",
        "print-rendering-intent",
        "printer-resolution",
    }
)


# The print options for an attribute; an option that is None is left to the printer. None instead of a mapping means
# that the attribute cannot be honored as requested.
type FoundOptions = Mapping[str, Any] | None
type _AttributeReader = Callable[[Content, Profile], FoundOptions]


@dataclass(kw_only=True, slots=True)
class JobOptions:
    options: dict[str, Any] = field(default_factory=dict)
    # The job's paper is turned to landscape, so its pages are landscape whatever orientation the job requests.
    is_landscape: bool = False
    # Attributes that cannot be honored as requested.
    unsupported: dict[str, tuple[IppValue, ...]] = field(default_factory=dict)


def read_job_options(attributes: Attributes, profile: Profile) -> JobOptions:
    job = JobOptions()
    for name, values in attributes.items():
        if name in _IGNORED_ATTRIBUTES:
            continue
        found: FoundOptions
        if name == "media-col" and isinstance(media := values[0].content, Mapping):
            found, refused = _media_col(media, profile)
            if refused:
                job.unsupported[name] = collection(refused)
        elif name == "page-ranges":
            found = _pages(values)
        else:
            reader = _ATTRIBUTE_READERS.get(name)
            found = None if reader is None else reader(values[0].content, profile)
        if found is None:
            job.unsupported[name] = values if name in JOB_TEMPLATE else UNSUPPORTED
            continue
        job.options |= {option: value for option, value in found.items() if value is not None}
        if name in _PAPERS and "orientation" in found:
            job.is_landscape = True
    if job.is_landscape:
        job.options["orientation"] = "landscape"
    return job


def _keyword(content: Content) -> str:
    """Return a keyword or name, "" for anything else."""
    return content if isinstance(content, str) else ""


def _integer(content: Content) -> int:
    """Return an integer or enum, 0 for anything else."""
    return content if isinstance(content, int) and not isinstance(content, bool) else 0


def _copies(content: Content, profile: Profile) -> FoundOptions:
    copies = _integer(content)
    return {"copies": copies} if 1 <= copies <= profile.max_copies else None


def _only_value(wanted: Content) -> _AttributeReader:
    """Make a reader for an attribute that can have only this value."""

    def read(content: Content, _profile: Profile) -> FoundOptions:
        return {} if type(content) is type(wanted) and content == wanted else None

    return read


def _word_for(option: str, words: Mapping[int, str]) -> _AttributeReader:
    """Make a reader for an attribute whose numbers stand for values of an option."""

    def read(content: Content, _profile: Profile) -> FoundOptions:
        word = words.get(_integer(content))
        return None if word is None else {option: word}

    return read


def _offered(option: str, offers: Callable[[Profile], Mapping[str, Any]]) -> _AttributeReader:
    """Make a reader for an attribute; `offers` maps the keywords that the printer offers to values of the option."""

    def read(content: Content, profile: Profile) -> FoundOptions:
        word, offered = _keyword(content), offers(profile)
        return {option: offered[word]} if word in offered else None

    return read


def _source(content: Content, profile: Profile) -> FoundOptions:
    word = tray_of(_keyword(content))
    return {"tray": profile.trays[word]} if word in profile.trays else None


def _media(content: Content, profile: Profile) -> FoundOptions:
    found = named_media(profile.media, _keyword(content))
    return None if found is None else _paper(found)


def _media_col(members: IppCollection, profile: Profile) -> tuple[Mapping[str, Any], IppCollection]:
    """Return the options for a `media-col`, and those of its members that cannot be honored.

    The other members still count. Margins are ignored, since they follow from the paper.
    """
    options: dict[str, Any] = {}
    refused: dict[str, tuple[IppValue, ...]] = {}
    for name, values in members.items():
        if name in _MARGINS:
            continue
        reader = _MEDIA_COL_READERS.get(name)
        found = None if reader is None else reader(values[0].content if values else None, profile)
        if found is None:
            refused[name] = UNSUPPORTED if reader is None else values
        else:
            options |= found
    return options, refused


def _size(content: Content, profile: Profile) -> FoundOptions:
    if not isinstance(content, Mapping):
        return None
    width, height = (
        _integer(values[0].content) if (values := content.get(f"{axis}-dimension")) else 0
        for axis in ("x", "y")
    )
    found = find_media(profile.media, width, height)
    return None if found is None else _paper(found)


def _paper(found: FoundMedia) -> Mapping[str, Any]:
    media = found.paper
    landscape = {"orientation": "landscape"} if found.is_turned else {}
    if media.paper_id == CUSTOM_ID:
        return {"paper_width": media.width / 100, "paper_height": media.height / 100, **landscape}
    return {"paper": media.paper_id, **landscape}


def _pages(values: tuple[IppValue, ...]) -> FoundOptions:
    """Return the page selection, None if the ranges are out of order or too many."""
    pieces: list[str] = []
    last = 0
    for value in values:
        if not isinstance(value.content, Range):
            return None
        lower, upper = value.content
        if not last < lower <= upper:
            return None
        last = upper
        pieces.append(f"{lower}-{min(upper, max(lower, _LAST_PAGE))}")
    if len(pieces) > MAX_PAGE_RANGES or last == 0 or int(pieces[-1].partition("-")[0]) > _LAST_PAGE:
        return None
    return {} if pieces == [f"1-{_LAST_PAGE}"] else {"pages": ",".join(pieces)}


_ATTRIBUTE_READERS: Final[Mapping[str, _AttributeReader]] = {
    "copies": _copies,
    "media": _media,
    "orientation-requested": _word_for("orientation", _ORIENTATIONS),
    **{
        name: _only_value(FIXED_ATTRIBUTES[f"{name}-default"][0].content)
        for name in _ONE_VALUE_ONLY
    },
    "print-color-mode": _offered(
        "color", lambda profile: {word: _COLOR_KEYWORDS[word] for word in profile.color_modes}
    ),
    "print-quality": _word_for("quality", IPP_QUALITIES),
    "print-scaling": _offered("scale", lambda _profile: _SCALES),
    "sides": _offered("duplex", attrgetter("sides")),
}
_MEDIA_COL_READERS: Final[Mapping[str, _AttributeReader]] = {
    "media-size": _size,
    "media-size-name": _media,
    "media-source": _source,
    "media-type": _offered("media_type", attrgetter("media_types")),
}
