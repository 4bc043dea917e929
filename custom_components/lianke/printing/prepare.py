"""Prepare the documents of a call: fetch them, and lay them out on sheets if requested."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
import hashlib
import json
from typing import Any, Final

from homeassistant.core import Context, HomeAssistant

from ..api.options import ALIGNMENTS, ORIENTATIONS, ResolvedOptions
from ..devices import Target
from ..documents.document import Document
from ..documents.sheets import async_lay_out
from ..documents.sources import Source, async_get_document
from ..documents.spool import async_get_spool
from ..jobs.delivery import Delivery
from ..jobs.settings import max_document_bytes
from ..manual_duplex.deliveries import async_split
from .request import PrintParameters

# Options that sheets are printed with as they were made, on another printer, too.
DONE_HERE: Final = ("pages", "excel_fit", "auto_rotate")


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A document that is ready to be printed, with the options that go with it.

    `requested` are the options by name, for printing it elsewhere; `laid_out` says that it became
    sheets for these options. `deliveries` are what it is printed by, once that is known.
    """

    source: Source
    document: Document
    options: ResolvedOptions
    requested: Mapping[str, Any]
    laid_out: bool = False
    deliveries: tuple[Delivery, ...] = ()

    @property
    def files(self) -> list[Document]:
        """Return the documents in the spool that belong to it."""
        return [one.document for one in self.deliveries] or [self.document]


async def async_prepare(
    hass: HomeAssistant,
    target: Target,
    parameters: PrintParameters,
    options: ResolvedOptions,
    context: Context,
) -> list[Prepared]:
    """Return what a call prints, one item a job; all of them or none."""
    prepared = await _async_prepare(hass, target, parameters, options, context)
    spool = await async_get_spool(hass)
    for number, item in enumerate(prepared):
        try:
            deliveries = await async_deliveries(
                hass,
                target,
                item.document,
                item.options,
                by_default=not parameters.duplex_given,
                user=context.user_id,
            )
        except BaseException:
            await spool.async_discard(*(file for item in prepared for file in item.files))
            raise
        prepared[number] = replace(item, deliveries=deliveries)
    return prepared


async def async_deliveries(
    hass: HomeAssistant,
    target: Target,
    document: Document,
    options: ResolvedOptions,
    *,
    by_default: bool,
    user: str | None,
) -> tuple[Delivery, ...]:
    """Return what a document is printed by; it is used up, also by what is raised.

    `by_default`: the call itself names no duplex mode. Raises as `async_split`.
    """
    if options.by_hand is None:
        return (Delivery(document=document, options=options),)
    try:
        return await async_split(
            hass,
            target.entry.options,
            target.printer_key,
            document,
            options,
            by_default=by_default,
            user=user,
        )
    except BaseException:
        await (await async_get_spool(hass)).async_discard(document)
        raise


async def _async_prepare(
    hass: HomeAssistant,
    target: Target,
    parameters: PrintParameters,
    options: ResolvedOptions,
    context: Context,
) -> list[Prepared]:
    documents = await async_documents(hass, target, parameters, options, context)
    if not parameters.sheets.is_set:
        return [
            Prepared(
                source=source, document=document, options=options, requested=parameters.requested
            )
            for source, document in zip(parameters.sources, documents, strict=True)
        ]
    spool = await async_get_spool(hass)
    try:
        return await async_lay_out_all(hass, target, parameters, options, documents, context)
    finally:
        await spool.async_discard(*documents)


async def async_lay_out_all(
    hass: HomeAssistant,
    target: Target,
    parameters: PrintParameters,
    options: ResolvedOptions,
    documents: Sequence[Document],
    context: Context,
) -> list[Prepared]:
    """Return the documents of a call on sheets, joined if the call says so; all or none."""
    spool = await async_get_spool(hass)
    groups = [documents] if parameters.sheets.joins else [[document] for document in documents]
    prepared: list[Prepared] = []
    try:
        for source, group in zip(parameters.sources, groups, strict=False):
            laid_out = await async_lay_out(
                hass,
                spool,
                group,
                parameters.sheets,
                options,
                limit_bytes=max_document_bytes(target.entry.options),
                user=context.user_id,
            )
            prepared.append(
                Prepared(
                    source=source,
                    document=laid_out.document,
                    options=laid_out.options,
                    requested=_requested(parameters, laid_out.options),
                    laid_out=parameters.sheets.layout is not None,
                )
            )
    except BaseException:
        await spool.async_discard(*(item.document for item in prepared))
        raise
    return prepared


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


async def async_documents(
    hass: HomeAssistant,
    target: Target,
    parameters: PrintParameters,
    options: ResolvedOptions,
    context: Context,
) -> list[Document]:
    """Return the documents of an parameters, pages made here laid out for the options; all or none."""
    spool = await async_get_spool(hass)
    documents: list[Document] = []
    landscape = options.orientation == ORIENTATIONS["landscape"]
    try:
        for source in parameters.sources:
            fetched = await async_get_document(
                hass,
                spool,
                replace(source, page=replace(source.page, landscape=landscape)),
                limit_bytes=max_document_bytes(target.entry.options),
                context=context,
                paper=options.paper,
            )
            documents.append(_scoped(fetched, target, options))
    except BaseException:
        await spool.async_discard(*documents)
        raise
    return documents


def ticket_scope(printer_key: str, options: ResolvedOptions) -> str:
    """Return the scope of a preview's ticket: this printer with these options, any copies."""
    fields = {name: value for name, value in options.form_fields().items() if name != "dmCopies"}
    text = json.dumps([printer_key, fields], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _scoped(document: Document, target: Target, options: ResolvedOptions) -> Document:
    """Return the document without a ticket or page count of another scope."""
    scope = ticket_scope(target.printer_key, options)
    if document.ticket is not None and document.ticket_scope != scope:
        document = replace(document, ticket=None, ticket_scope=None)
    if document.counted_for is not None and document.counted_for != scope:
        document = replace(document, pages=None, counted_for=None)
    return document
