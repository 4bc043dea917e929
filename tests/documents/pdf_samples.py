"""Small PDF files, written by hand, each with something that is easily lost on the way to a sheet."""

from collections.abc import Callable, Iterable
from typing import Any

A4 = "/MediaBox [0 0 595 842]"
HELVETICA = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
FONTS = f"/Font << /F {HELVETICA} >>"
LETTER = """BT /F 12 Tf 60 780 Td 16 TL
(Invoice No. 2026-1187) Tj T* (Two chairs, oak, delivered on 4 November) Tj T* (Sum: 318.40) Tj
ET 1 w 60 700 m 535 700 l S 60 90 475 20 re S BT /F 9 Tf 66 97 Td (Foot of the page) Tj ET
BT /F 9 Tf 480 822 Td (Head of the page) Tj ET
"""


class Pdf:
    """A PDF file that is being written."""

    def __init__(self, *, catalog: str = "", tree: str = "") -> None:
        """Begin with the catalog (object 1) and the page tree (object 2), to which these entries are added."""
        self.catalog = catalog
        self.tree = tree
        self._objects: list[bytes] = []
        self._pages: list[int] = []

    def add(self, entries: str, stream: str | bytes | None = None) -> int:
        """Add an object: a dictionary with these entries, with or without a stream. Return its number."""
        text = f"<< {entries} >>".encode("latin-1")
        if stream is not None:
            data = stream.encode("latin-1") if isinstance(stream, str) else stream
            text = f"<< {entries} /Length {len(data)} >>\nstream\n".encode("latin-1")
            text += data + b"\nendstream"
        self._objects.append(text)
        return len(self._objects) + 2

    def form(
        self, content: str, entries: str = f"/Resources << {FONTS} >>", box: str = "0 0 595 842"
    ) -> int:
        """Add a form XObject, which pages can draw; return its number."""
        return self.add(f"/Type /XObject /Subtype /Form /BBox [{box}] {entries}", content)

    def page(
        self,
        content: str | Iterable[str] = LETTER,
        entries: str = A4,
        *,
        resources: str | None = "",
        annotations: Iterable[str] = (),
    ) -> int:
        """Add a page; `resources` are those other than the font, None for a page without resources of its own."""
        parts = [content] if isinstance(content, str) else list(content)
        numbers = [self.add("", part) for part in parts]
        contents = " ".join(f"{number} 0 R" for number in numbers)
        entries += f" /Contents {contents if len(numbers) == 1 else f'[{contents}]'}"
        return self.bare_page(entries, resources=resources, annotations=annotations)

    def bare_page(
        self, entries: str, *, resources: str | None = "", annotations: Iterable[str] = ()
    ) -> int:
        """Add a page whose content is among its entries."""
        if resources is not None:
            entries += f" /Resources << {FONTS} {resources} >>"
        if notes := [self.add(f"/Type /Annot {one}") for one in annotations]:
            entries += f" /Annots [{' '.join(f'{number} 0 R' for number in notes)}]"
        number = self.add(f"/Type /Page /Parent 2 0 R {entries}")
        self._pages.append(number)
        return number

    def data(self) -> bytes:
        """Return the file."""
        kids = " ".join(f"{number} 0 R" for number in self._pages)
        head = [
            f"<< /Type /Catalog /Pages 2 0 R {self.catalog} >>".encode("latin-1"),
            f"<< /Type /Pages /Count {len(self._pages)} /Kids [{kids}] {self.tree} >>".encode(),
        ]
        data, places = b"%PDF-1.7\n", []
        for number, text in enumerate(head + self._objects, 1):
            places.append(len(data))
            data += f"{number} 0 obj\n".encode() + text + b"\nendobj\n"
        table = "".join(f"{place:010d} 00000 n \n" for place in places)
        size = len(places) + 1
        end = (
            f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R >>\n"
        )
        return data + f"{end}startxref\n{len(data)}\n%%EOF\n".encode()


def one_page(content: str = LETTER, entries: str = A4, **more: Any) -> Callable[[], bytes]:
    """Return a function that makes a file of one page."""

    def write() -> bytes:
        made = Pdf()
        made.page(content, entries, **more)
        return made.data()

    return write


def in_form(content: str) -> bytes:
    made = Pdf()
    form = made.form(content)
    made.page(LETTER + "/X Do", resources=f"/XObject << /X {form} 0 R >>")
    return made.data()


