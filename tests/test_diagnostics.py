"""Diagnostics and system health tell what helps, and nothing that is secret."""

from collections.abc import AsyncGenerator
import json
from typing import Any

from homeassistant.components.diagnostics import REDACTED
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator, WebSocketGenerator

from custom_components.lianke.const import DOMAIN
from tests.clock import until
from tests.conftest import make_entry, set_up, tear_down
from tests.household import House
from tests.simulator import Box, Fault, Simulator

LASER = "Kyocera MA2000w GX"
TITLE = "Letter to grandmother"


@pytest.fixture
async def printed(
    hass: HomeAssistant, simulator: Simulator, entry: MockConfigEntry
) -> AsyncGenerator[MockConfigEntry]:
    """Set a box up that has printed something private, with all that it can do known."""
    await async_setup_component(hass, "diagnostics", {})
    await async_setup_component(hass, "system_health", {})
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(entry, options={"max_pages": 50})
    assert await set_up(hass, entry)
    device = printer_device(hass, entry, LASER)
    await hass.services.async_call(
        DOMAIN,
        "print",
        {
            "device_id": device.id,
            "text": "Dear grandmother",
            "title": TITLE,
            "request_id": "granny",
        },
        blocking=True,
    )
    await until(lambda: simulator.cloud.printed)
    yield entry
    await tear_down(hass)


@pytest.fixture
def house(hass: HomeAssistant, simulator: Simulator, printed: MockConfigEntry) -> House:
    return House(hass=hass, simulator=simulator, entry=printed)


def printer_device(hass: HomeAssistant, entry: MockConfigEntry, name: str) -> dr.DeviceEntry:
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    return next(one for one in devices if one.name == name)


async def download(client: ClientSessionGenerator, path: str) -> dict[str, Any]:
    """Download diagnostics as the frontend does."""
    response = await (await client()).get(f"/api/diagnostics/{path}")
    assert response.status == 200
    report: dict[str, Any] = (await response.json())["data"]
    return report


def private(simulator: Simulator, entry: MockConfigEntry) -> set[str]:
    """Return what no report may contain."""
    secrets = {
        entry.data[name] for name in ("api_key", "device_id", "device_key", "webhook_id", "server")
    }
    secrets |= {job.current_delivery.token for job in entry.runtime_data.queue.jobs()}
    secrets |= {TITLE, "Dear grandmother", "granny"}
    box = simulator.cloud.boxes[entry.data["device_id"]]
    secrets |= {one.ip for one in box.printers if one.ip}
    secrets |= {one.hash_id for one in box.printers if one.hash_id}
    known = entry.runtime_data.storage.box
    secrets |= {part for part in (known.lan_address, known.lan_mac, known.wifi_address) if part}
    return secrets


async def test_box(hass_client: ClientSessionGenerator, house: House) -> None:
    report = await download(hass_client, f"config_entry/{house.entry.entry_id}")
    assert report["entry"]["data"]["server"] == "another"
    assert report["entry"]["data"]["api_key"] == REDACTED
    assert report["entry"]["options"] == {"max_pages": 50}
    assert report["polling"]["online"] is True
    assert report["polling"]["last_error"] is None
    assert report["polling"]["interval_s"] >= 60
    assert report["news"]["boxes_of_account"] == 1
    laser = next(one for one in report["printers"] if one["name"] == LASER)
    assert laser["row"]["model"] == LASER
    assert laser["row"]["hash_id"] in (REDACTED, None)
    (job,) = report["jobs"]
    assert job["printer"] == LASER
    assert job["title"] == REDACTED
    text = json.dumps(report, ensure_ascii=False)
    for secret in private(house.simulator, house.entry):
        assert secret not in text


async def test_error_with_a_secret_in_it(hass_client: ClientSessionGenerator, house: House) -> None:
    """The last error is told, cleaned, wherever a secret got into it."""
    device_id = house.entry.data["device_id"]
    fault = Fault(kind="code", code=11404, msg=f"设备不存在: {device_id}")
    house.cloud.fail("GET /device/device_info", fault, times=None)
    await house.coordinator.async_refresh()
    report = await download(hass_client, f"config_entry/{house.entry.entry_id}")
    assert "box_not_found (11404)" in report["polling"]["last_error"]
    assert device_id not in json.dumps(report)


