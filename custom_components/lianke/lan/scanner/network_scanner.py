"""The scanners offered to the home network: their abilities, and their scans, one at a time for each scanner."""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
import hmac
import logging
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4, uuid5

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.hass_dict import HassKey

from ...api.errors import BadParameterError, LiankeError
from ...const import CONF_LAN_SCANNERS, DOMAIN, JPEG_TYPE, LAN_SCANNER_PATH, ScanColor, ScanSource
from ...documents.document import FileType
from ...documents.pdf_client import PdfError, async_get_pdf_worker, lan_queue_user
from ...documents.spool import Spool, async_get_spool, unlink_all
from ...escl.messages import (
    SCAN_RESOLUTIONS,
    UNITS_PER_INCH,
    Area,
    EsclConflictError,
    FeederState,
    Region,
    ScanJobInfo,
    ScanJobState,
    ScannerState,
    ScanSettings,
)
from ...fair_queue import FairQueue, NoPlaceError, QueuePlace
from ...input_error import InputError
from ...jobs.rules import max_document_bytes
from ...pdf.process import MAX_SCAN_PIXELS
from ...runtime import LiankeConfigEntry, async_loaded_entries
from ...scanner.hub import ScannerHub, async_get_hub
from ...scanner.scan import async_scan_page
from ...scanner.scan_files import async_draw_page, async_join_pages
from ...scanner.scan_job import ScanRequest
from ...scanner.scan_parts import ScanError, ScannedFile
from ...scanner.scan_rules import CURRENT_SECONDS
from ...scanner.scanner_abilities import PAPER_MM, ScannerAbilities
from ...scanner.scanner_condition import ScannerCondition, ScannerConditions

_LOGGER = logging.getLogger(__name__)

# Seconds that a request to scan waits for its turn; SANE gives up such a request after 30 s.
CLIENT_TURN_SECONDS: Final = 10
# Seconds that a request for a page waits for the page; after that, our answer asks the client to try again.
PAGE_HOLD_SECONDS: Final = 50
# Seconds that a request to scan waits until the service accepts or refuses the scan; after that, we report it as begun.
CLIENT_START_SECONDS: Final = 15
# Seconds after a failed scan in which a client that asks for a page is told to try again: SANE then tries for half a
# minute and shows "Device busy"; otherwise, SANE would show a connection error.
TOLD_SECONDS: Final = 60
# Seconds without a request from a scan's client, after which the scan ends and other clients get the scanner.
ABANDONED_SECONDS: Final = 30
# Seconds in which a client must receive a document, in all its attempts together; otherwise the scan ends.
PAGE_TAKE_SECONDS: Final = 60
# The rate of the slowest clients: a document's size divided by this rate is added to PAGE_TAKE_SECONDS.
SLOWEST_CLIENT_BYTES_A_SECOND: Final = 64 * 1024
# Seconds in which the PDF process must draw a page, or join all pages into a PDF.
DRAW_SECONDS: Final = 50
# Maximum number of ended scans per scanner that clients can still query.
MAX_ENDED_SCANS: Final = 5
MM_PER_UNIT: Final = 25.4 / UNITS_PER_INCH
_SCANNER_UUIDS: Final = UUID("0f6f4a52-9a3c-4f0e-8b57-3d6e2c1a9f10")
_USABLE_COLORS: Final = {
    ScanColor.COLOR: (ScanColor.COLOR,),
    ScanColor.GRAY: (ScanColor.GRAY, ScanColor.COLOR),
    # Gray is preferred, so that we make the picture black and white only once it has its final size.
    ScanColor.MONO: (ScanColor.GRAY, ScanColor.COLOR, ScanColor.MONO),
}
# Conditions that the feeder's state reports, and that somebody must attend to.
_FED: Final = frozenset(
    {ScannerCondition.JAM, ScannerCondition.COVER_OPEN, ScannerCondition.FEEDER_EMPTY}
)
# The state that clients see, by the status of the scanner's entity; for any other status, they see STOPPED.
_STATES: Final = {
    "idle": ScannerState.IDLE,
    "scanning": ScannerState.PROCESSING,
    "busy": ScannerState.PROCESSING,
}
_FEEDER_STATES: Final = {
    ScannerCondition.JAM: FeederState.JAM,
    ScannerCondition.COVER_OPEN: FeederState.OPEN,
    ScannerCondition.FEEDER_EMPTY: FeederState.EMPTY,
    ScannerCondition.FEEDER_LOADED: FeederState.LOADED,
}


