"""What kind of file it is, told by what is in it."""

from collections.abc import Callable
from pathlib import Path
import random
import struct
import time
import tracemalloc

import pytest

from custom_components.lianke.documents.document import MAX_OLE_ENTRIES, FileType, sniff
from custom_components.lianke.input_error import InputError
from tests.documents.samples import ole, picture, tiff, zip64, zipped
from tests.simulator import make_pdf

MAIL = (
    b"Return-Path: <a@example.com>\r\nFrom: a@example.com\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nJVBERi0xLjQK\r\n"
)


def named(value: object) -> str | None:
    """Return what a sample is called in a test's name: bytes are not fit for that."""
    return "" if isinstance(value, bytes) else None


def kind_of(tmp_path: Path, data: bytes, name: str) -> FileType:
    path = tmp_path / "file"
    path.write_bytes(data)
    return sniff(path, name)


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (make_pdf(1), "report.txt", FileType.PDF),
        (b"\0\1junk" + make_pdf(1), "report.pdf", FileType.PDF),
        (picture("JPEG"), "x.png", FileType.JPEG),
        (picture("PNG"), "x", FileType.PNG),
        (picture("BMP"), "x", FileType.BMP),
        (picture("GIF"), "x", FileType.GIF),
        (tiff(1), "x", FileType.TIFF),
        (picture("WEBP"), "x.jpg", FileType.WEBP),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "IMG_1.HEIC", FileType.HEIF),
        (picture("AVIF"), "x", FileType.HEIF),
        (ole("WordDocument"), "x.bin", FileType.DOC),
        (ole("Workbook"), "x.doc", FileType.XLS),
        (ole("Book"), "x", FileType.XLS),
        (ole("PowerPoint Document"), "x", FileType.PPT),
        (ole("Something"), "x.et", FileType.XLS),
        (ole("Something"), "x.ppt", FileType.PPT),
        (zipped("[Content_Types].xml", "word/document.xml"), "x.zip", FileType.DOCX),
        (zip64(zipped("[Content_Types].xml", "word/document.xml"), reported=9), "x", FileType.DOCX),
        (zipped("[Content_Types].xml", "xl/workbook.xml"), "x", FileType.XLSX),
        (zipped("[Content_Types].xml", "ppt/presentation.xml"), "x", FileType.PPTX),
        (zipped("OFD.xml", "Doc_0/Document.xml"), "发票.zip", FileType.OFD),
        (zipped("a\\ofd.xml"), "x", FileType.OFD),
        (b"\xef\xbb\xbf \n<!DOCTYPE html><p>x", "x.txt", FileType.HTML),
        (b"<?xml version='1.0'?><html xmlns='x'>", "x", FileType.HTML),
        ("<html><p>纸".encode("utf-16"), "x", FileType.HTML),
        (b"\xfe\xff" + "<p>纸".encode("utf-16-be"), "x.htm", FileType.HTML),
        (b"<p>part</p>", "x.htm", FileType.HTML),
        (ole("Workbook", "x", within="WordDocument"), "x.xls", FileType.XLS),
        (ole("a", "b", "c", "d", "e", "WordDocument"), "x", FileType.DOC),
        (b"%!tex program", "x.txt", FileType.TEXT),
        ("你好，世界".encode(), "x", FileType.TEXT),
        ("你好，世界".encode("gb18030"), "x.txt", FileType.TEXT),
        ("你好".encode("utf-16"), "x.txt", FileType.TEXT),
        (b"a,b\n1,2", "x.csv", FileType.CSV),
        (b"a\tb\n1\t2", "x.tsv", FileType.CSV),
        ("Straße,1\n\x1a".encode(), "x.csv", FileType.CSV),
        (zipped("[Content_Types].xml", "xl\\workbook.xml"), "x.xlsx", FileType.XLSX),
        (b"<html><table><tr><td>1", "report.xls", FileType.HTML),
        (MAIL, "kept as text.txt", FileType.TEXT),
        (b"To: everybody\nDate: today\n\nno MIME", "note", FileType.TEXT),
        (b"# x", "x.md", FileType.MARKDOWN),
        (b"BM is no picture", "x.txt", FileType.TEXT),
        (("字" * 5000).encode(), "x.txt", FileType.TEXT),
        (b"a" + ("字" * 5000).encode("gb18030"), "x.txt", FileType.TEXT),
    ],
    ids=named,
)
def test_kinds(tmp_path: Path, data: bytes, name: str, kind: FileType) -> None:
    assert kind_of(tmp_path, data, name) is kind


@pytest.mark.parametrize(
    ("data", "name", "key"),
    [
        (b"", "x.pdf", "file_empty"),
        (MAIL, "letter.eml", "mail_not_supported"),
        (MAIL, "x", "mail_not_supported"),
        (b"<!doctype html><h1>Log in first", "menu.pdf", "content_not_as_named"),
        (b"just text", "photo.JPG", "content_not_as_named"),
        (b"<!-- made by hand -->\n<!-- twice --> <svg width='1'>", "x.svg", "type_not_supported"),
        (b"<!doctype html><h1>Log in first", "发票.ofd", "content_not_as_named"),
        (zipped("Doc_0/Document.xml"), "发票.ofd", "file_damaged"),
        (b"\0\1", "发票.ofd", "file_damaged"),
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
        (b"\x7fELF\0\0", "x.pdf", "file_damaged"),
        (b"%!PS-Adobe", "x.ps", "type_not_supported"),
        (b"{\\rtf1", "x.rtf", "type_not_supported"),
        (b"<svg xmlns='x'/>", "x.svg", "type_not_supported"),
        ("你好".encode("gb18030"), "x.bin", "type_not_supported"),
        (b"\x01\x02\x03 not text", "x.txt", "text_unreadable"),
        (b"\x04%!PS-Adobe-3.0\n" + b"72 72 moveto\n" * 9, "x.txt", "type_not_supported"),
        (b"Dear all,\n" * 9 + "お知らせ".encode("iso2022_jp"), "x.txt", "text_unreadable"),
    ],
    ids=named,
)
def test_refused(tmp_path: Path, data: bytes, name: str, key: str) -> None:
    with pytest.raises(InputError, match=key):
        kind_of(tmp_path, data, name)


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
    with pytest.raises(InputError) as raised:
        sniff(path, name)
    assert raised.value.reason == "raw_not_asked_for"
    assert raised.value.placeholders == {"name": name}
    if name.endswith(".prn"):
        assert sniff(path, name, may_be_raw=True) is FileType.RAW
    else:
        with pytest.raises(InputError):
            sniff(path, name, may_be_raw=True)


