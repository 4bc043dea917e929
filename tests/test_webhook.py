"""What the cloud sends, and what strangers send."""

import asyncio
import gzip
import json
import logging
import tracemalloc
from typing import Any
from unittest.mock import patch

from aiohttp import web
from aiohttp.test_utils import TestClient
from homeassistant.components.webhook import async_handle_webhook
from homeassistant.components.websocket_api.http import WebSocketHandler
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import Context, HomeAssistant
from homeassistant.util.aiohttp import MockRequest
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from custom_components.lianke.jobs.job import Job, JobState
from custom_components.lianke.jobs.queue import PrintQueue
from custom_components.lianke.printing.builtin_pages import async_print_test_page
from tests.clock import rest, until
from tests.conftest import make_entry, set_up
from tests.household import House
from tests.ledgers import refusing, stored
from tests.simulator import Simulator

SUCCESS = {"code": 200, "msg": "success"}
INFO = "GET /device/device_info"


@pytest.fixture
async def house(
    reachable: str, hass: HomeAssistant, simulator: Simulator, setup: MockConfigEntry
) -> House:
    await rest(hass)
    return House(hass=hass, simulator=simulator, entry=setup)


@pytest.fixture
async def client(house: House, hass_client_no_auth: ClientSessionGenerator) -> TestClient[Any, Any]:
    """Return somebody without any rights."""
    return await hass_client_no_auth()


@pytest.fixture
def url(entry: MockConfigEntry) -> str:
    return f"/api/webhook/{entry.data['webhook_id']}"


async def start_job(hass: HomeAssistant, entry: MockConfigEntry) -> Job:
    key = next(
        key
        for key, known in entry.runtime_data.storage.printers.items()
        if known.name.startswith("Kyocera")
    )
    return await async_print_test_page(hass, entry, key, Context())


async def sent_job(hass: HomeAssistant, entry: MockConfigEntry) -> Job:
    """Return a job that the cloud has, and whose printer is out of paper."""
    queue: PrintQueue = entry.runtime_data.queue
    job = await start_job(hass, entry)
    await until(lambda: queue.get(job.job_id).current_delivery.task_id)
    return queue.get(job.job_id)


def claim(house: House, job: Job, **changes: Any) -> dict[str, Any]:
    """Return a callback that says that a job is printed."""
    return {
        "device_id": house.box.device_id,
        "task_id": job.current_delivery.task_id,
        "task_state": "SUCCESS",
        "create_time": "2026-11-24 18:00:00",
        "finish_time": "2026-11-24 18:00:09",
        "task_result": {"code": 200, "msg": "success"},
    } | changes


@pytest.mark.parametrize("encoding", ["json", "form"])
async def test_a_callback_ends_a_job(encoding: str, house: House) -> None:
    house.cloud.variants.update(callback_encoding=encoding)
    assert not house.data.storage.callbacks_proven_for(house.data.account.fingerprint)
    job = await start_job(house.hass, house.entry)
    await until(lambda: house.queue.get(job.job_id).state is JobState.COMPLETED)
    # Noted when the callback's answer is given, just after the end was told.
    await until(lambda: house.data.storage.callbacks_proven_for(house.data.account.fingerprint))
    assert (
        house.cloud.count("GET /print/job") + house.cloud.count("POST /print/query_device_task")
        <= 1
    )
    await until(lambda: house.cloud.deliveries)
    (delivery,) = house.cloud.deliveries
    assert delivery.status == 200
    assert len(house.cloud.printed) == 1


async def test_the_cloud_hears_of_success_once_the_outcome_is_on_disk(
    client: TestClient[Any, Any], url: str, house: House
) -> None:
    """What was told and acknowledged must not be forgotten when the power goes; else the cloud is to repeat it."""
    house.cloud.variants.update(callbacks="never")
    house.box.printer(1).seconds_per_page = 1000.0
    job = await sent_job(house.hass, house.entry)
    secret = {"job": job.current_delivery.token}
    with refusing(house.hass):
        assert (await client.post(url, json=claim(house, job), params=secret)).status == 503
    assert house.queue.get(job.job_id).state is not JobState.COMPLETED
    assert (await client.post(url, json=claim(house, job), params=secret)).status == 200
    # It is told with its pages, or some seconds later without them.
    assert stored(house.hass, house.entry, job.job_id)["proven_at"]
    await published(house, job.job_id)
    assert stored(house.hass, house.entry, job.job_id)["state"] == "completed"


