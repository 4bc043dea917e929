"""The scanners that are offered to the home network, what they can do, and the one scan of each that is under way."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
import hmac
import logging
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4, uuid5

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_call_later
from homeassistant.util.hass_dict import HassKey

from ...api.errors import LiankeError
from ...const import CONF_LAN_SCANNERS, DOMAIN, LAN_SCANNER_PATH, ScanColor, ScanSource
from ...documents.pdf_client import PdfError, async_get_pdf_worker, lan_user
from ...documents.spool import Spool, async_get_spool, unlink_all
from ...errors import InputError
from ...escl.messages import (
    JPEG,
    RESOLUTIONS,
    UNITS_PER_INCH,
    Area,
    EsclError,
    JobInfo,
    JobState,
    Region,
    ScanSettings,
)
from ...fair_queue import FairQueue, NoPlaceError, Place
from ...jobs.rules import max_document_bytes
from ...pdf.process import MAX_SCAN_PIXELS
from ...runtime import LiankeConfigEntry, async_loaded_entries
from ...scanner.abilities import Abilities, ScanRequest
from ...scanner.hub import async_get_hub
from ...scanner.scan import ScannedFile, async_scan_page

_LOGGER = logging.getLogger(__name__)

TURN_SECONDS: Final = 10
"""seconds that a client waits for its turn; SANE waits 30 s for the answer to an order."""
HOLD_SECONDS: Final = 50
"""seconds that a client waits for a page; then it is told to ask again."""
ABANDONED_SECONDS: Final = 30
"""seconds without a word of a scan's client, after which others get the scanner."""
TAKE_SECONDS: Final = 60
"""seconds for a client to take a document, however often it asks for it; then others get the scanner."""
SLOWEST_BYTES_A_SECOND: Final = 64 * 1024
"""of it, for which there is more time."""
PAGE_SECONDS: Final = 50
"""seconds for a page, or for all of a PDF, in the PDF process."""
MAX_ENDED: Final = 5
"""scans of a scanner that are over and can still be asked for."""
ICON: Final = "icon.png"
MM_PER_UNIT: Final = 25.4 / UNITS_PER_INCH
_NAMESPACE: Final = UUID("0f6f4a52-9a3c-4f0e-8b57-3d6e2c1a9f10")
# Millimetres, by the words that scanners have.
_SIZES: Final = {
    "a3": (297, 420),
    "a4": (210, 297),
    "a5": (148, 210),
    "b4": (257, 364),
    "letter": (215.9, 279.4),
    "legal": (215.9, 355.6),
    "tabloid": (279.4, 431.8),
    "ledger": (279.4, 431.8),
}
_COLORS: Final = {
    ScanColor.COLOR: (ScanColor.COLOR,),
    ScanColor.GRAY: (ScanColor.GRAY, ScanColor.COLOR),
    # Whether a dot is black is decided once it has its size.
    ScanColor.MONO: (ScanColor.GRAY, ScanColor.COLOR, ScanColor.MONO),
}


class OfferedScanner(NamedTuple):
    """A scanner that is offered, under the path that ends in its token."""

    entry: LiankeConfigEntry
    scanner_id: str
    token: str

    @property
    def path(self) -> str:
        """Return the path of the scanner on Home Assistant's web server."""
        return f"{LAN_SCANNER_PATH}/{self.token}"

    @property
    def uuid(self) -> str:
        """Return an id that says nothing of the token."""
        return str(uuid5(_NAMESPACE, self.token))


@callback
def offered_scanners(hass: HomeAssistant, entry: LiankeConfigEntry) -> list[OfferedScanner]:
    """Return the scanners of a box that are switched on in its options and known."""
    tokens: dict[str, Any] = entry.options.get(CONF_LAN_SCANNERS, {})
    if entry.state is not ConfigEntryState.LOADED:
        return []
    known = async_get_hub(hass, entry).scanners
    return [OfferedScanner(entry, key, token) for key, token in tokens.items() if key in known]


