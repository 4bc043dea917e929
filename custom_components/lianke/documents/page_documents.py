"""Documents made of pages composed here, in Home Assistant's language: text, notifications, the test page."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from typing import Literal

from homeassistant.core import HomeAssistant
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util

from ..api.capabilities import Capabilities, Paper
from ..const import DOMAIN
from ..errors import InputError, whole_text
from ..pages.compose import html_page, markdown_page, text_page
from ..pages.page import MAX_TEXT_BYTES, PageStyle, is_visible, paper_size
from ..pages.testpage import color_page, test_page
from .conversion import clean_title, make_page_document
from .document import Document, SourceKind, digest_of
from .spool import Spool


async def async_page_text(hass: HomeAssistant, key: str) -> str:
    """Return a text of a page or title; its key where it is not translated."""
    return (await async_page_texts(hass)).get(key, key)


async def async_page_texts(hass: HomeAssistant) -> dict[str, str]:
    """Return all texts by their keys."""
    prefix = f"component.{DOMAIN}.common."
    texts = await async_get_translations(hass, hass.config.language, "common", [DOMAIN])
    return {key.removeprefix(prefix): text for key, text in texts.items() if key.startswith(prefix)}


PAGE_BUILDERS = {
    SourceKind.TEXT: text_page,
    SourceKind.MARKDOWN: markdown_page,
    SourceKind.HTML: html_page,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class PageOptions:
    """Options of the pages that are composed here.

    `header` puts title and date on top; None leaves it to the source: lists and calendars have
    one. `columns` is 1 or 2 for lists. `agenda` says which days of a calendar. `completed` takes
    done items too, `print_empty` prints a list or calendar with nothing in it.
    """

    header: bool | None = None
    columns: int | None = None
    agenda: Literal["today", "tomorrow", "week", "next_week", "this_month", "next_month"] = "week"
    completed: bool = False
    print_empty: bool = False
    landscape: bool = False


DEFAULT_PAGE = PageOptions()

type WritePage = Callable[[Spool, Paper | None], Awaitable[Document]]
"""Make a document of a page for a paper, None where nothing is known of it."""
# The most sheets of a test page: on a small label it needs a second one.
OWN_PAGES = 2


async def async_style(
    hass: HomeAssistant,
    paper: Paper | None,
    options: PageOptions,
    *,
    header: str | None = None,
) -> PageStyle:
    """Return the style for pages on a paper; header is the title to show on top, if any."""
    width, height, side, top = paper_size(paper, landscape=options.landscape)
    return PageStyle(
        width=width,
        height=height,
        margin_side=side,
        margin_top=top,
        language=hass.config.language,
        now=dt_util.now(),
        texts=await async_page_texts(hass),
        header=header,
        columns=options.columns,
    )


async def async_write_page(
    hass: HomeAssistant,
    spool: Spool,
    build: Callable[[PageStyle], str],
    paper: Paper | None,
    options: PageOptions = DEFAULT_PAGE,
    *,
    title: str,
    header: str | None = None,
    asked: object = None,
    at_most: int | None = None,
) -> Document:
    """Return the document for the page that build() makes in a style; build runs in the executor.

    Two pages with the same `asked` count as the same document. `at_most` is the most
    sheets it can take; None has that estimated.
    """
    style = await async_style(hass, paper, options, header=header)
    document = await spool.async_write(
        lambda path: make_page_document(
            path, build(style), style, name=clean_title(title), title=title, at_most=at_most
        )
    )
    return document if asked is None else replace(document, digest=digest_of(asked))


async def async_text_document(
    hass: HomeAssistant,
    spool: Spool,
    text: str,
    *,
    kind: SourceKind = SourceKind.TEXT,
    title: str | None = None,
    paper: Paper | None = None,
    options: PageOptions = DEFAULT_PAGE,
) -> Document:
    """Return the document for text, Markdown or HTML.

    Raises InputError: text_empty, text_too_large, html_too_large, qr_empty, qr_too_long.
    """
    text = _checked(text, kind)
    shown = title or await async_page_text(hass, "page_text")
    return await async_write_page(
        hass,
        spool,
        lambda style: PAGE_BUILDERS[kind](text, style, title=shown),
        paper,
        options,
        title=shown,
        header=(title or "") if options.header else None,
        asked=(kind, text, title, asdict(options)),
    )


def _checked(text: str, kind: SourceKind = SourceKind.TEXT) -> str:
    """Return text that can be printed; raises InputError where it is empty or too long."""
    text = whole_text(text)
    if not is_visible(text):
        raise InputError("text_empty")
    if len(text.encode()) > MAX_TEXT_BYTES:
        key = "html_too_large" if kind is SourceKind.HTML else "text_too_large"
        raise InputError(key, limit=str(MAX_TEXT_BYTES // 1024))
    return text


async def async_notification(
    hass: HomeAssistant, spool: Spool, paper: Paper | None, *, message: str, title: str | None
) -> Document:
    """Return the document for a notification. Its title does not quote the message.

    Raises InputError: text_empty, text_too_large.
    """
    message = _checked(message)
    shown = await async_page_text(hass, "page_notification")
    return await async_write_page(
        hass,
        spool,
        lambda style: text_page(message, style, title=shown),
        paper,
        title=shown,
        header=clean_title(title or "") or shown,
    )


async def async_test_page(
    hass: HomeAssistant,
    spool: Spool,
    printer_name: str,
    model: str,
    *,
    capabilities: Capabilities | None,
    paper: Paper | None,
) -> Document:
    """Return the test page of a printer."""
    name = paper.name if paper is not None else None
    return await async_write_page(
        hass,
        spool,
        lambda style: test_page(printer_name, model, capabilities, name, style),
        paper,
        title=await async_page_text(hass, "page_test"),
        at_most=OWN_PAGES,
    )


async def async_color_page(hass: HomeAssistant, spool: Spool, paper: Paper | None) -> Document:
    """Return the page with a little of every ink, which keeps nozzles from drying."""
    title = await async_page_text(hass, "page_keep_alive_title")
    return await async_write_page(hass, spool, color_page, paper, title=title, at_most=OWN_PAGES)