class OfferedScanner(NamedTuple):
    """A scanner offered under a path that ends in its token."""

    entry: LiankeConfigEntry
    scanner_id: str
    token: str

    @property
    def path(self) -> str:
        return f"{LAN_SCANNER_PATH}/{self.token}"

    @property
    def uuid(self) -> str:
        """An id derived from the token, which does not reveal the token."""
        return str(uuid5(_SCANNER_UUIDS, self.token))


@callback
def offered_scanners(hass: HomeAssistant, entry: LiankeConfigEntry) -> list[OfferedScanner]:
    """List a box's scanners that are switched on in its options and known to its hub; none unless the box is loaded."""
    tokens: dict[str, Any] = entry.options.get(CONF_LAN_SCANNERS, {})
    if entry.state is not ConfigEntryState.LOADED:
        return []
    known = async_get_hub(hass, entry).scanners
    return [OfferedScanner(entry, key, token) for key, token in tokens.items() if key in known]


@callback
def async_find_scanner(hass: HomeAssistant, token: str) -> NetworkScanner | None:
    scanners = hass.data.setdefault(DATA_SCANNERS, {})
    for entry in async_loaded_entries(hass):
        for offered in offered_scanners(hass, entry):
            if hmac.compare_digest(offered.token.encode(), token.encode()):
                if token not in scanners:
                    scanners[token] = NetworkScanner(hass, offered)
                    # When the box is unloaded, its scans for the home network end.
                    entry.async_on_unload(lambda: scanners.pop(token).close())
                return scanners[token]
    return None


@callback
def area_of(abilities: ScannerAbilities) -> Area:
    """Return the largest width and height among the scanner's sizes, those of A4 if no size is known."""
    words = [word.casefold() for word in abilities.sizes or ()]
    sizes = [PAPER_MM[word][0] for word in words if word in PAPER_MM] or [PAPER_MM["a4"][0]]
    width, height = (max(sides) / MM_PER_UNIT for sides in zip(*sizes, strict=True))
    return Area(int(width), int(height))


def resolutions_of(area: Area) -> tuple[int, ...]:
    """List the resolutions (dpi) at which the whole area has at most MAX_SCAN_PIXELS."""
    inches = area.width * area.height / UNITS_PER_INCH**2
    return tuple(dpi for dpi in SCAN_RESOLUTIONS if inches * dpi**2 <= MAX_SCAN_PIXELS)


def colors_of(abilities: ScannerAbilities) -> tuple[ScanColor, ...]:
    given = abilities.colors
    return tuple(
        one
        for one, of in _USABLE_COLORS.items()
        if given is None or not given.keys().isdisjoint(of)
    )


def _check(hub: ScannerHub, scanner_id: str, request: ScanRequest) -> None:
    """Check a scanner's condition as last reported.

    Raises EsclConflictError if somebody must attend to the feeder; NoPlaceError if the client should try again, because
    the condition may pass.
    """
    said = hub.conditions(scanner_id, CURRENT_SECONDS)
    if request.source is ScanSource.FEEDER and (why := said & _FED):
        raise EsclConflictError(", ".join(why))
    if ScannerCondition.COVER_OPEN in said or hub.status(scanner_id) in ("offline", "busy"):
        raise NoPlaceError


def has_source(abilities: ScannerAbilities, source: ScanSource) -> bool:
    """Whether a scanner has a source. A scanner whose sources are unknown is assumed to have only the glass."""
    return source in (abilities.sources or (ScanSource.GLASS,))


