"""Layouts on the card: offered for what was dropped, chosen with one tap, cropped by hand."""

from io import BytesIO
import os
from pathlib import Path
import re

import numpy as np
from PIL import Image, ImageChops, ImageDraw
from playwright.async_api import expect
import pypdfium2
import pytest

from tests.pdf.ofd_samples import plain, seal_of, sealed, signature_of, stamp, text
from tests.simulator import make_pdf

from .marks import on_stage
from .stage import INKJET, Screen, Stage, press

pytestmark = on_stage("card at work")

PDF = "application/pdf"


def photo(colour: str) -> bytes:
    """Return a photo of a card that lies in the middle of a green table, a fifth from its edges."""
    picture = Image.new("RGB", (1600, 1010), (0, 200, 0))
    picture.paste(colour, (320, 202, 1280, 808))
    ImageDraw.Draw(picture).text((400, 300), "ID", fill="white", font_size=200)
    out = BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


async def picture(screen: Screen, name: str) -> None:
    """Keep a picture of the whole screen, where somebody wants to look at it."""
    if folder := os.environ.get("LIANKE_LOOK"):
        await screen.page.screenshot(path=Path(folder) / f"{name}.png")


async def previews(screen: Screen, count: int) -> None:
    """Wait until so many pictures of sheets are there, of what is chosen now."""
    await expect(screen.card.locator(".previews:not(.stale) img")).to_have_count(count)


async def test_two_photos_become_an_id_card(stage: Stage) -> None:
    """One tap, a crop by the keyboard, a print: 85.6 × 54 mm, and the table is gone."""
    before = len(await stage.printed())
    async with stage.screen() as screen:
        await screen.drop(
            ("front.png", "image/png", photo("red")), ("back.png", "image/png", photo("blue"))
        )
        offer = screen.card.get_by_role("button", name="ID card", exact=True)
        await expect(offer).to_have_attribute("aria-pressed", "false")
        await picture(screen, "offers")
        await screen.press(offer)
        await expect(offer).to_have_attribute("aria-pressed", "true")
        await previews(screen, 1)
        assert len(await stage.printed()) == before
        for name in ("front.png", "back.png"):
            await press(screen.card.get_by_role("button", name=f"Crop {name}"))
            dialog = screen.card.get_by_role("dialog", name=f"Crop {name}")
            await expect(dialog.locator("canvas")).to_be_visible()
            for edge, key in (
                ("Left edge", "ArrowRight"),
                ("Right edge", "ArrowLeft"),
                ("Top edge", "ArrowDown"),
                ("Bottom edge", "ArrowUp"),
            ):
                await dialog.get_by_role("slider", name=edge).focus()
                for _ in range(4):
                    await screen.page.keyboard.press(f"Shift+{key}")
            if name == "front.png":
                await picture(screen, "crop")
                assert await screen.axe(dialog) == []
            await press(dialog.get_by_role("button", name="Done"))
            await expect(dialog).to_have_count(0)
        await screen.card.get_by_label("Watermark").fill("COPY")
        await previews(screen, 1)
        await picture(screen, "id-card")
        assert await screen.axe() == []
        await press(screen.card.get_by_role("button", name="Print", exact=True))
        await expect(screen.row("front.png + 1")).to_contain_text("Completed · 1 page")
    (printed,) = (await stage.printed())[before:]
    assert printed["options"]["jpScale"] == "none"
    drawn = pypdfium2.PdfDocument(printed["path"])[0].render(scale=254 / 72).to_pil().convert("RGB")
    box = drawn.point(lambda value: 255 if value < 250 else 0).convert("L").getbbox()
    assert [(box[2] - box[0]) / 10, (box[3] - box[1]) / 10] == pytest.approx([85.6, 128], abs=0.3)
    # No green of the table.
    _, green, blue = drawn.split()
    red = ImageChops.subtract(drawn.getchannel("R"), green)
    others = ImageChops.lighter(red, ImageChops.subtract(blue, green))
    table = ImageChops.subtract(ImageChops.subtract(green, drawn.getchannel("R")), others)
    assert table.point(lambda value: 255 if value > 60 else 0).getbbox() is None


