"""Download a document from a web address, never from the local network."""

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote_to_bytes
import zlib

import aiohttp
from homeassistant.core import HomeAssistant
from homeassistant.util.ssl import get_default_context
from yarl import URL

from ..api.addresses import NotPublicError, PublicResolver, is_public
from ..input_error import InputError
from .document import too_large
from .encoding import decode_text
from .spool import CHUNK_BYTES, open_private, translate_disk_errors

IDENTITY: Final = "identity"
CODINGS: Final = frozenset({IDENTITY, "gzip", "deflate"})
_GZIP: Final = 31
_ZLIB: Final = 15
_DEFLATE: Final = -15
_GZIP_START: Final = b"\x1f"


class DamagedDataError(Exception):
    """Compressed data is damaged or cut off."""


class Unpacker:
    """Decompresses one stream, piece by piece. The methods are blocking: run them in the executor."""

    def __init__(self, coding: str) -> None:
        """`coding` is one of CODINGS, but not IDENTITY."""
        self._coding = coding
        self._stream: zlib._Decompress | None = None  # the type has no public name

    def unpack(self, data: bytes, piece_bytes: int) -> Iterator[bytes]:
        """Yield the decompressed data in pieces of at most `piece_bytes`. Raises DamagedDataError."""
        while data:
            if self._stream is None or self._stream.eof:
                if self._stream is not None and not data.startswith(_GZIP_START):
                    return  # data after the end of the stream is padding
                # gzip data may consist of several members, which together form one document.
                self._stream = zlib.decompressobj(self._window(data))
            try:
                yield self._stream.decompress(data, piece_bytes)
            except zlib.error:
                raise DamagedDataError from None
            data = self._stream.unconsumed_tail or self._stream.unused_data

    def finish(self) -> bytes:
        """Return the rest of the decompressed data. Raises DamagedDataError if the data is cut off."""
        if self._stream is None:
            return b""
        try:
            rest = self._stream.flush()
        except zlib.error:
            raise DamagedDataError from None
        if not self._stream.eof:
            raise DamagedDataError
        return rest

    def _window(self, data: bytes) -> int:
        """Return zlib's `wbits` for the data: deflate data should have a zlib header, but some programs omit it."""
        if self._coding == "gzip":
            return _GZIP
        framed = data[:1] == b"\x78" and int.from_bytes(data[:2]) % 31 == 0
        return _ZLIB if framed else _DEFLATE


# Maximum number of redirects that are followed; a web address with more is refused.
MAX_REDIRECTS: Final = 5
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
# Seconds for the whole download (including redirects), for connecting, and for waiting for the next bytes.
TIMEOUT: Final = aiohttp.ClientTimeout(total=120, sock_connect=10, sock_read=30)


async def async_download(
    hass: HomeAssistant,
    address: str,
    target: Path,
    limit_bytes: int,
    *,
    name: str | None = None,
    trusted: URL | None = None,
    unencrypted: URL | None = None,
    sign: Callable[[URL], URL] | None = None,
    made_up: bool = False,
) -> str:
    """Download an address into the new file `target`; return the file name that `_name` chooses.

    The address and every redirect must be public and use https; http is accepted only for the origin given as
    `unencrypted`. Neither rule applies to addresses in Home Assistant's `allowlist_external_urls`, or to those of the
    origin `trusted` until a redirect leads to another origin. If `trusted` is Home Assistant's own origin, `sign` signs
    each address on it. With `made_up`, host names may resolve to fake IP addresses that a proxy in the house hands out.
    A download may have at most `limit_bytes` (after decompression), MAX_REDIRECTS redirects, and the time in TIMEOUT.

    Raises InputError: url_invalid, url_not_https, url_not_public, url_too_many_redirects, url_unreachable, url_refused,
    url_cut_off, file_too_large; HomeAssistantError: disk_full. After an error, `target` may exist.
    """
    url = _parse(address)
    resolver = PublicResolver(made_up_allowed=made_up)
    # No connection or DNS answer is reused, so each redirect is resolved and checked anew.
    connector = aiohttp.TCPConnector(
        resolver=resolver, ssl=get_default_context(), force_close=True, use_dns_cache=False
    )
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=TIMEOUT,
        headers={
            aiohttp.hdrs.USER_AGENT: "HomeAssistant lianke",
            aiohttp.hdrs.ACCEPT_ENCODING: "identity",
        },
        # aiohttp would accept a compressed answer that is cut off; Unpacker raises an error instead.
        auto_decompress=False,
    ) as session:
        try:
            async with (
                # The session's own timeout starts again with each redirect, so limit the whole download.
                asyncio.timeout(TIMEOUT.total),
                await _open(
                    hass,
                    session,
                    resolver,
                    url,
                    trusted=trusted,
                    unencrypted=unencrypted,
                    sign=sign,
                ) as response,
            ):
                return await _save(hass, response, target, limit_bytes, name)
        except (aiohttp.ClientError, NotPublicError, TimeoutError, ValueError) as err:
            cause = getattr(err, "os_error", err)
            if isinstance(cause, NotPublicError):
                # The refused host may be that of a redirect instead of url.host.
                raise InputError("url_not_public", host=cause.host) from None
            # The error's own text is not used: it may contain the whole address.
            raise InputError("url_unreachable", host=url.host or "") from None


