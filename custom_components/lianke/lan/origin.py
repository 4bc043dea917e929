"""Tell requests of the home network from all others, and its devices apart.

Several addresses with one hardware address are one device.
"""

from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
import re
import socket
import struct
from typing import Final, NamedTuple

from aiohttp import hdrs, web
from homeassistant.core import HomeAssistant
from homeassistant.helpers.network import is_cloud_connection
from homeassistant.util.network import is_ip_address, is_local
from yarl import URL

# Names of headers that proxies and tunnels add: behind one, nobody knows where a request comes from. No client of a
# printer sends such a header.
_FORWARDED: Final = re.compile(
    r"forwarded|proxy|^via$|^cdn-|^cf-|^fastly-|^akamai-|^fly-|^tailscale-|^ngrok-|^x-(original|envoy|amz|azure)-"
    r"|(client|cluster|connecting|real|remote|user|source)-?(ip|addr)",
    re.IGNORECASE,
)
# Endings that no name on the internet can have, and that of a common router (FRITZ!Box).
_HOME_NAMES: Final = (
    ".local",
    ".localhost",
    ".lan",
    ".home",
    ".home.arpa",
    ".internal",
    ".intranet",
    ".localdomain",
    ".private",
    ".fritz.box",
)


def is_from_home(hass: HomeAssistant, request: web.Request) -> bool:
    """Accept only requests straight from a device at home: not by cloud, proxy or tunnel, not from a web page."""
    if is_cloud_connection(hass) or (address := address_of(request)) is None:
        return False
    # Browsers send the page's origin, printing programs send none.
    if hdrs.ORIGIN in request.headers or any(map(_FORWARDED.search, request.headers)):
        return False
    if not is_local(address) or any(address in network for network in hass.http.trusted_proxies):
        return False
    return is_asked_by_home_name(hass, request.host)


def address_of(request: web.Request) -> IPv4Address | IPv6Address | None:
    """Make a plain IPv4 address of one that is mapped into IPv6."""
    try:
        address = ip_address(request.remote or "")
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def is_asked_by_home_name(hass: HomeAssistant, host: str) -> bool:
    """Accept an IP address, or a name that only the home network knows.

    Against DNS rebinding: a web page elsewhere can point its own name at a device at home, so that browsers at home
    send requests here.
    """
    try:
        name = (URL(f"http://{host}").host or "").rstrip(".").lower()
    except ValueError:
        return False
    urls = (hass.config.internal_url, hass.config.external_url)
    internal, external = (URL(url).host if url else None for url in urls)
    if name == internal:
        return bool(name)
    if name == external:
        return False
    return is_ip_address(name) or (bool(name) and "." not in name) or name.endswith(_HOME_NAMES)


# Seconds for which the system's table of neighbours is reused.
NEIGHBOURS_FRESH_SECONDS: Final = 1
# Seconds in which the system has to deliver that table.
NEIGHBOURS_SECONDS: Final = 2
# Layouts and numbers of linux/netlink.h, rtnetlink.h and neighbour.h.
_HEADER: Final = struct.Struct("=IHHII")
_NEIGHBOUR: Final = struct.Struct("=BxxxiHBB")
_ATTRIBUTE: Final = struct.Struct("=HH")
_GET, _NEW = 30, 28
_REQUEST_ALL: Final = 0x301
_ADDRESS, _HARDWARE = 1, 2
_BUFFER: Final = 64 * 1024


class LanClient(NamedTuple):
    address: str  # Owns the jobs and scans that it has begun.
    device: str  # Has the limits and turns; it may have several addresses.


class DeviceTable:
    """Maps addresses to devices, as far as this system's table of neighbours knows them."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._asked_at = float("-inf")

    async def async_client(self, hass: HomeAssistant, request: web.Request) -> LanClient:
        """Raise HTTPNotFound for a request from outside the home network."""
        if not is_from_home(hass, request):
            raise web.HTTPNotFound
        address = str(address_of(request))
        return LanClient(address, await self.async_device_of(hass, address))

    async def async_device_of(self, hass: HomeAssistant, address: str) -> str:
        """Return a device's hardware address, or its address where the system does not know that.

        So behind a router, or on a system other than Linux, each address is a device.
        """
        if hass.loop.time() - self._asked_at > NEIGHBOURS_FRESH_SECONDS:
            self._known = await hass.async_add_executor_job(neighbours)
            self._asked_at = hass.loop.time()
        plain = address.partition("%")[0]
        return self._known.get(plain, plain)


def neighbours() -> dict[str, str]:
    """Map addresses of the devices nearby to their hardware addresses, as this system knows them. Blocks."""
    found: dict[str, str] = {}
    # Some systems have no such table, or do not show it.
    with (
        suppress(OSError, AttributeError, struct.error, ValueError),
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as line,
    ):
        line.settimeout(NEIGHBOURS_SECONDS)
        asked = _NEIGHBOUR.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
        length = _HEADER.size + len(asked)
        line.send(_HEADER.pack(length, _GET, _REQUEST_ALL, 1, 0) + asked)
        while _read_neighbours(line.recv(_BUFFER), found):
            pass
    return found


def _read_neighbours(data: bytes, found: dict[str, str]) -> bool:
    """Read netlink messages into `found`; return whether more follow."""
    while data:
        length, kind, *_ = _HEADER.unpack_from(data)
        if kind != _NEW or length < _HEADER.size:
            return False
        parts: dict[int, bytes] = {}
        place = _HEADER.size + _NEIGHBOUR.size
        while place < length:
            size, name = _ATTRIBUTE.unpack_from(data, place)
            parts[name] = data[place + _ATTRIBUTE.size : place + size]
            place += max(_ATTRIBUTE.size, (size + 3) & ~3)
        hardware = parts.get(_HARDWARE, b"")
        # The system's own hardware address is all zeros.
        if any(hardware) and _ADDRESS in parts:
            found[str(ip_address(parts[_ADDRESS]))] = hardware.hex(":")
        data = data[(length + 3) & ~3 :]
    return True
