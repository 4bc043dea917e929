"""Every example in the manual's tables of sources, options and other fields: called, and what arrived is looked at."""

from base64 import b64encode
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from homeassistant.exceptions import ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.lianke.api.options import OPTION_NAMES
from custom_components.lianke.documents.document import SourceKind
from custom_components.lianke.jobs.job import JobState
from tests.household import Upload, uploader
from tests.simulator.models import PrintedJob

from . import LANGUAGES, fragment, section
from .conftest import FRAME, MENU, House

# What the service gets for the example of each option.
SENT = {
    "paper": {"dmPaperSize": "11"},
    "paper_width, paper_height": {
        "dmPaperSize": "0",
        "dmPaperWidth": "600",
        "dmPaperLength": "400",
    },
    "copies": {"dmCopies": "2"},
    "color": {"dmColor": "1"},
    "duplex": {"dmDuplex": "2"},
    "orientation": {"dmOrientation": "2"},
    "tray": {"dmDefaultSource": "258"},
    "media_type": {"dmMediaType": "257"},
    "quality": {"dmPrintQuality": "-1"},
    "scale": {"jpScale": "90%"},
    "align": {"jpAutoAlign": "z5"},
    "auto_rotate": {"jpAutoRotate": "1"},
    "pages": {"jpPageRange": "1-3,5"},
    "reverse_order": {"pdfRev": "1"},
    "excel_fit": {"officeExcelFitToPages": "3"},
}
SOURCES = "What to print"
OPTIONS = "How to print it"
SHEETS = "All fields"
PAGES = "Pages laid out by Home Assistant"
JOBS = "When to print, and never twice"
RAW = "Printer commands"


def rows(title: str, *names: str) -> list[tuple[str, str]]:
    """Return name and example of the rows of a table (all, or those of these fields), each different example once."""
    found = {
        (name, row[2].codes[0]): language
        for language in reversed(LANGUAGES)
        for row in section(language, title).rows()
        if (name := ", ".join(row[0].codes)) in names or not names
    }
    assert found
    return list(found)


def each(title: str, *names: str) -> pytest.MarkDecorator:
    """Run a test with each of these rows."""
    found = rows(title, *names)
    return pytest.mark.parametrize(("name", "text"), found, ids=[name for name, _ in found])


@pytest.fixture
async def upload(house: House, hass_client: ClientSessionGenerator) -> Upload:
    """Upload a file as the frontend does; gives its id."""
    return await uploader(hass_client)


@pytest.fixture
async def site(house: House, socket_enabled: None) -> AsyncGenerator[str]:
    """Serve the menu at an address that is allowed."""

    async def menu(_: web.Request) -> web.Response:
        return web.Response(body=MENU, content_type="application/pdf")

    app = web.Application()
    app.router.add_get("/menu.pdf", menu)
    async with TestServer(app) as server:
        address = f"http://127.0.0.1:{server.port}/"
        house.hass.config.allowlist_external_urls = {address}
        yield address


async def printed(house: House, **data: Any) -> list[PrintedJob]:
    """Print on the laser and return what came out."""
    before = len(house.simulator.printed)
    answer = await house.call("print", **data, wait=True)
    assert [job["state"] for job in answer["jobs"]] == ["completed"]
    return list(house.simulator.printed)[before:]


# Sources


def test_every_source_is_printed() -> None:
    assert {kind.value for kind in SourceKind} == {
        *FILES,
        *WRITTEN,
        "source_entity",
        "content",
        "document",
    }


FILES = ("upload", "media", "file", "url")
WRITTEN = ("text", "markdown", "html")


@each(SOURCES, *FILES)
async def test_files(house: House, name: str, text: str, upload: Upload, site: str) -> None:
    value = fragment(house.at_home(text))[name]
    if name == "upload":
        assert len(value) == 32
        value = await upload(MENU, "menu.pdf")
    if name == "url":
        value = value.replace("https://www.example.com/", site)
    (document,) = await printed(house, **{name: value})
    assert document.path.read_bytes() == MENU
    assert document.name == "menu.pdf"
    assert document.pages == 3


