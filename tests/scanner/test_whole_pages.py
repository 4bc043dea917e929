"""A page is whole or it is not a page: nothing that was cut off is kept, printed, or deleted at the service."""

from io import BytesIO
from typing import Any

from PIL import Image
import pytest

from custom_components.lianke.api import scanning as api_scanning
from custom_components.lianke.const import ScanSource
from custom_components.lianke.documents import completeness
from custom_components.lianke.documents.pdf_client import PdfError, async_get_pdf_worker
from custom_components.lianke.scanner import scan
from custom_components.lianke.scanner.scan import async_scan_page
from custom_components.lianke.scanner.scan_job import ScanRequest
from tests.household import House
from tests.scanner.scans import FED, GLASS, came, do, printer, show
from tests.simulator import Fault
from tests.simulator.endpoints import scanning as simulated
from tests.simulator.models import Printer

pytestmark = pytest.mark.usefixtures("hurried", "hub")
STACK = ["one", "two", "three"]


# test_table_of_results.py cuts each shape and kind off at ten places, without Home Assistant.
@pytest.mark.parametrize(
    ("way", "kind", "place"),
    [
        ("address", "pdf", 0),
        ("base64", "png", 9),
        ("base64_lines", "pdf", 5),
        ("bare", "as_asked", 0),
    ],
)
async def test_a_page_that_is_cut_off_is_none_and_stays_at_the_service(
    house: House, laser: Printer, way: str, kind: str, place: int
) -> None:
    cut = place / 10 + 0.0005
    house.cloud.variants.update(scan_result=way, scan_type=kind, scan_cut=cut, scan_dpi=50)
    scan_ = await came(house, laser)
    assert scan_.pages == []
    # Of a text that has hardly begun nobody can say what it was to be, nor of an answer that is nothing else.
    unclear = (
        {"scan_not_understood", "scan_timed_out", "scan_without_state"}
        if place == 0 and way != "address"
        else set()
    )
    expected = {"scan_incomplete"} | unclear
    assert scan_.reason in expected
    assert scan_.left == (False, 1)


async def test_a_page_is_not_fetched_forever(house: House, laser: Printer) -> None:
    house.cloud.variants.update(scan_result="base64", scan_cut=0.5)
    scan_ = await came(house, laser)
    # As often as a page that does not come; each answer has all of the pages.
    assert scan_.at_service is not None
    assert scan_.at_service.cut == scan.FETCHES


