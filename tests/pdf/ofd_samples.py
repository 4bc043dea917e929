"""Makes OFD files, the fonts in them and the signatures with their seals; looks at what comes of them."""

from collections.abc import Iterable, Mapping
from io import BytesIO
from itertools import accumulate
from pathlib import Path
import shutil
import struct
import subprocess
from typing import Any
import zipfile

from PIL import Image
import pypdfium2

from custom_components.lianke.pdf.ofd import convert_ofd
from custom_components.lianke.pdf.pdf_files import render_page

NAMESPACE = 'xmlns:ofd="http://www.ofdspec.org/2016"'
# Pixels for each mm of `rendered`.
SCALE = 8


def xml(name: str, content: str, attributes: str = "") -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<ofd:{name} {NAMESPACE} {attributes}>{content}</ofd:{name}>'


def layer(content: str, attributes: str = "") -> str:
    return f"<ofd:Content><ofd:Layer {attributes}>{content}</ofd:Layer></ofd:Content>"


def page_of(content: str, size: str = "0 0 100 80") -> str:
    area = f"<ofd:Area><ofd:PhysicalBox>{size}</ofd:PhysicalBox></ofd:Area>"
    return xml("Page", area + content)


def text(
    letters: str,
    *,
    at: str = "10 10 80 10",
    start: str = 'X="0" Y="8"',
    attributes: str = 'Size="8" Font="1"',
    inner: str = "",
    deltas: str = "",
) -> str:
    return (
        f'<ofd:TextObject ID="9" Boundary="{at}" {attributes}>{inner}'
        f"<ofd:TextCode {start} {deltas}>{letters}</ofd:TextCode></ofd:TextObject>"
    )


def shape(data: str, attributes: str = "", inner: str = "", at: str = "0 0 100 80") -> str:
    return (
        f'<ofd:PathObject ID="9" Boundary="{at}" {attributes}>{inner}'
        f"<ofd:AbbreviatedData>{data}</ofd:AbbreviatedData></ofd:PathObject>"
    )


def color(value: str, name: str = "FillColor", attributes: str = "", inner: str = "") -> str:
    return f'<ofd:{name} Value="{value}" {attributes}>{inner}</ofd:{name}>'


SQUARE = "M 20 20 L 60 20 L 60 60 L 20 60 C"


def make_ofd(
    *pages: str,
    resources: str = "",
    common: str = "",
    document: str = "",
    body: str = "",
    files: Mapping[str, str | bytes] | None = None,
) -> bytes:
    """Return a file of one document; each page is the content of its layer, or a whole part that `page_of` made.

    `resources`, `common`, `document` and `body` are put into the parts of these names.
    """
    listed = "".join(
        f'<ofd:Page ID="{number}" BaseLoc="Pages/Page_{number}/Content.xml"/>'
        for number in range(1, len(pages) + 1)
    )
    area = "<ofd:PageArea><ofd:PhysicalBox>0 0 100 80</ofd:PhysicalBox></ofd:PageArea>"
    parts: dict[str, str | bytes] = {
        "OFD.xml": xml(
            "OFD",
            f"<ofd:DocBody><ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot>{body}</ofd:DocBody>",
        ),
        "Doc_0/Document.xml": xml(
            "Document",
            f"<ofd:CommonData>{area}<ofd:PublicRes>PublicRes.xml</ofd:PublicRes>{common}</ofd:CommonData>"
            f"<ofd:Pages>{listed}</ofd:Pages>{document}",
        ),
        "Doc_0/PublicRes.xml": xml("Res", resources, 'BaseLoc="Res"'),
    }
    for number, content in enumerate(pages, start=1):
        whole = content if content.startswith("<?xml") else xml("Page", layer(content))
        parts[f"Doc_0/Pages/Page_{number}/Content.xml"] = whole
    return packed(parts | dict(files or {}))


