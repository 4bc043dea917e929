"""A house to run the manual's examples in: printers in the simulated cloud, files, a list, a calendar, a camera."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, override

from homeassistant.components.calendar import CalendarEvent
from homeassistant.components.image import ImageEntity
from homeassistant.components.persistent_notification import (
    _async_get_or_create_notifications as notifications_of,
)
from homeassistant.components.todo.const import TodoItemStatus
from homeassistant.components.todo.entity import TodoItem
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import config_validation as cv, script
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
)

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.jobs.job import Job
from tests import household
from tests.conftest import set_up, tear_down
from tests.documents.samples import picture
from tests.simulator import Printer, Simulator, make_pdf

if TYPE_CHECKING:
    from tests.documents.entities import Shopping

LASER = "Kyocera MA2000w GX"
MENU = make_pdf(3, "Menu")
LETTER = make_pdf(1, "Letter")
FRAME = picture("JPEG")


ITEMS = [
    TodoItem(summary="牛奶", status=TodoItemStatus.NEEDS_ACTION),
    TodoItem(summary="Bread", status=TodoItemStatus.NEEDS_ACTION),
    TodoItem(summary="Eggs", status=TodoItemStatus.COMPLETED),
]


class Map(ImageEntity):
    """An image with one picture."""

    _attr_name = "Rain map"
    _attr_content_type = "image/jpeg"

    @override
    async def async_image(self) -> bytes | None:
        return FRAME


def all_day(summary: str, days: int) -> CalendarEvent:
    """Return an all-day event, this many days from today."""
    day = dt_util.now().date() + timedelta(days=days)
    return CalendarEvent(summary=summary, start=day, end=day + timedelta(days=1))


@dataclass(frozen=True, kw_only=True)
class House(household.House):
    """Home Assistant with everything the examples name."""

    folder: Path
    shopping_list: Shopping

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

    def at_home(self, text: str) -> str:
        """Return an example with its folders replaced by those of this house."""
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
        """Run actions as an automation would, and return the variables after them."""
        sequence = actions if isinstance(actions, list) else [actions]
        checked = await script.async_validate_actions_config(self.hass, cv.SCRIPT_SCHEMA(sequence))
        run = script.Script(self.hass, checked, "example", DOMAIN)
        result = await run.async_run(context=Context())
        assert result is not None
        return dict(result.variables)

    async def finish(self) -> list[Job]:
        """Wait until no job is under way any more, and return all jobs."""
        for job in self.jobs:
            await self.data.queue.async_wait(job.job_id, 20)
        await self.hass.async_block_till_done()
        return self.jobs

    async def look(self) -> None:
        """Poll the box now."""
        await self.data.coordinator.async_refresh()
        await self.hass.async_block_till_done()


@pytest.fixture
async def shopping_list(hass: HomeAssistant) -> Shopping:
    """Set up everything but printers that the examples need; this comes before the start of the web server."""
    # The import of cameras logs that a library is missing; at the top of this file, it would come before the log.
    from tests.documents.entities import Door, Family, Shopping, add

    shopping_list = Shopping(ITEMS, entity_id="todo.shopping_list", name="Shopping list")
    await add(hass, "todo", [shopping_list])
    await add(hass, "calendar", [Family([all_day("Dentist", 0), all_day("Concert", 3)])])
    await add(hass, "camera", [Door(FRAME, entity_id="camera.front_door", name="Front door")])
    await add(hass, "image", [Map(hass)])
    # notify needs repairs, which has HTTP views that must be registered before the web server starts.
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
    shopping_list: Shopping,
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
    yield House(
        hass=hass, simulator=simulator, entry=entry, folder=tmp_path, shopping_list=shopping_list
    )
    await tear_down(hass)
