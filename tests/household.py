"""What tests that print share: files to print, devices, calls, and what came out."""

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
from tests.clock import rest, until
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
    """Make a media folder that may be read, with a PDF of three pages, and return it."""
    folder.mkdir()
    hass.config.media_dirs = {"local": str(folder)}
    hass.config.allowlist_external_dirs = {str(folder)}
    (folder / "菜单.pdf").write_bytes(make_pdf(3))
    return folder


def twin_of(simulator: Simulator) -> Box:
    """Return the other box of the office box's account."""
    box = simulator.box
    boxes = simulator.cloud.boxes.values()
    return next(one for one in boxes if one.account is box.account and one is not box)


def box_of(hass: HomeAssistant, entry: MockConfigEntry) -> dr.DeviceEntry:
    """Return a box's own device."""
    found = dr.async_get(hass).async_get_device_by_identifier(
        (DOMAIN, str(entry.unique_id)), entry.entry_id
    )
    assert found is not None
    return found


def device_of(hass: HomeAssistant, name: str = LASER) -> str:
    """Return the device of a printer by its name."""
    return next(device.id for device in dr.async_get(hass).devices if device.name == name)


def key_of(entry: MockConfigEntry, name: str) -> str:
    """Return the key of a printer by its name."""
    return next(key for key, one in data_of(entry).storage.printers.items() if one.name == name)


def follow(hass: HomeAssistant, entity_id: str) -> list[State]:
    """Return a list that has each state of an entity from now on."""
    states: list[State] = []

    @callback
    def note(event: Event[EventStateChangedData]) -> None:
        if (state := event.data["new_state"]) is not None:
            states.append(state)

    async_track_state_change_event(hass, entity_id, note)
    return states


def show_state(printer: Printer, raw_state: str) -> None:
    """Let a printer's row say something, and what it reports itself agree."""
    printer.raw_state = raw_state
    printer.paper = 0 if raw_state == "outOfPaper" else None
    printer.paper_jam = raw_state == "paperJam"


async def ask(
    hass: HomeAssistant, action: str, context: Context | None = None, **data: Any
) -> dict[str, Any]:
    """Call an action and return its response."""
    answer = await hass.services.async_call(
        DOMAIN, action, data, blocking=True, return_response=True, context=context
    )
    assert answer is not None
    return answer


async def print_one(hass: HomeAssistant, **data: Any) -> dict[str, Any]:
    """Print one document on the laser printer, wait, and return the job."""
    data.setdefault("device_id", device_of(hass))
    data.setdefault("wait", True)
    jobs = (await ask(hass, "print", **data))["jobs"]
    assert len(jobs) == 1
    return dict(jobs[0])


async def came_out(simulator: Simulator, count: int = 1) -> list[PrintedJob]:
    """Wait until so many documents have come out, and return them."""
    await until(lambda: len(simulator.printed) >= count)
    assert len(simulator.printed) == count
    return simulator.printed


def sent(simulator: Simulator) -> int:
    """Return how many jobs and previews the cloud was sent."""
    return simulator.cloud.count("POST /print/job")


def data_of(entry: MockConfigEntry) -> LiankeData:
    """Return the runtime data of an entry."""
    data = entry.runtime_data
    assert isinstance(data, LiankeData)
    return data


@dataclass(frozen=True, kw_only=True)
class House:
    """Home Assistant with the office box of the simulated cloud."""

    hass: HomeAssistant
    simulator: Simulator
    entry: MockConfigEntry

    @property
    def box(self) -> Box:
        """The office box as the cloud has it."""
        return self.simulator.box

    @property
    def cloud(self) -> Cloud:
        """The simulated cloud."""
        return self.simulator.cloud

    @property
    def printed(self) -> list[PrintedJob]:
        """What came out."""
        return self.simulator.printed

    @property
    def sent(self) -> int:
        """How many jobs and previews the cloud was sent."""
        return sent(self.simulator)

    @property
    def data(self) -> LiankeData:
        """The entry's runtime data."""
        return data_of(self.entry)

    @property
    def queue(self) -> PrintQueue:
        """The entry's jobs."""
        return self.data.queue

    @property
    def coordinator(self) -> LiankeCoordinator:
        """The entry's coordinator."""
        return self.data.coordinator

    @property
    def media(self) -> Path:
        """The folder of documents, where there is one (`make_media`)."""
        return Path(self.hass.config.media_dirs["local"])

    @property
    def menu(self) -> str:
        """The path of a PDF of three pages."""
        return self.path("菜单.pdf")

    def path(self, name: str) -> str:
        """Return the path of a document."""
        return str(self.media / name)

    def device(self, name: str = LASER) -> str:
        """Return the device of a printer by its name."""
        return device_of(self.hass, name)

    def spooled(self) -> list[Path]:
        """Return the files in the spool."""
        return [*Path(self.hass.config.cache_path(DOMAIN, "spool")).iterdir()]

    def set_options(self, options: dict[str, Any]) -> None:
        """Replace the entry's options."""
        self.hass.config_entries.async_update_entry(self.entry, options=options)

    async def poll(self) -> None:
        """Have the box polled, and let everybody hear of it."""
        await self.coordinator.async_refresh()
        await rest(self.hass)

    async def switch_off(self) -> None:
        """Switch the box off, so that jobs wait."""
        self.box.online = False
        await self.coordinator.async_refresh()

    async def ask(self, action: str, context: Context | None = None, **data: Any) -> dict[str, Any]:
        """Call an action and return its response."""
        return await ask(self.hass, action, context, **data)

    async def print_one(self, **data: Any) -> dict[str, Any]:
        """Print one document, on the laser unless told otherwise, wait, and return the job."""
        return await print_one(self.hass, **data)

    async def came_out(self, count: int = 1) -> list[PrintedJob]:
        """Wait until so many documents have come out, and return them."""
        return await came_out(self.simulator, count)


async def refusal(
    work: Awaitable[object], kind: type[HomeAssistantError] = ServiceValidationError
) -> str | None:
    """Return the key of the error that something ends with, by default one of who asked."""
    with pytest.raises(kind) as refused:
        await work
    return refused.value.translation_key


def as_read(err: HomeAssistantError, language: str) -> str:
    """Return what Home Assistant shows of an error to somebody who reads it in a language."""
    if err.translation_domain != DOMAIN or not err.translation_key:
        return str(err)
    path = Path(lianke.__file__).parent / "translations" / f"{language}.json"
    told = json.loads(path.read_text("utf-8"))["exceptions"][err.translation_key]["message"]
    return str(told.format(**(err.translation_placeholders or {})))


async def uploader(hass_client: ClientSessionGenerator) -> Upload:
    """Return a function that uploads a file the way the frontend does."""
    client = await hass_client()

    async def upload(data: bytes, name: str) -> str:
        form = FormData(quote_fields=False)
        form.add_field("file", data, filename=name)
        answer = await client.post("/api/file_upload", data=form)
        return str((await answer.json())["file_id"])

    return upload


def without_shares(entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let users look up whatever they like: a table of cases would be more than their share."""
    monkeypatch.setattr(account, "USER_BURST", 10**6)
    data_of(entry).account._all_users = account._Bucket(10**6)


@dataclass
class Site:
    """A web site on this machine that remembers what was asked of it."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
