"""Documents of a call that are printed on both sides by hand."""

from dataclasses import replace

from homeassistant.core import HomeAssistant

from ..api.options import ResolvedOptions
from ..devices import Target
from ..documents.document import Document
from ..documents.spool import async_get_spool
from ..documents.two_sides import async_split, can_split
from ..jobs.manual_duplex import Halves, ManualDuplex
from ..jobs.settings import max_document_bytes, turn_setup

type Split = tuple[Document, ResolvedOptions, Halves | None]


async def async_split_by_hand(
    hass: HomeAssistant,
    target: Target,
    document: Document,
    options: ResolvedOptions,
    *,
    by_default: bool,
    user: str | None,
) -> Split:
    """Return a document in two halves if its options say so; else, and with one page, as it is.

    If only a default option says so, what cannot be split is printed on one side. The document that was
    split is deleted. Raises what splitting it raises; then it is still there.
    """
    if options.by_hand is None:
        return document, options, None
    setup = turn_setup(target.entry.options, target.printer_key)
    spool = await async_get_spool(hass)
    split = None
    if can_split(document) or not by_default:
        split = await async_split(
            hass,
            spool,
            document,
            options,
            setup,
            limit_bytes=max_document_bytes(target.entry.options),
            user=user,
        )
    if split is None:
        return document, replace(options, by_hand=None), None
    await spool.async_discard(document)
    halves = Halves(
        backs=split.backs, align=split.back_align, manual_duplex=ManualDuplex.of(split, setup)
    )
    return split.fronts, split.options, halves
