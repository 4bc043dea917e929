"""A page as a scanner delivers it, and a comparison of pictures."""

from collections.abc import Sequence
from io import BytesIO

from PIL import Image, ImageChops, ImageDraw, ImageStat

A4 = (210.0, 297.0)
MM_PER_INCH = 25.4
# Mean difference, in steps of 255, up to which pictures count as the same: resampling and JPEG cause some.
ALIKE = 6.0


def page(dpi: float = 300, size: tuple[float, float] = A4, number: int = 1) -> Image.Image:
    """Draw a page, `size` in mm: four coloured corners, lines of writing, and as many bars as its number."""
    unit = dpi / MM_PER_INCH
    picture = Image.new("RGB", (round(size[0] * unit), round(size[1] * unit)), "white")
    draw = ImageDraw.Draw(picture)

    def block(left: float, top: float, right: float, bottom: float, color: str) -> None:
        draw.rectangle((left * unit, top * unit, right * unit, bottom * unit), fill=color)

    width, height = size
    block(5, 5, 35, 35, "red")
    block(width - 35, 5, width - 5, 35, "blue")
    block(5, height - 35, 35, height - 5, "green")
    block(width - 35, height - 35, width - 5, height - 5, "gray")
    for line in range(int((height - 100) // 12)):
        block(20, 50 + 12 * line, width - 20 - (line % 4) * 15, 53 + 12 * line, "black")
    for bar in range(number):
        block(60 + 12 * bar, 15, 66 + 12 * bar, 35, "black")
    return picture


def jpeg(picture: Image.Image, dpi: int | None = None) -> bytes:
    """Encode as JPEG; the file states a resolution only if `dpi` is given."""
    out = BytesIO()
    picture.save(out, "JPEG", quality=90, **({} if dpi is None else {"dpi": (dpi, dpi)}))
    return out.getvalue()


def part(picture: Image.Image, dpi: float, box: Sequence[float]) -> Image.Image:
    """Crop to a box of left, top, width and height in mm."""
    left, top, width, height = (length * dpi / MM_PER_INCH for length in box)
    return picture.crop((round(left), round(top), round(left + width), round(top + height)))


def difference(one: Image.Image, other: Image.Image) -> float:
    """Return the mean difference of two pictures, both reduced to an eighth, in steps of 255."""
    size = (max(1, other.width // 8), max(1, other.height // 8))
    small = [found.convert("RGB").resize(size, Image.Resampling.BOX) for found in (one, other)]
    means = ImageStat.Stat(ImageChops.difference(*small)).mean
    return sum(means) / len(means)
