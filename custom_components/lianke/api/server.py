"""The server's address, and which hosts are local."""

from ipaddress import ip_address

from yarl import URL

from ..errors import InputError
from .addresses import is_public

_VENDOR = (".liankenet.com", ".wisiyilink.com")
_LOCAL = frozenset({"localhost", "local", "lan", "home", "internal", "intranet", "arpa"})

DEFAULT_SERVER = "https://cloud.liankenet.com/api"


def check_server(text: str) -> str:
    """Return a server's base address without a trailing slash, with the service's `/api` where no path is given.

    Raises InputError unless it is https, or http to this machine itself: every request carries the keys.
    """
    try:
        url = URL(text.strip())
        # A name that cannot be decoded is refused only when it is asked for.
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
    """Return whether a host is one of the vendor's."""
    return f".{host}".endswith(_VENDOR)


def is_public_name(host: str | None) -> bool:
    """Return whether a host may be on the internet, judged by its address or name."""
    if not host:
        return False
    if ":" in host:
        return is_public(host)
    # One that ends in a number is an address, in whatever notation (127.1, 0x7f000001).
    last = host.rstrip(".").rpartition(".")
    if last[2][:1].isdecimal():
        return is_public(host)
    return bool(last[0]) and last[2].casefold() not in _LOCAL


def is_loopback(host: str) -> bool:
    """Return whether a host name means this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
