"""A laser printer without a duplex unit, its trays, and a person who turns the stack over as instructed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pypdfium2

from custom_components.lianke.manual_duplex import Plan, Setup
from custom_components.lianke.pdf.layout import split
from tests.simulator.models import PrintedJob
from tests.simulator.printing import parse_page_range

# The end of a sheet that goes into the printer first: 0 or 1.
type End = int


class Image(NamedTuple):
    """What is printed on one face of a sheet: its text and its rotation.

    `turn` is the clockwise rotation of the content in degrees, for a person who holds the sheet with end 0 upwards.
    """

    text: str
    turn: int


@dataclass
class Sheet:
    """A sheet of paper with two faces; in a stack, `up` is the face that can be seen."""

    faces: list[Image | None] = field(default_factory=lambda: [None, None])
    up: int = 0
    leading: End = 0

    def turn_over(self) -> None:
        """Turn the sheet over around the axis along which it goes into the printer."""
        self.up = 1 - self.up


@dataclass(frozen=True)
class Laser:
    """A printer that prints one face of a sheet at a time, taking sheets from the top of its tray.

    `out_up`: sheets come out with the printed face up. `prints_up`: it prints the face that is up in the
    tray. `top_leads`: the top of a page is printed at the end that goes in first.
    """

    out_up: bool
    prints_up: bool
    top_leads: bool

    @property
    def comes_out(self) -> str:
        """Return the person's answer to the question how the test sheet came out."""
        return "face_up" if self.out_up else "face_down"

    @property
    def put_back(self) -> str:
        """Return how the stack has to be put back for its blank faces to be printed."""
        return "face_down" if self.prints_up else "face_up"

    @property
    def turned(self) -> bool:
        """Return whether the second arrow points the other way."""
        return not self.top_leads

    def print(self, pages: list[Image], tray: list[Sheet]) -> list[Sheet]:
        """Print pages on sheets from the top of the tray; return the sheets in the out tray, top first."""
        out: list[Sheet] = []
        for page in pages:
            sheet = tray.pop(0)
            face = sheet.up if self.prints_up else 1 - sheet.up
            assert sheet.faces[face] is None, "printed over what was there"
            top = sheet.leading if self.top_leads else 1 - sheet.leading
            sheet.faces[face] = Image(page.text, (page.turn + 180 * top) % 360)
            sheet.up = face if self.out_up else 1 - face
            out.insert(0, sheet)
        return out


# Four kinds by order and rotation, each in two builds.
LASERS = [Laser(*values) for values in product((False, True), repeat=3)]


def paper(count: int) -> list[Sheet]:
    return [Sheet() for _ in range(count)]


def turn_stack(stack: list[Sheet], put_back: str) -> list[Sheet]:
    """Put a stack back as the card instructs: with this face up, and with the upper edge of its pages first."""
    printed_up = all(sheet.faces[sheet.up] is not None for sheet in stack)
    if printed_up != (put_back == "face_up"):
        stack = [*reversed(stack)]
        for sheet in stack:
            sheet.turn_over()
    for sheet in stack:
        front = next(image for image in sheet.faces if image is not None)
        # If a landscape page was turned upright, its left edge is where the upper edge was.
        sheet.leading = 1 if front.turn in (180, 270) else 0
    return stack


def read(stack: list[Sheet], *, out_up: bool) -> Iterator[tuple[Image, Image]]:
    """Yield what a reader finds on the two faces of each sheet, from the first sheet of the finished stack on."""
    if out_up:
        stack = [*reversed(stack)]
        for sheet in stack:
            sheet.turn_over()
    for sheet in stack:
        front, back = sheet.faces[sheet.up], sheet.faces[1 - sheet.up]
        assert front is not None
        assert back is not None
        yield front, back


def images(path: Path, selection: str = "") -> list[Image]:
    """Return the pages of a PDF as they are printed."""
    document = pypdfium2.PdfDocument(path.read_bytes())
    pages = []
    for number in parse_page_range(selection)(len(document)):
        page = document[number - 1]
        assert page.get_width() <= page.get_height(), "a service may turn it either way"
        text = " ".join(page.get_textpage().get_text_bounded().split())
        pages.append(Image(text, page.get_rotation()))
    return pages


def images_of(job: PrintedJob) -> list[Image]:
    """Return the pages of a printed job as they were printed, each on a side of its own."""
    assert job.options.get("dmDuplex") in (None, "1")
    assert job.options.get("pdfRev") in (None, "0")
    assert job.copies == 1
    return images(job.path, job.options.get("jpPageRange", ""))


def plan_for(pages: int, copies: int = 1, laser: Laser = LASERS[0]) -> Plan:
    """Return the plan by which pages are split into two files for a printer."""
    setup = Setup(comes_out=laser.comes_out, put_back=laser.put_back)
    return Plan(
        pages=pages,
        copies=copies,
        put_back=setup.put_back,
        fronts_descending=setup.fronts_descending,
        backs_descending=setup.backs_descending,
    )


def split_to(
    paths: list[Path],
    file: dict[str, Any],
    plan: Plan,
    *,
    turned: bool = False,
    upright: bool = True,
    limit: int = 10**7,
) -> None:
    """Write the pages of a file to two files, one for each side of the sheets."""
    parts = [
        {"target": str(path), "pages": pages, "turned": turned and path is paths[1]}
        for path, pages in zip(paths, plan.sides, strict=True)
    ]
    split({"file": file, "parts": parts, "upright": upright, "limit": limit})