@pytest.mark.parametrize("way", ["addresses", "base64"])
async def test_a_page_that_could_not_be_decoded_in_time_stays_at_the_service(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    house.cloud.variants.update(scan_result=way)
    monkeypatch.setattr(completeness, "CHECK_SECONDS", 0)
    scan_ = await came(house, laser)
    assert (scan_.pages, scan_.told) == ([], ("scan_incomplete", "1/1"))
    assert scan_.left == (False, 1)


async def test_a_page_that_was_decoded_in_time_the_second_time_is_one(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where others had the turn for long."""
    worker = async_get_pdf_worker(house.hass)
    run, late = worker.async_run_pdf_task, ["busy", "time"]

    async def slow(*task: Any, **how: Any) -> dict[str, Any]:
        if late:
            raise PdfError(late.pop())
        return await run(*task, **how)

    monkeypatch.setattr(worker, "async_run_pdf_task", slow)
    scan_ = await came(house, laser)
    assert (len(scan_.pages), scan_.is_whole) == (1, True)


# Pages that are hard to decode


def jpeg(size: tuple[int, int], **how: Any) -> bytes:
    """Return a page of noise as a progressive JPEG."""
    page = Image.effect_noise((size[0] // 8, size[1] // 8), 50).resize(size).convert("RGB")
    out = BytesIO()
    page.save(out, "JPEG", progressive=True, **how)
    return out.getvalue()


def hand_out(monkeypatch: pytest.MonkeyPatch, *pages: bytes) -> None:
    """Have the service find these on its scanner."""
    monkeypatch.setattr(simulated, "encode", lambda *_: [*pages])


@pytest.mark.long
@pytest.mark.parametrize("is_whole", [True, False])
async def test_a_page_of_forty_megapixels_is_kept_if_it_is_whole(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch, *, is_whole: bool
) -> None:
    data = jpeg((5000, 8000))
    hand_out(monkeypatch, data if is_whole else data[: len(data) // 3] + b"\xff\xd9")
    scan_ = await came(house, laser)
    assert [page.size for page in scan_.pages] == ([(5000, 8000)] if is_whole else [])
    assert scan_.told == (None if is_whole else ("scan_incomplete", "1/1"))
    assert scan_.left == ((True, 0) if is_whole else (False, 1))


@pytest.mark.parametrize("way", ["addresses", "base64"])
async def test_a_page_that_cannot_be_decoded_is_none_and_stays_at_the_service(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    house.cloud.variants.update(scan_result=way)
    laser.feeder = ["one", "two"]
    hand_out(monkeypatch, jpeg((7000, 7504), subsampling=0, quality=10), jpeg((800, 1200)))
    scan_ = await came(house, laser, FED)
    assert [page.size for page in scan_.pages] == [(800, 1200)]
    assert scan_.told == ("scan_unchecked", "1/2")
    assert scan_.left == (False, 2)


# The end of a scan


def show_as_they_come(house: House, states: str, seconds: float) -> None:
    """Have the service tell of each page once it is scanned, which takes so many seconds."""
    variants = house.cloud.variants
    variants.update(scan_states=states, scan_shows="as_they_come", scan_result="addresses")
    # Its world runs faster.
    variants.update(scan_seconds=seconds * house.cloud.speed)


@pytest.mark.parametrize(
    ("states", "seconds"),
    [
        ("as_of_jobs", 40.0),
        ("unknown", 3.0),
        ("odd_between", 40.0),
        ("missing", 3.0),
        ("missing", 40.0),
    ],
)
async def test_a_slow_feeder_is_waited_for(
    house: House, laser: Printer, states: str, seconds: float
) -> None:
    show_as_they_come(house, states, seconds)
    laser.feeder = STACK.copy()
    scan_ = await came(house, laser, FED)
    assert scan_.told is None
    assert len(scan_.pages) == 3
    assert not scan_.is_deleted_early
    # Without a state, nobody has said that this was its end.
    assert scan_.is_whole == (states != "missing")


async def test_words_of_which_none_is_known_end_a_stack_by_its_time_alone(
    house: House, laser: Printer
) -> None:
    show_as_they_come(house, "odd", 60.0)
    laser.feeder = STACK.copy()
    began = house.hass.loop.time()
    scan_ = await came(house, laser, FED)
    assert (len(scan_.pages), scan_.reason) == (3, "scan_timed_out")
    assert house.hass.loop.time() - began >= scan.SCAN_SECONDS
    assert (scan_.left[0], scan_.is_deleted_early) == (False, False)


async def test_an_answer_without_a_state_ends_by_a_time_of_its_own(
    house: House, laser: Printer
) -> None:
    """It kept the scanner for a quarter of an hour."""
    house.cloud.variants.update(scan_states="missing", scan_problem="hangs")
    began = house.hass.loop.time()
    scan_ = await came(house, laser)
    assert scan_.told == ("scan_without_state", "")
    assert scan.UNSTATED_SECONDS < house.hass.loop.time() - began < scan.UNSTATED_SECONDS + 30
    assert not scan_.left[0]


async def test_a_page_on_the_glass_is_not_waited_for_as_long(house: House, laser: Printer) -> None:
    house.cloud.variants.update(scan_states="odd")
    began = house.hass.loop.time()
    scan_ = await came(house, laser)
    assert (len(scan_.pages), scan_.told) == (1, None)
    assert house.hass.loop.time() - began < 2 * scan.RESULT_SECONDS
    # Whether that was its end nobody has said.
    assert (scan_.left[0], scan_.is_deleted_early) == (False, False)


@pytest.mark.parametrize("code", [5002, 10009, 503])
async def test_errors_that_pass_are_no_end(house: House, laser: Printer, code: int) -> None:
    times = 3 if code == 10009 else 12
    house.cloud.fail("GET /scanning/job", Fault(kind="code", code=code, msg="稍后"), times=times)
    scan_ = await came(house, laser)
    assert (len(scan_.pages), scan_.is_whole) == (1, True)


# Pages that come one by one after the end


@pytest.mark.parametrize(
    ("way", "state"), [("addresses", "SUCCESS"), ("base64", "FAILURE"), ("both", "SUCCESS")]
)
async def test_pages_that_come_after_the_end_are_waited_for(
    house: House, laser: Printer, way: str, state: str
) -> None:
    house.cloud.variants.update(scan_result=way, scan_dpi=50)
    # A page comes between two polls.
    house.cloud.variants.update(scan_late=2.0, scan_late_each=4.0 * house.cloud.speed)
    if state == "FAILURE":
        house.cloud.variants.update(scan_problem="jam_at_end")
    laser.feeder = STACK.copy()
    scan_ = await came(house, laser, FED)
    assert len(scan_.pages) == 3
    assert (scan_.told is None) == (state == "SUCCESS")
    # Where each page is there in two ways, it is not sure what they are, and they stay.
    assert scan_.left[0] == (state == "SUCCESS" and way != "both")


async def test_what_comes_after_a_page_on_the_glass_is_not_deleted(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page is there at once; the service is asked to delete it only where nothing came after it."""
    data = jpeg((800, 1200))
    hand_out(monkeypatch, data, data)
    # The second page comes when the first is kept, however slow this machine is.
    house.cloud.variants.update(scan_result="addresses", scan_late_each=1000.0 * house.cloud.speed)

    async def note(_task_id: str) -> None:
        pass

    async with async_scan_page(
        house.hass, house.entry, str(laser.id), GLASS, on_started=note
    ) as scanned:
        assert (len(scanned.files), scanned.failure) == (1, None)
        [at_service] = house.simulator.cloud.scans.values()
        at_service.shown = 2
    await house.hass.async_block_till_done(wait_background_tasks=True)
    assert (at_service.deleted, len(at_service.files)) == (False, 2)


async def test_a_page_on_the_glass_waits_for_no_second_look(house: House, laser: Printer) -> None:
    ended: list[float] = []

    async def note(_task_id: str) -> None:
        pass

    async with async_scan_page(
        house.hass, house.entry, str(laser.id), GLASS, on_started=note
    ) as scanned:
        ended.append(house.simulator.cloud.counts["GET /scanning/job"])
        assert len(scanned.files) == 1
    await house.hass.async_block_till_done(wait_background_tasks=True)
    assert house.simulator.cloud.counts["GET /scanning/job"] == ended[0] + 1


async def test_an_error_at_the_end_is_no_success(house: House, laser: Printer) -> None:
    house.cloud.variants.update(
        scan_result="addresses", scan_problem="jam", scan_problem_state="SUCCESS"
    )
    laser.feeder = STACK.copy()
    scan_ = await came(house, laser, FED)
    assert (len(scan_.pages), scan_.told) == (1, ("scan_jam", ""))
    assert scan_.left == (False, 1)


# What comes instead of a page


def spoil_second_page(house: House, way: str, how: str, **more: Any) -> None:
    spoiled: dict[str, Any] = {"scan_cut": 0.5} if how == "cut" else {"scan_spoiled": how}
    house.cloud.variants.update(scan_result=way, scan_cut_page=2, **spoiled, **more)


@pytest.mark.parametrize(
    ("way", "how"),
    [
        *(
            ("addresses", how)
            for how in ("cut", "head_lost", "line_before", "byte_lost", "text", "gif", "missing")
        ),
        *(("base64", how) for how in ("zeros_at_head", "zeros", "json", "missing")),
        ("objects", "html"),
        ("numbered", "missing"),
        ("data_url", "missing"),
    ],
)
async def test_what_is_no_page_in_a_stack_is_told_and_stays_at_the_service(
    house: House, laser: Printer, way: str, how: str
) -> None:
    spoil_second_page(house, way, how)
    laser.feeder = STACK.copy()
    scan_ = await came(house, laser, FED)
    reason = "scan_unchecked" if how == "gif" else "scan_incomplete"
    assert scan_.told == (reason, "2/3")
    assert show(scan_.pages, ["one", "three"], size="A4")
    assert scan_.left == (False, 3)


@pytest.mark.parametrize(("way", "how"), [("addresses", "tiff"), ("base64", "webp")])
async def test_a_page_of_a_rare_kind_is_one(
    house: House, laser: Printer, way: str, how: str
) -> None:
    spoil_second_page(house, way, how)
    laser.feeder = STACK.copy()
    scan_ = await came(house, laser, FED)
    assert scan_.told is None
    assert show(scan_.pages, ["one", "two", "three"], size="A4")
    assert {page.format for page in scan_.pages} == {"JPEG"}
    assert scan_.is_whole


@pytest.mark.parametrize(
    ("way", "how"), [("addresses", "html"), ("addresses", "missing"), ("base64", "cut")]
)
async def test_what_was_no_page_at_first_is_fetched_again(
    house: House, laser: Printer, way: str, how: str
) -> None:
    spoil_second_page(house, way, how, scan_cut_times=4)
    laser.feeder = STACK.copy()
    scan_ = await came(house, laser, FED)
    assert scan_.told is None
    assert show(scan_.pages, ["one", "two", "three"], size="A4")
    assert scan_.is_whole


@pytest.mark.parametrize("how", ["html", "gif"])
async def test_the_other_side_of_a_sheet_is_a_page(house: House, laser: Printer, how: str) -> None:
    """Though nothing else in the answer has its name."""
    house.cloud.variants.update(scan_result="sides", scan_spoiled=how, scan_cut_page=2, scan_dpi=50)
    laser.feeder = ["one"]
    request = ScanRequest(source=ScanSource.FEEDER, duplex=True, size="A4")
    scan_ = await came(house, laser, request)
    assert scan_.told is not None
    assert (len(scan_.pages), scan_.told[1]) == (1, "2/2")
    assert scan_.left == (False, 2)


@pytest.mark.parametrize(("way", "sheets"), [("linked", 0), ("linked", 3), ("both", 1)])
async def test_links_and_pictures_beside_the_pages_are_none(
    house: House, laser: Printer, way: str, sheets: int
) -> None:
    house.cloud.variants.update(scan_result=way, scan_dpi=50)
    laser.feeder = STACK.copy()[:sheets]
    began = house.hass.loop.time()
    scan_ = await came(house, laser, FED if sheets else GLASS)
    assert scan_.told is None
    assert len(scan_.pages) == (sheets or 1)
    # What the answer leaves open stays at the service.
    assert not scan_.left[0]
    # None of them is fetched again and again.
    assert house.hass.loop.time() - began < 60


@pytest.mark.parametrize("way", ["addresses", "base64"])
async def test_two_pages_that_are_alike_are_two(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """As two empty ones may be."""
    house.cloud.variants.update(scan_result=way)
    data = jpeg((800, 1200))
    hand_out(monkeypatch, data, data)
    laser.feeder = ["one", "two"]
    scan_ = await came(house, laser, FED)
    assert (len(scan_.pages), scan_.is_whole) == (2, True)


async def test_pages_behind_what_is_looked_at_are_told(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.cloud.variants.update(scan_result="objects", scan_dpi=50)
    monkeypatch.setattr(api_scanning, "MAX_ANSWER_ROWS", 16)
    laser.feeder = STACK.copy()
    scan_ = await came(house, laser, FED)
    assert (len(scan_.pages), scan_.reason) == (2, "scan_too_many_pages")
    assert scan_.left == (False, 3)


@pytest.mark.parametrize("how", ["html", "gif"])
async def test_an_answer_without_any_page_is_to_be_reported(
    house: House, laser: Printer, how: str
) -> None:
    house.cloud.variants.update(scan_result="addresses", scan_spoiled=how, scan_dpi=50)
    laser.feeder = STACK.copy()
    scan_ = await came(house, laser, FED)
    assert (scan_.pages, scan_.reason) == ([], "scan_not_understood")
    assert scan_.left == (False, 3)


JAM = {"scan_problem": "jam", "scan_problem_state": "SUCCESS"}
SPOILED_PAGE = {"scan_spoiled": "json", "scan_cut_page": 2, "scan_dpi": 50}


@pytest.mark.parametrize(
    ("variants", "error", "reason", "pages", "says"),
    [
        ({"scan_cut": 0.34}, None, "scan_incomplete", 0, "1/1"),
        ({}, "time", "scan_incomplete", 0, "1/1"),
        ({}, "memory", "scan_unchecked", 0, "1/1"),
        ({}, "unavailable", "scan_unchecked", 0, "1/1"),
        ({"scan_result": "addresses"} | JAM, None, "scan_jam", 1, "jammed"),
        ({"scan_result": "addresses"} | SPOILED_PAGE, None, "scan_incomplete", 2, "2/3"),
    ],
)
async def test_what_did_not_come_whole_is_not_copied(
    house: House,
    laser: Printer,
    monkeypatch: pytest.MonkeyPatch,
    variants: dict[str, Any],
    error: str | None,
    reason: str,
    pages: int,
    says: str,
) -> None:
    async def fail(*_task: Any, **_how: Any) -> dict[str, Any]:
        raise PdfError(str(error))

    house.cloud.variants.update(**variants)
    if error:
        monkeypatch.setattr(async_get_pdf_worker(house.hass), "async_run_pdf_task", fail)
    laser.feeder = STACK.copy()
    source = "feeder" if pages else "glass"
    answer = await do(house, laser, "copy", source=source, printer=printer(house))
    assert (answer["state"], answer["reason"], answer["pages"]) == ("failed", reason, pages)
    assert (len(answer["files"]), answer["print_jobs"]) == (min(pages, 1), [])
    assert says in answer["message"]
    assert house.cloud.out_tray == []
    [at_service] = house.cloud.scans.values()
    assert not at_service.deleted