async def published(house: House, job_id: str) -> None:
    """Wait until a job's end is published: with its pages, or some seconds later without them."""
    await until(lambda: house.queue.get(job_id).state is JobState.COMPLETED)


async def test_screens_are_told_of_the_outcome_before_the_cloud_hears_our_answer(
    url: str,
    hass_ws_client: WebSocketGenerator,
    hass_client_no_auth: ClientSessionGenerator,
    house: House,
) -> None:
    house.cloud.variants.update(callbacks="never")
    house.box.printer(1).seconds_per_page = 1000.0
    job = await sent_job(house.hass, house.entry)
    order: list[str] = []
    send, answer = WebSocketHandler._send_message, web.json_response

    def on_message(self: WebSocketHandler, message: bytes | dict[str, Any]) -> None:
        if b'"completed"' in message:
            order.append("told")
        send(self, message)

    def on_answer(*args: Any, **more: Any) -> web.Response:
        order.append("answered")
        return answer(*args, **more)

    with patch.object(WebSocketHandler, "_send_message", on_message):
        screen = await hass_ws_client()
        event = "event.kyocera_ma2000w_gx_print_job"
        await screen.send_json_auto_id({"type": "subscribe_entities", "entity_ids": [event]})
        assert (await screen.receive_json())["success"]
        # The state as it is, with everything that can be told of a job.
        assert event in (await screen.receive_json())["event"]["a"]
        order.clear()
        client = await hass_client_no_auth()
        # An end that does not say how many pages were printed is told some seconds later, after our answer.
        result = {"code": 200, "msg": "success", "data": {"total_page": 1}}
        body = claim(house, job, task_result=result)
        with patch.object(web, "json_response", on_answer):
            response = await client.post(url, json=body, params={"job": job.current_delivery.token})
    assert await response.json() == SUCCESS
    assert order == ["told", "answered"]


async def test_every_method_gets_the_same_answer(client: TestClient[Any, Any], url: str) -> None:
    for method in ("get", "post", "put"):
        response = await getattr(client, method)(url)
        assert response.status == 200
        assert await response.json() == SUCCESS
    assert (await client.head(url)).status == 200


async def test_forged_callbacks_change_nothing(
    client: TestClient[Any, Any], url: str, house: House
) -> None:
    house.box.printer(1).paper = 0
    job = await sent_job(house.hass, house.entry)
    forgeries: list[dict[str, Any]] = [
        {"task_id": "00000000-0000-0000-0000-000000000000"},
        {"device_id": "lc26ha99999999"},
        {"device_id": None},
        {"task_state": "FLYING", "task_result": None},
        # Backwards, without a result, of wrong types.
        {"task_state": "READY", "task_result": None},
        {"task_result": None},
        {"task_state": ["SUCCESS"], "task_result": [1]},
    ]
    for changes in forgeries:
        for params in ({}, {"job": "wrong"}):
            body = claim(house, job, **changes)
            assert await (await client.post(url, params=params, json=body)).json() == SUCCESS
        assert not house.queue.get(job.job_id).is_final, changes


async def test_a_token_proves_its_own_job_only(
    client: TestClient[Any, Any], url: str, house: House
) -> None:
    house.box.printer(1).paper = 0
    one, two = await sent_job(house.hass, house.entry), await sent_job(house.hass, house.entry)
    assert one.current_delivery.task_id != two.current_delivery.task_id
    await client.post(url, params={"job": one.current_delivery.token}, json=claim(house, two))
    assert not house.queue.get(one.job_id).is_final
    assert not house.queue.get(two.job_id).is_final
    await client.post(url, params={"job": two.current_delivery.token}, json=claim(house, two))
    # Published once a poll has been answered, which knows no pages either.
    await until(lambda: house.queue.get(two.job_id).state is JobState.COMPLETED)
    # Repeated, and another end after the end: nothing changes any more.
    failure = {"code": 503, "msg": "forged"}
    for again in (claim(house, two), claim(house, two, task_result=failure)):
        await client.post(url, params={"job": two.current_delivery.token}, json=again)
    assert house.queue.get(two.job_id).state is JobState.COMPLETED
    assert not house.queue.get(one.job_id).is_final


