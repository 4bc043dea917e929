"""Requests everything that can be read from a real box without changing anything; writes the answers without secrets.

There are about twenty requests, one per second: for the box, its printers in each of the three lists, the condition of
printers that report their condition, the capabilities and papers of the printers' models, today's tasks, and the first
few of these tasks one by one. The folder gets one JSON file per answer, and one file with the parts of the answers that
the integration does not know. The folder can be put below tests/api/recorded as it is. The program asks for the ApiKey
and the sticker's link, or takes them from LIANKE_API_KEY and LIANKE_QR, and never writes them.

Look through the files before you pass them on.

With --report, it asks no box. It reads the report that the guide after a test page made, writes a fixture for
tests/simulator/reported.py, and prints the report's rows of the table Works with.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from getpass import getpass
import json
import os
from pathlib import Path
import sys
import time
from typing import override

import aiohttp
from yarl import URL

from custom_components.lianke.api.addresses import DEFAULT_SERVER, check_server, is_loopback
from custom_components.lianke.api.answer_limits import MAX_ANSWER_BYTES
from custom_components.lianke.api.client import LiankeClient
from custom_components.lianke.api.coerce import JsonValue
from custom_components.lianke.api.errors import AuthenticationError, LiankeError
from custom_components.lianke.api.models import Credentials, DriverState, Printer, PrinterKind
from custom_components.lianke.api.sticker import parse_credentials, read_photo
from custom_components.lianke.api.transport import (
    ErrorCodes,
    Method,
    Purpose,
    Transport,
)
from custom_components.lianke.api.unknown import Unknown
from scripts import reports
from scripts.redact import Redactor

PAUSE = 1.0  # minimum seconds between two requests, unless the server is on this machine
MAX_MODELS = 5
MAX_TASKS = 3
UNKNOWN_FILE = "unknown.json"
MAX_TEXT = 2000
# Fields of a request whose values are recorded: the values show what was requested, but nothing about a person.
ASKED = {"printerModel", "printerType", "usbPort"}


class Pace:
    """Sends requests one after the other, with a pause between them."""

    def __init__(self, pause: float) -> None:
        """`pause` is in seconds."""
        self._pause = pause
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def request_slot(self, _purpose: Purpose, *, upload: bool = False) -> AsyncIterator[None]:
        """Wait until no other request is under way, then hold the slot during this request and the pause after it."""
        async with self._lock:
            yield
            await asyncio.sleep(self._pause)

    def on_too_frequent(self) -> None:
        """Pause longer from now on: the service has answered that requests come too often."""
        self._pause = max(self._pause * 2, 60.0)


class RecordingTransport(Transport):
    """Records each answer before it is parsed, whether parsing succeeds or not."""

    def __init__(self, session: aiohttp.ClientSession, book: Book, pace: Pace, server: str) -> None:
        credentials = book.credentials
        super().__init__(
            session,
            api_key=book.api_key,
            secrets=(credentials.device_key,),
            server=server,
            throttle=pace,
            observer=book.observe,
        )
        self._book = book
        self._asked: dict[str, object] = {}
        self._since = 0.0

    @override
    async def call(
        self,
        method: Method,
        path: str,
        *,
        timeout: float | None = None,
        purpose: Purpose = Purpose.POLL,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, JsonValue] | None = None,
        error_codes: ErrorCodes | None = None,
        kept_connection: bool = False,
        limit_bytes: int = MAX_ANSWER_BYTES,
        is_long: bool = False,
    ) -> object:
        self._asked = {
            "method": method,
            "path": path,
            "fields": sorted({**(query or {}), **(body or {})}),
            "asked": {name: value for name, value in (query or {}).items() if name in ASKED},
        }
        self._since = time.monotonic()
        return await super().call(
            method,
            path,
            timeout=timeout,
            purpose=purpose,
            query=query,
            body=body,
            error_codes=error_codes,
            kept_connection=kept_connection,
            limit_bytes=limit_bytes,
            is_long=is_long,
        )

    @override
    async def _interpret(
        self, where: str, status: int, raw: bytearray, error_codes: ErrorCodes | None
    ) -> object:
        taken = round(time.monotonic() - self._since, 2)
        self._book.write({**self._asked, "status": status, "seconds": taken}, bytes(raw))
        return await super()._interpret(where, status, raw, error_codes)


class Recorder(LiankeClient):
    """The integration's own client, with a transport that records."""

    def __init__(self, session: aiohttp.ClientSession, book: Book, pace: Pace, server: str) -> None:
        super().__init__(session, api_key=book.api_key, credentials=book.credentials, server=server)
        self._transport = RecordingTransport(session, book, pace, server)


