"""Whoever asks for paper comes in by one way: what must hold for a print holds for each of them."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession
from homeassistant.components import labs
from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockUser

from custom_components.lianke.const import (
    CONF_APPROVAL_PRINTERS,
    CONF_DEFAULT_OPTIONS,
    CONF_LAN_PRINTERS,
    CONF_PRINTER_OPTIONS,
    DOMAIN,
    MAX_JOBS_PER_HOUR,
    MAX_PAGES,
)
from custom_components.lianke.ipp import model as values
from custom_components.lianke.ipp.model import Operation
from custom_components.lianke.jobs.job import Job, JobState, PersonReason
from custom_components.lianke.printing import builder
from custom_components.lianke.printing.builtin_pages import async_print_test_page
from custom_components.lianke.scanner.hub import FEATURE, async_get_hub, scanner_device
from tests.clock import until
from tests.household import INKJET, LASER, House, key_of, show_state
from tests.lan.conftest import PDF, LanPrinter
from tests.simulator import Outcome

# What makes a document anew, and so what takes a share of those that are made at once.
MAKING = ("action", "phone", "page", "copy")
WAYS = (*MAKING, "again", "move")


@dataclass
class Ways:
    """The laser printer of a house, and each way to have something printed on it."""

    house: House
    lan: LanPrinter
    scanner: str
    context: Context
    # A job of the laser that has failed, and one that waits at the ink-jet.
    failed: str = ""
    held: str = ""
    # What whoever went last was refused for; a phone is told in other ways.
    told: str | None = None

    @property
    def key(self) -> str:
        return self.lan.key

    def set(self, **options: Any) -> None:
        self.house.set_options({**self.house.entry.options, **options})

    def jobs(self) -> list[Job]:
        return self.house.queue.jobs(self.key)

    async def action(self) -> None:
        await self.house.ask("print", self.context, device_id=self.house.device(), text="x")

    async def phone(self) -> None:
        await self.lan.ask(Operation.PRINT_JOB, document=PDF, job_name=values.name("x"))

    async def page(self) -> None:
        await async_print_test_page(self.house.hass, self.house.entry, self.key, self.context)

    async def copy(self) -> None:
        asked = {"device_id": self.scanner, "printer": self.house.device()}
        await self.house.ask("copy", self.context, **asked)

    async def again(self) -> None:
        await self.house.ask("retry_job", self.context, job_id=self.failed, copies=5)

    async def move(self) -> None:
        asked = {"job_id": self.held, "to_device_id": self.house.device()}
        await self.house.ask("move_job", self.context, **asked)

    async def go(self, way: str) -> list[Job]:
        """Go a way as far as it leads; return the new jobs of the laser printer."""
        before = {job.job_id for job in self.jobs()}
        ask: Callable[[], Awaitable[None]] = getattr(self, way)
        self.told = None
        try:
            await ask()
        except HomeAssistantError as err:
            self.told = err.translation_key
        return [job for job in self.jobs() if job.job_id not in before]


@pytest.fixture
async def ways(reachable: str, house: House) -> AsyncGenerator[Ways]:
    hass, key = house.hass, key_of(house.entry, LASER)
    assert await async_setup_component(hass, "labs", {})
    await labs.async_update_preview_feature(hass, DOMAIN, FEATURE, True)
    hub = async_get_hub(hass, house.entry)
    await hub.async_refresh()
    house.set_options({CONF_LAN_PRINTERS: {key: "token-0123456789abcdef"}})
    await house.coordinator.capabilities.get(key)
    scanner = next(iter(hub.scanners))
    await until(lambda: scanner_device(hass, house.entry, scanner) is not None)
    device = scanner_device(hass, house.entry, scanner)
    assert device is not None
    async with ClientSession() as session:
        lan = LanPrinter(
            hass=hass,
            simulator=house.simulator,
            entry=house.entry,
            key=key,
            token="token-0123456789abcdef",
            base=reachable,
            session=session,
        )
        found = Ways(house, lan, device.id, Context())
        house.cloud.plan(house.box.printer(1), Outcome(code=502, msg="x"))
        found.failed = (await house.print_one(file=house.menu))["job_id"]
        inkjet = next(one for one in house.box.printers if one.name == INKJET)
        show_state(inkjet, "outOfPaper")
        await house.poll()
        (job,) = (await house.ask("print", device_id=house.device(INKJET), file=house.menu))["jobs"]
        assert job["state"] == "held"
        found.held = job["job_id"]
        yield found


async def no_right(ways: Ways, user: MockUser) -> None:
    user.mock_policy({"entities": {"all": {"read": True}}})
    ways.context = Context(user_id=user.id)


async def switched_off(ways: Ways) -> None:
    registry = dr.async_get(ways.house.hass)
    user = dr.DeviceEntryDisabler.USER
    registry.async_update_device(ways.house.device(), disabled_by=user)


async def unknown_tray(ways: Ways) -> None:
    ways.set(**{CONF_PRINTER_OPTIONS: {ways.key: {"tray": "Moon"}}})


async def too_many_pages(ways: Ways) -> None:
    ways.set(**{CONF_DEFAULT_OPTIONS: {"copies": 20}, MAX_PAGES.key: 10})


async def completed(ways: Ways, job: Job) -> None:
    await until(lambda: ways.house.queue.get(job.job_id).state is JobState.COMPLETED)


async def printed(ways: Ways, job: Job) -> None:
    ended = (JobState.COMPLETED, JobState.HELD)
    await until(lambda: ways.house.queue.get(job.job_id).state in ended)


async def test_each_way_prints_once(ways: Ways) -> None:
    for number, way in enumerate(WAYS, start=1):
        (job,) = await ways.go(way)
        await completed(ways, job)
        assert len(ways.house.printed) == number, way


async def test_no_way_prints_for_whoever_may_not(ways: Ways, hass_read_only_user: MockUser) -> None:
    """A phone's user is nobody that Home Assistant knows."""
    await no_right(ways, hass_read_only_user)
    for way in WAYS:
        if way != "phone":
            assert await ways.go(way) == [], way
    assert ways.house.sent == 1