# Content that depends on the color with which every page begins: black, in one component.
INITIAL = "0.9 sc 100 300 200 100 re f 0.5 SC 4 w 100 300 200 100 re S 0 sc 320 300 20 100 re f\n"
QUARTZ = f"""q Q q 0 0 595 842 re W n 0.97 sc 0 0 595 842 re f Q
q 1 0 0 1 0 0 cm 0.8 sc 60 200 475 60 re f 0 sc {LETTER} Q q 1 sc 80 210 40 40 re f Q"""


def stamped(
    page: str = A4,
    *,
    tree: str = "",
    resources: str | None = "",
    flag: int = 4,
    content: str = LETTER,
) -> Callable[[], bytes]:
    """Return a function that makes a page with a red seal, which is an annotation with an appearance."""

    def write() -> bytes:
        made = Pdf(tree=tree)
        seal = made.form(
            "0.8 0 0 RG 4 w 3 3 94 94 re S BT /F 20 Tf 1 0 0 rg 18 42 Td (PAID) Tj ET",
            box="0 0 100 100",
        )
        made.page(
            content,
            page,
            resources=resources,
            annotations=[
                f"/Subtype /Stamp /Rect [380 560 480 660] /F {flag} /AP << /N {seal} 0 R >>"
            ],
        )
        return made.data()

    return write


def noted(*annotations: str) -> Callable[[], bytes]:
    """Return a function that makes a page with annotations that have no appearance."""

    def write() -> bytes:
        made = Pdf(catalog=f"/AcroForm << /Fields [] /DA (/F 12 Tf 0 g) /DR << {FONTS} >> >>")
        made.page(annotations=[f"{one} /F 4" for one in annotations])
        return made.data()

    return write


def filled(*fields: str, need: bool = True, parent: str = "") -> Callable[[], bytes]:
    """Return a function that makes a form whose fields have values and no appearance."""

    def write() -> bytes:
        made = Pdf()
        above = made.add(parent) if parent else 0
        more = f" /Parent {above} 0 R" if parent else ""
        page = made.page(annotations=[f"/Subtype /Widget /F 4 {one}{more}" for one in fields])
        notes = " ".join(f"{number} 0 R" for number in range(page - len(fields), page))
        made.catalog = (
            f"/AcroForm << /Fields [{f'{above} 0 R' if parent else notes}] /DA (/F 12 Tf 0 g) "
            f"/DR << {FONTS} >> {'/NeedAppearances true' if need else ''} >>"
        )
        return made.data()

    return write


def ticked() -> bytes:
    made = Pdf()
    on = made.form("2 w 2 2 m 18 18 l 2 18 m 18 2 l S", box="0 0 20 20")
    off = made.form("", box="0 0 20 20")
    states = f"/AP << /N << /Yes {on} 0 R /Off {off} 0 R >> >>"
    fields = [
        f"/Subtype /Widget /FT /Btn /T (a) /V /Yes /AS /Yes /Rect [100 400 120 420] /F 4 {states}",
        f"/Subtype /Widget /FT /Btn /T (b) /V /Off /AS /Off /Rect [140 400 160 420] /F 4 {states}",
    ]
    page = made.page(annotations=fields)
    made.catalog = f"/AcroForm << /Fields [{page - 2} 0 R {page - 1} 0 R] >>"
    return made.data()


def in_tree() -> bytes:
    made = Pdf(tree=A4)
    made.page(entries="")
    return made.data()


def parts(*content: str) -> bytes:
    made = Pdf()
    made.page(content)
    return made.data()


SECRET = "1 0 0 rg 100 400 300 80 re f"
PLAIN = "0 0 1 rg 100 300 300 80 re f"


def layered(
    state: str, content: str = f"/OC /One BDC {SECRET} EMC /OC /Two BDC {PLAIN} EMC", more: str = ""
) -> Callable[[], bytes]:
    """Return a function that makes a page with a red layer (object 3) and a blue one (4); `state` can hide them."""

    def write() -> bytes:
        made = Pdf(catalog=f"/OCProperties << /OCGs [3 0 R 4 0 R] /D << {state} >> >>")
        made.add("/Type /OCG /Name (One)")
        made.add("/Type /OCG /Name (Two)")
        form = made.form(SECRET, "/OC 3 0 R")
        resources = f"/Properties << /One 3 0 R /Two 4 0 R {more} >> /XObject << /X {form} 0 R >>"
        made.page(LETTER + content, resources=resources)
        return made.data()

    return write


