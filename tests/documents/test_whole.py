"""A document is whole or it is refused: of every type, wherever it was cut off."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from io import BytesIO
from pathlib import Path
import random
import re
import struct
import sys
import time
from types import ModuleType
from typing import Any
import zlib

from homeassistant.core import HomeAssistant
from PIL import Image, ImageDraw
import pytest

from custom_components.lianke.documents import completeness, pdf_client
from custom_components.lianke.documents.completeness import async_check_complete
from custom_components.lianke.documents.document import Document, FileType, SourceKind
from custom_components.lianke.documents.pdf_client import PdfError, async_get_pdf_worker
from custom_components.lianke.documents.spool import Spool
from custom_components.lianke.input_error import InputError
from custom_components.lianke.pdf import pdf_completeness, picture_completeness
from custom_components.lianke.pdf.process import TaskError
from tests.documents.conftest import fetched, site_without_pdfium, spooled
from tests.documents.pdf_samples import Pdf
from tests.documents.samples import pdf_with_streams
from tests.pdf.sheets import fax_coded as fax
from tests.simulator import make_pdf

type Fetch = Callable[[str, bytes], Awaitable[Document]]
type Check = Callable[[bytes, str], bool]

REFUSED = {"file_damaged", "file_empty", "image_unreadable", "pdf_damaged"}


def drawn(mode: str = "RGB", size: tuple[int, int] = (620, 877)) -> Image.Image:
    """Return a page with writing on coarse noise, which no coding makes small."""
    small = (size[0] // 4, size[1] // 4)
    page = Image.effect_noise(small, 50).resize(size).convert("RGB")
    draw = ImageDraw.Draw(page)
    for top in range(20, size[1], 30):
        draw.text((30, top), "Rechnung 发票 12345", fill="black")
    return page.convert(mode)


def saved(kind: str, mode: str = "RGB", **how: Any) -> bytes:
    out = BytesIO()
    drawn(mode).save(out, kind, **how)
    return out.getvalue()


def by_pillow(pages: int) -> bytes:
    return saved("PDF", save_all=True, append_images=[drawn("L")] * (pages - 1))


def linearized() -> bytes:
    """Return a PDF as it is written for slow lines: it says how long it is, and has an end near its start."""
    rest = make_pdf(3).partition(b"\n")[2]
    head = (
        b"%%PDF-1.4\n99 0 obj\n<</Linearized 1/L %010d/H[0 0]/O 4/E 9/N 3/T 9>>\nendobj\n"
        b"xref\n0 0\ntrailer\n<</Root 1 0 R>>\nstartxref\n0\n%%%%EOF\n"
    )
    return head % len(head % 0 + rest) + rest


def frames(kind: str, **how: Any) -> bytes:
    """Return a file with three pages."""
    return saved(kind, save_all=True, append_images=[drawn("L"), drawn("1")], **how)


SAMPLES: dict[str, bytes] = {
    "jpeg.jpg": saved("JPEG"),
    "gray.jpg": saved("JPEG", "L", quality=60),
    "cmyk.jpg": saved("JPEG", "CMYK"),
    "progressive.jpg": saved("JPEG", progressive=True),
    "restarts.jpg": saved("JPEG", restart_marker_rows=2),
    "png.png": saved("PNG"),
    "palette.png": saved("PNG", "P"),
    "bits.png": saved("PNG", "1"),
    "bmp.bmp": saved("BMP"),
    "bits.bmp": saved("BMP", "1"),
    "gif.gif": saved("GIF", "P"),
    "plain.tif": saved("TIFF"),
    "lzw.tif": saved("TIFF", compression="tiff_lzw"),
    "fax.tif": saved("TIFF", "1", compression="group4"),
    "pages.tif": frames("TIFF", compression="tiff_adobe_deflate"),
    "webp.webp": saved("WEBP"),
    "lossless.webp": saved("WEBP", "RGBA", lossless=True),
    "avif.avif": saved("AVIF"),
    "simulator.pdf": make_pdf(5),
    "pillow.pdf": by_pillow(3),
    "streams.pdf": pdf_with_streams(23),
    "linearized.pdf": linearized(),
}


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def with_hole(data: bytes, start: float, length: float, filler: bytes) -> bytes:
    """Return data of which a part is missing, or reads as zeros."""
    first, last = int(len(data) * start), int(len(data) * (start + length))
    return data[:first] + filler * (last - first) + data[last:]


def png_by_hand(*, interlaced: bool) -> bytes:
    """Return a PNG of 33 by 21 pixels, in passes or row by row; Pillow writes none in passes."""
    width, height = 33, 21
    passes = [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ]
    sizes = [
        (len(range(x, width, across)), len(range(y, height, down))) for x, y, across, down in passes
    ]
    chance = random.Random(3)
    rows = b"".join(
        b"\0" + chance.randbytes(3 * columns)
        for columns, count in (sizes if interlaced else [(width, height)])
        for _ in range(count)
        if columns
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, interlaced)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def progressive_and_white(size: tuple[int, int]) -> bytes:
    """Return a picture whose last scan, of no details, may be there again."""
    out = BytesIO()
    Image.new("L", size, "white").save(out, "JPEG", progressive=True)
    return out.getvalue()


def with_last_scan_again(data: bytes, times: int) -> bytes:
    """Return a progressive JPEG that says its last scan so many times more."""
    start, end = data.rindex(b"\xff\xda"), data.rindex(b"\xff\xd9")
    return data[:end] + data[start:end] * times + data[end:]


def one_scan_each(data: bytes) -> bytes:
    """Return a JPEG with a scan for each colour: of the first as it is in grey, and of two more of the same."""
    gray = SAMPLES["gray.jpg"]
    start = gray.index(b"\xff\xc0")
    length = int.from_bytes(gray[start + 2 : start + 4])
    head = gray[start + 4 : start + 9]
    frame = b"\xff\xc0" + (17).to_bytes(2) + head + b"\3\1\x11\0\2\x11\0\3\x11\0"
    scan = gray.index(b"\xff\xda")
    coded = gray[scan + 10 : -2]
    scans = (b"\xff\xda\0\x08\1" + bytes([color]) + b"\0\0\x3f\0" + coded for color in (1, 2, 3))
    return gray[:start] + frame + gray[start + 2 + length : scan] + b"".join(scans) + b"\xff\xd9"


def with_thumbnail(data: bytes) -> bytes:
    """Return a JPEG that has a preview of itself at its start."""
    thumbnail = saved("JPEG", quality=20)[:30000]
    return data[:2] + b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2) + thumbnail + data[2:]


def with_odd_sum(data: bytes, part: bytes) -> bytes:
    """Return a PNG with another sum behind the part, so that nothing else is amiss."""
    changed, at = bytearray(data), data.index(part)
    changed[at + 4 + int.from_bytes(data[at - 4 : at])] ^= 1
    return bytes(changed)


def with_half_a_jpeg(data: bytes) -> bytes:
    """Return a PDF that is whole but for the last picture in it."""
    start = data.rindex(b"\xff\xd8\xff")
    end = data.index(b"endstream", start)
    middle = (start + end) // 2
    return data[:middle] + b"\xff\xd9" + bytes(end - middle - 2) + data[end:]


def pdf_with_packed_picture(part: float, filters: str = "/FlateDecode") -> bytes:
    """Return a PDF that is whole, with a picture of 300 by 400 points of which a part is there."""
    packed = zlib.compress(random.Random(1).randbytes(300 * 400 * 3))
    coded = packed[: int(len(packed) * part)]
    if "Hex" in filters:
        coded = coded.hex().encode() + b">"
    made = Pdf()
    head = "/Type /XObject /Subtype /Image /Width 300 /Height 400 /ColorSpace /DeviceRGB"
    picture = made.add(f"{head} /BitsPerComponent 8 /Filter [{filters}]", coded)
    made.page("q 595 0 0 842 0 0 cm /X Do Q", resources=f"/XObject << /X {picture} 0 R >>")
    return made.data()


def pdf_with_picture(coded: bytes, entries: str, mode: str = "L") -> bytes:
    """Return a PDF with a page of 620 by 877 dots, coded as `entries` say."""
    made = Pdf()
    head = "/Type /XObject /Subtype /Image /Width 620 /Height 877"
    color = {"L": "/DeviceGray", "1": "/DeviceGray", "RGB": "/DeviceRGB"}[mode]
    bits = 1 if mode == "1" else 8
    head += f" /ColorSpace {color} /BitsPerComponent {bits} {entries}"
    picture = made.add(head, coded)
    made.page("q 595 0 0 842 0 0 cm /X Do Q", resources=f"/XObject << /X {picture} 0 R >>")
    return made.data()


def jbig2() -> bytes:
    """Return a page as JBIG2: the head of the page, and a region of it that is coded as faxes are."""

    def segment(number: int, kind: int, data: bytes) -> bytes:
        return struct.pack(">IBBBI", number, kind, 0, 1, len(data)) + data

    page = struct.pack(">IIIIBH", 620, 877, 0, 0, 0, 0)
    region = struct.pack(">IIIIBB", 620, 877, 0, 0, 0, 1) + fax(drawn("1"), "group4")
    return segment(0, 48, page) + segment(1, 38, region)


FAX = "/Filter /CCITTFaxDecode /DecodeParms << /K %d /Columns 620 /Rows 877 %s >>"
PICTURES: dict[str, tuple[bytes, str, str]] = {
    "group 4": (fax(drawn("1"), "group4"), FAX % (-1, ""), "1"),
    "group 3": (fax(drawn("1"), "group3"), FAX % (0, ""), "1"),
    "group 3 in two dimensions": (fax(drawn("1"), "group3", 1), FAX % (4, ""), "1"),
    "aligned rows": (fax(drawn("1"), "tiff_ccitt"), FAX % (0, "/EncodedByteAlign true"), "1"),
    "packed colors": (zlib.compress(drawn().tobytes()), "/Filter /FlateDecode", "RGB"),
    "packed gray": (zlib.compress(drawn("L").tobytes()), "/Filter /FlateDecode", "L"),
    "packed bits": (zlib.compress(drawn("1").tobytes()), "/Filter [/FlateDecode]", "1"),
    "letters": (drawn("L").tobytes().hex().encode(), "/Filter /ASCIIHexDecode", "L"),
    "packed letters": (
        base64.a85encode(zlib.compress(drawn("L").tobytes())) + b"~>",
        "/Filter [/ASCII85Decode /FlateDecode]",
        "L",
    ),
    "a packed JPEG": (zlib.compress(saved("JPEG", "L")), "/Filter [/FlateDecode /DCTDecode]", "L"),
    "JPEG 2000": (saved("JPEG2000"), "/Filter /JPXDecode", "RGB"),
    "JBIG2": (jbig2(), "/Filter /JBIG2Decode", "1"),
    "plain": (drawn("L").tobytes(), "", "L"),
}
# Other colours, or codes, that nothing tells from true ones.
UNTOLD = {"JPEG 2000", "JBIG2", "letters", "plain"}


PALETTE = saved("PNG", "P", transparency=3)
NOTED = SAMPLES["png.png"][:33] + chunk(b"tEXt", b"Title\0Rechnung") + SAMPLES["png.png"][33:]
JPEG, EACH = SAMPLES["jpeg.jpg"], one_scan_each(SAMPLES["jpeg.jpg"])
PASSES = {f"interlaced: {way}": png_by_hand(interlaced=way) for way in (False, True)}

WHOLE: dict[str, tuple[str, bytes]] = {
    "JPEG without half of its end": (".jpg", JPEG[:-1]),
    "JPEG without its end": (".jpg", JPEG[:-2]),
    "restarts without the end": (".jpg", SAMPLES["restarts.jpg"][:-2]),
    "PNG without its end": (".png", SAMPLES["png.png"][:-12]),
    "GIF without its end": (".gif", SAMPLES["gif.gif"][:-1]),
    # As phones put it behind a photo.
    "half of a second JPEG": (".jpg", JPEG + JPEG[: len(JPEG) // 2]),
    "thumbnail": (".jpg", with_thumbnail(JPEG)),
    "many FF before a marker": (".jpg", JPEG[:-2] + b"\xff" * 300_000 + JPEG[-2:]),
    "a scan for each color": (".jpg", EACH),
    "palette": (".png", PALETTE),
    "a note whose sum is wrong": (".png", with_odd_sum(NOTED, b"tEXt")),
    **{name: (".png", data) for name, data in PASSES.items()},
    "packed": (".pdf", pdf_with_packed_picture(1)),
    "packed twice": (".pdf", pdf_with_packed_picture(1, "/ASCIIHexDecode /FlateDecode")),
    # PDFium shows it with eight, and has more or fewer bytes of it then.
    **{
        f"{bits} bits": (
            ".pdf",
            pdf_with_picture(
                zlib.compress(bytes((620 * bits + 7) // 8) * 877), "/Filter /FlateDecode"
            ).replace(b"/BitsPerComponent 8", b"/BitsPerComponent %d" % bits),
        )
        for bits in (2, 4, 16)
    },
}
INCOMPLETE, EITHER = "^incomplete$", "^(incomplete|image_damaged)$"
# The search for a marker went over the same FF again and again, until a third of a picture was printed.
EMPTY_FLASH: dict[str, tuple[str, bytes, str]] = {
    f"{name}, empty flash{end!r}": (
        ".jpg",
        SAMPLES[name][: len(SAMPLES[name]) // 3] + b"\xff" * 300_000 + end,
        EITHER,
    )
    for name in ("jpeg.jpg", "gray.jpg", "cmyk.jpg", "progressive.jpg")
    for end in (b"", b"\xff\xd9")
}


def without_rows(name: str) -> dict[str, bytes]:
    # Some senders end a picture that they did not finish, or leave room for what did not come.
    data, middle = SAMPLES[name], len(SAMPLES[name]) // 2
    return {
        f"{name}, ended": data[:middle] + b"\xff\xd9",
        f"{name}, zeros": data[:middle] + bytes(len(data) - middle),
        f"{name}, a hole": data[:middle] + data[middle + 4000 :],
    }


def without_color(number: int) -> bytes:
    """Return a JPEG with a scan for each colour that ends in one; what is grey of it is all there."""
    scans = [found.start() for found in re.finditer(rb"\xff\xda", EACH)]
    return EACH[: scans[number] + 40] + b"\xff\xd9"


DAMAGED: dict[str, tuple[str, bytes, str]] = {
    **{
        name: (".jpg", data, INCOMPLETE)
        for sample in ("jpeg.jpg", "gray.jpg", "cmyk.jpg")
        for name, data in without_rows(sample).items()
    },
    **EMPTY_FLASH,
    "in the middle of a scan": (
        ".jpg",
        SAMPLES["progressive.jpg"][: len(SAMPLES["progressive.jpg"]) * 2 // 3] + b"\xff\xd9",
        INCOMPLETE,
    ),
    "thumbnail alone": (".jpg", with_thumbnail(JPEG[:4000]), INCOMPLETE),
    **{f"without color {number}": (".jpg", without_color(number), INCOMPLETE) for number in (1, 2)},
    **{name: (".png", data[: len(data) * 9 // 10], INCOMPLETE) for name, data in PASSES.items()},
    **{
        f"sum of {part!r}": (".png", with_odd_sum(PALETTE, part), "^image_damaged$")
        for part in (b"IHDR", b"PLTE", b"tRNS")
    },
    "half a JPEG in a PDF": (".pdf", with_half_a_jpeg(saved("PDF")), INCOMPLETE),
    "half a packed picture": (".pdf", pdf_with_packed_picture(0.5), INCOMPLETE),
    "half of one packed twice": (
        ".pdf",
        pdf_with_packed_picture(0.5, "/ASCIIHexDecode /FlateDecode"),
        INCOMPLETE,
    ),
    # As a file lacks it whose middle never came: lengths and places in it are wrong as well.
    **{
        f"a hole in a PDF at {place}": (
            ".pdf",
            with_hole(pdf_with_picture(*PICTURES["group 4"]), place, 0.1, b""),
            "incomplete|damaged",
        )
        for place in (0.2, 0.5, 0.8)
    },
}


@pytest.fixture
def fetch(hass: HomeAssistant, spool: Spool, media: Path) -> Fetch:
    """Return a function that takes a file as far as to its document."""

    async def fetch(name: str, data: bytes) -> Document:
        (media / name).write_bytes(data)
        return await fetched(hass, spool, SourceKind.FILE, str(media / name), limit=2**25)

    return fetch


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Return a function that looks at data of a type, in as many turns as it takes on a busy machine."""

    def check(data: bytes, kind: str) -> bool:
        (tmp_path / "x").write_bytes(data)
        request = {"path": str(tmp_path / "x"), "type": kind, "start": 0}
        if kind != ".pdf":
            return bool(picture_completeness.check_picture(request)["sure"])
        answer = pdf_completeness.check_pdf(request)
        while answer["sure"] and answer["next"]:
            answer = pdf_completeness.check_pdf(request | {"start": answer["next"]})
        return bool(answer["sure"])

    return check


