"""What tests that print share: files, devices, calls, and the printed documents."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
import json
from pathlib import Path
from typing import Any

from aiohttp import FormData, web
from homeassistant.core import (
    Context,
    Event,
    EventStateChangedData,
    HomeAssistant,
    State,
    callback,
)
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.event import async_track_state_change_event
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components import lianke
from custom_components.lianke.account import request_limits as account
from custom_components.lianke.const import DOMAIN
from custom_components.lianke.coordinator import LiankeCoordinator
from custom_components.lianke.jobs.queue import PrintQueue
from custom_components.lianke.runtime import LiankeData
from tests.clock import pass_a_second, rest, until
from tests.simulator import Box, PrintedJob, Simulator, make_pdf
from tests.simulator.cloud import Cloud
from tests.simulator.models import Printer

LASER = "Kyocera MA2000w GX"
LABELS = "Gprinter GP-1324D"
INKJET = "EPSON L3250 Series (网络)"
AWAITING = "Unknown Printer"
OTHER_LASER = "HP LaserJet 1020"

PDF = make_pdf(2)

type Upload = Callable[[bytes, str], Awaitable[str]]


def make_media(hass: HomeAssistant, folder: Path) -> Path:
    """Make a media folder that Home Assistant may read, with a PDF of three pages."""
    folder.mkdir()
    hass.config.media_dirs = {"local": str(folder)}
    hass.config.allowlist_external_dirs = {str(folder)}
    (folder / "菜单.pdf").write_bytes(make_pdf(3))
    return folder


def twin_of(simulator: Simulator) -> Box:
    """Find the other box of the office box's account."""
    box = simulator.box
    boxes = simulator.cloud.boxes.values()
    return next(one for one in boxes if one.account is box.account and one is not box)


def box_of(hass: HomeAssistant, entry: MockConfigEntry) -> dr.DeviceEntry:
    found = dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, str(entry.unique_id)), entry.entry_id
    )
    assert found is not None
    return found


def device_of(hass: HomeAssistant, name: str = LASER) -> str:
    return next(device.id for device in dr.async_get(hass).devices if device.name == name)


def key_of(entry: MockConfigEntry, name: str) -> str:
    return next(key for key, one in data_of(entry).storage.printers.items() if one.name == name)


def follow(hass: HomeAssistant, entity_id: str) -> list[State]:
    """Return a list to which each new state of an entity is added from now on."""
    states: list[State] = []

    @callback
    def note(event: Event[EventStateChangedData]) -> None:
        if (state := event.data["new_state"]) is not None:
            states.append(state)

    async_track_state_change_event(hass, entity_id, note)
    return states


def show_state(printer: Printer, raw_state: str) -> None:
    """Set a printer's `printer_state`, and make its own condition report agree.

    A report that was read at the same moment would otherwise count as just as new as the row with the new state.
    """
    pass_a_second()
    printer.raw_state = raw_state
    printer.paper = 0 if raw_state == "outOfPaper" else None
    printer.paper_jam = raw_state == "paperJam"


async def ask(
    hass: HomeAssistant, action: str, context: Context | None = None, **data: Any
) -> dict[str, Any]:
    """Call one of our actions; returns its response."""
    answer = await hass.services.async_call(
        DOMAIN, action, data, blocking=True, return_response=True, context=context
    )
    assert answer is not None
    return answer


async def print_one(hass: HomeAssistant, **data: Any) -> dict[str, Any]:
    """Print one document, on the laser printer by default, and wait; returns the job."""
    data.setdefault("device_id", device_of(hass))
    data.setdefault("wait", True)
    jobs = (await ask(hass, "print", **data))["jobs"]
    assert len(jobs) == 1
    return dict(jobs[0])


async def came_out(simulator: Simulator, count: int = 1) -> list[PrintedJob]:
    """Wait until this many documents have come out, and return them; there must not be more."""
    await until(lambda: len(simulator.printed) >= count)
    assert len(simulator.printed) == count
    return simulator.printed


