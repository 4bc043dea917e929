"""What comes of a scan for each shape of an answer: what is kept, what is deleted at the service, what is told."""

import asyncio
import base64
from collections.abc import Callable
import io
import textwrap
from typing import Any

from homeassistant.core import HomeAssistant
from PIL import Image
import pytest

from custom_components.lianke.api.scanning import Scanners, ScanTask
from custom_components.lianke.const import ScanSource
from custom_components.lianke.documents.download import async_download
from custom_components.lianke.errors import InputError
from custom_components.lianke.scanner import scan
from custom_components.lianke.scanner.scan_job import ScanRequest
from tests.household import House
from tests.simulator.endpoints import scanning as simulated
from tests.simulator.models import Printer

from .test_whole_pages import FED, GLASS, came

pytestmark = pytest.mark.usefixtures("hurried", "hub")
BOTH_SIDES = ScanRequest(source=ScanSource.FEEDER, duplex=True, size="A4")
DATA = "data:image/jpeg;base64,"
WHOLE = None
# Nothing is told, but what the answer leaves open stays at the service.
STAYS = ("", "")
SECOND = ("scan_incomplete", "2")
OTHERS = ("scan_incomplete", "2, 3")
NOTHING = ("scan_not_understood", "success")

type Build = Callable[[list[str], list[str], str], Any]
"""Makes an answer of addresses, of files in base64, and of the address of the service."""


def small(text: str) -> str:
    """Return the small picture of a page in base64."""
    picture = Image.open(io.BytesIO(base64.b64decode(text)))
    picture.thumbnail((100, 140))
    picture.save(file := io.BytesIO(), "JPEG")
    return DATA + base64.b64encode(file.getvalue()).decode()


