"""What is on hidden layers, and texts that PDFium draws only in a form, in a page drawn before it is printed."""

from pathlib import Path

import pypdfium2
import pytest

from custom_components.lianke.pdf.draw import PREVIEW_PIXELS
from custom_components.lianke.pdf.layout import split
from tests.documents.pdf_samples import SAMPLES, Pdf, annotated, layered, one_page
from tests.pdf.sheets import colour, drawn, laid_out

# Where the annotations of `annotated` are, in parts of the page.
RED = 150 / 595, 1 - 450 / 842
BLUE = 350 / 595, 1 - 450 / 842


@pytest.mark.parametrize("name", ["text on it", "text on it, no form"])
def test_free_texts_are_drawn(tmp_path: Path, name: str) -> None:
    """Its red text is in no appearance. Around it PDFium draws a line, which is left out."""
    page = drawn(tmp_path, SAMPLES[name](), paper=None)
    left, top, right, bottom = (round(at * page.height / 842) for at in (103, 395, 297, 439))
    red, green, _ = page.crop((left, top, right, bottom)).split()
    inked = sum(a > 128 and b < 64 for a, b in zip(red.tobytes(), green.tobytes(), strict=True))
    assert inked > 100


# Where the content of `layered` is: red on its first layer, blue on its second.
FIRST = 250 / 595, 1 - 440 / 842
SECOND = 250 / 595, 1 - 340 / 842
ON_PRINT = "/AS [<< /Event /Print /OCGs [3 0 R 4 0 R] /Category [/Print] >>]"
ON_VIEW = "/AS [<< /Event /View /OCGs [3 0 R 4 0 R] /Category [/View] >>]"
NOT_PRINTED = "/Usage << /Print << /PrintState /OFF >> /View << /ViewState /ON >> >>"
PRINTED = "/Usage << /Print << /PrintState /ON >> /View << /ViewState /OFF >> >>"


def seen(folder: Path, data: bytes, *places: tuple[float, float]) -> list[str]:
    """Return the colours at places of a page, the same in its preview, alone on a sheet, and on one side of two."""
    path = folder / "source.pdf"
    path.write_bytes(data)
    file = {"path": str(path), "is_pdf": True, "pages": [0]}
    sheets = laid_out(folder, file)
    parts = [{"target": str(folder / "side.pdf"), "pages": [0], "turned": False}]
    split({"file": file, "parts": parts, "limit": 10**7, "upright": False})
    with pypdfium2.PdfDocument(folder / "side.pdf") as side:
        images = [
            drawn(folder, data, paper=None),
            sheets.picture(0),
            # As on a screen: whoever prints it may know no other way.
            side[0].render(scale=2).to_pil().convert("RGB"),
        ]
    found = [[colour(image, *place) for place in places] for image in images]
    assert found == [found[0]] * 3
    return found[0]


@pytest.mark.parametrize(
    ("state", "first", "red"),
    [
        # What is only for the screen was on the sheets, but not in the preview.
        (ON_PRINT, NOT_PRINTED, "white"),
        # What is only for paper.
        (f"/OFF [3 0 R] {ON_PRINT}", PRINTED, "red"),
        (f"/BaseState /OFF /ON [4 0 R] {ON_PRINT}", PRINTED, "red"),
        # Nobody asks for these.
        (f"/OFF [3 0 R] {ON_VIEW}", PRINTED, "white"),
        ("", NOT_PRINTED, "red"),
        # A list of other layers, and nothing said for printing.
        (ON_PRINT.replace("3 0 R ", ""), NOT_PRINTED, "red"),
        (f"/OFF [3 0 R] {ON_PRINT}", "/Usage << /View << /ViewState /ON >> >>", "white"),
        # Not meant for looking at.
        ("/OFF [3 0 R]", "/Intent /Design", "red"),
        ("/OFF [3 0 R]", "/Intent [/Design /View]", "white"),
    ],
)
def test_layers_are_printed_as_printing_asks(
    tmp_path: Path, state: str, first: str, red: str
) -> None:
    data = layered(state)().replace(b"/Name (One)", f"/Name (One) {first}".encode())
    assert seen(tmp_path, data, FIRST, SECOND) == [red, "blue"]


