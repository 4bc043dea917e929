"""PDF files: counted and opened by a process of its own, which a bad file may end."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from io import BytesIO
import os
from pathlib import Path
import signal
import subprocess
import sys
from typing import Any
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from PIL import Image
import pypdfium2
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.lianke.documents import pdf_client
from custom_components.lianke.documents.document import Document, SourceKind
from custom_components.lianke.documents.pdf import pdf_error
from custom_components.lianke.documents.pdf_client import (
    IDLE_SECONDS,
    PdfError,
    PdfWorker,
    lan_queue_user,
)
from custom_components.lianke.documents.spool import Spool
from custom_components.lianke.input_error import InputError
from tests.clock import until
from tests.documents.conftest import fetched, spooled
from tests.documents.samples import pdf_with_streams, protected_pdf
from tests.simulator import make_pdf

type Fetch = Callable[..., Coroutine[Any, Any, Document]]


def by_pillow(pages: int) -> bytes:
    first, *others = [Image.new("RGB", (9, 9)) for _ in range(pages)]
    out = BytesIO()
    first.save(out, "PDF", save_all=True, append_images=others)
    return out.getvalue()


def changed_once(pages: int) -> bytes:
    """Return a PDF to which a later version with one page more was appended."""
    first, out = by_pillow(pages), BytesIO()
    with pypdfium2.PdfDocument(first) as document:
        document.new_page(9, 9)
        document.save(out, flags=pypdfium2.raw.FPDF_INCREMENTAL)
    assert out.getvalue().startswith(first)
    return out.getvalue()


def wrong_startxref(pages: int) -> bytes:
    head, _, _ = make_pdf(pages).rpartition(b"startxref")
    return head + b"startxref\n99999999\n%%EOF\n"


@pytest.fixture
def fetch(hass: HomeAssistant, spool: Spool, media: Path) -> Fetch:
    """Return a function that prints a file's bytes as far as to its document."""

    async def fetch(data: bytes, password: str | None = None, limit: int = 2**25) -> Document:
        (media / "x.pdf").write_bytes(data)
        path = str(media / "x.pdf")
        return await fetched(hass, spool, SourceKind.FILE, path, limit=limit, password=password)

    return fetch


@pytest.mark.parametrize(
    ("data", "pages"),
    [
        pytest.param(make_pdf(7), 7, id="simulator"),
        pytest.param(by_pillow(4), 4, id="pillow"),
        pytest.param(pdf_with_streams(23), 23, id="compressed"),
        pytest.param(pdf_with_streams(5, predictor=1), 5, id="compressed-plain"),
        pytest.param(b"\r\n\r\n" + by_pillow(3), 3, id="bytes-before"),
        pytest.param(changed_once(4), 5, id="changed"),
        # These two had no count, and were taken for one page by the print limits.
        pytest.param(protected_pdf(500), 500, id="owner-password"),
        pytest.param(wrong_startxref(500), 500, id="damaged-startxref"),
        # These said one page, and 500 came out elsewhere: the pages that are there count.
        pytest.param(make_pdf(500).replace(b"/Count 500", b"/Count 1  "), 500, id="lie"),
        pytest.param(
            make_pdf(1).replace(b"/Kids [4 0 R]", b"/Kids [" + b"4 0 R " * 500 + b"]"),
            500,
            id="one-page-500-times",
        ),
    ],
)
async def test_pages_are_counted(fetch: Fetch, data: bytes, pages: int) -> None:
    document = await fetch(data)
    assert document.pages == pages
    assert document.path.read_bytes() == data


async def test_a_password_opens_a_pdf(hass: HomeAssistant, fetch: Fetch) -> None:
    """A PDF with a password is sent as the copy that was opened, and stays the same document."""
    data = protected_pdf(3, user="geheim")
    document = await fetch(data, "geheim")
    assert document.pages == 3
    opened = document.path.read_bytes()
    assert b"/Encrypt" not in opened
    assert len(pypdfium2.PdfDocument(opened)) == 3
    assert document.size == len(opened)
    assert document.path.stat().st_mode & 0o777 == 0o600
    assert spooled(hass) == [document.path.name]
    again = await fetch(data, "geheim")
    assert document.digest == again.digest is not None


async def test_a_password_that_is_not_needed_changes_nothing(fetch: Fetch) -> None:
    data = make_pdf(2)
    document = await fetch(data, "geheim")
    assert (document.pages, document.path.read_bytes()) == (2, data)