@each(SOURCES, "content")
async def test_content(house: House, name: str, text: str) -> None:
    assert b64encode(MENU).decode().startswith(fragment(text)[name].rstrip("…")[:8])
    (document,) = await printed(house, content=b64encode(MENU).decode(), filename="invoice.pdf")
    assert document.path.read_bytes() == MENU
    assert document.name == "invoice.pdf"


@each(SOURCES, *WRITTEN)
async def test_written(house: House, name: str, text: str) -> None:
    value = fragment(text)[name]
    (document,) = await printed(house, **{name: value})
    page = document.path.read_text("utf-8")
    assert document.path.suffix == ".html"
    assert document.options["htmlKernel"] == "chrometopdf"
    expected = {
        "text": f'<div class="plain">{value}</div>',
        "markdown": f"<h1>{value.removeprefix('# ')}</h1>",
        "html": value,
    }
    assert expected[name] in page
    (job,) = house.jobs
    assert value not in job.title


@each(SOURCES, "source_entity")
async def test_lists(house: House, name: str, text: str) -> None:
    (document,) = await printed(house, **fragment(text))
    page = document.path.read_text("utf-8")
    assert document.path.suffix == ".html"
    assert "牛奶" in page
    assert "Bread" in page
    assert "Eggs" not in page
    assert [job.title for job in house.jobs] == ["Shopping list"]


async def test_pictures(house: House) -> None:
    for entity in ("camera.front_door", "image.rain_map"):
        (document,) = await printed(house, source_entity=entity)
        assert document.path.read_bytes() == FRAME
        assert document.path.suffix == ".jpg"
        job = house.jobs[-1]
        assert job.expires_at - job.created_at == timedelta(hours=1)


@each(SOURCES, "document")
async def test_kept_documents(house: House, name: str, text: str) -> None:
    counted = await house.call("count_pages", file=house.at_home("/media/menu.pdf"))
    assert len(counted["document"]) == len(fragment(text)[name])
    (document,) = await printed(house, document=counted["document"])
    assert document.path.read_bytes() == MENU


async def test_all_or_none(house: House) -> None:
    menu, none = house.at_home("/media/menu.pdf"), house.at_home("/media/none.pdf")
    with pytest.raises(ServiceValidationError) as raised:
        await house.call("print", file=[menu, none])
    assert raised.value.translation_key == "file_not_found"
    assert house.jobs == []
    assert house.simulator.cloud.count("POST /print/job") == 0


# Options


def test_every_option_has_an_expectation() -> None:
    assert sorted(", ".join(SENT).split(", ")) == sorted(OPTION_NAMES)


async def test_options(house: House) -> None:
    for name, text in rows(OPTIONS):
        (document,) = await printed(house, file=house.at_home("/media/menu.pdf"), **fragment(text))
        for field, value in SENT[name].items():
            assert document.options[field] == value, name
        assert document.path.read_bytes() == MENU


# Sheets and photos

# Sheets that come of a menu of three pages, by the fields of an example.
MADE = {
    "sheet": 2,
    "sheet_order": 1,
    "sheet_frame": 2,
    "booklet_side": 1,
    "id_card_crop": 2,
    "poster_columns, poster_rows": 6,
    "clean": 1,
    "clean_corners": 1,
    "photo_size": 2,
    "photo_fit": 2,
    "photo_count": 1,
    "photo_crop": 2,
}


async def test_sheets(house: House) -> None:
    for name, text in rows(SHEETS):
        file = house.at_home(f"/media/{'front.jpg' if 'clean' in name else 'menu.pdf'}")
        (document,) = await printed(house, file=file, **fragment(text))
        assert document.path.read_bytes() != MENU, name
        assert document.pages == MADE.get(name, 3), name


# Pages made here


