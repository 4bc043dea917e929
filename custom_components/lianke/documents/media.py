"""Find and fetch items of Home Assistant's media sources: local files, and web addresses that a source returns."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from datetime import timedelta
from ipaddress import ip_address
import mimetypes
from pathlib import Path
import re
from typing import Final, NamedTuple
from urllib.parse import unquote

from homeassistant.auth.models import User
from homeassistant.components.http.auth import SIGN_QUERY_PARAM, async_sign_path
from homeassistant.components.http.ban import KEY_FAILED_LOGIN_ATTEMPTS
from homeassistant.components.media_source import (
    DOMAIN as MEDIA_SOURCE,
    async_resolve_media,
    is_media_source_id,
)
from homeassistant.components.media_source.error import UnknownMediaSource
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_HOST, CONF_IP_ADDRESS, CONF_PORT, CONF_URL
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, Unauthorized
from homeassistant.helpers.network import is_hass_url
from homeassistant.loader import IntegrationNotLoaded, async_get_loaded_integration
from homeassistant.util import raise_if_invalid_path
from yarl import URL

from ..api.addresses import is_loopback
from ..const import DOMAIN
from ..input_error import InputError
from .download import async_download
from .local_files import LocalFile, async_user_of, media_roots

URI_SCHEME: Final = "media-source://"
# The beginning of the ids of kept scans. Our other ids begin with the name of a media folder, which has no hyphen.
KEPT_SCANS: Final = "kept-scans/"
# Seconds in which a media source must resolve an item; the source may have to query its own server first.
RESOLVE_SECONDS: Final = 60
# How long a signed address is valid, which is longer than a download may take.
_SIGNED_FOR: Final = timedelta(minutes=5)
# Content types of audio, video and playlists, which cannot be printed.
_PLAYS: Final = re.compile(
    r"(audio|video)/|application/(dash\+xml|(vnd\.apple\.|x-)mpegurl)", re.IGNORECASE
)
# Addresses for listening on all interfaces, each with the loopback address that reaches Home Assistant in that case.
_LOOPBACK: Final = (("0.0.0.0", "127.0.0.1"), ("::", "::1"))  # noqa: S104
_NOT_ALLOWED: Final = frozenset({"401", "403"})
# Fields of config entries that hold the address of a device or server; other fields hold names and accounts.
_ADDRESSES: Final = (CONF_HOST, CONF_URL, CONF_IP_ADDRESS, "base_url", "server")
# Characters that yarl drops before it parses an address.
_UNREAD: Final = str.maketrans("", "", "\t\r\n")
# The user for whom a media item is being resolved; None for Home Assistant itself, for example in an automation. Home
# Assistant does not pass the user on to media sources, so our own media source reads this variable.
resolved_for: Final[ContextVar[User | None]] = ContextVar(f"{DOMAIN}_media_resolved_for")


class MediaAddress(NamedTuple):
    name: str
    # The domain of the source's integration.
    domain: str
    url: str


def local_media_path(hass: HomeAssistant, identifier: str) -> Path | None:
    """Return the local path of `FOLDER/PATH`, FOLDER being the name of a media folder; None if it is not allowed."""
    folder, _, location = identifier.partition("/")
    base = hass.config.media_dirs.get(folder)
    try:
        raise_if_invalid_path(location)
    except ValueError:
        return None
    if base is None or Path(location).is_absolute():
        return None
    return Path(base) / location


async def async_find_media(
    hass: HomeAssistant, media_id: str, context: Context
) -> LocalFile | MediaAddress:
    """Return the file or address to which the media source resolves an item for the user of the context.

    Raises Unauthorized; InputError: media_not_found; media_refused with the source's own message; media_failed;
    type_not_supported for audio and video.
    """
    domain, _, identifier = media_id.removeprefix(URI_SCHEME).partition("/")
    if not is_media_source_id(media_id) or not identifier:
        raise InputError("media_not_found")
    if domain == MEDIA_SOURCE or (domain == DOMAIN and not identifier.startswith(KEPT_SCANS)):
        # Home Assistant's own source fails for types that it does not know, some of which can be printed.
        path = local_media_path(hass, identifier)
        if path is None:
            raise InputError("media_not_found")
        return LocalFile(path, media_roots(hass), path.name)
    asks = resolved_for.set(await async_user_of(hass, context))
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            media = await async_resolve_media(hass, media_id, None)
    except Unauthorized:
        raise
    except HomeAssistantError as err:
        if isinstance(err.__cause__, UnknownMediaSource):
            raise InputError("media_not_found") from None
        if err.translation_domain == DOMAIN and err.translation_key:
            raise InputError(err.translation_key) from None
        words = " ".join(str(err).split()) or type(err).__name__
        raise InputError("media_refused", source=_source_name(hass, domain), error=words) from None
    except Exception as err:  # noqa: BLE001 - a source may raise anything, and only the messages above are meant for people
        raise _failed(hass, domain, type(err).__name__) from None
    finally:
        resolved_for.reset(asks)
    if media.path is not None:
        # The source's integration vouches for the folder. A file name without an extension means nothing to people,
        # so use the name of the source instead.
        name = "" if media.path.suffix else _source_name(hass, domain)
        return LocalFile(media.path, (media.path.parent,), name or media.path.name)
    if not media.mime_type:
        raise _failed(hass, domain, "mime_type")
    name = _name(identifier, media.mime_type) or _source_name(hass, domain)
    if _PLAYS.match(media.mime_type):
        raise InputError("type_not_supported", name=name)
    return MediaAddress(name, domain, media.url)


async def async_fetch_media(
    hass: HomeAssistant, item: MediaAddress, target: Path, limit_bytes: int, context: Context
) -> str:
    """Download a media item into the new file `target`; return the server's file name, or else the item's name.

    An address of Home Assistant itself is fetched from the local server. The address is signed for the user only if the
    source returns just a path: a full address may come from a foreign server, which must not gain the user's rights.
    Other addresses must pass the checks of `async_download`, except those on a host with which an administrator has set
    up the source; if that host is this machine, the port must match as well. Raises Unauthorized; InputError:
    media_failed, and those of `async_download`.
    """
    own = _own_server(hass)
    try:
        path = _own_path(hass, item.url)
        url = URL(f"{own}{path}" if path else item.url)
        known = bool(path) or _is_set_up_with(hass, item.domain, url)
        trusted = url.origin() if known else None
    except ValueError:
        raise _failed(hass, item.domain, "url") from None
    sign: Callable[[URL], URL] | None = None
    if path:
        is_path = URL(item.url.translate(_UNREAD)).host is None
        sign = await _async_signer(hass, context) if is_path else lambda url: url
    try:
        return await async_download(
            hass, str(url), target, limit_bytes, name=item.name, trusted=trusted, sign=sign
        )
    except InputError as err:
        if sign is None or err.placeholders.get("host") != own.host:
            raise
        status = err.placeholders.get("status")
        if status == "401":
            _forget_wrong_login(hass, own.host)
        if status in _NOT_ALLOWED:
            raise Unauthorized(context=context) from None
        raise _failed(hass, item.domain, f"HTTP {status}" if status else err.reason) from None


def _forget_wrong_login(hass: HomeAssistant, host: str | None) -> None:
    """Uncount a failed login from Home Assistant's own address: after several, Home Assistant would ban itself."""
    failed = hass.http.app.get(KEY_FAILED_LOGIN_ATTEMPTS)
    if failed is None:
        return
    # The host may be a name instead of an IP address.
    with suppress(ValueError):
        here = ip_address(host or "")
        failed[here] = max(0, failed[here] - 1)


