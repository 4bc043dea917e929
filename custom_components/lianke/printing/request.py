"""What a call asks for: its fields read, its options checked against the printer, its documents made and laid out.

What comes of it is a JobSpec with deliveries for each job, which only has to be submitted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
import hashlib
import json
from typing import Any, Final

from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import config_validation as cv

from ..api.option_resolver import resolve_options
from ..api.options import (
    ALIGNMENTS,
    ORIENTATIONS,
    PrintOptions,
    ResolvedOptions,
    booklet_duplex,
    merge_options,
)
from ..const import CONF_DEFAULT_OPTIONS, CONF_PRINTER_OPTIONS
from ..devices import Target
from ..documents.conversion import clean_title
from ..documents.document import Document, SourceKind
from ..documents.page_documents import PageOptions
from ..documents.sheets import Cut, SheetOptions, async_lay_out
from ..documents.sources import Source, async_get_document
from ..documents.spool import async_get_spool
from ..errors import InputError
from ..jobs.job import Asker, Delivery, JobSpec
from ..jobs.limits import max_document_bytes
from ..manual_duplex import async_split
from ..people.release_code import async_hash_code
from ..runtime import LiankeConfigEntry
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
# Options that sheets are printed with as they were made, on another printer, too.
DONE_HERE: Final = ("pages", "excel_fit", "auto_rotate")
# A snapshot is of no use tomorrow.
SNAPSHOT_EXPIRY: Final = timedelta(hours=1)


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
    sheets = _sheets(data)
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


def _sheets(data: Mapping[str, Any]) -> SheetOptions:
    given = {item.name: data[item.name] for item in fields(SheetOptions) if item.name in data}
    if "stamp" in given:
        given["stamp"] = tuple(given["stamp"])
    if "id_card_crop" in given:
        given["id_card_crop"] = tuple(Cut(**cut) for cut in given["id_card_crop"])
    return SheetOptions(**given)


def stored_options(stored: Mapping[str, Any]) -> PrintOptions:
    """Return stored default options as print options, without unknown names."""
    return PrintOptions(**{name: stored[name] for name in OPTION_NAMES if name in stored})


def _defaults(entry: LiankeConfigEntry, printer_key: str) -> tuple[PrintOptions, PrintOptions]:
    """Return the default options of a printer and of its box."""
    return (
        stored_options(entry.options.get(CONF_PRINTER_OPTIONS, {}).get(printer_key, {})),
        stored_options(entry.options.get(CONF_DEFAULT_OPTIONS, {})),
    )


async def async_resolve(
    entry: LiankeConfigEntry,
    printer_key: str,
    options: PrintOptions | None = None,
    *,
    raw: bool = False,
) -> ResolvedOptions:
    """Return options checked against a printer, completed by the defaults of printer and entry.

    Raises InputError: printer_gone, and what is wrong with an option.
    """
    target = Target(device_id="", entry=entry, printer_key=printer_key)
    coordinator = target.data.coordinator
    view = target.view
    asked = options or PrintOptions()
    if not raw:
        asked = merge_options(asked, *_defaults(entry, printer_key))
    capabilities = await coordinator.get_capabilities(printer_key)
    papers = await coordinator.get_papers(printer_key)
    return resolve_options(asked, capabilities, papers, view.printer.species, raw=raw)


async def async_options(target: Target, parameters: PrintParameters) -> ResolvedOptions:
    """Return the options of a call, completed and checked; raises as `async_resolve`."""
    options = parameters.options
    if parameters.sheets.sheet == BOOKLET and not parameters.duplex_given:
        defaults = merge_options(*_defaults(target.entry, target.printer_key))
        if options.duplex != "off":
            options = replace(options, duplex=booklet_duplex(None, defaults.duplex))
    return await async_resolve(target.entry, target.printer_key, options, raw=parameters.raw)


async def async_wanted_jobs(
    hass: HomeAssistant, target: Target, parameters: PrintParameters, context: Context
) -> list[tuple[JobSpec, tuple[Delivery, ...]]]:
    """Return what a call prints, one item a job: all of them or none.

    Raises as `async_options`, `async_documents` and `async_lay_out_all`.
    """
    options = await async_options(target, parameters)
    documents = await async_documents(hass, target, parameters, options, context)
    made = [(document, options) for document in documents]
    if parameters.sheets.is_set:
        made = await async_lay_out_all(hass, target, parameters, options, documents, context)
    code = parameters.release_code
    hashed = None if code is None else await async_hash_code(hass, code.encode())
    wanted = []
    for number, (source, (document, printed)) in enumerate(
        zip(parameters.sources, made, strict=False)
    ):
        deliveries = await async_deliveries(
            hass,
            target,
            document,
            printed,
            by_default=not parameters.duplex_given,
            user=context.user_id,
        )
        expires_in = SNAPSHOT_EXPIRY if source.is_snapshot else None
        spec = JobSpec(
            printer_key=target.printer_key,
            title=source.title or document.title,
            options=deliveries[0].options,
            asker=Asker.of(context),
            requested=(
                _requested(parameters, printed)
                if parameters.sheets.is_set
                else parameters.requested
            ),
            request_id=_numbered(parameters.request_id, number),
            replace_key=_numbered(parameters.replace_key, number),
            hold=parameters.hold,
            expires_in=expires_in if parameters.expires_in is None else parameters.expires_in,
            ignore_quiet_hours=parameters.ignore_quiet_hours,
            laid_out=parameters.sheets.layout is not None,
            release_code=hashed,
        )
        wanted.append((spec, deliveries))
    return wanted


def _numbered(key: str | None, number: int) -> str | None:
    """Return the key for one of several documents, which must differ."""
    return key if key is None or number == 0 else f"{key}#{number + 1}"


async def async_documents(
    hass: HomeAssistant,
    target: Target,
    parameters: PrintParameters,
    options: ResolvedOptions,
    context: Context,
) -> list[Document]:
    """Return the documents of a call, pages made here laid out for the options."""
    spool = await async_get_spool(hass)
    documents: list[Document] = []
    landscape = options.orientation == ORIENTATIONS["landscape"]
    for source in parameters.sources:
        document = await async_get_document(
            hass,
            spool,
            replace(source, page=replace(source.page, landscape=landscape)),
            limit_bytes=max_document_bytes(target.entry.options),
            context=context,
            paper=options.paper,
        )
        if document.ticket is not None or document.counted_for is not None:
            # A ticket or page count of another scope says nothing here.
            scope = ticket_scope(target.printer_key, options)
            if document.ticket_scope != scope:
                document = replace(document, ticket=None, ticket_scope=None)
            if document.counted_for not in (None, scope):
                document = replace(document, pages=None, counted_for=None)
        documents.append(document)
    return documents


def ticket_scope(printer_key: str, options: ResolvedOptions) -> str:
    """Return the scope of a preview's ticket: this printer with these options, any copies."""
    printed = {name: value for name, value in options.form_fields().items() if name != "dmCopies"}
    text = json.dumps([printer_key, printed], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


async def async_lay_out_all(
    hass: HomeAssistant,
    target: Target,
    parameters: PrintParameters,
    options: ResolvedOptions,
    documents: Sequence[Document],
    context: Context,
) -> list[tuple[Document, ResolvedOptions]]:
    """Return the documents of a call on sheets, with what prints them; joined if the call says so."""
    spool = await async_get_spool(hass)
    groups = [documents] if parameters.sheets.joins else [[document] for document in documents]
    return [
        await async_lay_out(
            hass,
            spool,
            group,
            parameters.sheets,
            options,
            limit_bytes=max_document_bytes(target.entry.options),
            user=context.user_id,
        )
        for group in groups
    ]


def _requested(parameters: PrintParameters, options: ResolvedOptions) -> Mapping[str, Any]:
    """Return the options by name that print sheets on another printer as they were made."""
    requested = {
        name: value for name, value in parameters.requested.items() if name not in DONE_HERE
    }
    if parameters.sheets.layout is None:
        return requested
    requested["orientation"] = _name(ORIENTATIONS, options.orientation)
    requested["align"] = _name(ALIGNMENTS, options.align)
    return requested | {"scale": options.scale}


def _name(values: Mapping[str, Any], wanted: object) -> str:
    return next(name for name, value in values.items() if value == wanted)


async def async_deliveries(
    hass: HomeAssistant,
    target: Target,
    document: Document,
    options: ResolvedOptions,
    *,
    by_default: bool,
    user: str | None,
) -> tuple[Delivery, ...]:
    """Return what a document is printed by, which is used up.

    `by_default`: the call itself names no duplex mode. Raises as `async_split`.
    """
    if options.by_hand is None:
        return (Delivery(document=document, options=options),)
    return await async_split(
        hass,
        target.entry.options,
        target.printer_key,
        document,
        options,
        by_default=by_default,
        user=user,
    )