class Book:
    """Redacted answers to be written to a folder, and the secrets that they must not contain."""

    def __init__(
        self, folder: Path, api_key: str, credentials: Credentials, link: str = ""
    ) -> None:
        """`link` is the text of the QR code, if it is known."""
        self.folder = folder
        self.api_key = api_key
        self.credentials = credentials
        token = link.partition("token=")[2].partition("#")[0].partition("&")[0]
        self._redactor = Redactor((api_key, credentials.device_key, credentials.device_id, token))
        self._answers: list[tuple[str, str]] = []
        self.unknown: list[Unknown] = []

    def observe(self, unknown: Unknown) -> None:
        """Keep a part of an answer that the client does not know: names and shapes, no values."""
        if unknown not in self.unknown:
            self.unknown.append(unknown)

    def write(self, asked: Mapping[str, object], raw: bytes) -> None:
        """Redact an answer and keep it."""
        text = raw.decode("utf-8", "replace")
        try:
            answer = self._redactor.answer(json.loads(text))
        except ValueError:
            answer = self._redactor.message(text[:MAX_TEXT])
        name = str(asked["path"]).strip("/").replace("/", "-")
        content = json.dumps({**asked, "answer": answer}, indent=2, ensure_ascii=False)
        number = len(self._answers) + 1
        self._answers.append((f"{number:02d}-{name}.json", f"{content}\n"))

    def save(self) -> list[Path]:
        """Write the files and return their paths.

        The last file has the parts of the answers that the client does not know. Raises ValueError, and writes nothing,
        if any file would contain a secret.
        """
        unknown = [asdict(one) for one in self.unknown]
        content = json.dumps(unknown, indent=2, ensure_ascii=False)
        files = [*self._answers, (UNKNOWN_FILE, f"{content}\n")]
        for name, content in files:
            if self._redactor.leaks(content):
                raise ValueError(name)
        self.folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for name, content in files:
            path = self.folder / name
            path.write_text(content, encoding="utf-8")
            paths.append(path)
        return paths


async def record(
    book: Book, server: str, *, pause: float = PAUSE, say: Callable[[str], None] = print
) -> None:
    """Request everything once; refusals are recorded as well. Raises AuthenticationError if the ApiKey is wrong."""
    async with aiohttp.ClientSession() as session:
        client = Recorder(session, book, Pace(pause), server)

        async def ask[T](what: str, answer: Awaitable[T]) -> T | None:
            try:
                found = await answer
            except AuthenticationError:
                raise
            except LiankeError as err:
                say(f"  {what}: {type(err).__name__} {err.code or ''}")
                return None
            say(f"✓ {what}")
            return found

        await ask("the box", client.box())
        printers: tuple[Printer, ...] = ()
        for kind in PrinterKind:
            printers = (
                await ask(f"printers ({kind.name.lower()})", client.printers(kind)) or printers
            )
        for number, printer in enumerate(printers, 1):
            if printer.reports_condition:
                await ask(
                    f"condition of printer {number}", client.printer_condition(printer.address)
                )
        known = {p.model: p for p in printers if p.model and p.driver is DriverState.SUPPORTED}
        for model, printer in list(known.items())[:MAX_MODELS]:
            await ask(f"abilities of {model}", client.capabilities(printer.address))
            await ask(f"papers of {model}", client.papers(model))
        tasks = await ask("today's tasks", client.day_tasks()) or ()
        for number, task in enumerate(tasks[:MAX_TASKS] if printers else (), 1):
            await ask(f"task {number}", client.task(printers[0].address, task.task_id))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/record", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--photo", type=Path, help="a photo of the sticker, in place of its link")
    parser.add_argument("--out", type=Path, default=Path("recorded"), help="default: recorded")
    parser.add_argument("--server", default=DEFAULT_SERVER, help="default: the vendor's")
    parser.add_argument("--pause", type=float, default=PAUSE, help="seconds between two questions")
    parser.add_argument("--report", type=Path, help="read a report's text from here, or from -")
    parser.add_argument("--yes", action="store_true", help="do not ask before starting")
    return parser.parse_args()


def read(source: Path, folder: Path) -> int:
    """Write the fixture of the report in a file, and print its rows of the table *Works with*."""
    text = sys.stdin.read() if str(source) == "-" else source.read_text("utf-8")
    try:
        path = reports.save(text, folder)
    except ValueError as err:
        print(f"✗ {err}", file=sys.stderr)
        return 1
    print(f"✓ {path}", *reports.rows(reports.read_report(text)), sep="\n")
    return 0


def main() -> int:
    chosen = arguments()
    if chosen.report is not None:
        return read(chosen.report, chosen.out)
    try:
        server = check_server(chosen.server)
        link = (
            "" if chosen.photo else os.environ.get("LIANKE_QR") or getpass("Link in the QR code: ")
        )
        credentials = read_photo(chosen.photo) if chosen.photo else parse_credentials(link)
        api_key = (os.environ.get("LIANKE_API_KEY") or getpass("ApiKey: ")).strip()
        book = Book(chosen.out, api_key, credentials, link)
        question = (
            f"Ask {server} some 20 questions, one a second, and write to {chosen.out}? [y/N] "
        )
        if not chosen.yes and input(question).strip().lower() not in {"y", "yes"}:
            return 1
        local = is_loopback(URL(server).host or "")
        asyncio.run(record(book, server, pause=chosen.pause if local else max(PAUSE, chosen.pause)))
        paths = book.save()
    except LiankeError as err:
        print(f"✗ {type(err).__name__}: {err.detail or err.reason}", file=sys.stderr)
        return 1
    except ValueError as err:
        print(f"✗ A secret would have been in {err}. Nothing was written.", file=sys.stderr)
        return 1
    for one in book.unknown:
        print(f"? {one.where}: unknown {one.kind} {one.name}")
    print(f"{len(paths)} files in {chosen.out}. Look through them before you hand them on.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
