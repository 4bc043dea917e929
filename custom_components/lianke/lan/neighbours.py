"""Who asks from the home network: several addresses with one hardware address are one device."""

from contextlib import suppress
from ipaddress import ip_address
import socket
import struct
from typing import Final, NamedTuple

from aiohttp import web
from homeassistant.core import HomeAssistant

from .origin import address_of, is_from_home

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