async def test_vouchers_and_pages_of_a_document(stage: Stage) -> None:
    before = len(await stage.printed())
    async with stage.screen(language="zh-Hans", width=400, touch=True) as screen:
        await screen.drop(
            *((f"发票 {number}.pdf", PDF, make_pdf(1, f"Voucher {number}")) for number in (1, 2, 3))
        )
        await press(screen.card.get_by_role("button", name="发票，每页两张"))
        await previews(screen, 2)
        await picture(screen, "invoices")
        # The preview follows what is removed.
        await press(screen.card.get_by_role("button", name="移除 发票 3.pdf"))
        await previews(screen, 1)
        await press(screen.card.get_by_role("button", name="打印", exact=True))
        await expect(screen.row("发票 1.pdf + 1")).to_contain_text("已完成")
        await screen.drop(("书.pdf", PDF, make_pdf(6, "Book")))
        await press(screen.card.get_by_role("button", name="一张两页"))
        await previews(screen, 3)
        assert await screen.axe() == []
        await press(screen.card.get_by_role("button", name="打印", exact=True))
        await expect(screen.row("书.pdf")).to_contain_text("已完成")
    sheets = (await stage.printed())[before:]
    assert [one["pages"] for one in sheets] == [1, 3]
    assert sheets[1]["options"]["dmOrientation"] == "2"


async def test_two_ofd_invoices_on_a_sheet_in_three_taps(stage: Stage) -> None:
    """On a phone in Chinese; then an invoice whose seal is missing, which says so before it is printed without it."""
    before = len(await stage.printed())
    seal = signature_of(seal_of(plain("red")))
    letters = 'Size="6"'
    invoices = [
        sealed(stamp("60 10 30 20"), value=seal, pages=[text(said, attributes=letters)])
        for said in ("电子发票", "普通发票")
    ]
    broken = sealed(stamp("60 10 30 20"), value=b"", pages=[text("无章", attributes=letters)])
    async with stage.screen(language="zh-Hans", width=390, height=844, touch=True) as screen:
        # The files are the first tap, the layout the second.
        await screen.drop(
            *((f"发票 {number}.ofd", "", data) for number, data in enumerate(invoices, start=1))
        )
        await press(screen.card.get_by_role("button", name="发票，每页两张"))
        await previews(screen, 1)
        assert await screen.axe() == []
        await picture(screen, "ofd-invoices")
        await press(screen.card.get_by_role("button", name="打印", exact=True))
        await expect(screen.row("发票 1.ofd + 1")).to_contain_text("已完成")
        await screen.drop(("缺章.ofd", "", broken))
        await expect(screen.card.get_by_text("第 1 页的印章")).to_be_visible()
        await picture(screen, "ofd-incomplete")
        await press(screen.card.get_by_role("button", name="不含这些内容也打印"))
        await previews(screen, 1)
        await press(screen.card.get_by_role("button", name="打印", exact=True))
        await expect(screen.row("缺章.ofd")).to_contain_text("已完成")
    sheets = (await stage.printed())[before:]
    said = [
        "".join(pypdfium2.PdfDocument(one["path"])[0].get_textpage().get_text_bounded().split())
        for one in sheets
    ]
    assert [one["pages"] for one in sheets] == [1, 1]
    assert ("电子发票" in said[0], "普通发票" in said[0], said[1]) == (True, True, "无章")


def inked(page: pypdfium2.PdfPage) -> tuple[float, float, float, float]:
    """Return where a page is not white: left, top, width and height in mm."""
    drawn = page.render(scale=254 / 72).to_pil().convert("L")
    left, top, right, bottom = drawn.point(lambda value: 255 if value < 250 else 0).getbbox()
    return left / 10, top / 10, (right - left) / 10, (bottom - top) / 10


