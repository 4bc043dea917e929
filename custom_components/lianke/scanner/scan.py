"""One scan, from the service's task to files in the spool. Everything that scans comes in here."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
import hashlib
import logging
from pathlib import Path
from typing import Final, NamedTuple

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from yarl import URL

from ..api.errors import LiankeConnectionError, LiankeError, LiankeRefusedError, LiankeResponseError
from ..api.scanning import Part, ScanTask
from ..api.server import is_public_name, is_vendors
from ..api.tasks import TaskState
from ..const import CONF_SERVER, MAX_DOCUMENT_MB
from ..documents.document import too_large
from ..documents.download import async_download
from ..documents.kinds import FileType, sniff
from ..documents.spool import Spool, async_get_spool, write_bytes
from ..errors import InputError
from ..runtime import LiankeConfigEntry
from .abilities import ScanRequest
from .hub import async_get_hub

_LOGGER = logging.getLogger(__name__)

SCAN_SECONDS: Final = 900.0
"""for a whole scan: a feeder may hold fifty sheets."""
RESULT_SECONDS: Final = 60.0
"""from the end of a scan until its pages must be there."""
FIRST_PAUSE: Final = 5.0
"""seconds until a scan is asked about: no scanner has moved over a page, and sent it, much sooner."""
LONGEST_PAUSE: Final = 10.0
"""seconds between two polls; the service asks for no more than one in ten seconds where somebody waits for long."""
RETRY_PAUSE: Final = 1.0
"""seconds until a page is fetched again; the next one is twice as long."""
MAX_FAILED_POLLS: Final = 5
"""after each other, of those that reach the service; others are made for as long as a scan may take."""
MAX_SCAN_BYTES: Final = 500 * 1024 * 1024
"""of all files of one scan."""
FETCHES: Final = 6
"""of a page that does not come, in half a minute."""

_UNDER_WAY: Final = frozenset(
    {TaskState.READY, TaskState.PARSING, TaskState.SENDING, TaskState.SET_REVOKE}
)
_PAGES: Final = frozenset({FileType.JPEG, FileType.PNG, FileType.PDF})


@dataclass(frozen=True, kw_only=True, slots=True)
class ScannedFile:
    """A file in the spool. `extension` has its dot, `size` is in bytes."""

    path: Path
    extension: str
    size: int


class ScanError(LiankeError):
    """A scan that did not end well: `reason` is the translation's key, `detail` what the service said."""

    is_passing = False

    def __init__(self, reason: str, detail: str = "") -> None:
        """Take why."""
        super().__init__(detail)
        self.reason = reason


class Scanned(NamedTuple):
    """What came of a scan: files in the order of the pages, and why these are not all, None where they are."""

    files: tuple[ScannedFile, ...]
    failure: ScanError | None


@asynccontextmanager
async def async_scan_page(
    hass: HomeAssistant,
    entry: LiankeConfigEntry,
    scanner_id: str,
    request: ScanRequest,
    *,
    task_id: str | None = None,
    on_started: Callable[[str], Awaitable[None]] | None = None,
) -> AsyncIterator[Scanned]:
    """Scan what lies on the glass, or all that is in the feeder; yield one file at least.

    Files that are still there at the end of the block are deleted. If all came, and it ended well, the service is
    asked to forget them; until then they are to be had again by the task's id, which `on_started` gets once the service
    has taken the scan; without `on_started` they are forgotten however it ends. With a `task_id` of such a scan,
    nothing is scanned. What `on_started` raises cancels the scan, and so does whoever cancels this call. Raises
    InputError for what the scanner cannot do, and while it is in use (scanner_busy); ScanError once the service was
    asked, also where a scan may have happened (scan_in_doubt);
    LiankeError where it surely has not; HomeAssistantError: disk_full.
    """
    hub, spool = async_get_hub(hass, entry), await async_get_spool(hass)
    async with spool.scope():
        with hub.using(scanner_id):
            is_noted = task_id is not None
            if task_id is None:
                await hub.async_listed()
                scanners = entry.runtime_data.client.scanners
                fields = hub.abilities(scanner_id).fields(request)
                try:
                    task_id = await scanners.start(hub.get(scanner_id).scanner_id, fields)
                except LiankeError as err:
                    if _may_have_started(err):
                        raise ScanError("scan_in_doubt", err.detail) from None
                    raise
            try:
                if not is_noted and on_started is not None:
                    await on_started(task_id)
                    is_noted = True
                scanned = await _async_follow(hass, entry, spool, task_id)
            except (asyncio.CancelledError, HomeAssistantError) as err:
                # Pages for which there is no room are fetched later.
                if isinstance(err, asyncio.CancelledError) or not is_noted:
                    _drop(hass, entry, task_id)
                raise
        # Nobody takes up what nobody has noted.
        is_wanted = is_noted
        try:
            yield scanned
            is_wanted = is_noted and scanned.failure is not None
        finally:
            if not is_wanted:
                _drop(hass, entry, task_id)


