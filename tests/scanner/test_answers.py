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
from custom_components.lianke.input_error import InputError
from custom_components.lianke.scanner import scan
from custom_components.lianke.scanner.scan_job import ScanRequest
from tests.clock import Clock
from tests.household import House
from tests.scanner.scans import FED, GLASS, came
from tests.simulator.endpoints import scanning as simulated
from tests.simulator.models import Printer

pytestmark = pytest.mark.usefixtures("hurried", "hub")
BOTH_SIDES = ScanRequest(source=ScanSource.FEEDER, duplex=True, size="A4")
DATA = "data:image/jpeg;base64,"
WHOLE = None
# Nothing is told, but what the answer leaves open stays at the service.
STAYS = ("", "")
FIRST, SECOND, THIRD, LAST, OTHERS = (
    ("scan_incomplete", which) for which in ("1/2", "2/3", "3/3", "2/2", "2/3, 3/3")
)
# Without the service's "success".
NOTHING = ("scan_not_understood", "")

type Build = Callable[[list[str], list[str], str], Any]
"""Makes an answer of addresses, of files in base64, and of the address of the service."""


def small(text: str) -> str:
    """Return the small picture of a page in base64."""
    picture = Image.open(io.BytesIO(base64.b64decode(text)))
    picture.thumbnail((100, 140))
    picture.save(file := io.BytesIO(), "JPEG")
    return DATA + base64.b64encode(file.getvalue()).decode()


def answer_with(monkeypatch: pytest.MonkeyPatch, build: Build) -> None:
    """Let the service answer in another form."""

    def shown(call: Any, scan_: simulated.Scan, count: int) -> Any:
        task_id = next(key for key, one in call.cloud.scans.items() if one is scan_)
        base = call.cloud.base_url.removesuffix("/api")
        urls = [f"{base}/scan/{task_id}/{number + 1}" for number in range(count)]
        texts = [base64.b64encode(file).decode() for file in scan_.files[:count]]
        return {"data": build(urls, texts, base)}

    monkeypatch.setattr(simulated, "_shown", shown)