async def test_devices(hass_client: ClientSessionGenerator, house: House) -> None:
    device = printer_device(house.hass, house.entry, LASER)
    report = await download(hass_client, f"config_entry/{house.entry.entry_id}/device/{device.id}")
    assert report["printer"]["name"] == LASER
    assert report["capabilities"]["duplex"] == [1, 2, 3]
    assert "A4" in {paper["name"] for paper in report["papers"]}
    assert [job["printer"] for job in report["jobs"]] == [LASER]

    box = printer_device(house.hass, house.entry, house.entry.title)
    about = await download(hass_client, f"config_entry/{house.entry.entry_id}/device/{box.id}")
    assert about["box"]["lan_address"] == REDACTED
    assert about["polling"]["fresh"] is True
    for text in (json.dumps(report, ensure_ascii=False), json.dumps(about, ensure_ascii=False)):
        for secret in private(house.simulator, house.entry):
            assert secret not in text


async def health(hass_ws_client: WebSocketGenerator) -> dict[str, Any]:
    client = await hass_ws_client()
    await client.send_json_auto_id({"type": "system_health/info"})
    assert (await client.receive_json())["success"]
    found: dict[str, Any] = {}
    while True:
        event = (await client.receive_json())["event"]
        if event["type"] == "initial":
            found = event["data"][DOMAIN]["info"]
        elif event["type"] == "update" and event["domain"] == DOMAIN:
            assert event["success"], event
            found[event["key"]] = event["data"]
        elif event["type"] == "finish":
            return found


async def test_system_health(hass_ws_client: WebSocketGenerator, house: House) -> None:
    storage = house.data.storage
    storage.record_push()
    found = await health(hass_ws_client)
    assert found["boxes"] == found["boxes_online"] == 1
    assert found["printers"] == len(storage.printers)
    assert found["callbacks"] is False
    assert storage.last_push_at is not None
    assert found["last_push"]["value"] == storage.last_push_at.isoformat()
    assert found["can_reach_service"] == "ok"


async def test_system_health_with_two_servers(
    hass_ws_client: WebSocketGenerator, house: House
) -> None:
    """One that cannot be reached is not hidden by another one that can."""
    twin = next(one for one in house.cloud.boxes.values() if one.device_id != house.entry.unique_id)
    second = make_entry(house.simulator, twin, title="Shop box")
    assert await set_up(house.hass, second)
    # Behind the reachable one in the alphabet; nobody listens there.
    data = {**second.data, "server": "http://127.0.0.1:9/api"}
    house.hass.config_entries.async_update_entry(second, data=data)
    found = await health(hass_ws_client)
    assert found["boxes"] == 2
    assert found["can_reach_service"] == {"type": "failed", "error": "unreachable"}


async def test_system_health_without_a_box(
    hass: HomeAssistant,
    simulator: Simulator,
    box: Box,
    hass_ws_client: WebSocketGenerator,
) -> None:
    await async_setup_component(hass, "system_health", {})
    assert await async_setup_component(hass, DOMAIN, {})
    make_entry(simulator, box).add_to_hass(hass)
    found = await health(hass_ws_client)
    assert found["boxes"] == 0
    assert "can_reach_service" not in found
    assert not simulator.cloud.requests


async def test_words_of_the_service_are_told_without_what_they_quote(
    hass_client: ClientSessionGenerator, house: House
) -> None:
    """A report showed an address of the LAN and a document's title, in what the service had said."""
    quoted = {
        TITLE: "",
        "taxes-2026.pdf": "",
        "10.20.30.40": "",
        "fe80::2ca:1ff:fe0b:c0d": "",
        "00:CA:01:0B:0C:0D": "",
        "http://192.168.1.9:631/ipp": "",
        "anna@home.example": "",
    }
    fault = Fault(kind="code", code=5999, msg="失败 06:51:34: " + " | ".join(quoted))
    house.cloud.fail("GET /device/device_info", fault, times=None)
    await house.coordinator.async_refresh()
    job = house.queue.jobs()[0]
    await house.queue._jobs.async_change(job, detail="无法打印 " + " | ".join(quoted))
    report = await download(hass_client, f"config_entry/{house.entry.entry_id}")
    text = json.dumps(report, ensure_ascii=False)
    for secret in quoted:
        assert secret not in text
    assert "失败 06:51:34" in report["polling"]["last_error"]
    assert report["jobs"][0]["detail"].startswith("无法打印 **REDACTED**")
