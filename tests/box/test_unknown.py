"""Unknown parts of answers and messages: told once, kept as shapes, shown in the diagnostics."""

from dataclasses import replace
from http import HTTPStatus
import json
import logging
from pathlib import Path
from typing import Any
from unittest.mock import patch

from homeassistant.const import CONF_WEBHOOK_ID
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.lianke.api import unknown as api_unknown
from custom_components.lianke.api.answer_limits import MAX_ANSWER_ROWS
from custom_components.lianke.api.unknown import (
    Unknown,
    UnknownKind,
    unknown_parts,
    unknown_printer_state,
)
from custom_components.lianke.box import unknown_parts as kept_parts
from tests.clock import until
from tests.household import House, data_of
from tests.simulator import Fault

ROOT = Path(__file__).parents[2]
LISTED = "GET /external_api/printer_list"


@pytest.fixture(autouse=True)
async def diagnostics(hass: HomeAssistant) -> None:
    """Set up before the first client takes Home Assistant's web server."""
    await async_setup_component(hass, "diagnostics", {})


def seen(entry: MockConfigEntry) -> dict[tuple[str, str], Any]:
    """Return the shapes of what is unknown, by kind and name."""
    return {
        (one["kind"], one["name"]): one["shape"]
        for one in data_of(entry).storage.unknown.as_stored()
    }