# Request, pages in the feeder, answer; how many pages are kept, and what is told. Only what is whole is deleted.
SHAPES: dict[str, tuple[ScanRequest, int, Build, int, tuple[str, str] | None]] = {
    "lines": (FED, 3, lambda u, t, b: "\n".join(u), 3, WHOLE),
    "lines, one empty": (FED, 3, lambda u, t, b: "\n".join([u[0], "", u[2]]), 2, SECOND),
    "lines, one relative": (FED, 3, lambda u, t, b: "\n".join([u[0], "/scan/2", u[2]]), 2, SECOND),
    "lines, one too long": (
        FED,
        3,
        lambda u, t, b: "\n".join([u[0], f"{u[1]}?s={'x' * 4200}", u[2]]),
        2,
        SECOND,
    ),
    "commas, one null": (FED, 3, lambda u, t, b: ",".join([u[0], "null", u[2]]), 2, SECOND),
    "a comma at the end": (FED, 3, lambda u, t, b: ",".join(u) + ",", 3, WHOLE),
    "base64, commas": (FED, 3, lambda u, t, b: ",".join(t), 3, WHOLE),
    "base64, lines": (FED, 3, lambda u, t, b: "\n".join(t), 3, WHOLE),
    "base64, a blank": (FED, 3, lambda u, t, b: " ".join(t), 3, WHOLE),
    "base64, an empty place": (FED, 3, lambda u, t, b: ",".join([t[0], "", t[2]]), 2, SECOND),
    "base64, one without its beginning": (
        FED,
        3,
        lambda u, t, b: "\n".join([t[0], t[1][400:], t[2]]),
        2,
        SECOND,
    ),
    "base64 and a sentence": (FED, 1, lambda u, t, b: f"{t[0]}\n第2页未完成", 1, SECOND),
    "data URLs, commas": (FED, 3, lambda u, t, b: ",".join(DATA + x for x in t), 3, WHOLE),
    "data URLs, lines": (FED, 3, lambda u, t, b: "\n".join(DATA + x for x in t), 3, WHOLE),
    "false in a list": (FED, 3, lambda u, t, b: [u[0], False, u[2]], 2, SECOND),
    "null in a list": (FED, 3, lambda u, t, b: [u[0], None, u[2]], 2, SECOND),
    "a number among objects": (
        FED,
        3,
        lambda u, t, b: [{"url": u[0]}, 404, {"url": u[2]}],
        2,
        SECOND,
    ),
    "an object without a page": (
        FED,
        3,
        lambda u, t, b: [{"url": u[0]}, {"help": f"{b}/scan/help"}, {"url": u[2]}],
        2,
        SECOND,
    ),
    "a word at the end": (FED, 2, lambda u, t, b: [*u, "done"], 2, WHOLE),
    "a number beside": (FED, 2, lambda u, t, b: {"url1": u[0], "url2": u[1], "url": 2}, 2, WHOLE),
    "a page that is gone": (FED, 3, lambda u, t, b: [u[0], f"{b}/scan/none/9", u[2]], 2, SECOND),
    "a field that is gone": (
        FED,
        1,
        lambda u, t, b: {"url": u[0], "more": f"{b}/scan/none/9"},
        1,
        SECOND,
    ),
    "a thumb that is gone": (
        GLASS,
        1,
        lambda u, t, b: {"url": u[0], "thumb": f"{b}/scan/none/9"},
        1,
        STAYS,
    ),
    "a thumb of a page that is gone": (
        GLASS,
        1,
        lambda u, t, b: {"url": f"{b}/scan/none/9", "thumb": u[0]},
        1,
        ("scan_incomplete", "1"),
    ),
    "help that is gone, first": (
        GLASS,
        1,
        lambda u, t, b: {"help": f"{b}/scan/none/9", "url": u[0]},
        1,
        STAYS,
    ),
    "both sides and help": (
        BOTH_SIDES,
        1,
        lambda u, t, b: {"front": u[0], "back": u[1], "manual": f"{b}/scan/help"},
        2,
        STAYS,
    ),
    "both sides, which are alike": (
        BOTH_SIDES,
        1,
        lambda u, t, b: {"front": t[0], "back": t[0]},
        2,
        STAYS,
    ),
    "places for more pages": (FED, 1, lambda u, t, b: {"page1": u[0], "page2": ""}, 1, SECOND),
    "places for more pages, on the glass": (
        GLASS,
        1,
        lambda u, t, b: {"page1": u[0], "page2": ""},
        1,
        STAYS,
    ),
    "joined by #": (FED, 3, lambda u, t, b: "#".join(u), 1, OTHERS),
    "joined by a Chinese comma": (
        FED,
        3,
        lambda u, t, b: "，".join(f"{x}?t=1" for x in u),
        1,
        OTHERS,
    ),
    "joined by a written line break": (
        FED,
        3,
        lambda u, t, b: "\\n".join(f"{x}?t=1" for x in u),
        1,
        OTHERS,
    ),
    "joined by nothing": (FED, 3, lambda u, t, b: "".join(f"{x}?t=1" for x in u), 1, OTHERS),
    "a thumb, its page null": (
        GLASS,
        1,
        lambda u, t, b: {"thumb": small(t[0]), "url": None},
        0,
        NOTHING,
    ),
    "a thumb alone": (GLASS, 1, lambda u, t, b: {"thumb": small(t[0])}, 1, STAYS),
    "thumbs, their pages null": (
        FED,
        2,
        lambda u, t, b: [{"url": None, "thumb": small(one)} for one in t],
        0,
        NOTHING,
    ),
    "a thumb without its page among others": (
        FED,
        2,
        lambda u, t, b: [{"url": u[0], "thumb": small(t[0])}, {"thumb": small(t[1])}],
        1,
        SECOND,
    ),
    "thumbs beside their pages": (
        FED,
        2,
        lambda u, t, b: [{"url": u[n], "thumb": small(t[n])} for n in (0, 1)],
        2,
        STAYS,
    ),
    "two sheets without backs": (
        BOTH_SIDES,
        2,
        lambda u, t, b: [{"front": u[n], "back": None} for n in (0, 2)],
        2,
        ("scan_incomplete", "3"),
    ),
    "sides in objects, one empty": (
        BOTH_SIDES,
        1,
        lambda u, t, b: {"front": {"url": u[0]}, "back": {"url": ""}},
        1,
        SECOND,
    ),
    "sides in lists, one empty": (
        BOTH_SIDES,
        1,
        lambda u, t, b: {"front": [u[0]], "back": [None]},
        1,
        SECOND,
    ),
    "each page by two addresses": (
        FED,
        2,
        lambda u, t, b: [{"url": one, "download_url": f"{one}?download=1"} for one in u],
        2,
        STAYS,
    ),
    "a count as text": (
        FED,
        3,
        lambda u, t, b: {"page": "3", **{f"page{n + 1}": one for n, one in enumerate(u)}},
        3,
        WHOLE,
    ),
    "an empty address beside numbered ones": (
        FED,
        2,
        lambda u, t, b: {"url": "", "url1": u[0], "url2": u[1]},
        2,
        STAYS,
    ),
    "sheets by letters, one null": (
        FED,
        3,
        lambda u, t, b: {"sheet_a": u[0], "sheet_b": None, "sheet_c": u[2]},
        2,
        STAYS,
    ),
    "a total that is not there": (FED, 2, lambda u, t, b: {"total": 3, "list": u}, 2, STAYS),
    "a message that is empty": (
        FED,
        2,
        lambda u, t, b: {"msg": "", "error": None, "list": u},
        2,
        WHOLE,
    ),
    "a mirror of the address": (
        GLASS,
        1,
        lambda u, t, b: {"url": u[0], "backup_url": u[0]},
        1,
        WHOLE,
    ),
    "an address within another": (FED, 1, lambda u, t, b: f"{u[0]}?src=https://h/1.jpg", 1, WHOLE),
    "something about the sides": (
        BOTH_SIDES,
        1,
        lambda u, t, b: {"front": u[0], "back": u[1], "front_size": 1, "sides": "long edge"},
        2,
        STAYS,
    ),
    "backs left out": (
        BOTH_SIDES,
        2,
        lambda u, t, b: [{"front": u[0]}, {"front": u[2]}],
        2,
        ("scan_incomplete", "3"),
    ),
    "an odd number of sides": (BOTH_SIDES, 2, lambda u, t, b: u[:3], 3, STAYS),
    "a gap in the numbers": (FED, 3, lambda u, t, b: {"page1": u[0], "page3": u[2]}, 2, STAYS),
    "an error beside the pages": (
        FED,
        2,
        lambda u, t, b: {"list": u, "errors": [{"page": 3, "msg": "timeout"}]},
        2,
        STAYS,
    ),
    "more than there is": (FED, 2, lambda u, t, b: {"num_pages": 3, "list": u}, 2, STAYS),
    "a first page beside the list": (
        FED,
        2,
        lambda u, t, b: {"url": f"{u[0]}?s=1", "list": [f"{one}?s=2" for one in u]},
        2,
        STAYS,
    ),
    "booleans": (FED, 2, lambda u, t, b: {"duplex": False, "more": False, "list": u}, 2, WHOLE),
    "a data URL whose text begins on a line of its own": (
        FED,
        2,
        lambda u, t, b: f"{DATA}\n{t[0]}\n{DATA}{t[1]}",
        2,
        ("scan_incomplete", "1"),
    ),
    "data URLs of lines": (
        FED,
        2,
        lambda u, t, b: [DATA + textwrap.fill(x, 76) for x in t],
        2,
        WHOLE,
    ),
    "names of files beside the sides": (
        BOTH_SIDES,
        1,
        lambda u, t, b: {
            "front_url": u[0],
            "front_file": "1.jpg",
            "back_url": u[1],
            "back_file": "2.jpg",
        },
        2,
        STAYS,
    ),
    "counts of the sides": (
        BOTH_SIDES,
        1,
        lambda u, t, b: {"front": [u[0]], "back": [u[1]], "front_pages": 1, "back_pages": 1},
        2,
        STAYS,
    ),
    "backs left out of paths": (
        BOTH_SIDES,
        2,
        lambda u, t, b: [{"front_path": u[0]}, {"front_path": u[2]}],
        2,
        ("scan_incomplete", "3"),
    ),
    "a blank in a data URL": (
        FED,
        1,
        lambda u, t, b: f"data:image/jpeg;name=a%201.jpg;base64, {t[0]}",
        1,
        WHOLE,
    ),
}