async def test_a_callback_for_another_box_of_the_account(
    client: TestClient[Any, Any], url: str, house: House
) -> None:
    second = list(house.cloud.boxes.values())[1]
    assert await set_up(house.hass, make_entry(house.simulator, second, title="Home box"))
    house.box.printer(1).paper = 0
    job = await sent_job(house.hass, house.entry)
    await client.post(
        url,
        params={"job": job.current_delivery.token},
        json=claim(house, job, device_id=second.device_id),
    )
    assert not house.queue.get(job.job_id).is_final


PUSHES = ["flat", "camel", "lower", "sn", "nested", "list"]


@pytest.mark.parametrize(
    ("shape", "encoding"), [*((shape, "json") for shape in PUSHES), ("flat", "form")]
)
async def test_a_push_makes_us_look(
    all_entities: None, shape: str, encoding: str, house: House
) -> None:
    account = house.box.account
    assert account
    account.push_url = house.data.account.address
    house.box.printer(2).plugged = False
    status = await house.cloud.messenger.push(
        account, house.box.device_id, "printer_unplugged", shape=shape, encoding=encoding
    )
    assert status == 200
    await rest(house.hass)
    assert house.data.storage.last_push_at is not None
    label = next(v for v in house.coordinator.data.printers.values() if "GP-1324D" in v.name)
    assert label.status == "disconnected"
    assert house.data.storage.pushes_proven_for(house.data.account.fingerprint)
    await until(
        lambda: (
            (state := house.hass.states.get("sensor.office_box_last_push_received"))
            and state.state not in ("unknown", "unavailable")
        )
    )


async def test_a_push_that_names_no_box_of_ours(house: House) -> None:
    account = house.box.account
    assert account
    account.push_url = house.data.account.address
    before = house.cloud.count(INFO)
    for shape in ("event_only", "unknown_box", "garbage"):
        assert (
            await house.cloud.messenger.push(account, house.box.device_id, "x", shape=shape) == 200
        )
        await rest(house.hass)
        assert house.data.storage.last_push_at is None, shape
    assert house.cloud.count(INFO) == before


async def test_asks_to_repeat_while_a_box_is_loaded_anew(
    client: TestClient[Any, Any], url: str, house: House
) -> None:
    house.box.printer(1).paper = 0
    job = await sent_job(house.hass, house.entry)
    await house.hass.config_entries.async_unload(house.entry.entry_id)
    for message in (claim(house, job), {"device_id": house.box.device_id}, {}):
        response = await client.post(url, params={"job": job.current_delivery.token}, json=message)
        assert response.status == 503
    assert (await client.get(url)).status == 503
    assert await set_up(house.hass, house.entry)
    response = await client.post(
        url, params={"job": job.current_delivery.token}, json=claim(house, job)
    )
    assert response.status == 200
    await published(house, job.job_id)


async def test_one_box_of_two_is_loaded_anew(
    client: TestClient[Any, Any], url: str, house: House
) -> None:
    second = make_entry(house.simulator, list(house.cloud.boxes.values())[1], title="Home box")
    assert await set_up(house.hass, second)
    assert second.runtime_data.account is house.data.account
    assert house.data.account.box_count == 2
    await house.hass.config_entries.async_unload(second.entry_id)
    assert house.data.account.box_count == 1
    there, here = {"device_id": second.unique_id}, {"device_id": house.box.device_id}
    assert (await client.post(url, json=there)).status == 503
    assert (await client.post(url, json=there | {"task_id": "t"})).status == 503
    assert (await client.post(url, json=here)).status == 200
    # A disabled box is not coming back by itself.
    await house.hass.config_entries.async_set_disabled_by(second.entry_id, ConfigEntryDisabler.USER)
    assert (await client.post(url, json=there)).status == 200


