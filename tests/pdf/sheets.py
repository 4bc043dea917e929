"""Lays out sheets and reads what is on them; places are in mm from the upper left corner."""

from collections.abc import Iterator
import ctypes
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, ImageColor
import pypdfium2

from custom_components.lianke.pdf.draw import draw
from custom_components.lianke.pdf.layout import lay_out

POINT = 25.4 / 72
A4 = (210.0, 297.0)


class Seen(NamedTuple):
    """The place of something on a sheet, in mm."""

    left: float
    top: float
    width: float
    height: float


def make_pages(path: Path, *sizes: tuple[float, float], rotate: int = 0) -> dict[str, Any]:
    """Write a PDF with a page of each size in mm, "A", "B" … in the lower left corner; return a request's file."""
    document = pypdfium2.PdfDocument.new()
    raw = pypdfium2.raw
    font = raw.FPDFText_LoadStandardFont(document, b"Helvetica")
    for number, (width, height) in enumerate(sizes):
        page = document.new_page(width / POINT, height / POINT)
        text = raw.FPDFPageObj_CreateTextObj(document, font, 24.0)
        data = ctypes.create_string_buffer(f"{chr(65 + number)}\0".encode("utf-16-le"))
        raw.FPDFText_SetText(text, ctypes.cast(data, ctypes.POINTER(ctypes.c_ushort)))
        raw.FPDFPage_InsertObject(page, text)
        page.gen_content()
        page.set_rotation(rotate)
    document.save(path)
    return {"path": str(path), "is_pdf": True, "pages": list(range(len(sizes)))}


def picture(
    size: tuple[int, int], kind: str = "PNG", *, right: str = "blue", **options: Any
) -> bytes:
    """Return a picture whose left half is red, and whose right half is in another colour."""
    image = Image.new("RGB", size, "red")
    image.paste(right, (size[0] // 2, 0, *size))
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def make_picture(path: Path, *what: Any, **options: Any) -> dict[str, Any]:
    """Write the result of `picture()`; return it as a request's file."""
    path.write_bytes(picture(*what, **options))
    return {"path": str(path), "is_pdf": False, "pages": [0]}


class Sheets:
    """The result of a request."""

    def __init__(self, target: Path, answer: dict[str, Any]) -> None:
        """Open the PDF that was written."""
        self.answer = answer
        self.document = pypdfium2.PdfDocument(target.read_bytes())
        assert len(self.document) == answer["pages"]

    def __len__(self) -> int:
        return len(self.document)

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Width and height of each sheet in whole mm."""
        return [
            (round(width * POINT), round(height * POINT))
            for width, height in (page.get_size() for page in self.document)
        ]

    def text(self, number: int) -> str:
        """Return the text on a sheet, as a reader can select it."""
        return str(self.document[number].get_textpage().get_text_bounded())

    def letters(self, number: int) -> dict[str, Seen]:
        """Return the place of each letter on a sheet."""
        page = self.document[number]
        text = page.get_textpage()
        height = page.get_height()
        found: dict[str, Seen] = {}
        for index in range(text.count_chars()):
            letter = text.get_text_range(index, 1)
            if letter.strip():
                left, bottom, right, top = text.get_charbox(index, loose=False)
                found[letter] = Seen(
                    left * POINT,
                    (height - top) * POINT,
                    (right - left) * POINT,
                    (top - bottom) * POINT,
                )
        return found

    def picture(self, number: int, *, dpi: int = 100) -> Image.Image:
        """Return a sheet as it looks."""
        drawn: Image.Image = self.document[number].render(scale=dpi / 72).to_pil()
        return drawn.convert("RGB")

    def colours(self, number: int, *, dpi: int = 254) -> Iterator[tuple[str, Seen]]:
        """Yield the parts of a sheet that are red and blue, in that order."""
        drawn = self.picture(number, dpi=dpi)
        red, green, blue = drawn.split()
        for name, one, other in (("red", red, blue), ("blue", blue, red)):
            mask = Image.merge("RGB", (one, other, green)).convert("RGB")
            strong = mask.getchannel(0).point(lambda value: 255 if value > 128 else 0)
            weak = mask.getchannel(1).point(lambda value: 255 if value < 100 else 0)
            both = Image.composite(strong, Image.new("L", drawn.size), weak)
            box = both.getbbox()
            if box is not None:
                scale = 25.4 / dpi
                yield (
                    name,
                    Seen(
                        box[0] * scale,
                        box[1] * scale,
                        (box[2] - box[0]) * scale,
                        (box[3] - box[1]) * scale,
                    ),
                )


REQUEST: dict[str, Any] = {
    "limit": 50_000_000,
    "paper": A4,
    "margin": (5, 5),
    "sheet": None,
    "landscape": None,
    "by_column": False,
    "frame": False,
    "side": "both",
    "columns": 2,
    "rows": 2,
    "photo": None,
    "fill": True,
    "upright": False,
    "count": 1,
    "new_sheet": False,
    "two_sided": False,
    "watermark": None,
    "opacity": 20,
    "date": None,
    "numbers": False,
}
"""What a layout is asked for with, besides its files and where it is written."""


def laid_out(folder: Path, *files: dict[str, Any], **changes: Any) -> Sheets:
    """Lay files out and return the sheets."""
    target = folder / f"sheets-{len([*folder.iterdir()])}.pdf"
    return Sheets(
        target, lay_out({**REQUEST, "files": list(files), "target": str(target), **changes})
    )


def draw_request(path: Path, target: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        is_pdf = file.read(4) == b"%PDF"
    return {
        "path": str(path),
        "is_pdf": is_pdf,
        "page": 0,
        "target": str(target),
        "paper": A4,
        "scale": "fit",
        "align": 5,
        "rotate": True,
        "mono": False,
    }


def drawn(folder: Path, data: bytes | Path, **changes: Any) -> Image.Image:
    """Return the picture that is drawn of a document, given as bytes or as a path."""
    path = data if isinstance(data, Path) else folder / "document"
    if isinstance(data, bytes):
        path.write_bytes(data)
    target = folder / f"{len([*folder.iterdir()])}.jpg"
    draw(draw_request(path, target) | changes)
    made = Image.open(target)
    made.load()
    assert made.format == "JPEG"
    assert target.stat().st_mode & 0o777 == 0o600
    return made


def colour(image: Image.Image, x: float, y: float) -> str:
    """Return the name of the nearest color at a place, whose coordinates are fractions of width and height."""
    found = image.convert("RGB").getpixel((int(image.width * x), int(image.height * y)))
    assert isinstance(found, tuple)
    return min(
        ("red", "blue", "white", "green"),
        key=lambda name: sum(
            abs(a - b) for a, b in zip(ImageColor.getrgb(name), found, strict=True)
        ),
    )


def ink(image: Image.Image) -> tuple[int, int, int, int]:
    """Return the bounding box of everything that is dark."""
    box = image.convert("L").point(lambda value: 255 if value < 128 else 0).getbbox()
    assert box is not None
    return box


def fax_coded(page: Image.Image, compression: str, options: int = 0) -> bytes:
    """Return a page as libtiff encodes it, without the TIFF file around it."""
    out = BytesIO()
    page.save(out, "TIFF", compression=compression, tiffinfo={278: page.height, 292: options})
    with Image.open(out) as made:
        tags: Any = made
        start, length = tags.tag_v2[273][0], tags.tag_v2[279][0]
    return out.getvalue()[start : start + length]
