"""Media source of the files that can be printed. Home Assistant's built-in media source shows no documents."""

from collections.abc import Mapping
from contextlib import suppress
from itertools import chain, repeat
import mimetypes
from pathlib import Path
from typing import Final, override

from homeassistant.auth.models import User
from homeassistant.auth.permissions.models import PermissionLookup
from homeassistant.components.http.const import KEY_HASS_USER
from homeassistant.components.media_player.const import MediaClass
from homeassistant.components.media_player.errors import BrowseError
from homeassistant.components.media_source import (
    BrowseMediaSource,
    MediaSource,
    MediaSourceItem,
    PlayMedia,
    Unresolvable,
)
from homeassistant.components.websocket_api.connection import current_connection
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.http import current_request
from homeassistant.helpers.trace import variables_cv

from .api.coerce import to_encodable
from .const import DOMAIN
from .documents.document import CONTENT_TYPES, FileType, sniff
from .documents.local_files import AllowedFolders, allowed_path, media_roots
from .documents.media import KEPT_SCANS, local_media_path, resolved_for
from .documents.page_documents import async_page_text
from .frontend import DOCUMENT_URL
from .input_error import InputError
from .scanner.hub import is_scanning_enabled
from .scanner.scan_job import ScanJob, content_type as type_of_scan, local_time
from .scanner.scan_view import find_file, picture_paths, visible_scans

SCANS_FOLDER: Final = KEPT_SCANS.rstrip("/")
# Maximum number of files in the list of one folder.
MAX_LISTED_FILES: Final = 1000
OTHER_TYPES: Final = {
    FileType.WEBP: "image/webp",
    FileType.HEIF: "image/heic",
    FileType.TEXT: "text/plain",
    FileType.CSV: "text/csv",
    FileType.MARKDOWN: "text/markdown",
    FileType.OFD: "application/ofd",
}
UNPRINTABLE_TYPES: Final = ("audio", "video")


async def async_get_media_source(hass: HomeAssistant) -> MediaSource:
    names = [await async_page_text(hass, key) for key in ("media_source", "kept_scans")]
    return PrintableSource(hass, *names)


class PrintableSource(MediaSource):
    """The printable files in the media folders, and the kept scans."""

    name: str

    def __init__(self, hass: HomeAssistant, name: str, scans: str) -> None:
        """`name` is the name of the source, `scans` that of its folder of kept scans, in Home Assistant's language."""
        self.name = name
        self._scans_name = scans
        super().__init__(DOMAIN)
        self._hass = hass

    @override
    async def async_resolve_media(self, item: MediaSourceItem) -> PlayMedia:
        """Return the address, type and path of a file.

        In a media folder, the address works only for types that Home Assistant itself shows.
        """
        identifier = item.identifier or ""
        if identifier.startswith(KEPT_SCANS):
            user, name = _asking_user(self._hass), identifier.removeprefix(KEPT_SCANS)
            if scan := find_file(self._hass, name, user):
                file, address = scan
                return PlayMedia(address, type_of_scan(file.name), path=file)
        elif path := local_media_path(self._hass, identifier):
            run = self._hass.async_add_executor_job
            if content_type := await run(_allowed_type, self._hass, path):
                return PlayMedia(f"/media/{identifier}", content_type, path=path)
        raise Unresolvable(translation_domain=DOMAIN, translation_key="media_not_found")

    @override
    async def async_browse_media(self, item: MediaSourceItem) -> BrowseMediaSource:
        folders = self._hass.config.media_dirs
        identifier = item.identifier or ""
        if identifier == SCANS_FOLDER:
            return self._scans()
        with_scans = is_scanning_enabled(self._hass)
        if not identifier and len(folders) == 1 and not with_scans:
            identifier = next(iter(folders))
        if not identifier:
            root = _item("", self.name)
            root.children = [_item(folder, folder) for folder in folders]
            if with_scans:
                root.children.append(_item(SCANS_FOLDER, self._scans_name))
            return root
        path = local_media_path(self._hass, identifier)
        if path is not None:
            folder = _item(identifier, path.name if "/" in identifier else self.name)
            run = self._hass.async_add_executor_job
            with suppress(OSError, InputError):
                folder.children = await run(_list, self._hass, path, identifier)
                return folder
        raise BrowseError(translation_domain=DOMAIN, translation_key="media_not_found")

    def _scans(self) -> BrowseMediaSource:
        folder = _item(SCANS_FOLDER, self._scans_name)
        folder.children = [
            _item(
                f"{KEPT_SCANS}{entry.entry_id}/{job.job_id}/{name}",
                _dated_name(job, name),
                type_of_scan(name),
                picture,
            )
            for entry, job in visible_scans(self._hass, _asking_user(self._hass))
            # A file with several pages gets the picture of its first page.
            for name, picture in zip(
                job.files, chain(picture_paths(entry, job), repeat(None)), strict=False
            )
        ][:MAX_LISTED_FILES]
        return folder