@each(PAGES)
async def test_pages(house: House, name: str, text: str) -> None:
    data = fragment(text)
    if name == "print_empty":
        house.shopping_list.empty()
        with pytest.raises(ServiceValidationError) as raised:
            await house.call("print", source_entity="todo.shopping_list")
        assert raised.value.translation_key == "list_empty"
    source = {
        "header": {"text": "Hello", "title": "Greeting"},
        "agenda": {"source_entity": "calendar.family"},
    }.get(name, {"source_entity": "todo.shopping_list"})
    (document,) = await printed(house, **source, **data)
    page = document.path.read_text("utf-8")
    shown = {
        "header": "<h1>Greeting</h1>",
        "columns": "column-count: 2",
        "agenda": "Dentist",
        "completed": "Eggs",
        "print_empty": "Shopping list",
    }
    assert shown[name] in page
    assert "Concert" not in page


# Jobs


@each(JOBS)
async def test_jobs(house: House, name: str, text: str) -> None:
    data = fragment(house.at_home(text))
    await JOB_TESTS[name](house, data)


async def _wait(house: House, data: dict[str, Any]) -> None:
    answer = await house.call("print", text="x", **{"wait": True, **data})
    assert answer["jobs"][0]["state"] == "completed"
    assert answer["jobs"][0]["timed_out"] is False


async def _fail(house: House, data: dict[str, Any]) -> None:
    house.laser.paper = 0
    await house.look()
    with pytest.raises(ServiceValidationError) as raised:
        await house.call("print", text="x", **data)
    assert raised.value.translation_key == "not_ready_out_of_paper"
    assert house.jobs == []


async def _expire(house: House, data: dict[str, Any]) -> None:
    house.laser.paper = 0
    await house.look()
    (reported,) = (await house.call("print", text="x", **data))["jobs"]
    moments = [datetime.fromisoformat(reported[key]) for key in ("created_at", "expires_at")]
    assert moments[1] - moments[0] == timedelta(hours=3)


async def _ignore(house: House, data: dict[str, Any]) -> None:
    options = {"quiet_from": "00:00:01", "quiet_to": "00:00:00"}
    house.hass.config_entries.async_update_entry(house.entry, options=options)
    (waits,) = (await house.call("print", text="x"))["jobs"]
    assert waits["hold_reason"] == "quiet_hours"
    (goes,) = (await house.call("print", text="x", wait=True, **data))["jobs"]
    assert goes["state"] == "completed"


async def _release(house: House, data: dict[str, Any]) -> None:
    job = (await house.call("print", text="x", **data))["jobs"][0]
    assert (job["hold_reason"], job["needs_code"]) == ("release", True)
    await house.call("continue_job", job_id=job["job_id"], code=data["release_code"])
    await house.finish()
    assert len(house.simulator.printed) == 1


async def _once(house: House, data: dict[str, Any]) -> None:
    file = house.at_home("/media/menu.pdf")
    first, second = [(await house.call("print", file=file, **data))["jobs"][0] for _ in range(2)]
    assert (first["duplicate"], second["duplicate"]) == (False, True)
    assert first["job_id"] == second["job_id"]
    await house.finish()
    assert len(house.simulator.printed) == 1


async def _replace(house: House, data: dict[str, Any]) -> None:
    house.laser.paper = 0
    await house.look()
    for text in ("old", "new"):
        await house.call("print", text=text, title=text, **data)
    old, new = house.jobs
    assert (old.state, old.reason) == (JobState.CANCELED, "replaced")
    assert new.state is JobState.HELD


JOB_TESTS = {
    "wait": _wait,
    "wait_timeout": _wait,
    "if_not_ready": _fail,
    "expires_in": _expire,
    "ignore_quiet_hours": _ignore,
    "release_code": _release,
    "request_id": _once,
    "replace_key": _replace,
}


# Printer commands


@each(RAW)
async def test_raw(house: House, name: str, text: str) -> None:
    data = {"raw": True, **fragment(text)}
    (document,) = await printed(house, text="标签", **data)
    assert document.path.suffix == ".prn"
    encoding = "gb18030" if name == "raw_encoding" else "utf-8"
    assert document.path.read_bytes() == "标签".encode(encoding)