# By request, pages in the feeder, how many are kept, and what is told: answers. Only what is whole is deleted.
SHAPES: dict[tuple[ScanRequest, int, int, tuple[str, str] | None], dict[str, Build]] = {
    (FED, 3, 3, WHOLE): {
        "lines": lambda u, t, b: "\n".join(u),
        "a comma at the end": lambda u, t, b: ",".join(u) + ",",
        "base64, commas": lambda u, t, b: ",".join(t),
        "base64, lines": lambda u, t, b: "\n".join(t),
        "base64, a blank": lambda u, t, b: " ".join(t),
        "data URLs, commas": lambda u, t, b: ",".join(DATA + x for x in t),
        "data URLs, lines": lambda u, t, b: "\n".join(DATA + x for x in t),
        "relative addresses": lambda u, t, b: [one.removeprefix(b) for one in u],
        "relative addresses, commas": lambda u, t, b: ",".join(one.removeprefix(b) for one in u),
        "a count as text": lambda u, t, b: {
            "page": "3",
            **{f"page{n + 1}": one for n, one in enumerate(u)},
        },
    },
    (FED, 3, 2, SECOND): {
        "lines, one empty": lambda u, t, b: "\n".join([u[0], "", u[2]]),
        "lines, one that is no address": lambda u, t, b: "\n".join([u[0], "2.jpg", u[2]]),
        "lines, one too long": lambda u, t, b: "\n".join([u[0], f"{u[1]}?s={'x' * 4200}", u[2]]),
        "commas, one null": lambda u, t, b: ",".join([u[0], "null", u[2]]),
        "base64, an empty place": lambda u, t, b: ",".join([t[0], "", t[2]]),
        "base64, one without its beginning": lambda u, t, b: "\n".join([t[0], t[1][400:], t[2]]),
        "false in a list": lambda u, t, b: [u[0], False, u[2]],
        "null in a list": lambda u, t, b: [u[0], None, u[2]],
        "a number among objects": lambda u, t, b: [{"url": u[0]}, 404, {"url": u[2]}],
        "an object without a page": lambda u, t, b: [
            {"url": u[0]},
            {"help": f"{b}/scan/help"},
            {"url": u[2]},
        ],
        "a page that is gone": lambda u, t, b: [u[0], f"{b}/scan/none/9", u[2]],
    },
    (FED, 1, 1, LAST): {
        "base64 and a sentence": lambda u, t, b: f"{t[0]}\n第2页未完成",
        "a field that is gone": lambda u, t, b: {"url": u[0], "more": f"{b}/scan/none/9"},
        "places for more pages": lambda u, t, b: {"page1": u[0], "page2": ""},
    },
    (FED, 2, 2, WHOLE): {
        "a word at the end": lambda u, t, b: [*u, "done"],
        "a number beside": lambda u, t, b: {"url1": u[0], "url2": u[1], "url": 2},
        "a message that is empty": lambda u, t, b: {"msg": "", "error": None, "list": u},
        "booleans": lambda u, t, b: {"duplex": False, "more": False, "list": u},
        "data URLs of lines": lambda u, t, b: [DATA + textwrap.fill(x, 76) for x in t],
    },
    (GLASS, 1, 1, STAYS): {
        "a thumb that is gone": lambda u, t, b: {"url": u[0], "thumb": f"{b}/scan/none/9"},
        "help that is gone, first": lambda u, t, b: {"help": f"{b}/scan/none/9", "url": u[0]},
        "places for more pages, on the glass": lambda u, t, b: {"page1": u[0], "page2": ""},
        "a small twin by an unknown name": lambda u, t, b: {"cover": small(t[0]), "url": u[0]},
        "a path on the box": lambda u, t, b: {"url": u[0], "path": "/data/scan/1.jpg"},
        "a thumb alone": lambda u, t, b: {"thumb": small(t[0])},
    },
    (GLASS, 1, 1, FIRST): {
        "a thumb of a page that is gone": lambda u, t, b: {"url": f"{b}/scan/none/9", "thumb": u[0]}
    },
    (BOTH_SIDES, 1, 2, STAYS): {
        "both sides and help": lambda u, t, b: {
            "front": u[0],
            "back": u[1],
            "manual": f"{b}/scan/help",
        },
        "both sides, which are alike": lambda u, t, b: {"front": t[0], "back": t[0]},
        "something about the sides": lambda u, t, b: {
            "front": u[0],
            "back": u[1],
            "front_size": 1,
            "sides": "long edge",
        },
        "names of files beside the sides": lambda u, t, b: {
            "front_url": u[0],
            "front_file": "1.jpg",
            "back_url": u[1],
            "back_file": "2.jpg",
        },
        "counts of the sides": lambda u, t, b: {
            "front": [u[0]],
            "back": [u[1]],
            "front_pages": 1,
            "back_pages": 1,
        },
    },
    (FED, 3, 1, OTHERS): {
        "joined by #": lambda u, t, b: "#".join(u),
        "joined by a Chinese comma": lambda u, t, b: "，".join(f"{x}?t=1" for x in u),
        "joined by a written line break": lambda u, t, b: "\\n".join(f"{x}?t=1" for x in u),
        "joined by nothing": lambda u, t, b: "".join(f"{x}?t=1" for x in u),
    },
    (GLASS, 1, 0, NOTHING): {
        "a thumb, its page null": lambda u, t, b: {"thumb": small(t[0]), "url": None}
    },
    (FED, 2, 0, NOTHING): {
        "thumbs, their pages null": lambda u, t, b: [
            {"url": None, "thumb": small(one)} for one in t
        ]
    },
    (FED, 2, 1, LAST): {
        "a thumb without its page among others": lambda u, t, b: [
            {"url": u[0], "thumb": small(t[0])},
            {"thumb": small(t[1])},
        ]
    },
    (FED, 2, 2, STAYS): {
        "thumbs beside their pages": lambda u, t, b: [
            {"url": u[n], "thumb": small(t[n])} for n in (0, 1)
        ],
        "each page by two addresses": lambda u, t, b: [
            {"url": one, "download_url": f"{one}?download=1"} for one in u
        ],
        "an empty address beside numbered ones": lambda u, t, b: {
            "url": "",
            "url1": u[0],
            "url2": u[1],
        },
        "a total that is not there": lambda u, t, b: {"total": 3, "list": u},
        "an error beside the pages": lambda u, t, b: {
            "list": u,
            "errors": [{"page": 3, "msg": "timeout"}],
        },
        "more than there is": lambda u, t, b: {"num_pages": 3, "list": u},
        "a first page beside the list": lambda u, t, b: {
            "url": f"{u[0]}?s=1",
            "list": [f"{one}?s=2" for one in u],
        },
    },
    (BOTH_SIDES, 2, 2, THIRD): {
        "two sheets without backs": lambda u, t, b: [{"front": u[n], "back": None} for n in (0, 2)],
        "backs left out": lambda u, t, b: [{"front": u[0]}, {"front": u[2]}],
        "backs left out of paths": lambda u, t, b: [{"front_path": u[0]}, {"front_path": u[2]}],
    },
    (BOTH_SIDES, 1, 1, LAST): {
        "sides in objects, one empty": lambda u, t, b: {
            "front": {"url": u[0]},
            "back": {"url": ""},
        },
        "sides in lists, one empty": lambda u, t, b: {"front": [u[0]], "back": [None]},
    },
    (FED, 3, 2, STAYS): {
        "sheets by letters, one null": lambda u, t, b: {
            "sheet_a": u[0],
            "sheet_b": None,
            "sheet_c": u[2],
        },
        "a gap in the numbers": lambda u, t, b: {"page1": u[0], "page3": u[2]},
    },
    (FED, 1, 2, WHOLE): {
        "the same address for two pages that are alike": lambda u, t, b: [u[0]] * 2
    },
    (GLASS, 1, 1, WHOLE): {
        "a mirror of the address": lambda u, t, b: {"url": u[0], "backup_url": u[0]}
    },
    (FED, 1, 1, WHOLE): {
        "an address within another": lambda u, t, b: f"{u[0]}?src=https://h/1.jpg",
        "a blank in a data URL": lambda u, t, b: f"data:image/jpeg;name=a%201.jpg;base64, {t[0]}",
    },
    (BOTH_SIDES, 2, 3, STAYS): {"an odd number of sides": lambda u, t, b: u[:3]},
    (FED, 2, 2, ("scan_incomplete", "1/3")): {
        "a data URL whose text begins on a line of its own": lambda u, t, b: (
            f"{DATA}\n{t[0]}\n{DATA}{t[1]}"
        )
    },
}
CASES = [
    pytest.param(*case, build, id=name)
    for case, builds in SHAPES.items()
    for name, build in builds.items()
]


@pytest.mark.parametrize(("request_", "sheets", "kept", "told", "build"), CASES)
async def test_shapes(
    house: House,
    laser: Printer,
    monkeypatch: pytest.MonkeyPatch,
    request_: ScanRequest,
    sheets: int,
    kept: int,
    told: tuple[str, str] | None,
    build: Build,
) -> None:
    answer_with(monkeypatch, build)
    house.cloud.variants.update(scan_dpi=50)
    laser.feeder = [] if request_ is GLASS else ["one", "two", "three"][:sheets]
    scan_ = await came(house, laser, request_)
    assert scan_.told == (None if told == STAYS else told)
    assert (len(scan_.pages), scan_.left[0]) == (kept, told is WHOLE)


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
