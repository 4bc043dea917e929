"""Cameras, images, to-do lists and calendars of a real Home Assistant, on paper."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, override

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.calendar import CalendarEvent
from homeassistant.components.todo.const import TodoItemStatus
from homeassistant.components.todo.entity import TodoItem
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, Unauthorized
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockUser

from custom_components.lianke.documents.document import Document, SourceKind
from custom_components.lianke.documents.page_documents import dates_of_period
from custom_components.lianke.documents.spool import Spool
from custom_components.lianke.input_error import InputError
from tests.documents.conftest import fetched
from tests.documents.entities import Door, Family, Map, Shopping, add
from tests.documents.samples import picture

LIMIT = 1024 * 1024
NOW = datetime(2026, 11, 24, 1, tzinfo=UTC)


async def fetch(
    hass: HomeAssistant,
    spool: Spool,
    entity_id: str,
    *,
    kind: SourceKind = SourceKind.ENTITY,
    **more: Any,
) -> Document:
    return await fetched(hass, spool, kind, entity_id, **more)


async def test_a_camera(hass: HomeAssistant, spool: Spool) -> None:
    await add(hass, "camera", [Door(picture("JPEG"))])
    document = await fetch(hass, spool, "camera.door")
    assert (document.name, document.title, document.pages) == ("门铃.jpg", "门铃", 1)
    assert document.path.read_bytes() == picture("JPEG")
    by_media = await fetch(
        hass, spool, "media-source://camera/camera.door", kind=SourceKind.MEDIA, title="Visitor"
    )
    assert (by_media.name, by_media.title) == ("Visitor.jpg", "Visitor")
    with pytest.raises(InputError, match="file_too_large"):
        await fetch(hass, spool, "camera.door", limit=10)


@pytest.mark.parametrize(
    ("kind", "source"),
    [(SourceKind.ENTITY, "image.map"), (SourceKind.MEDIA, "media-source://image/image.map")],
)
async def test_an_image_entity(
    hass: HomeAssistant, spool: Spool, kind: SourceKind, source: str
) -> None:
    await add(hass, "image", [Map(hass)])
    document = await fetch(hass, spool, source, kind=kind)
    assert (document.name, document.title, document.pages) == ("Map.png", "Map", 1)
    assert document.path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("data", "available", "key"),
    [
        (None, True, "snapshot_failed"),
        (ConnectionError("no route"), True, "snapshot_failed"),
        (b"\x7fELF\0\0\0", True, "file_damaged"),
        (picture("JPEG"), False, "entity_unavailable"),
    ],
    ids=["none", "its own error", "noise", "unavailable"],
)
async def test_a_camera_that_shows_nothing(
    hass: HomeAssistant, spool: Spool, *, data: bytes | Exception | None, available: bool, key: str
) -> None:
    await add(hass, "camera", [Door(data, available=available)])
    with pytest.raises(InputError, match=key):
        await fetch(hass, spool, "camera.door")


async def test_the_same_moment_asked_for_twice_is_the_same_document(
    hass: HomeAssistant, spool: Spool
) -> None:
    await add(hass, "camera", [Door(picture("JPEG"))])
    await add(hass, "todo", [Shopping([TodoItem(summary="x", status=TodoItemStatus.NEEDS_ACTION)])])
    for entity_id in ("camera.door", "todo.shopping"):
        first = await fetch(hass, spool, entity_id)
        second = await fetch(hass, spool, entity_id)
        other = await fetch(hass, spool, entity_id, title="other")
        assert first.digest == second.digest
        assert first.digest != other.digest


@pytest.mark.parametrize(
    ("entity_id", "key"),
    [("light.lamp", "entity_not_printable"), ("camera.gone", "entity_not_found")],
)
async def test_entities_that_cannot_be_printed(
    hass: HomeAssistant, spool: Spool, entity_id: str, key: str
) -> None:
    hass.states.async_set("light.lamp", "on")
    with pytest.raises(InputError, match=key):
        await fetch(hass, spool, entity_id)


@pytest.mark.parametrize(
    ("agenda", "shown", "days"),
    [
        ("today", ["Breakfast"], 1),
        ("tomorrow", ["Dentist"], 1),
        ("week", ["Breakfast", "Dentist", "Holiday"], 7),
        ("next_week", ["Holiday", "Next week"], 7),
        ("this_month", ["Breakfast", "Dentist", "Holiday"], 7),
        ("next_month", ["Next week"], 31),
    ],
)
async def test_a_calendar(
    hass: HomeAssistant,
    spool: Spool,
    freezer: FrozenDateTimeFactory,
    *,
    agenda: Any,
    shown: list[str],
    days: int,
) -> None:
    await hass.config.async_set_time_zone("Asia/Shanghai")
    freezer.move_to(NOW)
    today = dt_util.now().replace(hour=0, minute=0, second=0, microsecond=0)
    hour = timedelta(hours=1)

    def event(start: timedelta, summary: str) -> CalendarEvent:
        return CalendarEvent(start=today + start, end=today + start + hour, summary=summary)

    family = Family(
        [
            event(7 * hour, "Breakfast"),
            event(33 * hour, "Dentist"),
            CalendarEvent(
                start=today.date() + timedelta(days=6),
                end=today.date() + timedelta(days=7),
                summary="Holiday",
            ),
            event(7 * 24 * hour, "Next week"),
        ]
    )
    await add(hass, "calendar", [family])
    document = await fetch(hass, spool, "calendar.family", agenda=agenda)
    page = document.path.read_text("utf-8")
    assert [word for word in ("Breakfast", "Dentist", "Holiday", "Next week") if word in page] == (
        shown
    )
    # Of a month, days without an event are left out.
    assert page.count("<h2>") == (days if days <= 7 else len(shown))
    start, end = family.asked[-1]
    assert (end - start).days == days
    assert (start.hour, start.minute) == (0, 0)


@pytest.mark.parametrize(
    ("agenda", "today", "first", "days"),
    [
        ("next_week", date(2026, 11, 23), date(2026, 11, 30), 7),
        ("next_week", date(2026, 11, 29), date(2026, 11, 30), 7),
        ("this_month", date(2026, 12, 1), date(2026, 12, 1), 31),
        ("this_month", date(2028, 2, 29), date(2028, 2, 29), 1),
        ("next_month", date(2026, 12, 31), date(2027, 1, 1), 31),
        ("next_month", date(2027, 1, 31), date(2027, 2, 1), 28),
        ("next_month", date(2028, 1, 1), date(2028, 2, 1), 29),
    ],
)
def test_days_of_a_calendar(agenda: str, today: date, first: date, days: int) -> None:
    assert dates_of_period(agenda, today) == (first, days)


async def test_an_empty_calendar_prints_only_when_told(hass: HomeAssistant, spool: Spool) -> None:
    await add(hass, "calendar", [Family([])])
    with pytest.raises(InputError, match="list_empty"):
        await fetch(hass, spool, "calendar.family")
    document = await fetch(hass, spool, "calendar.family", print_empty=True)
    assert document.path.read_text("utf-8").count("Nothing planned") == 7


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (HomeAssistantError("calendar is down"), "calendar is down"),
        (ConnectionError("no route"), "entity_unavailable"),
    ],
)
async def test_a_failing_list_keeps_its_own_error(
    hass: HomeAssistant, spool: Spool, error: Exception, told: str
) -> None:
    class Broken(Family):
        @override
        async def async_get_events(
            self, hass: HomeAssistant, start_date: datetime, end_date: datetime
        ) -> list[CalendarEvent]:
            raise error

    await add(hass, "calendar", [Broken([])])
    with pytest.raises((HomeAssistantError, InputError), match=told):
        await fetch(hass, spool, "calendar.family")


async def test_only_who_may_read_an_entity_may_print_it(
    hass: HomeAssistant, spool: Spool, hass_read_only_user: MockUser
) -> None:
    await add(hass, "camera", [Door(picture("JPEG"))])
    hass_read_only_user.mock_policy({"entities": {"entity_ids": {"camera.other": True}}})
    context = Context(user_id=hass_read_only_user.id)
    with pytest.raises(Unauthorized):
        await fetch(hass, spool, "camera.door", context=context)
    with pytest.raises(Unauthorized):
        await fetch(
            hass,
            spool,
            "media-source://camera/camera.door",
            kind=SourceKind.MEDIA,
            context=context,
        )
    hass_read_only_user.mock_policy({"entities": {"entity_ids": {"camera.door": {"read": True}}}})
    assert (await fetch(hass, spool, "camera.door", context=context)).pages == 1