def huge_directory(path: Path) -> None:
    data = zipped("[Content_Types].xml", "word/document.xml")
    end = data.rfind(b"PK\x05\x06")
    huge = (5 * 1024 * 1024).to_bytes(4, "little")
    path.write_bytes(data[: end + 12] + huge + data[end + 16 :])


def size_elsewhere(path: Path) -> None:
    parts = (f"word/{number:050}" for number in range(45_000))
    path.write_bytes(zip64(zipped("[Content_Types].xml", *parts), reported=100))


def end_elsewhere(path: Path) -> None:
    # The mark of an end where the true end says how large the directory is.
    data = zipped("[Content_Types].xml", "word/document.xml")
    end = data.rfind(b"PK\x05\x06")
    size = int.from_bytes(b"PK\x05\x06", "little")
    start = size + end - int.from_bytes(data[end + 12 : end + 16], "little")
    with path.open("wb") as file:
        file.write(data[:end])
        file.truncate(start)
        file.seek(start)
        file.write(data[end : end + 12] + b"PK\x05\x06" + bytes(6))


@pytest.mark.parametrize("write", [huge_directory, size_elsewhere, end_elsewhere])
def test_a_zip_with_a_huge_directory_is_not_read(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    write(tmp_path / "file")
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="file_damaged"):
            sniff(tmp_path / "file", "x.docx")
        assert tracemalloc.get_traced_memory()[1] < 8 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_an_old_office_file_with_too_many_entries(tmp_path: Path) -> None:
    """Each entry would take a hundred times its size in memory."""
    path = tmp_path / "x.doc"
    path.write_bytes(with_entries(MAX_OLE_ENTRIES))
    with pytest.raises(InputError, match="file_damaged"):
        sniff(path, "x.doc")
    path.write_bytes(with_entries(MAX_OLE_ENTRIES - 1))
    assert sniff(path, "x.doc") is FileType.XLS


def with_entries(count: int) -> bytes:
    """Return an old Office file with so many entries below its root, each with two others below it in the tree."""
    entries = b""
    for index in range(count + 1):
        name = "Root Entry" if not index else "Workbook" if index == 1 else f"{index}"
        others = (2 * index, 2 * index + 1) if index else (count + 1, count + 1)
        numbers = [one if one <= count else 0xFFFFFFFF for one in others]
        numbers.append(0xFFFFFFFF if index else 1)
        text = name.encode("utf-16-le")
        kind = b"\1" if not index else b"\2"
        entry = text.ljust(64, b"\0") + (len(text) + 2).to_bytes(2, "little") + kind + b"\1"
        entries += (entry + struct.pack("<3I", *numbers)).ljust(128, b"\0")
    sectors = -(-len(entries) // 512)
    tables = next(number for number in range(1, 109) if number * 128 >= number + sectors)
    chain = [number + 1 for number in range(tables, tables + sectors - 1)]
    table = [0xFFFFFFFD] * tables + [*chain, 0xFFFFFFFE]
    table += [0xFFFFFFFF] * (tables * 128 - len(table))
    header = bytearray(ole("x")[:512])
    header[44:52] = struct.pack("<2I", tables, tables)
    header[60:72] = struct.pack("<3I", 0xFFFFFFFE, 0, 0xFFFFFFFE)
    header[76:512] = struct.pack("<109I", *range(tables), *[0xFFFFFFFF] * (109 - tables))
    return (
        bytes(header) + struct.pack(f"<{len(table)}I", *table) + entries.ljust(512 * sectors, b"\0")
    )


@pytest.mark.parametrize("shift", [9, 12])
def test_an_old_office_file_whose_table_names_itself(tmp_path: Path, shift: int) -> None:
    """A small file named a table of all sectors of half a gigabyte, which is read first."""
    data = bytearray(ole("WordDocument").ljust(20_000, b"\0"))
    data[30:32] = shift.to_bytes(2, "little")
    tables = 1_000_000
    each = (1 << (shift - 2)) - 1
    data[44:48] = tables.to_bytes(4, "little")
    data[68:72] = (2).to_bytes(4, "little")
    data[72:76] = (-(-(tables - 109) // each)).to_bytes(4, "little")
    at = 3 << shift
    data[at : at + (1 << shift)] = bytes(4 * each) + (2).to_bytes(4, "little")
    (tmp_path / "x.doc").write_bytes(data)
    started = time.process_time()
    with pytest.raises(InputError, match="file_damaged"):
        sniff(tmp_path / "x.doc", "x.doc")
    assert time.process_time() - started < 1
