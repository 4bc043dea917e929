"""Going beyond the bounds that take a Home Assistant, a server or a process to try."""

import asyncio
import contextlib
from http import HTTPStatus
import json
from pathlib import Path
import signal
import sys
from typing import Any
from unittest.mock import patch

from aiohttp import ClientSession
from homeassistant.const import CONF_WEBHOOK_ID
from homeassistant.core import HomeAssistant
import pypdfium2
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from custom_components.lianke import diagnostics, webhook
from custom_components.lianke.account.request_limits import (
    MAX_USERS,
    USER_BURST,
    Account,
)
from custom_components.lianke.api import client as client_module, transport
from custom_components.lianke.api.client import LiankeClient
from custom_components.lianke.api.errors import (
    LiankeConnectionError,
    LiankeTimeoutError,
    TooManyRequestsError,
)
from custom_components.lianke.api.models import Credentials, PrinterAddress
from custom_components.lianke.api.upload import UploadFile
from custom_components.lianke.box import condition_reader as conditions
from custom_components.lianke.documents import pdf_client
from custom_components.lianke.documents.pdf_client import MAX_ANSWER, PdfError, PdfWorker
from custom_components.lianke.pdf import process as pdf_process
from custom_components.lianke.printing import queries
from tests.api.calls import client_of
from tests.api.raw_server import raw_server
from tests.clock import Clock, elapse
from tests.household import ask, data_of, device_of
from tests.simulator import Box, Simulator, make_pdf


@pytest.fixture
async def session(socket_enabled: None) -> Any:
    async with ClientSession() as session:
        yield session


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def test_a_picture_that_does_not_come(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "DOWNLOAD_SECONDS", 0.2)
    async with raw_server(silent) as server:
        with pytest.raises(LiankeTimeoutError):
            await client_of(server, session).download(f"{server.url}/x.png", 100)


async def test_a_server_that_does_not_greet(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An upload waits so long for its connection, and nothing has arrived."""
    monkeypatch.setattr(transport, "CONNECT_SECONDS", 0.3)
    path = tmp_path / "x.pdf"
    path.write_bytes(make_pdf(1))
    size = path.stat().st_size
    file = UploadFile(path=path, name="x.pdf", content_type="application/pdf", size=size)
    async with raw_server(silent) as server:
        api = LiankeClient(
            session,
            api_key="k" * 32,
            credentials=Credentials(device_id="lk00ab00000000", device_key="AbCdEfGh12345678"),
            server=server.url.replace("http:", "https:"),
        )
        async with asyncio.timeout(30):
            with pytest.raises(LiankeConnectionError) as caught:
                await api.submit(PrinterAddress(port=1, model="x"), file, {})
    assert caught.value.may_have_arrived is False


@pytest.mark.parametrize("others", [MAX_USERS - 1, MAX_USERS])
async def test_users_that_are_kept_in_mind(clock: Clock, others: int) -> None:
    """After six seconds all users together have one more lookup, one user alone does not."""
    account = Account("hook")
    for user in [*["one"] * USER_BURST, *(f"user {number}" for number in range(others))]:
        with contextlib.suppress(TooManyRequestsError):
            account.user_throttle(user)
    clock.tick(6)
    forgotten = contextlib.nullcontext() if others == MAX_USERS else None
    with forgotten or pytest.raises(TooManyRequestsError):
        account.user_throttle("one")


async def test_models_in_an_answer(
    hass: HomeAssistant, setup: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "MAX_MODELS_FOUND", 1)
    found = await ask(hass, "search_models", config_entry=setup.entry_id)
    assert found["total"] > len(found["models"]) == 1


async def test_jobs_in_a_report(
    hass: HomeAssistant, setup: MockConfigEntry, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.online = False
    await data_of(setup).coordinator.async_refresh()
    for number in range(3):
        await ask(hass, "print", device_id=device_of(hass), text=f"{number}")
    monkeypatch.setattr(diagnostics, "MAX_JOBS", 2)
    report = await diagnostics.async_get_config_entry_diagnostics(hass, setup)
    assert len(report["jobs"]) == 2


async def test_printers_of_a_card(
    setup: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    client = await hass_ws_client()
    for count, taken in ((50, True), (51, False)):
        await client.send_json_auto_id(
            {
                "type": "lianke/jobs/subscribe",
                "device_ids": [str(number) for number in range(count)],
            }
        )
        while (reported := await client.receive_json())["type"] != "result":
            pass
        assert reported["success"] is taken


async def test_messages_to_the_webhook(
    setup: MockConfigEntry, hass_client_no_auth: ClientSessionGenerator
) -> None:
    """A form with too many fields says nothing; of a token that is too long the rest is ignored."""
    tokens: list[str | None] = []

    async def take(token: str | None, _claim: object) -> bool:
        tokens.append(token)
        return False

    client = await hass_client_no_auth()
    path = f"/api/webhook/{setup.data[CONF_WEBHOOK_ID]}?job={'x' * 5000}"
    for number in (webhook.MAX_FORM_FIELDS, webhook.MAX_FORM_FIELDS + 1):
        assert (await client.put(path, data="&".join(["a=1"] * number))).status == HTTPStatus.OK
    assert data_of(setup).account.unclear_messages == 1
    with patch.object(data_of(setup).queue.tracker, "async_on_callback", take):
        reported = await client.post(path, json={"device_id": setup.unique_id, "task_id": "t"})
        assert reported.status == HTTPStatus.OK
        assert tokens == ["x" * webhook.MAX_TOKEN]
        # The same once more, with blanks that make it too long.
        long = json.dumps({"device_id": setup.unique_id, "task_id": "t"}) + " " * webhook.MAX_BODY
        assert (await client.post(path, data=long)).status == HTTPStatus.OK
    assert len(tokens) == 1


async def test_printers_asked_after_a_push(
    clock: Clock,
    hass: HomeAssistant,
    simulator: Simulator,
    setup: MockConfigEntry,
    box: Box,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A box takes one question at a time, and each takes it seconds."""
    for port in (1, 2, 4):
        box.printer(port).support_status = True
    coordinator = data_of(setup).coordinator
    await coordinator.async_refresh()
    await elapse(hass, clock, 320, 20)
    monkeypatch.setattr(conditions, "MAX_AT_ONCE", 2)
    before = simulator.cloud.count("GET /device/printer_status")
    coordinator._conditions.request(None)
    await elapse(hass, clock, 2, 0.5)
    assert simulator.cloud.count("GET /device/printer_status") - before == 2


async def test_an_answer_of_the_pdf_process(socket_enabled: None) -> None:
    code = f"import sys; sys.stdout.buffer.write(({MAX_ANSWER} + 1).to_bytes(4) + b' ' * 99)"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
    )
    with pytest.raises(ValueError):  # noqa: PT011  # it has no text
        await pdf_client._async_read(process)
    await process.wait()


