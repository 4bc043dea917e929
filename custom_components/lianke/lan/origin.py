"""Who may use the printers of the home network: devices in it, and nobody from outside."""

from ipaddress import IPv4Address, IPv6Address, ip_address
import re
from typing import Final

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
    if name == _host_of(hass.config.internal_url):
        return bool(name)
    if name == _host_of(hass.config.external_url):
        return False
    return is_ip_address(name) or (bool(name) and "." not in name) or name.endswith(_HOME_NAMES)


def _host_of(url: str | None) -> str | None:
    return URL(url).host if url else None