@callback
def _drop(hass: HomeAssistant, entry: LiankeConfigEntry, task_id: str) -> None:
    """Cancel a scan, or have the service forget what came of it; whether it does is not known.

    A box that is unloaded takes its scans up again.
    """
    if entry.state is not ConfigEntryState.LOADED or hass.is_stopping:
        return

    async def drop() -> None:
        try:
            await entry.runtime_data.client.scanners.cancel(task_id)
        except LiankeError as err:
            _LOGGER.debug("A scan stays at the service: %s", err)

    entry.async_create_background_task(hass, drop(), "lianke: forget a scan")


def _may_have_started(err: LiankeError) -> bool:
    """Return whether a scan may be under way although the request for it failed."""
    if isinstance(err, LiankeConnectionError | LiankeResponseError):
        return err.may_have_arrived
    return isinstance(err, LiankeRefusedError) and not err.surely_refused


async def _async_follow(
    hass: HomeAssistant, entry: LiankeConfigEntry, spool: Spool, task_id: str
) -> Scanned:
    """Wait for a scan's end and fetch its pages.

    Raises ScanError where there are none; HomeAssistantError: disk_full.
    """
    task = await _async_end(hass, entry, task_id)
    files: tuple[ScannedFile, ...] = ()
    failure: ScanError | None = None
    detail = "" if task is None else task.message
    if task is not None:
        files, failure = await _async_fetch(hass, entry, spool, task.parts)
        if failure is None and task.has_more:
            failure = ScanError("scan_too_many_pages", str(len(files)))
    if failure is None and (reason := _failure(task)) is not None:
        failure = ScanError(reason, detail)
    if not files:
        raise failure or ScanError("scan_not_understood", detail)
    return Scanned(files, failure)


def _failure(task: ScanTask | None) -> str | None:
    """Return why a scan did not end well, None where it did."""
    if task is None or task.state in _UNDER_WAY:
        return "scan_timed_out"
    if task.state is TaskState.REVOKED:
        return "scan_canceled"
    if task.state is TaskState.FAILURE or (not task.parts and task.code not in (None, 0, 200)):
        return "scan_failed"
    return None


async def _async_end(
    hass: HomeAssistant, entry: LiankeConfigEntry, task_id: str
) -> ScanTask | None:
    """Poll a scan until it has ended and its pages are there; return its last state, None without any."""
    scanners = entry.runtime_data.client.scanners
    clock = hass.loop.time
    until = clock() + SCAN_SECONDS
    ended_at: float | None = None
    task: ScanTask | None = None
    pause, failed = FIRST_PAUSE, 0
    while clock() < until:
        await asyncio.sleep(pause)
        pause = min(pause * 1.2, LONGEST_PAUSE)
        before = task
        try:
            task = await scanners.task(task_id)
        except LiankeError as err:
            # After a power cut the network may be there later than Home Assistant.
            failed += not isinstance(err, LiankeConnectionError)
            if failed < MAX_FAILED_POLLS and clock() < until:
                continue
            raise ScanError("scan_lost", err.detail) from None
        failed = 0
        if task.state in _UNDER_WAY:
            continue
        if _failure(task) is not None:
            break
        # A state that nobody knows may be one on the way: more pages may come.
        as_before = before is not None and len(before.parts) == len(task.parts)
        if task.parts and (task.state is TaskState.SUCCESS or as_before):
            break
        if not task.parts and task.state is TaskState.SUCCESS:
            ended_at = ended_at or clock()
            if clock() - ended_at > RESULT_SECONDS:
                break
    return task


