"""A house to run the manual's examples in: printers in the simulated cloud, files, a list, a calendar, a camera."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, override

from homeassistant.components.calendar import CalendarEntity, CalendarEvent
from homeassistant.components.image import ImageEntity
from homeassistant.components.persistent_notification import (
    _async_get_or_create_notifications as notifications_of,
)
from homeassistant.components.todo.const import TodoItemStatus
from homeassistant.components.todo.entity import TodoItem, TodoListEntity
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import config_validation as cv, device_registry as dr, script
from homeassistant.helpers.entity import Entity
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    setup_test_component_platform,
)

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.jobs.job import Job
from custom_components.lianke.runtime import LiankeData
from tests.conftest import set_up, tear_down
from tests.documents.samples import picture
from tests.simulator import Printer, Simulator, make_pdf

LASER = "Kyocera MA2000w GX"
MENU = make_pdf(3, "Menu")
LETTER = make_pdf(1, "Letter")
FRAME = picture("JPEG")


class ShoppingList(TodoListEntity):
    """What has to be bought."""

    _attr_name = "Shopping list"
    _attr_unique_id = "shopping_list"

    def __init__(self) -> None:
        """Begin with two items and one that is done."""
        done = TodoItemStatus.COMPLETED
        self._attr_todo_items = [
            TodoItem(summary="牛奶", uid="1", status=TodoItemStatus.NEEDS_ACTION),
            TodoItem(summary="Bread", uid="2", status=TodoItemStatus.NEEDS_ACTION),
            TodoItem(summary="Eggs", uid="3", status=done),
        ]

    def empty(self) -> None:
        """Take everything off the list."""
        self._attr_todo_items = []
        self.async_write_ha_state()


class Family(CalendarEntity):
    """One event in two hours, one in three days."""

    _attr_name = "Family"
    _attr_unique_id = "family"

    @property
    @override
    def event(self) -> CalendarEvent | None:
        return None

    @override
    async def async_get_events(
        self, hass: HomeAssistant, start_date: datetime, end_date: datetime
    ) -> list[CalendarEvent]:
        today = dt_util.now().date()
        events = [_all_day("Dentist", today), _all_day("Concert", today + timedelta(days=3))]
        return [one for one in events if start_date.date() <= one.start < end_date.date()]


class Map(ImageEntity):
    """An image with one picture."""

    _attr_name = "Rain map"
    _attr_unique_id = "rain_map"
    _attr_content_type = "image/jpeg"

    @override
    async def async_image(self) -> bytes | None:
        return FRAME


def _all_day(summary: str, day: date) -> CalendarEvent:
    return CalendarEvent(summary=summary, start=day, end=day + timedelta(days=1))


def _door() -> Entity:
    """Return a camera with one picture."""
    # Complains of a missing library when it is imported, before there is a log to put it.
    from homeassistant.components.camera import Camera

    class Door(Camera):
        _attr_name = "Front door"
        _attr_unique_id = "front_door"

        @override
        async def async_camera_image(
            self, width: int | None = None, height: int | None = None
        ) -> bytes | None:
            return FRAME

    return Door()


@dataclass(slots=True)
class House:
    """Home Assistant with everything the examples name."""

    hass: HomeAssistant
    simulator: Simulator
    entry: MockConfigEntry
    folder: Path
    shopping_list: ShoppingList

    @property
    def data(self) -> LiankeData:
        """Runtime data of the box."""
        data: LiankeData = self.entry.runtime_data
        return data

    @property
    def laser(self) -> Printer:
        """The laser printer in the simulated cloud."""
        return self.simulator.box.printer(1)

    @property
    def jobs(self) -> list[Job]:
        """All jobs, oldest first."""
        return self.data.queue.jobs()[::-1]

    def state(self, entity_id: str) -> str | None:
        """Return an entity's state, None without the entity."""
        state = self.hass.states.get(entity_id)
        return None if state is None else state.state

    @property
    def notes(self) -> list[tuple[str | None, str]]:
        """Title and message of the notifications that are shown."""
        return [(note["title"], note["message"]) for note in notifications_of(self.hass).values()]

    def device(self, name: str = LASER) -> str:
        """Return the device of a printer."""
        return next(d.id for d in dr.async_get(self.hass).devices if d.name == name)

    def at_home(self, text: str) -> str:
        """Return an example with the folders of this house."""
        return text.replace("/media/", f"{self.folder}/media/").replace(
            "/share/documents", f"{self.folder}/share"
        )

    async def call(self, action: str, **data: Any) -> dict[str, Any]:
        """Call an action of ours on the laser and return its response."""
        data.setdefault("device_id", self.device())
        answer = await self.hass.services.async_call(
            DOMAIN, action, data, blocking=True, return_response=True
        )
        assert answer is not None
        return dict(answer)

    async def run(self, actions: Any) -> dict[str, Any]:
        """Run actions as an automation would and return its variables."""
        sequence = actions if isinstance(actions, list) else [actions]
        checked = await script.async_validate_actions_config(self.hass, cv.SCRIPT_SCHEMA(sequence))
        run = script.Script(self.hass, checked, "example", DOMAIN)
        result = await run.async_run(context=Context())
        assert result is not None
        return dict(result.variables)

    async def finish(self) -> list[Job]:
        """Wait until no job moves any more and return them all."""
        for job in self.jobs:
            await self.data.queue.async_wait(job.job_id, 20)
        await self.hass.async_block_till_done()
        return self.jobs

    async def look(self) -> None:
        """Poll the box now."""
        await self.data.coordinator.async_refresh()
        await self.hass.async_block_till_done()


@pytest.fixture
async def shopping_list(hass: HomeAssistant) -> ShoppingList:
    """Set up what the examples need besides a printer; before the web server starts."""
    shopping_list = ShoppingList()
    for domain, entity in (
        ("todo", shopping_list),
        ("calendar", Family()),
        ("camera", _door()),
        ("image", Map(hass)),
    ):
        setup_test_component_platform(hass, domain, [entity])
        assert await async_setup_component(hass, domain, {domain: {"platform": "test"}})
    # notify needs repairs, which has web pages of its own.
    for component in ("persistent_notification", "notify"):
        assert await async_setup_component(hass, component, {})
    button = {"print_the_document": {"name": "Print the document"}}
    assert await async_setup_component(hass, "input_button", {"input_button": button})
    await hass.async_block_till_done()
    return shopping_list


@pytest.fixture
async def house(
    *,
    hass: HomeAssistant,
    shopping_list: ShoppingList,
    reachable: str,
    simulator: Simulator,
    entry: MockConfigEntry,
    tmp_path: Path,
) -> AsyncGenerator[House]:
    """Return the house, with files in its media folder and all printers ready."""
    media = tmp_path / "media"
    media.mkdir()
    (tmp_path / "share").mkdir()
    (media / "menu.pdf").write_bytes(MENU)
    (media / "letter.pdf").write_bytes(LETTER)
    for side in ("front.jpg", "back.jpg"):
        (media / side).write_bytes(FRAME)
    hass.config.media_dirs = {"local": str(media)}
    hass.config.allowlist_external_dirs = {str(media)}
    assert await set_up(hass, entry)
    yield House(hass, simulator, entry, tmp_path, shopping_list)
    await tear_down(hass)
