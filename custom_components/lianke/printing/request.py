"""Parses the data of a call, and stored default options."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from homeassistant.helpers import config_validation as cv

from ..api.options import PrintOptions, booklet_duplex
from ..documents.conversion import clean_title
from ..documents.document import SourceKind
from ..documents.page_documents import PageOptions
from ..documents.sheets import SheetOptions
from ..documents.sources import Source
from ..errors import InputError
from .schemas import (
    ATTR_AGENDA,
    ATTR_COLUMNS,
    ATTR_COMPLETED,
    ATTR_EXPIRES_IN,
    ATTR_FILENAME,
    ATTR_HEADER,
    ATTR_IF_NOT_READY,
    ATTR_IGNORE_QUIET_HOURS,
    ATTR_PASSWORD,
    ATTR_PREVIEW_BY,
    ATTR_PRINT_EMPTY,
    ATTR_RAW,
    ATTR_RAW_ENCODING,
    ATTR_RELEASE_CODE,
    ATTR_REPLACE_KEY,
    ATTR_REQUEST_ID,
    ATTR_TITLE,
    BY_HERE,
    HOLD,
    OPTION_NAMES,
)

BOOKLET: Final = "booklet"
NO_SHEETS: Final = SheetOptions()


@dataclass(frozen=True, kw_only=True, slots=True)
class PrintParameters:
    """What to print and how, as given in a call; not checked against a printer yet.

    `duplex_given` says whether the call itself names a duplex mode; a booklet has one in any case.
    """

    sources: tuple[Source, ...]
    options: PrintOptions
    requested: Mapping[str, Any]
    raw: bool = False
    request_id: str | None = None
    replace_key: str | None = None
    hold: bool = True
    expires_in: timedelta | None = None
    ignore_quiet_hours: bool = False
    release_code: str | None = field(default=None, repr=False)
    preview_by: str = BY_HERE
    sheets: SheetOptions = NO_SHEETS
    duplex_given: bool = False


def parse_parameters(data: Mapping[str, Any]) -> PrintParameters:
    """Return the print parameters of a call whose data its schema has validated.

    Raises InputError: source_missing, source_not_one, sheet_or_photo,
    sheet_field_idle.
    """
    kinds = [kind for kind in SourceKind if kind.value in data]
    if not kinds:
        raise InputError("source_missing")
    if len(kinds) > 1:
        raise InputError("source_not_one", sources=", ".join(kinds))
    values = cv.ensure_list(data[kinds[0].value])
    sheets = SheetOptions.from_fields(data)
    if sheets.sheet and sheets.photo_size:
        raise InputError("sheet_or_photo")
    if (idle := sheets.idle_field) is not None:
        raise InputError("sheet_field_idle", field=idle[0], needed=idle[1])
    requested = {name: data[name] for name in OPTION_NAMES if name in data}
    if sheets.sheet == BOOKLET:
        both = sheets.booklet_side == "both"
        requested["duplex"] = booklet_duplex(requested.get("duplex")) if both else "off"
    page = PageOptions(
        header=data.get(ATTR_HEADER),
        columns=data.get(ATTR_COLUMNS),
        agenda=data.get(ATTR_AGENDA, "week"),
        completed=data.get(ATTR_COMPLETED, False),
        print_empty=data.get(ATTR_PRINT_EMPTY, False),
    )
    raw = data.get(ATTR_RAW, False)
    return PrintParameters(
        sources=tuple(
            Source(
                kind=kinds[0],
                value=value,
                title=clean_title(data.get(ATTR_TITLE, "")) or None,
                filename=data.get(ATTR_FILENAME, ""),
                raw=raw,
                raw_encoding=data.get(ATTR_RAW_ENCODING, "utf-8"),
                page=page,
                password=data.get(ATTR_PASSWORD),
            )
            for value in values
        ),
        options=PrintOptions(**requested),
        requested=requested,
        raw=raw,
        request_id=data.get(ATTR_REQUEST_ID),
        replace_key=data.get(ATTR_REPLACE_KEY),
        hold=data.get(ATTR_IF_NOT_READY, HOLD) == HOLD,
        expires_in=data.get(ATTR_EXPIRES_IN),
        ignore_quiet_hours=data.get(ATTR_IGNORE_QUIET_HOURS, False),
        release_code=data.get(ATTR_RELEASE_CODE),
        preview_by=data.get(ATTR_PREVIEW_BY, BY_HERE),
        sheets=sheets,
        duplex_given="duplex" in data,
    )


def stored_options(stored: Mapping[str, Any]) -> PrintOptions:
    """Return stored default options as print options, without unknown names."""
    return PrintOptions(**{name: stored[name] for name in OPTION_NAMES if name in stored})
