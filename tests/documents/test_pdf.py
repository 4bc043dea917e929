"""Counting the pages of a PDF: right, or not at all."""

from io import BytesIO
from itertools import pairwise
from pathlib import Path
import tracemalloc
import zlib

from hypothesis import HealthCheck, given, settings, strategies as st
from PIL import Image
import pypdfium2
import pytest

from custom_components.lianke.documents.pdf import count_pages
from tests.documents.samples import pdf_with_streams
from tests.simulator import make_pdf


def by_pillow(pages: int) -> bytes:
    first, *others = [Image.new("RGB", (9, 9)) for _ in range(pages)]
    out = BytesIO()
    first.save(out, "PDF", save_all=True, append_images=others)
    return out.getvalue()


def by_pdfium(pages: int) -> bytes:
    document = pypdfium2.PdfDocument.new()
    for _ in range(pages):
        document.new_page(100, 100)
    out = BytesIO()
    document.save(out)
    return out.getvalue()


def changed_once(pages: int) -> bytes:
    """Return a PDF to which a later version with one page more was appended."""
    data = by_pillow(pages)
    old_start = int(data.rsplit(b"startxref\n", 1)[1].split()[0])
    root = data.rsplit(b"/Root ", 1)[1].split()[0].decode()
    tree = len(data)
    data += f"900 0 obj\n<< /Type /Pages /Kids [] /Count {pages + 1} >>\nendobj\n".encode()
    catalogue = len(data)
    data += f"{root} 0 obj\n<< /Type /Catalog /Pages 900 0 R >>\nendobj\n".encode()
    start = len(data)
    return (
        data
        + (
            f"xref\n{root} 1\n{catalogue:010} 00000 n \n900 1\n{tree:010} 00000 n \n"
            f"trailer\n<< /Size 901 /Root {root} 0 R /Prev {old_start} >>\n"
            f"startxref\n{start}\n%%EOF\n"
        ).encode()
    )


@pytest.mark.parametrize(
    ("data", "pages"),
    [
        pytest.param(make_pdf(7), 7, id="simulator"),
        pytest.param(by_pillow(4), 4, id="pillow"),
        pytest.param(by_pdfium(12), 12, id="pdfium"),
        pytest.param(pdf_with_streams(23), 23, id="compressed"),
        pytest.param(pdf_with_streams(5, predictor=1), 5, id="compressed-plain"),
        pytest.param(b"\r\n\r\n" + by_pillow(3), 3, id="bytes-before"),
        pytest.param(changed_once(4), 5, id="changed"),
    ],
)
def test_counts_like_pdfium(tmp_path: Path, data: bytes, pages: int) -> None:
    path = tmp_path / "x.pdf"
    path.write_bytes(data)
    assert count_pages(path) == pages


