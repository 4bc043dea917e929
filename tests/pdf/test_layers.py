"""What is on hidden layers, and texts that PDFium draws only in a form, in a page drawn before it is printed."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image
import pypdfium2
import pytest

from custom_components.lianke.pdf import annotations as layers, annotations as revision
from custom_components.lianke.pdf.annotations import may_hide
from custom_components.lianke.pdf.draw import SIDE, draw
from custom_components.lianke.pdf.files import names
from custom_components.lianke.pdf.layout import NAMES
from tests.documents.pdf_samples import SAMPLES, annotated, layered

# Where the annotations of `annotated` are, in parts of the page.
RED = 150 / 595, 1 - 450 / 842
BLUE = 350 / 595, 1 - 450 / 842
HIDDEN = annotated("/OFF [3 0 R]", "3 0 R")


def drawn(folder: Path, data: bytes) -> Image.Image:
    """Return the first page of a document as it is drawn."""
    source, target = folder / "source.pdf", folder / "page.jpg"
    source.write_bytes(data)
    target.unlink(missing_ok=True)
    request = {
        "path": str(source),
        "is_pdf": True,
        "page": 0,
        "target": str(target),
        "paper": None,
        "scale": "fit",
        "align": 5,
        "rotate": False,
        "mono": False,
    }
    draw(request)
    return Image.open(target).convert("RGB")


def colour(image: Image.Image, place: tuple[float, float]) -> str:
    """Return the colour at a place given in parts of the whole."""
    pixel = image.getpixel((int(image.width * place[0]), int(image.height * place[1])))
    assert isinstance(pixel, tuple)
    return "".join("x" if part > 128 else "-" for part in pixel)


@pytest.mark.parametrize(
    ("document", "red"),
    [
        (annotated("", "3 0 R"), "x--"),
        (annotated("/OFF [4 0 R]", "3 0 R"), "x--"),
        (HIDDEN, "xxx"),
        (annotated("/BaseState /OFF", "3 0 R"), "xxx"),
        (annotated("/OFF [4 0 R]", "5 0 R", group="/P /AllOn"), "xxx"),
        (annotated("/OFF [3 0 R]", "3 0 R", "/Subtype /Widget /FT /Tx /T (a)"), "xxx"),
    ],
    ids=[
        "no hidden layer",
        "other layer",
        "hidden",
        "hidden first",
        "hidden with another",
        "field",
    ],
)
def test_annotations_on_hidden_layers_are_not_drawn(
    tmp_path: Path, document: Callable[[], bytes], red: str
) -> None:
    image = drawn(tmp_path, document())
    assert (colour(image, RED), colour(image, BLUE)) == (red, "--x")


@pytest.mark.parametrize(
    ("module", "bound", "value"), [(revision, "MAX_REVISED", 10), (layers, "MAX_LAYERS", 0)]
)
def test_layers_of_annotations_are_read_within_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: object, bound: str, value: int
) -> None:
    monkeypatch.setattr(module, bound, value)
    assert colour(drawn(tmp_path, HIDDEN()), RED) == "x--"


@pytest.mark.parametrize("name", ["seal on a hidden layer", "text on it, no form"])
def test_a_copy_that_cannot_be_opened_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for module in (layers, revision):
        monkeypatch.setattr(module, "revised", lambda *_args, **_changes: b"%PDF-1.7")
    assert drawn(tmp_path, SAMPLES[name]()).height == SIDE


@pytest.mark.parametrize("name", ["text on it", "text on it, no form"])
def test_free_texts_are_drawn(tmp_path: Path, name: str) -> None:
    """Its red text is in no appearance. Around it PDFium draws a line, which is left out."""
    page = drawn(tmp_path, SAMPLES[name]())
    left, top, right, bottom = (round(at * page.height / 842) for at in (103, 395, 297, 439))
    red, green, _ = page.crop((left, top, right, bottom)).split()
    inked = sum(a > 128 and b < 64 for a, b in zip(red.tobytes(), green.tobytes(), strict=True))
    assert inked > 100


@pytest.mark.parametrize(
    ("state", "hides"),
    [
        ("", False),
        ("/OFF []", False),
        ("/ON [3 0 R] /OFF [ ]", False),
        ("/OFF [3 0 R]", True),
        ("/BaseState /OFF", True),
    ],
)
def test_only_files_that_may_hide_something_are_looked_at_twice(state: str, hides: bool) -> None:
    with pypdfium2.PdfDocument(layered(state)()) as document:
        assert may_hide(names(document, NAMES)) == hides
