"""Kept scans that automations print, whoever set them off."""

from typing import Any

from homeassistant.auth.permissions.const import CAT_ENTITIES
from homeassistant.core import Context
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockUser
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.lianke.scanner.scan_job import media_id
from tests.household import House
from tests.people.steps import CONTROL
from tests.scanner.scans import device, last, printer, printer_status
from tests.simulator.models import Printer

pytestmark = pytest.mark.usefixtures("hurried", "hub")


async def test_a_switch_on_a_dashboard_prints_a_scan_that_an_administrator_wanted(
    house: House, laser: Printer, hass_ws_client: WebSocketGenerator
) -> None:
    """By its own trigger an automation prints it; who set it off over a connection was asked for the right instead."""
    hass = house.hass
    await house.ask("scan", device_id=device(house, laser))
    scan = last(house)
    media = media_id(house.entry.entry_id, scan, scan.files[0])
    action: dict[str, Any] = {
        "action": "lianke.print",
        "data": {"device_id": printer(house), "media": media},
    }
    config: dict[str, Any] = {
        "homeassistant": {},
        "input_boolean": {"switch": {}},
        "automation": {
            "alias": "prints",
            "triggers": {"trigger": "state", "entity_id": "input_boolean.switch"},
            "actions": action,
        },
    }
    for component, settings in config.items():
        assert await async_setup_component(hass, component, {component: settings})
    status = printer_status(house)
    kid = MockUser(name="Kid", groups=[]).add_to_hass(hass)
    rights = dict.fromkeys((status, "input_boolean.switch", "automation.prints"), CONTROL)
    kid.mock_policy({CAT_ENTITIES: {"entity_ids": rights}})
    token = await hass.auth.async_create_refresh_token(kid, "http://127.0.0.1")
    client = await hass_ws_client(hass, hass.auth.async_create_access_token(token))

    async def call(domain: str, service: str, entity: str) -> dict[str, Any]:
        asked = {"domain": domain, "service": service, "target": {"entity_id": entity}}
        await client.send_json_auto_id({"type": "call_service", **asked})
        answer: dict[str, Any] = await client.receive_json()
        await hass.async_block_till_done()
        return answer

    assert (await call("input_boolean", "toggle", "input_boolean.switch"))["success"]
    await house.came_out()
    assert house.queue.jobs()[0].spec.asker.user_id == kid.id
    # Run by hand, it reads what this person may; so does the person.
    await call("automation", "trigger", "automation.prints")
    asked = {"domain": "lianke", "service": "print", "service_data": action["data"]}
    await client.send_json_auto_id({"type": "call_service", **asked})
    assert not (await client.receive_json())["success"]
    assert len(house.queue.jobs()) == 1
    # As Home Assistant itself prints it.
    await house.ask("print", Context(), device_id=printer(house), media=media)
    await house.came_out(2)