@pytest.mark.parametrize("pages", [1, 60])
def test_the_compressed_sample_is_a_real_pdf(pages: int) -> None:
    assert len(pypdfium2.PdfDocument(pdf_with_streams(pages))) == pages


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"%PDF-1.4\nnothing",
        make_pdf(3)[:-200],
        b"%PDF-1.4\nstartxref\n999999999999\n%%EOF",
        b"%PDF-1.4\nxref\n0 99999999\ntrailer\n<< /Root 1 0 R /Prev 9 >>\nstartxref\n9\n%%EOF",
        b"%PDF-1.4\n" + b"[" * 5000 + b"\nstartxref\n9\n%%EOF",
        make_pdf(2).replace(b"/Count 2", b"/Count 0"),
        make_pdf(2).replace(b"/Pages 2 0 R", b"/Pages 1 0 R"),
    ],
    ids=range(8),
)
def test_says_nothing_rather_than_something_wrong(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.pdf"
    path.write_bytes(data)
    assert count_pages(path) is None


COMPRESSED = pdf_with_streams(3)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"/W [1 3 1]", b"/W [1 3 x]"),
        (b"/W [1 3 1]", b"/W [1 3  ]"),
        (b"/W [1 3 1]", b"/W [1 99 ]"),
        (b"/W [1 3 1]", b"/W 1 3 1 "),
        (b"/W [1 3 1]", b"/W [9 9 9]"),
        (b"/Size 13 ", b"/Size  2 "),
        (b"/Root 1 0 R", b"/Root 9 0 R"),
        (b"/Root 1 0 R", b"/Root 4 0 R"),
        (b"/Predictor 12", b"/Predictor 1x"),
        (b"/Predictor 12", b"/Predictor  1"),
        (b"/Columns 5", b"/Columns x"),
        (b"/Columns 5", b"/Columns 0"),
        (b"/Columns 5", b"/Columns 9"),
        (b"/N 6 ", b"/N x "),
        (b"/N 6 ", b"/N 0 "),
        (b"/First ", b"/Fxrst "),
        (b"/FlateDecode", b"/LZWDecode  "),
        (b"/Length ", b"/Lengxh "),
        (b">>\nstream", b">>\nstrxam"),
        (b"4 0 obj", b"4 0 obx"),
        (b"5 0 obj", b"5 0 obx"),
        (b"startxref", b"startxrxf"),
    ],
)
def test_broken_streams_say_nothing(tmp_path: Path, old: bytes, new: bytes) -> None:
    assert old in COMPRESSED
    path = tmp_path / "x.pdf"
    path.write_bytes(COMPRESSED.replace(old, new))
    assert count_pages(path) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"/Filter /FlateDecode", b"/Filter [/FlateDecode]"),
        (
            b"/DecodeParms << /Predictor 12 /Columns 5 >>",
            b"/DecodeParms [<< /Predictor 12 /Columns 5 >>]",
        ),
        (b"/Type /XRef", b"/Type /XRef /Index [0 13]"),
        (b"/Type /XRef", b"/Type /XRef /X <AB> /Y 1.5 /Z true % (\n"),
    ],
)
def test_other_spellings_are_read_too(tmp_path: Path, old: bytes, new: bytes) -> None:
    # The objects stand before: only the cross-reference stream is changed, whose place stays.
    head, mark, tail = COMPRESSED.rpartition(b"5 0 obj")
    assert old in tail
    path = tmp_path / "x.pdf"
    path.write_bytes(head + mark + tail.replace(old, new))
    assert count_pages(path) == 3


@pytest.mark.parametrize(
    "tree",
    [
        b"<< /Type /Pages /Count (3) >>",
        b"<< /Type /Pages /Count 2 0 R >>",
        b"<< /Type /Pages /Count (open >>",
        b"[ 1 2 ]",
        b"<< 1 2 >>",
        b"<< /Count ] >>",
        b"<< /A " + b"[" * 40 + b"]" * 40 + b" /Count 3 >>",
        b"<< /Count 3",
    ],
    ids=range(8),
)
def test_a_page_tree_that_is_none(tmp_path: Path, tree: bytes) -> None:
    data = b"%PDF-1.4\n"
    places = []
    for number, text in ((1, b"<< /Type /Catalog /Pages 2 0 R >>"), (2, tree)):
        places.append(len(data))
        data += f"{number} 0 obj\n".encode() + text + b"\nendobj\n"
    rows = "".join(f"{place:010} 00000 n \n" for place in places)
    table = f"xref\n0 3\n0000000000 65535 f \n{rows}trailer\n<< /Root 1 0 R >>\n"
    path = tmp_path / "x.pdf"
    path.write_bytes(data + f"{table}startxref\n{len(data)}\n%%EOF".encode())
    assert count_pages(path) is None
    good = data.replace(tree, b"<< /Count 3 >>".ljust(len(tree)))
    if len(tree) >= len(b"<< /Count 3 >>"):
        path.write_bytes(good + f"{table}startxref\n{len(data)}\n%%EOF".encode())
        assert count_pages(path) == 3


def test_a_compressed_bomb_is_not_blown_up(tmp_path: Path) -> None:
    bomb = zlib.compress(bytes(400 * 1024 * 1024), 9)
    data = (
        b"%PDF-1.5\n"
        + f"5 0 obj\n<< /W [1 3 1] /Size 9 /Length {len(bomb)} /Filter /FlateDecode >>\n".encode()
        + b"stream\n"
        + bomb
        + b"\nendstream\nendobj\nstartxref\n9\n%%EOF"
    )
    path = tmp_path / "x.pdf"
    path.write_bytes(data)
    tracemalloc.start()
    try:
        assert count_pages(path) is None
        assert tracemalloc.get_traced_memory()[1] < 64 * 1024 * 1024
    finally:
        tracemalloc.stop()