def _parse(address: str) -> URL:
    try:
        url = URL(address.strip())
        # If yarl cannot decode a host, it raises only when `host` is read.
        host = url.host
    except ValueError:
        raise InputError("url_invalid") from None
    if url.scheme not in ("http", "https") or not host:
        raise InputError("url_invalid")
    return url


async def _open(
    hass: HomeAssistant,
    session: aiohttp.ClientSession,
    resolver: PublicResolver,
    url: URL,
    *,
    trusted: URL | None,
    unencrypted: URL | None,
    sign: Callable[[URL], URL] | None,
) -> aiohttp.ClientResponse:
    for _ in range(MAX_REDIRECTS + 1):
        if url.origin() != trusted:
            # Trust ends for good: a foreign server must not gain the rights of `trusted` by redirecting back there.
            trusted = sign = None
        allowed = trusted is not None or hass.config.is_allowed_external_url(str(url))
        resolver.private_allowed = allowed
        if not allowed:
            _check_public(url, unencrypted)
        # Home Assistant's certificate names the external address, so do not check it at this local address.
        response = await session.get(
            sign(url) if sign else url, allow_redirects=False, ssl=sign is None
        )
        if response.status not in REDIRECTS:
            return response
        location = response.headers.get(aiohttp.hdrs.LOCATION, "")
        response.close()
        url = _parse(str(url.join(URL(location))))
    raise InputError("url_too_many_redirects", host=url.host or "")


def _check_public(url: URL, unencrypted: URL | None) -> None:
    """Raise InputError for plain http, and for private hosts given as numbers, which the resolver never sees."""
    host = url.host or ""
    if url.scheme != "https" and url.origin() != unencrypted:
        raise InputError("url_not_https", host=host)
    # The operating system also accepts 2130706433 and 127.1 as IP addresses.
    if (":" in host or host.replace(".", "").isdigit()) and not is_public(host):
        raise InputError("url_not_public", host=host)


async def _save(
    hass: HomeAssistant,
    response: aiohttp.ClientResponse,
    target: Path,
    limit_bytes: int,
    name: str | None,
) -> str:
    host = response.url.host or ""
    if response.status != 200:
        raise InputError("url_refused", host=host, status=str(response.status))
    name = _name(response, name)
    if (response.content_length or 0) > limit_bytes:
        raise too_large(name, limit_bytes)
    coding = response.headers.get(aiohttp.hdrs.CONTENT_ENCODING, "").strip().lower()
    coding = coding.removeprefix("x-") or IDENTITY
    if coding not in CODINGS:
        raise InputError("url_cut_off", host=host)
    parts = response.content.iter_any()
    try:
        await async_save(hass, parts, target, name, coding=coding, limit_of=lambda _: limit_bytes)
    except DamagedDataError:
        raise InputError("url_cut_off", host=host) from None
    return name


async def async_save(
    hass: HomeAssistant,
    parts: AsyncIterable[bytes],
    target: Path,
    name: str,
    *,
    coding: str,
    limit_of: Callable[[bytes], int],
) -> None:
    """Decompress the parts, and write them to the new file `target`.

    `limit_of` gets the first piece of the content and returns the maximum size of the file in bytes. Raises
    DamagedDataError; InputError: file_too_large; HomeAssistantError: disk_full. After an error, the file remains.
    """
    unpacker = None if coding == IDENTITY else Unpacker(coding)
    size = limit = 0
    translated = translate_disk_errors()
    file = await hass.async_add_executor_job(translated(open_private), target)

    @translated
    def write(pieces: Iterable[bytes]) -> None:
        nonlocal size, limit
        for piece in pieces:
            if not size:
                limit = limit_of(piece)
            size += len(piece)
            if size > limit:
                raise too_large(name, limit)
            file.write(piece)

    async def unpack(data: bytes) -> None:
        pieces = [data] if unpacker is None else unpacker.unpack(data, CHUNK_BYTES)
        await hass.async_add_executor_job(write, pieces)

    try:
        buffer = bytearray()
        async for part in parts:
            buffer += part
            if len(buffer) >= CHUNK_BYTES:
                await unpack(bytes(buffer))
                buffer.clear()
        await unpack(bytes(buffer))
        if unpacker is not None:
            await hass.async_add_executor_job(write, [unpacker.finish()])
    finally:
        await hass.async_add_executor_job(translated(file.close))


def _name(response: aiohttp.ClientResponse, name: str | None) -> str:
    """Return the server's file name, else `name`, else the last part of the path, else the host."""
    disposition = response.content_disposition
    if disposition is not None and disposition.filename:
        if "filename*" in disposition.parameters:
            # aiohttp has already decoded this name.
            return disposition.filename
        # Decode as browsers do: many servers percent-encode the name, and others use an encoding of their own language.
        quoted = disposition.filename.encode("utf-8", "surrogateescape")
        return decode_text(unquote_to_bytes(quoted))
    return name or response.url.name or (response.url.host or "")
