"""Make documents in Home Assistant's language: text, notifications, test pages, and the content of entities.

A camera or image entity becomes a picture; a to-do list or calendar becomes a page.
"""

from calendar import monthrange
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from functools import partial
import mimetypes
from typing import Any, Literal

from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.const import ATTR_ENTITY_ID, STATE_UNAVAILABLE
from homeassistant.core import Context, HomeAssistant, split_entity_id
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util

from ..api.capabilities import Capabilities, Paper
from ..api.coerce import to_encodable, to_list, to_mapping
from ..const import DOMAIN
from ..input_error import InputError
from ..pages.compose import html_page, markdown_page, text_page
from ..pages.lists import (
    COMPLETED,
    MAX_LIST_ENTRIES,
    AgendaEntry,
    TodoEntry,
    agenda_page,
    todo_page,
)
from ..pages.page import MAX_TEXT_BYTES, PageStyle, is_visible, paper_size
from ..pages.testpage import ink_care_page, test_page
from .conversion import async_make_document, clean_title, make_page_document
from .document import Document, SourceKind, digest_of, too_large
from .local_files import async_check_entity
from .spool import Spool, write_bytes


async def async_page_text(hass: HomeAssistant, key: str) -> str:
    """Return the text with this key in Home Assistant's language, or the key itself if there is no such text."""
    return (await async_page_texts(hass)).get(key, key)


async def async_page_texts(hass: HomeAssistant) -> dict[str, str]:
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
    # Whether title and date are printed at the top; None means only on lists and calendars.
    header: bool | None = None
    # Columns of a to-do list, 1 or 2; None means two columns for a long list on wide paper.
    columns: int | None = None
    agenda: Literal["today", "tomorrow", "week", "next_week", "this_month", "next_month"] = "week"
    # Whether completed items are printed, too.
    completed: bool = False
    # Whether a list or calendar without entries is printed; otherwise it is refused.
    print_empty: bool = False
    landscape: bool = False
    # A key of TEXT_SIZES.
    text_size: str = "normal"


DEFAULT_PAGE = PageOptions()

# A function that writes a page for a paper (None if the paper is unknown) and returns the page's document.
type WritePage = Callable[[Spool, Paper | None], Awaitable[Document]]
# Maximum number of sheets of a built-in page: a test page needs two on a small label.
BUILTIN_SHEETS = 2


async def async_style(
    hass: HomeAssistant,
    paper: Paper | None,
    options: PageOptions,
    *,
    header: str | None = None,
) -> PageStyle:
    """Return the style of a page; `header` is the title at the top, next to the date. None omits title and date."""
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
        text_size=options.text_size,
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
    identity: object = None,
    at_most: int | None = None,
) -> Document:
    """Write the page whose HTML `build` returns, in the executor; return the page's document.

    Two pages with the same `identity` count as the same document. `at_most` is the maximum number of the page's sheets,
    or None to have it estimated.
    """
    style = await async_style(hass, paper, options, header=header)
    document = await spool.async_write(
        lambda path: make_page_document(
            path, build(style), style, name=clean_title(title), title=title, at_most=at_most
        )
    )
    return document if identity is None else replace(document, digest=digest_of(identity))


