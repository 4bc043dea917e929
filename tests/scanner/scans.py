"""What tests of scanning share: calls, their results, and the records on disk."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from threading import Event
from typing import Any

from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import entity_registry as er, llm
from PIL import Image, ImageChops
import pypdfium2
import pytest

from custom_components.lianke.account.request_limits import MINUTE
from custom_components.lianke.api.scanning import Scanners
from custom_components.lianke.const import DOMAIN, ScanSource
from custom_components.lianke.devices import async_printer_device
from custom_components.lianke.jobs.opening import async_close_ledger, async_get_ledger
from custom_components.lianke.ledger import Table, View
from custom_components.lianke.scanner.hub import ScannerHub, scanner_device, scanner_identifier
from custom_components.lianke.scanner.scan import async_scan_page
from custom_components.lianke.scanner.scan_job import SCANS_KIND, ScanJob, ScanRequest
from custom_components.lianke.scanner.scan_jobs import async_get_scan_jobs
from custom_components.lianke.scanner.scan_parts import ScanError, ScannedFile
from tests.clock import until
from tests.conftest import set_up
from tests.household import LASER, House, key_of
from tests.simulator.endpoints.scanning import Scan, draw_page
from tests.simulator.models import Printer

ASSISTANT = llm.LLMContext(
    platform="test", context=Context(), language="en", assistant="conversation", device_id=None
)
GLASS = ScanRequest(size="A4")
FED = ScanRequest(source=ScanSource.FEEDER, size="A4")


def device(house: House, laser: Printer) -> str:
    found = scanner_device(house.hass, house.entry, str(laser.id))
    assert found is not None
    return found.id


def printer(house: House) -> str:
    """Return the device id of the printer; its scanner, another device, has the same name."""
    found = async_printer_device(house.hass, house.entry, key_of(house.entry, LASER))
    assert found is not None
    return found.id


def printer_status(house: House) -> str:
    """Return the entity whose permissions count for the printer."""
    entities = er.async_entries_for_device(er.async_get(house.hass), printer(house))
    [status] = [one.entity_id for one in entities if one.unique_id.endswith("_status")]
    return status


def state_of(house: House, laser: Printer, platform: str, key: str) -> Any:
    unique_id = f"{scanner_identifier(house.entry, str(laser.id))[1]}_{key}"
    entity_id = er.async_get(house.hass).async_get_entity_id(platform, DOMAIN, unique_id)
    assert entity_id is not None
    return house.hass.states.get(entity_id)


async def do(
    house: House, laser: Printer, action: str = "scan", context: Context | None = None, **data: Any
) -> dict[str, Any]:
    if "device_id" not in data:
        data["device_id"] = device(house, laser)
    return await house.ask(action, context, **data)


async def say(house: House, laser: Printer, answer: str, **data: Any) -> dict[str, Any]:
    """Answer a scan that waits."""
    return await do(house, laser, "continue_scan", answer=answer, **data)


def records(house: House) -> list[ScanJob]:
    return async_get_scan_jobs(house.hass, house.entry).all


def last(house: House) -> ScanJob:
    return records(house)[0]


async def over(house: House) -> ScanJob:
    """Wait for the end of the last scan."""
    await until(lambda: records(house) and last(house).is_final)
    return last(house)


async def under_way(house: House) -> None:
    """Wait until the service has begun the last scan."""
    await until(lambda: records(house) and last(house).task_id)


def hub_of(house: House) -> ScannerHub:
    return async_get_scan_jobs(house.hass, house.entry).hub


async def rewrite(house: House, scan_id: str, **changes: Any) -> None:
    """Change the row of a scan to what it is at another moment, as a power cut would leave it."""
    ledger, table = await async_get_ledger(house.hass), Table(SCANS_KIND, house.entry.entry_id)

    def change(view: View) -> None:
        job = view.get(table, scan_id)
        assert job is not None
        view.put(table, scan_id, replace(job, **changes))

    await ledger.commit(change)


async def restart(house: House) -> None:
    """Unload the box, and set it up again from what is on disk."""
    await house.hass.config_entries.async_unload(house.entry.entry_id)
    await async_close_ledger(house.hass)
    assert await set_up(house.hass, house.entry)


def hold(
    monkeypatch: pytest.MonkeyPatch,
    where: object,
    name: str,
    when: Callable[..., bool] = lambda *_args, **_more: True,
    seconds: float = 20,
) -> tuple[Event, Event]:
    """Hold up the first call of a blocking function; return the event set then, and the event that lets it go on."""
    work, began, go_on = getattr(where, name), Event(), Event()

    def held(*args: Any, **more: Any) -> Any:
        if not began.is_set() and when(*args):
            began.set()
            go_on.wait(seconds)
        return work(*args, **more)

    monkeypatch.setattr(where, name, held)
    return began, go_on


def media_folder(house: House, tmp_path: Path, name: str = "media") -> Path:
    """Make a folder; `tmp_path`/media, which may be above it, becomes the media folder `local`."""
    folder = tmp_path / name
    folder.mkdir(parents=True)
    house.hass.config.media_dirs = {"local": str(tmp_path / "media")}
    return folder


def requests_about_scans(monkeypatch: pytest.MonkeyPatch, hass: HomeAssistant) -> list[float]:
    """Record when the service is asked about scans and scanners, by the event loop's clock."""
    times: list[float] = []

    def noting(ask: Callable[..., Any]) -> Callable[..., Any]:
        async def ask_and_note(*args: Any) -> Any:
            times.append(hass.loop.time())
            return await ask(*args)

        return ask_and_note

    for name in ("status", "start", "task", "cancel"):
        monkeypatch.setattr(Scanners, name, noting(getattr(Scanners, name)))
    return times


