"""Run tasks on PDF files in a process of its own, which a bad file may crash.

Requests come on stdin and answers go to stdout, each a JSON object after its length (4 bytes,
big-endian). A request names its `task`; the answer has the task's result, or `error`.
The process ends when stdin does, and when a limit of memory or time is reached.
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
    """A task that cannot be done; `reason` becomes the answer's `error`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


MESSAGE_LENGTH: Final = struct.Struct(">I")
# Bytes of a request; the process ends on a longer one.
MAX_REQUEST: Final = 64 * 1024
# Private memory of the process in bytes, far above what a document usually takes.
MEMORY: Final = 384 * 1024 * 1024
# The client gives up earlier; this ends a process whose client was killed.
ALARM_SECONDS: Final = 60
# After this a long task answers how far it is, so that others get their turn; a page that was begun is finished.
WORKER_TURN_SECONDS: Final = 5.0
# Twenty documents may be laid out together, each with some temporary files.
OPEN_FILES: Final = 128
# Pages of all documents that are laid out together, and sheets made of them.
MAX_SOURCE_PAGES: Final = 2000
# Pixels of a scanned page, read or made: A4 at 600 dpi has 35 million, which take 140 MB in colour.
MAX_SCAN_PIXELS: Final = 36_000_000
FONT_SUFFIXES: Final = (".ttf", ".ttc", ".otf")

# By task, its module beside this one and the function there.
TASKS: Final = {
    "check": ("picture_completeness", "check_picture"),
    "check_pdf": ("pdf_completeness", "check_pdf"),
    "clean_page": ("photo_to_page", "clean_page"),
    "count": ("pdf_files", "count"),
    "draw": ("draw", "draw"),
    "find_corners": ("photo_to_page", "find_corners"),
    "join_scans": ("scan_pages", "join_scans"),
    "lay_out": ("layout", "lay_out"),
    "raster": ("raster", "convert"),
    "scan_page": ("scan_pages", "scan_page"),
    "split": ("layout", "split"),
}


def main(site: str) -> None:
    """Answer requests until stdin ends; `site` is the folder with PDFium's package."""
    _limit()
    sys.path.append(site)
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # What a library prints must not get between the answers.
    os.dup2(2, 1)
    # Where PDFium does not run, pictures can be checked all the same.
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
    """Import a task's module only now: a preview does not wait for the others. None where a library does not run."""
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
        return {"error": err.reason}
    except FileNotFoundError:
        return {"error": "missing"}
    except MemoryError:
        return {"error": "memory"}
