"""Every endpoint as a call of the client, and clients for the servers that a test starts."""

from collections.abc import Awaitable, Callable

from aiohttp import ClientSession
import pytest

from custom_components.lianke.api.client import LiankeClient
from custom_components.lianke.api.errors import (
    ERROR_BY_CODE,
    AlreadyRunningError,
    AuthenticationError,
    BadPhoneError,
    LiankeError,
    TaskUnknownError,
    UnknownCodeError,
)
from custom_components.lianke.api.models import Credentials, PrinterAddress
from custom_components.lianke.api.upload import UploadFile

from .raw_server import RawServer

LASER = PrinterAddress(port=1, model="Kyocera MA2000w GX")
FIELDS = {"dmPaperSize": "9"}
TASK = "00000000-0000-4000-8000-000000000000"

type Call = Callable[[LiankeClient, UploadFile], Awaitable[object]]

CALLS: dict[str, Call] = {
    "GET /device/device_info": lambda api, _: api.box(),
    "GET /device/async_refresh_device_info": lambda api, _: api.refresh_box(),
    "GET /device/printer_status": lambda api, _: api.printer_condition(LASER),
    "POST /device/async_device_reboot": lambda api, _: api.restart_box(),
    "GET /external_api/printer_list": lambda api, _: api.printers(),
    "GET /print/printer_enum": lambda api, _: api.printer_models(),
    "GET /print/printer_params": lambda api, _: api.capabilities(LASER),
    "GET /print/paper_dimension_list": lambda api, _: api.papers(LASER.model),
    "POST /print/file_pages": lambda api, file: api.count_pages(LASER, file, 9),
    "POST /print/job": lambda api, file: api.submit(LASER, file, FIELDS),
    "GET /print/job": lambda api, _: api.task(LASER, TASK),
    "DELETE /print/job": lambda api, _: api.cancel_task(LASER, TASK),
    "POST /print/query_device_task": lambda api, _: api.day_tasks(),
    "POST /print/flush_jobs": lambda api, _: api.delete_waiting_tasks(LASER),
    "POST /print/reset_printing_error_limit": lambda api, _: api.reset_error_limit(LASER),
    "POST /driver/uninstall_driver_event": lambda api, _: api.request_driver(1, "13800138000"),
    "GET /printer/refresh_network_printer": lambda api, _: api.find_network_printers(),
    "GET /scanning/scanner_list": lambda api, _: api.scanners.all(),
    "GET /scanning/scanner_status": lambda api, _: api.scanners.status("1"),
    "GET /scanning/scanner_params": lambda api, _: api.scanners.params("1"),
    "POST /scanning/job": lambda api, _: api.scanners.start("1", {}),
    "GET /scanning/job": lambda api, _: api.scanners.task("t"),
    "DELETE /scanning/job": lambda api, _: api.scanners.cancel("t"),
}
# Three kinds of endpoints: one whose answer is used, one whose answer is not used, and an upload. What a user sees of
# faults at all other endpoints is tested in tests/proof/test_fault_table.py.
FEW = ("GET /device/device_info", "POST /print/flush_jobs", "POST /print/job")
# Endpoints with a time limit of their own.
SLOW = (
    "GET /device/printer_status",
    "GET /external_api/printer_list",
    "GET /print/paper_dimension_list",
    "GET /print/printer_enum",
)
SPECIAL: dict[tuple[str, int], type[LiankeError]] = {
    ("GET /device/async_refresh_device_info", 401): AlreadyRunningError,
    ("POST /device/async_device_reboot", 401): AlreadyRunningError,
    ("GET /printer/refresh_network_printer", 401): AlreadyRunningError,
    ("POST /driver/uninstall_driver_event", 403): BadPhoneError,
    ("GET /print/job", 404): TaskUnknownError,
    ("DELETE /print/job", 404): TaskUnknownError,
}


def meant_by(endpoint: str, code: int) -> type[LiankeError]:
    usual = AuthenticationError if code in (401, 403) else ERROR_BY_CODE.get(code, UnknownCodeError)
    return SPECIAL.get((endpoint, code), usual)


async def outcome(call: Call, api: LiankeClient, file: UploadFile) -> object:
    """Return the value or the LiankeError of a call; anything else fails the test."""
    try:
        return await call(api, file)
    except LiankeError as error:
        if not error.__suppress_context__ and error.__context__ is not None:
            pytest.fail("what lies below would be shown")
        return error


def client_of(server: RawServer, session: ClientSession) -> LiankeClient:
    box = Credentials(device_id="lk00ab00000000", device_key="AbCdEfGh12345678")
    return LiankeClient(session, api_key="k" * 32, credentials=box, server=server.url)


async def length_of(server: RawServer) -> int:
    """Return the Content-Length of the last request."""
    (line,) = [one for one in server.heads[-1].split(b"\r\n") if one.startswith(b"Content-Length")]
    return int(line.split(b":")[1])