def annotated(
    state: str, layer: str, kind: str = "/Subtype /Stamp", group: str = ""
) -> Callable[[], bytes]:
    """Return a function that makes a page with a red annotation on a layer and a blue annotation on no layer.

    Objects 3 and 4 are layers; object 5 (OCMD) depends on both.
    """

    def write() -> bytes:
        made = Pdf(catalog=f"/OCProperties << /OCGs [3 0 R 4 0 R] /D << {state} >> >>")
        made.add("/Type /OCG /Name (One)")
        made.add("/Type /OCG /Name (Two)")
        made.add(f"/Type /OCMD /OCGs [3 0 R 4 0 R] {group}")
        red, blue = (
            made.form(f"{color} rg 0 0 99 99 re f", box="0 0 99 99") for color in ("1 0 0", "0 0 1")
        )
        page = made.page(
            annotations=[
                f"{kind} /F 4 /Rect [100 400 200 500] /AP << /N {red} 0 R >> /OC {layer}",
                f"/Subtype /Stamp /F 4 /Rect [300 400 400 500] /AP << /N {blue} 0 R >>",
            ]
        )
        made.catalog += f" /AcroForm << /Fields [{page - 2} 0 R] >>" if "/Widget" in kind else ""
        return made.data()

    return write


def two_pages_one_content() -> bytes:
    made = Pdf()
    content = made.add("", LETTER)
    for _ in range(2):
        made.bare_page(f"{A4} /Contents {content} 0 R")
    return made.data()


def mixed() -> bytes:
    made = Pdf()
    made.page()
    made.page(
        "BT /F 20 Tf 40 40 Td (Lying) Tj ET 5 5 410 585 re S", "/MediaBox [0 0 420 595] /Rotate 90"
    )
    made.page("BT /F 20 Tf 40 40 Td (Long) Tj ET 5 5 290 890 re S", "/MediaBox [0 0 300 900]")
    made.page("BT /F 8 Tf 10 20 Td (Small) Tj ET 2 2 96 56 re S", "/MediaBox [0 0 100 60]")
    return made.data()


def below_a_branch() -> bytes:
    """Return a file whose page inherits box, font and rotation from the branch of the page tree above it."""
    made = Pdf()
    content = made.add("", LETTER)
    branch = content + 2
    page = made.add(f"/Type /Page /Parent {branch} 0 R /Contents {content} 0 R")
    made.add(
        f"/Type /Pages /Parent 2 0 R /Count 1 /Kids [{page} 0 R] {A4} /Rotate 90 "
        f"/Resources << {FONTS} >>"
    )
    made._pages.append(branch)
    return made.data()


def drawn_with(
    resources: dict[str, tuple[str, str]], content: str, entries: str = ""
) -> Callable[[], bytes]:
    """Return a function that makes a page that draws with `resources`: by name, kind with entries, and stream."""

    def write() -> bytes:
        made = Pdf()
        kinds: dict[str, str] = {}
        for name, (things, stream) in resources.items():
            kind, _, rest = things.partition(" ")
            number = made.add(rest, stream or None)
            kinds[kind] = kinds.get(kind, "") + f" /{name} {number} 0 R"
        listed = " ".join(f"/{kind} <<{names} >>" for kind, names in kinds.items())
        made.page(LETTER + content, A4 + entries, resources=listed)
        return made.data()

    return write


GROUP = " /Group << /S /Transparency /CS /DeviceRGB /I true >>"
CHECKS = "".join("\xff\x00" * 4 + "\x00\xff" * 4 for _ in range(4))
PIXELS = "XObject /Type /XObject /Subtype /Image /Width 8 /Height 8 /BitsPerComponent 8"
TILE = (
    "Pattern /Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 20 20] "
    "/XStep 20 /YStep 20 /Resources << >>"
)
SHADE = (
    "/ShadingType 2 /ColorSpace /DeviceRGB /Coords [100 0 400 0] "
    "/Function << /FunctionType 2 /Domain [0 1] /C0 [1 0 0] /C1 [0 0 1] /N 1 >>"
)
QUAD = "/QuadPoints [60 792 240 792 60 776 240 776] /Rect [60 776 240 792]"
SECOND = "/QuadPoints [60 776 240 776 60 760 240 760] /Rect [60 760 240 776]"
TEXT_ON_IT = (
    "/Subtype /FreeText /F 4 /DA (/F 40 Tf 1 0 0 rg) /Contents (Approved) /Rect [100 400 300 450]"
)
FIELD = "/FT /Tx /T (a) /Rect [100 400 300 420] /DA (/F 12 Tf 0 g)"

