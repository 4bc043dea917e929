"""Tells public internet addresses apart from others, and checks the address of the server."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
import socket
from typing import Final, override

from aiohttp import ThreadedResolver
from aiohttp.abc import ResolveResult
from yarl import URL

from ..input_error import InputError

# Allocated IPv6 space (RFC 4291, 2.4). `ipaddress` calls more than that global.
GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
NAT64: Final = IPv6Network("64:ff9b::/96")
# A proxy in the house (Clash's fake-ip) answers each name with a made-up address from here. Nobody else uses them.
_MADE_UP: Final = (IPv4Network("198.18.0.0/15"), IPv6Network("fc00::/18"))
# What stands before the IPv4 address in the last 64 bits of an ISATAP address (RFC 5214).
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})


def is_public(address: str) -> bool:
    """Check an IPv6 address that carries an IPv4 address by both. False for anything but an address."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        if (inner := _embedded(ip)) is not None:
            return is_public(str(inner))
        if ip not in GLOBAL_UNICAST:
            return False
    return ip.is_global and not ip.is_multicast


def _embedded(ip: IPv6Address) -> IPv4Address | None:
    last = IPv4Address(int(ip) & 0xFFFFFFFF)
    if ip in NAT64:
        return last
    if ip.teredo is not None:
        return ip.teredo[1]
    if (int(ip) >> 32) & 0xFFFFFFFF in _ISATAP:
        return last
    return ip.ipv4_mapped or ip.sixtofour


def is_made_up(address: str) -> bool:
    """Tell whether a proxy in the house may have made this address up (fake-ip)."""
    ip = ip_address(address.partition("%")[0])
    return any(ip in network for network in _MADE_UP)


class NotPublicError(OSError):
    """A name resolves to an address that is not public."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} is not public")
        self.host = host


class PublicResolver(ThreadedResolver):
    """Refuses private addresses, unless `private_allowed`. Raises NotPublicError.

    Every connection uses it, so a name cannot get around it by changing its address between two requests.
    """

    private_allowed = False

    def __init__(self, *, made_up_allowed: bool = False) -> None:
        """Allow made-up addresses only for connections that are encrypted from end to end."""
        super().__init__()
        self._made_up_allowed = made_up_allowed

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        results = await super().resolve(host, port, family)
        if not results:
            raise OSError(f"{host} has no address")
        if not self.private_allowed and not all(self._allows(one["host"]) for one in results):
            raise NotPublicError(host)
        return results

    def _allows(self, address: str) -> bool:
        return is_public(address) or (self._made_up_allowed and is_made_up(address))


_VENDOR = (".liankenet.com", ".wisiyilink.com")
_LOCAL = frozenset({"localhost", "local", "lan", "home", "internal", "intranet", "arpa"})

DEFAULT_SERVER = "https://cloud.liankenet.com/api"


def check_server(text: str) -> str:
    """Return a server's base address without a trailing slash, and with the service's `/api` if it has no path.

    Raises InputError unless it is https, or http to this machine: every request carries the keys.
    """
    try:
        url = URL(text.strip())
        # yarl decodes the host only here, and refuses a bad one.
        host = url.host
    except ValueError:
        raise InputError("invalid_server") from None
    if not host or url.user is not None or url.query_string or url.fragment:
        raise InputError("invalid_server")
    if url.scheme != "https" and not (url.scheme == "http" and is_loopback(host)):
        raise InputError("invalid_server")
    if url.path == "/":
        url = url.with_path("/api")
    return str(url).rstrip("/")


def is_vendors(host: str | None) -> bool:
    return f".{host}".endswith(_VENDOR)


def is_public_name(host: str | None) -> bool:
    """Tell whether a host may be on the internet, by its address or its name alone."""
    if not host:
        return False
    if ":" in host:
        return is_public(host)
    # A host that ends in a number is an address, in whatever notation (127.1, 0x7f000001).
    last = host.rstrip(".").rpartition(".")
    if last[2][:1].isdecimal():
        return is_public(host)
    return bool(last[0]) and last[2].casefold() not in _LOCAL


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