async def test_photos_on_photo_paper_and_to_be_cut_out(stage: Stage) -> None:
    """On a phone in Chinese: a tap for the size, its paper with it, and ID photos on a sheet with lines to cut."""
    before = len(await stage.printed())
    async with stage.screen(
        stage.full(INKJET), language="zh-Hans", width=390, height=844, touch=True
    ) as screen:
        await screen.drop(("海边.png", "image/png", photo("red")))
        await press(screen.card.get_by_role("button", name="6 寸", exact=True))
        await previews(screen, 1)
        paper = screen.card.get_by_label("纸张")
        await expect(paper.locator("option:checked")).to_have_text("4 x 6 英寸")
        assert await screen.axe() == []
        await picture(screen, "photo")
        await press(screen.card.get_by_role("button", name="打印", exact=True))
        await expect(screen.row("海边.png")).to_contain_text("已完成")

        await screen.drop(("头像.png", "image/png", photo("blue")))
        # The paper of the photo before is not this one's.
        await expect(paper.locator("option:checked")).not_to_have_text("4 x 6 英寸")
        await press(screen.card.get_by_role("button", name="1 寸证件照"))
        await previews(screen, 1)
        await press(screen.card.get_by_role("button", name="裁切 头像.png"))
        dialog = screen.card.get_by_role("dialog", name="裁切 头像.png")
        await expect(dialog.locator("canvas")).to_be_visible()
        edge = dialog.get_by_role("slider", name="上边缘")
        for _ in range(4):
            await edge.press("Shift+ArrowDown")
        assert await screen.axe(dialog) == []
        await picture(screen, "photo-crop")
        await press(dialog.get_by_role("button", name="完成"))
        await paper.select_option(label="4 x 6 英寸")
        kind = screen.card.get_by_label("介质类型").locator("option:checked")
        await expect(kind).to_have_text("相片纸")
        await previews(screen, 1)
        await picture(screen, "id-photos")
        await press(screen.card.get_by_role("button", name="打印", exact=True))
        await expect(screen.row("头像.png")).to_contain_text("已完成")
    printed = (await stage.printed())[before:]
    first, second = (pypdfium2.PdfDocument(one["path"]) for one in printed)
    assert [len(first), len(second)] == [1, 1]
    assert inked(first[0]) == pytest.approx((0, 0, 101.6, 152.4), abs=0.5)
    # Ten of 25 × 35 mm, 3 mm apart, their heads upright on a sheet that lies, on the paper for photos.
    assert inked(second[0])[2:] == pytest.approx((25 * 5 + 4 * 3, 35 * 2 + 3), abs=0.5)
    sent = printed[1]["options"]
    assert (sent["dmOrientation"], sent["dmMediaType"]) == ("2", "260")


def photographed() -> bytes:
    """Return the photo of a page of text that lies askew on a dark table."""
    page = Image.new("RGB", (700, 990), (235, 232, 226))
    draw = ImageDraw.Draw(page)
    for line in range(18):
        draw.text(
            (70, 70 + 48 * line), f"Homework, line {line + 1}", fill=(40, 40, 40), font_size=34
        )
    table = Image.new("RGB", (1200, 1600), (74, 52, 38))
    corners = ((180, 260), (160, 1380), (1060, 1300), (980, 200))
    mask = Image.new("L", page.size, 255)
    quad = _inverse(corners, page.size)
    seen, where = (
        one.transform(table.size, Image.Transform.PERSPECTIVE, quad) for one in (page, mask)
    )
    table.paste(seen, (0, 0), where)
    out = BytesIO()
    table.save(out, "JPEG", quality=90)
    return out.getvalue()