class NetworkScan:
    """A client's scan. It ends when the client has received all documents, or when the scan fails or is canceled."""

    def __init__(
        self, settings: ScanSettings, source: ScanSource, address: str, place: QueuePlace
    ) -> None:
        self.uuid = str(uuid4())
        self.settings = settings
        self.is_fed = source is ScanSource.FEEDER
        self.address = address
        self.device = str(place.owner)
        # The place is given back when the scan ends, so that other clients get the scanner.
        self.place = place
        self.began = asyncio.get_running_loop().time()
        self.state = ScanJobState.PROCESSING
        # Set once the service has accepted the scan, or the scan has ended.
        self.begun = asyncio.Event()
        # Whether the client knows of the scan.
        self.is_told = False
        # Why pages are missing, and when the scan ended (clock of the event loop).
        self.failure: Exception | None = None
        self.ended = 0.0
        self.is_scanned = False
        # Documents that the client has not received yet.
        self.pages: deque[Path] = deque()
        # Number of documents that the client has received.
        self.taken = 0
        # The time (loop's clock) until which the client may receive the next document; None before we first send it.
        self.fetch_until: float | None = None
        # Requests for a document are answered one after the other.
        self.turn = asyncio.Lock()
        # Number of requests that wait for a document or receive one.
        self.held = 0
        # Whether a client at the same address wants another scan while no request waits for a document of this scan.
        # The client of this scan may have been killed, so the new client's status requests must not keep this scan
        # alive.
        self.is_left = False
        self.changed = asyncio.Event()
        # Ends the scan if its client sends no request for ABANDONED_SECONDS.
        self.patience = asyncio.timeout(ABANDONED_SECONDS)
        self.task: asyncio.Task[None] | None = None

    def on_accepted(self) -> None:
        self.is_told = True
        self.begun.set()

    @property
    def should_client_retry(self) -> bool:
        """Whether the client should try again: the scan failed recently, because of a condition of the scanner.

        For a scan from the feeder, conditions of the feeder do not count: the feeder's state shows them to the client.
        """
        is_recent = asyncio.get_running_loop().time() - self.ended < TOLD_SECONDS
        is_aborted = self.state is ScanJobState.ABORTED
        return (
            is_recent
            and is_aborted
            and bool(self.conditions - _FED if self.is_fed else self.conditions)
        )

    @property
    def conditions(self) -> ScannerConditions:
        """The scanner's conditions that the failure of the scan reports."""
        return (
            self.failure.conditions if isinstance(self.failure, ScanError) else ScannerConditions()
        )


