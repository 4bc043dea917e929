"""Each source becomes a document, or says clearly why not."""

import asyncio
import os
from pathlib import Path
import time
from typing import Any

from homeassistant.components import file_upload
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from PIL import Image
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.lianke.documents import conversion, sources
from custom_components.lianke.documents.conversion import make_document
from custom_components.lianke.documents.document import Document, SourceKind
from custom_components.lianke.documents.sources import entity_of
from custom_components.lianke.documents.spool import Spool
from custom_components.lianke.input_error import InputError
from custom_components.lianke.pages.page import MAX_TEXT_BYTES
from tests.documents.conftest import fetched, spooled
from tests.documents.samples import ole, picture, tiff, zipped
from tests.household import Upload, uploader
from tests.simulator import make_pdf

LIMIT = 1024 * 1024


async def refused(
    hass: HomeAssistant, spool: Spool, kind: SourceKind, value: str, **more: Any
) -> str:
    """Return the key of the error; nothing is left in the spool."""
    with pytest.raises(InputError) as raised:
        await fetched(hass, spool, kind, value, **more)
    assert spooled(hass) == []
    return raised.value.reason


@pytest.fixture
async def upload(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, socket_enabled: None
) -> Upload:
    """Upload a file the way the frontend does; returns its id."""
    assert await async_setup_component(hass, "file_upload", {})
    return await uploader(hass_client)


async def test_upload_works_once(hass: HomeAssistant, spool: Spool, upload: Upload) -> None:
    data = make_pdf(3)
    file_id = await upload(data, "年度报告.pdf")
    uploaded = hass.data[file_upload._DATA].file_path(file_id).stat()
    document = await fetched(hass, spool, SourceKind.UPLOAD, file_id)
    # Where both folders lie on one disk it is moved, not copied.
    taken = document.path.stat()
    assert (taken.st_ino == uploaded.st_ino) is (taken.st_dev == uploaded.st_dev)
    assert taken.st_mode & 0o777 == 0o600
    assert document.path.read_bytes() == data
    assert (document.name, document.title, document.pages) == ("年度报告.pdf", "年度报告.pdf", 3)
    assert (document.content_type, document.size) == ("application/pdf", len(data))
    document.path.unlink()
    assert await refused(hass, spool, SourceKind.UPLOAD, file_id) == "upload_gone"
    assert await refused(hass, spool, SourceKind.UPLOAD, "../../etc/passwd") == "upload_gone"


@pytest.mark.parametrize("same_disk", [True, False])
async def test_of_two_calls_with_one_upload_one_prints(
    hass: HomeAssistant,
    spool: Spool,
    upload: Upload,
    monkeypatch: pytest.MonkeyPatch,
    same_disk: bool,
) -> None:
    def slow(*args: Any, **options: Any) -> Document:
        time.sleep(0.1)
        return make_document(*args, **options)

    monkeypatch.setattr(conversion, "make_document", slow)
    if not same_disk:
        monkeypatch.setattr(sources, "move_file", lambda *_: False)
    for _ in range(5):
        file_id = await upload(make_pdf(1), "a.pdf")
        ended = await asyncio.gather(
            *(fetched(hass, spool, SourceKind.UPLOAD, file_id) for _ in range(2)),
            return_exceptions=True,
        )
        (document,) = (one for one in ended if isinstance(one, Document))
        (error,) = (one for one in ended if isinstance(one, InputError))
        assert error.reason == "upload_gone"
        assert document.path.exists()
        document.path.unlink()


async def test_a_refused_upload_is_thrown_away(
    hass: HomeAssistant, spool: Spool, upload: Upload
) -> None:
    assert await refused(hass, spool, SourceKind.UPLOAD, "0123") == "upload_gone"
    file_id = await upload(bytes(2000), "big.bin")
    assert await refused(hass, spool, SourceKind.UPLOAD, file_id, limit=1000) == "file_too_large"
    assert await refused(hass, spool, SourceKind.UPLOAD, file_id) == "upload_gone"


