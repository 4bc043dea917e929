"""Entities of a real Home Assistant that can be printed."""

from collections.abc import Iterable
from datetime import datetime
from typing import override

from homeassistant.components.calendar import CalendarEntity, CalendarEvent
from homeassistant.components.camera import Camera
from homeassistant.components.image import ImageEntity
from homeassistant.components.todo.const import TodoItemStatus
from homeassistant.components.todo.entity import TodoItem, TodoListEntity
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_component import DATA_INSTANCES
from homeassistant.setup import async_setup_component

from tests.documents.samples import picture

ITEMS = [
    TodoItem(summary="牛奶", status=TodoItemStatus.NEEDS_ACTION),
    TodoItem(summary="<script>", status=TodoItemStatus.NEEDS_ACTION),
    TodoItem(summary="面包", status=TodoItemStatus.COMPLETED),
]


class Door(Camera):
    def __init__(
        self,
        data: bytes | Exception | None,
        *,
        available: bool = True,
        entity_id: str = "camera.door",
        name: str = "门铃",
    ) -> None:
        super().__init__()
        self.entity_id, self._attr_name = entity_id, name
        self._data = data
        self._attr_available = available

    @override
    async def async_camera_image(
        self, width: int | None = None, height: int | None = None
    ) -> bytes | None:
        if isinstance(self._data, Exception):
            raise self._data
        return self._data


class Map(ImageEntity):
    _attr_name = "Map"
    _attr_content_type = "image/webp"

    def __init__(self, hass: HomeAssistant) -> None:
        super().__init__(hass)
        self.entity_id = "image.map"

    @override
    async def async_image(self) -> bytes | None:
        return picture("WEBP", lossless=True)


class Shopping(TodoListEntity):
    def __init__(
        self, items: list[TodoItem], *, entity_id: str = "todo.shopping", name: str = "购物清单"
    ) -> None:
        self.entity_id, self._attr_name = entity_id, name
        self._attr_todo_items = items

    def empty(self) -> None:
        """Take everything off the list."""
        self._attr_todo_items = []
        self.async_write_ha_state()


class Family(CalendarEntity):
    _attr_name = "Family"

    def __init__(self, events: list[CalendarEvent]) -> None:
        self.entity_id = "calendar.family"
        self._events = events
        self.asked: list[tuple[datetime, datetime]] = []

    @property
    @override
    def event(self) -> CalendarEvent | None:
        return None

    @override
    async def async_get_events(
        self, hass: HomeAssistant, start_date: datetime, end_date: datetime
    ) -> list[CalendarEvent]:
        self.asked.append((start_date, end_date))
        return [
            event
            for event in self._events
            if event.end_datetime_local > start_date and event.start_datetime_local < end_date
        ]


async def add(hass: HomeAssistant, domain: str, entities: Iterable[Entity]) -> None:
    """Set a domain up and add these entities to it."""
    assert await async_setup_component(hass, domain, {})
    await hass.data[DATA_INSTANCES][domain].async_add_entities(entities)
    await hass.async_block_till_done()