def _failed(hass: HomeAssistant, domain: str, detail: str) -> InputError:
    return InputError("media_failed", source=_source_name(hass, domain), detail=detail)


def _source_name(hass: HomeAssistant, domain: str) -> str:
    try:
        return async_get_loaded_integration(hass, domain).name
    except IntegrationNotLoaded:
        return domain


def _name(identifier: str, mime_type: str) -> str | None:
    """Return the last file name in an id, with the extension for the content type; None if the id has no file name.

    Many sources put the file name into the id. The extension is replaced because an error page that says "not found"
    must not count as a photo.
    """
    parts = identifier.replace("|", "/").split("/")
    name = next((part for part in reversed(parts) if mimetypes.guess_type(part)[0]), None)
    extension = mimetypes.guess_extension(mime_type)
    if name is None or extension in (None, ".bin"):
        return name
    return f"{Path(name).stem.lstrip(':')}{extension}"


def _own_server(hass: HomeAssistant) -> URL:
    hosts = hass.http.server_host or ["0.0.0.0"]  # noqa: S104
    host = next((back for everywhere, back in _LOOPBACK if everywhere in hosts), hosts[0])
    scheme = "https" if hass.http.ssl_certificate else "http"
    return URL.build(scheme=scheme, host=host, port=hass.http.server_port)


def _own_path(hass: HomeAssistant, address: str) -> str | None:
    """Return the path and query of an address that Home Assistant itself serves, or None for any other address.

    Raises ValueError for a path with `..`: users choose ids, and sources copy parts of an id into the path.
    """
    address = address.translate(_UNREAD)
    url = URL(address)
    if url.host is not None and not is_hass_url(hass, address):
        return None
    if url.host is None and not address.startswith("/"):
        return None
    if ".." in unquote(address.partition("?")[0]).split("/"):
        raise ValueError("not the way")
    return url.raw_path_qs


def _is_set_up_with(hass: HomeAssistant, domain: str, url: URL) -> bool:
    entries = hass.config_entries.async_entries(
        domain, include_ignore=False, include_disabled=False
    )
    return url.host is not None and any(_names(entry, url) for entry in entries)


def _names(entry: ConfigEntry, url: URL) -> bool:
    """Whether a config entry names the host of an address.

    If the host is this machine, where other servers listen as well, the port must match, too; an entry without a port
    allows all ports.
    """
    parts = (entry.data, entry.options)
    known = [one for part in parts for key in _ADDRESSES if (one := _address(part.get(key)))]
    if all(one.host != url.host for one in known):
        return False
    ports = [*(one.explicit_port for one in known), *(part.get(CONF_PORT) for part in parts)]
    named = {str(port) for port in ports if port}
    return not (named and is_loopback(url.host or "")) or str(url.port) in named


def _address(text: object) -> URL | None:
    """Return the URL for an address, or for a host with or without a port; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        return URL(text if "://" in text else f"//{text}")
    except ValueError:
        return None


async def _async_signer(hass: HomeAssistant, context: Context) -> Callable[[URL], URL]:
    """Return a function that signs addresses of Home Assistant for the user of the context.

    If the context has no user, the function signs for Home Assistant's content user, who may only read. Raises
    Unauthorized for a user who is unknown, inactive, or not logged in anywhere.
    """
    token = None
    if (user := await async_user_of(hass, context)) is not None:
        token = next(iter(user.refresh_tokens), None)
        if token is None or not user.is_active:
            raise Unauthorized(context=context)

    def sign(url: URL) -> URL:
        # The source may have signed the address for another user.
        bare = url.without_query_params(SIGN_QUERY_PARAM)
        signed = async_sign_path(
            hass,
            bare.raw_path_qs,
            _SIGNED_FOR,
            refresh_token_id=token,
            use_content_user=token is None,
        )
        return bare.update_query({SIGN_QUERY_PARAM: signed.rpartition("=")[2]})

    return sign
