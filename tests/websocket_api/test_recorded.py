"""What the recorder keeps of the card's actions: neither codes nor passwords."""

from collections.abc import AsyncIterator
import json
import logging
from pathlib import Path
from typing import Any

from homeassistant.auth.const import GROUP_ID_ADMIN
from homeassistant.components import conversation
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.const import EVENT_CALL_SERVICE, EVENT_HOMEASSISTANT_FINAL_WRITE, MATCH_ALL
from homeassistant.core import Context, Event, HomeAssistant
from homeassistant.helpers.llm import LLMContext, ToolInput
from homeassistant.helpers.recorder import async_initialize_recorder, get_instance
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.lianke.llm import AnswerJobTool
from tests.documents.samples import protected_pdf
from tests.household import device_of, print_one
from tests.simulator import Simulator

CODE = "hunter42-of-the-test"
WRONG = "hunter43-of-the-test"
PASSWORD = "geheim-of-the-test"
IN_THE_OPEN = "told-to-the-bus"


@pytest.fixture
async def database(hass: HomeAssistant, tmp_path: Path) -> AsyncIterator[Path]:
    path = tmp_path / "recorded.db"
    async_initialize_recorder(hass)
    settings = {"db_url": f"sqlite:///{path}", "commit_interval": 0}
    assert await async_setup_component(hass, "recorder", {"recorder": settings})
    await get_instance(hass).async_block_till_done()
    yield path
    hass.bus.async_fire(EVENT_HOMEASSISTANT_FINAL_WRITE)
    await hass.async_block_till_done()
    await hass.async_add_executor_job(get_instance(hass).join)


@pytest.fixture
def events(hass: HomeAssistant) -> list[Event[Any]]:
    return async_capture_events(hass, MATCH_ALL)


def read(database: Path) -> bytes:
    """Return all that is in the database's files; blocking."""
    return b"".join(path.read_bytes() for path in database.parent.glob(f"{database.name}*"))


async def test_codes_and_passwords_of_the_card_are_not_recorded(
    database: Path,
    hass: HomeAssistant,
    setup: MockConfigEntry,
    simulator: Simulator,
    hass_ws_client: WebSocketGenerator,
    events: list[Event[Any]],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert await async_setup_component(hass, "homeassistant", {})
    caplog.set_level(logging.DEBUG)
    # Home Assistant's own record of what browsers send is off unless somebody turns it on.
    caplog.set_level(logging.INFO, "homeassistant.components.websocket_api")
    hass.config.allowlist_external_dirs = {str(tmp_path)}
    path = tmp_path / "protected.pdf"
    path.write_bytes(protected_pdf(2, user=PASSWORD))
    client = await hass_ws_client()
    document = {"file": str(path), "password": PASSWORD}

    async def act(service: str, **data: Any) -> dict[str, Any]:
        data = {"device_id": device_of(hass), **data}
        await client.send_json_auto_id(
            {"type": "lianke/action", "service": service, "service_data": data}
        )
        return dict(await client.receive_json())

    async def submit(**data: Any) -> str:
        answer = await act("print", **document, **data)
        return str(answer["result"]["response"]["jobs"][0]["job_id"])

    assert (await act("count_pages", **document))["success"]
    assert (await act("preview", **document))["success"]
    assert (await act("print", **document | {"password": WRONG}))["error"]["translation_key"] == (
        "pdf_password_wrong"
    )
    # What the schema refuses.
    assert not (await act("print", **document, release_code=CODE, copies="many"))["success"]
    job = await submit(release_code=CODE)
    refused = await act("continue_job", job_id=job, code=WRONG)
    assert refused["error"]["translation_key"] == "code_wrong"
    assert (await act("continue_job", job_id=job, code=CODE))["success"]
    for answer in ("reject_job", "cancel_job"):
        assert (await act(answer, job_id=await submit(release_code=CODE)))["success"]
    moved = await submit(release_code=CODE)
    other = device_of(hass, "EPSON L3250 Series (网络)")
    assert (await act("move_job", job_id=moved, to_device_id=other))["success"]

    # To an assistant, the code is said.
    said = {"job_id": await submit(release_code=CODE), "answer": "continue", "code": CODE}
    tool = AnswerJobTool({"Laser": device_of(hass)})
    spoken = ToolInput(tool_name=tool.name, tool_args={**said, "hold_reason": "release"})
    user = await hass.auth.async_create_user("Anna", group_ids=[GROUP_ID_ADMIN])
    context = LLMContext("test", Context(user_id=user.id), None, conversation.DOMAIN, None)
    async_expose_entity(hass, conversation.DOMAIN, "sensor.kyocera_ma2000w_gx", True)
    assert "error" not in (await tool.async_call(hass, spoken, context)).data

    # The test sees what is in the open: a call of anybody else's is an event.
    await print_one(hass, text="x", release_code=IN_THE_OPEN, wait=False)
    await hass.async_block_till_done()
    recorder = get_instance(hass)
    await recorder.async_block_till_done()
    kept = await recorder.async_add_executor_job(read, database)
    told = "\n".join(json.dumps(event.as_dict(), default=repr) for event in events)
    calls = [event for event in events if event.event_type == EVENT_CALL_SERVICE]
    assert IN_THE_OPEN.encode() in kept
    assert [call.data["service_data"]["text"] for call in calls] == ["x"]
    for secret in (CODE, WRONG, PASSWORD):
        assert secret.encode() not in kept
        assert secret not in told
        assert secret not in caplog.text