class NetworkScanner:
    """A scanner as the home network uses it: one client at a time."""

    def __init__(self, hass: HomeAssistant, offered: OfferedScanner) -> None:
        self._hass = hass
        self.offered = offered
        self.hub = async_get_hub(hass, offered.entry)
        # One client at a time; a device that has just begun too many scans must wait.
        self._line = FairQueue(
            1,
            opens_in=lambda place: self.hub.seconds_until_free(
                offered.scanner_id, str(place.owner)
            ),
        )
        self._scan: NetworkScan | None = None
        self._is_gone = False
        self._ended: deque[NetworkScan] = deque(maxlen=MAX_ENDED_SCANS)

    @property
    def abilities(self) -> ScannerAbilities:
        return self.hub.abilities(self.offered.scanner_id)

    async def async_status(self) -> tuple[ScannerState, FeederState | None]:
        """Return the state of the scanner, and the state of its feeder (None if unknown)."""
        scanner_id = self.offered.scanner_id
        await self.hub.async_look(scanner_id)
        said = self.hub.conditions(scanner_id)
        status = "scanning" if self._scan is not None else self.hub.status(scanner_id)
        feeder = next((state for one, state in _FEEDER_STATES.items() if one in said), None)
        return _STATES.get(status, ScannerState.STOPPED), feeder

    def seconds_until_free(self, device: str) -> float:
        return self.hub.seconds_until_free(self.offered.scanner_id, device)

    def scans(self, address: str) -> list[NetworkScan]:
        """Return only the scans of the client with this address, the newest first."""
        known = [self._scan, *self._ended]
        return [scan for scan in known if scan is not None and scan.address == address]

    def scan_job_info(self, scan: NetworkScan) -> ScanJobInfo:
        return ScanJobInfo(
            path=f"{self.offered.path}/ScanJobs/{scan.uuid}",
            uuid=scan.uuid,
            age=int(self._hass.loop.time() - scan.began),
            state=scan.state,
            cause="ResourcesAreNotReady" if scan.conditions else None,
            taken=scan.taken,
            waiting=len(scan.pages),
        )

    async def async_begin(self, settings: ScanSettings, address: str, device: str) -> NetworkScan:
        """Start a scan once it is the device's turn.

        Return the scan once the service has accepted it, or after CLIENT_START_SECONDS. If the scan has ended without
        being accepted, its `is_told` is false.

        Raises EsclConflictError for what the scanner lacks or cannot do now, NoPlaceError if the scanner is off or not
        free in time.
        """
        area = area_of(self.abilities)
        request = self._request(settings)
        region = (settings.region or Region(0, 0, *area)).within(area)
        if region.width * region.height * (settings.dpi / UNITS_PER_INCH) ** 2 > MAX_SCAN_PIXELS:
            raise EsclConflictError("the page would be too large")
        if self._scan is not None and self._scan.address == address and not self._scan.held:
            self._scan.is_left = True
        await self.hub.async_look(self.offered.scanner_id)
        _check(self.hub, self.offered.scanner_id, request)
        async with self._line.place(device, max_wait=CLIENT_TURN_SECONDS) as place:
            # Scans that users of Home Assistant start go first, and waiting for their end would take too long.
            if self._is_gone or self.hub.is_wanted_by_house(self.offered.scanner_id):
                raise NoPlaceError
            scan = self._scan = NetworkScan(settings, request.source, address, place.keep())
        scan.task = self.offered.entry.async_create_background_task(
            self._hass, self._async_run(scan, request, region), "scan for the home network"
        )
        scan.task.add_done_callback(lambda _: scan.begun.set())
        self.offered.entry.async_create_background_task(
            self._hass, self._async_prepare(scan), "prepare for a scanned page"
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(CLIENT_START_SECONDS):
                await scan.begun.wait()
        scan.is_told = scan.is_told or scan is self._scan
        if not scan.is_told:
            _check(self.hub, self.offered.scanner_id, request)
            if isinstance(scan.failure, BadParameterError):
                raise EsclConflictError(scan.failure.reason)
            # After an unload (no failure) or with a full disk, the service may have scanned: do not ask for a new try.
            is_passing = isinstance(scan.failure, InputError)
            if isinstance(scan.failure, LiankeError):
                is_passing = scan.failure.is_passing
            if is_passing:
                raise NoPlaceError
        return scan

    def _request(self, settings: ScanSettings) -> ScanRequest:
        """Translate a client's settings into a ScanRequest. Raises EsclConflictError for what the scanner cannot do."""
        able = self.abilities
        usual = ScanSource.GLASS if has_source(able, ScanSource.GLASS) else ScanSource.FEEDER
        source = settings.source or usual
        two_sided = settings.two_sided and source is ScanSource.FEEDER
        if not has_source(able, source) or (two_sided and not able.duplex):
            raise EsclConflictError("the scanner has no such source")
        if settings.color not in colors_of(able):
            raise EsclConflictError("the scanner has no such colour mode")
        colors = (
            one for one in _USABLE_COLORS[settings.color] if able.colors and one in able.colors
        )
        return ScanRequest(
            color=next(colors, ScanColor.COLOR),
            source=source,
            duplex=two_sided,
        )

    async def _async_run(self, scan: NetworkScan, request: ScanRequest, region: Region) -> None:
        entry, scanner_id = self.offered.entry, self.offered.scanner_id
        state = ScanJobState.ABORTED
        try:
            async with scan.patience:
                try:
                    async with async_scan_page(
                        self._hass,
                        entry,
                        scanner_id,
                        request,
                        device=scan.device,
                        on_accepted=scan.on_accepted,
                    ) as (files, scan.failure):
                        # If the scan fails, the client first gets the pages that we received, and then the failure.
                        await self._async_make(scan, files, region)
                    if scan.failure is None:
                        state = ScanJobState.COMPLETED
                except (InputError, LiankeError, PdfError, HomeAssistantError, OSError) as err:
                    scan.failure = err
                    _LOGGER.debug("A scan for the home network failed: %r", err)
                scan.is_scanned = True
                while scan.pages:
                    scan.changed.clear()
                    await scan.changed.wait()
        except TimeoutError:
            state = ScanJobState.CANCELED
        finally:
            self._end(scan, state)

    async def _async_prepare(self, scan: NetworkScan) -> None:
        """Let the PDF process load what it needs for a page while the scanner works."""
        worker, user = async_get_pdf_worker(self._hass), lan_queue_user(scan.device)
        for task, how in (
            ("check", {"type": FileType.JPEG}),
            ("scan_page", {"is_pdf": False, "color": ScanColor.COLOR}),
        ):
            # The empty path makes the task fail, but only after it has loaded its libraries.
            with suppress(PdfError):
                await worker.async_run_pdf_task(task, {"path": "", **how}, user=user)

    async def _async_make(
        self, scan: NetworkScan, files: Iterable[ScannedFile], region: Region
    ) -> None:
        hass, spool = self._hass, await async_get_spool(self._hass)
        user, color = lan_queue_user(scan.device), scan.settings.color
        limit = max_document_bytes(self.offered.entry.options)
        how: dict[str, Any] = {
            "width": area_of(self.abilities).width * MM_PER_UNIT,
            "region": [length * MM_PER_UNIT for length in region],
            "dpi": scan.settings.dpi,
            "color": color,
            "limit": limit,
            "user": user,
            "seconds": DRAW_SECONDS,
        }
        pages: list[Path] = []
        for file in files:
            is_pdf, count = file.extension == FileType.PDF, 1
            if is_pdf:
                count = await async_get_pdf_worker(hass).async_count(file.path, user=user)
            for number in range(count):
                page = await spool.async_new_path(".scan")
                await async_draw_page(hass, file.path, page, is_pdf=is_pdf, page=number, **how)
                if scan.settings.format == JPEG_TYPE:
                    self._hand_out(scan, spool, page)
                else:
                    pages.append(page)
        if pages:
            joined, is_mono = await spool.async_new_path(".scan"), color is ScanColor.MONO
            await async_join_pages(
                hass, pages, joined, mono=is_mono, limit=limit, user=user, seconds=DRAW_SECONDS
            )
            self._hand_out(scan, spool, joined)

    @callback
    def _hand_out(self, scan: NetworkScan, spool: Spool, path: Path) -> None:
        spool.release(path)
        scan.pages.append(path)
        scan.changed.set()

    async def async_next(self, scan: NetworkScan) -> Path | None:
        """Return the next document as soon as it is ready, None if there are no more. Raises TimeoutError."""
        async with asyncio.timeout(PAGE_HOLD_SECONDS):
            while not scan.pages and scan.state is ScanJobState.PROCESSING:
                scan.changed.clear()
                await scan.changed.wait()
        return scan.pages[0] if scan.pages else None

    @contextmanager
    def attending(self, scan: NetworkScan) -> Iterator[None]:
        """Keep a scan alive while its client waits for a document or receives one."""
        scan.held += 1
        scan.is_left = False
        self.touch(scan)
        try:
            yield
        finally:
            scan.held -= 1
            self.touch(scan)

    @callback
    def on_page_delivered(self, scan: NetworkScan) -> None:
        """Delete the document that the client has received."""
        if scan.pages:
            scan.taken += 1
            scan.fetch_until = None
            self._hass.async_add_executor_job(unlink_all, [scan.pages.popleft()])
            scan.changed.set()

    def fetch_deadline(self, scan: NetworkScan, size: int) -> float:
        """Return the time (loop's clock) until which the client may receive the next document, of `size` bytes."""
        if scan.fetch_until is None:
            seconds = PAGE_TAKE_SECONDS + size / SLOWEST_CLIENT_BYTES_A_SECOND
            scan.fetch_until = self._hass.loop.time() + seconds
        return scan.fetch_until

    @callback
    def touch(self, scan: NetworkScan) -> None:
        """Restart the time limit for a silent client; there is no limit while the client waits for a document."""
        if scan is self._scan and not scan.patience.expired():
            now = self._hass.loop.time()
            scan.patience.reschedule(None if scan.held else now + ABANDONED_SECONDS)

    @callback
    def cancel(self, scan: NetworkScan) -> None:
        """Stop a scan; a scan that has ended keeps its state."""
        self._end(scan, ScanJobState.CANCELED)
        if scan.task is not None:
            scan.task.cancel()

    @callback
    def _end(self, scan: NetworkScan, state: ScanJobState) -> None:
        if scan is not self._scan:
            return
        self._scan = None
        if scan.is_told:
            self._ended.appendleft(scan)
        scan.ended = self._hass.loop.time()
        scan.place.give_back()
        scan.state = state
        scan.is_scanned = True
        scan.changed.set()
        pages = [*scan.pages]
        scan.pages.clear()
        self._hass.async_add_executor_job(unlink_all, pages)

    @callback
    def close(self) -> None:
        """Stop the current scan, and accept no more scans."""
        self._is_gone = True
        if self._scan is not None:
            self.cancel(self._scan)


DATA_SCANNERS: HassKey[dict[str, NetworkScanner]] = HassKey(f"{DOMAIN}_lan_scanners")
