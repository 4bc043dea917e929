"""Compares our pages of OFD files with those of another program, ofd.js, in Chromium: one line a page, and pictures.

    npm install ofd.js@0.2.6
    LIANKE_OFD_SAMPLES=folder LIANKE_OFD_JS=node_modules/ofd.js python -m tests.pdf.ofd_beside pictures

A page is cut into crops of 30 mm. A crop's score is the share of both programs' ink that lies within 0.75 mm of the
other's. For each page with a crop below 0.9, the folder `pictures` gets our page and theirs, side by side.
"""

import asyncio
import base64
from collections.abc import Iterator
from itertools import product
import os
from pathlib import Path
import sys
import tempfile

from PIL import Image, ImageChops, ImageFilter
from playwright.async_api import Error, Page, async_playwright

from tests.pdf.ofd_judge import MM
from tests.pdf.ofd_samples import converted
from tests.simulator.rendering import find_chromium

# Pixels for each mm in the crops.
DENSITY = 4
CROP_MM = 30
# Width in pixels with which ofd.js draws a page.
WIDTH = 1200
GOOD = 0.9
# Fewer pixels of ink in a crop are no more than an edge of what lies in the next one.
LEAST_INK = 40

_DRAW = """async data => {
    const bytes = Uint8Array.from(atob(data), one => one.charCodeAt(0));
    const documents = await new Promise((success, fail) =>
        ofd.parseOfdDocument({ofd: bytes.buffer, success, fail: error => fail(String(error))}));
    const pages = documents.flatMap(one => ofd.renderOfd(WIDTH, one));
    document.body.replaceChildren(...pages);
    await document.fonts.ready;
    await new Promise(done => setTimeout(done, 500));
    return pages.length;
}""".replace("WIDTH", str(WIDTH))


async def theirs(page: Page, data: bytes, folder: Path) -> list[Image.Image]:
    count = await page.evaluate(_DRAW, base64.b64encode(data).decode())
    drawn = []
    for number in range(count):
        path = folder / f"theirs-{number}.png"
        await page.locator("body > div").nth(number).screenshot(path=path)
        drawn.append(Image.open(path).convert("RGB"))
    return drawn


def ink(picture: Image.Image) -> Image.Image:
    return picture.convert("L").point(lambda value: 255 if value < 215 else 0)


def pixels(mask: Image.Image) -> int:
    return mask.histogram()[255]


def scores(
    ours: Image.Image, others: Image.Image
) -> Iterator[tuple[float, tuple[int, int, int, int]]]:
    """Yield the score of each crop with ink, and its box."""
    both = [ink(ours), ink(others)]
    near = [one.filter(ImageFilter.MaxFilter(2 * 3 * DENSITY // 4 + 1)) for one in both]
    step = CROP_MM * DENSITY
    for left, top in product(range(0, ours.width, step), range(0, ours.height, step)):
        box = (left, top, min(left + step, ours.width), min(top + step, ours.height))
        mine, other, near_mine, near_other = (one.crop(box) for one in (*both, *near))
        if (found := pixels(mine) + pixels(other)) >= LEAST_INK:
            shared = pixels(ImageChops.darker(mine, near_other))
            shared += pixels(ImageChops.darker(other, near_mine))
            yield shared / found, box


def compared(ours: Image.Image, other: Image.Image, name: str, pictures: Path) -> str:
    """Return what there is to say about a page; below GOOD, both pages become a picture."""
    found = [*scores(ours, other)]
    bad = [
        f"{score:.2f} at {left // DENSITY},{top // DENSITY} mm"
        for score, (left, top, _, _) in found
        if score < GOOD
    ]
    if bad:
        beside = Image.new("RGB", (2 * ours.width + 4, ours.height), "red")
        beside.paste(ours, (0, 0))
        beside.paste(other, (ours.width + 4, 0))
        beside.save(pictures / f"{name}.png")
    least = min(found, default=(1.0,))[0]
    return f"{name}: {len(found)} crops, {least:.2f} or better. {', '.join(bad)}"


async def main(files: list[Path], library: Path, pictures: Path) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox"]
        )
        page = await browser.new_page(viewport={"width": WIDTH + 100, "height": 1800})
        await page.route("**/*", lambda route: route.abort())
        for file in files:
            with tempfile.TemporaryDirectory() as folder:
                data = await asyncio.to_thread(file.read_bytes)
                made = converted(Path(folder), data)
                await page.set_content("<!DOCTYPE html><style>body{margin:0}</style>")
                await page.add_script_tag(path=library / "lib" / "ofd.umd.min.js")
                try:
                    others = await theirs(page, data, Path(folder))
                except Error as err:
                    print(f"{file.stem[:6]}: ofd.js fails: {err.message}")  # noqa: T201
                    continue
                for number, other in enumerate(others):
                    drawn = made.document[number].render(scale=4).to_pil().convert("RGB")
                    size = [round(side * MM * DENSITY) for side in made.document[number].get_size()]
                    ours, beside = (
                        one.resize(size, Image.Resampling.BOX) for one in (drawn, other)
                    )
                    name = f"{file.stem[:6]}-{number + 1}"
                    print(compared(ours, beside, name, pictures))  # noqa: T201
        await browser.close()


if __name__ == "__main__":
    folders = [Path(os.environ.get(name, "")) for name in ("LIANKE_OFD_SAMPLES", "LIANKE_OFD_JS")]
    found = sorted(folders[0].glob("*.ofd"))
    if not found or not (folders[1] / "lib").is_dir() or len(sys.argv) != 2:
        sys.exit(f"There are no OFD files, no ofd.js or no folder for pictures.\n\n{__doc__}")
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(found, folders[1], target))
