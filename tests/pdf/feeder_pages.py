"""Pages as a feeder scans them, blank ones and others, each from a seed."""

from collections.abc import Callable
from functools import partial
from io import BytesIO
import random
from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from tests.scanned import A4, MM_PER_INCH

LINES = (
    "The meeting is on Thursday at half past three.",
    "Paid in cash, with thanks.",
    "p.t.o.",
    "Anlage 3 zum Vertrag vom 14. Mai",
    "This page is intentionally left blank.",
)
type Color = tuple[int, int, int]


class Sheet:
    """A side of a sheet, whose lengths are in mm."""

    def __init__(self, seed: int, dpi: int = 200) -> None:
        """Take paper of some tone: white, recycled, yellow or blue."""
        self.random, self.unit = random.Random(seed), dpi / MM_PER_INCH
        self.dpi = dpi
        self.paper: Color = self.random.choice(
            [(252, 252, 252), (244, 243, 240), (226, 224, 216), (250, 242, 200), (214, 226, 240)]
        )
        self.size = (round(A4[0] * self.unit), round(A4[1] * self.unit))
        self.picture = Image.new("RGB", self.size, self.paper)

    def draw(
        self, make: Callable[[ImageDraw.ImageDraw], None], strength: float = 1.0, blur: float = 0
    ) -> None:
        """Take away light: all of it where `make` draws black, with less strength and sharpness if told."""
        layer = Image.new("RGB", self.size, "white")
        make(ImageDraw.Draw(layer))
        if blur:
            layer = layer.filter(ImageFilter.GaussianBlur(blur * self.unit))
        self.take(layer, strength)

    def take(self, layer: Image.Image, strength: float = 1.0) -> None:
        faint = Image.blend(Image.new("RGB", self.size, "white"), layer, strength)
        self.picture = ImageChops.multiply(self.picture, faint)

    def mm(self, *lengths: float) -> Any:
        """Return lengths in pixels, as Pillow takes corners and boxes."""
        return tuple(length * self.unit for length in lengths)

    def font(self, mm: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        """Return a font whose capitals are about 0.7 of so many mm high."""
        return ImageFont.load_default(mm * self.unit)

    def write(
        self,
        at: tuple[float, float],
        text: str,
        mm: float = 4,
        color: str | Color = "black",
        strength: float = 1,
    ) -> None:
        x, y = self.mm(*at)
        self.draw(lambda pen: pen.text((x, y), text, color, self.font(mm)), strength)

    # What blank pages have, too.

    def specks(self, count: int) -> None:
        def make(pen: ImageDraw.ImageDraw) -> None:
            for _ in range(count):
                x, y = self.random.uniform(3, 207), self.random.uniform(3, 294)
                wide, high = (self.random.uniform(0.15, 0.8) for _ in range(2))
                gray = self.random.randint(20, 140)
                pen.ellipse(self.mm(x, y, x + wide, y + high), (gray,) * 3)

        self.draw(make, blur=0.05)

    def holes(self, count: int, *, is_black: bool) -> None:
        """Punch holes, two or four of 6 mm, into the left edge; before a black or a white background."""
        middle, left = A4[1] / 2 + self.random.uniform(-4, 4), self.random.uniform(9, 13)
        for number in range(count):
            y = middle + (number - (count - 1) / 2) * 80
            box = self.mm(left - 3, y - 3, left + 3, y + 3)
            if not is_black:
                ImageDraw.Draw(self.picture).ellipse(box, (254, 254, 254))
            self.draw(partial(self._hole, box, is_black), blur=0.1 if is_black else 0.2)

    def _hole(self, box: Any, is_black: bool, pen: ImageDraw.ImageDraw) -> None:
        if is_black:
            pen.ellipse(box, (40, 40, 40))
        else:
            pen.arc(box, 100, 290, (120, 120, 120), round(0.8 * self.unit))

    def show_through(self, strength: float) -> None:
        """Let the other side show through: printed lines and a picture, mirrored and soft."""
        layer = Image.new("RGB", self.size, "white")
        pen = ImageDraw.Draw(layer)
        for line in range(30):
            pen.text(
                self.mm(20, 25 + 7 * line), self.random.choice(LINES) * 2, "black", self.font(4)
            )
        pen.rectangle(self.mm(30, 240, 90, 275), "black")
        layer = layer.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        self.take(layer.filter(ImageFilter.GaussianBlur(0.25 * self.unit)), strength)

    def shadows(self) -> None:
        """Add what edges leave: a dark wedge beside a slanting edge, a thin line, a soft shadow."""
        kind = self.random.randrange(3)
        width, height = A4
        if kind == 0:
            far = self.random.uniform(2, 7)
            self.draw(
                lambda pen: pen.polygon(self.mm(0, 0, width, 0, width, far, 0, 0.5), (30, 30, 30)),
                blur=0.1,
            )
        elif kind == 1:
            x = width - self.random.uniform(3, 8)
            self.draw(
                lambda pen: pen.line(
                    self.mm(x, 0, x + 1, height), (130, 130, 130), round(0.3 * self.unit)
                ),
                blur=0.1,
            )
        else:
            self.draw(
                lambda pen: pen.rectangle(self.mm(0, height - 5, width, height), (90, 90, 90)),
                blur=2.5,
            )

    def scanned(self, quality: int = 80) -> bytes:
        """Return the JPEG of a scanner with some noise and uneven light."""
        pixels = np.asarray(self.picture, np.float32)
        noise = np.random.default_rng(self.random.randrange(1 << 30))
        light = np.linspace(1, self.random.uniform(0.95, 1), self.size[0], dtype=np.float32)
        pixels = pixels * light[None, :, None] + self.random.uniform(
            1, 3.5
        ) * noise.standard_normal(pixels.shape, np.float32)
        out = BytesIO()
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(
            out, "JPEG", quality=quality, dpi=(self.dpi,) * 2
        )
        return out.getvalue()


def dirt(sheet: Sheet) -> None:
    """Add some of what is on blank pages as well."""
    dirty: list[tuple[Callable[[], None], float]] = [
        (lambda: sheet.specks(sheet.random.randint(3, 30)), 0.5),
        (
            lambda: sheet.holes(sheet.random.choice((2, 4)), is_black=sheet.random.random() < 0.5),
            0.4,
        ),
        (lambda: sheet.show_through(sheet.random.uniform(0.02, 0.055)), 0.4),
        (sheet.shadows, 0.4),
    ]
    for make, often in dirty:
        if sheet.random.random() < often:
            make()


def specks(sheet: Sheet) -> None:
    sheet.specks(sheet.random.randint(10, 40))


def punch_holes(sheet: Sheet) -> None:
    sheet.holes(sheet.random.choice((2, 4)), is_black=sheet.random.random() < 0.5)


def show_through(sheet: Sheet) -> None:
    sheet.show_through(sheet.random.uniform(0.03, 0.06))


def edges(sheet: Sheet) -> None:
    sheet.shadows()
    dirt(sheet)


def line_of_text(sheet: Sheet) -> None:
    dirt(sheet)
    at = sheet.random.uniform(15, 80), sheet.random.uniform(12, 280)
    sheet.write(at, sheet.random.choice(LINES), sheet.random.uniform(3, 5))


def faint_stamp(sheet: Sheet) -> None:
    """Add a round or a square stamp that is nearly out of ink."""
    dirt(sheet)
    color = sheet.random.choice([(200, 30, 30), (40, 60, 180), (90, 40, 140)])
    x, y = sheet.random.uniform(20, 160), sheet.random.uniform(20, 240)
    edge = round(0.6 * sheet.unit)

    def make(pen: ImageDraw.ImageDraw) -> None:
        if sheet.random.random() < 0.5:
            pen.ellipse(sheet.mm(x, y, x + 32, y + 32), None, color, edge)
        else:
            pen.rectangle(sheet.mm(x, y, x + 40, y + 14), None, color, edge)
        pen.text(sheet.mm(x + 4, y + 4), "RECEIVED", color, sheet.font(5))

    sheet.draw(make, sheet.random.uniform(0.2, 0.5), blur=0.1)


def page_number(sheet: Sheet) -> None:
    dirt(sheet)
    at = (sheet.random.choice((25, 104, 185)), sheet.random.choice((12, 281)))
    sheet.write(
        at, sheet.random.choice(["1", "2", "7", "- 4 -", "12"]), sheet.random.uniform(2.8, 4)
    )


def pencil(sheet: Sheet) -> None:
    """Add a tick, a signature or a line drawn by hand, with a hard pencil."""
    dirt(sheet)
    x, y = sheet.random.uniform(20, 150), sheet.random.uniform(20, 250)
    points = [(x, y)]
    for _ in range(sheet.random.randint(2, 12)):
        x, y = x + sheet.random.uniform(0.5, 4), y + sheet.random.uniform(-4, 4)
        points.append((x, y))
    flat = [sheet.mm(*point) for point in points]
    gray = sheet.random.randint(130, 195)
    width = max(2, round(sheet.random.uniform(0.3, 0.6) * sheet.unit))
    sheet.draw(
        lambda pen: pen.line([tuple(one) for one in flat], (gray,) * 3, width, "curve"), blur=0.05
    )


BLANK = (specks, punch_holes, show_through, edges)
OTHERS = (line_of_text, faint_stamp, page_number, pencil)


def feeder_page(kind: Callable[[Sheet], None], seed: int) -> bytes:
    sheet = Sheet(seed, random.Random(seed).choice((100, 150, 200)))
    kind(sheet)
    return sheet.scanned()