async def section(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> dict[str, Any]:
    """Download the section of the diagnostics that a user pastes into an issue."""
    path = f"/api/diagnostics/config_entry/{entry.entry_id}"
    response = await (await hass_client()).get(path)
    found: dict[str, Any] = (await response.json())["data"]["unknown"]
    return found


@pytest.mark.usefixtures("hurried")
async def test_nothing_of_the_simulator_is_unknown(house: House) -> None:
    """Every endpoint that polling and printing ask, with a job that is printed."""
    await house.print_one(text="x")
    await house.data.client.day_tasks()
    assert seen(house.entry) == {}


async def test_unknown_parts_of_answers(
    hass_client: ClientSessionGenerator, caplog: pytest.LogCaptureFixture, house: House
) -> None:
    """New fields, states, values and codes are found by polls, told once, and shown as shapes."""
    laser = house.box.printer(1)
    laser.extras |= {
        "printer_state": "mediaEmpty",
        "owner": {"phone": "13812345678", "家": "Anna"},
        "driver_type": 7,
        "lk00ab00000000": 1,
    }
    coordinator = house.coordinator
    await coordinator.async_refresh()
    fault = Fault(kind="code", code=5999, msg="Letter to grandmother 失败")
    house.cloud.fail("GET /device/device_info", fault, times=2)
    for _ in range(3):
        await coordinator.async_refresh()
    assert seen(house.entry) == {
        ("field", "row/owner"): {"phone": "9{11}", "<文{1}>": "[aA]{4}"},
        ("field", "row/<[a9]{14}>"): "number of 1 digits",
        ("state", "row/driver_type 7"): "",
        ("state", "row/printer_state mediaEmpty"): "",
        ("code", "5999"): "[aA]{6} a{2} a{11} 文{2}",
    }
    reported = [record for record in caplog.records if "something unknown" in record.getMessage()]
    assert len(reported) == 5
    assert [record.levelno for record in reported].count(logging.WARNING) == 1
    report = await section(house.hass, house.entry, hass_client)
    assert len(report["seen"]) == 5
    assert report["version"]
    assert report["box"]["software"] == house.box.software
    text = json.dumps(report, ensure_ascii=False)
    for secret in ("13812345678", "Anna", "grandmother", house.entry.unique_id, "lk00ab00000000"):
        assert str(secret) not in text


async def test_messages_that_nobody_can_read(
    hass_client: ClientSessionGenerator, hass_client_no_auth: ClientSessionGenerator, house: House
) -> None:
    """The format of pushes is public nowhere: what arrives is kept, values masked."""
    client = await hass_client_no_auth()
    path = f"/api/webhook/{house.entry.data[CONF_WEBHOOK_ID]}"
    event = {"type": "offline", "data": {"no": "lk99zz99999999", "key": "AbCdEfGh12345678"}}
    for _ in range(2):
        answer = await client.post(path, json=event, headers={"X-Sign": "0A1B2C3D" * 4})
        assert answer.status == HTTPStatus.OK
    await client.post(path, json={"device_id": house.entry.unique_id, "online": 0})
    await client.post(path, data=b"Anna is home", headers={"Content-Type": "text/plain"})
    await client.post(path, data=b"\xff\xfe\xfd")
    await client.get(f"{path}?event=offline&job=secret")
    await client.post(path)
    shapes = [one["shape"] for one in (await section(house.hass, house.entry, hass_client))["seen"]]
    assert shapes[0] == {
        "method": "POST",
        "type": "application/json",
        "headers": {"x-sign": "[A9]{32}"},
        "body": {"type": "a{7}", "data": {"no": "[a9]{14}", "key": "[aA9]{16}"}},
    }
    assert shapes[1]["body"] == {"device_id": "id of a box of ours", "online": "number of 1 digits"}
    assert shapes[2]["body"] == "[aA]{4} a{2} a{4}"
    assert shapes[3]["body"] == "3 bytes"
    assert shapes[4] == {"method": "GET", "query": {"event": "a{7}"}}
    assert len(shapes) == 5
    text = json.dumps(await section(house.hass, house.entry, hass_client))
    for secret in ("lk99zz", "AbCdEf", "0A1B2C3D", "Anna", "secret", house.entry.unique_id):
        assert str(secret) not in text


async def test_the_manual_shows_such_a_section(
    hass_client: ClientSessionGenerator, hass_client_no_auth: ClientSessionGenerator, house: House
) -> None:
    """What the page on it shows has the fields of the real one, and the same shapes of the same parts."""
    house.box.printer(1).extras["printer_state"] = "mediaEmpty"
    await house.coordinator.async_refresh()
    client = await hass_client_no_auth()
    event = {"type": "offline", "data": {"no": "lk99zz99999999"}}
    await client.post(f"/api/webhook/{house.entry.data[CONF_WEBHOOK_ID]}", json=event)
    real = await section(house.hass, house.entry, hass_client)
    for language in ("en", "zh-Hans"):
        page = (ROOT / "docs" / language / "first-boxes.md").read_text("utf-8")
        shown = json.loads("{" + page.partition("```json\n")[2].partition("```")[0] + "}")[
            "unknown"
        ]
        assert {"what_this_is", *shown} == set(real)
        assert set(shown["box"]) == set(real["box"])
        for one, other in zip(shown["seen"], real["seen"], strict=True):
            assert one | {"first_seen": ""} == other | {"first_seen": ""}


async def test_they_outlive_a_restart_and_are_not_told_again(
    caplog: pytest.LogCaptureFixture, house: House
) -> None:
    house.box.printer(1).extras["colour"] = 1
    await house.coordinator.async_refresh()
    before = house.data.storage.unknown.as_stored()
    assert [one["name"] for one in before] == ["row/colour"]
    assert await house.hass.config_entries.async_reload(house.entry.entry_id)
    caplog.clear()
    await house.coordinator.async_refresh()
    assert house.data.storage.unknown.as_stored() == before
    assert "something unknown" not in caplog.text


def test_what_cannot_be_read_of_the_file_is_left_out() -> None:
    log = kept_parts.UnknownLog(lambda: None)
    good = {
        "kind": "field",
        "where": LISTED,
        "name": "row/x",
        "shape": {"a": "9{1}"},
        "first_seen": "2026-11-26T06:51:34+00:00",
    }
    log.load(
        [good, 7, {}, {**good, "kind": "odd"}, {**good, "first_seen": 5}, {**good, "name": ""}]
    )
    assert log.as_stored() == [good]
    log.load("odd")
    assert log.as_stored() == [good]


async def test_unknown_parts_of_a_callback(
    hass_client_no_auth: ClientSessionGenerator, house: House
) -> None:
    """Only a callback that belongs to a job: anybody can make one up."""

    async def take(token: object, claim: object) -> bool:
        return token == "ours"

    client = await hass_client_no_auth()
    path = f"/api/webhook/{house.entry.data[CONF_WEBHOOK_ID]}"
    body = {"device_id": house.entry.unique_id, "task_id": "t", "task_state": "FLYING", "sheets": 2}
    with patch.object(house.queue.tracker, "async_on_callback", take):
        await client.post(path, json=body)
        assert seen(house.entry) == {}
        await client.post(f"{path}?job=ours", json=body)
    assert seen(house.entry) == {
        ("state", "task_state FLYING"): "",
        ("field", "sheets"): "number of 1 digits",
    }


@pytest.mark.parametrize(
    ("where", "data", "found"),
    [
        (LISTED, {}, []),
        (LISTED, None, []),
        (LISTED, [], []),
        (LISTED, [1], [("answer", "shape")]),
        (LISTED, {"row": 5}, [("field", "row")]),
        (LISTED, {"row": [{"isPrinter": 2}]}, [("state", "row/isPrinter 2")]),
        ("GET /print/job", {"task_state": "ready"}, []),
        (
            "GET /print/job",
            {"task_state": "SUCCESS", "task_result": {"code": 10021, "data": {"x": 1}}},
            [("code", "task_result/code 10021"), ("field", "task_result/data/x")],
        ),
        ("GET /print/job", {"task_state": {"a": 1}}, [("state", "task_state")]),
        ("GET /print/job", {"task_state": "AbCdEfGh12345678"}, [("state", "task_state [aA9]{16}")]),
        ("POST /elsewhere", {"x": 1}, []),
    ],
)
def test_what_is_unknown(where: str, data: object, found: list[tuple[str, str]]) -> None:
    assert [(one.kind, one.name) for one in unknown_parts(where, data)] == found


async def test_unknown_parts_are_few(caplog: pytest.LogCaptureFixture, house: House) -> None:
    """A printer with a new state at each poll filled the log, and the memory, for ever."""
    log = house.data.storage.unknown
    for number in range(kept_parts.MAX_OF_A_KIND + 5):
        log.observe(unknown_printer_state("odd" + "x" * number))
    assert len(log.as_stored()) == kept_parts.MAX_OF_A_KIND
    assert caplog.text.count("something unknown") == kept_parts.MAX_OF_A_KIND

    where = "GET /device/device_info"
    wide = {chr(97 + n // 26) * 3 + chr(97 + n % 26) * 2: 1 for n in range(500)}
    assert len(list(unknown_parts(where, wide))) == api_unknown.MAX_UNKNOWN_PARTS
    late: dict[str, object] = {str(n): {"paper_id": 1} for n in range(MAX_ANSWER_ROWS)}
    late["Last"] = {"colour": 1}
    assert not list(unknown_parts("GET /print/paper_dimension_list", late))
    rows: list[object] = [{"id": n} for n in range(MAX_ANSWER_ROWS)]
    assert not list(unknown_parts(LISTED, {"row": [*rows, {"colour": 1}]}))
    assert list(unknown_parts(LISTED, {"row": [*rows[1:], {"colour": 1}]}))

    # What is too long to be a name, or too big to be shown, is not kept.
    named = Unknown(kind=UnknownKind.FIELD, where="x", name="n" * kept_parts.MAX_NAME)
    log.observe(named)
    log.observe(replace(named, name="n", shape="x" * kept_parts.MAX_SHAPE))
    assert len(log.as_stored()) == kept_parts.MAX_OF_A_KIND


async def test_answers_about_scanners_are_no_warning(
    caplog: pytest.LogCaptureFixture, house: House
) -> None:
    """Nobody knows how they look, so all who switched scanning on were warned of something they could not change."""
    log = house.data.storage.unknown
    log.observe(Unknown(kind=UnknownKind.ANSWER, where="GET /scanning/job", name="shape"))
    log.observe(unknown_printer_state("odd"))
    levels = [one.levelname for one in caplog.records if "something unknown" in one.getMessage()]
    assert levels == ["INFO", "WARNING"]
    assert len(log.as_stored()) == 2


async def test_unknown_code_of_an_upload(house: House) -> None:
    """An upload is an answer like any other."""
    fault = Fault(kind="code", code=10021, msg="打印次数已用完")
    house.cloud.fail("POST /print/job", fault, times=1)
    await house.print_one(text="x", wait=False)
    await until(lambda: ("code", "10021") in seen(house.entry))
