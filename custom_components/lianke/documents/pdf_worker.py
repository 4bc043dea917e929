"""Answer questions about PDF files in a process of its own, which a bad file may end.

Started by `pdf_client` as a script, without Home Assistant: `python pdf_worker.py SITE_PACKAGES`.
Requests come on stdin and answers go to stdout, each a JSON object behind its length (4 bytes,
big-endian). A request names its `task` and a file; the answer has the task's result, or `error`.
The process ends when stdin does, and when a limit of memory or time is reached.
"""

from collections.abc import Callable
import ctypes
import json
import os
import re
import resource
import signal
import struct
import sys
from typing import Any, BinaryIO, Final

LENGTH: Final = struct.Struct(">I")
MAX_REQUEST: Final = 64 * 1024
# Private memory of the process in bytes, far above what a document usually takes.
MEMORY: Final = 384 * 1024 * 1024
# Seconds. The client gives up earlier; this is for a process whose client was killed.
TASK_SECONDS: Final = 30
OPEN_FILES: Final = 32
MAX_CHECKED: Final = 64 * 1024 * 1024
COUNT: Final = re.compile(rb"/Count ?([+-]?\d+)")

type Task = Callable[[Any, dict[str, Any]], dict[str, Any]]


def main() -> None:
    """Answer requests until stdin ends."""
    _limit()
    sys.path.append(sys.argv[1])
    import pypdfium2  # noqa: PLC0415  # its place is an argument

    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # What a library prints must not get between the answers.
    os.dup2(2, 1)
    _write(answers, {"ready": True})
    while (request := _read(requests)) is not None:
        signal.alarm(TASK_SECONDS)
        answer = _answer(pypdfium2, request)
        signal.alarm(0)
        _write(answers, answer)


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


def _read(file: BinaryIO) -> dict[str, Any] | None:
    """Return the next request, None at the end."""
    head = file.read(LENGTH.size)
    if len(head) < LENGTH.size or (length := LENGTH.unpack(head)[0]) > MAX_REQUEST:
        return None
    request: dict[str, Any] = json.loads(file.read(length))
    return request


def _write(file: BinaryIO, answer: dict[str, Any]) -> None:
    data = json.dumps(answer).encode()
    file.write(LENGTH.pack(len(data)) + data)
    file.flush()


def _answer(pdfium: Any, request: dict[str, Any]) -> dict[str, Any]:
    try:
        document = pdfium.PdfDocument(request["path"], password=request.get("password"))
    except pdfium.PdfiumError as err:
        protected = err.err_code == pdfium.raw.FPDF_ERR_PASSWORD
        return {"error": "password" if protected else "damaged"}
    except FileNotFoundError:
        return {"error": "missing"}
    try:
        return TASKS[request["task"]](pdfium, request | {"document": document})
    except MemoryError:
        return {"error": "memory"}
    finally:
        document.close()


def _count(pdfium: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Count the pages."""
    pages = _pages(pdfium, request)
    return {"pages": pages} if pages else {"error": "damaged"}


def _unlock(pdfium: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Count the pages and write a copy that needs no password to the new file `target`."""
    descriptor = os.open(request["target"], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        written = 0

        def write(data: bytes) -> None:
            nonlocal written
            written += len(data)
            if written <= request["limit"]:
                file.write(data)

        try:
            _save(pdfium, request["document"], write)
        except OSError:
            return {"error": "disk"}
    if written > request["limit"]:
        return {"error": "too_large"}
    return _count(pdfium, request)


def _pages(pdfium: Any, request: dict[str, Any]) -> int:
    """Return the number of pages, however few the document claims to have; 0 without a sure one.

    PDFium believes the page tree's /Count; other programs print the pages that are there. In a
    copy, in which no object is compressed, every /Count is overwritten, so that PDFium has to
    count the pages. That is left out for a file too large to be held in memory.
    """
    document = request["document"]
    claimed = len(document)
    if os.path.getsize(request["path"]) > MAX_CHECKED:  # noqa: PTH202  # a script that starts fast
        return claimed
    copy = bytearray()
    _save(pdfium, document, copy.extend)
    for match in COUNT.finditer(copy):
        copy[match.start(1) : match.end(1)] = b"0" * len(match[1])
    try:
        counted = pdfium.PdfDocument(bytes(copy))
    except pdfium.PdfiumError:
        return 0
    try:
        # None means that there is no end to them.
        found = len(counted)
        return max(claimed, found) if found else 0
    finally:
        counted.close()


def _save(pdfium: Any, document: Any, write: Callable[[bytes], object]) -> None:
    """Write a copy of a document without its password; raises what write() raises."""
    raw = pdfium.raw
    error: Exception | None = None

    def write_block(_this: Any, data: Any, size: int) -> int:
        nonlocal error
        try:
            write(ctypes.string_at(data, size))
        except (OSError, MemoryError) as err:
            error = err
        return error is None

    writer = raw.FPDF_FILEWRITE(version=1)
    writer.WriteBlock = type(writer.WriteBlock)(write_block)
    raw.FPDF_SaveAsCopy(document, writer, raw.FPDF_REMOVE_SECURITY)
    if error is not None:
        raise error


TASKS: Final[dict[str, Task]] = {"count": _count, "unlock": _unlock}


if __name__ == "__main__":
    main()
