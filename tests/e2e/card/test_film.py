"""The README's moving picture: a file is dropped, looked at and printed, and the sheet comes out.

It is made in every run, so that this always works; with LIANKE_PICTURES=1 it goes to .github/images.
"""

import asyncio
from pathlib import Path

from PIL import Image
from playwright.async_api import expect
import pytest

from .film import Film, exercises
from .marks import on_stage
from .stage import PATIENCE, PICTURED, SPEED, Screen, Stage

pytestmark = on_stage()

MAX_SIZE = 600_000  # bytes: a README is read on phones, too
WORDS = {
    "en": ("Drop a file here", "Preview", "Print", "Completed"),
    "zh-Hans": ("把文件拖到这里", "预览", "打印", "已完成"),
}
TITLE = "1 + 1.pdf"
_OVER = """
(zone) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File(["x"], "x.pdf", { type: "application/pdf" }));
  for (const kind of ["dragenter", "dragover"]) {
    const options = { dataTransfer: transfer, bubbles: true, cancelable: true, composed: true };
    zone.dispatchEvent(new DragEvent(kind, options));
  }
}
"""


@pytest.mark.parametrize("language", PICTURED)
async def test_from_drop_to_paper(
    stage: Stage, language: str, pictures: Path, tmp_path: Path
) -> None:
    drop_here, preview, print_it, completed = WORDS[language]
    before = len(await stage.printed())
    # Ten seconds of real time: a busy machine must still show the sheet on its way.
    await stage.cloud.change_printer(stage.cloud.device_id, 1, seconds_per_page=10 * SPEED)
    film = Film()
    path = pictures / ("film.webp" if language == "en" else f"film.{language}.webp")
    async with stage.screen(
        stage.full(history=1), language=language, width=560, height=1100, sharp=True
    ) as screen:

        async def shoot(milliseconds: int) -> None:
            film.add(await taken(screen, tmp_path), milliseconds)

        await screen.shows(drop_here)
        await shoot(1400)
        async with asyncio.timeout(PATIENCE):
            # As a browser does, again and again: what listens to it is loaded after what is shown.
            while await screen.card.get_by_text(drop_here).count():
                await screen.zone.evaluate(_OVER)
                await asyncio.sleep(0.2)
        await shoot(700)
        await screen.drop((TITLE, "application/pdf", exercises()))
        button = screen.card.get_by_role("button", name=preview, exact=True)
        await expect(button).to_be_enabled()
        await expect(screen.card.locator("select").first).to_be_visible()
        await shoot(1400)
        await button.click()
        await expect(screen.card.locator(".previews img")).to_have_count(1)
        await screen.card.locator(".previews img").evaluate("(img) => img.decode()")
        await shoot(2000)
        # The preview has moved it.
        await screen.press(screen.card.get_by_role("button", name=print_it, exact=True))
        row = screen.row(TITLE).first
        await expect(row).not_to_contain_text(completed)
        await shoot(900)
        await expect(row).to_contain_text(completed)
        await screen.shows(drop_here)
        await shoot(1400)
    await stage.cloud.change_printer(stage.cloud.device_id, 1, seconds_per_page=3.0)
    (printed,) = (await stage.printed())[before:]
    await asyncio.to_thread(film.save, path, Path(printed["path"]))
    with Image.open(path) as made:
        assert getattr(made, "n_frames", 1) > 6
        assert path.stat().st_size <= MAX_SIZE


async def taken(screen: Screen, folder: Path) -> bytes:
    """Return a picture of the card as it is."""
    path = folder / "frame.png"
    await screen.picture(path)
    return await asyncio.to_thread(path.read_bytes)
