"""Photos of pages by the action: what is printed of them, what is refused, and where the card is told they are."""

from functools import cache
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from PIL import Image, ImageDraw
import pypdfium2
import pytest
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.lianke.documents import sheets as sheets_module
from tests.household import House, make_media, refusal
from tests.pdf.photos import Photo, photograph

SIDE = 900
# Parts of the page from its upper left corner.
INK, STAMP, PAPER = (0.2, 0.1), (0.75, 0.8), (0.3, 0.6)


def sheet() -> Image.Image:
    page = Image.new("RGB", (840, 1188), "white")
    pen = ImageDraw.Draw(page)
    pen.rectangle((100, 100, 250, 140), "black")
    for y in range(220, 600, 40):
        pen.line((100, y, 740, y), "black", 3)
    pen.ellipse((540, 860, 720, 1040), "red")
    return page


@cache
def photo(seed: int) -> Photo:
    return photograph(sheet(), seed, SIDE)


pytestmark = pytest.mark.usefixtures("reachable")


@pytest.fixture
def media(hass: HomeAssistant, tmp_path: Path) -> Path:
    folder = make_media(hass, tmp_path / "media")
    for seed, name in enumerate(("one", "two")):
        (folder / f"{name}.jpg").write_bytes(photo(seed).data)
    Image.effect_noise((SIDE, SIDE), 40).save(folder / "noise.jpg")
    return folder


def pages(data: bytes) -> list[Image.Image]:
    document = pypdfium2.PdfDocument(data)
    return [page.render().to_pil().convert("RGB") for page in document]


def look(page: Image.Image, place: tuple[float, float]) -> tuple[int, ...]:
    colour = page.getpixel((int(place[0] * page.width), int(place[1] * page.height)))
    assert isinstance(colour, tuple)
    return colour


def is_the_page(page: Image.Image) -> bool:
    """Return whether a page is the one that was photographed: white paper, black ink, the red stamp, all in place."""
    paper, ink, stamp = (look(page, place) for place in (PAPER, INK, STAMP))
    return min(paper) > 245 and max(ink) < 60 and stamp[0] > 170 and max(stamp[1:]) < 80


@pytest.mark.long
async def test_photos_become_pages_of_one_document(house: House) -> None:
    job = await house.print_one(file=[house.path("one.jpg"), house.path("two.jpg")], clean=True)
    [printed] = house.printed
    assert (job["title"], job["pages"], printed.name) == ("one.jpg + 1", 2, "one.pdf")
    for page in pages(printed.path.read_bytes()):
        assert page.size == pytest.approx((595.3, 841.9), abs=2)
        assert is_the_page(page)
        for far in (0.01, 0.99):
            across = (place / 100 for place in range(2, 98))
            edge = [look(page, place) for one in across for place in ((one, far), (far, one))]
            # A thumb or a finger holds the page at its edge.
            dark = sum(min(color) <= 200 for color in edge)
            assert dark < len(edge) / 10, "some of the desk is left"
    assert house.spooled() == []


@pytest.mark.long
async def test_a_photo_without_a_page_is_told(house: House) -> None:
    """By each action; where a page was found, or its corners were given, nothing is."""
    files = [house.path("one.jpg"), house.path("noise.jpg")]
    for action, language, words in (
        ("preview", "zh-Hans", "在 noise.jpg 中没有找到纸张"),
        ("count_pages", "en", "No page was found in noise.jpg"),
        ("print", "en", "No page was found in noise.jpg"),
    ):
        house.hass.config.language = language
        answer = await house.ask(action, device_id=house.device(), file=files, clean=True)
        [warning] = answer["warnings"]
        assert warning.startswith(words)
    corners = [[], [[0, 0], [1, 0], [1, 1], [0, 1]]]
    answer = await house.ask(
        "preview", device_id=house.device(), file=files, clean=True, clean_corners=corners
    )
    assert answer["warnings"] == []


