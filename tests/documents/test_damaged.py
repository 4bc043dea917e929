"""Damaged files of every kind: a document, or an error of our own that says what is wrong."""

from collections import Counter
from pathlib import Path
import random
from typing import Any

import pytest

from custom_components.lianke.documents.conversion import (
    can_read_heif,
    document_file_name,
    make_document,
)
from custom_components.lianke.documents.document import FileType
from custom_components.lianke.input_error import InputError
from tests.documents.samples import ole, pdf_with_streams, picture, tiff, zip64, zipped
from tests.simulator import make_pdf

SAMPLES: dict[str, bytes] = {
    "a.pdf": make_pdf(2),
    "b.pdf": pdf_with_streams(3),
    "a.jpg": picture("JPEG"),
    "a.png": picture("PNG"),
    "a.bmp": picture("BMP"),
    "a.gif": picture("GIF"),
    "a.tif": tiff(3),
    "b.tif": picture("TIFF", compression="tiff_lzw"),
    "a.webp": picture("WEBP"),
    "b.webp": picture("WEBP", lossless=True, mode="RGBA"),
    "a.avif": picture("AVIF"),
    "a.doc": ole("x", "WordDocument", within="Workbook"),
    "a.docx": zipped("[Content_Types].xml", "word/document.xml"),
    "a.xlsx": zip64(zipped("[Content_Types].xml", "xl/workbook.xml"), reported=9),
    "a.html": "<html><body>你好".encode(),
    "a.txt": "你好，世界".encode("gb18030"),
    "b.txt": "你好，世界".encode("utf-16"),
    "a.csv": '名称;数量\n"牛""奶";2'.encode(),
    "a.md": "# 牛奶\n\n![x](qr:a b)\n\n|a|b|\n|-|-|\n|1|2|".encode(),
}
ROUNDS = 60


def damaged(data: bytes, choice: random.Random) -> bytes:
    """Return data cut off, with bits turned, or with bytes doubled or put in."""
    way = choice.randrange(4)
    place = choice.randrange(len(data))
    if way == 0:
        return data[:place]
    if way == 1:
        return data[:place] + choice.randbytes(choice.randrange(1, 9)) + data[place:]
    if way == 2:
        return data[:place] + data[place // 2 :]
    turned = bytearray(data)
    for _ in range(choice.randrange(1, 6)):
        turned[choice.randrange(len(turned))] ^= 1 << choice.randrange(8)
    return bytes(turned)


@pytest.mark.parametrize("name", SAMPLES)
def test_damaged_files_end_in_errors_of_ours(name: str, tmp_path: Path) -> None:
    """Odd pictures and Office files raised whatever their decoder raised."""
    choice = random.Random(name)
    found: Counter[str] = Counter()
    for number in range(ROUNDS):
        path = tmp_path / f"{number}.part"
        path.write_bytes(damaged(SAMPLES[name], choice))
        try:
            document = make_document(path, name, title=None)
        except InputError as err:
            found[err.reason] += 1
        else:
            found[document.extension] += 1
    assert found.total() == ROUNDS


@pytest.mark.parametrize(
    "raised", [IndexError, KeyError, TypeError, OverflowError, ZeroDivisionError, MemoryError]
)
def test_whatever_a_decoder_raises(
    raised: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise raised

    monkeypatch.setattr("custom_components.lianke.documents.conversion.Image.open", broken)
    path = tmp_path / "x"
    path.write_bytes(picture("WEBP"))
    with pytest.raises(InputError, match="image_unreadable"):
        make_document(path, "a.webp", title=None)


def test_a_damaged_picture_is_not_one_that_cannot_be_read(tmp_path: Path) -> None:
    """A damaged AVIF was told as not supported here."""
    path = tmp_path / "x"
    path.write_bytes(picture("AVIF")[:100])
    assert can_read_heif(path)
    with pytest.raises(InputError, match="image_unreadable"):
        make_document(path, "a.avif", title=None)


def test_names_of_documents_with_macros_stay() -> None:
    assert document_file_name("a.xlsm", FileType.XLSX) == "a.xlsm"
    assert document_file_name("a.docm", FileType.DOCX) == "a.docm"
    assert document_file_name("a.xlsm", FileType.DOCX) == "a.xlsm.docx"
    assert document_file_name("a.XLSX", FileType.XLSX) == "a.xlsx"