async def async_text_page(
    hass: HomeAssistant,
    spool: Spool,
    text: str,
    *,
    kind: SourceKind = SourceKind.TEXT,
    title: str | None = None,
    paper: Paper | None = None,
    options: PageOptions = DEFAULT_PAGE,
) -> Document:
    """Compose a page from text, Markdown or HTML; return the page's document.

    Raises InputError: text_empty, text_too_large, html_too_large, html_too_deep, page_too_large, too_many_codes,
    qr_empty, qr_too_long; HomeAssistantError: disk_full.
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
        identity=(kind, text, title, asdict(options)),
    )


def _checked(text: str, kind: SourceKind = SourceKind.TEXT) -> str:
    """Return the text, with a replacement for each character that cannot be encoded.

    Raises InputError: text_empty, text_too_large, html_too_large.
    """
    text = to_encodable(text)
    if not is_visible(text):
        raise InputError("text_empty")
    if len(text.encode()) > MAX_TEXT_BYTES:
        key = "html_too_large" if kind is SourceKind.HTML else "text_too_large"
        raise InputError(key, limit=str(MAX_TEXT_BYTES // 1024))
    return text


async def async_notification_page(
    hass: HomeAssistant, spool: Spool, paper: Paper | None, *, message: str, title: str | None
) -> Document:
    """Return the document of a notification's page; the document's title quotes nothing from the message.

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
    two_sided: bool = False,
) -> Document:
    name = paper.name if paper is not None else None
    return await async_write_page(
        hass,
        spool,
        lambda style: test_page(
            printer_name, model, capabilities, name, style, two_sided=two_sided
        ),
        paper,
        title=await async_page_text(hass, "page_test"),
        at_most=BUILTIN_SHEETS,
    )


async def async_color_page(hass: HomeAssistant, spool: Spool, paper: Paper | None) -> Document:
    """Return the document of a page that uses a little of every ink, which keeps nozzles from drying up."""
    title = await async_page_text(hass, "page_keep_alive_title")
    return await async_write_page(
        hass, spool, ink_care_page, paper, title=title, at_most=BUILTIN_SHEETS
    )


SNAPSHOT_DOMAINS = frozenset({"camera", "image"})
PRINTABLE_DOMAINS = SNAPSHOT_DOMAINS | {"todo", "calendar"}
NEEDS_ACTION = "needs_action"
# Periods of a calendar that can be printed; `dates_of_period` returns their dates.
AGENDAS = ("today", "tomorrow", "week", "next_week", "this_month", "next_month")


async def async_entity_document(
    hass: HomeAssistant,
    spool: Spool,
    entity_id: str,
    *,
    title: str | None,
    limit_bytes: int,
    context: Context,
    paper: Paper | None,
    options: PageOptions,
) -> Document:
    """Return a document with an entity's current content.

    Raises Unauthorized if the user of the context may not read the entity; InputError: entity_not_found,
    entity_not_printable, entity_unavailable, snapshot_failed, file_too_large, list_empty, list_too_long, and the errors
    of `async_make_document`.
    """
    domain = split_entity_id(entity_id)[0]
    if domain not in PRINTABLE_DOMAINS:
        raise InputError("entity_not_printable", entity=entity_id)
    await async_check_entity(hass, context, entity_id, POLICY_READ)
    state = hass.states.get(entity_id)
    if state is None:
        raise InputError("entity_not_found", entity=entity_id)
    if state.state == STATE_UNAVAILABLE:
        raise InputError("entity_unavailable", entity=entity_id)
    title = title or state.name
    if domain in SNAPSHOT_DOMAINS:
        return await _async_snapshot(
            hass,
            spool,
            entity_id,
            title=title,
            limit_bytes=limit_bytes,
            user=context.user_id,
        )
    shown = title if options.header is not False else None
    build: Callable[[PageStyle], str]
    if domain == "todo":
        entries = await _async_items(hass, entity_id, context, options)
        _refuse_empty(entries, entity_id, options)
        build = partial(todo_page, entries, title=title)
    else:
        first, days = dates_of_period(options.agenda, dt_util.now().date())
        events = await _async_events(hass, entity_id, context, first, days)
        _refuse_empty(events, entity_id, options)
        build = partial(agenda_page, events, first, days, title=title)
    identity = (entity_id, title, asdict(options))
    return await async_write_page(
        hass, spool, build, paper, options, title=title, header=shown, identity=identity
    )


