"""Client of the Lianke service: one method per endpoint ("Endpoints" in the service's documents).

When the service fails, every method raises LiankeError and nothing else. The time-outs are those of clients that
are in use.
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

# For the list of printers.
PRINTER_LIST_SECONDS = 5.0
# The box asks the printer itself, which takes 3 to 8 s.
STATUS_SECONDS = 15.0
# For a driver's papers, and the list of models.
PAPER_SECONDS = 60.0
# For a picture of a preview.
DOWNLOAD_SECONDS = 60.0
# Of a document whose pages the service counts: `file_pages` accepts no more.
MAX_COUNTED_BYTES = 20 * 1024 * 1024

_BUSY: ErrorCodes = {401: AlreadyRunningError}
_PHONE: ErrorCodes = {403: BadPhoneError}
# 404 here means the task: polls already find out whether the service knows the box.
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
        """Take a session, which the caller closes, and the address of a server with `/api`.

        `ssl` is for connections that no other request may use; `observer` gets the unknown parts of answers.
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
        """Have a box with old firmware report on itself and its printers (`GET /device/async_refresh_device_info`)."""
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
        """Ask the printer for its status (`GET /device/printer_status`). Slow; only one at a time per box.

        Raises PrinterNotFoundError for a network printer without `hash_id` and does not ask: its port number would mean
        the USB printer there.
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
        """List the models for which the service has drivers (`GET /print/printer_enum`)."""
        return parse_model_names(
            await self._transport.call("GET", "/print/printer_enum", timeout=PAPER_SECONDS)
        )

    async def capabilities(self, address: PrinterAddress) -> Capabilities:
        """`GET /print/printer_params`; worth caching."""
        query = (
            {"printerModel": address.model}
            if address.model
            else self._auth | {"printerHash": address.known_hash}
        )
        return Capabilities.from_json(
            await self._transport.call("GET", "/print/printer_params", query=query)
        )

    async def papers(self, model: str) -> tuple[Paper, ...]:
        """`GET /print/paper_dimension_list`; slow, worth caching."""
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
        """Count a document's pages (`POST /print/file_pages`); None when the answer does not say.

        Raises DocumentTooLargeError above 20 MB, and sends nothing then.
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

        `fields` are `ResolvedOptions.form_fields()`. Callbacks, if any, come to `callback_address` and carry `token`.
        `before_end` is awaited after everything but the end of the form; its error stops the upload and is raised as it
        is. `on_progress` gets the bytes of the file sent so far. An error with `may_have_arrived` False means that the
        end of the form was never sent.
        """
        form_fields = self._auth | _printer(address) | dict(fields)
        if isinstance(content, UploadFile) and (
            content.content_type == "text/html"
            or content.name.casefold().endswith((".html", ".htm"))
        ):
            # The service renders HTML with Chrome.
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
        """`GET /print/job`; `address` is None for a printer that was removed."""
        query = self._auth | _task(address, task_id)
        data = await self._transport.call(
            "GET", "/print/job", query=query, purpose=Purpose.TRACK, error_codes=_TASK
        )
        task = Task.from_json(task_id, data)
        return replace(task, result=self.without_secrets(task.result))

    def without_secrets(self, result: TaskResult | None) -> TaskResult | None:
        """Remove our secrets from a result's message."""
        if result is None:
            return None
        return replace(result, message=to_message(result.message, self._transport.secrets))

    async def cancel_task(self, address: PrinterAddress | None, task_id: str) -> None:
        """`DELETE /print/job`; success does not prove that nothing was printed. `address` is as for `task`."""
        await self._transport.call(
            "DELETE",
            "/print/job",
            query=self._auth | _task(address, task_id),
            purpose=Purpose.TRACK,
            error_codes=_TASK,
        )

    async def day_tasks(self) -> tuple[DayTask, ...]:
        """List the day's tasks of the box, those of other apps too (`POST /print/query_device_task`)."""
        data = await self._post("/print/query_device_task", purpose=Purpose.TRACK)
        return tuple(
            replace(task, message=to_message(task.message, self._transport.secrets))
            for task in parse_day_tasks(data)
        )

    async def flush(self, address: PrinterAddress) -> None:
        """Delete a printer's waiting tasks, those of other apps too (`POST /print/flush_jobs`)."""
        await self._post("/print/flush_jobs", _printer_in_json(address))

    async def reset_error_limit(self, address: PrinterAddress) -> None:
        """Resume a printer paused after 30 failures (`POST /print/reset_printing_error_limit`); 10 per day and box."""
        await self._post("/print/reset_printing_error_limit", _printer_in_json(address))

    async def request_driver(self, row_id: int, phone: str) -> None:
        """Ask the vendor to support an unknown model (`POST /driver/uninstall_driver_event`).

        `row_id` is the printer row's `id`; `phone` is where the vendor may call back.
        """
        asked: dict[str, JsonValue] = {"printerId": row_id, "phone": phone}
        await self._post("/driver/uninstall_driver_event", asked, error_codes=_PHONE)

    async def find_network_printers(self) -> None:
        """Have the box search its network for printers (`GET /printer/refresh_network_printer`)."""
        await self._transport.call(
            "GET",
            "/printer/refresh_network_printer",
            query=self._auth,
            timeout=STATUS_SECONDS,
            error_codes=_BUSY,
        )

    async def download(self, url: str, limit_bytes: int) -> bytes:
        """Download from an address in an answer, such as a preview's page. Sends no key.

        Raises LiankeResponseError above `limit_bytes`, and for an address that is neither https nor the server's own.
        """
        return await self._transport.fetch(url, limit_bytes=limit_bytes, timeout=DOWNLOAD_SECONDS)

    async def _post(self, path: str, more: Mapping[str, JsonValue] = {}, **how: Any) -> object:
        return await self._transport.call("POST", path, body={**self._auth, **more}, **how)


def _task(address: PrinterAddress | None, task_id: str) -> dict[str, str]:
    # The service does not require the port.
    if address is None or address.port == NETWORK_PORT:
        return {"task_id": task_id}
    return {"task_id": task_id, "devicePort": str(address.port)}


def _printer(address: PrinterAddress) -> dict[str, str]:
    """Return the form fields that name a printer.

    A network printer whose address is unknown is named by its hash alone: port 1 would mean the USB printer there.
    Raises PrinterNotFoundError when its hash is unknown, too.
    """
    if address.target_ip is not None:
        return {"devicePort": "1", "printerModel": address.model, "targetIp": address.target_ip}
    if address.port == NETWORK_PORT:
        return {"printerHash": address.known_hash}
    return {"devicePort": str(address.port), "printerModel": address.model}


def _printer_in_json(address: PrinterAddress) -> dict[str, JsonValue]:
    """Name a printer in JSON: without its model, which is not required there, and with a number for the port."""
    target: dict[str, JsonValue] = {**_printer(address)}
    target.pop("printerModel", None)
    if (port := target.get("devicePort")) is not None:
        target["devicePort"] = to_int(port)
    return target