def _item(
    identifier: str, title: str, content_type: str = "", picture: str | None = None
) -> BrowseMediaSource:
    """Return the item for a file, or for a folder if there is no content type."""
    folder = MediaClass.DIRECTORY
    kind = MediaClass.IMAGE if content_type.startswith("image/") else MediaClass.URL
    if content_type and kind is not MediaClass.IMAGE:
        # Home Assistant has no media class for documents, and would show a document without a picture as a globe.
        picture = picture or DOCUMENT_URL
    return BrowseMediaSource(
        domain=DOMAIN,
        identifier=identifier,
        media_class=kind if content_type else folder,
        media_content_type=content_type,
        title=title,
        can_play=bool(content_type),
        can_expand=not content_type,
        children_media_class=None if content_type else folder,
        thumbnail=picture,
    )


def _list(hass: HomeAssistant, path: Path, identifier: str) -> list[BrowseMediaSource]:
    """Return a folder's items, subfolders first. Blocks. Raises OSError; InputError if the folder may not be read."""
    roots = media_roots(hass)
    _, path = allowed_path(path, roots, hass.config.config_dir)
    folders: list[BrowseMediaSource] = []
    files: list[BrowseMediaSource] = []
    checked = 0
    children = sorted(path.iterdir(), key=lambda entry: (entry.is_file(), entry.name.casefold()))
    for child in children:
        # One name that is not valid text would keep the whole list from being sent to a browser.
        if child.name.startswith(".") or child.name != to_encodable(child.name):
            continue
        below = f"{identifier}/{child.name}"
        if not _is_allowed(child, roots, hass.config.config_dir):
            continue
        if child.is_dir():
            folders.append(_item(below, child.name))
            continue
        checked += 1
        if checked > MAX_LISTED_FILES:
            break
        if (content_type := _content_type(child)) is not None:
            files.append(_item(below, child.name, content_type))
    return folders + files


def _is_allowed(path: Path, roots: AllowedFolders, config_dir: str) -> bool:
    """Whether a path, after following links, is in one of the folders that may be read."""
    try:
        allowed_path(path, roots, config_dir)
    except InputError:
        return False
    return True


def _allowed_type(hass: HomeAssistant, path: Path) -> str | None:
    """Return a file's media type; None if the file may not be read or cannot be printed."""
    is_allowed = _is_allowed(path, media_roots(hass), hass.config.config_dir)
    return _content_type(path) if is_allowed else None


def _content_type(path: Path) -> str | None:
    """Detect a file's media type from its content; None if the file cannot be printed."""
    guessed = mimetypes.guess_type(path.name)[0] or ""
    if guessed.partition("/")[0] in UNPRINTABLE_TYPES:
        return None
    try:
        if not path.is_file():
            return None
        kind = sniff(path, path.name, may_be_raw=True)
    except InputError, OSError, ValueError:
        return None
    return (CONTENT_TYPES | OTHER_TYPES)[kind]


def _asking_user(hass: HomeAssistant) -> User | None:
    """Return the user of the current call, connection or request; None for Home Assistant itself.

    A companion app's call arrives through a webhook, whose request has no user. In that case, the result is None if an
    automation asks, otherwise a user without permissions.
    """
    unknown = object()
    caller = resolved_for.get(unknown)
    if caller is None or isinstance(caller, User):
        # `resolved_for` decides first: an automation that somebody set off over a connection inherits that connection,
        # but does not ask on behalf of that person.
        return caller
    if (connection := current_connection.get()) is not None:
        return connection.user
    if (request := current_request.get()) is None:
        return None
    user: User | None = request.get(KEY_HASS_USER)
    variables = variables_cv.get()
    context = variables.get("context") if isinstance(variables, Mapping) else None
    # An automation has no user, and an administrator made it. A script runs in the context of its user.
    is_automation = isinstance(context, Context) and context.user_id is None
    if user is not None or is_automation:
        return user
    return User(None, PermissionLookup(er.async_get(hass), dr.async_get(hass)))


def _dated_name(job: ScanJob, name: str) -> str:
    """Return the name of a kept file with the time first, so that names differ even if a list cuts them off."""
    bare = name.replace(f" {local_time(job, '%Y-%m-%d %H.%M.%S')}", "", 1)
    return f"{local_time(job, '%Y-%m-%d %H:%M:%S')} {bare}"