def dates_of_period(agenda: str, today: date) -> tuple[date, int]:
    """Return the first day of a period, and the period's number of days, which is at most 31.

    `week` is the seven days from today on, `next_week` begins next Monday, and `this_month` begins today.
    """
    if agenda == "next_week":
        return today + timedelta(days=7 - today.weekday()), 7
    if agenda in ("this_month", "next_month"):
        next_month = (today.replace(day=1) + timedelta(days=31)).replace(day=1)
        if agenda == "this_month":
            return today, (next_month - today).days
        return next_month, monthrange(next_month.year, next_month.month)[1]
    offset, days = {"today": (0, 1), "tomorrow": (1, 1), "week": (0, 7)}[agenda]
    return today + timedelta(days=offset), days


async def _async_snapshot(
    hass: HomeAssistant,
    spool: Spool,
    entity_id: str,
    *,
    title: str,
    limit_bytes: int,
    user: str | None,
) -> Document:
    picture: Any
    try:
        # Import only the integration needed: both import large libraries, which may not be installed without cameras.
        if entity_id.startswith("camera."):
            from homeassistant.components.camera import async_get_image as get_camera  # noqa: PLC0415

            picture = await get_camera(hass, entity_id)
        else:
            from homeassistant.components.image import async_get_image  # noqa: PLC0415

            picture = await async_get_image(hass, entity_id)
    except Exception:  # noqa: BLE001 - a camera may raise anything
        raise InputError("snapshot_failed", entity=entity_id) from None
    content: bytes = picture.content
    if len(content) > limit_bytes:
        raise too_large(title, limit_bytes)
    name = f"{title}{mimetypes.guess_extension(picture.content_type) or ''}"

    path = await spool.async_new_path(".part")
    write = partial(write_bytes, path, content)
    document = await async_make_document(hass, path, write, name, user=user, title=title)
    return replace(document, digest=digest_of(entity_id, title), snapshot=True)


async def _async_items(
    hass: HomeAssistant, entity_id: str, context: Context, options: PageOptions
) -> list[TodoEntry]:
    wanted = [NEEDS_ACTION, COMPLETED] if options.completed else [NEEDS_ACTION]
    answer = await _async_ask(hass, "get_items", entity_id, context, {"status": wanted})
    zone = dt_util.get_default_time_zone()
    return [TodoEntry.from_item(to_mapping(item), zone) for item in to_list(answer.get("items"))]


async def _async_events(
    hass: HomeAssistant, entity_id: str, context: Context, first: date, days: int
) -> list[AgendaEntry]:
    begin = dt_util.start_of_local_day(first)
    end = dt_util.start_of_local_day(first + timedelta(days=days))
    answer = await _async_ask(
        hass,
        "get_events",
        entity_id,
        context,
        {"start_date_time": begin.isoformat(), "end_date_time": end.isoformat()},
    )
    zone, events = dt_util.get_default_time_zone(), to_list(answer.get("events"))
    entries = (AgendaEntry.from_event(to_mapping(event), zone) for event in events)
    return [entry for entry in entries if entry is not None]


async def _async_ask(
    hass: HomeAssistant, action: str, entity_id: str, context: Context, data: Mapping[str, Any]
) -> Mapping[str, object]:
    try:
        answer = await hass.services.async_call(
            split_entity_id(entity_id)[0],
            action,
            {ATTR_ENTITY_ID: entity_id, **data},
            blocking=True,
            # The caller has checked that the user may read the entity. With the user in the context, these actions
            # would require the right to control the entity.
            context=Context(parent_id=context.id),
            return_response=True,
        )
    except HomeAssistantError:
        raise
    except Exception:  # noqa: BLE001 - an entity may raise anything
        raise InputError("entity_unavailable", entity=entity_id) from None
    return to_mapping((answer or {}).get(entity_id))


def _refuse_empty(
    entries: list[TodoEntry] | list[AgendaEntry], entity_id: str, options: PageOptions
) -> None:
    if not entries and not options.print_empty:
        raise InputError("list_empty", entity=entity_id)
    if len(entries) > MAX_LIST_ENTRIES:
        raise InputError("list_too_long", entity=entity_id, allowed=str(MAX_LIST_ENTRIES))
