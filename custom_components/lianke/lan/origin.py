"""Recognize requests from the home network, and tell its devices apart.

IP addresses that share a hardware address belong to the same device.
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

# Names of headers that proxies and tunnels add. A request with such a header is refused, since nobody knows where it
# really comes from. No printer client sends these headers.
_FORWARDED: Final = re.compile(
    r"forwarded|proxy|^via$|^cdn-|^cf-|^fastly-|^akamai-|^fly-|^tailscale-|^ngrok-|^x-(original|envoy|amz|azure)-"
    r"|(client|cluster|connecting|real|remote|user|source)-?(ip|addr)",
    re.IGNORECASE,
)
# Endings of host names that cannot exist on the internet, and the ending that a common router (FRITZ!Box) uses.
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
    """Whether a request comes straight from a device at home: not from a web page, a cloud, a proxy or a tunnel."""
    if is_cloud_connection(hass) or (address := address_of(request)) is None:
        return False
    # Browsers send an Origin header with the requests of a web page; printing programs never do.
    if hdrs.ORIGIN in request.headers or any(map(_FORWARDED.search, request.headers)):
        return False
    if not is_local(address) or any(address in network for network in hass.http.trusted_proxies):
        return False
    return is_home_host(hass, request.host)


def address_of(request: web.Request) -> IPv4Address | IPv6Address | None:
    """Return the client's address, as plain IPv4 if it is an IPv4 address mapped into IPv6; None if it is unknown."""
    try:
        address = ip_address(request.remote or "")
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def is_home_host(hass: HomeAssistant, host: str) -> bool:
    """Whether a request's host is an IP address, or a name that only the home network knows.

    This prevents DNS rebinding: a website can point its own host name at a device at home, so that browsers at home
    send the website's requests here.
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


# Seconds for which the operating system's neighbour table is reused before it is read again.
NEIGHBOURS_FRESH_SECONDS: Final = 1
# Seconds to wait for the operating system while its neighbour table is read.
NEIGHBOURS_SECONDS: Final = 2
# Structures and numbers from linux/netlink.h, rtnetlink.h and neighbour.h.
_HEADER: Final = struct.Struct("=IHHII")
_NEIGHBOUR: Final = struct.Struct("=BxxxiHBB")
_ATTRIBUTE: Final = struct.Struct("=HH")
_GET, _NEW = 30, 28
_REQUEST_ALL: Final = 0x301
_ADDRESS, _HARDWARE = 1, 2
_BUFFER: Final = 64 * 1024


class RequestingDevice(NamedTuple):
    address: str  # Jobs and scans belong to the address that began them.
    device: str  # Limits and turns are counted per device, which may have several addresses.


class DeviceTable:
    """Maps IP addresses to devices, as the operating system's neighbour table lists them."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._asked_at = float("-inf")

    async def async_client(self, hass: HomeAssistant, request: web.Request) -> RequestingDevice:
        """Return the client that sent a request. Raises HTTPNotFound if the client is outside the home network."""
        if not is_from_home(hass, request):
            raise web.HTTPNotFound
        address = str(address_of(request))
        return RequestingDevice(address, await self.async_device_of(hass, address))

    async def async_device_of(self, hass: HomeAssistant, address: str) -> str:
        """Return the hardware address of an IP address, or the IP address itself if the system knows none.

        Behind a router, or on a system other than Linux, each IP address therefore counts as a separate device.
        """
        if hass.loop.time() - self._asked_at > NEIGHBOURS_FRESH_SECONDS:
            self._known = await hass.async_add_executor_job(neighbours)
            self._asked_at = hass.loop.time()
        plain = address.partition("%")[0]
        return self._known.get(plain, plain)


def neighbours() -> dict[str, str]:
    """Return the operating system's neighbour table: hardware addresses by IP address. Blocks."""
    found: dict[str, str] = {}
    # Some systems have no netlink sockets, or do not let this process read the table.
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
    """Read netlink messages into `found`; return whether more messages follow."""
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
        # The system's own addresses have a hardware address of zeros.
        if any(hardware) and _ADDRESS in parts:
            found[str(ip_address(parts[_ADDRESS]))] = hardware.hex(":")
        data = data[(length + 3) & ~3 :]
    return True
