"""What comes of a scan for each shape of an answer: what is kept, what is deleted at the service, what is told."""

import asyncio
import base64
from collections.abc import Callable
from typing import Any

from homeassistant.core import HomeAssistant
import pytest

from custom_components.lianke.api.scanning import Scanners, ScanTask
from custom_components.lianke.documents.download import async_download
from custom_components.lianke.input_error import InputError
from custom_components.lianke.scanner import scan
from tests.clock import Clock
from tests.household import House
from tests.scanner.answers import BOTH_SIDES
from tests.scanner.scans import FED, came
from tests.simulator.endpoints import scanning as simulated
from tests.simulator.models import Printer

pytestmark = pytest.mark.usefixtures("hurried", "hub")
LAST, OTHERS = ("scan_incomplete", "2/2"), ("scan_incomplete", "2/3, 3/3")

type Build = Callable[[list[str], list[str], str], Any]
"""Makes an answer of addresses, of files in base64, and of the address of the service."""


def answer_with(monkeypatch: pytest.MonkeyPatch, build: Build) -> None:
    """Let the service answer in another form."""

    def shown(call: Any, scan_: simulated.Scan, count: int) -> Any:
        task_id = next(key for key, one in call.cloud.scans.items() if one is scan_)
        base = call.cloud.base_url.removesuffix("/api")
        urls = [f"{base}/scan/{task_id}/{number + 1}" for number in range(count)]
        texts = [base64.b64encode(file).decode() for file in scan_.files[:count]]
        return {"data": build(urls, texts, base)}

    monkeypatch.setattr(simulated, "_shown", shown)


JOINED: dict[str, Build] = {
    "joined by #": lambda u, t, b: "#".join(u),
    "joined by a Chinese comma": lambda u, t, b: "，".join(f"{x}?t=1" for x in u),
    "joined by a written line break": lambda u, t, b: "\\n".join(f"{x}?t=1" for x in u),
    "joined by nothing": lambda u, t, b: "".join(f"{x}?t=1" for x in u),
}


@pytest.mark.parametrize("build", JOINED.values(), ids=JOINED)
async def test_addresses_that_are_joined_in_an_unknown_way(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch, build: Build
) -> None:
    """The service finds the first page behind them all."""
    answer_with(monkeypatch, build)
    house.cloud.variants.update(scan_dpi=50)
    laser.feeder = ["one", "two", "three"]
    scan_ = await came(house, laser, FED)
    assert (len(scan_.pages), scan_.told, scan_.left[0]) == (1, OTHERS, False)


async def test_pages_that_come_too_slowly(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Are missing in the end, however many there are; those that came are kept."""
    asked: list[str] = []

    async def slow(hass: HomeAssistant, address: str, *args: Any, **more: Any) -> str:
        asked.append(address)
        if address.endswith("/1"):
            return await async_download(hass, address, *args, **more)
        await asyncio.sleep(120)
        raise InputError("url_unreachable", host="")

    monkeypatch.setattr(scan, "async_download", slow)
    monkeypatch.setattr(scan, "FETCH_SECONDS", 300)
    house.cloud.variants.update(scan_result="addresses", scan_dpi=50)
    laser.feeder = ["one", "two", "three"]
    scan_ = await came(house, laser, FED)
    assert (len(scan_.pages), scan_.told, scan_.left) == (1, OTHERS, (False, 3))
    assert len(asked) == 4


async def test_answers_that_take_longer_than_a_scan_may(
    clock: Clock, house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with pages in them over a slow line: the time that they take is none of the scan's."""
    ask = Scanners.task

    async def slow(scanners: Scanners, *asked: Any) -> ScanTask:
        clock.tick(1000)
        return await ask(scanners, *asked)

    monkeypatch.setattr(Scanners, "task", slow)
    house.cloud.variants.update(scan_result="base64", scan_dpi=50)
    laser.feeder = ["one", "two"]
    scan_ = await came(house, laser, FED)
    assert (len(scan_.pages), scan_.is_whole) == (2, True)


@pytest.mark.parametrize("nothing", ["", None, False, {}, "null"])
async def test_the_other_side_of_a_sheet_that_is_not_there(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch, nothing: Any
) -> None:
    """Is missing, though nothing else in the answer has its name."""
    answer_with(monkeypatch, lambda urls, *_: {"front": urls[0], "back": nothing, "msg": ""})
    house.cloud.variants.update(scan_dpi=50)
    laser.feeder = ["one"]
    scan_ = await came(house, laser, BOTH_SIDES)
    assert (len(scan_.pages), scan_.told, scan_.left[0]) == (1, LAST, False)


async def test_an_order_that_changes_while_a_page_is_fetched_again(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first page was kept twice, and the last one deleted at the service."""
    asked: list[int] = []

    def build(urls: list[str], _texts: list[str], _base: str) -> list[str]:
        asked.append(len(urls))
        return [*urls[1:], urls[0]] if len(asked) >= 3 else urls

    answer_with(monkeypatch, build)
    house.cloud.variants.update(
        scan_dpi=50, scan_spoiled="missing", scan_cut_page=1, scan_cut_times=1
    )
    laser.feeder = ["one", "two", "three"]
    scan_ = await came(house, laser, FED)
    assert scan_.told is None
    assert len({page.tobytes() for page in scan_.pages}) == len(scan_.pages) == 3


async def test_pages_that_are_said_to_come_are_waited_for(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They came every twenty seconds after the end, and all but the first were deleted."""
    began: list[float] = []

    def build(urls: list[str], _texts: list[str], _base: str) -> dict[str, Any]:
        now = house.hass.loop.time()
        began[:] = began or [now]
        return {"total": len(urls), "list": urls[: 1 + int((now - began[0]) // 20)]}

    answer_with(monkeypatch, build)
    house.cloud.variants.update(scan_dpi=50)
    laser.feeder = ["one", "two", "three"]
    scan_ = await came(house, laser, FED)
    assert (len(scan_.pages), scan_.is_whole) == (3, True)


async def test_a_pdf_with_all_pages_that_the_answer_counts_ends_the_scan(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once: that no more pages come is not waited for, here until the time for a whole scan is up."""
    monkeypatch.setattr(scan, "RESULT_SECONDS", scan.SCAN_SECONDS)
    answer_with(monkeypatch, lambda urls, *_: {"pages": 3, "file": urls[0]} if urls else {})
    house.cloud.variants.update(scan_dpi=50, scan_type="pdf")
    laser.feeder = ["one", "two", "three"]
    scan_ = await came(house, laser, FED)
    assert (len(scan_.pages), scan_.told, scan_.is_whole) == (3, None, True)