async def test_the_webhook_goes_with_the_last_box(
    client: TestClient[Any, Any], url: str, house: House
) -> None:
    second = make_entry(house.simulator, list(house.cloud.boxes.values())[1], title="Home box")
    assert await set_up(house.hass, second)
    await house.hass.config_entries.async_remove(house.entry.entry_id)
    response = await client.post(url, json={})
    assert await response.json() == SUCCESS
    await house.hass.config_entries.async_remove(second.entry_id)
    response = await client.post(url, json={})
    # Home Assistant's own answer to an unknown webhook.
    assert await response.read() == b""


async def test_a_disabled_account_has_no_webhook(
    client: TestClient[Any, Any], url: str, house: House
) -> None:
    await house.hass.config_entries.async_set_disabled_by(
        house.entry.entry_id, ConfigEntryDisabler.USER
    )
    assert await (await client.post(url, json={})).read() == b""
    await house.hass.config_entries.async_set_disabled_by(house.entry.entry_id, None)
    await house.hass.async_block_till_done()
    assert await (await client.post(url, json={})).json() == SUCCESS


async def test_a_cloudhook_s_stand_in(house: House) -> None:
    house.box.printer(1).paper = 0
    job = await sent_job(house.hass, house.entry)
    request = MockRequest(
        content=json.dumps(claim(house, job)).encode(),
        mock_source="cloud",
        method="POST",
        query_string=f"job={job.current_delivery.token}",
    )
    response = await async_handle_webhook(house.hass, house.entry.data["webhook_id"], request)
    assert response.status == 200
    # Published once a poll has been answered, which knows no pages either.
    await until(lambda: house.queue.get(job.job_id).state is JobState.COMPLETED)
    empty = MockRequest(content=b"", mock_source="cloud", method="GET")
    assert (
        await async_handle_webhook(house.hass, house.entry.data["webhook_id"], empty)
    ).status == 200


async def raw(
    reachable: str, request: bytes, *, until: bytes = b"\r\n", close: bool = False
) -> bytes:
    """Send bytes as they are and return what is answered, up to these."""
    host, port = reachable.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request)
        await writer.drain()
        if close:
            return b""
        async with asyncio.timeout(10):
            return await reader.readuntil(until)
    finally:
        writer.close()


@pytest.mark.parametrize("close", [False, True])
async def test_broken_and_slow_bodies(
    reachable: str, url: str, caplog: pytest.LogCaptureFixture, close: bool, house: House
) -> None:
    for headers, body in (
        ("Content-Length: 1000", b'{"device_id": "'),
        ("Transfer-Encoding: chunked", b"zz\r\nnot hexadecimal"),
        ("Transfer-Encoding: chunked", b"5\r\nabc"),
        ("Content-Encoding: gzip\r\nContent-Length: 9", b"no gzip!!"),
    ):
        head = f"POST {url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n\r\n".encode()
        with patch("custom_components.lianke.webhook.BODY_TIME", 0.3):
            answer = await raw(reachable, head + body, close=close)
            await asyncio.sleep(0.4)
        if not close:
            assert answer.startswith((b"HTTP/1.1 200", b"HTTP/1.0 400")), headers
    await rest(house.hass)
    # The server logs a broken request itself; nothing of it is told by Home Assistant or us.
    assert {record.name for record in caplog.records if record.levelno >= logging.WARNING} <= {
        "aiohttp.server",
        "asyncio",
    }


@pytest.mark.usefixtures("setup")
async def test_a_slow_body_is_not_waited_for_longer_than_ten_seconds(
    reachable: str, url: str
) -> None:
    head = f"POST {url} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n".encode()
    with patch("custom_components.lianke.webhook.BODY_TIME", 0.2):
        async with asyncio.timeout(30):
            answer = await raw(reachable, head + b"{", until=b'"success"}')
    assert answer.startswith(b"HTTP/1.1 200")


async def test_a_bomb_does_not_go_off(client: TestClient[Any, Any], url: str, house: House) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    tracemalloc.start()
    try:
        response = await client.post(url, data=bomb, headers={"Content-Encoding": "gzip"})
        assert response.status == 200
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000
