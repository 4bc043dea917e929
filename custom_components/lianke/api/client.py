"""Client of the Lianke service: one method per endpoint ("Endpoints" in the service's documents).

If the service fails, every method raises LiankeError and nothing else. The time-outs are those of existing clients of
the service.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
import copy
from dataclasses import replace
from ssl import SSLContext
from typing import Any, Self

from aiohttp import ClientSession

from .addresses import DEFAULT_SERVER
from .capabilities import Capabilities, Paper, parse_papers
from .coerce import JsonValue, to_int, to_mapping, to_message, to_text
from .errors import (
    AlreadyRunningError,
    BadPhoneError,
    DocumentTooLargeError,
    LiankeResponseError,
    TaskUnknownError,
    without_frames,
)
from .models import (
    NETWORK_PORT,
    Box,
    Credentials,
    Printer,
    PrinterAddress,
    PrinterCondition,
    PrinterKind,
    parse_model_names,
    parse_printers,
)
from .scanning import Scanners
from .tasks import DayTask, Task, TaskResult, parse_day_tasks
from .transport import ErrorCodes, Purpose, Throttle, Transport
from .unknown import Observer
from .upload import JobForm, Ticket, UploadFile

# Time-out (s) of a request for the list of printers.
PRINTER_LIST_SECONDS = 5.0
# Time-out (s) of a request for a printer's status: the box has to ask the printer, which takes 3 to 8 s.
STATUS_SECONDS = 15.0
# Time-out (s) of a request for a driver's papers or for the list of models.
PAPER_SECONDS = 60.0
# Time-out (s) of the download of a preview's page.
DOWNLOAD_SECONDS = 60.0
# Maximum bytes of a document whose pages the service counts; `file_pages` refuses larger documents.
MAX_COUNTED_BYTES = 20 * 1024 * 1024

_BUSY: ErrorCodes = {401: AlreadyRunningError}
_PHONE: ErrorCodes = {403: BadPhoneError}
# At endpoints for tasks, code 404 is taken to mean an unknown task. If it is the box that is unknown, a poll finds out.
_TASK: ErrorCodes = {404: TaskUnknownError}


@without_frames
class LiankeClient:
    """Client of the service for one box."""

    def __init__(
        self,
        session: ClientSession,
        *,
        api_key: str,
        credentials: Credentials,
        server: str = DEFAULT_SERVER,
        throttle: Throttle | None = None,
        ssl: SSLContext | None = None,
        observer: Observer | None = None,
    ) -> None:
        """`server` is the base address, including the path `/api`. The caller closes the session.

        `ssl` is the context for connections that carry a single request; `observer` is called with each unknown part of
        an answer.
        """
        self._transport = Transport(
            session,
            api_key=api_key,
            secrets=(credentials.device_key,),
            server=server,
            throttle=throttle,
            ssl=ssl,
            observer=observer,
        )
        self.clock = self._transport.clock
        self._credentials = credentials

    def with_throttle(self, throttle: Throttle) -> Self:
        other = copy.copy(self)
        other._transport = copy.copy(self._transport)  # noqa: SLF001  # a copy of ours
        other._transport.throttle = throttle  # noqa: SLF001
        return other

    @property
    def scanners(self) -> Scanners:
        return Scanners(self._transport, self._auth)

    @property
    def _auth(self) -> dict[str, str]:
        return {
            "deviceId": self._credentials.device_id,
            "deviceKey": self._credentials.device_key,
        }

    async def box(self) -> Box:
        data = await self._transport.call(
            "GET", "/device/device_info", query=self._auth, kept_connection=True
        )
        return Box.from_json(data)

    async def refresh_box(self) -> None:
        """Make a box with old firmware report its state and printers (`GET /device/async_refresh_device_info`)."""
        await self._transport.call(
            "GET", "/device/async_refresh_device_info", query=self._auth, error_codes=_BUSY
        )

    async def restart_box(self) -> None:
        await self._post("/device/async_device_reboot", error_codes=_BUSY)

    async def printers(self, kind: PrinterKind = PrinterKind.BOTH) -> tuple[Printer, ...]:
        data = await self._transport.call(
            "GET",
            "/external_api/printer_list",
            query=self._auth | {"printerType": str(kind.value)},
            timeout=PRINTER_LIST_SECONDS,
            kept_connection=True,
        )
        return parse_printers(data)

    async def printer_condition(self, address: PrinterAddress) -> PrinterCondition:
        """Return a printer's own report, which the box requests from the printer (`GET /device/printer_status`).

        Slow: call it only once at a time for each box. Raises PrinterNotFoundError without sending anything if a
        network printer has no `hash_id`: the endpoint would mistake the printer's port for a USB port.
        """
        where = {"usbPort": str(address.port)}
        if address.is_network:
            where = {"printerHash": address.known_hash}
        data = await self._transport.call(
            "GET", "/device/printer_status", query=self._auth | where, timeout=STATUS_SECONDS
        )
        condition = PrinterCondition.from_json(data)
        return replace(condition, message=to_message(condition.message, self._transport.secrets))

    async def printer_models(self) -> tuple[str, ...]:
        """Return the names of the models for which the service has drivers (`GET /print/printer_enum`)."""
        return parse_model_names(
            await self._transport.call("GET", "/print/printer_enum", timeout=PAPER_SECONDS)
        )

    async def capabilities(self, address: PrinterAddress) -> Capabilities:
        """Return the capabilities of a printer's driver (`GET /print/printer_params`); worth caching."""
        query = (
            {"printerModel": address.model}
            if address.model
            else self._auth | {"printerHash": address.known_hash}
        )
        return Capabilities.from_json(
            await self._transport.call("GET", "/print/printer_params", query=query)
        )

    async def papers(self, model: str) -> tuple[Paper, ...]:
        """Return the papers of a model's driver (`GET /print/paper_dimension_list`); slow, worth caching."""
        return parse_papers(
            await self._transport.call(
                "GET",
                "/print/paper_dimension_list",
                query={"printerModel": model},
                timeout=PAPER_SECONDS,
            )
        )

    async def count_pages(
        self, address: PrinterAddress, file: UploadFile, paper_id: int
    ) -> int | None:
        """Return how many pages a document has (`POST /print/file_pages`); None if the answer contains no number.

        Raises DocumentTooLargeError without sending anything if the document is larger than 20 MB.
        """
        if file.size > MAX_COUNTED_BYTES:
            raise DocumentTooLargeError
        fields = self._auth | _printer(address) | {"dmPaperSize": str(paper_id)}
        form = await asyncio.to_thread(JobForm, file, fields)
        data = await self._transport.upload("/print/file_pages", form, Purpose.COUNT)
        pages = to_int(to_mapping(data).get("pages"))
        return pages if pages is not None and pages > 0 else None

    async def submit(
        self,
        address: PrinterAddress,
        content: UploadFile | Ticket,
        fields: Mapping[str, str],
        *,
        callback_address: str | None = None,
        token: str = "",
        preview: bool = False,
        before_end: Callable[[], Awaitable[None]] | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> str:
        """Submit a job and return its task id (`POST /print/job`).

        `fields` are `ResolvedOptions.form_fields()`. If `callback_address` is given, the service reports the job's
        state to that address, to which `token` is added. `before_end` is awaited after everything except the end of the
        form has been sent; an error that `before_end` raises stops the upload and is raised unchanged. `on_progress`
        gets the number of bytes of the file sent so far. If an error has `may_have_arrived` False, the end of the form
        was never sent.
        """
        form_fields = self._auth | _printer(address) | dict(fields)
        if isinstance(content, UploadFile) and (
            content.content_type == "text/html"
            or content.name.casefold().endswith((".html", ".htm"))
        ):
            # Makes the service render HTML with Chrome.
            form_fields["htmlKernel"] = "chrometopdf"
        if callback_address is not None:
            form_fields["callbackUrl"] = f"{callback_address}?job={token}"
        if preview:
            form_fields["isPreview"] = "1"
        form = await asyncio.to_thread(
            JobForm, content, form_fields, before_end=before_end, on_progress=on_progress
        )
        data = await self._transport.upload(
            "/print/job", form, Purpose.LOOKUP if preview else Purpose.SUBMIT
        )
        task_id = to_text(to_mapping(data).get("task_id"))
        if not task_id:
            raise LiankeResponseError("job without task_id")
        return task_id

    async def task(self, address: PrinterAddress | None, task_id: str) -> Task:
        """Return a task (`GET /print/job`). `address` is None for a printer that has been removed."""
        query = self._auth | _task(address, task_id)
        data = await self._transport.call(
            "GET", "/print/job", query=query, purpose=Purpose.TRACK, error_codes=_TASK
        )
        task = Task.from_json(task_id, data)
        return replace(task, result=self.without_secrets(task.result))

    def without_secrets(self, result: TaskResult | None) -> TaskResult | None:
        """Return a copy of a result with our secrets removed from the message."""
        if result is None:
            return None
        return replace(result, message=to_message(result.message, self._transport.secrets))

    async def cancel_task(self, address: PrinterAddress | None, task_id: str) -> None:
        """Cancel a task (`DELETE /print/job`). Even if this succeeds, something may have been printed.

        `address` is None for a printer that has been removed.
        """
        await self._transport.call(
            "DELETE",
            "/print/job",
            query=self._auth | _task(address, task_id),
            purpose=Purpose.TRACK,
            error_codes=_TASK,
        )

    async def day_tasks(self) -> tuple[DayTask, ...]:
        """Return the box's tasks of this day, including tasks of other apps (`POST /print/query_device_task`)."""
        data = await self._post("/print/query_device_task", purpose=Purpose.TRACK)
        return tuple(
            replace(task, message=to_message(task.message, self._transport.secrets))
            for task in parse_day_tasks(data)
        )

    async def delete_waiting_tasks(self, address: PrinterAddress) -> None:
        """Delete a printer's waiting tasks, including tasks of other apps (`POST /print/flush_jobs`)."""
        await self._post("/print/flush_jobs", _printer_in_json(address))

    async def reset_error_limit(self, address: PrinterAddress) -> None:
        """Resume a printer that the service paused after 30 failures (`POST /print/reset_printing_error_limit`).

        The service accepts at most 10 such requests per day and box.
        """
        await self._post("/print/reset_printing_error_limit", _printer_in_json(address))

    async def request_driver(self, row_id: int, phone: str) -> None:
        """Ask the vendor to support an unknown model (`POST /driver/uninstall_driver_event`).

        `row_id` is the `id` in the printer's row; `phone` is the number that the vendor may call.
        """
        asked: dict[str, JsonValue] = {"printerId": row_id, "phone": phone}
        await self._post("/driver/uninstall_driver_event", asked, error_codes=_PHONE)

    async def find_network_printers(self) -> None:
        """Make the box search its network for printers (`GET /printer/refresh_network_printer`)."""
        await self._transport.call(
            "GET",
            "/printer/refresh_network_printer",
            query=self._auth,
            timeout=STATUS_SECONDS,
            error_codes=_BUSY,
        )

    async def download(self, url: str, limit_bytes: int) -> bytes:
        """Return the content at a web address that was in an answer, such as a preview's page. Sends no key.

        Raises LiankeResponseError if the content is longer than `limit_bytes`, or if the address is neither on the
        server itself nor https on a public host.
        """
        return await self._transport.fetch(url, limit_bytes=limit_bytes, timeout=DOWNLOAD_SECONDS)

    async def _post(self, path: str, more: Mapping[str, JsonValue] = {}, **how: Any) -> object:
        return await self._transport.call("POST", path, body={**self._auth, **more}, **how)


def _task(address: PrinterAddress | None, task_id: str) -> dict[str, str]:
    # The service does not require `devicePort`. Port 631 is left out, because no job of a network printer goes there.
    if address is None or address.port == NETWORK_PORT:
        return {"task_id": task_id}
    return {"task_id": task_id, "devicePort": str(address.port)}


def _printer(address: PrinterAddress) -> dict[str, str]:
    """Return the form fields that name a printer.

    A network printer whose IP address is unknown is named by its hash alone, because port 1 without an IP address means
    the USB printer. Raises PrinterNotFoundError if the hash is unknown, too.
    """
    if address.target_ip is not None:
        return {"devicePort": "1", "printerModel": address.model, "targetIp": address.target_ip}
    if address.port == NETWORK_PORT:
        return {"printerHash": address.known_hash}
    return {"devicePort": str(address.port), "printerModel": address.model}


def _printer_in_json(address: PrinterAddress) -> dict[str, JsonValue]:
    """Return the JSON fields that name a printer: those of a form, with the port as a number and without the model."""
    target: dict[str, JsonValue] = {**_printer(address)}
    target.pop("printerModel", None)
    if (port := target.get("devicePort")) is not None:
        target["devicePort"] = to_int(port)
    return target
