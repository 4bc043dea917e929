"""Scanners are switched on in the options, and the home network is told of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import os
from pathlib import Path
import shutil
from unittest.mock import Mock

from homeassistant.components import labs
from homeassistant.helpers import area_registry as ar, device_registry as dr
import pytest
from yarl import URL

from custom_components.lianke.const import CONF_LAN_PRINTERS, DOMAIN, ScanSource
from custom_components.lianke.lan import announce
from custom_components.lianke.lan.announce import USCAN, WebServerAddress, scanner_announcement
from custom_components.lianke.lan.scanner.network_scanner import (
    OfferedScanner,
    area_of,
    resolutions_of,
)
from custom_components.lianke.scanner.hub import FEATURE, scanner_identifier
from custom_components.lianke.scanner.scanner_abilities import ScannerAbilities
from tests.clock import until
from tests.flows.options import answer, go, shown
from tests.household import LASER, key_of
from tests.lan.conftest import IPP, Network
from tests.lan.scanner.conftest import TOKEN, LanScanner


async def test_lan_scanners(lan: LanScanner) -> None:
    """They are listed beside the printers once scanning is on, and keep what they are not asked about."""
    hass, entry = lan.hass, lan.entry
    await hass.config.async_update(internal_url="https://ha.local:8123")
    hass.config.api = Mock(port=8123, use_ssl=True)
    result = await go(hass, entry, "lan_printers")
    assert shown(result) == {"lan_printers": [], "lan_scanners": [lan.scanner_id]}
    inkjet = next(key for key, one in lan.hub.scanners.items() if one.name != LASER)
    wanted = {"lan_printers": [], "lan_scanners": [lan.scanner_id, inkjet]}
    result = await answer(hass, result, wanted)
    addresses = (result["description_placeholders"] or {})["addresses"]
    assert f"- {LASER}: `https://ha.local:8123/api/lianke/escl/{TOKEN}`" in addresses
    assert len(addresses.splitlines()) == 2
    await answer(hass, result, {})
    assert entry.options["lan_scanners"][lan.scanner_id] == TOKEN
    assert len(entry.options["lan_scanners"][inkjet]) == 24
    # What the form does not list, while scanning is off, stays as it is.
    await labs.async_update_preview_feature(hass, DOMAIN, FEATURE, False)
    result = await go(hass, entry, "lan_printers")
    assert shown(result) == {"lan_printers": []}
    await answer(hass, result, {"lan_printers": []})
    assert entry.options["lan_scanners"][lan.scanner_id] == TOKEN


@pytest.mark.long
async def test_what_airscan_asks_for(network: Network, lan: LanScanner) -> None:
    """Of the scanner, and of the printer beside it that it can scan; both go with what they are switched on by."""
    browser = await network.watch(IPP, USCAN)
    devices = dr.async_get(lan.hass)
    identifier = scanner_identifier(lan.entry, lan.scanner_id)
    device = devices.async_get_device_by_identifier(identifier, lan.entry.entry_id)
    assert device is not None
    area = ar.async_get(lan.hass).async_create("Arbeitszimmer")
    devices.async_update_device(device.id, area_id=area.id, name_by_user="Scanner")
    key = key_of(lan.entry, LASER)
    options = {**lan.entry.options, CONF_LAN_PRINTERS: {key: "TOKEN-of-a-printer"}}
    lan.hass.config_entries.async_update_entry(lan.entry, options=options)
    await until(lambda: network.kinds.get(USCAN) == {f"Scanner.{USCAN}"})
    text = await network.text("Scanner", USCAN)
    assert text["rs"] == f"api/lianke/escl/{TOKEN}"
    assert TOKEN not in text["uuid"]
    wanted = {
        "txtvers": "1",
        "vers": "2.63",
        "ty": LASER,
        "note": "Arbeitszimmer",
        "pdl": "image/jpeg,application/pdf",
        "cs": "color,grayscale,binary",
        "is": "platen,adf",
        "duplex": "T",
        "adminurl": "http://127.0.0.1:8123/config/integrations/integration/lianke",
        "representation": f"http://127.0.0.1:8123/api/lianke/escl/{TOKEN}/icon.png",
    }
    assert text | wanted == text
    await network.names(IPP, 1)
    assert (await network.text(LASER))["Scan"] == "T"
    await labs.async_update_preview_feature(lan.hass, DOMAIN, FEATURE, False)
    await network.names(USCAN, 0)
    await browser.async_cancel()


_BUS = """
<busconfig>
  <listen>unix:path={path}</listen>
  <policy context="default"><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy>