def most_a_minute(times: list[float]) -> int:
    return max(sum(at <= other < at + MINUTE for other in times) for at in times)


@dataclass(frozen=True)
class Came:
    """The result of a scan."""

    pages: list[Image.Image]
    failure: ScanError | None
    at_service: Scan | None  # None if the service has not begun the scan.

    @property
    def told(self) -> tuple[str, str] | None:
        """The reason why pages are missing, and its detail; None if they are complete."""
        return None if self.failure is None else (self.failure.reason, self.failure.detail)

    @property
    def reason(self) -> str | None:
        return None if self.failure is None else self.failure.reason

    @property
    def left(self) -> tuple[bool, int]:
        """Whether the service was asked to delete the scan, and how many files it still has."""
        assert self.at_service is not None
        return self.at_service.deleted, len(self.at_service.files)

    @property
    def is_deleted_early(self) -> bool:
        """Whether the scan was deleted while the service was not done with it."""
        return self.at_service is not None and self.at_service.deleted_early

    @property
    def is_whole(self) -> bool:
        return self.failure is None and self.left[0]


async def came(
    house: House, laser: Printer, request: ScanRequest = GLASS, *, is_taken_up: bool = True
) -> Came:
    """Scan for the house, which resumes a scan after a restart; without `is_taken_up`, for the home network."""

    async def note(_task_id: str) -> None:
        pass

    pages: list[Image.Image] = []
    failure: ScanError | None = None
    try:
        async with async_scan_page(
            house.hass,
            house.entry,
            str(laser.id),
            request,
            on_started=note if is_taken_up else None,
        ) as scanned:
            assert all(file.size == file.path.stat().st_size for file in scanned.files)
            pages, failure = pictures(scanned.files), scanned.failure
    except ScanError as err:
        failure = err
    assert not [path for path in house.spooled() if path.suffix == ".page"]
    if is_taken_up:
        assert len(house.cloud.scans) == 1
        await house.hass.async_block_till_done(wait_background_tasks=True)
    return Came(pages, failure, next(reversed(house.cloud.scans.values()), None))


def pictures(files: tuple[ScannedFile, ...]) -> list[Image.Image]:
    pages: list[Image.Image] = []
    for file in files:
        is_pdf = file.extension == ".pdf"
        pages += pages_of(file.path) if is_pdf else [Image.open(BytesIO(file.path.read_bytes()))]
    return pages


def pages_of(path: Path | str) -> list[Image.Image]:
    with pypdfium2.PdfDocument(path) as pdf:
        return [page.render(scale=150 / 72).to_pil() for page in pdf]


def is_like(page: Image.Image, text: str, **options: Any) -> bool:
    """Return whether a page shows what was on the glass, at the same size to a hundredth."""
    right = draw_page(text, {"colorMode": "RGB24", **options}, 150).convert("RGB")
    if any(abs(a - b) > b / 100 for a, b in zip(page.size, right.size, strict=True)):
        return False
    difference = ImageChops.difference(page.convert("RGB").resize(right.size), right).convert("L")
    histogram = difference.histogram()
    return sum(histogram[80:]) < sum(histogram) / 100


def show(pages: list[Image.Image], texts: list[str], **options: Any) -> bool:
    """Return whether these are the pages with these texts."""
    return len(pages) == len(texts) and all(
        is_like(page, text, **options) for page, text in zip(pages, texts, strict=True)
    )