SAMPLES: dict[str, Callable[[], bytes]] = {
    "plain": one_page(),
    # The color with which a page begins.
    "initial color": one_page(LETTER + INITIAL),
    "initial color, macOS": one_page(QUARTZ),
    "initial color in a form": lambda: in_form(INITIAL),
    "initial color after another": one_page(f"q 1 0 0 rg 60 600 50 50 re f Q {LETTER}{INITIAL}"),
    # Boxes.
    "box of the tree": in_tree,
    "box of the tree, seal": stamped("", tree=A4),
    "box of a branch": below_a_branch,
    "font of the tree, seal": stamped(tree=f"/Resources << {FONTS} >>", resources=None),
    "crop box of the tree, seal": stamped(tree="/CropBox [40 60 560 840]"),
    "rotation of the tree, seal": stamped(tree="/Rotate 270"),
    "crop box": one_page(entries=f"{A4} /CropBox [50 80 500 800]"),
    "crop box, seal": stamped(f"{A4} /CropBox [50 80 500 800]"),
    "crop box larger than the paper": one_page(entries=f"{A4} /CropBox [-50 -50 700 900]"),
    "box off the origin": one_page(entries="/MediaBox [-100 -50 495 820]"),
    "box off the origin, seal": stamped("/MediaBox [-100 -50 495 820]"),
    "box upside down": one_page(entries="/MediaBox [595 842 0 0]"),
    "turned by 90": one_page(entries=f"{A4} /Rotate 90"),
    "turned by 180": one_page(entries=f"{A4} /Rotate 180"),
    "turned by 270, crop box": one_page(entries=f"{A4} /Rotate 270 /CropBox [50 80 500 800]"),
    "turned by -90, seal": stamped(f"{A4} /Rotate -90"),
    "units of the page": one_page(entries=f"{A4} /UserUnit 2"),
    "sizes": mixed,
    "large": one_page(
        "BT /F 200 Tf 100 300 Td (A0) Tj ET 90 w 50 50 2284 3270 re S", "/MediaBox [0 0 2384 3370]"
    ),
    # Forms.
    "field": filled(f"{FIELD} /V (Anna Lindqvist)"),
    "field, nobody says so": filled(f"{FIELD} /V (Anna Lindqvist)", need=False),
    "field, value above": filled(
        "/Rect [100 400 300 420]", parent="/FT /Tx /T (a) /V (4711) /DA (/F 12 Tf 0 g)"
    ),
    "field, lines": filled(
        "/FT /Tx /T (a) /Rect [100 300 300 420] /DA (/F 10 Tf 0 0 1 rg) /Ff 4096 /V (One line\\nand another)"
    ),
    "fields": filled(
        f"{FIELD} /V (12)",
        "/FT /Ch /Ff 131072 /T (c) /Opt [(Small)(Large)] /V (Large) /Rect [100 350 300 370] /DA (/F 12 Tf 0 g)",
    ),
    "field with a border": filled(
        f"{FIELD} /V (7) /MK << /BC [1 0 0] /BG [0.9 0.9 1] >> /BS << /W 2 >>"
    ),
    "ticks": ticked,
    # Annotations.
    "seal": stamped(),
    "hidden seal": stamped(flag=6),
    "highlight": noted(f"/Subtype /Highlight /C [1 1 0] {QUAD}"),
    "lines in a text": noted(
        f"/Subtype /Underline /C [1 0 0] {QUAD}", f"/Subtype /StrikeOut /C [0 0 1] {SECOND}"
    ),
    "text on it": noted(TEXT_ON_IT),
    "text on it, no form": one_page(annotations=[TEXT_ON_IT.replace("/F 40", "/Helv 40")]),
    "ink": noted(
        "/Subtype /Ink /C [0 0 1] /BS << /W 3 >> /InkList [[100 400 150 480 200 400 250 480]] /Rect [95 395 255 485]"
    ),
    "square and circle": noted(
        "/Subtype /Square /C [1 0 0] /BS << /W 3 >> /Rect [100 400 200 460]",
        "/Subtype /Circle /C [0 0.5 0] /IC [0.8 1 0.8] /Rect [250 400 350 460]",
    ),
    "line": noted("/Subtype /Line /C [1 0 0] /L [100 400 300 460] /Rect [95 395 305 465]"),
    "line in no rectangle": noted(
        "/Subtype /Line /C [1 0 0] /L [100 400 300 460] /Rect [0 0 0 0] /Border [0 0 4]"
    ),
    "polygon": noted(
        "/Subtype /Polygon /C [1 0 0] /Vertices [100 400 200 460 300 400] /Rect [95 395 305 465]"
    ),
    "polyline": noted(
        "/Subtype /PolyLine /C [0 0 1] /Vertices [100 400 200 460 300 400] /Rect [95 395 305 465]"
    ),
    # Layers.
    "layers shown": layered(""),
    "layer hidden": layered("/OFF [3 0 R]"),
    "other layer hidden": layered("/OFF [4 0 R]"),
    "all hidden but one": layered("/BaseState /OFF /ON [4 0 R]"),
    "form on a hidden layer": layered("/OFF [3 0 R]", "/X Do"),
    "hidden with another": layered(
        "/OFF [3 0 R]",
        f"/OC /M BDC {SECRET} EMC",
        "/M << /Type /OCMD /OCGs [3 0 R 4 0 R] /P /AllOn >>",
    ),
    "seal on a hidden layer": annotated("/OFF [3 0 R]", "3 0 R"),
    "seal on a layer that is shown": annotated("/OFF [4 0 R]", "3 0 R"),
    "seal hidden with another": annotated("/OFF [4 0 R]", "5 0 R", group="/P /AllOn"),
    "seal hidden without another": annotated("", "5 0 R", group="/P /AllOff"),
    "field on a hidden layer": annotated(
        "/OFF [3 0 R]", "3 0 R", "/Subtype /Widget /FT /Tx /T (a)"
    ),
    # Transparency, patterns and pictures.
    "transparent": drawn_with(
        {"G": ("ExtGState /ca 0.4 /CA 0.4", "")}, f"/G gs {SECRET} {PLAIN}", GROUP
    ),
    "multiplied": drawn_with(
        {"G": ("ExtGState /BM /Multiply", "")}, "/G gs 1 1 0 rg 60 770 200 30 re f", GROUP
    ),
    "tiles": drawn_with(
        {"P": (TILE, "1 0 0 rg 0 0 10 10 re f")}, "/Pattern cs /P scn 100 300 300 100 re f"
    ),
    "shading": drawn_with({"S": (f"Shading {SHADE}", "")}, "q 100 300 300 100 re W n /S sh Q"),
    "pattern of a shading": drawn_with(
        {"P": (f"Pattern /PatternType 2 /Shading << {SHADE} >>", "")},
        "/Pattern cs /P scn 100 300 300 100 re f",
    ),
    "picture": drawn_with(
        {"I": (f"{PIXELS} /ColorSpace /DeviceGray", CHECKS)}, "q 160 0 0 160 100 300 cm /I Do Q"
    ),
    "stencil": drawn_with(
        {
            "I": (
                "XObject /Type /XObject /Subtype /Image /Width 8 /Height 8 /ImageMask true",
                "\xaa\x55" * 4,
            )
        },
        "q 160 0 0 160 100 300 cm /I Do Q",
    ),
    "picture in the content": one_page(
        LETTER + "q 160 0 0 160 100 300 cm BI /W 8 /H 8 /IM true ID " + "\xf0\x0f" * 4 + "\nEI Q"
    ),
    # How the content is written.
    "content in parts": lambda: parts(LETTER[:30], LETTER[30:200], LETTER[200:]),
    "a state that is left": one_page(f"q 0.5 0 0 0.5 50 50 cm 1 0 0 rg q {LETTER}"),
    "a state too many": one_page(f"q Q Q {LETTER} Q Q 1 0 0 rg 100 300 50 50 re f"),
    "a state too many, seal": stamped(content=f"q Q Q {LETTER} Q Q 1 0 0 rg 100 300 50 50 re f"),
    "one content, two pages": two_pages_one_content,
}
