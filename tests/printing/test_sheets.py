"""Layouts by the action: what is sent to the service, and how the call is answered."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from PIL import Image, ImageChops
import pypdfium2
import pytest

from custom_components.lianke.api.capabilities import Paper
from custom_components.lianke.const import CONF_DEFAULT_OPTIONS
from custom_components.lianke.documents import pdf_client, sheets as sheets_module
from custom_components.lianke.documents.pdf_client import PdfError, async_get_pdf_worker
from custom_components.lianke.documents.sheets import SheetOptions
from custom_components.lianke.pdf.process import ALARM_SECONDS, MAX_SOURCE_PAGES
from tests.household import LABELS, OTHER_LASER, House, make_media, refusal
from tests.simulator import make_pdf

type Client = TestClient[Any, Any]

pytestmark = pytest.mark.usefixtures("reachable")


@pytest.fixture
def media(hass: HomeAssistant, tmp_path: Path) -> Path:
    folder = make_media(hass, tmp_path / "media")
    (folder / "ten.pdf").write_bytes(make_pdf(10))
    for name, colour in (("front", "red"), ("back", "blue")):
        Image.new("RGB", (856, 540), colour).save(folder / f"{name}.jpg")
    return folder


def texts(data: bytes) -> list[str]:
    return [
        " ".join(page.get_textpage().get_text_bounded().split())
        for page in pypdfium2.PdfDocument(data)
    ]


async def reason(house: House, action: str = "print", **data: Any) -> str | None:
    return await refusal(house.ask(action, device_id=house.device(), **data), HomeAssistantError)


async def test_several_pages_on_a_sheet(house: House) -> None:
    job = await house.print_one(
        file=house.path("ten.pdf"), sheet="4_up", pages="1-5", reverse_order=True, title="Ten"
    )
    [printed] = house.printed
    assert texts(printed.path.read_bytes()) == ["Page 1 Page 2 Page 3 Page 4", "Page 5"]
    # What was chosen is not chosen again from the sheets; their order is the service's to turn.
    assert "jpPageRange" not in printed.options
    assert printed.options["pdfRev"] == "1"
    assert (printed.options["jpScale"], printed.options["dmOrientation"]) == ("fit", "1")
    assert (printed.name, job["title"], job["pages"]) == ("ten.pdf", "Ten", 2)
    assert house.spooled() == []


async def test_lying_sheets(house: House) -> None:
    await house.print_one(file=house.path("ten.pdf"), sheet="2_up", scale="50%", align="top_left")
    options = house.printed[0].options
    assert (options["dmOrientation"], options["jpScale"]) == ("2", "fit")
    assert options["jpAutoAlign"] == "z5"


async def test_a_card_becomes_one_job_in_true_size(house: House) -> None:
    job = await house.print_one(
        file=[house.path("front.jpg"), house.path("back.jpg")], sheet="id_card"
    )
    [printed] = house.printed
    assert (job["title"], job["pages"], printed.name) == ("front.jpg + 1", 1, "front.pdf")
    assert printed.options["jpScale"] == "none"
    # A pixel a millimetre.
    drawn = pypdfium2.PdfDocument(printed.path)[0].render(scale=25.4 / 72).to_pil().convert("RGB")
    shown = [drawn.getpixel((105, y)) for y in (60, 111, 148, 185, 240)]
    white, red, blue = (255, 255, 255), (254, 0, 0), (0, 0, 254)
    assert shown == [white, red, white, blue, white]


async def test_a_card_is_cropped_by_hand(house: House) -> None:
    """Each picture has its own crop, in the order of the files; one that is not said is the middle."""
    photo = Image.new("RGB", (1200, 1200), "red")
    photo.paste("blue", (300, 400, 1156, 940))
    photo.rotate(90).save(house.media / "photo.png")
    paths = [house.path(name) for name in ("back.jpg", "photo.png")]
    crop: list[dict[str, float]] = [
        {},
        {"left": 300 / 1200, "top": 400 / 1200, "right": 1156 / 1200, "bottom": 940 / 1200}
        | {"turn": 90},
    ]
    device = house.device()
    fields: dict[str, Any] = {"sheet": "id_card", "id_card_crop": crop}
    preview = await house.ask("preview", device_id=device, file=paths, **fields)
    await house.print_one(document=preview["document"], **fields)
    drawn = pypdfium2.PdfDocument(house.printed[0].path)[0].render(scale=1).to_pil()
    red, green, _ = drawn.convert("RGB").crop((200, 300, 400, 540)).split()
    bright = red.point(lambda value: 255 if value > 250 else 0)
    dark = green.point(lambda value: 255 if value < 5 else 0)
    # Nothing of the red around the card is left.
    assert ImageChops.darker(bright, dark).getbbox() is None


async def test_a_booklet_is_printed_on_both_sides(house: House) -> None:
    for options in ({}, {"duplex": "off"}, {"duplex": "short_edge"}):
        job = await house.print_one(file=house.path("ten.pdf"), sheet="booklet", **options)
        printed = house.printed[-1]
        assert (printed.options["dmDuplex"], job["pages"]) == ("3", 6), options
        assert texts(printed.path.read_bytes())[-1] in ("Page 6 Page 7", "Page 7 Page 6")


async def test_what_is_cut_is_on_one_side(house: House) -> None:
    """Where both sides are the default, one part of a poster was on the back of another."""
    house.set_options({CONF_DEFAULT_OPTIONS: {"duplex": "long_edge"}})
    path = house.path("front.jpg")
    for sheet in ("poster", "2_up"):
        await house.print_one(file=path, sheet=sheet)
        await house.print_one(file=path, sheet=sheet, duplex="short_edge")
    assert [one.options["dmDuplex"] for one in house.printed] == ["1", "3", "2", "3"]


async def test_a_booklet_by_hand(house: House) -> None:
    """A printer that prints on one side is refused both, and takes one."""
    path = house.path("ten.pdf")
    device = house.device(OTHER_LASER)
    assert (
        await refusal(
            house.ask("print", device_id=device, file=path, sheet="booklet"), HomeAssistantError
        )
        == "duplex_not_available"
    )
    await house.print_one(device_id=device, file=path, sheet="booklet", booklet_side="back")
    assert house.printed[0].options["dmDuplex"] == "1"
    assert texts(house.printed[0].path.read_bytes())[0] == "Page 2"
    # The default counts for what is told of a print as well.
    house.set_options({CONF_DEFAULT_OPTIONS: {"duplex": "manual_long_edge"}})
    counted = await house.ask("count_pages", device_id=device, file=path, sheet="booklet")
    assert counted["pages"] == 6


async def test_documents_are_joined(house: House) -> None:
    paths = [house.path(name) for name in ("菜单.pdf", "front.jpg", "ten.pdf")]
    job = await house.print_one(file=paths, merge=True, pages="1-2", stamp=["page_numbers"])
    [printed] = house.printed
    assert texts(printed.path.read_bytes()) == [
        *("Page 1 1 / 5", "Page 2 2 / 5", "3 / 5", "Page 1 4 / 5", "Page 2 5 / 5")
    ]
    assert (job["title"], job["pages"]) == ("菜单.pdf + 2", 5)


async def test_without_joining_each_document_is_a_job(house: House) -> None:
    paths = [house.path(name) for name in ("菜单.pdf", "ten.pdf")]
    answer = await house.ask("print", device_id=house.device(), file=paths, sheet="9_up", wait=True)
    assert [job["pages"] for job in answer["jobs"]] == [1, 2]
    assert [job.name for job in await house.came_out(2)] == ["菜单.pdf", "ten.pdf"]
    assert house.spooled() == []


async def test_the_limit_counts_sheets(house: House) -> None:
    """The limit is 100 pages: 500 are too many, and on 84 sheets they are not."""
    (house.media / "x.pdf").write_bytes(make_pdf(500))
    path = house.path("x.pdf")
    assert await reason(house, file=path) == "too_many_pages"
    assert await reason(house, file=path, sheet="4_up") == "too_many_pages"
    assert house.sent == 0
    assert (await house.print_one(file=path, sheet="6_up"))["pages"] == 84
    data: dict[str, Any] = {"file": house.path("front.jpg"), "photo_size": "6r", "photo_count": 60}
    assert await reason(house, **data, copies=2) == "too_many_pages"


CORNERS = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]


def cornered(*corners: list[Any]) -> dict[str, Any]:
    return {"file": "front.jpg", "clean": True, "clean_corners": [*corners]}


REFUSED: list[tuple[dict[str, Any], str | None]] = [
    ({"text": "Hello", "sheet": "2_up"}, "sheet_type_not_supported"),
    ({"text": "Hello", "raw": True, "merge": True}, "sheet_type_not_supported"),
    ({"markdown": "# Hello", "watermark": "COPY"}, "sheet_type_not_supported"),
    ({"file": "ten.pdf", "sheet": "2_up", "photo_size": "4r"}, "sheet_or_photo"),
    ({"file": "ten.pdf", "sheet": "2_up", "pages": "11-12"}, "pages_not_in_document"),
    ({"file": "front.jpg", "photo_size": "6r", "paper": "A5"}, "sheet_paper_too_small"),
    ({"file": "ten.pdf", "watermark": "\U00013000"}, "watermark_letters"),
    ({"file": "ten.pdf", "watermark": "COPY \U0001f600"}, "watermark_letters"),
    ({"file": "front.jpg", "photo_count": 2}, "sheet_field_idle"),
    ({"file": "ten.pdf", "sheet": "2_up", "poster_columns": 3}, "sheet_field_idle"),
    ({"file": "ten.pdf", "poster_rows": 3}, "sheet_field_idle"),
    ({"file": "front.jpg", "sheet": "2_up", "id_card_crop": {"turn": 90}}, "sheet_field_idle"),
    ({"file": "front.jpg", "sheet": "2_up", "photo_crop": {"turn": 90}}, "sheet_field_idle"),
    ({"file": "ten.pdf", "poster_rows": 2}, "sheet_field_idle"),
    ({"file": "ten.pdf", "sheet_order": "rows"}, "sheet_field_idle"),
    ({"file": "ten.pdf", "sheet": "booklet", "sheet_order": "columns"}, "sheet_field_idle"),
    ({"file": "ten.pdf", "sheet_frame": True}, "sheet_field_idle"),
    ({"file": "ten.pdf", "sheet": "2_up", "booklet_side": "both"}, "sheet_field_idle"),
    ({"file": "front.jpg", "photo_fit": "fill"}, "sheet_field_idle"),
    ({"file": "ten.pdf", "merge_new_sheet": True}, "sheet_field_idle"),
    ({"file": "ten.pdf", "watermark_opacity": 20}, "sheet_field_idle"),
    (
        {"file": "front.jpg", "photo_size": "4r", "photo_crop": [{}] * 2},
        "sheet_more_than_documents",
    ),
    (
        {"file": "front.jpg", "sheet": "id_card", "id_card_crop": [{}] * 3},
        "sheet_more_than_documents",
    ),
    ({"text": "Hello", "raw_encoding": "gb18030"}, "sheet_field_idle"),
    ({"file": "ten.pdf", "agenda": "today"}, "sheet_field_idle"),
    ({"source_entity": "todo.shopping", "agenda": "today"}, "sheet_field_idle"),
    ({"source_entity": "calendar.home", "columns": 2}, "sheet_field_idle"),
    ({"text": "Hello", "completed": True}, "sheet_field_idle"),
    ({"source_entity": "camera.door", "print_empty": True}, "sheet_field_idle"),
    ({"file": "ten.pdf", "copies": 1.5}, None),
    ({"file": "front.jpg", "photo_size": "4r", "photo_count": 1.5}, None),
    ({"file": "ten.pdf", "sheet": "poster", "poster_columns": 9}, None),
    ({"file": "ten.pdf", "sheet": "5_up"}, None),
    ({"file": "ten.pdf", "watermark": " "}, None),
    ({"file": "ten.pdf", "watermark": "x" * 61}, None),
    ({"file": "front.jpg", "photo_size": "4r", "photo_count": 101}, None),
    ({"file": "front.jpg", "photo_size": "4r", "photo_count": -1}, None),
    ({"file": "front.jpg", "photo_size": "4r", "photo_crop": {"left": 0.96}}, None),
    ({"file": "ten.pdf", "stamp": ["time"]}, None),
    ({"file": "front.jpg", "sheet": "id_card", "id_card_crop": {"left": 0.96}}, None),
    ({"file": "front.jpg", "sheet": "id_card", "id_card_crop": {"bottom": float("nan")}}, None),
    ({"file": "front.jpg", "sheet": "id_card", "id_card_crop": {"turn": 1e9}}, None),
    ({"file": "front.jpg", "sheet": "id_card", "id_card_crop": {"up": 1}}, None),
    ({"file": "front.jpg", "sheet": "id_card", "id_card_crop": [{}] * 21}, None),
    ({"file": "ten.pdf", "clean": True}, "clean_needs_picture"),
    ({"file": "front.jpg", "clean_corners": [CORNERS]}, "sheet_field_idle"),
    # Crossing, mirrored, outside, too near, with a dent.
    (cornered([CORNERS[i] for i in (0, 2, 1, 3)]), "clean_corners_wrong"),
    (cornered(CORNERS[::-1]), "clean_corners_wrong"),
    (cornered([[-0.1, 0], *CORNERS[1:]]), "clean_corners_wrong"),
    (cornered([[0.899, 0.1], *CORNERS[1:]]), "clean_corners_wrong"),
    (cornered([[0.6, 0.6], *CORNERS[1:]]), "clean_corners_wrong"),
    (cornered(CORNERS[:3]), "clean_corners_wrong"),
    (cornered(CORNERS, CORNERS), "sheet_more_than_documents"),
    (cornered(*[CORNERS] * 21), None),
    (cornered([[0.1, float("nan")], *CORNERS[1:]]), None),
    (cornered(["0.1", *CORNERS[1:]]), None),
]


async def test_what_is_refused(house: House) -> None:
    """Nothing of it is sent, and nothing stays."""
    for fields, key in REFUSED:
        data = fields | ({"file": house.path(fields["file"])} if "file" in fields else {})
        with pytest.raises(HomeAssistantError) as refused:
            await house.ask("print", device_id=house.device(), **data)
        found = refused.value.translation_key or ""
        assert found.startswith("field_") if key is None else found == key, (fields, found)
        assert (house.sent, house.spooled()) == (0, []), fields


async def test_characters_that_cannot_be_drawn_are_named(house: House) -> None:
    with pytest.raises(
        HomeAssistantError, match=r"has no glyph for 😀 \(U\+1F600\), ا \(U\+0627\)\."
    ):
        await house.print_one(file=house.menu, watermark="PAID 😀😀 ا")
    assert not house.sent


async def test_what_asks_for_nothing_is_no_mistake(house: House) -> None:
    """As from a template: switches that are off, no crops, and what goes with a switch that is named."""
    off = {"sheet_frame": False, "completed": False, "print_empty": False, "id_card_crop": []}
    joined = {"merge": False, "merge_new_sheet": False}
    await house.print_one(file=house.menu, **off, **joined)
    await house.print_one(text="Hello", raw=False, raw_encoding="gb18030")
    assert len(house.printed) == 2


async def test_a_book_is_too_much(house: House) -> None:
    """More pages than can even be named to the process that lays them out."""
    kids = b"4 0 R " * 40_000
    (house.media / "book.pdf").write_bytes(
        make_pdf(1).replace(b"/Kids [4 0 R]", b"/Kids [" + kids + b"]")
    )
    path = house.path("book.pdf")
    assert await reason(house, file=path, sheet="9_up") == "sheet_too_many_pages"
    assert await reason(house, file=path, sheet="9_up", pages="1-2001") == "sheet_too_many_pages"
    assert (house.sent, house.spooled()) == (0, [])


async def test_where_pdfium_cannot_run(monkeypatch: pytest.MonkeyPatch, house: House) -> None:
    monkeypatch.setattr(pdf_client, "find_spec", lambda _: None)
    assert await reason(house, file=house.path("ten.pdf"), sheet="2_up") == "sheet_not_available"
    picture = house.path("front.jpg")
    assert await reason(house, file=picture, sheet="2_up") == "picture_check_unavailable"
    assert house.spooled() == []


async def test_a_layout_that_takes_too_long(monkeypatch: pytest.MonkeyPatch, house: House) -> None:
    monkeypatch.setattr(sheets_module, "LAYOUT_SECONDS", 0)
    path = house.path("ten.pdf")
    assert await reason(house, file=path, sheet="2_up") == "pdf_takes_long"
    assert (house.sent, house.spooled()) == (0, [])


async def test_a_pdf_that_is_too_large_to_be_laid_out(
    monkeypatch: pytest.MonkeyPatch, house: House
) -> None:
    """It was called too complex, whatever size it had."""
    worker = async_get_pdf_worker(house.hass)
    run = worker.async_run_pdf_task

    async def fail(task: str, *how: Any, **more: Any) -> dict[str, Any]:
        if task in ("lay_out", "split"):
            raise PdfError("memory")
        return await run(task, *how, **more)

    monkeypatch.setattr(worker, "async_run_pdf_task", fail)
    path = house.path("ten.pdf")
    for how in ({"sheet": "2_up"}, {"duplex": "manual_long_edge"}):
        assert await reason(house, file=path, **how) == "sheet_needs_memory"
    assert (house.sent, house.spooled()) == (0, [])


async def test_the_same_request_prints_once(house: House) -> None:
    """Sheets that are made twice differ in their bytes, and are the same request all the same."""
    data: dict[str, Any] = {
        "file": house.path("ten.pdf"),
        "sheet": "4_up",
        "request_id": "ten",
        "stamp": ["date"],
    }
    first = await house.print_one(**data)
    again = await house.print_one(**data)
    assert (again["job_id"], again["duplicate"]) == (first["job_id"], True)
    assert len(house.printed) == 1
    assert await reason(house, **data | {"sheet_frame": True}) == "request_id_conflict"


async def test_a_preview_shows_the_sheets(client: Client, house: House) -> None:
    device = house.device()
    first = await house.ask("preview", device_id=device, file=house.path("ten.pdf"))
    handle = first["document"]
    preview = await house.ask("preview", device_id=device, document=handle, sheet="2_up")
    assert (preview["document"], preview["pages"], preview["drawn_by"]) == (handle, 5, "here")
    answer = await client.get(preview["images"][4])
    assert Image.open(BytesIO(await answer.read())).size == (1754, 1240)
    # The document, its sheets, and the pictures of two of them.
    assert len(house.spooled()) == 4
    # It is the document itself that is kept: once more, and it is laid out otherwise.
    await house.print_one(document=handle, sheet="9_up")
    assert len(texts(house.printed[0].path.read_bytes())) == 2
    await house.ask("preview", device_id=device, document=handle)
    assert len(house.spooled()) == 2


async def test_a_preview_of_several_documents(client: Client, house: House) -> None:
    device = house.device()
    paths = [house.path("front.jpg"), house.path("back.jpg")]
    for action in ("preview", "count_pages"):
        assert await reason(house, action, file=paths) == "one_document_only"
    preview = await house.ask("preview", device_id=device, file=paths, sheet="id_card")
    assert (preview["pages"], len(preview["images"]), len(preview["document"])) == (1, 1, 2)
    preview = await house.ask(
        "preview", device_id=device, document=preview["document"], sheet="id_card", color="mono"
    )
    assert house.sent == 0
    assert (await client.get(preview["images"][0])).status == 200
    job = await house.print_one(document=preview["document"], sheet="id_card")
    assert (job["title"], job["pages"]) == ("front.jpg + 1", 1)


async def test_a_count_is_of_sheets(house: House) -> None:
    """What is counted is what a print with the same fields would take, and is kept for it."""
    device, path = house.device(), house.path("ten.pdf")
    for fields, pages in (
        ({"sheet": "4_up"}, 3),
        ({"sheet": "4_up", "pages": "1-4"}, 1),
        ({"sheet": "booklet"}, 6),
        ({"stamp": ["date"]}, 10),
        ({"pages": "2-4"}, 3),
    ):
        answer = await house.ask("count_pages", device_id=device, file=path, **fields)
        assert (answer["pages"], answer["title"]) == (pages, "ten.pdf")
    # On both sides each document begins on a sheet of paper of its own.
    joined: dict[str, Any] = {"merge": True, "pages": "1", "duplex": "long_edge"}
    paths = [path, house.path("front.jpg")]
    answer = await house.ask("count_pages", device_id=device, file=paths, **joined)
    assert answer["pages"] == 3
    assert house.sent == 0
    # The documents alone are kept.
    assert len(house.spooled()) == 7
    job = await house.print_one(document=answer["document"], **joined)
    assert job["pages"] == 3
    # What is not printed is not counted, and nothing more of it is kept.
    before = len(house.spooled())
    assert await reason(house, "count_pages", file=path, pages="11-12") == "pages_not_in_document"
    refused = await reason(house, "count_pages", text="Hello", sheet="2_up")
    assert refused == "sheet_type_not_supported"
    assert len(house.spooled()) == before


async def test_the_cloud_draws_sheets_too(house: House) -> None:
    device = house.device()
    preview = await house.ask(
        "preview", device_id=device, file=house.path("ten.pdf"), sheet="4_up", preview_by="cloud"
    )
    assert (preview["pages"], preview["drawn_by"], house.sent) == (3, "cloud", 1)
    await house.print_one(document=preview["document"], sheet="4_up")
    assert "taskTicket" not in house.printed[0].options
    assert len(texts(house.printed[0].path.read_bytes())) == 3


async def test_a_label_printer_needs_a_paper(house: House) -> None:
    await house.print_one(
        device_id=house.device(LABELS),
        file=house.path("front.jpg"),
        paper_width=100,
        paper_height=60,
        photo_size="paper",
    )
    page = pypdfium2.PdfDocument(house.printed[0].path)[0]
    assert [round(side * 25.4 / 72) for side in page.get_size()] == [60, 100]
    # A label that is wider than high is turned for a photo that stands.
    assert house.printed[0].options["dmOrientation"] == "2"


@pytest.mark.parametrize(
    ("name", "printable", "margins"),
    [
        ("A4", (2100, 2970), (5, 5)),  # the driver says nothing of margins
        ("A4", (2016, 2886), (4.2, 4.2)),
        ("A4", (1900, 2970), (10, 5)),
        ("A4", (2200, 3000), (5, 5)),
        ("A4 Borderless", (2100, 2970), (0, 0)),
        ("A4 (无边距)", (2100, 2970), (0, 0)),
        ("A4 无框", (2100, 2970), (0, 0)),
        # It calls itself borderless and names margins all the same.
        ("A4 Borderless", (2040, 2910), (3, 3)),
    ],
)
def test_only_what_the_printer_calls_borderless_is_printed_to_the_edges(
    name: str, printable: tuple[int, int], margins: tuple[float, float]
) -> None:
    paper = replace(
        Paper.of_size(9, name, 2100, 2970),
        printable_width=printable[0],
        printable_height=printable[1],
    )
    photos = SheetOptions(photo_size="paper")
    assert sheets_module._margin(paper, photos) == pytest.approx(margins)
    # Pages of documents never are.
    pages = SheetOptions(sheet="2_up")
    assert sheets_module._margin(paper, pages) == pytest.approx(
        tuple(margin or 5 for margin in margins)
    )


def test_a_large_layout_has_more_time_than_a_small_one() -> None:
    """2,000 pages took 40 seconds on a busy machine. The process ends itself a little after the last of them."""
    assert sheets_module.layout_seconds(1) == sheets_module.LAYOUT_SECONDS
    assert 50 <= sheets_module.layout_seconds(MAX_SOURCE_PAGES) < ALARM_SECONDS