@pytest.mark.parametrize(
    ("name", "data", "extension", "pages"),
    [
        ("a.pdf", make_pdf(2), ".pdf", 2),
        ("a.jpeg", picture("JPEG"), ".jpg", 1),
        ("a.png", picture("PNG"), ".png", 1),
        ("a.tif", tiff(3), ".tiff", 3),
        ("a.docx", zipped("[Content_Types].xml", "word/document.xml"), ".docx", None),
        ("a.xls", ole("Workbook"), ".xls", None),
        ("a.prn", b"^XA^XZ", ".prn", None),
        ("a.html", b"<html><body>x", ".html", None),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else None,
)
async def test_files_go_as_they_are(
    hass: HomeAssistant,
    spool: Spool,
    media: Path,
    *,
    name: str,
    data: bytes,
    extension: str,
    pages: int | None,
) -> None:
    (media / name).write_bytes(data)
    document = await fetched(hass, spool, SourceKind.FILE, str(media / name))
    assert document.path.read_bytes() == data
    assert document.name == f"a{extension}"
    assert document.extension == extension
    assert document.pages == pages
    assert (media / name).read_bytes() == data


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.txt", "牛奶 < 鸡蛋", '<div class="plain">牛奶 &lt; 鸡蛋</div>'),
        ("a.md", "# 牛奶", "<h1>牛奶</h1>"),
        ("a.csv", "名称,数量\n牛奶,2", "<th>名称</th><th>数量</th>"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
async def test_text_files_become_a_page(
    hass: HomeAssistant,
    spool: Spool,
    media: Path,
    *,
    name: str,
    text: str,
    expected: str,
    encoding: str,
) -> None:
    (media / name).write_text(text, encoding=encoding)
    document = await fetched(hass, spool, SourceKind.FILE, str(media / name))
    assert document.name == "a.html"
    assert expected in document.path.read_text("utf-8")
    assert document.size == document.path.stat().st_size


@pytest.mark.parametrize(
    ("language", "encoding", "text"),
    [
        ("ko", "euc_kr", "우유\n빵"),
        ("de", "cp1252", "5 €"),
        # Half of its characters are rare, which is no text where nobody speaks Chinese.
        ("zh-Hant", "big5", "蛤蜊 擦玻璃 紹興酒 蒟蒻"),
        # A name in GBK was printed as two syllables of Korean.
        ("en", "gbk", "林萍"),
    ],
)
async def test_short_texts_are_read_in_the_language_of_the_house(
    hass: HomeAssistant, spool: Spool, media: Path, *, language: str, encoding: str, text: str
) -> None:
    hass.config.language = language
    (media / "a.txt").write_text(text, encoding=encoding)
    if language == "en":
        assert (
            await refused(hass, spool, SourceKind.FILE, str(media / "a.txt")) == "text_unreadable"
        )
        return
    document = await fetched(hass, spool, SourceKind.FILE, str(media / "a.txt"))
    assert f'<div class="plain">{text}</div>' in document.path.read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "data", "extension"),
    [
        ("a.webp", picture("WEBP", lossless=True), ".png"),
        ("a.webp", picture("WEBP", (2400, 2000)), ".jpg"),
        ("a.avif", picture("AVIF"), ".png"),
    ],
    ids=["small", "large", "avif"],
)
async def test_pictures_are_converted(
    hass: HomeAssistant, spool: Spool, media: Path, *, name: str, data: bytes, extension: str
) -> None:
    (media / name).write_bytes(data)
    document = await fetched(hass, spool, SourceKind.FILE, str(media / name), limit=10 * LIMIT)
    assert document.name == f"a{extension}"
    with Image.open(document.path) as image:
        assert image.format == {".png": "PNG", ".jpg": "JPEG"}[extension]
        left, right = image.getpixel((2, 2)), image.getpixel((image.width - 3, 2))
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    assert left[0] > 200 > left[1]
    assert min(right[:3]) > 200


