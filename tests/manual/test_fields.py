"""Every example in the manual's tables of sources, options and other fields is taken, and does what it is for."""

from typing import Any

from homeassistant.exceptions import ServiceValidationError
import pytest

from custom_components.lianke.api.options import OPTION_NAMES
from custom_components.lianke.printing.schemas import PRINT_SCHEMA
from tests.simulator.models import PrintedJob

from . import LANGUAGES, fragment, section
from .conftest import MENU, House

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
OPTIONS = "How to print it"
SHEETS = "All fields"
PAGES = "Pages laid out by Home Assistant"
JOBS = "When to print, and never twice"


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


async def printed(house: House, **data: Any) -> list[PrintedJob]:
    """Print on the laser and return what came out."""
    before = len(house.simulator.printed)
    answer = await house.call("print", **data, wait=True)
    assert [job["state"] for job in answer["jobs"]] == ["completed"]
    return list(house.simulator.printed)[before:]


# Options


def test_every_option_has_an_expectation() -> None:
    assert sorted(", ".join(SENT).split(", ")) == sorted(OPTION_NAMES)


async def test_options(house: House) -> None:
    for name, text in rows(OPTIONS):
        (document,) = await printed(house, file=house.at_home("/media/menu.pdf"), **fragment(text))
        for field, value in SENT[name].items():
            assert document.options[field] == value, name
        assert document.path.read_bytes() == MENU


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


@pytest.mark.long
async def test_sheets(house: House) -> None:
    for name, text in rows(SHEETS):
        file = house.at_home(f"/media/{'front.jpg' if 'clean' in name else 'menu.pdf'}")
        (document,) = await printed(house, file=file, **fragment(text))
        assert document.path.read_bytes() != MENU, name
        assert document.pages == MADE.get(name, 3), name


# What a page shows for the example of each field.
SHOWN = {
    "header": ({"text": "Hello", "title": "Greeting"}, "<h1>Greeting</h1>"),
    "columns": ({"source_entity": "todo.shopping_list"}, "column-count: 2"),
    "agenda": ({"source_entity": "calendar.family"}, "Dentist"),
    "completed": ({"source_entity": "todo.shopping_list"}, "Eggs"),
    "print_empty": ({"source_entity": "todo.shopping_list"}, "Shopping list"),
    "text_size": ({"text": "Hello"}, "font-size: 17.25pt"),
}


@pytest.mark.long
async def test_pages(house: House) -> None:
    for name, text in rows(PAGES):
        if name == "print_empty":
            house.shopping_list.empty()
        source, shown = SHOWN[name]
        (document,) = await printed(house, **source, **fragment(text))
        assert shown in document.path.read_text("utf-8"), name


@pytest.mark.parametrize("title", ["What to print", JOBS, "Printer commands"])
def test_what_else_is_taken(title: str) -> None:
    """What becomes of it is shown in the rooms of documents, jobs and people."""
    for name, text in rows(title):
        data = fragment(text)
        assert set(data) == set(name.split(", ")), name
        PRINT_SCHEMA({"device_id": "x"} | data)


async def test_quiet_hours_are_ignored(house: House) -> None:
    house.set_options({"quiet_from": "00:00:01", "quiet_to": "00:00:00"})
    assert (await house.print_one(text="x", wait=False))["hold_reason"] == "quiet_hours"
    ((_, text),) = rows(JOBS, "ignore_quiet_hours")
    assert (await house.print_one(text="x", **fragment(text)))["state"] == "completed"


async def test_all_or_none(house: House) -> None:
    files = [house.at_home(f"/media/{name}.pdf") for name in ("menu", "none")]
    with pytest.raises(ServiceValidationError):
        await house.call("print", file=files)
    assert house.jobs == []