@pytest.mark.parametrize("how", SHAPES)
async def test_shapes(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    request, sheets, build, kept, told = SHAPES[how]

    def shown(call: Any, scan_: simulated.Scan, count: int) -> Any:
        task_id = next(key for key, one in call.cloud.scans.items() if one is scan_)
        base = call.cloud.base_url.removesuffix("/api")
        urls = [f"{base}/scan/{task_id}/{number + 1}" for number in range(count)]
        texts = [base64.b64encode(file).decode() for file in scan_.files[:count]]
        return {"data": build(urls, texts, base)}

    monkeypatch.setattr(simulated, "_shown", shown)
    house.cloud.variants.update(scan_dpi=50)
    if request is not GLASS:
        laser.feeder = ["one", "two", "three"][:sheets]
    pages, failure, at_service = await came(house, request, laser)
    assert (failure and (failure.reason, failure.detail)) == (None if told == STAYS else told)
    assert (len(pages), at_service.deleted) == (kept, told is WHOLE)


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
    pages, failure, at_service = await came(house, FED, laser)
    assert failure is not None
    assert (len(pages), failure.reason, failure.detail) == (1, "scan_incomplete", "2, 3")
    assert len(asked) == 4
    assert not at_service.deleted


async def test_answers_that_take_longer_than_a_scan_may(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with pages in them over a slow line: the time that they take is none of the scan's."""
    ask = Scanners.task

    async def slow(scanners: Scanners, task_id: str) -> ScanTask:
        await asyncio.sleep(1000)
        return await ask(scanners, task_id)

    monkeypatch.setattr(Scanners, "task", slow)
    house.cloud.variants.update(scan_result="base64", scan_dpi=50)
    laser.feeder = ["one", "two"]
    pages, failure, at_service = await came(house, FED, laser)
    assert (len(pages), failure, at_service.deleted) == (2, None, True)


@pytest.mark.parametrize("nothing", ["", None, False, {}, "null"])
async def test_the_other_side_of_a_sheet_that_is_not_there(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch, nothing: Any
) -> None:
    """Is missing, though nothing else in the answer has its name."""
    show = simulated._shown

    def shown(*args: Any) -> Any:
        return show(*args) | {"back": nothing, "msg": ""}

    monkeypatch.setattr(simulated, "_shown", shown)
    house.cloud.variants.update(scan_result="sides", scan_dpi=50)
    laser.feeder = ["one"]
    pages, failure, at_service = await came(house, BOTH_SIDES, laser)
    assert (len(pages), at_service.deleted) == (1, False)
    assert failure is not None
    assert (failure.reason, failure.detail) == SECOND


async def test_a_page_that_is_gone_for_a_while_is_fetched_again(
    house: House, laser: Printer
) -> None:
    """Though others are there."""
    house.cloud.variants.update(
        scan_result="addresses", scan_spoiled="missing", scan_cut_page=2, scan_cut_times=4
    )
    laser.feeder = ["one", "two", "three"]
    pages, failure, at_service = await came(house, FED, laser)
    assert (len(pages), failure, at_service.deleted) == (3, None, True)


async def test_an_order_that_changes_while_a_page_is_fetched_again(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first page was kept twice, and the last one deleted at the service."""
    asked: list[int] = []

    def shown(call: Any, scan_: simulated.Scan, count: int) -> Any:
        asked.append(count)
        task_id = next(key for key, one in call.cloud.scans.items() if one is scan_)
        base = call.cloud.base_url.removesuffix("/api")
        urls = [f"{base}/scan/{task_id}/{number + 1}" for number in range(count)]
        return {"data": [*urls[1:], urls[0]] if len(asked) >= 3 else urls}

    monkeypatch.setattr(simulated, "_shown", shown)
    house.cloud.variants.update(
        scan_dpi=50, scan_spoiled="missing", scan_cut_page=1, scan_cut_times=1
    )
    laser.feeder = ["one", "two", "three"]
    pages, failure, _ = await came(house, FED, laser)
    assert failure is None
    assert len({page.tobytes() for page in pages}) == len(pages) == 3


async def test_pages_that_are_said_to_come_are_waited_for(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They came every twenty seconds after the end, and all but the first were deleted."""
    began: list[float] = []

    def shown(call: Any, scan_: simulated.Scan, count: int) -> Any:
        now = house.hass.loop.time()
        began[:] = began or [now]
        task_id = next(key for key, one in call.cloud.scans.items() if one is scan_)
        base = call.cloud.base_url.removesuffix("/api")
        there = min(count, 1 + int((now - began[0]) // 20))
        urls = [f"{base}/scan/{task_id}/{number + 1}" for number in range(there)]
        return {"data": {"total": count, "list": urls}}

    monkeypatch.setattr(simulated, "_shown", shown)
    house.cloud.variants.update(scan_dpi=50)
    laser.feeder = ["one", "two", "three"]
    pages, failure, at_service = await came(house, FED, laser)
    assert (len(pages), failure, at_service.deleted) == (3, None, True)