def follow(path: Path, data: bytes, places: list[Any]) -> None:
    """Look at a PDF in turns, and note where each begins; None is the end."""
    path.write_bytes(data)
    while places[-1] is not None:
        answer = pdf_completeness.check_pdf({"path": str(path), "start": places[-1]})
        assert answer["sure"]
        places.append(answer["next"])


@pytest.mark.parametrize("name", SAMPLES)
async def test_a_file_is_refused_where_it_is_cut_off_and_not_for_what_follows_it(
    hass: HomeAssistant, fetch: Fetch, name: str
) -> None:
    data = SAMPLES[name]
    for place in (0, 1, 3, 5, 7, 9):
        with pytest.raises(InputError) as caught:
            await fetch(name, data[: len(data) * place // 10])
        assert caught.value.reason in REFUSED, place
    assert spooled(hass) == []
    for tail in (b"", b"\r\n", bytes(3000)):
        assert (await fetch(name, data + tail)).size > 0


@pytest.mark.parametrize("name", WHOLE)
def test_what_looks_odd_may_be_whole(check: Check, name: str) -> None:
    kind, data = WHOLE[name]
    assert check(data, kind)


@pytest.mark.parametrize("name", DAMAGED)
def test_what_looks_whole_may_be_damaged(check: Check, name: str) -> None:
    kind, data, reason = DAMAGED[name]
    began = time.process_time()
    with pytest.raises(TaskError, match=reason):
        check(data, kind)
    if name in EMPTY_FLASH:
        assert time.process_time() - began < 1


@pytest.mark.parametrize("place", [0.2, 0.35, 0.5, 0.65, 0.8])
def test_a_hole_in_a_jpeg_of_several_parts(check: Check, place: float) -> None:
    """Decoders take up their work again with the next part."""
    data = SAMPLES["restarts.jpg"]
    cut = int(len(data) * place)
    holes = [with_hole(data, place, length, b"") for length in (0.005, 0.02, 0.1)]
    for damaged in (*holes, data[:cut] + bytes(len(data) - cut - 2) + data[-2:]):
        with pytest.raises(TaskError, match=EITHER):
            assert check(damaged, ".jpg") is len(damaged)


@pytest.mark.parametrize("name", ["png.png", "palette.png", "bits.png"])
def test_zeros_in_the_middle_or_at_the_end_of_a_png(check: Check, name: str) -> None:
    """Zeros unpack to rows, too; only the sum at the end of them tells."""
    for start in (0.2, 0.35, 0.5, 0.65):
        for length in (0.02, 0.2, 1 - start):
            with pytest.raises(TaskError, match=EITHER):
                assert check(with_hole(SAMPLES[name], start, length, b"\0"), ".png") is start


def test_what_follows_too_few_rows_of_a_png_is_not_read(check: Check) -> None:
    """It was kept, copied whole for each block that came."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 100, 100, 8, 0, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress(bytes(1000)) + bytes(80_000_000))
    data = b"\x89PNG\r\n\x1a\n" + head + rows
    began = time.process_time()
    with pytest.raises(TaskError, match=INCOMPLETE):
        check(data, ".png")
    # To write the file takes up to a second of a busy machine; the copies took forty.
    assert time.process_time() - began < 4


def test_more_rows_than_a_png_says_are_read_up_to_a_bound(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 100, 100, 8, 0, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress(bytes(101 * 100 + 30_000_000)))
    data = b"\x89PNG\r\n\x1a\n" + head + rows
    assert check(data, ".png")
    monkeypatch.setattr(picture_completeness, "MAX_UNPACKED_PNG", 20_000_000)
    assert not check(data, ".png")


def test_a_progressive_jpeg_with_too_many_scans_is_not_decoded(check: Check) -> None:
    """Each costs as much as a picture, and takes a few bytes."""
    data = progressive_and_white((80, 80))
    assert check(with_last_scan_again(data, 3), ".jpg")
    more = picture_completeness.MAX_JPEG_SCANS + 1 - data.count(b"\xff\xda")
    with pytest.raises(TaskError, match="image_damaged"):
        check(with_last_scan_again(data, more), ".jpg")


@pytest.mark.parametrize("name", PICTURES)
def test_a_hole_in_a_picture_of_a_scan_s_pdf(check: Check, name: str) -> None:
    """The PDF has its end, and PDFium shows what there is of the picture."""
    coded, entries, mode = PICTURES[name]
    assert check(pdf_with_picture(coded, entries, mode), ".pdf")
    for filler in (b"",) if name in UNTOLD else (b"", b"\0"):
        for place, length in ((0.2, 64 / len(coded)), (0.5, 0.02), (0.8, 0.19)):
            data = with_hole(coded, place, length, filler)
            with pytest.raises(TaskError, match="incomplete"):
                assert check(pdf_with_picture(data, entries, mode), ".pdf") is length


@pytest.mark.parametrize("filler", [b"", b"\0"])
def test_a_hole_in_what_a_page_of_a_scan_s_pdf_draws(check: Check, filler: bytes) -> None:
    """Its picture may be whole, and drawn nowhere."""
    lines = "\n".join(f"{n % 500} {n * 7 % 800} {n % 90} {n % 11} re f" for n in range(3000))

    def page(content: bytes) -> bytes:
        made = Pdf()
        number = made.add("/Filter /FlateDecode", content)
        made.bare_page(f"/MediaBox [0 0 595 842] /Contents {number} 0 R")
        return made.data()

    packed = zlib.compress(lines.encode())
    assert check(page(packed), ".pdf")
    with pytest.raises(TaskError, match="incomplete"):
        check(page(with_hole(packed, 0.3, 0.2, filler)), ".pdf")


@pytest.mark.parametrize(
    "entries",
    [
        "/Filter /CCITTFaxDecode /DecodeParms 7",
        "/Filter /CCITTFaxDecode /DecodeParms << /K -1 /Columns 0 >>",
        "/Filter [/ASCIIHexDecode /CCITTFaxDecode]",
        "/Filter /CryptDecode",
        "/Filter 1 0 R",
    ],
)
def test_what_nobody_here_can_decode_is_not_called_whole(check: Check, entries: str) -> None:
    assert not check(pdf_with_picture(fax(drawn("1"), "group4"), entries, "1"), ".pdf")


BOUNDS: dict[str, tuple[ModuleType, str, bytes]] = {
    "MAX_DECODED_PIXELS": (picture_completeness, ".gif", SAMPLES["gif.gif"]),
    "MAX_DECODING_BYTES": (picture_completeness, ".jpg", SAMPLES["progressive.jpg"]),
    "MAX_FILLED_JPEG": (picture_completeness, ".jpg", SAMPLES["restarts.jpg"]),
    "MAX_DECODING_BYTES of a TIFF": (picture_completeness, ".tiff", SAMPLES["pages.tif"]),
    "MAX_UNPACKED_PNG": (picture_completeness, ".png", SAMPLES["png.png"]),
    "MAX_TIFF_PAGES": (picture_completeness, ".tiff", SAMPLES["pages.tif"]),
    "MAX_TIFF_STRIPS": (picture_completeness, ".tiff", SAMPLES["plain.tif"][:-5000]),
    "MAX_EMBEDDED": (pdf_completeness, ".pdf", SAMPLES["pillow.pdf"]),
    "MAX_UNPACKED_STREAMS of a PDF": (pdf_completeness, ".pdf", pdf_with_packed_picture(1)),
    "MAX_STREAMS": (pdf_completeness, ".pdf", pdf_with_packed_picture(1)),
    "MAX_FAX_BYTES": (pdf_completeness, ".pdf", pdf_with_picture(*PICTURES["group 4"])),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_what_is_beyond_a_bound_is_not_called_whole(
    name: str, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, kind, data = BOUNDS[name]
    if name != "MAX_TIFF_STRIPS":
        assert check(data, kind)
    else:
        with pytest.raises(TaskError, match="incomplete"):
            check(data, kind)
    monkeypatch.setattr(module, name.split(maxsplit=1)[0], 0)
    assert not check(data, kind)


def test_many_pages_of_a_fax_are_decoded_each(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Together they take more memory than a page may."""
    monkeypatch.setattr(picture_completeness, "MAX_DECODING_BYTES", 1_000_000)
    page, out = drawn("1"), BytesIO()
    page.save(out, "TIFF", compression="group4", save_all=True, append_images=[page] * 5)
    assert check(out.getvalue(), ".tiff")


def test_many_packed_pictures_are_looked_at_in_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Together they unpack to more than there is room for at once."""
    monkeypatch.setattr(pdf_completeness, "MAX_UNPACKED_STREAMS", 1_000_000)
    places: list[Any] = [0]
    made = Pdf()
    for _ in range(3):
        made.add("/Filter /FlateDecode", zlib.compress(bytes(600_000)))
    made.page("")
    follow(tmp_path / "x", made.data(), places)
    assert [place for place in places[1:-1] if place < 0] == places[1:3]


def test_many_pages_are_looked_at_in_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After five seconds the rest of a stack counted as whole."""
    monkeypatch.setattr(pdf_completeness, "WORKER_TURN_SECONDS", 0)
    places: list[Any] = [0]
    data = by_pillow(3)
    follow(tmp_path / "x", data, places)
    assert places == [0, 1, 2, None]
    places = [0]
    with pytest.raises(TaskError, match="incomplete"):
        follow(tmp_path / "x", with_half_a_jpeg(data), places)
    assert places == [0, 1, 2]


def test_streams_are_looked_at_in_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack of faxes takes a second a page, and more on a small computer."""
    monkeypatch.setattr(pdf_completeness, "WORKER_TURN_SECONDS", 0)
    coded, entries, _ = PICTURES["group 4"]
    head = f"/Type /XObject /Subtype /Image /Width 620 /Height 877 {entries}"
    head += " /ColorSpace /DeviceGray /BitsPerComponent 1"

    def stack(last: bytes) -> bytes:
        made = Pdf()
        for data in (coded, coded, last):
            number = made.add(head, data)
            made.page("q 595 0 0 842 0 0 cm /X Do Q", resources=f"/XObject << /X {number} 0 R >>")
        return made.data()

    places: list[Any] = [0]
    follow(tmp_path / "x", stack(coded), places)
    assert [place > 0 for place in places[1:-1]] == [False] * 3 + [True] * 2
    places = [0]
    with pytest.raises(TaskError, match="incomplete"):
        follow(tmp_path / "x", stack(with_hole(coded, 0.4, 0.2, b"")), places)
    assert len(places) == 3


async def test_a_stack_of_more_turns_than_there_are_is_not_called_whole(
    hass: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_bytes(make_pdf(2))
    await async_check_complete(hass, tmp_path / "x", FileType.PDF, user=None)
    monkeypatch.setattr(completeness, "MAX_TURNS", 0)
    with pytest.raises(PdfError, match="time"):
        await async_check_complete(hass, tmp_path / "x", FileType.PDF, user=None)


async def test_a_check_that_takes_too_long(
    hass: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_bytes(SAMPLES["png.png"])
    monkeypatch.setattr(completeness, "CHECK_SECONDS", 0)
    with pytest.raises(PdfError) as refused:
        await async_check_complete(hass, tmp_path / "x", FileType.PNG, user=None)
    assert refused.value.reason == "time"


async def test_a_picture_whose_check_takes_too_long_is_refused(
    hass: HomeAssistant, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows whether more than its first third would come out."""
    monkeypatch.setattr(completeness, "CHECK_SECONDS", 0)
    with pytest.raises(InputError, match="pdf_takes_long"):
        await fetch("x.png", SAMPLES["png.png"])
    assert spooled(hass) == []


async def test_slow_pictures_of_one_user_hold_another_s_pdf_up_by_one_turn(
    hass: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = with_last_scan_again(
        progressive_and_white((3900, 3900)), picture_completeness.MAX_JPEG_SCANS - 20
    )
    (tmp_path / "x.jpg").write_bytes(data)
    (tmp_path / "x.pdf").write_bytes(make_pdf(4))
    assert completeness.CHECK_SECONDS < pdf_client.WAIT_SECONDS / 2
    monkeypatch.setattr(completeness, "CHECK_SECONDS", 1)
    worker = async_get_pdf_worker(hass)
    ended: list[str] = []

    async def slow() -> None:
        try:
            await async_check_complete(hass, tmp_path / "x.jpg", FileType.JPEG, user="a")
        except PdfError as err:
            ended.append(err.reason)

    tasks = [asyncio.create_task(slow()) for _ in range(3)]
    await asyncio.sleep(0)
    ended.append(f"{await worker.async_count(tmp_path / 'x.pdf', user='b')} pages")
    await asyncio.wait(tasks)
    assert ended == ["time", "4 pages", "time", "time"]


def large(size: tuple[int, int], **how: Any) -> bytes:
    """Return a JPEG of writing on noise with many pixels."""
    out = BytesIO()
    small = drawn(size=(size[0] // 8, size[1] // 8))
    small.resize(size, Image.Resampling.NEAREST).save(out, "JPEG", **how)
    return out.getvalue()


@pytest.mark.long
async def test_a_progressive_jpeg_of_forty_megapixels_is_decoded_to_its_end(fetch: Fetch) -> None:
    """It was printed as it was, cut off or not: the decoder keeps all of it in memory."""
    data = large((5000, 8000), progressive=True, subsampling=0)
    assert (await fetch("large.jpg", data)).pages == 1
    third = len(data) // 3
    for shortened in (data[:third], data[:third] + b"\xff\xd9", data[:-5000] + b"\xff\xd9"):
        with pytest.raises(InputError, match="file_damaged"):
            await fetch("large.jpg", shortened)


async def test_pictures_that_cannot_be_decoded_are_refused(
    hass: HomeAssistant, fetch: Fetch
) -> None:
    """They were sent as they are, and nobody knew whether half of one would come out."""
    plan = BytesIO()
    Image.new("1", (20_000, 13_200)).save(plan, "TIFF", compression="group4")
    poster = BytesIO()
    Image.new("RGB", (7000, 7500)).save(poster, "JPEG", progressive=True, subsampling=0)
    of_no_kind = SAMPLES["lzw.tif"].replace(
        struct.pack("<HHII", 259, 3, 1, 5), struct.pack("<HHII", 259, 3, 1, 32_909)
    )
    for name, data in (
        ("a.tif", plan.getvalue()),
        ("b.jpg", poster.getvalue()),
        ("c.tif", of_no_kind),
    ):
        with pytest.raises(InputError) as refused:
            await fetch(name, data)
        assert refused.value.reason == "picture_unchecked", name
    assert spooled(hass) == []
    assert not async_get_pdf_worker(hass).is_busy


async def test_a_picture_is_refused_where_no_process_decodes_it(
    hass: HomeAssistant, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    for data in (SAMPLES["jpeg.jpg"], SAMPLES["jpeg.jpg"][:9000] + b"\xff\xd9"):
        with pytest.raises(InputError, match="picture_check_unavailable"):
            await fetch("x.jpg", data)
    # A PDF is counted by the service, but not one whose end is missing.
    assert (await fetch("x.pdf", make_pdf(3))).pages is None
    with pytest.raises(InputError, match="file_damaged"):
        await fetch("x.pdf", make_pdf(3)[:-400])
    assert len(spooled(hass)) == 1


async def test_a_picture_is_decoded_where_pdfium_does_not_run(
    fetch: Fetch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It needs Pillow alone."""
    site = site_without_pdfium(tmp_path / "site")
    monkeypatch.setattr(pdf_client, "package_folder", lambda name: site / name)
    assert (await fetch("x.jpg", SAMPLES["jpeg.jpg"])).pages == 1
    with pytest.raises(InputError, match="file_damaged"):
        await fetch("x.jpg", SAMPLES["jpeg.jpg"][:9000] + b"\xff\xd9")
    assert (await fetch("x.pdf", make_pdf(3))).pages is None
