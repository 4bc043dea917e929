"""Run tasks on PDF files and pictures in a process of its own, so that a bad file can crash only this process.

Requests arrive on stdin and answers go to stdout; each is a JSON object after its length (4 bytes, big-endian). A
request names its `task`; the answer has the task's result, or `error`. The process ends when stdin is closed, when a
task takes ALARM_SECONDS, and if a library crashes because MEMORY is used up.
"""

from collections.abc import Callable
import importlib
import json
import os
import resource
import signal
import struct
import sys
from typing import Any, BinaryIO, Final


class TaskError(Exception):
    """The task cannot be done. `reason` becomes the answer's `error`; `detail` may name what is wrong in the file."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


MESSAGE_LENGTH: Final = struct.Struct(">I")
# Bytes that a request may have; a longer request ends the process.
MAX_REQUEST: Final = 64 * 1024
# Bytes of private memory that the process may use, far more than a document usually needs.
MEMORY: Final = 384 * 1024 * 1024
# Seconds that a task may take before the process ends. Home Assistant gives up earlier, so this limit matters only if
# Home Assistant was killed.
ALARM_SECONDS: Final = 60
# Seconds after which a long task finishes its current page and reports its progress, so that other tasks get their
# turn.
WORKER_TURN_SECONDS: Final = 5.0
# Maximum number of open files: twenty documents may be laid out together, each with a few temporary files.
OPEN_FILES: Final = 128
# Maximum number of pages in all documents that are laid out together, and in all documents made of them.
MAX_SOURCE_PAGES: Final = 2000
# Maximum pixels of a scanned page, before and after it is changed: A4 at 600 dpi has 35 million, 140 MB in color.
MAX_SCAN_PIXELS: Final = 36_000_000

# The module of this package and the function in it, by the name of the task.
TASKS: Final = {
    "check": ("picture_completeness", "check_picture"),
    "check_pdf": ("pdf_completeness", "check_pdf"),
    "clean_page": ("photo_to_page", "clean_page"),
    "compare": ("scan_extras", "compare"),
    "convert_scan": ("scan_extras", "convert_scan"),
    "count": ("pdf_files", "count"),
    "draw": ("draw", "draw"),
    "find_corners": ("photo_to_page", "find_corners"),
    "is_blank": ("blank_pages", "is_blank_page"),
    "join_scans": ("scan_pages", "join_scans"),
    "lay_out": ("layout", "lay_out"),
    "mark_scan": ("scan_pages", "mark_scan"),
    "ofd": ("ofd", "convert_ofd"),
    "raster": ("raster", "convert"),
    "scan_page": ("scan_pages", "scan_page"),
    "split": ("layout", "split"),
}


def main(site: str) -> None:
    """Answer requests until stdin is closed; `site` is the folder that contains PDFium's package."""
    _limit()
    sys.path.append(site)
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # Output of a library must not mix with the answers.
    os.dup2(2, 1)
    # Even where PDFium does not run, pictures can be checked.
    write_answer(answers, {"ready": True, "pdfium": _task("count") is not None})
    while (request := read_request(requests)) is not None:
        signal.alarm(ALARM_SECONDS)
        answer = answer_to(request)
        signal.alarm(0)
        write_answer(answers, answer)


def _limit() -> None:
    os.nice(5)
    limits = {
        resource.RLIMIT_DATA: MEMORY,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: OPEN_FILES,
    }
    for limit, wanted in limits.items():
        _, most = resource.getrlimit(limit)
        resource.setrlimit(limit, (wanted if most < 0 else min(wanted, most), most))


def read_request(file: BinaryIO) -> dict[str, Any] | None:
    head = file.read(MESSAGE_LENGTH.size)
    if len(head) < MESSAGE_LENGTH.size or (length := MESSAGE_LENGTH.unpack(head)[0]) > MAX_REQUEST:
        return None
    request: dict[str, Any] = json.loads(file.read(length))
    return request


def write_answer(file: BinaryIO, answer: dict[str, Any]) -> None:
    data = json.dumps(answer).encode()
    file.write(MESSAGE_LENGTH.pack(len(data)) + data)
    file.flush()


def _task(name: str) -> Callable[[dict[str, Any]], dict[str, Any] | None] | None:
    """Return the function of a task; None if a library that it needs does not run on this system.

    The task's module is imported only now, so that a preview does not wait for the other modules.
    """
    module, function = TASKS[name]
    try:
        return getattr(importlib.import_module(f"{__package__}.{module}"), function)  # type: ignore[no-any-return]
    except ImportError, OSError:
        return None


def answer_to(request: dict[str, Any]) -> dict[str, Any]:
    try:
        if (task := _task(request["task"])) is None:
            return {"error": "unavailable"}
        return task(request) or {}
    except TaskError as err:
        return {"error": err.reason, "detail": err.detail}
    except FileNotFoundError:
        return {"error": "missing"}
    except MemoryError:
        return {"error": "memory"}