async def test_transparent_and_turned_pictures(
    hass: HomeAssistant, spool: Spool, media: Path
) -> None:
    clear = Image.new("RGBA", (20, 10), (0, 0, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6
    clear.save(media / "a.webp", lossless=True, exif=exif)
    document = await fetched(hass, spool, SourceKind.FILE, str(media / "a.webp"))
    with Image.open(document.path) as image:
        assert image.size == (10, 20)
        assert image.getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize("kind", [SourceKind.TEXT, SourceKind.MARKDOWN, SourceKind.HTML])
async def test_text_with_half_a_character(
    hass: HomeAssistant, spool: Spool, kind: SourceKind
) -> None:
    """A template writes an emoji as two halves."""
    document = await fetched(hass, spool, kind, "早\ud83d\ude00\ud83d")
    assert "早😀\ufffd" in document.path.read_text("utf-8")


async def test_a_file_name_that_is_no_text(hass: HomeAssistant, spool: Spool, media: Path) -> None:
    name = os.fsdecode(b"caf\xe9.pdf")
    (media / name).write_bytes(make_pdf(1))
    document = await fetched(hass, spool, SourceKind.FILE, str(media / name))
    assert (document.name, document.title) == ("caf_.pdf", "caf\ufffd.pdf")
    (media / name).write_bytes(b"\x7fELF\0")
    with pytest.raises(InputError) as raised:
        await fetched(hass, spool, SourceKind.FILE, str(media / name))
    assert raised.value.placeholders == {"name": "caf\ufffd.pdf"}


async def test_bad_files(
    hass: HomeAssistant, spool: Spool, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (media / "blank.txt").write_text(" \n\n ")
    (media / "long.txt").write_text("x" * (MAX_TEXT_BYTES + 1))
    (media / "wide.csv").write_text(",".join("x" * 61))
    (media / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    cases = {
        str(media / "blank.txt"): "file_empty",
        str(media / "long.txt"): "text_too_large",
        str(media / "wide.csv"): "too_many_columns",
        str(media / "a.heic"): "heic_not_supported",
    }
    found = {
        path: await refused(hass, spool, SourceKind.FILE, path, limit=LIMIT + 100) for path in cases
    }
    assert found == cases

    monkeypatch.setattr(
        "custom_components.lianke.documents.conversion.MAX_CONVERTED_WEBP_PIXELS", 100
    )
    (media / "huge.webp").write_bytes(picture("WEBP"))
    key = await refused(hass, spool, SourceKind.FILE, str(media / "huge.webp"))
    assert key == "image_too_large"

    def deny(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("custom_components.lianke.documents.local_files.os.open", deny)
    key = await refused(hass, spool, SourceKind.FILE, str(media / "huge.webp"))
    assert key == "file_not_readable"


async def test_media(hass: HomeAssistant, spool: Spool, media: Path) -> None:
    assert await async_setup_component(hass, "media_source", {})
    (media / "菜单").mkdir()
    (media / "菜单" / "今天.pdf").write_bytes(make_pdf(2))
    for domain in ("media_source", "lianke"):
        media_id = f"media-source://{domain}/local/菜单/今天.pdf"
        document = await fetched(hass, spool, SourceKind.MEDIA, media_id)
        assert (document.name, document.pages) == ("今天.pdf", 2)
        document.path.unlink()
    cases = {
        "media-source://media_source/local/missing.pdf": "file_not_found",
        "media-source://media_source/local/x.unknowntype": "file_not_found",
        "media-source://media_source/local/../secret.pdf": "media_not_found",
        "media-source://media_source/local//etc/passwd": "media_not_found",
        "media-source://media_source/elsewhere/x.pdf": "media_not_found",
        "media-source://nothing/local/x.pdf": "media_not_found",
        "/media/local/x.pdf": "media_not_found",
        "media-source://": "media_not_found",
        "media-source:///": "media_not_found",
        "media-source://lianke": "media_not_found",
        "media-source://lianke/": "media_not_found",
        "https://example.com/x.pdf": "media_not_found",
    }
    found = {value: await refused(hass, spool, SourceKind.MEDIA, value) for value in cases}
    assert found == cases


async def test_raw_text(hass: HomeAssistant, spool: Spool) -> None:
    source: dict[str, Any] = {"raw": True, "raw_encoding": "gb18030"}
    document = await fetched(hass, spool, SourceKind.TEXT, "^XA^FD你好^XZ", **source)
    assert document.path.read_bytes() == "^XA^FD你好^XZ".encode("gb18030")
    assert (document.name, document.title) == ("Printer commands.prn", "Printer commands")
    document.path.unlink()
    assert await refused(hass, spool, SourceKind.TEXT, "", **source) == "text_empty"
    assert await refused(hass, spool, SourceKind.TEXT, "\ud800", **source) == "raw_not_encodable"
    assert await refused(hass, spool, SourceKind.TEXT, "xy", **source, limit=1) == "file_too_large"
    for kind in (SourceKind.MARKDOWN, SourceKind.HTML, SourceKind.ENTITY, SourceKind.DOCUMENT):
        assert await refused(hass, spool, kind, "x", **source) == "raw_needs_file_or_text"


async def test_raw_files_keep_their_bytes(hass: HomeAssistant, spool: Spool, media: Path) -> None:
    (media / "label.txt").write_bytes(b"\0\1 any bytes")
    document = await fetched(hass, spool, SourceKind.FILE, str(media / "label.txt"), raw=True)
    assert document.name == "label.prn"
    assert document.path.read_bytes() == b"\0\1 any bytes"


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (SourceKind.ENTITY, "todo.list", "todo.list"),
        (SourceKind.MEDIA, "media-source://camera/camera.door", "camera.door"),
        (SourceKind.MEDIA, "media-source://media_source/local/camera.door", None),
        (SourceKind.TEXT, "camera.door", None),
    ],
)
def test_entities_are_known(kind: SourceKind, value: str, expected: str | None) -> None:
    assert entity_of(kind, value) == expected
