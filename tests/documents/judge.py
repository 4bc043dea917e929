"""Judge sheets with another program: poppler draws a page, and the sheet on which the page was laid out.

The page's place on the sheet is compared with the page, block by block. The worst block counts: a mean would hide that
a number on the page is missing.
"""

from pathlib import Path
import subprocess
import tempfile
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Pixels of the longer side of a page: 150 dpi on A4.
SIDE = 1754
# Pixels of a block's side; a digit of 9 points is about 8 pixels wide.
BLOCK = 8
# Maximum difference of a block, of 255. Two drawings of the same page differ by less than a quarter of this, drawings
# with another digit of 9 points by more than this.
WORST = 40
# Pixels at the edges of a page that are not compared, because they are mixed with what is beside the page.
EDGE = 2
# Maximum seconds for drawing a page.
SECONDS = 60


type Blocks = NDArray[np.int16]


class Place(NamedTuple):
    """A page's place on a sheet, in points from the upper left corner; `turns` are quarter turns counter-clockwise."""

    left: float
    top: float
    width: float
    height: float
    turns: int = 0


class Verdict(NamedTuple):
    """The difference of the worst block, of 255, and its place in percent from the upper left corner."""

    worst: int
    x: int
    y: int

    @property
    def is_same(self) -> bool:
        """Whether nobody would see a difference."""
        return self.worst <= WORST


def drawn(path: Path, page: int, *options: str) -> Image.Image:
    """Return a page, from 0, of a PDF file as poppler draws it, with SIDE pixels unless options say otherwise.

    Raises CalledProcessError, TimeoutExpired.
    """
    with tempfile.TemporaryDirectory() as folder:
        number = str(page + 1)
        options = options or ("-scale-to", str(SIDE))
        command = ["pdftoppm", "-cropbox", *options, "-f", number, "-l", number, "-singlefile"]
        command += [str(path), f"{folder}/page"]
        subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)
        with Image.open(f"{folder}/page.ppm") as image:
            image.load()
            return image


def judge(
    wanted: Image.Image, sheets: Path, sheet: int, place: Place, block: int = BLOCK
) -> Verdict:
    """Compare the drawing of a page with its place on a sheet."""
    # The sheet is drawn so large that the page on it has as many pixels as `wanted`.
    dpi = (wanted.height if place.turns % 2 else wanted.width) / place.width * 72
    left, top = place.left * dpi / 72, place.top * dpi / 72
    width, height = wanted.size[::-1] if place.turns % 2 else wanted.size
    # Rounding may make a difference of a pixel; a place of another shape is a mistake of the caller.
    assert abs(place.height * dpi / 72 - height) < 3, "the page has another shape"
    corner = ("-x", str(int(left)), "-y", str(int(top)))
    part = ("-W", str(width + 1), "-H", str(height + 1))
    found = drawn(sheets, sheet, "-r", f"{dpi:.4f}", *corner, *part)
    # The page may begin within a pixel, so the drawing is sampled between pixels.
    x, y = left % 1, top % 1
    found = found.crop((0, 0, width + 1, height + 1)).resize(
        (width, height), Image.Resampling.BILINEAR, (x, y, width + x, height + y)
    )
    return compare(wanted, found.rotate(-90 * place.turns, expand=True), block)


def compare(wanted: Image.Image, found: Image.Image, block: int = BLOCK) -> Verdict:
    """Compare two pictures of the same size, block by block."""
    assert wanted.size == found.size
    blocks = _blocks(wanted, block, 0, 0)
    differences = np.abs(blocks - _blocks(found, block, 0, 0))
    if differences.max() > WORST:
        # A line may be drawn a pixel further on, so each block is also compared with blocks that are moved by a pixel.
        moved = [_blocks(found, block, x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)]
        differences = np.min([np.abs(blocks - others) for others in moved], axis=0)
    differences = differences.max(axis=2)
    row, column = np.unravel_index(int(differences.argmax()), differences.shape)
    return Verdict(
        int(differences.max()),
        round((EDGE + column * block) * 100 / wanted.width),
        round((EDGE + row * block) * 100 / wanted.height),
    )


def _blocks(image: Image.Image, block: int, x: int, y: int) -> Blocks:
    """Return the mean colors of a picture's blocks, all moved by some pixels."""
    # Pixels left over at the right and the bottom are not compared; they are white on nearly all pages.
    columns, rows = ((length - 2 * EDGE) // block for length in image.size)
    left, top = EDGE + x, EDGE + y
    inner = image.crop((left, top, left + columns * block, top + rows * block))
    return np.asarray(inner.reduce(block), np.int16)
