"""Check which local files may be read, and which entities the user of a call may use.

The functions that are not async are blocking: run them in the executor.
"""

from collections.abc import Iterable
from contextlib import suppress
import os
from pathlib import Path
import stat
from typing import BinaryIO, Final, NamedTuple

from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import Unauthorized, UnknownUser

from ..input_error import InputError

# Names of files that are never read, wherever they are.
FORBIDDEN_NAMES: Final = frozenset({"secrets.yaml"})
# The folder in the configuration folder that Home Assistant serves as `/local`.
SERVED_FOLDER: Final = "www"
# Names of folders, anywhere in the configuration folder, whose files are never read.
FORBIDDEN_FOLDERS: Final = frozenset({".storage", ".cloud"})

# The folders in which a file may be read.
type AllowedFolders = Iterable[str | Path]


class LocalFile(NamedTuple):
    path: Path
    roots: AllowedFolders
    # The file's name as people see it.
    name: str


def media_roots(hass: HomeAssistant) -> tuple[str, ...]:
    return (*hass.config.media_dirs.values(), *hass.config.allowlist_external_dirs)


def allowed_path(path: Path, roots: AllowedFolders, config_dir: str) -> tuple[Path, Path]:
    """Return the root that contains the path, and the path itself, both with all links resolved.

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
    is_secret = real.name in FORBIDDEN_NAMES or not FORBIDDEN_FOLDERS.isdisjoint(below)
    if root is None or is_secret:
        raise InputError("file_not_allowed", name=path.name)
    return root, real


def open_allowed(path: Path, roots: AllowedFolders, config_dir: str) -> BinaryIO:
    """Open a file below one of the roots, and return the open file.

    Each part of the real path is opened relative to the part before it, and must not be a link. So the opened file is
    the one that was checked, even if the path changes meanwhile. Raises InputError: file_not_allowed, file_not_found,
    file_not_readable.
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


def check_not_public(hass: HomeAssistant, folder: Path) -> None:
    """Raise InputError if the folder (a real path) is within `www` or another folder that is served without login."""
    infos = [resource.get_info() for resource in hass.http.app.router.resources()]
    served = [Path(info["directory"]) for info in infos if "directory" in info]
    for public in (Path(hass.config.path(SERVED_FOLDER)), *served):
        if folder.is_relative_to(public.resolve()):
            raise InputError("scan_folder_public", folder=public.name)


def open_folder(hass: HomeAssistant, folder: Path) -> int:
    """Open a folder in which files may be created; return the folder's descriptor.

    `folder` is the real path that the folder had when it was chosen; it is refused if a part of the path has become a
    link since then. Raises InputError: file_not_allowed, scan_folder_public.
    """
    root, real = allowed_path(folder, media_roots(hass), hass.config.config_dir)
    check_not_public(hass, real)
    with suppress(OSError):
        if real == folder:
            return _open_below(root, real.relative_to(root).parts, os.O_DIRECTORY)
    raise InputError("file_not_allowed", name=folder.name)


def _open_below(root: Path, parts: tuple[str, ...], last: int = 0) -> int:
    """Open a path below the root part by part; return the descriptor of the last part.

    The last part is a file, or a folder if `last` is O_DIRECTORY.
    """
    # Without O_NONBLOCK, opening a pipe would wait for a writer.
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


async def async_user_of(hass: HomeAssistant, context: Context) -> User | None:
    """Return the user of a context, or None for Home Assistant itself. Raises UnknownUser."""
    if context.user_id is None:
        return None
    if (user := await hass.auth.async_get_user(context.user_id)) is None:
        raise UnknownUser(context=context)
    return user


async def async_check_entity(
    hass: HomeAssistant, context: Context, entity_id: str | None, policy: str
) -> None:
    """Raise Unauthorized, or UnknownUser, unless the policy grants the context's user access to the entity.

    A call without a user comes from Home Assistant itself and may do everything. If `entity_id` is None, the user must
    be an administrator.
    """
    if (user := await async_user_of(hass, context)) is None:
        return
    if entity_id is None:
        if not user.is_admin:
            raise Unauthorized(context=context, permission=policy)
    elif not user.permissions.check_entity(entity_id, policy):
        raise Unauthorized(context=context, entity_id=entity_id, permission=policy)
