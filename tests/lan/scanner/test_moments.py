"""Scans of the home network that are cut off at each of their moments.

No page is handed out twice, none is lost by a client that is told that it had all, and one that has not had all is
told. What nobody fetches any more is canceled at the service, and nothing is left of it here.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession, TCPConnector
import pypdfium2
import pytest

from custom_components.lianke import scanner
from custom_components.lianke.documents.spool import Spool
from custom_components.lianke.jobs.files import ledger_path
from custom_components.lianke.lan.scanner import escl_endpoint, network_scanner
from custom_components.lianke.scanner import hub as hubs, scan as scanning
from tests.clock import Clock, real_time, rest, until
from tests.household import House
from tests.lan.conftest import spooled
from tests.lan.scanner.conftest import (
    FEEDER,
    PDF,
    LanScanner,
    dpi,
    picture_of,
    settings,
    wanted,
)
from tests.ledgers import ids
from tests.scanned import ALIKE, difference
from tests.scanner.moments import Driven, Moments, drive, moments_of_ledger
from tests.simulator.models import FINAL_STATES

pytestmark = pytest.mark.usefixtures("clock")

DPI = 75
# One moment of so many is tried.
FEW, MANY = 11, 5
# Seconds until what is left over is gone, and between two tries of a client that is told to come again.
SOON = 20.0
PAUSE = 0.02
WORK = frozenset(
    {
        "scan for the home network",
        "lianke: start a scan",
        "lianke: cancel a scan",
        "lianke: forget a scan",
    }
)

type Story = Callable[[Client], Coroutine[Any, Any, None]]


@dataclass(kw_only=True)
class Client:
    """A program that scans, and notes what it gets and is told."""

    lan: LanScanner
    moments: Moments
    # What lies in the scanner.
    papers: list[str]
    place: str = ""
    pages: list[str] = field(default_factory=list)
    # It was told that there are no more pages.
    had_all: bool = False
    # What it was told instead.
    errors: list[str] = field(default_factory=list)

    async def ask(self, what: Coroutine[Any, Any, tuple[int, Any]]) -> tuple[int, Any]:
        """Return an answer; 0 for a line that broke. What the power took nobody got."""
        try:
            status, content = await what
        except ClientError, TimeoutError:
            status, content = 0, None
        if self.moments.is_dead:
            await asyncio.Event().wait()
        return status, content

    async def order(self, *elements: str) -> bool:
        while True:
            status, self.place = await self.ask(self.lan.post(settings(dpi(DPI), *elements)))
            if status == 201:
                return True
            self.place = ""
            if status != 503:
                self.errors.append(f"order {status}")
                return False
            await asyncio.sleep(PAUSE)

    async def fetch(self, most: int = 10) -> None:
        """Take documents until there are no more."""
        for _ in range(most):
            while True:
                status, body = await self.ask(self.lan.next(self.place))
                if status != 503:
                    break
                await asyncio.sleep(PAUSE)
            if status == 404:
                self.had_all = True
            elif status == 200:
                self.pages += self.read(body)
                continue
            else:
                self.errors.append(f"next {status}")
            return

    def read(self, body: bytes) -> list[str]:
        if not body.startswith(b"%PDF"):
            pictures = [picture_of(body)]
        else:
            with pypdfium2.PdfDocument(body) as document:
                pictures = [page.render(scale=DPI / 72).to_pil() for page in document]
        found = []
        for picture in pictures:
            how = {text: difference(picture, wanted(text, DPI)) for text in self.papers}
            text = min(how, key=lambda one: how[one])
            assert how[text] < ALIKE
            found.append(text)
        return found


async def feeder(client: Client) -> None:
    client.lan.printer.feeder = [*client.papers]
    if await client.order(FEEDER):
        await client.fetch()


async def pdf(client: Client) -> None:
    client.lan.printer.feeder = [*client.papers]
    if await client.order(FEEDER, PDF):
        await client.fetch()


async def ended(client: Client) -> None:
    """By the client, which has seen enough."""
    client.lan.printer.feeder = [*client.papers]
    if await client.order(FEEDER):
        await client.fetch(1)
        status, _ = await client.ask(deleted(client))
        client.errors.append(f"ended {status}")


async def deleted(client: Client) -> tuple[int, None]:
    return await client.lan.delete(client.place), None


STORIES: dict[str, Story] = {story.__name__: story for story in (feeder, pdf, ended)}
WAYS = ("power", "reload", "refused", "gone", "deleted")


@dataclass(kw_only=True)
class Case:
    """A scanner with which the same is done again and again."""

    lan: LanScanner
    clock: Clock
    moments: Moments
    number: int = 0


async def once(case: Case, story: str, way: str, at: int) -> str:
    """Scan, with something that happens at one moment; return what is wrong, nothing if all is well."""
    lan, moments, hass = case.lan, case.moments, case.lan.hass
    cloud, entry_id = lan.simulator.cloud, lan.entry.entry_id
    case.number += 1
    # The limits on how often count anew.
    case.clock.tick(3700)
    await rest(hass)
    papers = [f"{case.number}: {name}" for name in ("one", "two")]
    scanned, known = len(lan.printer.scanned), {*cloud.scans}
    works: list[asyncio.Task[Any]] = []
    async with ClientSession(connector=TCPConnector(limit=0)) as session:
        client = Client(lan=replace(lan, session=session), moments=moments, papers=papers)

        async def tell() -> None:
            await Driven(STORIES[story](client), moments.pass_)

        def act() -> None:
            match way:
                case "power":
                    moments.cut()
                case "reload":
                    reload = hass.config_entries.async_reload(entry_id)
                    works.append(hass.async_create_task(reload))
                case "deleted" if client.place:
                    works.append(asyncio.create_task(lan.delete(client.place)))
                case "gone":
                    telling.cancel()

        moments.begin()
        moments.at, moments.act = (0 if way == "refused" else at), act
        moments.refused = frozenset({at} if way == "refused" else ())
        telling = asyncio.create_task(tell())
        await until(lambda: moments.is_copied or telling.done())
        moments.at, moments.refused = 0, frozenset()
        unknown: set[str] = set()
        if moments.is_dead:
            telling.cancel()
            # Of a scan that was begun just then nobody has the id.
            noted = {*ids(moments.copy / ledger_path(hass).name, hubs.TO_FORGET.name)}
            await session.close()
            await moments.async_start()
            unknown = {*cloud.scans} - known - noted
        await asyncio.gather(*works)
        works.clear()
        await until(lambda: lan.hub.is_listed)
        problems = []
        if not telling.cancelled() and telling.done() and telling.exception():
            problems.append(repr(telling.exception()))
        async with ClientSession(connector=TCPConnector(limit=0)) as later:
            if client.place and way in ("power", "reload") and not client.had_all:
                # It comes again.
                status, _ = await replace(lan, session=later).next(client.place)
                if status in (200, 404):
                    problems.append(f"told {status} after its scan was cut off")
    new = {key: one for key, one in cloud.scans.items() if key not in known}
    if client.had_all and client.pages != papers:
        problems.append("lost or doubled")
    if client.pages != papers[: len(client.pages)]:
        problems.append("a page twice, or in another order")
    if not client.had_all and not client.errors and way not in ("power", "gone"):
        problems.append("told nothing")
    if len({*lan.printer.scanned[scanned:]}) < len(lan.printer.scanned) - scanned or len(new) > 1:
        problems.append("scanned twice")

    def left() -> list[str]:
        work = [one.get_name() for one in asyncio.all_tasks() if one.get_name() in WORK]
        service = [
            f"{one.state} at the service"
            for key, one in new.items()
            if one.state not in FINAL_STATES or not (one.deleted or one.deleted_early)
            if key not in unknown
        ]
        noted = [*lan.hub.to_forget]
        used = ["in use"] if lan.hub.is_in_use(lan.scanner_id) else []
        return [*work, *service, *noted, *used, *spooled(lan.hass)]

    began = real_time()
    while left() and real_time() - began < SOON:
        await asyncio.sleep(0.01)
    problems += [f"left: {one}" for one in left()]
    if "<pwg:State>Idle</pwg:State>" not in (await lan.get("ScannerStatus"))[1]:
        problems.append("not idle")
    for one in new.values():
        # What nobody could take back comes to its end by itself.
        await until(lambda one=one: one.state in FINAL_STATES)  # type: ignore[misc]
    said = (
        f"{way} at {at}: {client.pages} of {papers}, all {client.had_all}, {client.errors}, "
        f"{[(one.state, one.deleted) for one in new.values()]}, {len(unknown)} unknown"
    )
    return f"{', '.join(problems)}: {said}" if problems else ""


async def sweep(case: Case, story: str, way: str, every: int) -> None:
    """Scan again and again, with what happens a few moments later each time, until it is over before."""
    found, at = [], 1
    case.moments.has_acted = True
    while case.moments.has_acted:
        if problem := await once(case, story, way, at):
            found.append(problem)
        at += every
    assert not found, "\n".join(found)
    assert at > every + 1, "nothing ever happened"


@pytest.fixture
async def case(
    lan: LanScanner, clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Case:
    lan.simulator.cloud.variants.update(scan_dpi=DPI)
    monkeypatch.setattr(network_scanner, "ABANDONED_SECONDS", 0.5)
    for module in (scanner, scanning, hubs):
        monkeypatch.setattr(module, "FORGET_PAUSE", 0.05)
    house = House(hass=lan.hass, simulator=lan.simulator, entry=lan.entry)
    moments = moments_of_ledger(house, monkeypatch, tmp_path)
    for name in ("_async_run", "async_begin", "async_next"):
        drive(moments, monkeypatch, network_scanner.NetworkScanner, name)
    for name in ("_async_read", "_async_send"):
        drive(moments, monkeypatch, escl_endpoint, name)
    new_path = Spool.async_new_path

    async def refused_path(self: Spool, suffix: str) -> Path:
        path = await new_path(self, suffix)
        moments.writes += 1
        if moments.writes not in moments.refused:
            return path
        moments.has_acted = True
        # Whoever writes there is refused, by the system itself.
        return path.parent / "full" / path.name

    monkeypatch.setattr(Spool, "async_new_path", refused_path)
    return Case(lan=lan, clock=clock, moments=moments)


@pytest.mark.short
@pytest.mark.parametrize("way", WAYS)
async def test_some_moments(case: Case, way: str) -> None:
    await sweep(case, "feeder", way, FEW if way != "refused" else 2)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("story", STORIES)
async def test_many_moments(case: Case, story: str, way: str) -> None:
    await sweep(case, story, way, MANY if way != "refused" else 1)