@callback
def async_find(hass: HomeAssistant, token: str) -> NetworkScanner | None:
    """Return the scanner that is offered under a token."""
    scanners = hass.data.setdefault(DATA_SCANNERS, {})
    for entry in async_loaded_entries(hass):
        for offered in offered_scanners(hass, entry):
            if hmac.compare_digest(offered.token.encode(), token.encode()):
                if token not in scanners:
                    scanners[token] = NetworkScanner(hass, offered)
                    # No scan for the home network outlives its box.
                    entry.async_on_unload(lambda: scanners.pop(token).end())
                return scanners[token]
    return None


@callback
def area_of(abilities: Abilities) -> Area:
    """Return how much a scanner sees: the largest of its sizes, A4 where none is known."""
    words = [word.casefold() for word in abilities.sizes or ()]
    sizes = [_SIZES[word] for word in words if word in _SIZES] or [_SIZES["a4"]]
    width, height = (max(sides) / MM_PER_UNIT for sides in zip(*sizes, strict=True))
    return Area(int(width), int(height))


def resolutions_of(area: Area) -> tuple[int, ...]:
    """Return the resolutions in which all of an area can be made."""
    inches = area.width * area.height / UNITS_PER_INCH**2
    return tuple(dpi for dpi in RESOLUTIONS if inches * dpi**2 <= MAX_SCAN_PIXELS)


def colors_of(abilities: Abilities) -> tuple[ScanColor, ...]:
    """Return the colours that can be made of what a scanner gives."""
    given = abilities.colors
    return tuple(
        one for one, of in _COLORS.items() if given is None or not given.keys().isdisjoint(of)
    )


def has_source(abilities: Abilities, source: ScanSource) -> bool:
    """Return whether a scanner has a source; the glass where nothing is known."""
    return source in (abilities.sources or (ScanSource.GLASS,))


class ScanJob:
    """A scan for a client: `pages` are the documents that it has not taken yet."""

    def __init__(self, settings: ScanSettings, address: str, now: float, place: Place) -> None:
        """Begin; `address` is the client's, `place` is given back once others may have the scanner."""
        self.uuid = str(uuid4())
        self.settings = settings
        self.address = address
        self.device = str(place.owner)
        self.place = place
        # For the document that is sent, however often it is asked for.
        self.take_until: float | None = None
        self.state = JobState.PROCESSING
        self.pages: deque[Path] = deque()
        self.taken = 0
        self.turn = asyncio.Lock()
        self.held = 0
        self.is_scanned = False
        # Until it has not.
        self.has_failed = True
        self.changed = asyncio.Event()
        self.began = now
        self.task: asyncio.Task[None] | None = None
        self.stop_alarm: CALLBACK_TYPE | None = None


