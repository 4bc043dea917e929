"""What is on hidden layers, and texts that PDFium draws only in a form, in a page drawn before it is printed."""

from collections.abc import Callable
from pathlib import Path

import pypdfium2
import pytest

from custom_components.lianke.pdf import annotations
from custom_components.lianke.pdf.annotations import may_hide
from custom_components.lianke.pdf.draw import SIDE
from custom_components.lianke.pdf.files import names
from custom_components.lianke.pdf.layout import NAMES
from tests.documents.pdf_samples import SAMPLES, annotated, layered
from tests.pdf.test_draw import colour, drawn

# Where the annotations of `annotated` are, in parts of the page.
RED = 150 / 595, 1 - 450 / 842
BLUE = 350 / 595, 1 - 450 / 842
HIDDEN = annotated("/OFF [3 0 R]", "3 0 R")


@pytest.mark.parametrize(
    ("document", "red"),
    [
        (annotated("", "3 0 R"), "red"),
        (annotated("/OFF [4 0 R]", "3 0 R"), "red"),
        (HIDDEN, "white"),
        (annotated("/BaseState /OFF", "3 0 R"), "white"),
        (annotated("/OFF [4 0 R]", "5 0 R", group="/P /AllOn"), "white"),
        (annotated("/OFF [3 0 R]", "3 0 R", "/Subtype /Widget /FT /Tx /T (a)"), "white"),
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
    image = drawn(tmp_path, document(), paper=None)
    assert (colour(image, *RED), colour(image, *BLUE)) == (red, "blue")


@pytest.mark.parametrize(("bound", "value"), [("MAX_REVISED", 10), ("MAX_LAYERS", 0)])
def test_layers_of_annotations_are_read_within_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    monkeypatch.setattr(annotations, bound, value)
    assert colour(drawn(tmp_path, HIDDEN(), paper=None), *RED) == "red"


@pytest.mark.parametrize("name", ["seal on a hidden layer", "text on it, no form"])
def test_a_copy_that_cannot_be_opened_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(annotations, "revised", lambda *_args, **_changes: b"%PDF-1.7")
    assert drawn(tmp_path, SAMPLES[name](), paper=None).height == SIDE


@pytest.mark.parametrize("name", ["text on it", "text on it, no form"])
def test_free_texts_are_drawn(tmp_path: Path, name: str) -> None:
    """Its red text is in no appearance. Around it PDFium draws a line, which is left out."""
    page = drawn(tmp_path, SAMPLES[name](), paper=None)
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
