"""The options about the home network: which printers it sees, and under which addresses."""

from typing import Any
from unittest.mock import patch

from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.network import NoURLAvailableError
import pytest

from tests.flows.test_options_flow import answer, go, shown
from tests.household import House, key_of


async def test_lan_printers(house: House) -> None:
    """Off at first; each printer has an address of its own, which lasts until it is switched off."""
    await house.hass.config.async_update(internal_url="http://192.168.1.2:8123")
    laser, label = (
        key_of(house.entry, "Kyocera MA2000w GX"),
        key_of(house.entry, "Gprinter GP-1324D"),
    )
    result = await go(house.hass, house.entry, "lan_printers")
    assert shown(result) == {"lan_printers": []}
    result = await answer(house.hass, result, {"lan_printers": [laser, label]})
    assert result["step_id"] == "lan_addresses"
    assert house.entry.options == {}
    addresses = (result["description_placeholders"] or {})["addresses"]
    result = await answer(house.hass, result, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    tokens = house.entry.options["lan_printers"]
    assert list(tokens) == [laser, label]
    assert len({*tokens.values()}) == 2
    assert all(len(token) == 24 for token in tokens.values())
    first = f"ipp://192.168.1.2:8123/api/lianke/ipp/{tokens[laser]}"
    assert addresses.splitlines()[0] == f"- Kyocera MA2000w GX: `{first}`"
    result = await go(house.hass, house.entry, "lan_printers")
    assert shown(result) == {"lan_printers": [laser, label]}
    result = await answer(house.hass, result, {"lan_printers": [laser]})
    await answer(house.hass, result, {})
    assert house.entry.options == {"lan_printers": {laser: tokens[laser]}}
    result = await go(house.hass, house.entry, "lan_printers")
    await answer(house.hass, result, {"lan_printers": []})
    assert house.entry.options == {}
    # Switched on again, it is found under another address.
    result = await go(house.hass, house.entry, "lan_printers")
    result = await answer(house.hass, result, {"lan_printers": [laser]})
    await answer(house.hass, result, {})
    assert house.entry.options["lan_printers"][laser] != tokens[laser]


@pytest.mark.parametrize(
    ("found", "host"),
    [
        # The usual name is shown, which most networks know.
        (NoURLAvailableError, "homeassistant.local"),
        (["http://[fd00::5]:8123"], "[fd00::5]"),
    ],
)
async def test_lan_addresses_of_other_houses(house: House, found: Any, host: str) -> None:
    key = key_of(house.entry, "Kyocera MA2000w GX")
    with patch("custom_components.lianke.lan.form.get_url", side_effect=found):
        result = await answer(
            house.hass, await go(house.hass, house.entry, "lan_printers"), {"lan_printers": [key]}
        )
    addresses = (result["description_placeholders"] or {})["addresses"]
    assert f"ipp://{host}:8123/api/lianke/ipp/" in addresses
    await answer(house.hass, result, {})
