"""The endpoints: each takes a call and returns the `data` of its answer, or raises ApiError."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from . import boxes, capabilities, jobs, printers, scanning
from .call import NOTHING, Call

__all__ = ["ENDPOINTS", "NOTHING", "VENDORS", "Call"]

type Endpoint = Callable[[Call], Awaitable[Any]]

ENDPOINTS: Final[dict[str, Endpoint]] = {
    "GET /device/device_info": boxes.device_info,
    "GET /device/async_refresh_device_info": boxes.refresh_device_info,
    "GET /device/printer_status": printers.printer_status,
    "POST /device/async_device_reboot": boxes.reboot,
    "GET /external_api/printer_list": printers.printer_list,
    "GET /print/printer_enum": capabilities.all_models,
    "GET /print/printer_params": capabilities.printer_params,
    "GET /print/paper_dimension_list": capabilities.paper_dimension_list,
    "POST /print/file_pages": jobs.file_pages,
    "POST /print/job": jobs.post_job,
    "GET /print/job": jobs.get_job,
    "DELETE /print/job": jobs.delete_job,
    "POST /print/query_device_task": jobs.query_device_task,
    "POST /print/flush_jobs": jobs.flush_jobs,
    "POST /print/reset_printing_error_limit": jobs.reset_error_limit,
    "POST /driver/uninstall_driver_event": printers.request_driver,
    "GET /printer/refresh_network_printer": printers.refresh_network_printer,
    "GET /scanning/scanner_list": scanning.scanner_list,
    "GET /scanning/scanner_status": scanning.scanner_status,
    "GET /scanning/scanner_params": scanning.scanner_params,
    "POST /scanning/job": scanning.post_scan,
    "GET /scanning/job": scanning.get_scan,
    "DELETE /scanning/job": scanning.delete_scan,
}
# Endpoints that only the vendor's own clients call.
VENDORS: Final[dict[str, Endpoint]] = {
    "GET /device/refresh_device_info": boxes.wait_for_device_info,
    "POST /print/printer_enum": capabilities.search_models,
}
