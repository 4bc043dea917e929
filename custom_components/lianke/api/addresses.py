"""Check whether an address is on the public internet, and validate the address of the server."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
import socket
from typing import Final, override

from aiohttp import ThreadedResolver
from aiohttp.abc import ResolveResult
from yarl import URL

from ..input_error import InputError

# IPv6 space allocated for global unicast (RFC 4291, 2.4). `is_global` of `ipaddress` accepts more than this.
GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
NAT64: Final = IPv6Network("64:ff9b::/96")
# A proxy in the home network (Clash in fake-ip mode) answers every DNS query with a made-up address from one of these
# networks, which nothing else uses.
_MADE_UP: Final = (IPv4Network("198.18.0.0/15"), IPv6Network("fc00::/18"))
# An ISATAP address (RFC 5214) ends with one of these values of 32 bits and an IPv4 address.
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})


def is_public(address: str) -> bool:
    """Tell whether a text is a public IP address.

    An IPv6 address that embeds an IPv4 address is public if the IPv4 address is public.
    """
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


def is_fake_ip(address: str) -> bool:
    """Tell whether this may be a made-up address from a proxy in the home network (fake-ip)."""
    ip = ip_address(address.partition("%")[0])
    return any(ip in network for network in _MADE_UP)


class NotPublicError(OSError):
    """A host name resolves to an address that is not public."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} is not public")
        self.host = host


class PublicResolver(ThreadedResolver):
    """Resolver that raises NotPublicError for a host name with a private address, unless `private_allowed` is set.

    The check is part of connecting, so a host name cannot evade the check by changing its address afterwards.
    """

    private_allowed = False

    def __init__(self, *, made_up_allowed: bool = False) -> None:
        """With `made_up_allowed`, also accept made-up addresses from a proxy.

        Pass it only for https: the server must then still present a certificate for the host name.
        """
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
        return is_public(address) or (self._made_up_allowed and is_fake_ip(address))


_VENDOR = (".liankenet.com", ".wisiyilink.com")
_LOCAL = frozenset({"localhost", "local", "lan", "home", "internal", "intranet", "arpa"})

DEFAULT_SERVER = "https://cloud.liankenet.com/api"


def check_server(text: str) -> str:
    """Return a server's base address without a trailing slash; if the address has no path, `/api` is appended.

    Raises InputError if the text is no such address, or if the address is neither https nor http to this machine:
    every request carries the keys.
    """
    try:
        url = URL(text.strip())
        # yarl decodes the host only at this access, and raises ValueError if the host is invalid.
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
    """Tell whether a host may be on the internet, judging only by its text, without a DNS query."""
    if not host:
        return False
    if ":" in host:
        return is_public(host)
    # A host whose last label begins with a digit is an IPv4 address in some notation (127.1, 0x7f000001).
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