class NetworkScanner:
    """A scanner as the home network uses it: one client at a time."""

    def __init__(self, hass: HomeAssistant, offered: OfferedScanner) -> None:
        self._hass = hass
        self.offered = offered
        self.hub = async_get_hub(hass, offered.entry)
        # One client has it, of those that have not just had it too often.
        self._line = FairQueue(
            1,
            opens_in=lambda place: self.hub.opens_in(offered.scanner_id, str(place.owner)),
        )
        self._job: ScanJob | None = None
        self._is_gone = False
        self._ended: deque[ScanJob] = deque(maxlen=MAX_ENDED)

    @property
    def abilities(self) -> Abilities:
        """Return what it can do, as far as is known."""
        return self.hub.abilities(self.offered.scanner_id)

    def is_busy(self, device: str) -> bool:
        """Return whether a device would have to wait for its turn."""
        scanner_id = self.offered.scanner_id
        is_used = self._job is not None or self.hub.is_in_use(scanner_id)
        return is_used or self.hub.opens_in(scanner_id, device) > 0

    def jobs(self, address: str) -> list[ScanJob]:
        """Return a client's scans, the newest first; nobody else's can be had."""
        known = [self._job, *self._ended]
        return [job for job in known if job is not None and job.address == address]

    def info(self, job: ScanJob) -> JobInfo:
        """Return what is told of a scan."""
        return JobInfo(
            path=f"{self.offered.path}/ScanJobs/{job.uuid}",
            uuid=job.uuid,
            age=int(self._hass.loop.time() - job.began),
            state=job.state,
            taken=job.taken,
            waiting=len(job.pages),
        )

    async def async_begin(self, settings: ScanSettings, address: str, device: str) -> ScanJob:
        """Start a scan once it is a device's turn. Raises EsclError for what it cannot do; NoPlaceError."""
        area = area_of(self.abilities)
        request = self._request(settings)
        region = (settings.region or Region(0, 0, *area)).within(area)
        if region.width * region.height * (settings.dpi / UNITS_PER_INCH) ** 2 > MAX_SCAN_PIXELS:
            raise EsclError("the page would be too large")
        async with self._line.place(device, patience=TURN_SECONDS) as place:
            # Who waits for the house's scan would wait for long.
            if self._is_gone or self.hub.is_wanted_by_house(self.offered.scanner_id):
                raise NoPlaceError
            now = self._hass.loop.time()
            job = self._job = ScanJob(settings, address, now, place.keep())
        job.task = self.offered.entry.async_create_background_task(
            self._hass, self._async_run(job, request, region), "scan for the home network"
        )
        self.touch(job)
        return job

    def _request(self, settings: ScanSettings) -> ScanRequest:
        """Return what the box is to scan. Raises EsclError."""
        able = self.abilities
        usual = ScanSource.GLASS if has_source(able, ScanSource.GLASS) else ScanSource.FEEDER
        source = settings.source or usual
        two_sided = settings.two_sided and source is ScanSource.FEEDER
        if not has_source(able, source) or (two_sided and not able.duplex):
            raise EsclError("the scanner has no such source")
        if settings.color not in colors_of(able):
            raise EsclError("the scanner has no such colour mode")
        colors = (one for one in _COLORS[settings.color] if able.colors and one in able.colors)
        return ScanRequest(
            color=next(colors, ScanColor.COLOR),
            source=source,
            duplex=two_sided,
        )

    async def _async_run(self, job: ScanJob, request: ScanRequest, region: Region) -> None:
        entry, scanner_id = self.offered.entry, self.offered.scanner_id
        try:
            async with async_scan_page(
                self._hass, entry, scanner_id, request, device=job.device
            ) as (files, failure):
                # What has come is handed out before the client is told that there is no more.
                await self._async_make(job, files, region)
            job.has_failed = failure is not None
        except (InputError, LiankeError, PdfError, HomeAssistantError, OSError) as err:
            _LOGGER.debug("A scan for the home network failed: %r", err)
        finally:
            job.is_scanned = True
            self._look(job)

    async def _async_make(self, job: ScanJob, files: Iterable[ScannedFile], region: Region) -> None:
        spool = await async_get_spool(self._hass)
        fixed = {
            "width": area_of(self.abilities).width * MM_PER_UNIT,
            "region": [length * MM_PER_UNIT for length in region],
            "dpi": job.settings.dpi,
            "color": job.settings.color,
        }
        pages: list[Path] = []
        async for page in self._async_pages(job, files):
            pages.append(await self._async_task(job, spool, "scan_page", {**page, **fixed}))
            if job.settings.format == JPEG:
                self._hand_out(job, spool, pages.pop())
        if pages:
            is_mono = job.settings.color is ScanColor.MONO
            joined = {"paths": [*map(str, pages)], "mono": is_mono}
            self._hand_out(job, spool, await self._async_task(job, spool, "join_scans", joined))

    async def _async_pages(
        self, job: ScanJob, files: Iterable[ScannedFile]
    ) -> AsyncIterator[dict[str, Any]]:
        for file in files:
            is_pdf = file.extension == ".pdf"
            count = 1
            if is_pdf:
                worker = async_get_pdf_worker(self._hass)
                count = await worker.async_count(file.path, user=lan_user(job.device))
            for number in range(count):
                yield {"path": str(file.path), "is_pdf": is_pdf, "page": number}

    async def _async_task(
        self, job: ScanJob, spool: Spool, task: str, fields: dict[str, Any]
    ) -> Path:
        """Return the new file that the PDF process makes. Raises PdfError."""
        path = await spool.async_new_path(".scan")
        limit = max_document_bytes(self.offered.entry.options)
        request = {**fields, "target": str(path), "limit": limit}
        user = lan_user(job.device)
        worker = async_get_pdf_worker(self._hass)
        await worker.async_run(task, request, user=user, seconds=PAGE_SECONDS)
        return path

    @callback
    def _hand_out(self, job: ScanJob, spool: Spool, path: Path) -> None:
        spool.let_go(path)
        job.pages.append(path)
        job.changed.set()

    async def async_next(self, job: ScanJob) -> Path | None:
        """Return the next document, once it is there; None when no more come. Raises TimeoutError."""
        async with asyncio.timeout(HOLD_SECONDS):
            while not job.pages and not job.is_scanned:
                job.changed.clear()
                await job.changed.wait()
        return job.pages[0] if job.pages else None

    @contextmanager
    def attending(self, job: ScanJob) -> Iterator[None]:
        """Know that a scan's client waits for something, or is just getting it."""
        job.held += 1
        try:
            yield
        finally:
            job.held -= 1
            self.touch(job)

    @callback
    def note_taken(self, job: ScanJob) -> None:
        """Delete the document that the client has got."""
        if job.pages:
            job.taken += 1
            job.take_until = None
            self._hass.async_add_executor_job(unlink_all, [job.pages.popleft()])
        self._look(job)

    def take_until(self, job: ScanJob, size: int) -> float:
        """Return until when a client may take the next document, of so many bytes, by the event loop's clock."""
        if job.take_until is None:
            seconds = TAKE_SECONDS + size / SLOWEST_BYTES_A_SECOND
            job.take_until = self._hass.loop.time() + seconds
        return job.take_until

    @callback
    def touch(self, job: ScanJob) -> None:
        """Give a scan's client its time anew."""
        if job.stop_alarm is not None:
            job.stop_alarm()
            job.stop_alarm = None
        if job is self._job:

            @callback
            def is_over(_now: datetime) -> None:
                job.stop_alarm = None
                if not job.held:
                    self.cancel(job)

            job.stop_alarm = async_call_later(self._hass, ABANDONED_SECONDS, is_over)

    @callback
    def _look(self, job: ScanJob) -> None:
        """End a scan of which all has come and was taken."""
        job.changed.set()
        if job.is_scanned and not job.pages:
            self._end(job, JobState.ABORTED if job.has_failed else JobState.COMPLETED)

    @callback
    def cancel(self, job: ScanJob) -> None:
        """Stop a scan, for its client or since that has gone; one that is over stays what it was."""
        self._end(job, JobState.CANCELED)

    @callback
    def _end(self, job: ScanJob, state: JobState) -> None:
        if job is not self._job:
            return
        self._job = None
        job.place.give_back()
        self._ended.appendleft(job)
        job.state = state
        job.is_scanned = True
        job.changed.set()
        self.touch(job)
        if job.task is not None and state is JobState.CANCELED:
            job.task.cancel()
        pages = [*job.pages]
        job.pages.clear()
        self._hass.async_add_executor_job(unlink_all, pages)

    @callback
    def end(self) -> None:
        """Stop whatever is under way, for good."""
        self._is_gone = True
        if self._job is not None:
            self.cancel(self._job)


DATA_SCANNERS: HassKey[dict[str, NetworkScanner]] = HassKey(f"{DOMAIN}_lan_scanners")
