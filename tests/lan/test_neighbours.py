"""Addresses are one device's where the system knows that."""

import shutil
import socket
import subprocess
import sys
from unittest.mock import patch

from homeassistant.core import HomeAssistant
import pytest

from custom_components.lianke.lan import origin as neighbours
from custom_components.lianke.lan.origin import DeviceTable
from tests.clock import Clock

CARD = "02:00:00:00:00:02"
# A network of its own, in which somebody has three addresses and somebody else one; one is not there.
NETWORK = f"""
set -e
ip link add name one type veth peer name two
ip link set one up
ip address add 10.9.0.1/24 dev one
ip neigh add 10.9.0.2 lladdr {CARD} dev one nud reachable
ip neigh add 10.9.0.3 lladdr {CARD} dev one nud stale
ip neigh add fe80::2 lladdr {CARD} dev one nud permanent
ip neigh add 10.9.0.4 lladdr 02:00:00:00:00:04 dev one nud reachable
"""
TELL = "from custom_components.lianke.lan.origin import neighbours; print(neighbours())"


def in_network_of_its_own(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["unshare", "-Urn", "sh", "-c", f'{NETWORK}\nexec "$@"', "sh", *command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.skipif(not shutil.which("unshare") or not shutil.which("ip"), reason="no namespaces")
def test_the_system_s_table() -> None:
    if in_network_of_its_own("true").returncode:
        pytest.skip("no namespaces for this user")
    done = in_network_of_its_own(sys.executable, "-c", TELL)
    assert done.returncode == 0, done.stderr
    for told in (f"'10.9.0.2': '{CARD}'", f"'10.9.0.3': '{CARD}'", f"'fe80::2': '{CARD}'"):
        assert told in done.stdout
    assert "'10.9.0.4': '02:00:00:00:00:04'" in done.stdout


def test_a_system_without_such_a_table() -> None:
    with patch.object(socket, "socket", side_effect=OSError):
        assert neighbours.neighbours() == {}


def test_a_system_that_does_not_give_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A time-out is no reason to wait any longer."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    monkeypatch.setattr(neighbours, "NEIGHBOURS_SECONDS", 0.05)
    with there, patch.object(socket, "socket", return_value=here):
        assert neighbours.neighbours() == {}


async def test_the_table_is_read_anew(hass: HomeAssistant, clock: Clock) -> None:
    devices, table = DeviceTable(), {"10.9.0.2": CARD, "fe80::2": CARD}
    with patch.object(neighbours, "neighbours", lambda: dict(table)):
        for address in ("10.9.0.2", "fe80::2%eth0"):
            assert await devices.async_device_of(hass, address) == CARD
        # Nobody knows more of it than its address, for now.
        assert await devices.async_device_of(hass, "10.9.0.3") == "10.9.0.3"
        table["10.9.0.3"] = CARD
        assert await devices.async_device_of(hass, "10.9.0.3") == "10.9.0.3"
        clock.tick(neighbours.NEIGHBOURS_FRESH_SECONDS + 0.1)
        assert await devices.async_device_of(hass, "10.9.0.3") == CARD