@pytest.mark.parametrize(
    ("data", "password", "limit", "key"),
    [
        # Was sent, failed there, and the user was told to save a PDF as PDF.
        (protected_pdf(3, user="geheim"), None, 2**20, "pdf_password_needed"),
        (protected_pdf(3, user="geheim"), "falsch", 2**20, "pdf_password_wrong"),
        (b"%PDF-1.4\nnothing", None, 2**20, "pdf_damaged"),
        (make_pdf(3)[:200], None, 2**20, "file_damaged"),
        (b"%PDF-1.4\n" + b"[" * 5000 + b"\nstartxref\n9\n%%EOF", None, 2**20, "pdf_damaged"),
    ],
    ids=["needed", "wrong", "nothing", "cut", "brackets"],
)
async def test_what_cannot_be_opened_is_refused(
    hass: HomeAssistant, fetch: Fetch, data: bytes, password: str | None, limit: int, key: str
) -> None:
    with pytest.raises(InputError) as refused:
        await fetch(data, password, limit)
    assert refused.value.reason == key
    assert "geheim" not in str(refused.value.placeholders)
    assert spooled(hass) == []


async def test_a_copy_without_its_password_has_a_limit(tmp_path: Path, worker: PdfWorker) -> None:
    path, copy = tmp_path / "x.pdf", tmp_path / "copy.pdf"
    path.write_bytes(protected_pdf(3, user="geheim"))
    assert await worker.async_count(path, "geheim", copy=(copy, 2**20)) == 3
    limit = copy.stat().st_size - 1
    copy.unlink()
    with pytest.raises(PdfError, match=r"^too_large$") as refused:
        await worker.async_count(path, "geheim", copy=(copy, limit))
    error = pdf_error(refused.value, "x.pdf", password="geheim", limit_bytes=limit)
    assert isinstance(error, InputError)
    assert error.reason == "file_too_large"
    assert not copy.exists()


def alive(process_id: int) -> bool:
    return Path(f"/proc/{process_id}").exists()


async def test_the_process_serves_many_and_ends_when_idle(
    hass: HomeAssistant, fetch: Fetch, worker: PdfWorker, freezer: FrozenDateTimeFactory
) -> None:
    assert worker.process_id is None
    await fetch(make_pdf(1))
    first = worker.process_id
    assert [document.pages for document in [await fetch(make_pdf(n)) for n in (1, 2)]] == [1, 2]
    assert worker.process_id == first is not None
    freezer.tick(timedelta(seconds=IDLE_SECONDS + 1))
    async_fire_time_changed(hass)
    await hass.async_block_till_done()
    assert worker.process_id is None
    assert not alive(first)
    assert (await fetch(make_pdf(3))).pages == 3


async def test_a_killed_process_is_replaced(fetch: Fetch, worker: PdfWorker) -> None:
    await fetch(make_pdf(1))
    process_id = worker.process_id
    assert process_id is not None
    os.kill(process_id, signal.SIGKILL)
    await until(lambda: not alive(process_id))
    assert (await fetch(make_pdf(2))).pages == 2


