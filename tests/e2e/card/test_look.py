"""How the card looks: axe, narrow and right-to-left screens, and the README's pictures.

Pictures are taken in every run, so that this always works; with LIANKE_PICTURES=1 they go to .github/images.
"""

from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.async_api import Locator, expect
import pytest
import pytest_asyncio

from tests.e2e.card.acts import send
from tests.simulator import make_pdf

from .marks import on_stage
from .stage import INKJET, LABEL, LASER, PICTURED, Screen, Stage

pytestmark = on_stage()

# Lines of text that lie on each other; the glyphs' own box is higher than the line that they take.
_ON_EACH_OTHER = """(card) => {
  const all = (root) => [...root.querySelectorAll("*")].flatMap((one) =>
    one.shadowRoot && one.localName.startsWith("lianke-") ? [one, ...all(one.shadowRoot)] : [one]);
  const lines = all(card.shadowRoot)
    .filter((one) => !one.closest(".hidden, style, option, dialog") && one.checkVisibility())
    .flatMap((one) => [...one.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE && node.data.trim()))
    .flatMap((text) => {
      const range = document.createRange();
      range.selectNodeContents(text);
      // What a title has no room for is not seen.
      const clip = text.parentElement.closest(".title, .name")?.getBoundingClientRect();
      return [...range.getClientRects()]
        // A line that is shortened has two boxes: as long as it is, and as long as it would be.
        .filter((box, at, boxes) => boxes.findIndex(({ top }) => top === box.top) === at)
        .filter((box) => !clip || box.top < clip.bottom - box.height / 2)
        .map((box) => ({ text: text.data.trim(), box }));
    })
    .filter(({ box }) => box.width > 1 && box.height > 1);
  const overlap = (one, other) => Math.min(
    Math.min(one.right, other.right) - Math.max(one.left, other.left),
    Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top));
  return lines.flatMap((one, at) => lines.slice(at + 1)
    .filter((other) => overlap(one.box, other.box) > 0.3 * Math.min(one.box.height, other.box.height))
    .map((other) => `${one.text} on ${other.text}`));
}"""
TITLES = {
    "en": ("Maths exercises.pdf", "Invoice November.pdf", "Recipe: dumplings"),
    "zh-Hans": ("数学练习.pdf", "十一月发票.pdf", "菜谱：饺子"),
}
PREVIEW = {"en": "Preview", "zh-Hans": "预览"}


def photo() -> bytes:
    """Return a picture to drop."""
    picture = Image.new("RGB", (640, 480), "#7db7e8")
    draw = ImageDraw.Draw(picture)
    draw.polygon([(0, 480), (220, 160), (400, 480)], fill="#4f7f52")
    draw.polygon([(240, 480), (470, 220), (640, 400), (640, 480)], fill="#6a9a5b")
    draw.ellipse((500, 50, 580, 130), fill="#ffe08a")
    stream = BytesIO()
    picture.save(stream, "JPEG")
    return stream.getvalue()


