"""The options about the home network: which printers it sees, and under which addresses."""

from typing import Any
from unittest.mock import Mock, patch

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.network import NoURLAvailableError
import pytest

from tests.flows.options import answer, go, shown
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
    ("url", "secure", "listens", "shown_as"),
    [
        # As it is called here, where that leads to our own server.
        ("http://ha.lan:8123", False, None, "ipp://ha.lan:8123"),
        ("http://192.168.1.2:8123", False, None, "ipp://192.168.1.2:8123"),
        ("https://ha.lan:8123", True, None, "ipps://ha.lan:8123"),
        # The host of a container, which only the user knows.
        ("http://192.168.1.77:8123", False, None, "ipp://192.168.1.77:8123"),
        # A proxy, from which nothing is taken; an address of ours that is not listened on.
        ("https://ha.lan", False, None, "ipp://192.168.1.2:8123"),
        ("http://ha.lan", False, None, "ipp://192.168.1.2:8123"),
        (None, False, ["192.168.9.2"], "ipp://192.168.9.2:8123"),
        ("http://192.168.1.2:8123", False, ["192.168.9.2"], "ipp://192.168.9.2:8123"),
        ("http://192.168.1.2:8123", True, None, "ipps://192.168.1.2:8123"),
    ],
)
async def test_an_address_is_shown_that_is_listened_on(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    url: str | None,
    secure: bool,
    listens: list[str] | None,
    shown_as: str,
) -> None:
    async def addresses(_hass: HomeAssistant) -> list[str]:
        return ["192.168.1.2", "192.168.9.2"]

    monkeypatch.setattr("homeassistant.components.network.async_get_announce_addresses", addresses)
    # By itself, Home Assistant names the address of its way to the internet.
    house.hass.config.api = Mock(port=8123, use_ssl=secure, local_ip="192.168.1.2")
    house.hass.http = Mock(server_host=listens)
    key = key_of(house.entry, "Kyocera MA2000w GX")
    await house.hass.config.async_update(internal_url=url)
    result = await answer(
        house.hass, await go(house.hass, house.entry, "lan_printers"), {"lan_printers": [key]}
    )
    told = (result["description_placeholders"] or {})["addresses"]
    assert f"`{shown_as}/api/lianke/ipp/" in told
    await answer(house.hass, result, {})


@pytest.mark.parametrize(
    ("found", "host"),
    [
        # The usual name is shown, which most networks know.
        (NoURLAvailableError, "homeassistant.local"),
        (["http://[fd00::5]:8123"], "[fd00::5]"),
    ],
)
async def test_lan_addresses_of_other_houses(
    house: House, monkeypatch: pytest.MonkeyPatch, found: Any, host: str
) -> None:
    async def announced(_hass: HomeAssistant) -> list[str]:
        return ["fd00::5"]

    monkeypatch.setattr("homeassistant.components.network.async_get_announce_addresses", announced)
    key = key_of(house.entry, "Kyocera MA2000w GX")
    with patch("custom_components.lianke.lan.network_options.get_url", side_effect=found):
        result = await answer(
            house.hass, await go(house.hass, house.entry, "lan_printers"), {"lan_printers": [key]}
        )
    addresses = (result["description_placeholders"] or {})["addresses"]
    assert f"ipp://{host}:8123/api/lianke/ipp/" in addresses
    await answer(house.hass, result, {})
