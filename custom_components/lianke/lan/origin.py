"""Who asks from the home network: devices in it, and nobody from outside; by which of its addresses, too.

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

# What a proxy or a tunnel adds, by words in the names of headers: behind one nobody knows where a request
# comes from. Of a printer's clients none sends a header with such a name.
_FORWARDED: Final = re.compile(
    r"forwarded|proxy|^via$|^cdn-|^cf-|^fastly-|^akamai-|^fly-|^tailscale-|^ngrok-|^x-(original|envoy|amz|azure)-"
    r"|(client|cluster|connecting|real|remote|user|source)-?(ip|addr)",
    re.IGNORECASE,
)
# Ends of names that nobody can have on the internet, and that of a common router.
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
    """Return whether a request comes straight from a device of the home network, and is no web page's."""
    if is_cloud_connection(hass) or (address := address_of(request)) is None:
        return False
    # Browsers say which page a request is of; printing programs have none.
    if hdrs.ORIGIN in request.headers or any(map(_FORWARDED.search, request.headers)):
        return False
    if not is_local(address) or any(address in network for network in hass.http.trusted_proxies):
        return False
    return is_asked_by_home_name(hass, request.host)


def address_of(request: web.Request) -> IPv4Address | IPv6Address | None:
    """Return the address that a request comes from; one of IPv4 has one form only."""
    try:
        address = ip_address(request.remote or "")
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def is_asked_by_home_name(hass: HomeAssistant, host: str) -> bool:
    """Return whether a request was sent to an address, or to a name that only the home network knows.

    A web page elsewhere can give a name of its own the address of a device at home, and so let browsers
    at home send requests here.
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


FRESH_SECONDS: Final = 1
"""for which the system's table is believed."""
ANSWER_SECONDS: Final = 2
"""for the system to give it."""
# Of linux/netlink.h, rtnetlink.h and neighbour.h.
_HEADER: Final = struct.Struct("=IHHII")
_NEIGHBOUR: Final = struct.Struct("=BxxxiHBB")
_ATTRIBUTE: Final = struct.Struct("=HH")
_GET, _NEW = 30, 28
_REQUEST_ALL: Final = 0x301
_ADDRESS, _HARDWARE = 1, 2
_BUFFER: Final = 64 * 1024


class Client(NamedTuple):
    """Who asks: what it has made is known by its address, its turns are those of the device that has the address."""

    address: str
    device: str


class Devices:
    """Knows which device has which address, as far as this system's own table tells it."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._asked_at = float("-inf")

    async def async_client(self, hass: HomeAssistant, request: web.Request) -> Client:
        """Return who asks. Raises HTTPNotFound for whoever is not at home."""
        if not is_from_home(hass, request):
            raise web.HTTPNotFound
        address = str(address_of(request))
        return Client(address, await self.async_of(hass, address))

    async def async_of(self, hass: HomeAssistant, address: str) -> str:
        """Return what stands for a device: its hardware address, or where nobody knows that, its address.

        Behind a router, or on another system than Linux, each address is a device.
        """
        if hass.loop.time() - self._asked_at > FRESH_SECONDS:
            self._known = await hass.async_add_executor_job(neighbours)
            self._asked_at = hass.loop.time()
        plain = address.partition("%")[0]
        return self._known.get(plain, plain)


def neighbours() -> dict[str, str]:
    """Return the hardware addresses of the devices that this system talks to, by their addresses. Blocks."""
    found: dict[str, str] = {}
    # Some systems have no such table, or do not show it.
    with (
        suppress(OSError, AttributeError, struct.error, ValueError),
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as line,
    ):
        line.settimeout(ANSWER_SECONDS)
        asked = _NEIGHBOUR.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
        length = _HEADER.size + len(asked)
        line.send(_HEADER.pack(length, _GET, _REQUEST_ALL, 1, 0) + asked)
        while _read(line.recv(_BUFFER), found):
            pass
    return found


def _read(data: bytes, found: dict[str, str]) -> bool:
    """Read messages of the table into `found`; return whether more are to come."""
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
        # That of the system itself is nothing but zeros.
        if any(hardware) and _ADDRESS in parts:
            found[str(ip_address(parts[_ADDRESS]))] = hardware.hex(":")
        data = data[(length + 3) & ~3 :]
    return True
