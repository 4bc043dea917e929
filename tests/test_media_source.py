"""The media browser's view of what can be printed."""

import os
from pathlib import Path

from homeassistant.components.media_player.errors import BrowseError
from homeassistant.components.media_source import (
    MediaSourceError,
    async_browse_media,
    async_resolve_media,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.json import json_bytes
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.lianke import media_source
from custom_components.lianke.const import DOMAIN
from tests.documents.samples import picture, zipped
from tests.simulator import make_pdf

ROOT = f"media-source://{DOMAIN}"


@pytest.fixture
async def media(hass: HomeAssistant, tmp_path: Path) -> Path:
    """Set up a media folder with something of everything in it."""
    assert await async_setup_component(hass, DOMAIN, {})
    folder = tmp_path / "media"
    hass.config.media_dirs = {"local": str(folder)}
    fill(folder)
    return folder


def fill(folder: Path) -> None:
    (folder / "文档").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    files = {
        "b.pdf": make_pdf(1),
        "a.txt": b"text",
        "photo.jpg": picture("JPEG"),
        "really.png.txt": picture("PNG"),
        "photo.webp": picture("WEBP"),
        "sheet.xlsx": zipped("[Content_Types].xml", "xl/workbook.xml"),
        "song.mp3": b"ID3\0\0\0",
        "film.mp4": b"\0\0\0\x18ftypisom",
        "发票.ofd": zipped("OFD.xml"),
        "empty.pdf": b"",
        "program": b"\x7fELF\0",
        ".secret.pdf": make_pdf(1),
        "文档/通知.md": "# 通知".encode(),
        "文档/table.csv": b"a,b",
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    # As some programs leave them that unpack an archive from Windows.
    (folder / os.fsdecode("发票.txt".encode("gbk"))).write_text("x", "utf-8")


async def test_the_only_folder_is_the_root(hass: HomeAssistant, media: Path) -> None:
    root = await async_browse_media(hass, ROOT)
    json_bytes(root.as_dict())
    assert root.title == "Documents to print"
    assert root.children is not None
    shown = [(child.title, child.media_content_type, child.can_expand) for child in root.children]
    assert shown == [
        ("文档", "", True),
        ("a.txt", "text/plain", False),
        ("b.pdf", "application/pdf", False),
        ("photo.jpg", "image/jpeg", False),
        ("photo.webp", "image/webp", False),
        ("really.png.txt", "image/png", False),
        ("sheet.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", False),
        ("发票.ofd", "application/ofd", False),
    ]
    folder = await async_browse_media(hass, root.children[0].media_content_id)
    assert folder.children is not None
    assert [(child.title, child.media_content_type) for child in folder.children] == [
        ("table.csv", "text/csv"),
        ("通知.md", "text/markdown"),
    ]
    assert folder.title == "文档"
    assert all(child.can_play for child in folder.children)


async def test_a_document_is_no_globe(
    hass: HomeAssistant, media: Path, hass_client: ClientSessionGenerator
) -> None:
    """Home Assistant has no class of documents; a picture has its own icon."""
    root = await async_browse_media(hass, ROOT)
    assert root.children is not None
    shown = {child.title: child.thumbnail for child in root.children}
    assert shown["photo.jpg"] is None
    assert shown["文档"] is None
    client = await hass_client()
    for title in ("a.txt", "b.pdf", "sheet.xlsx"):
        address = shown[title]
        assert address is not None
        response = await client.get(address)
        assert response.content_type == "image/svg+xml"
        assert "<path" in await response.text()


async def test_several_folders_are_listed(hass: HomeAssistant, media: Path) -> None:
    hass.config.media_dirs = {"local": str(media), "scans": str(media)}
    root = await async_browse_media(hass, ROOT)
    assert root.children is not None
    assert [child.title for child in root.children] == ["local", "scans"]
    for child in root.children:
        assert (await async_browse_media(hass, child.media_content_id)).children


async def test_what_is_listed_can_be_resolved(hass: HomeAssistant, media: Path) -> None:
    for name, content_type in (
        ("b.pdf", "application/pdf"),
        ("文档/通知.md", "text/markdown"),
        ("photo.jpg", "image/jpeg"),
    ):
        found = await async_resolve_media(hass, f"{ROOT}/local/{name}", None)
        assert found.mime_type == content_type
        assert found.path == media / name
        assert found.url == f"/media/local/{name}"


@pytest.mark.parametrize(
    "identifier",
    [
        "local/missing.pdf",
        "local/song.mp3",
        "local/program",
        "local/文档",
        "local/../secret.pdf",
        "local//etc/passwd",
        "other/b.pdf",
    ],
)
async def test_nothing_else_can(hass: HomeAssistant, media: Path, identifier: str) -> None:
    with pytest.raises(MediaSourceError):
        await async_resolve_media(hass, f"{ROOT}/{identifier}", None)


@pytest.mark.parametrize("identifier", ["local/missing", "local/../x", "other", "local/b.pdf"])
async def test_folders_that_are_none(hass: HomeAssistant, media: Path, identifier: str) -> None:
    with pytest.raises(BrowseError):
        await async_browse_media(hass, f"{ROOT}/{identifier}")


async def test_an_endless_folder_ends(
    hass: HomeAssistant, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_source, "MAX_LISTED_FILES", 2)
    root = await async_browse_media(hass, ROOT)
    assert root.children is not None
    assert [child.title for child in root.children] == ["文档", "a.txt", "b.pdf"]


async def test_the_name_is_in_the_language_of_the_house(hass: HomeAssistant, media: Path) -> None:
    hass.config.language = "zh-Hans"
    assert (await media_source.async_get_media_source(hass)).name == "可打印的文档"
