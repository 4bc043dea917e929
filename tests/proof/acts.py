"""What users and the integration do in the tables of faults, and checks after each act."""

from collections.abc import Awaitable, Callable
import itertools
import logging
from typing import Any

from homeassistant.const import STATE_OFF, STATE_ON, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.helpers import entity_registry as er
import pytest

from custom_components.lianke.api.errors import (
    LiankeError,
)
from custom_components.lianke.api.models import PrinterAddress
from custom_components.lianke.error_texts import translated
from custom_components.lianke.jobs.job import Job, JobState
from custom_components.lianke.printing.queries import DATA_MODELS
from tests.conftest import LANGUAGES, texts
from tests.documents.samples import zipped
from tests.proof.conftest import House

SUBMIT = "POST /print/job"


FOLLOW = "GET /print/job"


CANCEL = "DELETE /print/job"


DAY = "POST /print/query_device_task"


# Home Assistant skips actions on entities that are not available.
ALWAYS_AVAILABLE = (
    ("event", "job"),
    ("notify", "notify"),
    ("sensor", "jobs_waiting"),
    ("sensor", "hold_reason"),
    ("sensor", "pages_printed"),
    ("sensor", "status"),
    ("image", "preview"),
    ("button", "test_page"),
)


STEP = 20.0


LASER = PrinterAddress(port=1, model="Kyocera MA2000w GX")


NO_TASK = "00000000-0000-4000-8000-000000000000"


type Act = Callable[[House], Awaitable[Any]]


async def _search(house: House) -> Any:
    # An old list would do as well.
    house.hass.data.pop(DATA_MODELS, None)
    return await house.act("search_models", config_entry=house.entry.entry_id)


async def _ask_for_capabilities(house: House) -> Any:
    await house.tick(8 * 86400)
    return await house.act("get_capabilities", device_id=house.device())


NUMBERS = itertools.count()


async def _count(house: House) -> Any:
    path = house.tmp_path / "document.docx"
    # Another one each time: the service is asked only once for the same.
    parts = ("[Content_Types].xml", "word/document.xml", f"word/{next(NUMBERS)}.xml")
    path.write_bytes(zipped(*parts))
    house.hass.config.allowlist_external_dirs = {str(house.tmp_path)}
    return await house.act("count_pages", device_id=house.device(), file=str(path))


async def _preview(house: House) -> Any:
    house.hass.config.allowlist_external_dirs = {str(house.tmp_path)}
    path = house.paper(1).path
    return await house.act("preview", device_id=house.device(), file=str(path), preview_by="cloud")


async def _list_cloud(house: House) -> Any:
    await house.tick(61)
    return await house.act("list_jobs", device_id=house.device(), include_cloud=True)


async def _push(house: House) -> None:
    house.coordinator.async_on_push()
    # Time passes between a poll, which is at once or in a moment, and the printer's own report: in the middle of the
    # poll, it would be a time-out.
    await house.settle()
    await house.tick(6)
    await house.tick(1)


def _client(call: Callable[[Any], Awaitable[Any]]) -> Act:
    """Return a call that no screen makes by itself: an error is told as a screen would."""

    async def act(house: House) -> Any:
        try:
            return await call(house.entry.runtime_data.client)
        except LiankeError as err:
            raise translated(err) from None

    return act


ACTS: dict[str, Act] = {
    "GET /device/device_info": lambda house: house.refresh(),
    "GET /device/async_refresh_device_info": _client(lambda client: client.refresh_box()),
    "GET /device/printer_status": _push,
    "POST /device/async_device_reboot": lambda house: house.press("restart"),
    "GET /external_api/printer_list": lambda house: house.refresh(),
    "GET /print/printer_enum": _search,
    "GET /print/printer_params": _ask_for_capabilities,
    "GET /print/paper_dimension_list": _ask_for_capabilities,
    "POST /print/file_pages": _count,
    SUBMIT: _preview,
    FOLLOW: _preview,
    CANCEL: _client(lambda client: client.cancel_task(LASER, NO_TASK)),
    DAY: _list_cloud,
    "POST /print/flush_jobs": lambda house: house.press("clear_queue"),
    "POST /print/reset_printing_error_limit": lambda house: house.press("reset_error_limit", 1),
    "POST /driver/uninstall_driver_event": _client(
        lambda client: client.request_driver(1, "13800138000")
    ),
    "GET /printer/refresh_network_printer": lambda house: house.press("search_network_printers"),
    "GET /scanning/scanner_list": _client(lambda client: client.scanners.all()),
    "GET /scanning/scanner_status": _client(lambda client: client.scanners.status("1")),
    "GET /scanning/scanner_params": _client(lambda client: client.scanners.params("1")),
    "POST /scanning/job": _client(lambda client: client.scanners.start("1", {})),
    "GET /scanning/job": _client(lambda client: client.scanners.task("t")),
    "DELETE /scanning/job": _client(lambda client: client.scanners.cancel("t")),
}


# Those whose caller waits for the answer: whatever is wrong is raised.
RAISES = frozenset(ACTS) - {
    "GET /device/device_info",
    "GET /device/printer_status",
    "GET /external_api/printer_list",
    "GET /print/printer_params",
    "GET /print/paper_dimension_list",
    # Looked at again and again, until it has a result.
    FOLLOW,
}


def check_entities(house: House) -> None:
    """Look at every state: there, and one that it may have."""
    for domain, key in ALWAYS_AVAILABLE:
        assert house.state(domain, key).state != STATE_UNAVAILABLE, key
    for entry in er.async_entries_for_config_entry(er.async_get(house.hass), house.entry.entry_id):
        state = house.hass.states.get(entry.entity_id)
        assert state is not None, entry.entity_id
        options = state.attributes.get("options")
        if options is not None:
            assert state.state in (*options, STATE_UNKNOWN, STATE_UNAVAILABLE), state
    connected = house.state("binary_sensor", "connectivity", None).state
    assert connected in (STATE_ON, STATE_OFF, STATE_UNKNOWN, STATE_UNAVAILABLE)
    if house.coordinator.is_fresh:
        assert connected != STATE_UNAVAILABLE


def check_log(caplog: pytest.LogCaptureFixture) -> None:
    """Find nothing in the log that nobody has thought of."""
    for record in caplog.records:
        assert record.exc_info is None, record.getMessage()
        if record.levelno >= logging.ERROR:
            # The coordinator says once that a box is lost, and why.
            assert record.getMessage().startswith(("Error fetching", "Authentication failed"))


async def is_told(house: House, job: Job) -> None:
    """Compare what the entities say of a finished job with the job, and look for its reason's text."""
    # What became of it is told once it is on disk.
    await house.wait_for(lambda: house.state("event", "job").attributes["event_type"] == job.state)
    event = house.state("event", "job")
    assert event.attributes["event_type"] == job.state
    assert event.attributes["job_id"] == job.job_id
    assert event.attributes["reason"] == job.reason
    answer = await house.act("list_jobs", device_id=house.device(), limit=1)
    if job.state is JobState.COMPLETED:
        assert job.reason is None
        return
    assert job.reason is not None
    assert answer["jobs"][0]["message"] not in (None, "", job.reason)
    for language in LANGUAGES:
        assert job.reason in texts(language)["exceptions"], job.reason
