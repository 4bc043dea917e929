"""The files in the media folders that can be printed."""

import mimetypes
from pathlib import Path
from typing import Final

from homeassistant.components.media_player.const import MediaClass
from homeassistant.components.media_player.errors import BrowseError
from homeassistant.components.media_source import (
    BrowseMediaSource,
    MediaSourceItem,
    PlayMedia,
    Unresolvable,
)
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError

from ..const import DOMAIN
from .document import CONTENT_TYPES
from .local_files import allowed_path, media_roots
from .sniff import CONVERTED_IMAGES, TEXTS, FileType, sniff
from .sources import local_media_path

# A folder with more files than this is not a folder to look for a document in.
MAX_FILES: Final = 1000
OTHER_TYPES: Final = {
    FileType.WEBP: "image/webp",
    FileType.HEIF: "image/heic",
    FileType.TEXT: "text/plain",
    FileType.CSV: "text/csv",
    FileType.MARKDOWN: "text/markdown",
}
NEVER: Final = ("audio", "video")


async def async_resolve(hass: HomeAssistant, item: MediaSourceItem) -> PlayMedia:
    """Return where a file lies. Its address works for what Home Assistant itself shows."""
    path = local_media_path(hass, item.identifier or "")
    content_type = None
    if path is not None:
        content_type = await hass.async_add_executor_job(_allowed_type, hass, path)
    if path is None or content_type is None:
        raise Unresolvable(translation_domain=DOMAIN, translation_key="media_not_found")
    return PlayMedia(f"/media/{item.identifier}", content_type, path=path)


async def async_browse(hass: HomeAssistant, item: MediaSourceItem, name: str) -> BrowseMediaSource:
    """List a folder: its folders, and the files that can be printed. The root bears the name."""
    folders = hass.config.media_dirs
    identifier = item.identifier or ""
    if not identifier and len(folders) == 1:
        identifier = next(iter(folders))
    if not identifier:
        root = _folder("", name)
        root.children = [_folder(folder, folder) for folder in folders]
        return root
    path = local_media_path(hass, identifier)
    if path is None:
        raise BrowseError(translation_domain=DOMAIN, translation_key="media_not_found")
    folder = _folder(identifier, path.name if "/" in identifier else name)
    try:
        folder.children = await hass.async_add_executor_job(_list, hass, path, identifier)
    except OSError, ServiceValidationError:
        raise BrowseError(translation_domain=DOMAIN, translation_key="media_not_found") from None
    return folder


def _folder(identifier: str, title: str) -> BrowseMediaSource:
    return BrowseMediaSource(
        domain=DOMAIN,
        identifier=identifier,
        media_class=MediaClass.DIRECTORY,
        media_content_type="",
        title=title,
        can_play=False,
        can_expand=True,
        children_media_class=MediaClass.DIRECTORY,
    )


def _list(hass: HomeAssistant, path: Path, identifier: str) -> list[BrowseMediaSource]:
    """Return what is in a folder, folders first; blocks.

    Raises OSError; ServiceValidationError for a folder that may not be read.
    """
    roots = media_roots(hass)
    _, path = allowed_path(path, roots, hass.config.config_dir)
    folders: list[BrowseMediaSource] = []
    files: list[BrowseMediaSource] = []
    looked_at = 0
    children = sorted(path.iterdir(), key=lambda entry: (entry.is_file(), entry.name.casefold()))
    for child in children:
        if child.name.startswith("."):
            continue
        below = f"{identifier}/{child.name}"
        if not _is_allowed(child, roots, hass.config.config_dir):
            continue
        if child.is_dir():
            folders.append(_folder(below, child.name))
            continue
        looked_at += 1
        if looked_at > MAX_FILES:
            break
        if (content_type := _content_type(child)) is not None:
            files.append(_file(below, child.name, content_type))
    return folders + files


def _file(identifier: str, title: str, content_type: str) -> BrowseMediaSource:
    is_image = content_type.startswith("image/")
    return BrowseMediaSource(
        domain=DOMAIN,
        identifier=identifier,
        media_class=MediaClass.IMAGE if is_image else MediaClass.URL,
        media_content_type=content_type,
        title=title,
        can_play=True,
        can_expand=False,
    )


def _is_allowed(path: Path, roots: tuple[Path, ...], config_dir: str) -> bool:
    """Tell whether no link leads out of the folders that may be read."""
    try:
        allowed_path(path, roots, config_dir)
    except ServiceValidationError:
        return False
    return True


def _allowed_type(hass: HomeAssistant, path: Path) -> str | None:
    """Return the type of a file that may be read; None when it cannot be printed."""
    if not _is_allowed(path, media_roots(hass), hass.config.config_dir):
        return None
    return _content_type(path)


def _content_type(path: Path) -> str | None:
    """Return the type of a file by its content; None when it cannot be printed."""
    guessed = mimetypes.guess_type(path.name)[0] or ""
    if guessed.partition("/")[0] in NEVER:
        return None
    try:
        if not path.is_file():
            return None
        kind = sniff(path, path.name, may_be_raw=True)
    except ServiceValidationError, OSError, ValueError:
        return None
    if kind in TEXTS | CONVERTED_IMAGES:
        return OTHER_TYPES[kind]
    return CONTENT_TYPES[kind]