@pytest.mark.long
async def test_two_on_a_sheet(house: House) -> None:
    """As receipts are put together; a preview shows the same, and keeps the photos."""
    files = [house.path("one.jpg"), house.path("two.jpg")]
    preview = await house.ask(
        "preview", device_id=house.device(), file=files, clean=True, sheet="2_up"
    )
    assert preview["pages"] == 1
    await house.print_one(document=preview["document"], clean=True, sheet="2_up")
    [page] = pages(house.printed[0].path.read_bytes())
    assert page.width > page.height
    halves = [page.crop((at, 0, at + page.width // 2, page.height)) for at in (0, page.width // 2)]
    assert all(min(look(half, (0.5, 0.02))) > 200 for half in halves)
    assert all(look(half, (0.7, 0.75))[0] > look(half, (0.7, 0.75))[1] + 90 for half in halves)


async def test_the_corners_are_given(house: House) -> None:
    """From another corner on, the page is turned; one that has none is looked for."""
    flat = sheet()
    flat.transpose(Image.Transpose.ROTATE_270).save(house.media / "lying.png")
    corners: list[Any] = [[], [[1, 0], [1, 1], [0, 1], [0, 0]]]
    await house.print_one(
        file=[house.path("one.jpg"), house.path("lying.png")], clean=True, clean_corners=corners
    )
    first, second = pages(house.printed[0].path.read_bytes())
    assert is_the_page(first)
    assert second.size == pytest.approx((595.3, 841.9), abs=2)
    assert is_the_page(second)


@pytest.mark.long
async def test_all_frames_of_a_picture(house: House) -> None:
    """None of a scan's or fax's pages is lost; without a page in it, a picture is kept as a whole."""
    frames = [Image.new("L", (300, 200), shade) for shade in (250, 240, 230)]
    for number, frame in enumerate(frames):
        ImageDraw.Draw(frame).rectangle((10, 10, 60 + 60 * number, 40), 20)
    frames[0].save(house.media / "fax.tiff", save_all=True, append_images=frames[1:])
    await house.print_one(file=house.path("fax.tiff"), clean=True)
    made = pages(house.printed[0].path.read_bytes())
    assert [page.width > page.height for page in made] == [True] * 3
    assert [max(look(page, (0.5, 0.1))) < 90 for page in made] == [False, False, True]


async def reason(house: House, name: str) -> str | None:
    """Return why the page in a photo is not printed."""
    printing = house.ask("print", device_id=house.device(), file=house.path(name), clean=True)
    key = await refusal(printing, HomeAssistantError)
    assert (house.sent, house.spooled()) == (0, [])
    return key


@pytest.mark.long
async def test_too_many_photos(house: House) -> None:
    frames = [Image.new("1", (8, 8))] * 51
    frames[0].save(house.media / "film.tiff", save_all=True, append_images=frames[1:])
    assert await reason(house, "film.tiff") == "sheet_too_many_pages"


@pytest.mark.long
async def test_what_takes_too_long(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets_module, "PHOTO_SECONDS", 0)
    assert await reason(house, "one.jpg") == "pdf_takes_long"


@pytest.mark.long
async def test_the_card_asks_for_the_corners(
    house: House, hass_ws_client: WebSocketGenerator
) -> None:
    """Of what a page count keeps, which sends nothing; what it gets it may give to the action."""
    client = await hass_ws_client(house.hass)

    async def corners(name: str) -> dict[str, Any]:
        counted = await house.ask("count_pages", device_id=house.device(), file=house.path(name))
        await client.send_json_auto_id(
            {"type": "lianke/document/corners", "document": counted["document"]}
        )
        answer: dict[str, Any] = await client.receive_json()
        return answer

    found = (await corners("one.jpg"))["result"]
    assert found["found"]
    assert found["height"] / found["width"] == pytest.approx(4 / 3, rel=0.01)
    for point, wanted in zip(found["corners"], photo(0).corners, strict=True):
        assert point == pytest.approx(wanted, abs=0.015)
    await house.print_one(file=house.path("one.jpg"), clean=True, clean_corners=[found["corners"]])
    assert is_the_page(pages(house.printed[0].path.read_bytes())[0])
    nothing = (await corners("noise.jpg"))["result"]
    assert nothing["found"] is False
    assert nothing["corners"] == [[0, 0], [1, 0], [1, 1], [0, 1]]
    assert (await corners("菜单.pdf"))["error"]["translation_key"] == "clean_needs_picture"
    await client.send_json_auto_id({"type": "lianke/document/corners", "document": "gone"})
    assert (await client.receive_json())["error"]["translation_key"] == "document_gone"
    assert house.sent == 1