@pytest.mark.parametrize(
    ("state", "layer", "more", "red"),
    [
        ("", "3 0 R", {}, "red"),
        ("/OFF [4 0 R]", "3 0 R", {}, "red"),
        ("/OFF [3 0 R]", "3 0 R", {}, "white"),
        ("/BaseState /OFF", "3 0 R", {}, "white"),
        ("/OFF [4 0 R]", "5 0 R", {"group": "/P /AllOn"}, "white"),
        ("/OFF [3 0 R]", "3 0 R", {"kind": "/Subtype /Widget /FT /Tx /T (a)"}, "white"),
        *(
            ("/OFF [3 0 R]", "5 0 R", {"group": group}, red)
            for group, red in (
                ("/VE [/Not 3 0 R]", "red"),
                ("/VE [/Not 4 0 R]", "white"),
                ("/VE [/And 3 0 R 4 0 R]", "white"),
                ("/VE [/Or 3 0 R 4 0 R]", "red"),
                ("/VE [/Or 3 0 R [/Not 4 0 R]]", "white"),
                ("/P /AnyOff", "red"),
                ("/P /AllOff", "white"),
                ("/P /AnyOn", "red"),
            )
        ),
    ],
)
def test_annotations_are_printed_if_their_layers_are(
    tmp_path: Path, state: str, layer: str, more: dict[str, str], red: str
) -> None:
    assert seen(tmp_path, annotated(state, layer, **more)(), RED, BLUE) == [red, "blue"]


@pytest.mark.parametrize(
    ("state", "first", "red"),
    [(ON_PRINT, NOT_PRINTED, "white"), (f"/OFF [3 0 R] {ON_PRINT}", PRINTED, "red")],
)
def test_annotations_are_printed_as_printing_asks(
    tmp_path: Path, state: str, first: str, red: str
) -> None:
    data = annotated(state, "3 0 R")().replace(b"/Name (One)", f"/Name (One) {first}".encode())
    assert seen(tmp_path, data, RED, BLUE) == [red, "blue"]


def test_a_layer_that_is_hidden_stays_a_layer(tmp_path: Path) -> None:
    """The rest of its page is no picture, and can be searched."""
    path = tmp_path / "x.pdf"
    path.write_bytes(layered("/OFF [3 0 R]")())
    sheets = laid_out(tmp_path, {"path": str(path), "is_pdf": True, "pages": [0]})
    assert "Two chairs, oak" in sheets.text(0)


@pytest.mark.parametrize(
    "note",
    [
        "/Subtype /Widget /FT /Tx /T (a) /F 0 /MK << /BG [1 0 0] >>",
        "/Subtype /Stamp /F 0",
        "/Subtype /Stamp /F 2",
    ],
    ids=["field", "stamp", "hidden"],
)
def test_what_is_not_to_be_printed_is_in_no_preview(tmp_path: Path, note: str) -> None:
    """A field without the flag was in the preview, and not on the paper."""
    data = annotated("", "4 0 R", note)().replace(b" /F 4 /Rect [100", b" /Rect [100")
    assert seen(tmp_path, data, RED, BLUE) == ["white", "blue"]


@pytest.mark.parametrize(
    "note",
    [
        "/Subtype /Line /C [1 0 0] /L [100 450 300 450] /Border [0 0 20]",
        "/Subtype /PolyLine /C [1 0 0] /Vertices [100 450 300 450] /BS << /W 20 >>",
        "/Subtype /Polygon /C [1 0 0] /Vertices [100 450 300 450 200 452] /BS << /W 20 >>",
    ],
    ids=["line", "polyline", "polygon"],
)
def test_lines_without_an_appearance_are_in_the_preview(tmp_path: Path, note: str) -> None:
    data = one_page(annotations=[f"{note} /F 4 /Rect [95 395 305 465]"])()
    assert seen(tmp_path, data, (200 / 595, 1 - 450 / 842)) == ["red"]


@pytest.mark.parametrize(
    "rule",
    [
        "/VE [/Not 5 0 R]",
        "/VE 6 0 R",
        "/VE [/And " + "[/Not " * 400 + "3 0 R" + "]" * 400 + "]",
        "/OCGs [5 0 R 5 0 R]",
    ],
    ids=["itself", "doubling", "deep", "members"],
)
def test_rules_of_layers_that_have_no_end(tmp_path: Path, rule: str) -> None:
    """They count as shown, as without a rule."""
    made = Pdf(catalog="/OCProperties << /OCGs [3 0 R] /D << /OFF [3 0 R] >> >>")
    made.add("/Type /OCG /Name (One)")
    made.add("")
    made.add(f"/Type /OCMD {rule}")
    made.add("")
    made.page(annotations=["/Subtype /Square /F 4 /C [1 0 0] /Rect [9 9 99 99] /OC 5 0 R"])
    data = made.data().replace(b"6 0 obj\n<<  >>", b"6 0 obj\n[/And 6 0 R 6 0 R 6 0 R]")
    assert drawn(tmp_path, data, paper=None).height == PREVIEW_PIXELS