async def test_a_turn_of_the_pdf_process(
    hass: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.pdf"
    path.write_bytes(make_pdf(1))
    worker = PdfWorker(hass)
    assert await worker.async_count(path) == 1
    monkeypatch.setattr(pdf_client, "WAIT_SECONDS", 0.1)
    async with worker._turns.place(None):
        with pytest.raises(PdfError) as refused:
            await worker.async_count(path)
    assert refused.value.reason == "busy"
    assert await worker.async_count(path) == 1
    await worker.async_close()


async def test_a_pdf_process_that_does_not_end(hass: HomeAssistant) -> None:
    """Nothing waits for long for a process that the system cannot end."""

    class Immortal:
        killed = False

        def kill(self) -> None:
            self.killed = True

        async def wait(self) -> None:
            await asyncio.sleep(60)

    worker, process = PdfWorker(hass), Immortal()
    worker._process = process  # type: ignore[assignment]  # there is none such to be had
    with patch.object(pdf_client, "END_SECONDS", 0.1):
        async with asyncio.timeout(30):
            await worker.async_close()
    assert process.killed


async def test_a_pdf_process_whose_client_is_gone(socket_enabled: None) -> None:
    """An alarm of the system ends a task that nobody waits for any more."""
    code = (
        "import sys, time\n"
        f"sys.path.append({str(Path(pdf_client.__file__).parents[1])!r})\n"
        "from pdf import process\n"
        "process.ALARM_SECONDS = 1\n"
        "process.answer_to = lambda *_: time.sleep(60)\n"
        f"process.main({str(Path(pypdfium2.__file__).parents[1])!r})\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(20):
        assert await pdf_client._async_read(process) == {"ready": True, "pdfium": True}
        assert process.stdin is not None
        process.stdin.write(pdf_process.MESSAGE_LENGTH.pack(2) + b"{}")
        assert await process.wait() == -signal.SIGALRM