</busconfig>
"""
_AVAHI = """
[server]
allow-interfaces=lo
use-ipv6=no
[publish]
disable-publishing=yes
"""
PROGRAMS = ("dbus-daemon", "/usr/sbin/avahi-daemon", "airscan-discover", "unshare")


@asynccontextmanager
async def running(*command: str, **environ: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


@pytest.mark.long
@pytest.mark.timeout(120)
@pytest.mark.skipif(os.getuid() != 0 or not all(map(shutil.which, PROGRAMS)), reason="no Avahi")
async def test_airscan_discover_lists_it(network: Network, lan: LanScanner, tmp_path: Path) -> None:
    """By Avahi, which finds what is announced on loopback; what asks it has no network at all."""
    browser = await network.watch(USCAN)
    lan.hass.config.api = Mock(port=URL(lan.base).port, use_ssl=False)
    options = {**lan.entry.options, "note": "announced anew"}
    lan.hass.config_entries.async_update_entry(lan.entry, options=options)
    bus, settings = tmp_path / "bus.conf", tmp_path / "avahi.conf"
    bus.write_text(_BUS.format(path=tmp_path / "bus"))
    settings.write_text(_AVAHI)
    environ = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path / 'bus'}"}
    avahi = ("--file", str(settings), "--no-drop-root", "--no-rlimits", "--no-chroot")
    async with running("dbus-daemon", f"--config-file={bus}", "--nofork"):
        await until((tmp_path / "bus").exists)
        async with running("/usr/sbin/avahi-daemon", *avahi, **environ) as daemon:
            wanted = f"{LASER} scanner = {lan.url}/, eSCL"
            said = ""
            while wanted not in said:
                assert daemon.returncode is None
                async with running("unshare", "--net", "airscan-discover", **environ) as finder:
                    said = (await finder.communicate())[0].decode()
    await labs.async_update_preview_feature(lan.hass, DOMAIN, FEATURE, False)
    await network.names(USCAN, 0)
    await browser.async_cancel()
    # Avahi's last questions are answered a little later.
    timers = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined] # no other way
    await until(lambda: not any("OutgoingQueue" in repr(one) for one in timers))


def test_a_scanner_of_which_little_is_known(entry: object) -> None:
    """A4 on the glass in all colours: what nobody knows of is not promised."""
    offered = OfferedScanner(entry, "1", TOKEN)  # type: ignore[arg-type]
    able = ScannerAbilities()
    record = scanner_announcement(
        offered,
        "x" * 300,
        able,
        WebServerAddress(443, ("fd00::1",), secure=True),
        name="x",
        location="y",
    )
    text = dict(record.text)
    assert record.kind == "_uscans._tcp.local."
    assert (text["is"], text["duplex"], text["cs"]) == ("platen", "F", "color,grayscale,binary")
    assert text["adminurl"].startswith("https://[fd00::1]:443/")
    assert max(len(value.encode()) for value in text.values()) <= announce.MAX_TXT_VALUE_BYTES
    only_fed = ScannerAbilities(sources=frozenset({ScanSource.FEEDER}), sizes=("A5", "Legal"))
    record = scanner_announcement(
        offered,
        "x",
        only_fed,
        WebServerAddress(1, ("10.0.0.1",), secure=False),
        name="x",
        location="",
    )
    assert dict(record.text)["is"] == "adf"
    assert area_of(able) == (2480, 3507)
    assert area_of(only_fed) == (2550, 4200)
    assert area_of(ScannerAbilities(sizes=("A3", "A4"))) == (3507, 4960)
    assert resolutions_of(area_of(able))[-1] == 600
    assert resolutions_of(area_of(ScannerAbilities(sizes=("A3",))))[-1] == 400
