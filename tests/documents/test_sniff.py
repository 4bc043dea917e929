"""What kind of file it is, told by what is in it."""

from pathlib import Path
import random
import tracemalloc

from homeassistant.exceptions import ServiceValidationError
import pytest

from custom_components.lianke.documents.sniff import Kind, sniff
from tests.documents.samples import ole, picture, tiff, zip64, zipped
from tests.simulator import make_pdf


def named(value: object) -> str | None:
    """Return what a sample is called in a test's name: bytes are not fit for that."""
    return "" if isinstance(value, bytes) else None


def kind_of(tmp_path: Path, data: bytes, name: str) -> Kind:
    path = tmp_path / "file"
    path.write_bytes(data)
    return sniff(path, name)


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (make_pdf(1), "report.txt", Kind.PDF),
        (b"\0\1junk" + make_pdf(1), "report.pdf", Kind.PDF),
        (picture("JPEG"), "x.png", Kind.JPEG),
        (picture("PNG"), "x", Kind.PNG),
        (picture("BMP"), "x", Kind.BMP),
        (picture("GIF"), "x", Kind.GIF),
        (tiff(1), "x", Kind.TIFF),
        (picture("WEBP"), "x.jpg", Kind.WEBP),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "IMG_1.HEIC", Kind.HEIF),
        (picture("AVIF"), "x", Kind.HEIF),
        (ole("WordDocument"), "x.bin", Kind.DOC),
        (ole("Workbook"), "x.doc", Kind.XLS),
        (ole("Book"), "x", Kind.XLS),
        (ole("PowerPoint Document"), "x", Kind.PPT),
        (ole("Something"), "x.et", Kind.XLS),
        (ole("Something"), "x.ppt", Kind.PPT),
        (zipped("[Content_Types].xml", "word/document.xml"), "x.zip", Kind.DOCX),
        (zip64(zipped("[Content_Types].xml", "word/document.xml"), told=9), "x", Kind.DOCX),
        (zipped("[Content_Types].xml", "xl/workbook.xml"), "x", Kind.XLSX),
        (zipped("[Content_Types].xml", "ppt/presentation.xml"), "x", Kind.PPTX),
        (b"\xef\xbb\xbf \n<!DOCTYPE html><p>x", "x.txt", Kind.HTML),
        (b"<?xml version='1.0'?><html xmlns='x'>", "x", Kind.HTML),
        (b"<p>part</p>", "x.htm", Kind.HTML),
        (ole("Workbook", "x", within="WordDocument"), "x.xls", Kind.XLS),
        (ole("a", "b", "c", "d", "e", "WordDocument"), "x", Kind.DOC),
        (b"%!tex program", "x.txt", Kind.TEXT),
        ("你好，世界".encode(), "x", Kind.TEXT),
        ("你好，世界".encode("gb18030"), "x.txt", Kind.TEXT),
        ("你好".encode("utf-16"), "x.txt", Kind.TEXT),
        (b"a,b\n1,2", "x.csv", Kind.CSV),
        (b"# x", "x.md", Kind.MARKDOWN),
        (b"BM is no picture", "x.txt", Kind.TEXT),
        (("字" * 5000).encode(), "x.txt", Kind.TEXT),
        (b"a" + ("字" * 5000).encode("gb18030"), "x.txt", Kind.TEXT),
    ],
    ids=named,
)
def test_kinds(tmp_path: Path, data: bytes, name: str, kind: Kind) -> None:
    assert kind_of(tmp_path, data, name) is kind