async def _async_fetch(
    hass: HomeAssistant, entry: LiankeConfigEntry, spool: Spool, parts: tuple[Part, ...]
) -> Scanned:
    """Return the files that parts of a result are; what is no page is left out.

    Raises HomeAssistantError: disk_full.
    """
    files: list[ScannedFile] = []
    seen: dict[str, type] = {}
    try:
        for part in parts:
            path = await _async_get(hass, entry, spool, part)
            file, digest = await hass.async_add_executor_job(_look, path)
            # The same page may be there as an address and by itself.
            is_double = seen.setdefault(digest, type(part)) is not type(part)
            if file is None or is_double:
                await hass.async_add_executor_job(path.unlink)
                continue
            files.append(file)
            if sum(one.size for one in files) > MAX_SCAN_BYTES:
                raise too_large("", MAX_SCAN_BYTES)
    except InputError as err:
        reason = "scan_too_large" if err.reason == "file_too_large" else "scan_fetch_failed"
        return Scanned(tuple(files), ScanError(reason))
    return Scanned(tuple(files), None)


async def _async_get(
    hass: HomeAssistant, entry: LiankeConfigEntry, spool: Spool, part: Part
) -> Path:
    """Return the new file that a part is. Raises InputError, HomeAssistantError."""
    if isinstance(part, bytes):
        path = await spool.async_new_path(".page")
        await hass.async_add_executor_job(write_bytes, path, part)
        return path
    server = URL(entry.data[CONF_SERVER]).origin()
    limit = MAX_DOCUMENT_MB.of(entry.options) * 1024**2
    try:
        addresses = _addresses(URL(part), server)
    except ValueError:
        raise InputError("url_invalid") from None
    pause = RETRY_PAUSE
    while True:
        address = addresses.pop(0)
        is_secure = address.scheme == "https"
        # A proxy may give each name an address of its own network (fake-ip): then the certificate shows whose it is.
        trusted = address.origin() if is_secure and is_public_name(address.host) else server
        plain = None if is_secure else address.origin()
        path = await spool.async_new_path(".page")
        try:
            await async_download(
                hass, str(address), path, limit, trusted=trusted, unencrypted=plain
            )
        except InputError as err:
            if not addresses or err.reason == "file_too_large":
                raise
            await asyncio.sleep(pause)
            pause *= 2
        else:
            return path


def _addresses(address: URL, server: URL) -> list[URL]:
    """Return where to look for a page, one after the other.

    Pages travel over the internet in a way that nobody else can read; only the vendor's own hosts are believed to have
    no other.
    """
    if address.scheme == "https" or address.origin() == server:
        return [address] * FETCHES
    secure = address.with_scheme("https").with_port(None)
    return [secure, *[address if is_vendors(address.host) else secure] * (FETCHES - 1)]


def _look(path: Path) -> tuple[ScannedFile | None, str]:
    """Return a file as what its content says it is, None where it is no page, and its digest; blocks."""
    with path.open("rb") as reader:
        digest = hashlib.file_digest(reader, "sha256").hexdigest()
    try:
        extension = str(sniff(path, path.name, may_be_raw=False))
    except InputError:
        return None, digest
    if extension not in _PAGES:
        return None, digest
    return ScannedFile(path=path, extension=extension, size=path.stat().st_size), digest
