"""Who may use the printers of the home network: devices in it, and nobody from outside."""

from ipaddress import ip_address

from aiohttp import hdrs, web
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.network import is_cloud_connection
from homeassistant.util.network import is_local
from yarl import URL

# What a proxy or a tunnel adds. Behind one nobody knows where a request comes from.
_FORWARDED = (
    hdrs.X_FORWARDED_FOR,
    hdrs.X_FORWARDED_HOST,
    hdrs.X_FORWARDED_PROTO,
    hdrs.FORWARDED,
    hdrs.VIA,
    "X-Real-IP",
    "CF-Connecting-IP",
    "CF-Ray",
)


@callback
def is_from_home(hass: HomeAssistant, request: web.Request) -> bool:
    """Return whether a request comes straight from a device of the home network."""
    if is_cloud_connection(hass) or request.remote is None:
        return False
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        address = ip_address(request.remote)
    except ValueError:
        return False
    if not is_local(address) or any(address in network for network in hass.http.trusted_proxies):
        return False
    return not _names_outside(hass, request.host)


def _names_outside(hass: HomeAssistant, host: str) -> bool:
    """Return whether a request was sent to the address that Home Assistant has on the internet."""
    if hass.config.external_url is None:
        return False
    outside = URL(hass.config.external_url).host
    inside = URL(hass.config.internal_url).host if hass.config.internal_url else None
    if outside is None or outside == inside:
        return False
    try:
        return URL(f"http://{host}").host == outside
    except ValueError:
        return True