def sent(simulator: Simulator) -> int:
    """Return the number of jobs and previews that the cloud has received."""
    return simulator.cloud.count("POST /print/job")


def data_of(entry: MockConfigEntry) -> LiankeData:
    data = entry.runtime_data
    assert isinstance(data, LiankeData)
    return data


@dataclass(frozen=True, kw_only=True)
class House:
    hass: HomeAssistant
    simulator: Simulator
    entry: MockConfigEntry

    @property
    def box(self) -> Box:
        return self.simulator.box

    @property
    def cloud(self) -> Cloud:
        return self.simulator.cloud

    @property
    def printed(self) -> list[PrintedJob]:
        return self.simulator.printed

    @property
    def sent(self) -> int:
        """Number of jobs and previews that the cloud has received."""
        return sent(self.simulator)

    @property
    def data(self) -> LiankeData:
        return data_of(self.entry)

    @property
    def queue(self) -> PrintQueue:
        return self.data.queue

    @property
    def coordinator(self) -> LiankeCoordinator:
        return self.data.coordinator

    @property
    def media(self) -> Path:
        """The folder that make_media() made."""
        return Path(self.hass.config.media_dirs["local"])

    @property
    def menu(self) -> str:
        """The path of a PDF of three pages."""
        return self.path("菜单.pdf")

    def path(self, name: str) -> str:
        return str(self.media / name)

    def device(self, name: str = LASER) -> str:
        return device_of(self.hass, name)

    def spooled(self) -> list[Path]:
        return [*Path(self.hass.config.cache_path(DOMAIN, "spool")).iterdir()]

    def set_options(self, options: dict[str, Any]) -> None:
        self.hass.config_entries.async_update_entry(self.entry, options=options)

    async def poll(self) -> None:
        """Poll the box and wait until all listeners are done."""
        await self.coordinator.async_refresh()
        await rest(self.hass)

    async def switch_off(self) -> None:
        """Switch the box off, so that jobs wait."""
        self.box.online = False
        await self.coordinator.async_refresh()

    async def ask(self, action: str, context: Context | None = None, **data: Any) -> dict[str, Any]:
        return await ask(self.hass, action, context, **data)

    async def print_one(self, **data: Any) -> dict[str, Any]:
        """Print one document, on the laser printer by default, and wait; returns the job."""
        return await print_one(self.hass, **data)

    async def came_out(self, count: int = 1) -> list[PrintedJob]:
        """Wait until this many documents have come out, and return them; there must not be more."""
        return await came_out(self.simulator, count)


async def refusal(
    work: Awaitable[object], kind: type[HomeAssistantError] = ServiceValidationError
) -> str | None:
    """Catch the error that `work` must raise, by default a caller's mistake; returns its translation key."""
    with pytest.raises(kind) as refused:
        await work
    return refused.value.translation_key


def as_read(err: HomeAssistantError, language: str) -> str:
    """Format an error as Home Assistant shows it in a language."""
    if err.translation_domain != DOMAIN or not err.translation_key:
        return str(err)
    path = Path(lianke.__file__).parent / "translations" / f"{language}.json"
    told = json.loads(path.read_text("utf-8"))["exceptions"][err.translation_key]["message"]
    return str(told.format(**(err.translation_placeholders or {})))


async def uploader(hass_client: ClientSessionGenerator) -> Upload:
    """Return a function that uploads a file as the frontend does, and returns the file's id."""
    client = await hass_client()

    async def upload(data: bytes, name: str) -> str:
        form = FormData(quote_fields=False)
        form.add_field("file", data, filename=name)
        answer = await client.post("/api/file_upload", data=form)
        return str((await answer.json())["file_id"])

    return upload


def without_shares(entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lift the limits on the look-ups of users: a table of test cases would exceed them."""
    monkeypatch.setattr(account, "USER_BURST", 10**6)
    data_of(entry).account._all_users = account._TokenBucket(10**6)


@dataclass
class Site:
    """A web site on this machine that records the paths requested from it."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