def _inverse(corners: tuple[tuple[int, int], ...], size: tuple[int, int]) -> list[float]:
    """Return Pillow's eight numbers that put a picture's corners (from the upper left down) where they are seen."""
    width, height = size
    own = ((0, 0), (0, height), (width, height), (width, 0))
    rows, values = [], []
    for (x, y), (u, v) in zip(corners, own, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return [float(number) for number in np.linalg.solve(np.array(rows), np.array(values))]


async def test_a_photographed_page_is_straightened_and_printed(stage: Stage) -> None:
    """On a phone in Chinese: choose, one tap, look, print. The corners can be moved by keys."""
    before = len(await stage.printed())
    async with stage.screen(language="zh-Hans", width=390, height=844, touch=True) as screen:
        await screen.drop(("作业.jpg", "image/jpeg", photographed()))
        await press(screen.card.get_by_role("button", name="拍照成扫描件"))
        await previews(screen, 1)
        assert await screen.axe() == []
        await picture(screen, "clean")
        await press(screen.card.get_by_role("button", name="调整 作业.jpg 的四角"))
        dialog = screen.card.get_by_role("dialog", name="作业.jpg 中的页面")
        corner = dialog.get_by_role("slider", name="左上角")
        await expect(corner).to_have_attribute("aria-valuetext", re.compile("距左边 1[3-7]%"))
        await picture(screen, "corners")
        assert await screen.axe(dialog) == []
        await corner.press("ArrowRight")
        await press(dialog.get_by_role("button", name="完成"))
        await previews(screen, 1)
        await press(screen.card.get_by_role("button", name="打印", exact=True))
        await expect(screen.row("作业.jpg")).to_contain_text("已完成")
    (printed,) = (await stage.printed())[before:]
    drawn = pypdfium2.PdfDocument(printed["path"])[0].render(scale=1).to_pil().convert("L")
    # The table is gone, and the paper is white up to its edges.
    assert max(drawn.histogram()[:30]) < drawn.width * drawn.height // 50
    left, top, _, _ = drawn.point(lambda value: 255 if value < 120 else 0).getbbox()
    assert min(left, top) > 20


# Whether a list has no room for all of what is chosen, by the same text in a box of that width.
_IS_CUT = """(list) => {
  const style = getComputedStyle(list);
  const inside = (...sides) => sides.reduce((sum, side) => sum - parseFloat(style[`padding${side}`]), 0);
  const box = document.createElement("div");
  box.style.cssText = `position: absolute; font: ${style.font}; white-space: ${style.whiteSpace}`;
  box.style.width = `${list.clientWidth + inside("Left", "Right")}px`;
  box.textContent = list.selectedOptions[0].textContent;
  list.parentElement.append(box);
  const { scrollWidth, clientWidth, scrollHeight } = box;
  box.remove();
  return scrollWidth > clientWidth || scrollHeight > list.clientHeight + inside("Top", "Bottom") + 1;
}"""


async def test_a_booklet_after_a_print_on_both_sides(stage: Stage) -> None:
    """Flipped at the long edge as last time, the backs of a booklet came out upside down."""
    before = len(await stage.printed())
    async with stage.screen(language="zh-Hans", width=400, touch=True) as screen:
        sides = screen.card.get_by_label("双面打印")
        await screen.drop(("先印.pdf", PDF, make_pdf(4, "First")))
        await sides.select_option(label="长边翻转")
        await press(screen.card.get_by_role("button", name="打印", exact=True))
        await expect(screen.row("先印.pdf")).to_contain_text("已完成")
        await screen.drop(("故事.pdf", PDF, make_pdf(8, "Book")))
        await expect(sides.locator("option:checked")).to_have_text("长边翻转")
        await press(screen.card.get_by_role("button", name="小册子"))
        await previews(screen, 4)
        await expect(sides.locator("option:checked")).to_have_text("由版式决定（短边翻转）")
        for width in (320, 390, 400):
            await screen.page.set_viewport_size({"width": width, "height": 844})
            assert not await sides.evaluate(_IS_CUT)
        await picture(screen, "booklet")
        await press(screen.card.get_by_role("button", name="打印", exact=True))
        await expect(screen.row("故事.pdf")).to_contain_text("已完成")
        # What was chosen for documents is still that.
        await screen.drop(("后印.pdf", PDF, make_pdf(2, "Last")))
        await expect(sides.locator("option:checked")).to_have_text("长边翻转")
        await press(screen.card.get_by_role("button", name="打印", exact=True))
        await expect(screen.row("后印.pdf")).to_contain_text("已完成")
    printed = (await stage.printed())[before:]
    assert [one["options"]["dmDuplex"] for one in printed] == ["2", "3", "2"]
