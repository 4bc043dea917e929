"""Run tasks on PDF files in a separate process (`pdf/`), one at a time; users take turns."""

import asyncio
import contextlib
from datetime import datetime
from importlib.util import find_spec
import json
import logging
import os
from pathlib import Path
import sys
from typing import Any, Final

from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util.hass_dict import HassKey

from ..const import DOMAIN
from ..fair_queue import FairQueue, NoPlaceError
from ..pdf.process import MESSAGE_LENGTH

_LOGGER = logging.getLogger(__name__)

SCRIPT: Final = Path(__file__).parents[1] / "pdf" / "__main__.py"
# Maximum bytes of an answer of the process; after a longer answer, the process is killed.
MAX_ANSWER: Final = 64 * 1024
# The only environment variables of Home Assistant that the process gets: others may contain secrets.
ENVIRONMENT: Final = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL")
# Seconds in which the process must start.
START_SECONDS: Final = 30
# Seconds for one task, unless the caller sets another limit.
TASK_SECONDS: Final = 10
# Seconds without a task after which the process is killed.
IDLE_SECONDS: Final = 300
# Seconds to wait for the process to end after it was killed.
END_SECONDS: Final = 5
# Maximum number of tasks of all users that may wait.
MAX_WAITING: Final = 400
# Maximum number of tasks of one user that may wait. Users take turns, so slow files of one user delay another user by
# only one task.
MAX_WAITING_A_USER: Final = 200
# Seconds that a task may wait for its turn.
WAIT_SECONDS: Final = 60


def lan_queue_user(device: str) -> str:
    """Return a device's name in the queue, in which all devices of the home network share the turns of one user."""
    return f"lan {device}"


