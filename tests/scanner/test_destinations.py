"""Where finished scans go: a document is there once, or the scan says why."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from custom_components.lianke.scanner.scan_jobs import async_get_scan_jobs
from tests.clock import until
from tests.household import House
from tests.paperless_server import TOKEN, Paperless
from tests.scanner.scans import do, last, pages_of, show
from tests.simulator.models import Printer

pytestmark = pytest.mark.usefixtures("hurried", "hub")


@pytest.fixture(params=[2, 3])
async def paperless(
    request: pytest.FixtureRequest, house: House, socket_enabled: None
) -> AsyncGenerator[Paperless]:
    """Run a Paperless-ngx of each version, which is set up in the options."""
    async with Paperless(version=request.param).running() as server:
        house.set_options({"paperless_url": server.address, "paperless_token": TOKEN})
        yield server


async def send(house: House, laser: Printer, **data: Any) -> dict[str, Any]:
    answer = await do(house, laser, send_to="paperless", **data)
    [sent] = answer["sent_to"]
    return dict(sent)


async def ended(house: House) -> tuple[str, str | None]:
    """Wait for the end of the last scan's only delivery."""
    await until(lambda: last(house).deliveries and not last(house).open_deliveries)
    [one] = last(house).deliveries
    return one.state.value, one.reason


async def test_a_scan_becomes_a_document(
    house: House, laser: Printer, paperless: Paperless, caplog: pytest.LogCaptureFixture
) -> None:
    house.set_options({**house.entry.options, "paperless_tags": ["rechnung"]})
    laser.glass = "receipt"
    sent = await send(house, laser, filename="租房 合同 (2)", tags=["家"])
    assert sent == {"destination": "paperless", "state": "done", "reason": None, "message": None}
    [document] = paperless.documents
    job = last(house)
    assert document.form["title"] == "租房 合同 (2)"
    assert document.form["tags"] == [3, 7]
    assert document.form["created"] == job.created_at.replace(microsecond=0)
    kept = async_get_scan_jobs(house.hass, house.entry).path(job, job.files[0])
    assert document.content == kept.read_bytes()
    assert show(pages_of(kept), ["receipt"])
    assert document.name == f"租房 合同 (2) {job.job_id}-1.pdf"
    assert TOKEN not in caplog.text


REFUSALS = {
    "401": "paperless_token",
    "413": "paperless_too_large",
    "redirect": "paperless_redirects",
    "login page": "paperless_other_server",
}


@pytest.mark.whole
@pytest.mark.parametrize("fault", REFUSALS)
async def test_refusals_are_told_and_can_be_tried_again(
    house: House, laser: Printer, paperless: Paperless, fault: str
) -> None:
    paperless.faults = [fault]
    sent = await send(house, laser)
    assert (sent["state"], sent["reason"]) == ("failed", REFUSALS[fault])
    assert sent["message"]
    assert paperless.tasks == []
    await do(
        house,
        laser,
        "continue_scan",
        answer="hand_on",
        scan_id=last(house).job_id,
        send_to="paperless",
    )
    assert await ended(house) == ("done", None)
    assert len(paperless.documents) == 1


@pytest.mark.whole
@pytest.mark.parametrize("fault", ["502", "502 after", "cut", "lost"])
async def test_what_may_have_arrived_is_looked_for(
    house: House, laser: Printer, paperless: Paperless, fault: str
) -> None:
    paperless.faults = [fault]
    paperless.refuses_duplicates = False
    sent = await send(house, laser)
    assert sent["state"] in ("waiting", "done")
    assert await ended(house) == ("done", None)
    assert len(paperless.tasks) == len(paperless.documents) == 1
    assert paperless.posts == (1 if fault in ("lost", "502 after") else 2)
