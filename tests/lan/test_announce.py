"""What the home network is told of the printers, as a browser of it sees it."""

import asyncio
from ipaddress import ip_address
import random
from typing import override
from unittest.mock import Mock, patch

from homeassistant.components import zeroconf as component
from homeassistant.config_entries import SOURCE_ZEROCONF, ConfigFlow, ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar, device_registry as dr
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockModule,
    mock_config_flow,
    mock_integration,
    mock_platform,
)

from custom_components.lianke.const import CONF_LAN_PRINTERS
from custom_components.lianke.lan import announce
from custom_components.lianke.lan.announce import (
    Announcement,
    WebServerAddress,
    async_web_server_address,
    printer_announcement,
)
from custom_components.lianke.lan.printer.profile import make_printer_profile, printer_uuid
from custom_components.lianke.lan.printer.server import OfferedPrinter
from tests.household import INKJET, LASER, OTHER_LASER, device_of, key_of
from tests.lan.conftest import IPP, LanPrinter, Network

# What AirPrint (A), IPP Everywhere (E) and Mopria (M) ask for: Apple's "Bonjour Printing
# Specification", PWG 5100.14.
RECORDS = {
    "txtvers": ("1", "A: the version of the record"),
    "qtotal": ("1", "A: one queue"),
    "priority": ("50", "A: which of several protocols to take"),
    "rp": ("api/lianke/ipp/TOKEN", "A, E, M: the path of the printer's URI"),
    "ty": ("EPSON L3250 Series", "A, E, M: make and model"),
    "product": ("(EPSON L3250 Series)", "A: a PostScript name, in brackets"),
    "note": ("Arbeitszimmer", "A, E: where it stands"),
    "pdl": (
        "application/pdf,image/jpeg,image/urf,image/pwg-raster",
        "A wants image/urf, E and M image/pwg-raster",
    ),
    "URF": ("V1.4,CP30,W8,SRGB24,PQ3-4-5,RS300-600", "A: without it no iPhone lists the printer"),
    "UUID": ("*", "A, E: the printer's own id"),
    "Color": ("T", "A, E: for the choice in the print dialog"),
    "Duplex": ("F", "A, E: the same"),
    "adminurl": ("http://127.0.0.1:8123/config/integrations/integration/lianke", "A, E: a page"),
    "PaperMax": ("legal-A4", "A: the largest paper"),
    "mopria-certified": ("1.3", "M: Android and Windows take no driver"),
    "kind": ("document,photo", "A: labels, photos and rolls have their own"),
    "air": ("none", "A: no password"),
    "usb_MFG": ("EPSON", "A: for drivers of macOS"),
    "usb_MDL": ("EPSON L3250 Series", "A: the same"),
}


def offer(hass: HomeAssistant, entry: MockConfigEntry, *names: str) -> None:
    """Switch these printers on, and all others off."""
    tokens = {key_of(entry, name): f"TOKEN-{key_of(entry, name)}" for name in names}
    hass.config_entries.async_update_entry(entry, options={CONF_LAN_PRINTERS: tokens})


@pytest.mark.long
async def test_what_airprint_asks_for(
    hass: HomeAssistant, network: Network, setup: MockConfigEntry
) -> None:
    area = ar.async_get(hass).async_create("Arbeitszimmer")
    dr.async_get(hass).async_update_device(device_of(hass, INKJET), area_id=area.id)
    offer(hass, setup, INKJET)
    subtypes = [f"{sub}._sub.{IPP}" for sub in ("_universal", "_print")]
    browser = await network.watch(IPP, *subtypes)
    name = "EPSON L3250 Series (网络)"
    assert await network.names(IPP, 1) == {name}
    for subtype in subtypes:
        assert await network.names(subtype, 1) == {name}
    text = await network.text(name)
    token = f"TOKEN-{key_of(setup, INKJET)}"
    for key, (value, why) in RECORDS.items():
        if value != "*":
            assert text[key] == value.replace("TOKEN", token), why
    assert text["UUID"] == str(printer_uuid(token))
    await browser.async_cancel()


async def test_it_follows_the_options_and_the_names(
    hass: HomeAssistant, network: Network, setup: MockConfigEntry
) -> None:
    """Switched on, renamed, switched off, unloaded; two of one name stay apart."""
    browser = await network.watch(IPP)
    offer(hass, setup, LASER, OTHER_LASER)
    assert await network.names(IPP, 2) == {LASER, OTHER_LASER}
    dr.async_get(hass).async_update_device(device_of(hass, LASER), name_by_user=OTHER_LASER)
    async with asyncio.timeout(30):
        while await network.names(IPP, 2) != {OTHER_LASER, f"{OTHER_LASER}-2"}:
            await asyncio.sleep(0.05)
    offer(hass, setup, OTHER_LASER)
    assert await network.names(IPP, 1) == {OTHER_LASER}
    await hass.config_entries.async_unload(setup.entry_id)
    assert await network.names(IPP, 0) == set()
    await browser.async_cancel()


