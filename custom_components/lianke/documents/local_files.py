"""What may be read: local files (blocks), and entities by the user of a call."""

from collections.abc import Iterable
import os
from pathlib import Path
import stat
from typing import BinaryIO, Final, NamedTuple

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import Unauthorized, UnknownUser

from ..errors import InputError

# Never printed, whatever is allowed: names anywhere, folders below the configuration.
NEVER_NAMES: Final = frozenset({"secrets.yaml"})
PUBLIC_FOLDER: Final = "www"
"""below the configuration: Home Assistant serves it as `/local`."""
NEVER_FOLDERS: Final = frozenset({".storage", ".cloud"})


type Roots = Iterable[str | Path]
"""The folders in which a file may be read."""


class LocalFile(NamedTuple):
    """A file of this system, where it may be read, and what people call it."""

    path: Path
    roots: Roots
    name: str


def media_roots(hass: HomeAssistant) -> tuple[str, ...]:
    """Return the media folders, and those that the configuration allows to be read."""
    return (*hass.config.media_dirs.values(), *hass.config.allowlist_external_dirs)


def allowed_path(path: Path, roots: Roots, config_dir: str) -> tuple[Path, Path]:
    """Return the root and the real path of a file or folder, all links followed.

    Raises InputError: file_not_allowed, file_not_found.
    """
    try:
        real = path.resolve()
    except ValueError, OSError, RuntimeError:
        raise InputError("file_not_found", name=path.name) from None
    resolved = (Path(root).resolve() for root in roots)
    root = next((root for root in resolved if real.is_relative_to(root)), None)
    config = Path(config_dir).resolve()
    below = real.relative_to(config).parts if real.is_relative_to(config) else ()
    is_secret = real.name in NEVER_NAMES or not NEVER_FOLDERS.isdisjoint(below)
    if root is None or is_secret:
        raise InputError("file_not_allowed", name=path.name)
    return root, real


def open_allowed(path: Path, roots: Roots, config_dir: str) -> BinaryIO:
    """Open a file below one of the roots.

    From the root on, each part is opened within the one before and none may be a link: what was
    checked is what is opened, whatever changes meanwhile.
    Raises InputError: file_not_allowed, file_not_found, file_not_readable.
    """
    root, real = allowed_path(path, roots, config_dir)
    try:
        descriptor = _open_below(root, real.relative_to(root).parts)
    except PermissionError:
        raise InputError("file_not_readable", name=path.name) from None
    except OSError:
        raise InputError("file_not_found", name=path.name) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InputError("file_not_found", name=path.name)
    return os.fdopen(descriptor, "rb")


def check_not_public(folder: Path, config_dir: str) -> None:
    """Raise InputError for a real folder whose files Home Assistant hands out to everybody, without login."""
    public = Path(config_dir, PUBLIC_FOLDER).resolve()
    if folder.is_relative_to(public):
        raise InputError("scan_folder_public", folder=PUBLIC_FOLDER)


def open_folder(folder: Path, roots: Roots, config_dir: str) -> int:
    """Return the descriptor of a folder below one of the roots, to put files into.

    `folder` is where it really lay when it was chosen; it is opened part by part, as a file is, and none may be a link
    by now. Raises InputError: file_not_allowed, scan_folder_public; OSError where it is away.
    """
    root, real = allowed_path(folder, roots, config_dir)
    if real != folder:
        raise InputError("file_not_allowed", name=folder.name)
    check_not_public(real, config_dir)
    return _open_below(root, real.relative_to(root).parts, os.O_DIRECTORY)


def _open_below(root: Path, parts: tuple[str, ...], last: int = 0) -> int:
    """Return the descriptor of a file, or with O_DIRECTORY a folder, opened part by part from the root on."""
    # Do not wait for the writer of a pipe.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(root, flags | os.O_DIRECTORY)
    for number, part in enumerate(parts, start=1):
        kind = last if number == len(parts) else os.O_DIRECTORY
        try:
            inner = os.open(part, flags | kind | os.O_NOFOLLOW, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = inner
    return descriptor


async def async_check_entity(
    hass: HomeAssistant, context: Context, entity_id: str | None, policy: str
) -> None:
    """Raise Unauthorized, or UnknownUser, unless the user of the context has the policy on the entity.

    A call without a user comes from Home Assistant itself and may do everything. Where there is
    no entity to ask about, only an administrator may.
    """
    if context.user_id is None:
        return
    if (user := await hass.auth.async_get_user(context.user_id)) is None:
        raise UnknownUser(context=context)
    if entity_id is None:
        if not user.is_admin:
            raise Unauthorized(context=context, permission=policy)
    elif not user.permissions.check_entity(entity_id, policy):
        raise Unauthorized(context=context, entity_id=entity_id, permission=policy)
