"""OFD files by the actions: counted, previewed, printed and laid out as PDF; what is missing is named beforehand."""

from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pypdfium2
import pytest

from custom_components.lianke.documents import ofd_files
from custom_components.lianke.error_texts import async_error_message
from tests.household import House, make_media, refusal
from tests.pdf.ofd_samples import (
    make_ofd,
    packed,
    plain,
    seal_of,
    sealed,
    signature_of,
    stamp,
    text,
    xml,
)

SEAL = signature_of(seal_of(plain("red")))
INVOICE = sealed(
    stamp("60 10 30 20"), value=SEAL, pages=[text("电子发票", attributes='Size="6"'), text("附页")]
)
LACKING = sealed(stamp("60 10 30 20"), value=b"nothing", pages=[text("发票\ue000")])

pytestmark = pytest.mark.usefixtures("reachable")


@pytest.fixture
def media(hass: HomeAssistant, tmp_path: Path) -> Path:
    folder = make_media(hass, tmp_path / "media")
    (folder / "发票.ofd").write_bytes(INVOICE)
    (folder / "另一张.ofd").write_bytes(make_ofd(text("普通发票")))
    (folder / "lacking.ofd").write_bytes(LACKING)
    (folder / "locked.ofd").write_bytes(packed({"OFD.xml": xml("OFD", ""), "Encryptions.xml": ""}))
    (folder / "many.ofd").write_bytes(packed({"OFD.xml": " " * (9 * 2**20)}))
    return folder


def texts(data: bytes) -> list[str]:
    return [
        "".join(page.get_textpage().get_text_bounded().split())
        for page in pypdfium2.PdfDocument(data)
    ]


async def test_an_ofd_file_is_printed_as_pdf(house: House) -> None:
    job = await house.print_one(file=house.path("发票.ofd"))
    [printed] = house.printed
    assert (printed.name, job["title"], job["pages"]) == ("发票.pdf", "发票.ofd", 2)
    assert texts(printed.path.read_bytes()) == ["电子发票", "附页"]
    drawn = pypdfium2.PdfDocument(printed.path)[0].render(scale=72 / 25.4).to_pil().convert("RGB")
    # The seal lies where its signature says; a pixel is an eighth of a millimeter.
    red, _, blue = drawn.getpixel((round(75 * 8.035), round(20 * 8.035))) or (0, 0, 0)
    assert (red > 240, blue < 20) == (True, True)
    assert house.spooled() == []


async def test_it_is_counted_previewed_and_printed_once_by_its_handle(house: House) -> None:
    device = house.device()
    counted = await house.ask("count_pages", device_id=device, file=house.path("发票.ofd"))
    preview = await house.ask("preview", device_id=device, document=counted["document"])
    assert (counted["pages"], preview["pages"], preview["drawn_by"]) == (2, 2, "here")
    assert len(preview["images"]) == 2
    job = await house.print_one(document=preview["document"], pages="2")
    assert job["pages"] == 1


async def test_two_invoices_on_a_sheet(house: House) -> None:
    files = [house.path("发票.ofd"), house.path("另一张.ofd")]
    await house.print_one(file=files, sheet="invoices", pages="1", watermark="仅供报销")
    [sheet] = texts(house.printed[0].path.read_bytes())
    assert {"电子发票", "普通发票"} <= {
        sheet[: len("电子发票")],
        *[sheet[n : n + 4] for n in range(len(sheet))],
    }


async def test_the_same_file_again_is_the_same_document(house: House) -> None:
    first = await house.print_one(file=house.path("发票.ofd"), request_id="once")
    again = await house.print_one(file=house.path("发票.ofd"), request_id="once")
    assert (again["job_id"], again["duplicate"]) == (first["job_id"], True)


async def test_what_is_missing_is_named_and_refused(hass: HomeAssistant, house: House) -> None:
    fields: dict[str, Any] = {"device_id": house.device(), "file": house.path("lacking.ofd")}
    for action in ("print", "preview", "count_pages"):
        with pytest.raises(HomeAssistantError) as refused:
            await house.ask(action, **fields)
        assert refused.value.translation_key == "ofd_incomplete"
        said = await async_error_message(hass, refused.value)
        assert (
            "lacking.ofd cannot be drawn: the seal on page 1, characters on page 1: U+E000." in said
        )
        assert house.printed == [] or action != "print"
        await house.ask(action, print_incomplete=True, **fields)
        assert house.spooled() == [] or action != "print"


async def test_a_document_that_was_accepted_once_is_printed(house: House) -> None:
    preview = await house.ask(
        "preview", device_id=house.device(), file=house.path("lacking.ofd"), print_incomplete=True
    )
    await house.print_one(document=preview["document"])
    assert texts(house.printed[0].path.read_bytes())[0].startswith("发票")


@pytest.mark.parametrize(("name", "key"), [("locked", "ofd_locked"), ("many", "ofd_too_large")])
async def test_files_that_cannot_be_converted(house: House, name: str, key: str) -> None:
    asked = house.ask("print", device_id=house.device(), file=house.path(f"{name}.ofd"))
    assert await refusal(asked, HomeAssistantError) == key
    assert house.spooled() == []


async def test_a_file_that_takes_long_is_refused(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ofd_files, "OFD_SECONDS", 0.001)
    asked = house.ask("print", device_id=house.device(), file=house.path("发票.ofd"))
    assert await refusal(asked, HomeAssistantError) == "pdf_takes_long"
    assert house.spooled() == []