async def test_a_task_that_hangs_ends(
    fetch: Fetch, worker: PdfWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fetch(make_pdf(1))
    process_id = worker.process_id
    assert process_id is not None
    os.kill(process_id, 19)
    monkeypatch.setattr(pdf_client, "TASK_SECONDS", 0.2)
    with pytest.raises(InputError, match="pdf_takes_long"):
        await fetch(make_pdf(1))
    assert not alive(process_id)


async def test_a_process_that_does_not_start_is_no_fault_of_the_file(
    fetch: Fetch, worker: PdfWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "worker.py"
    slow.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(pdf_client, "START_SECONDS", 0.5)
    with patch.object(pdf_client, "SCRIPT", slow), pytest.raises(InputError) as refused:
        await fetch(make_pdf(1))
    assert refused.value.reason == "pdf_busy"
    assert worker.process_id is None
    # It starts a little later than a task may take.
    slow.write_text(
        f"import time, runpy; time.sleep(6); runpy.run_path({str(pdf_client.SCRIPT)!r}, run_name='__main__')"
    )
    monkeypatch.setattr(pdf_client, "START_SECONDS", 30)
    monkeypatch.setattr(pdf_client, "TASK_SECONDS", 5.9)
    with patch.object(pdf_client, "SCRIPT", slow):
        assert (await fetch(make_pdf(1))).pages == 1


async def test_a_caller_that_leaves_takes_its_task_along(fetch: Fetch, worker: PdfWorker) -> None:
    await fetch(make_pdf(1))
    process_id = worker.process_id
    assert process_id is not None
    os.kill(process_id, 19)
    task = asyncio.create_task(fetch(make_pdf(1)))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not alive(process_id)
    assert (await fetch(make_pdf(2))).pages == 2


async def test_tasks_wait_in_a_bounded_line(
    hass: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.pdf"
    path.write_bytes(make_pdf(4))
    monkeypatch.setattr(pdf_client, "MAX_WAITING", 4)
    worker = PdfWorker(hass)
    answers = await asyncio.gather(
        *(worker.async_count(path) for _ in range(9)), return_exceptions=True
    )
    assert [answer for answer in answers if isinstance(answer, int)] == [4] * 5
    assert {err.reason for err in answers if isinstance(err, PdfError)} == {"busy"}
    await worker.async_close()


async def test_a_users_many_tasks_hold_another_up_by_one(
    hass: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bad files that take their time stood before everybody's PDF, until it was refused."""
    path = tmp_path / "x.pdf"
    path.write_bytes(make_pdf(4))
    monkeypatch.setattr(pdf_client, "MAX_WAITING_A_USER", 5)
    worker = PdfWorker(hass)
    ended: list[str] = []

    async def count(user: str) -> None:
        try:
            await worker.async_count(path, user=user)
        except PdfError as err:
            ended.append(f"{user}: {err.reason}")
        else:
            ended.append(user)

    tasks = [asyncio.create_task(count("busy")) for _ in range(8)]
    await asyncio.sleep(0)
    tasks += [asyncio.create_task(count("other")), asyncio.create_task(count("third"))]
    await asyncio.sleep(0)
    # One that goes away leaves the line.
    tasks[4].cancel()
    await asyncio.wait(tasks)
    refused = ["busy: busy", "busy: busy"]
    assert ended == [*refused, "busy", "other", "third", "busy", "busy", "busy", "busy"]
    assert not worker.is_busy
    await worker.async_close()


async def test_the_tasks_of_many_devices_hold_a_user_up_by_one(
    tmp_path: Path, worker: PdfWorker
) -> None:
    path = tmp_path / "x.pdf"
    path.write_bytes(make_pdf(4))
    ended: list[str] = []

    async def count(user: str) -> None:
        await worker.async_count(path, user=user)
        ended.append(user)

    devices = [lan_queue_user(f"192.168.1.{number}") for number in range(6)]
    tasks = [asyncio.create_task(count(device)) for device in devices]
    await asyncio.sleep(0)
    tasks += [asyncio.create_task(count("anna")) for _ in range(2)]
    await asyncio.gather(*tasks)
    assert [number for number, user in enumerate(ended) if user == "anna"] == [1, 3]


async def test_home_assistant_that_stops_takes_it_along(
    hass: HomeAssistant, fetch: Fetch, worker: PdfWorker
) -> None:
    await fetch(make_pdf(1))
    process_id = worker.process_id
    assert process_id is not None
    await hass.async_stop(force=True)
    assert not alive(process_id)


async def test_one_that_is_being_started_is_taken_along(
    hass: HomeAssistant, worker: PdfWorker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "document.pdf"
    path.write_bytes(make_pdf(1))
    counting = asyncio.create_task(worker.async_count(path))
    await until(lambda: worker.process_id is not None)
    await hass.async_stop(force=True)
    with pytest.raises(PdfError):
        await counting
    assert "PDFium does not start" not in caplog.text


def test_no_orphan_stays_when_home_assistant_is_killed() -> None:
    """The process ends when the pipe to it does."""
    pdfium = pdf_client.package_folder("pypdfium2")
    assert pdfium is not None
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", str(pdf_client.SCRIPT), str(pdfium.parent)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.read(4)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 0


@pytest.mark.parametrize("how", ["not-installed", "no-interpreter", "broken"])
async def test_where_pdfium_cannot_run_pages_are_unknown(
    fetch: Fetch, how: str, tmp_path: Path
) -> None:
    broken = tmp_path / "worker.py"
    broken.write_text("raise SystemExit(1)")
    changed: dict[str, Any] = {
        "not-installed": patch.object(pdf_client, "find_spec", return_value=None),
        "no-interpreter": patch.object(sys, "executable", "/nowhere/python"),
        "broken": patch.object(pdf_client, "SCRIPT", broken),
    }
    with changed[how]:
        document = await fetch(make_pdf(3), "geheim")
    assert document.pages is None
