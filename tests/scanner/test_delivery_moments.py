"""Deliveries to Paperless-ngx, cut off at each of their moments: a document is there once, and nothing is lost."""

from collections.abc import AsyncGenerator
from typing import Any

from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.lianke.scanner.scan_job import DeliveryState
from custom_components.lianke.scanner.scan_jobs import async_get_scan_jobs
from tests.clock import Clock, rest, until
from tests.household import House
from tests.paperless_server import TOKEN, Paperless
from tests.scanner.moments import Driven, Moments, moments_of_deliveries
from tests.scanner.scans import do, records
from tests.simulator.models import Printer

pytestmark = pytest.mark.usefixtures("hurried", "hub")

WAYS = ("power", "reload", "refused", "refused for long", "refused, then power")
# One moment of so many is tried; of the transactions that are refused, more.
FEW, MANY = 7, 3


@pytest.fixture
async def moments(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> AsyncGenerator[Moments]:
    async with moments_of_deliveries(house, monkeypatch, tmp_path) as moments:
        yield moments


@pytest.fixture
async def paperless(house: House, moments: Moments) -> AsyncGenerator[Paperless]:
    """Run a Paperless-ngx that takes duplicates."""
    async with Paperless(version=3, refuses_duplicates=False).running() as server:
        house.set_options({"paperless_url": server.address, "paperless_token": TOKEN})
        yield server


async def once(
    house: House, laser: Printer, paperless: Paperless, moments: Moments, way: str, at: int
) -> str:
    """Send a scan, with something that happens at one moment; return what is wrong."""
    hass = house.hass
    moments.at, moments.refused = 0, frozenset()
    scan_id = (await do(house, laser, size="A4"))["scan_id"]
    taken = len(paperless.tasks)
    moments.begin()
    reloads: list[Any] = []
    moments.at = at if way in ("power", "reload") else 0
    if way == "power":
        moments.act = moments.cut
    elif way == "reload":
        entry_id = house.entry.entry_id
        moments.act = lambda: reloads.append(
            hass.async_create_task(hass.config_entries.async_reload(entry_id))
        )
    else:
        moments.refused = frozenset(range(at, at + (4 if way == "refused for long" else 1)))
        moments.comes_true = way == "refused, then power"
    errors: list[str | None] = []

    async def send() -> None:
        try:
            data = {"scan_id": scan_id, "answer": "hand_on", "send_to": "paperless"}
            await Driven(house.ask("continue_scan", **data), moments.pass_)
        except HomeAssistantError as err:
            errors.append(err.translation_key)

    sending = hass.async_create_task(send())

    def is_over() -> bool:
        found = [one for one in records(house) if one.job_id == scan_id and one.open_deliveries]
        return sending.done() and not moments.is_dead and not found

    await until(
        lambda: moments.is_copied or (is_over() and not (moments.comes_true and moments.has_acted))
    )
    moments.at, moments.refused, moments.comes_true = 0, frozenset(), False
    if moments.is_dead:
        sending.cancel()
        await rest(hass)
        await moments.async_start()
    for reload in reloads:
        await reload
    await rest(hass)
    [job] = [one for one in records(house) if one.job_id == scan_id]
    await until(lambda: not async_get_scan_jobs(hass, house.entry).get(scan_id).open_deliveries)
    job = async_get_scan_jobs(hass, house.entry).get(scan_id)
    documents = [one for one in paperless.documents if scan_id in one.name]
    ends = [one.state for one in job.deliveries]
    said = f"{way} at {at}: {ends}, {len(documents)} documents, errors {errors}"
    if len(paperless.tasks) - taken != len(documents):
        return f"sent twice: {said}"
    if ends == [DeliveryState.DONE]:
        return "" if len(documents) == 1 else f"not once: {said}"
    if ends:
        return f"no end: {said}"
    # The power went, or the disk refused, before anybody was told that it will be sent.
    is_unheard = not documents and (way != "reload" or errors)
    return "" if is_unheard else f"lost: {said}"


async def sweep(
    house: House,
    laser: Printer,
    paperless: Paperless,
    moments: Moments,
    clock: Clock,
    way: str,
    every: int,
) -> None:
    found, at = [], 1
    moments.has_acted = True
    while moments.has_acted:
        clock.tick(3700)
        if problem := await once(house, laser, paperless, moments, way, at):
            found.append(problem)
        at += every
    assert not found, "\n".join(found)
    assert at > every + 1, "nothing ever happened"


@pytest.mark.short
@pytest.mark.parametrize("way", ["power", "refused"])
async def test_some_moments(
    house: House, laser: Printer, paperless: Paperless, moments: Moments, clock: Clock, way: str
) -> None:
    await sweep(house, laser, paperless, moments, clock, way, FEW if way == "power" else 2)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("way", WAYS)
async def test_many_moments(
    house: House, laser: Printer, paperless: Paperless, moments: Moments, clock: Clock, way: str
) -> None:
    every = MANY if way in ("power", "reload") else 1
    await sweep(house, laser, paperless, moments, clock, way, every)