@pytest_asyncio.fixture(loop_scope="session", params=PICTURED)
async def lively(stage: Stage, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """Give a printer something to show, in a language: one job under way, one failed, one done."""
    language: str = request.param
    under_way, failed, done = TITLES[language]
    device = stage.devices[LASER]

    async def send(title: str, pages: int) -> None:
        path = stage.home.documents / "look.pdf"
        path.write_bytes(make_pdf(pages))
        await stage.home.call(
            "lianke", "print", {"device_id": device, "file": str(path), "title": title}
        )

    async def newest() -> tuple[str, str]:
        jobs = (await stage.view())["jobs"]
        return (jobs[0]["title"], jobs[0]["state"]) if jobs else ("", "")

    await send(done, 2)
    await stage.until(newest, lambda found: found == (done, "completed"))
    refusal = {"kind": "code", "code": 502, "msg": "文件损坏"}
    await stage.cloud.post("faults", {"endpoint": "POST /print/job", "times": 1, **refusal})
    await send(failed, 1)
    await stage.until(newest, lambda found: found == (failed, "failed"))
    await send(under_way, 40)
    await stage.until(newest, lambda found: found == (under_way, "sending"))
    yield language
    for job in (await stage.view())["jobs"]:
        if job["can_cancel"]:
            await stage.home.call(
                "lianke", "cancel_job", {"device_id": job["device_id"], "job_id": job["job_id"]}
            )
    await stage.until(newest, lambda found: found[1] in {"canceled", "completed"})


def name(base: str, language: str) -> str:
    """Return the file name of a picture in a language."""
    return f"{base}.png" if language == "en" else f"{base}.{language}.png"


async def no_overflow(screen: Screen) -> None:
    """Check that nothing in the first card is wider than the card."""
    wide = await screen.card.evaluate(
        """(card) => {
          const edge = card.getBoundingClientRect();
          const all = (root) => [...root.querySelectorAll("*")].flatMap((one) =>
            one.shadowRoot && one.localName.startsWith("lianke-") ? [one, ...all(one.shadowRoot)] : [one]);
          return all(card.shadowRoot)
            .filter((one) => !one.closest(".hidden, .previews") && one.getClientRects().length)
            .filter((one) => {
              const box = one.getBoundingClientRect();
              return box.left < edge.left - 1 || box.right > edge.right + 1;
            })
            .map((one) => one.outerHTML.slice(0, 120));
        }"""
    )
    assert wide == []


async def test_card_with_jobs(stage: Stage, lively: str, pictures: Path) -> None:
    card = stage.full(history=2)
    async with stage.screen(card, language=lively, width=560, sharp=True) as screen:
        await screen.shows(TITLES[lively][0])
        await screen.shows(TITLES[lively][2])
        assert await screen.axe() == []
        await no_overflow(screen)
        await screen.picture(pictures / name("card", lively))


async def test_card_with_preview(stage: Stage, lively: str, pictures: Path) -> None:
    preview = PREVIEW[lively]
    async with stage.screen(
        stage.full(INKJET), language=lively, width=560, height=1100, sharp=True
    ) as screen:
        await screen.drop(("photo.jpg", "image/jpeg", photo()))
        await expect(screen.card.get_by_role("button", name=preview)).to_be_enabled()
        await screen.press(screen.card.get_by_role("button", name=preview))
        await expect(screen.card.locator(".previews img")).to_have_count(1)
        await screen.card.locator(".previews img").evaluate("(img) => img.decode()")
        assert await screen.axe() == []
        await no_overflow(screen)
        await screen.picture(pictures / name("card-preview", lively))


async def test_card_in_the_dark_on_a_phone(stage: Stage, lively: str, pictures: Path) -> None:
    async with stage.screen(
        stage.full(history=2), language=lively, width=390, height=844, dark=True, sharp=True
    ) as screen:
        await screen.shows(TITLES[lively][0])
        assert await screen.axe() == []
        await no_overflow(screen)
        await screen.picture(pictures / name("card-dark", lively))


async def test_compact_and_several_printers(stage: Stage, tmp_path: Path) -> None:
    cards = [
        stage.full(LASER, layout="compact"),
        stage.full(INKJET, layout="compact"),
        {"type": "custom:lianke-card", "title": "All", "hide_titles": True},
    ]
    async with stage.screen(*cards, width=390, height=1400) as screen:
        await screen.shows("Idle")
        assert await screen.axe() == []
        await no_overflow(screen)
        first, second = (screen.page.locator("lianke-card").nth(index) for index in (0, 1))
        for one in (first, second):
            box = await one.bounding_box()
            assert box is not None
            assert box["height"] < 80
        await first.locator("input[type=file]").set_input_files(
            {"name": "one.pdf", "mimeType": "application/pdf", "buffer": make_pdf(1)}
        )
        await screen.shows("one.pdf")
        await expect(first.get_by_label("Paper")).to_be_visible()
        await no_overflow(screen)
        await screen.page.screenshot(path=tmp_path / "compact.png", full_page=True)
        # axe does look into the card: a button that says nothing is a fault.
        await first.evaluate(
            """(card) => card.shadowRoot.querySelector("lianke-printer").shadowRoot.querySelector("section")
              .append(document.createElement("button"))"""
        )
        assert [fault.partition(" ")[0] for fault in await screen.axe()] == ["button-name"]


async def test_right_to_left(stage: Stage, tmp_path: Path) -> None:
    async with stage.screen(stage.full(LABEL), language="he", width=390, height=844) as screen:
        await screen.shows("Drop a file here")
        await expect(screen.page.locator("html")).to_have_attribute("dir", "rtl")
        await no_overflow(screen)
        badge = await screen.card.locator(".head .badge").bounding_box()
        label = await screen.card.locator(".head .name").bounding_box()
        assert badge is not None
        assert label is not None
        assert badge["x"] > label["x"] + label["width"] / 2
        await screen.picture(tmp_path / "rtl.png")


async def test_every_part_is_free_of_faults(stage: Stage) -> None:
    """Card with ink and quick buttons, form with errors, media library, preview; light, dark and in forced colors."""
    buttons = [{"name": "Note", "data": {"text": "Hello"}}]
    card = stage.full(INKJET, buttons=buttons, title="Study")
    async with stage.screen(card, width=400, height=900) as screen:
        await screen.shows("Idle")
        assert await screen.axe_in_every_look() == []
        await screen.drop(
            ("one.pdf", "application/pdf", make_pdf(2)), ("two.pdf", "application/pdf", b"")
        )
        await screen.card.get_by_label("Copies").fill("0")
        await screen.card.get_by_label("Copies").blur()
        await screen.press(screen.card.get_by_text("More options"))
        await expect(screen.card.get_by_role("alert")).to_have_count(2)
        assert await screen.axe_in_every_look() == []
        await no_overflow(screen)
        await screen.card.get_by_label("Copies").fill("1")
        await screen.press(screen.card.get_by_role("button", name="Preview", exact=True))
        await screen.press(screen.card.get_by_role("button", name="Enlarge page 1"))
        assert await screen.axe_in_every_look() == []
        await screen.page.keyboard.press("Escape")
        await screen.press(screen.card.get_by_role("button", name="Choose from the media library"))
        await expect(
            screen.card.get_by_role("dialog").get_by_role("listitem").first
        ).to_be_visible()
        assert await screen.axe_in_every_look() == []


async def test_text_twice_as_large_on_a_narrow_phone(stage: Stage, tmp_path: Path) -> None:
    """As Home Assistant's themes scale it: no line lies on another, and nothing reaches over the card's edge.

    In English, whose words are the longest.
    """
    title = "A title of some length that goes on.pdf"
    await send(stage, title)
    card = stage.full(history=2, buttons=[{"name": "Note", "data": {"text": "Hello"}}])
    async with stage.screen(card, width=320, height=800, touch=True) as screen:
        await expect(screen.row(title)).to_be_visible()
        await screen.page.evaluate(
            "document.documentElement.style.setProperty('--ha-font-size-scale', 2)"
        )
        await screen.page.evaluate("() => new Promise(requestAnimationFrame)")
        name = screen.card.locator(".name").first
        assert await name.evaluate("(name) => getComputedStyle(name).fontSize") == "28px"
        await no_overflow(screen)
        assert await screen.card.evaluate(_ON_EACH_OTHER) == []
        await screen.page.screenshot(path=tmp_path / "large.png", full_page=True)
        await screen.drop(("one.pdf", "application/pdf", make_pdf(2)))
        await expect(screen.card.locator("lianke-options-form select").first).to_be_visible()
        await expect(screen.card.locator(".previews img")).to_have_count(1)
        await no_overflow(screen)
        assert await screen.card.evaluate(_ON_EACH_OTHER) == []
        await screen.page.screenshot(path=tmp_path / "large-form.png", full_page=True)


@pytest.mark.parametrize("kind", ["masonry", "sections"])
async def test_every_width_and_view(stage: Stage, kind: str) -> None:
    cards = stage.full(INKJET), stage.full(LASER, layout="compact")
    async with stage.screen(*cards, kind=kind) as screen:

        async def at_every_width() -> None:
            for width in (320, 768, 1280, 1920):
                await screen.page.set_viewport_size({"width": width, "height": 900})
                # A new width is laid out anew before the next picture.
                await screen.page.evaluate("() => new Promise(requestAnimationFrame)")
                await no_overflow(screen)

        await screen.shows("Idle")
        await at_every_width()
        await screen.drop(("one.pdf", "application/pdf", make_pdf(1)))
        await expect(screen.card.get_by_label("Paper")).to_be_visible()
        await at_every_width()


async def height(what: Locator) -> float:
    """Return how high something is on the screen."""
    box = await what.bounding_box()
    assert box is not None
    return box["height"]


async def test_measures_are_those_of_home_assistant(stage: Stage) -> None:
    """A compact card is as high as a tile, fields and buttons as its own; three buttons a row at most."""
    await send(stage, "before")
    await send(stage, "short")
    compact, tile = stage.full(INKJET, layout="compact"), {"type": "tile", "entity": "sun.sun"}
    async with stage.screen(
        stage.full(history=2), compact, tile, width=320, height=800, touch=True
    ) as screen:
        await expect(screen.row("short")).to_contain_text("Completed")
        small = screen.page.locator("lianke-card").nth(1)
        await expect(small).to_contain_text("Idle")
        assert await height(small) == 56
        assert await height(screen.row("short")) == 40
        await screen.drop(
            ("one.pdf", "application/pdf", make_pdf(1)), ("two.pdf", "application/pdf", make_pdf(1))
        )
        form = screen.card.locator("lianke-print-form")
        await expect(screen.card.get_by_label("Paper")).to_be_visible()
        for field in await form.locator("select:visible, .form input:visible").all():
            assert await height(field) == 56
        for name in ("Print 2 files", "Preview", "Discard"):
            assert await height(form.get_by_role("button", name=name, exact=True)) == 40
        rows = form.locator(".actions").filter(has=screen.page.locator("[data-key=print]"))
        assert await height(rows) == 40
        assert await rows.locator("button").count() == 3


async def test_less_motion_for_who_wants_less(stage: Stage) -> None:
    async with stage.screen(moving=True) as screen:
        await screen.shows("Idle")
        badge = screen.card.locator(".head .badge")
        await badge.evaluate("(badge) => badge.classList.add('pulse')")
        animation = "(badge) => getComputedStyle(badge).animationName"
        assert await badge.evaluate(animation) != "none"
        await screen.page.emulate_media(reduced_motion="reduce")
        assert await badge.evaluate(animation) == "none"