def chained(*streams: tuple[bytes, bytes]) -> bytes:
    """Return a PDF of cross-reference streams, as entries and bytes, each behind the next one."""
    data = b"%PDF-1.5\n"
    start = 0
    for number, (entries, content) in enumerate(streams, 1):
        before = b"" if not start else b" /Prev %d" % start
        start = len(data)
        head = b"%d 0 obj\n<< /Length %d %b%b >>" % (number, len(content), entries, before)
        data += head + b"\nstream\n" + content + b"\nendstream\nendobj\n"
    return data + b"startxref\n%d\n%%%%EOF" % start


@pytest.mark.parametrize("parameters", [b"", b"/DecodeParms << /Predictor 12 /Columns 4 >>"])
def test_chained_streams_share_one_budget(tmp_path: Path, parameters: bytes) -> None:
    packed = zlib.compress(bytes(1024 * 1024), 9)
    entries = b"/W [1 2 1] /Size 1 /Filter /FlateDecode " + parameters
    path = tmp_path / "x.pdf"
    path.write_bytes(chained(*[(entries, packed)] * 100))
    tracemalloc.start()
    try:
        assert count_pages(path) is None
        assert tracemalloc.get_traced_memory()[1] < 32 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_plain_streams_that_overlap_share_it_too(tmp_path: Path) -> None:
    # Each stream reaches over all that follow it, so that a small file holds many large ones.
    inner = b"\n".join(
        b"%d 0 obj\n<< /W [1 2 1] /Size 1 /Length 4000000 /Prev %010d >>\nstream" % (number, 0)
        for number in range(1, 61)
    )
    data = b"%PDF-1.5\n" + inner + bytes(4_000_000)
    places = [data.index(b"%d 0 obj\n<<" % number) for number in range(1, 61)]
    for place, following in pairwise(places):
        at = data.index(b"/Prev ", place) + 6
        data = data[:at] + b"%010d" % following + data[at + 10 :]
    path = tmp_path / "x.pdf"
    path.write_bytes(data + b"\nstartxref\n%d\n%%%%EOF" % places[0])
    tracemalloc.start()
    try:
        assert count_pages(path) is None
        assert tracemalloc.get_traced_memory()[1] < 32 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_the_runs_of_all_sections_are_limited(tmp_path: Path) -> None:
    index = b"/W [1 2 1] /Index [" + b"0 1 " * 5000 + b"]"
    tree = b"/Root 1 0 R "
    row = b"\x01\0\x09\0"
    path = tmp_path / "x.pdf"
    path.write_bytes(chained(*[(index + tree, row)] * 200))
    tracemalloc.start()
    try:
        assert count_pages(path) is None
        assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_a_length_that_leads_to_itself_says_nothing(tmp_path: Path) -> None:
    data = (
        b"%PDF-1.5\n4 0 obj\n<< /N 1 /First 4 /Length 7 0 R >>\nstream\n7 0 5\nendstream\nendobj\n"
    )
    start = len(data)
    places = {4: b"\x01\0\x09\0", 1: b"\x02\0\x04\0", 7: b"\x02\0\x04\0"}
    rows = b"".join(places.get(number, bytes(4)) for number in range(8))
    data += b"5 0 obj\n<< /W [1 2 1] /Size 8 /Root 1 0 R /Length 32 >>\nstream\n" + rows
    path = tmp_path / "x.pdf"
    path.write_bytes(data + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF" % start)
    assert count_pages(path) is None


def test_an_offset_beyond_any_file_says_nothing(tmp_path: Path) -> None:
    entries = b"/W [1 8 1] /Size 2 /Root 1 0 R"
    path = tmp_path / "x.pdf"
    path.write_bytes(chained((entries, bytes(10) + b"\x01" + b"\xff" * 8 + b"\0")))
    assert count_pages(path) is None


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    sample=st.sampled_from([make_pdf(2), by_pillow(2), pdf_with_streams(2), changed_once(2)]),
    data=st.data(),
)
def test_damage_never_raises(tmp_path: Path, sample: bytes, data: st.DataObject) -> None:
    damaged = bytearray(sample)
    for _ in range(data.draw(st.integers(1, 20))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "x.pdf"
    path.write_bytes(bytes(damaged[: data.draw(st.integers(0, len(damaged)))]))
    pages = count_pages(path)
    assert pages is None or pages >= 1
