"""What the card is told of scanners before anybody scans."""

from typing import Any

from homeassistant.components import labs
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockUser

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.scanner.hub import FEATURE, ScannerHub
from tests.household import House
from tests.scanner.scans import device, printer
from tests.simulator.models import Printer
from tests.websocket_api.cards import subscribe, until


async def test_the_feed_says_which_scanner_stands_beside_a_printer(
    hass: HomeAssistant, house: House, laser: Printer, hub: ScannerHub, hass_ws_client: Any
) -> None:
    """Only to who may use it, only beside the printer that it is part of, and only while there are scanners."""
    assert await async_setup_component(hass, "websocket_api", {})
    user = MockUser(groups=[]).add_to_hass(hass)
    user.mock_policy({"entities": {"domains": {"notify": {"read": True}}}})
    token = await hass.auth.async_create_refresh_token(user, "http://127.0.0.1")

    def shown(event: dict[str, Any]) -> dict[str, str]:
        return {key: one["scanner"] for key, one in event["printers"].items() if one["scanner"]}

    mine = await hass_ws_client(hass)
    await subscribe(mine)
    # Two printers of this box can scan.
    there = shown(await until(mine, lambda _: True))
    assert len(there) == len({*there.values()}) == 2
    assert there[printer(house)] == device(house, laser)
    others = await hass_ws_client(hass, hass.auth.async_create_access_token(token))
    await subscribe(others)
    assert shown(await until(others, lambda _: True)) == {}

    await labs.async_update_preview_feature(hass, DOMAIN, FEATURE, False)
    assert shown(await until(mine, lambda event: not shown(event))) == {}
    await labs.async_update_preview_feature(hass, DOMAIN, FEATURE, True)
    await hub.async_refresh()
    found = shown(await until(mine, lambda event: len(shown(event)) == 2))
    assert found[printer(house)] == device(house, laser)