def packed(parts: Mapping[str, str | bytes]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out.getvalue()


def embedded(file: str = "a.ttf", more: str = "") -> str:
    """Return the resources for a font with the id 1 that lies in the file."""
    font = f'<ofd:Font ID="1" FontName="Own" {more}><ofd:FontFile>{file}</ofd:FontFile></ofd:Font>'
    return f"<ofd:Fonts>{font}</ofd:Fonts>"


def pictures(**files: str) -> str:
    """Return the resources for pictures: file names by id, which follows a "p"."""
    listed = "".join(
        f'<ofd:MultiMedia ID="{name[1:]}" Type="Image"><ofd:MediaFile>{file}</ofd:MediaFile></ofd:MultiMedia>'
        for name, file in files.items()
    )
    return f"<ofd:MultiMedias>{listed}</ofd:MultiMedias>"


def make_font(letters: str, *, advance: int = 1000) -> bytes:
    """Return a TrueType font in which each letter is a box from 100 to 900, with the base line at its foot.

    The letters have the glyphs 1, 2, 3 …, after which one more glyph consists of the first.
    """
    box = struct.pack(">hhhhh", 1, 100, 0, 900, 800) + struct.pack(">HH", 3, 0) + b"\1" * 4
    box += struct.pack(">hhhh", 100, 800, 0, -800) + struct.pack(">hhhh", 0, 0, 800, 0)
    box += bytes(-len(box) % 4)
    of_box = struct.pack(">hhhhhHHbb", -1, 100, 0, 900, 800, 2, 1, 0, 0)
    outlines = [box, *[box] * len(letters), of_box + bytes(-len(of_box) % 4)]
    count = len(outlines)
    places = [0, *accumulate(map(len, outlines))]
    codes = sorted({ord(letter) for letter in letters})
    glyph_of = {ord(letter): number for number, letter in enumerate(letters, start=1)}
    groups = b"".join(struct.pack(">III", code, code, glyph_of[code]) for code in codes)
    table = struct.pack(">HHIII", 12, 0, 16 + len(groups), 0, len(codes)) + groups
    head = struct.pack(
        ">IIIIHHQQhhhhHHhhh",
        0x10000,
        0,
        0,
        0x5F0F3CF5,
        0,
        1000,
        0,
        0,
        0,
        0,
        1000,
        1000,
        0,
        8,
        2,
        1,
        0,
    )
    hhea = struct.pack(">Ihhh", 0x10000, 800, -200, 0) + bytes(24) + struct.pack(">H", count)
    tables = {
        b"cmap": struct.pack(">HHHHI", 0, 1, 3, 10, 12) + table,
        b"glyf": b"".join(outlines),
        b"head": head,
        b"hhea": hhea,
        b"hmtx": struct.pack(">HH", advance, 100) * count,
        b"loca": struct.pack(f">{count + 1}I", *places),
        b"maxp": struct.pack(">IH", 0x10000, count) + struct.pack(">13H", 4, 1, 4, 1, 1, *[0] * 8),
    }
    start, listed, body = 12 + 16 * len(tables), b"", b""
    for name, data in tables.items():
        listed += struct.pack(">4sIII", name, 0, start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    return struct.pack(">IHHHH", 0x10000, len(tables), 0, 0, 0) + listed + body


def _index(*objects: bytes) -> bytes:
    if not objects:
        return b"\0\0"
    places = [1 + sum(map(len, objects[:number])) for number in range(len(objects) + 1)]
    return (
        struct.pack(">HB", len(objects), 2)
        + struct.pack(f">{len(places)}H", *places)
        + b"".join(objects)
    )


def make_cff(glyphs: int, names: Iterable[int] | None = None) -> bytes:
    """Return a CFF font of boxes; with `names`, one whose glyphs have these numbers for names."""
    # 100 0 rmoveto, 800 hlineto, 800 vlineto, -800 hlineto, endchar
    big = b"\xf9\xb4"
    box = b"\xef\x8b\x15" + big + b"\x06" + big + b"\x07\xfd\xb4\x06\x0e"
    strings = _index(*[box] * glyphs)

    def number(value: int) -> bytes:
        return b"\x1d" + struct.pack(">i", value)

    def top(charset: int, at: int, private: int, fonts: int, select: int) -> bytes:
        ros = number(391) + number(392) + number(0) + b"\x0c\x1e" if names is not None else b""
        charsets = number(charset) + b"\x0f" if names is not None else b""
        several = (
            number(fonts) + b"\x0c\x24" + number(select) + b"\x0c\x25" if names is not None else b""
        )
        end = number(0) + number(private) + b"\x12" if names is None else b""
        return ros + charsets + number(at) + b"\x11" + several + end

    header = b"\1\0\4\2" + _index(b"Boxes")
    texts = _index(b"Adobe", b"Identity") if names is not None else _index()
    size = len(_index(top(0, 0, 0, 0, 0)))
    at = len(header) + size + len(texts) + 2
    charset = b"\0" + struct.pack(f">{glyphs - 1}H", *names) if names is not None else b""
    select = b"\0" + bytes(glyphs) if names is not None else b""
    private = at + len(strings)
    inner = _index(number(0) + number(private) + b"\x12") if names is not None else b""
    places = (private, at, private, private + len(charset) + len(select), private + len(charset))
    return header + _index(top(*places)) + texts + _index() + strings + charset + select + inner


def der(tag: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    length = len(content)
    if length < 128:
        return bytes([tag, length]) + content
    raw = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes([tag, 128 + len(raw)]) + raw + content


def seal_of(picture: bytes, kind: str = "PNG", *, version: int = 4) -> bytes:
    """Return a seal with its picture as GB/T 38540 (version 4) or GM/T 0031 (version 1) have it."""
    head = der(0x30, der(0x16, b"ES"), der(0x02, bytes([version])), der(0x16, b"tests"))
    validity = [der(0x17, b"200101000000Z")] * 3
    about = der(0x30, der(0x02, b"\1"), der(0x0C, "测试章".encode()), der(0x30), *validity)
    drawn = der(
        0x30, der(0x16, kind.encode()), der(0x04, picture), der(0x02, b"\x28"), der(0x02, b"\x28")
    )
    info = der(0x30, head, der(0x16, b"id"), about, drawn)
    if version == 1:
        return der(0x30, info, der(0x30, der(0x04, b"cert"), der(0x03, b"\0sign")))
    return der(0x30, info, der(0x04, b"cert"), der(0x06, b"\x2a\x81"), der(0x03, b"\0sign"))


def signature_of(seal: bytes, *, version: int = 4) -> bytes:
    return der(
        0x30,
        der(0x30, der(0x02, bytes([version])), seal, der(0x03, b"\0hash")),
        der(0x03, b"\0sign"),
    )


def sealed(*stamps: str, value: bytes | None, pages: Iterable[str] = ("",), **parts: Any) -> bytes:
    """Return a file with a signature that has these marks (StampAnnot); `value` is its SignedValue.dat."""
    files: dict[str, str | bytes] = {
        "Doc_0/Signs/Signatures.xml": xml(
            "Signatures", '<ofd:Signature ID="1" BaseLoc="/Doc_0/Signs/Sign_0/Signature.xml"/>'
        ),
        "Doc_0/Signs/Sign_0/Signature.xml": xml(
            "Signature",
            f"<ofd:SignedInfo>{''.join(stamps)}</ofd:SignedInfo>"
            "<ofd:SignedValue>/Doc_0/Signs/Sign_0/SignedValue.dat</ofd:SignedValue>",
        ),
    }
    if value is not None:
        files["Doc_0/Signs/Sign_0/SignedValue.dat"] = value
    files |= parts.pop("files", {})
    body = "<ofd:Signatures>Doc_0/Signs/Signatures.xml</ofd:Signatures>"
    return make_ofd(*pages, body=body, files=files, **parts)


def stamp(place: str, page: int = 1, more: str = "") -> str:
    return f'<ofd:StampAnnot ID="1" PageRef="{page}" Boundary="{place}" {more}/>'


def plain(
    fill: str, size: tuple[int, int] = (40, 40), kind: str = "PNG", mode: str = "RGB"
) -> bytes:
    out = BytesIO()
    Image.new(mode, size, fill).save(out, kind)
    return out.getvalue()


class Converted:
    """The PDF that an OFD file became."""

    def __init__(self, target: Path, answer: dict[str, Any]) -> None:
        """Open the PDF that was written."""
        self.path = target
        self.answer = answer
        self.missing: dict[str, list[int]] = answer["missing"]
        self.document = pypdfium2.PdfDocument(target)

    def rendered(self, page: int = 0) -> Image.Image:
        """Draw a page with SCALE pixels for each mm."""
        opened = self.document[page]
        width, height = (round(side * 25.4 / 72 * SCALE) for side in opened.get_size())
        drawn = render_page(self.document, opened, (width, height), (0, 0, width, height))
        return drawn.convert("RGB")

    def at(self, x: float, y: float, page: int = 0) -> tuple[int, int, int]:
        """Return the color at a place in mm from the upper left corner."""
        found: Any = self.rendered(page).getpixel((round(x * SCALE), round(y * SCALE)))
        red, green, blue = found
        return red, green, blue

    def ink(self, page: int = 0) -> tuple[float, float, float, float]:
        """Return the left, top, right and bottom edge, in mm, of everything that is not white."""
        grey = self.rendered(page).convert("L").point(lambda value: 255 if value < 128 else 0)
        box = grey.getbbox()
        assert box is not None
        return (box[0] / SCALE, box[1] / SCALE, box[2] / SCALE, box[3] / SCALE)

    def text(self, page: int = 0) -> str:
        """Return the text of a page as another program (poppler) reads it, without blanks."""
        assert shutil.which("pdftotext")
        number = str(page + 1)
        done = subprocess.run(
            ["pdftotext", "-raw", "-f", number, "-l", number, self.path, "-"],
            capture_output=True,
            check=True,
            timeout=60,
        )
        return "".join(done.stdout.decode().split())


def converted(folder: Path, data: bytes, font: str | None = None) -> Converted:
    """Convert a file; `font` are the letters of the font that takes the place of the integration's."""
    source, target = folder / "x.ofd", folder / "x.pdf"
    source.write_bytes(data)
    target.unlink(missing_ok=True)
    request: dict[str, Any] = {"path": str(source), "target": str(target), "limit": 10**8}
    if font is not None:
        (folder / "font.ttf").write_bytes(make_font(font))
        request["font"] = str(folder / "font.ttf")
    return Converted(target, convert_ofd(request))