async def test_two_boxes_look_for_one_name_at_once(
    hass: HomeAssistant,
    network: Network,
    setup: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(random, "randint", lambda _least, most: most)
    place = WebServerAddress(8123, ("127.0.0.1",), secure=False)
    boxes = [announce.Announcer(hass, setup) for _ in range(2)]
    browser = await network.watch(IPP)
    await asyncio.gather(
        *(
            one._async_announce(host, place.announcement(IPP, LASER, host, {}))
            for one, host in zip(boxes, "ab", strict=True)
        )
    )
    assert await network.names(IPP, 2) == {LASER, f"{LASER}-2"}
    await boxes[1]._async_stop()
    assert len(await network.names(IPP, 1)) == 1
    await boxes[0]._async_stop()
    await browser.async_cancel()


async def test_without_zeroconf_nothing_is_announced(
    hass: HomeAssistant, setup: MockConfigEntry
) -> None:
    with patch.object(component, "async_get_async_instance") as get:
        offer(hass, setup, LASER)
        await hass.async_block_till_done(wait_background_tasks=True)
    get.assert_not_called()


def record(lan: LanPrinter, token: str, place: WebServerAddress) -> Announcement:
    known = lan.data.storage.printers[lan.key]
    profile = make_printer_profile(lan.hass, lan.entry, known, token)
    return printer_announcement(OfferedPrinter(lan.entry, lan.key, token), profile, place)


async def test_a_server_that_speaks_tls(lan: LanPrinter) -> None:
    found = record(lan, lan.token, WebServerAddress(443, ("fd00::1",), secure=True))
    text = dict(found.text)
    assert found.kind == "_ipps._tcp.local."
    assert text["TLS"] == "1.2"
    assert text["Duplex"] == "T"
    assert "DM1" in text["URF"].split(",")
    assert text["adminurl"].startswith("https://[fd00::1]:443/")
    assert [service.type for service in found.services()] == ["_ipps._tcp.local."]
    assert text["Scan"] == "F"


def test_long_names_are_cut() -> None:
    place = WebServerAddress(8123, ("10.0.0.1",), secure=False)
    name = place.announcement(IPP, "打印机 Nr. 1\n" * 20, "host", {}).name
    assert len(name.encode()) <= announce.MAX_SERVICE_NAME_BYTES - 4
    assert "." not in name
    assert place.announcement(IPP, "...", "host", {}).name == "lianke"


async def test_long_texts_are_cut(lan: LanPrinter) -> None:
    found = record(lan, "x" * 500, WebServerAddress(1, ("10.0.0.1",), secure=False))
    assert max(len(value.encode()) for _, value in found.text) == announce.MAX_TXT_VALUE_BYTES


@pytest.mark.parametrize(
    ("hosts", "announced"),
    [
        (None, ("192.168.1.2", "10.0.0.2", "fd00::5")),
        (["0.0.0.0", "::"], ("192.168.1.2", "10.0.0.2", "fd00::5")),
        (["0.0.0.0"], ("192.168.1.2", "10.0.0.2")),
        (["10.0.0.2"], ("10.0.0.2",)),
        (["127.0.0.1", "fd00::5"], ("fd00::5",)),
        (["127.0.0.1"], None),
        (["homeassistant.lan"], ("192.168.1.2", "10.0.0.2", "fd00::5")),
    ],
)
async def test_addresses_of_the_home_network(
    hass: HomeAssistant, hosts: list[str] | None, announced: tuple[str, ...] | None
) -> None:
    """With `server_host` the web server is to be found at some of the machine's addresses only."""
    every = [
        *("2606:4700::1", "fd00::5", "fe80::1"),
        *("192.168.1.2", "10.0.0.2", "127.0.0.1", "203.0.113.1"),
    ]
    hass.config.api = Mock(port=8123, use_ssl=False)
    hass.http = Mock(server_host=hosts)
    with patch("homeassistant.components.network.async_get_announce_addresses", return_value=every):
        place = await async_web_server_address(hass)
    assert (place and place.addresses) == announced


async def test_only_where_the_server_listens_is_it_announced(
    hass: HomeAssistant, network: Network, setup: MockConfigEntry
) -> None:
    browser = await network.watch(IPP)
    with patch.object(hass.http, "server_host", ["192.0.2.9"]):
        offer(hass, setup, LASER)
        await hass.async_block_till_done(wait_background_tasks=True)
    assert network.kinds.get(IPP, set()) == set()
    offer(hass, setup, LASER, OTHER_LASER)
    assert await network.names(IPP, 2) == {LASER, OTHER_LASER}
    await browser.async_cancel()


async def test_nobody_is_asked_to_set_it_up_again(
    hass: HomeAssistant, setup: MockConfigEntry
) -> None:
    """Home Assistant's own IPP finds what is announced; the offer it makes of other printers stays."""

    class Found(ConfigFlow):
        @override
        async def async_step_zeroconf(
            self, discovery_info: ZeroconfServiceInfo
        ) -> ConfigFlowResult:
            await self.async_set_unique_id(discovery_info.properties["UUID"])
            return self.async_show_form(step_id="zeroconf")

    offer(hass, setup, LASER)
    uuid = str(printer_uuid(f"TOKEN-{key_of(setup, LASER)}"))
    seen: list[str] = []
    hass.config_entries.flow.async_subscribe_flow(lambda change, _flow: seen.append(change))
    mock_integration(hass, MockModule("ipp"))
    mock_platform(hass, "ipp.config_flow", None)
    with mock_config_flow("ipp", Found):
        for one in (uuid, "another"):
            await hass.config_entries.flow.async_init(
                "ipp",
                context={"source": SOURCE_ZEROCONF},
                data=ZeroconfServiceInfo(
                    ip_address=ip_address("192.168.1.2"),
                    ip_addresses=[ip_address("192.168.1.2")],
                    port=8123,
                    hostname="lianke.local.",
                    type=IPP,
                    name=f"{one}.{IPP}",
                    properties={"UUID": one},
                ),
            )
        await hass.async_block_till_done()
        left = hass.config_entries.flow.async_progress_by_handler("ipp")
    assert [flow["context"]["unique_id"] for flow in left] == ["another"]
    # Whoever shows such offers has heard of it before.
    assert seen == ["added", "added", "removed"]
