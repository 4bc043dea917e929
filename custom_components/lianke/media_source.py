"""Media source of the files that can be printed; the built-in one shows no documents."""

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
from .scanner.hub import is_enabled
from .scanner.scan_job import ScanJob, content_type as type_of_scan, local_time
from .scanner.scan_view import find_file, picture_paths, visible_scans

SCANS_FOLDER: Final = KEPT_SCANS.rstrip("/")
# Files of one folder.
MAX_LISTED_FILES: Final = 1000
OTHER_TYPES: Final = {
    FileType.WEBP: "image/webp",
    FileType.HEIF: "image/heic",
    FileType.TEXT: "text/plain",
    FileType.CSV: "text/csv",
    FileType.MARKDOWN: "text/markdown",
}
UNPRINTABLE_TYPES: Final = ("audio", "video")


async def async_get_media_source(hass: HomeAssistant) -> MediaSource:
    names = [await async_page_text(hass, key) for key in ("media_source", "kept_scans")]
    return PrintableSource(hass, *names)


class PrintableSource(MediaSource):
    """The printable files in the media folders."""

    name: str

    def __init__(self, hass: HomeAssistant, name: str, scans: str) -> None:
        """`name` and `scans` name the source and its folder of kept scans in Home Assistant's language."""
        self.name = name
        self._scans_name = scans
        super().__init__(DOMAIN)
        self._hass = hass

    @override
    async def async_resolve_media(self, item: MediaSourceItem) -> PlayMedia:
        """Find a file; its address works for what Home Assistant itself shows."""
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
        with_scans = is_enabled(self._hass)
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
            # A file with several pages shows its first one.
            for name, picture in zip(
                job.files, chain(picture_paths(entry, job), repeat(None)), strict=False
            )
        ][:MAX_LISTED_FILES]
        return folder


def _item(
    identifier: str, title: str, content_type: str = "", picture: str | None = None
) -> BrowseMediaSource:
    """Make an item for a file, or for a folder if there is no content type."""
    folder = MediaClass.DIRECTORY
    kind = MediaClass.IMAGE if content_type.startswith("image/") else MediaClass.URL
    if content_type and kind is not MediaClass.IMAGE:
        # There is no media class for documents: without a picture they would show a globe.
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
    """List a folder, folders first. Blocks. Raises OSError; InputError for a folder that may not be read."""
    roots = media_roots(hass)
    _, path = allowed_path(path, roots, hass.config.config_dir)
    folders: list[BrowseMediaSource] = []
    files: list[BrowseMediaSource] = []
    checked = 0
    children = sorted(path.iterdir(), key=lambda entry: (entry.is_file(), entry.name.casefold()))
    for child in children:
        # A name that is no valid text would keep the whole list from being sent to a browser.
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
    """Check that no link leads out of the folders that may be read."""
    try:
        allowed_path(path, roots, config_dir)
    except InputError:
        return False
    return True


def _allowed_type(hass: HomeAssistant, path: Path) -> str | None:
    """Detect a file's type; None if it may not be read or cannot be printed."""
    is_allowed = _is_allowed(path, media_roots(hass), hass.config.config_dir)
    return _content_type(path) if is_allowed else None


def _content_type(path: Path) -> str | None:
    """Detect a file's type by its content; None if it cannot be printed."""
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
    """Find who asks just now, by a call, a connection or a request; None for Home Assistant itself.

    A companion app's call comes by a webhook, whose request has no user: a stranger asks, unless an automation does.
    """
    unknown = object()
    caller = resolved_for.get(unknown)
    if caller is None or isinstance(caller, User):
        # An automation that somebody set off over a connection inherits the connection, but asks for itself.
        return caller
    if (connection := current_connection.get()) is not None:
        return connection.user
    if (request := current_request.get()) is None:
        return None
    user: User | None = request.get(KEY_HASS_USER)
    variables = variables_cv.get()
    context = variables.get("context") if isinstance(variables, Mapping) else None
    # An automation, which an administrator made; a script's run has the context of its user.
    is_automation = isinstance(context, Context) and context.user_id is None
    if user is not None or is_automation:
        return user
    return User(None, PermissionLookup(er.async_get(hass), dr.async_get(hass)))


def _dated_name(job: ScanJob, name: str) -> str:
    """Put the time of a kept file first: names then differ where a list cuts them off."""
    bare = name.replace(f" {local_time(job, '%Y-%m-%d %H.%M.%S')}", "", 1)
    return f"{local_time(job, '%Y-%m-%d %H:%M:%S')} {bare}"