@pytest.mark.parametrize(
    ("forbid", "reasons"),
    [
        (switched_off, {"printer_disabled"}),
        (unknown_tray, {"tray_not_available", "option_missing_there"}),
        (too_many_pages, {"too_many_pages", "maybe_too_many_pages"}),
    ],
)
async def test_no_way_prints_what_is_refused(
    forbid: Callable[[Ways], Awaitable[None]], reasons: set[str], ways: Ways
) -> None:
    await forbid(ways)
    for way in WAYS:
        assert await ways.go(way) == [], way
        assert ways.told in (reasons if way != "phone" else {None}), way
    assert ways.house.sent == 1
    assert ways.house.printed == []


async def test_the_limit_of_an_hour_holds_for_each_way(ways: Ways) -> None:
    """Nobody's one job lies behind it; a phone has a limit of its own."""
    ways.set(**{MAX_JOBS_PER_HOUR.key: 1})
    for way in WAYS:
        assert len(await ways.go(way)) == (1 if way == "phone" else 0), way
        assert await ways.go(way) == [], way


async def test_somebody_is_asked_about_each_way(ways: Ways) -> None:
    ways.set(**{CONF_APPROVAL_PRINTERS: [ways.key]})
    for way in WAYS:
        (job,) = await ways.go(way)
        assert job.asks_for == PersonReason.APPROVAL, way
    assert ways.house.sent == 1


async def test_so_many_are_made_at_once(ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "MAX_REQUESTS_AT_ONCE", 0)
    ways.house.hass.data.pop(builder.DATA_PREPARING, None)
    for way in MAKING:
        assert await ways.go(way) == [], way
    assert ways.house.sent == 1


async def test_what_cannot_be_turned_is_not_printed_as_if_it_were(ways: Ways) -> None:
    """Both sides by hand by default: a document for each side, or one for one side alone."""
    ways.set(**{CONF_DEFAULT_OPTIONS: {"duplex": "manual_long_edge"}})
    for way in WAYS:
        (job,) = await ways.go(way)
        assert len(job.deliveries) == (2 if way == "phone" else 1), way
        if way != "phone":
            assert job.deliveries[0].options.by_hand is None, way
        # A copy is refused while the device prints. The phone's paper waits to be turned over.
        await printed(ways, job)