@pytest.mark.parametrize(
    ("data", "name", "key"),
    [
        (b"", "x.pdf", "file_empty"),
        (zipped("OFD.xml", "Doc_0/Document.xml"), "发票.ofd", "ofd_not_supported"),
        (zipped("mimetype", "content.xml"), "x.odt", "type_not_supported"),
        (zipped("word/document.xml"), "x.docx", "type_not_supported"),
        (b"PK\x03\x04 broken", "x.docx", "file_damaged"),
        (b"PK\x03\x04 broken PK\x05\x06" + bytes(18), "x.docx", "type_not_supported"),
        (zipped("[Content_Types].xml", "word/document.xml")[:-30], "x.docx", "file_damaged"),
        (ole("WordDocument")[:900], "x.doc", "file_damaged"),
        (ole("EncryptionInfo", "EncryptedPackage"), "x.docx", "office_protected"),
        (b"%!\n72 72 moveto", "x.txt", "type_not_supported"),
        (b"\xff\xfe" + random.Random(1).randbytes(400), "x.txt", "text_unreadable"),
        (b"\xff\xfe" + random.Random(1).randbytes(400), "x", "type_not_supported"),
        (ole("Something"), "x.msi", "type_not_supported"),
        (b"\x7fELF\0\0", "x.pdf", "type_not_supported"),
        (b"%!PS-Adobe", "x.ps", "type_not_supported"),
        (b"{\\rtf1", "x.rtf", "type_not_supported"),
        (b"<svg xmlns='x'/>", "x.svg", "type_not_supported"),
        ("你好".encode("gb18030"), "x.bin", "type_not_supported"),
        (b"\x01\x02\x03 not text", "x.txt", "text_unreadable"),
    ],
    ids=named,
)
def test_refused(tmp_path: Path, data: bytes, name: str, key: str) -> None:
    with pytest.raises(ServiceValidationError) as raised:
        kind_of(tmp_path, data, name)
    assert raised.value.translation_key == key


COMMANDS = {
    "invoice.pdf": b"\x1b%-12345X@PJL SET COPIES=99",
    "notes.txt": b"@PJL RESET",
    "photo.jpg": b"^XA^FDx^XZ",
    "label": b"\x1b@\x1bE hello",
    "label.prn": b"SIZE 40 mm,30 mm",
    "plain.prn": b"hello",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_are_not_told_by_content(tmp_path: Path, name: str) -> None:
    """Files called otherwise, and names that a server gives, were printed as commands."""
    path = tmp_path / "file"
    path.write_bytes(COMMANDS[name])
    with pytest.raises(ServiceValidationError) as raised:
        sniff(path, name)
    assert raised.value.translation_key == "raw_not_asked_for"
    assert raised.value.translation_placeholders == {"name": name}
    if name.endswith(".prn"):
        assert sniff(path, name, may_be_raw=True) is Kind.RAW
    else:
        with pytest.raises(ServiceValidationError):
            sniff(path, name, may_be_raw=True)


def test_a_zip_with_a_huge_directory_is_not_read(tmp_path: Path) -> None:
    data = zipped("[Content_Types].xml", "word/document.xml")
    end = data.rfind(b"PK\x05\x06")
    huge = data[: end + 12] + (5 * 1024 * 1024).to_bytes(4, "little") + data[end + 16 :]
    with pytest.raises(ServiceValidationError):
        kind_of(tmp_path, huge, "x.docx")


def test_nor_one_whose_size_stands_elsewhere(tmp_path: Path) -> None:
    parts = (f"word/{number:050}" for number in range(45_000))
    data = zip64(zipped("[Content_Types].xml", *parts), told=100)
    tracemalloc.start()
    try:
        with pytest.raises(ServiceValidationError) as raised:
            kind_of(tmp_path, data, "x.docx")
        assert tracemalloc.get_traced_memory()[1] < 8 * 1024 * 1024
    finally:
        tracemalloc.stop()
    assert raised.value.translation_key == "file_damaged"


def test_nor_one_whose_end_seems_to_stand_elsewhere(tmp_path: Path) -> None:
    # The mark of an end where the true end says how large the directory is.
    data = zipped("[Content_Types].xml", "word/document.xml")
    end = data.rfind(b"PK\x05\x06")
    size = int.from_bytes(b"PK\x05\x06", "little")
    start = size + end - int.from_bytes(data[end + 12 : end + 16], "little")
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.write(data[:end])
        file.truncate(start)
        file.seek(start)
        file.write(data[end : end + 12] + b"PK\x05\x06" + bytes(6))
    tracemalloc.start()
    try:
        with pytest.raises(ServiceValidationError):
            sniff(path, "x.docx")
        assert tracemalloc.get_traced_memory()[1] < 8 * 1024 * 1024
    finally:
        tracemalloc.stop()