class PdfError(Exception):
    """A task on a file failed; `reason` says why.

    password: missing or wrong. damaged: the file cannot be read. memory, time: the task exceeds its limit.
    too_large, disk: the result cannot be written. busy: too many tasks wait, or the system is too busy to start the
    process. Each task has further reasons of its own.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        # Words to show to people, such as the characters that a font lacks.
        self.detail = detail


class PdfUnavailableError(PdfError):
    """A library that the task needs does not run on this system, so nothing is known about the file."""

    def __init__(self) -> None:
        super().__init__("unavailable")


class PdfWorker:
    """Manages the only worker process of this Home Assistant, which is started when needed and killed when idle."""

    def __init__(self, hass: HomeAssistant) -> None:
        self._hass = hass
        self._turns = FairQueue(
            1, max_waiting=MAX_WAITING, max_waiting_per_owner=MAX_WAITING_A_USER
        )
        self._process: asyncio.subprocess.Process | None = None
        self._stop_idle: CALLBACK_TYPE = lambda: None
        self._stopped = False
        hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, self._async_on_stop)

    @property
    def process_id(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def is_busy(self) -> bool:
        """Whether a task is running or waiting."""
        return self._turns.taken > 0

    async def async_count(
        self,
        path: Path,
        password: str | None = None,
        *,
        user: str | None = None,
        copy: tuple[Path, int] | None = None,
    ) -> int:
        """Return the number of pages of a PDF file.

        If `copy` is given, a copy without password is written, too: `copy` is the copy's path and its maximum size in
        bytes. Raises PdfError.
        """
        request: dict[str, Any] = {"path": str(path), "password": password}
        if copy is not None:
            request |= {"target": str(copy[0]), "limit": copy[1]}
        pages = (await self.async_run_pdf_task("count", request, user=user)).get("pages")
        if not isinstance(pages, int) or pages < 1:
            raise PdfError("damaged")
        return pages

    async def async_close(self) -> None:
        """Kill the process, so that a running task fails. The next task starts a new process."""
        self._stop_idle()
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await process.wait()

    async def async_run_pdf_task(
        self,
        task: str,
        request: dict[str, Any],
        *,
        user: str | None = None,
        seconds: float | None = None,
    ) -> dict[str, Any]:
        """Run one of `pdf.process.TASKS` when it is the user's turn; return the answer of the task.

        `request` has the task's fields. `seconds` is the time limit, counted once the process runs; None means
        TASK_SECONDS. Raises PdfError.
        """
        owner = tuple((user or "").split(" "))
        try:
            async with self._turns.place(owner, max_wait=WAIT_SECONDS):
                limit = TASK_SECONDS if seconds is None else seconds
                return await self._async_ask({"task": task, **request}, limit)
        except NoPlaceError:
            raise PdfError("busy") from None

    async def _async_ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        self._stop_idle()
        answer: dict[str, Any] | None = None
        try:
            # A slow start is the fault of a busy system, not of the file.
            try:
                async with asyncio.timeout(START_SECONDS):
                    running = self._process
                    if running is None or running.returncode is not None:
                        running = await self._async_started()
            except TimeoutError:
                raise PdfError("busy") from None
            async with asyncio.timeout(seconds):
                assert running.stdin is not None
                data = json.dumps(request).encode()
                running.stdin.write(MESSAGE_LENGTH.pack(len(data)) + data)
                await running.stdin.drain()
                answer = await _async_read(running)
        except TimeoutError:
            raise PdfError("time") from None
        except asyncio.IncompleteReadError, ConnectionError, ValueError:
            raise PdfError("memory") from None
        finally:
            if answer is None:
                # The process hangs, or works on a task whose caller no longer waits.
                await self.async_close()
            else:
                self._stop_idle = async_call_later(self._hass, IDLE_SECONDS, self._async_on_idle)
        if (error := answer.get("error")) == "unavailable":
            raise PdfUnavailableError
        if error:
            raise PdfError(str(error), str(answer.get("detail", "")))
        return answer

    async def _async_started(self) -> asyncio.subprocess.Process:
        """Start the process and return it. Raises PdfUnavailableError if it cannot be started."""
        if self._stopped:
            raise PdfUnavailableError
        pdfium = await self._hass.async_add_executor_job(package_folder, "pypdfium2")
        if pdfium is None or not sys.executable:
            raise PdfUnavailableError
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-I", "-S", str(SCRIPT), str(pdfium.parent)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
                start_new_session=True,
            )
        except (OSError, RuntimeError, NotImplementedError) as err:
            _LOGGER.warning("PDF files cannot be counted on this system: %s", err)
            raise PdfUnavailableError from None
        self._process = process
        try:
            # In its first answer, the process says whether it could load PDFium.
            ready = await _async_read(process)
        except asyncio.IncompleteReadError, ConnectionError, ValueError:
            # Log no warning if `async_close` has killed the process, for example when Home Assistant stops.
            if self._process is process:
                _LOGGER.warning("PDF files cannot be counted on this system: PDFium does not start")
            raise PdfUnavailableError from None
        if not ready.get("pdfium"):
            _LOGGER.warning("PDF files cannot be counted on this system: PDFium does not run")
        return process

    async def _async_on_idle(self, _now: datetime) -> None:
        # If a task is running, do nothing: the task sets a new timer when it ends.
        with contextlib.suppress(NoPlaceError):
            async with self._turns.place(None, max_wait=0):
                await self.async_close()

    async def _async_on_stop(self, _event: Event) -> None:
        self._stopped = True
        await self.async_close()


async def _async_read(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """Return the next answer. Raises ValueError if it is malformed, IncompleteReadError if the process has ended."""
    assert process.stdout is not None
    (length,) = MESSAGE_LENGTH.unpack(await process.stdout.readexactly(MESSAGE_LENGTH.size))
    if length > MAX_ANSWER:
        raise ValueError
    answer = json.loads(await process.stdout.readexactly(length))
    if not isinstance(answer, dict):
        raise ValueError  # noqa: TRY004  # the answer is malformed; no caller passed a wrong type
    return answer


def package_folder(name: str) -> Path | None:
    """Return the folder of a package, or None if the package is not installed. Blocking: run it in the executor."""
    try:
        found = find_spec(name)
    except ImportError, ValueError:
        return None
    return None if found is None or found.origin is None else Path(found.origin).parent


DATA_WORKER: HassKey[PdfWorker] = HassKey(f"{DOMAIN}_pdf_worker")


@callback
def async_get_pdf_worker(hass: HomeAssistant) -> PdfWorker:
    """Return the only worker of this Home Assistant; the worker starts its process when needed."""
    if (worker := hass.data.get(DATA_WORKER)) is None:
        worker = hass.data[DATA_WORKER] = PdfWorker(hass)
    return worker


async def async_close_pdf_worker(hass: HomeAssistant) -> None:
    if (worker := hass.data.get(DATA_WORKER)) is not None:
        await worker.async_close()
