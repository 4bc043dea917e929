"""OFD files of other programs, where they are there: no file of a stranger belongs to this project.

They are looked for in the folder that LIANKE_OFD_SAMPLES names, or in `shared/ofd` beside the project.
"""

from functools import cache
from io import BytesIO
from itertools import takewhile
import os
from pathlib import Path
import re
import zipfile

from PIL import ImageChops
import pytest

from custom_components.lianke.pdf.ofd import convert_ofd
from tests import needs
from tests.pdf.ofd_judge import MM, Letter, Strangers, drawn_letters
from tests.pdf.ofd_samples import SCALE, Converted, converted, make_font, packed

ROOT = Path(__file__).parents[2]


def _folder() -> Path | None:
    named = os.environ.get("LIANKE_OFD_SAMPLES")
    places = [Path(named)] if named else [up / "shared" / "ofd" for up in ROOT.parents]
    return next((place for place in places if place.is_dir()), None)


FOLDER = _folder()
FILES = sorted(FOLDER.glob("*.ofd")) if FOLDER else []
there = pytest.mark.skipif(not FILES, reason="no OFD files of strangers (LIANKE_OFD_SAMPLES)")
# How far in mm a letter may be from the place that the file says.
MOST_OFF = 0.3
# How much of the picture of a seal, in mm at an edge, is blank among these files.
SEAL_MARGIN = 4.0


@cache
def every_letter() -> bytes:
    """Return a font that has Latin and Chinese characters and punctuation."""
    ranges = ((0x20, 0x500), (0x2000, 0x2700), (0x3000, 0x3100), (0x4E00, 0xA000), (0xFF00, 0xFFF0))
    return make_font("".join(chr(code) for first, last in ranges for code in range(first, last)))


def _covered(one: Letter, letters: list[Letter]) -> bool:
    """Return whether the letter lies on the same letter that was drawn before."""
    before = takewhile(lambda other: other is not one, letters)
    return any(
        other.letter == one.letter and abs(other.x - one.x) + abs(other.y - one.y) < MOST_OFF
        for other in before
    )


@pytest.mark.long
@there
@needs.poppler
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem[:6])
@pytest.mark.whole
def test_files_of_strangers(tmp_path: Path, file: Path) -> None:
    """Text and its places are those of the XML; nothing is missing."""
    stranger = Strangers(file.read_bytes())
    pages = stranger.pages()
    (tmp_path / "font.ttf").write_bytes(every_letter())
    target = tmp_path / "x.pdf"
    request = {"path": str(file), "target": str(target), "limit": 10**8}
    made = Converted(target, convert_ofd(request | {"font": str(tmp_path / "font.ttf")}))
    assert made.answer["pages"] == len(pages)
    assert made.missing == {}
    for number, letters in enumerate(pages):
        width, height = (side * MM for side in made.document[number].get_size())
        # Poppler leaves out a letter beyond the page, and one that lies on the same letter.
        expected = [one for one in letters if 0 <= one.x <= width and 0 <= one.y <= height]
        wanted = "".join(one.letter for one in expected if not _covered(one, expected))
        # A seal that is an OFD file itself is drawn last, and its text is no text of the page.
        assert made.text(number).startswith(wanted)
        drawn = drawn_letters(made.document, number)
        off = [
            one
            for one in expected
            if not any(
                abs(x - one.x) <= MOST_OFF and abs(y - one.y) <= MOST_OFF
                for x, y in drawn[one.letter]
            )
        ]
        assert not off


def _stamps(data: bytes) -> list[tuple[int, tuple[float, ...]]]:
    """Return the page, from 0, and the place of each seal."""
    stranger = Strangers(data)
    return [
        (stranger.page_ids.index(mark.get("PageRef", "")), tuple(map(float, place.split())))
        for tree in stranger.signatures()
        for mark in tree.iter()
        if mark.tag.endswith("StampAnnot") and (place := mark.get("Boundary"))
    ]


def _unsigned(data: bytes) -> bytes:
    """Return the file without the list of its signatures."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["OFD.xml"] = re.sub(rb"<ofd:Signatures>.*?</ofd:Signatures>", b"", parts["OFD.xml"])
    return packed(parts)


@there
def test_seals_of_strangers(tmp_path: Path) -> None:
    """What the signatures add to the pages lies within 1 mm of where they say, and fills it."""
    found = 0
    for file in FILES:
        data = file.read_bytes()
        for page, (left, top, width, height) in _stamps(data):
            found += 1
            signed = converted(tmp_path, data).rendered(page)
            bare = converted(tmp_path, _unsigned(data)).rendered(page)
            box = ImageChops.difference(signed, bare).convert("L").point(bool).getbbox()
            assert box is not None
            seen = [side / SCALE for side in box]
            assert seen == pytest.approx([left, top, left + width, top + height], abs=SEAL_MARGIN)
            assert seen[0] > left - 1
            assert seen[1] > top - 1
            assert seen[2] < left + width + 1
            assert seen[3] < top + height + 1
    assert found
