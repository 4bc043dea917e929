"""HTTP transport: headers, time-outs, limits, and every failure as a LiankeError.

aiohttp's own exceptions quote the address with the box's key in it: they are never chained, printed or passed on.

*One answer, one request.* On a connection that is kept, a second copy of an old answer may lie where the next one is
expected. Each request therefore travels on a connection of its own, which is closed afterwards; only polls share
connections. An upload's answer counts only if it came after the form's end was
handed over, and only as the service's own JSON with a code; what a firewall or a portal says instead leaves doubt.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import IntEnum
from http import HTTPStatus
import re
from ssl import SSLContext
from time import monotonic, time
from typing import Literal, NamedTuple, NoReturn, Protocol
import zlib

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from . import errors
from .addresses import PublicResolver, is_public_name
from .coerce import JsonValue, to_int, to_json, to_mapping, to_message
from .long_json import parse_long
from .unknown import Observer, Unknown, unknown_answer, unknown_code, unknown_parts
from .upload import JobForm

MAX_HEADER = 40
# Seconds. A clock that is further off is not set at all.
MAX_OFFSET = 10 * 365 * 86400
# Seconds by which our own clock may seem to jump between two moments, and by how much a second it may drift.
MAX_JUMP = 0.5
DRIFT = 0.001


class Moment(NamedTuple):
    """A moment on the wall clock and on the monotonic clock, in seconds."""

    wall: float
    monotonic: float

    @classmethod
    def now(cls) -> Moment:
        """Return the current moment."""
        return cls(wall=time(), monotonic=monotonic())


class ServiceClock:
    """The service's clock, as the `Date` header of the last answer showed it."""

    def __init__(self) -> None:
        self._offset: tuple[int, int] | None = None
        self._measured_at = Moment(wall=0.0, monotonic=0.0)

    @property
    def offset(self) -> tuple[int, int] | None:
        """The least and the most by which the service's clock is ahead of ours, in ms; None if unknown.

        Adjusting our own clock makes it unknown.
        """
        if self._offset is not None and not _unadjusted(self._measured_at, Moment.now()):
            self._offset = None
        return self._offset

    def update(self, header: str | None, sent: Moment, received: Moment) -> None:
        """Measure by the `Date` of an answer whose request was sent and answered at these moments."""
        shown = _seconds(header)
        if shown is None or not _unadjusted(sent, received):
            return
        # Written between the two, and cut to whole seconds.
        least, most = shown - received.wall, shown + 1 - sent.wall
        if abs(least) < MAX_OFFSET:
            self._offset = (int(least * 1000) - 1, int(most * 1000) + 1)
            self._measured_at = received


def _unadjusted(earlier: Moment, later: Moment) -> bool:
    """Return whether our own clock was not adjusted between two moments."""
    passed = later.monotonic - earlier.monotonic
    return abs(later.wall - earlier.wall - passed) <= MAX_JUMP + DRIFT * abs(passed)


def _seconds(header: str | None) -> float | None:
    """Return a `Date` header as seconds since 1970, None for anything else."""
    if header is None or len(header) > MAX_HEADER:
        return None
    try:
        return parsedate_to_datetime(header).replace(tzinfo=UTC).timestamp()
    except ValueError, OverflowError:
        return None


class Purpose(IntEnum):
    """What a request is for; a smaller number goes first where requests queue."""

    SUBMIT = 0
    """Submits a print job."""
    TRACK = 1
    """Tracks a job, or cancels it; starts a scan."""
    SCAN = 2
    """Polls a scan."""
    POLL = 3
    """Polls a box and its printers."""
    COUNT = 4
    """Counts the pages of a document before it is printed."""
    LOOKUP = 5
    """Serves a user's request: a preview, a search, a pressed button."""
    PICTURE = 6
    """Downloads a preview's page, which is outside the service's API."""


class Throttle(Protocol):
    """Limits requests at once and over time, and pauses when the service complains."""

    def slot(self, purpose: Purpose, *, upload: bool = False) -> AbstractAsyncContextManager[None]:
        """Return a context that is entered when a request, or an upload (which may take minutes), may start."""

    def too_frequent(self) -> None:
        """Pause because the service answered "too frequent" (10009)."""


def raise_clean(err: aiohttp.ClientError | OSError, *, may_have_arrived: bool) -> NoReturn:
    """Raise the LiankeError for a failure below, without its text and cause, which hold the address."""
    failure: errors.LiankeError
    if isinstance(err, aiohttp.ConnectionTimeoutError):
        failure = errors.LiankeTimeoutError(may_have_arrived=False)
    elif isinstance(err, TimeoutError):
        failure = errors.LiankeTimeoutError(may_have_arrived=may_have_arrived)
    elif isinstance(err, aiohttp.ClientConnectorError | aiohttp.InvalidURL):
        failure = errors.LiankeConnectionError(may_have_arrived=False)
    elif isinstance(err, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError | OSError):
        failure = errors.LiankeConnectionError(may_have_arrived=may_have_arrived)
    else:
        failure = errors.LiankeResponseError("no HTTP")
    raise failure from None


MAX_ANSWER = 8 * 1024 * 1024
"""bytes; the longest real answers, paper lists, stay far below."""
BREATH_BYTES = 1024 * 1024
"""After so many bytes of an answer the event loop turns, also where the next ones are there already."""
BIG_ANSWER = 256 * 1024
"""bytes; from here on JSON is parsed outside the event loop, and long texts in it are cut out first."""
QUICK_SECONDS = 10.0
"""The whole of a quick request."""
CONNECT_SECONDS = 30.0
IDLE_SECONDS = 60.0
TURN_SECONDS = 720.0
"""How long the end of an upload may wait for its turn: twice the longest time for an answer, with 200 MB."""
ANSWER_SECONDS = 30.0
ANSWER_BYTES_A_SECOND = 1024 * 1024
"""How fast the service is expected to store an upload before it answers."""
SLOWEST_BYTES_A_SECOND = 32 * 1024
"""The slowest line worth waiting for."""
LONG_ANSWER = aiohttp.ClientTimeout(total=None, sock_read=IDLE_SECONDS)
"""of an answer whose whole time depends on its size."""
BUFFERED_BYTES = 4 * 1024 * 1024
"""Bytes that the system may still have in its buffers once everything is written."""

_NO_SUCH_ADDRESS = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.GONE)
_HEADER_SAFE = re.compile(r"[!-~]+")

type ErrorCodes = Mapping[int, type[errors.LiankeRefusedError]]
type Method = Literal["GET", "POST", "DELETE"]


def answer_seconds(size: int) -> float:
    """Return how long the answer to an upload of `size` bytes may take once its end was handed over."""
    buffered = min(size, BUFFERED_BYTES)
    return ANSWER_SECONDS + size / ANSWER_BYTES_A_SECOND + buffered / SLOWEST_BYTES_A_SECOND


class Transport:
    """Sends requests with one ApiKey to one server over a session that somebody else owns."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        api_key: str,
        secrets: tuple[str, ...],
        server: str,
        throttle: Throttle | None,
        ssl: SSLContext | None = None,
        observer: Observer | None = None,
    ) -> None:
        """Initialize with the key, the secrets that no message may show, and the base address with `/api`.

        `ssl` is used for connections of their own, None for aiohttp's default; `observer` is called with
        each unknown part of an answer.
        """
        self._session = session
        self._ssl = ssl
        self._api_key = api_key.strip()
        # What no message may show.
        self.secrets = (self._api_key, *secrets)
        self._base = server.rstrip("/")
        self._observer = observer
        self.throttle = throttle
        self.clock = ServiceClock()

    async def call(
        self,
        method: Method,
        path: str,
        *,
        timeout: float | None = None,
        purpose: Purpose = Purpose.POLL,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, JsonValue] | None = None,
        error_codes: ErrorCodes | None = None,
        kept_connection: bool = False,
        limit_bytes: int = MAX_ANSWER,
        is_long: bool = False,
    ) -> object:
        """Send a request and return the `data` of its answer.

        `query` goes into the address, `body` as JSON; `timeout` (s, None: QUICK_SECONDS) bounds the whole exchange, but
        where an answer `is_long`: then what has come of it gives more, as long as it comes at SLOWEST_BYTES_A_SECOND;
        `error_codes` are codes with a meaning of their own at this endpoint. `kept_connection`: other requests may
        share the connection, for polls, which are soon repeated. An answer beyond `limit_bytes` is not read. Raises
        LiankeError.
        """
        async with self._slot(purpose):
            sent = Moment.now()
            try:
                async with (
                    asyncio.timeout(QUICK_SECONDS if is_long else None) as patience,
                    self._connections(own=not kept_connection) as session,
                    _asked(
                        session.request(
                            method,
                            self._base + path,
                            params=query,
                            json=body,
                            headers=self._headers(),
                            allow_redirects=False,
                            timeout=LONG_ANSWER
                            if is_long
                            else aiohttp.ClientTimeout(total=timeout or QUICK_SECONDS),
                            middlewares=None if kept_connection else (_send_once,),
                        )
                    ) as response,
                ):
                    answered, date = Moment.now(), response.headers.get("Date")
                    raw = await _read(response, limit_bytes, patience if is_long else None)
                    status = response.status
            except (aiohttp.ClientError, OSError) as err:
                raise_clean(err, may_have_arrived=True)
            data = await self._interpret(f"{method} {path}", status, raw, error_codes)
            self.clock.update(date, sent, answered)
            return data

    async def upload(self, path: str, form: JobForm, purpose: Purpose) -> object:
        """Send a form, close its file, and return the `data` of the answer.

        Bounded by 30 s to connect, 60 s without progress, a time for the form's hook, one for the answer, and a whole
        time by the size of the file.
        Raises LiankeError, whose `may_have_arrived` is False if the form's end was surely never handed over; an error
        of the form's own hook is raised as it is.
        """
        loop, size = asyncio.get_running_loop(), form.file_size
        answer_timeout = answer_seconds(size)
        total_seconds = (
            CONNECT_SECONDS + IDLE_SECONDS + answer_timeout + size / SLOWEST_BYTES_A_SECOND
        )
        if form.before_end is not None:
            total_seconds += TURN_SECONDS
        try:
            async with self._slot(purpose, upload=True):
                try:
                    async with (
                        asyncio.timeout(CONNECT_SECONDS) as idle,
                        self._connections(own=True) as session,
                    ):

                        def on_step() -> None:
                            """Restart the time-out: something was sent."""
                            if not form.abandoned and not idle.expired():
                                wait = TURN_SECONDS if form.waiting else IDLE_SECONDS
                                idle.reschedule(
                                    loop.time() + (answer_timeout if form.handed_over else wait)
                                )

                        form.on_step = on_step
                        with _broken_peer():
                            response = await session.post(
                                self._base + path,
                                data=form,
                                headers=self._headers(),
                                allow_redirects=False,
                                timeout=aiohttp.ClientTimeout(total=total_seconds),
                            )
                        answered_after_end = form.handed_over
                        # An answer before the end of the form stops the upload: its end is never sent.
                        form.abandoned = not answered_after_end
                        try:
                            status, raw = response.status, await _read(response, MAX_ANSWER)
                        finally:
                            response.close()
                except (aiohttp.ClientError, OSError) as err:
                    if form.failure is not None:
                        raise form.failure from None
                    raise_clean(err, may_have_arrived=form.handed_over)
                finally:
                    form.abandoned = True
                where = f"POST {path}"
                if not answered_after_end:
                    return await self._interpret_early(where, status, raw)
                return await self._interpret_upload(where, status, raw)
        finally:
            await form.close_file()

    @asynccontextmanager
    async def _connections(
        self, *, own: bool, resolver: AbstractResolver | None = None
    ) -> AsyncIterator[aiohttp.ClientSession]:
        """Yield the shared session, or one whose only connection is new and closed afterwards."""
        if not own:
            yield self._session
            return
        # Starting aiodns for a single request takes longer than the request.
        connector = aiohttp.TCPConnector(
            force_close=True,
            limit=1,
            ssl=self._ssl or True,
            resolver=resolver or aiohttp.ThreadedResolver(),
        )
        async with aiohttp.ClientSession(
            connector=connector,
            headers=self._session.headers,
            trust_env=self._session.trust_env,
        ) as session:
            yield session

    async def fetch(self, url: str, *, limit_bytes: int, timeout: float) -> bytes:
        """Download from an address that the service named, without any key.

        Only https and a public address, or the server itself. Raises LiankeError; LiankeResponseError above
        `limit_bytes`.
        """
        target = self._foreign_url(url)
        is_foreign = target.origin() != URL(self._base).origin()
        async with self._slot(Purpose.PICTURE):
            try:
                async with (
                    self._connections(
                        own=is_foreign, resolver=PublicResolver(made_up_allowed=True)
                    ) as session,
                    _asked(
                        session.get(
                            target,
                            allow_redirects=False,
                            timeout=aiohttp.ClientTimeout(total=timeout),
                        )
                    ) as response,
                ):
                    if response.status != HTTPStatus.OK:
                        raise errors.LiankeResponseError(
                            f"HTTP {response.status}", code=response.status
                        )
                    return bytes(await _read(response, limit_bytes))
            except (aiohttp.ClientError, OSError) as err:
                raise_clean(err, may_have_arrived=True)

    def _foreign_url(self, url: str) -> URL:
        """Return the URL of an address from an answer; raises LiankeResponseError if it may not be fetched."""
        server = URL(self._base)
        try:
            target = server.join(URL(url))
            allowed = target.origin() == server.origin() or (
                target.scheme == "https" and is_public_name(target.host)
            )
        except ValueError:
            allowed = False
        if not allowed:
            raise errors.LiankeResponseError("an address that is not https, or not public")
        return target

    @asynccontextmanager
    async def _slot(self, purpose: Purpose, *, upload: bool = False) -> AsyncIterator[None]:
        """Wait for the throttle, and report to it when the service complains."""
        if self.throttle is None:
            yield
            return
        async with self.throttle.slot(purpose, upload=upload):
            try:
                yield
            except errors.TooFrequentError:
                self.throttle.too_frequent()
                raise

    def _headers(self) -> dict[str, str]:
        """Return the header that carries the key; raises AuthenticationError for a key that no header can carry."""
        if self._session.closed:
            raise errors.LiankeConnectionError(may_have_arrived=False)
        if not _HEADER_SAFE.fullmatch(self._api_key):
            raise errors.AuthenticationError
        return {"ApiKey": self._api_key}

    async def _interpret(
        self, where: str, status: int, raw: bytearray, error_codes: ErrorCodes | None
    ) -> object:
        """Return the `data` of an answer; raises the LiankeError it stands for."""
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise errors.AuthenticationError(code=status)
        if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            raise errors.DocumentTooLargeError(code=status)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise errors.TooFrequentError(code=status)
        if status >= 500 or 300 <= status < 400:
            raise errors.LiankeResponseError(f"HTTP {status}", code=status)
        answer = await self._parse(status, raw)
        code = to_int(answer.get("code"))
        # The path is wrong. An answered 404 that is about the box comes with HTTP 200.
        if status in _NO_SUCH_ADDRESS and code in (None, HTTPStatus.OK, *_NO_SUCH_ADDRESS):
            raise errors.EndpointMissingError(code=status)
        if code == HTTPStatus.OK and status < 300:
            data = answer.get("data")
            self._report(unknown_parts(where, data))
            return data
        message = to_message(answer.get("msg") or answer.get("message"), self.secrets)
        if code == HTTPStatus.OK or (code is None and not message):
            self._report([unknown_answer(where, answer)])
            raise errors.LiankeResponseError(f"HTTP {status} without a code", code=status)
        raise self._refusal(where, code, message, error_codes)

    async def _interpret_early(self, where: str, status: int, raw: bytearray) -> NoReturn:
        """Raise the error for an answer that came before the form's end: nothing can have been accepted."""
        try:
            await self._interpret(where, status, raw, None)
        except errors.LiankeError as err:
            if isinstance(err, errors.LiankeRefusedError):
                err.before_end = True
                if err.surely_refused:
                    raise
            raise errors.LiankeConnectionError(
                err.detail, may_have_arrived=False, code=err.code
            ) from None
        raise errors.LiankeConnectionError("accepted before its end", may_have_arrived=False)

    async def _interpret_upload(self, where: str, status: int, raw: bytearray) -> object:
        """Return the `data` of the answer to a whole upload.

        Only the service's own JSON with a code says what became of it. Raises LiankeResponseError, which leaves that
        open, for anything else, with code and words as far as there are some.
        """
        answer = await self._parse(status, raw)
        code = to_int(answer.get("code"))
        message = to_message(answer.get("msg") or answer.get("message"), self.secrets)
        if code is None and status in _NO_SUCH_ADDRESS:
            raise errors.AddressUnknownError(code=status)
        if code is None or status >= 500 or 300 <= status < 400:
            raise errors.LiankeResponseError(
                message or f"HTTP {status} without a code", code=status if code is None else code
            )
        if code == HTTPStatus.OK and status < 300:
            data = answer.get("data")
            self._report(unknown_parts(where, data))
            return data
        if status in _NO_SUCH_ADDRESS and code in (HTTPStatus.OK, *_NO_SUCH_ADDRESS):
            raise errors.EndpointMissingError(code=status)
        if code == HTTPStatus.OK:
            raise errors.LiankeResponseError(f"HTTP {status} with code 200", code=status)
        raise self._refusal(where, code, message)

    def _refusal(
        self, where: str, code: int | None, message: str, error_codes: ErrorCodes | None = None
    ) -> errors.LiankeRefusedError:
        """Return the error that a code stands for; report one that nobody knows."""
        err = errors.refusal(code, message, error_codes)
        if isinstance(err, errors.UnknownCodeError) and code is not None:
            self._report([unknown_code(where, code, err.detail)])
        return err

    def _report(self, parts: Iterable[Unknown]) -> None:
        """Tell the observer, if there is one, what is unknown in an answer."""
        if self._observer is not None:
            for part in parts:
                self._observer(part)

    async def _parse(self, status: int, raw: bytearray) -> Mapping[str, object]:
        """Return the JSON object of an answer."""
        answer: object
        try:
            if len(raw) > BIG_ANSWER:
                answer = await asyncio.to_thread(parse_long, raw)
            else:
                answer = to_json(raw)
        except ValueError:
            answer = None
        if isinstance(answer, dict):
            return to_mapping(answer)
        if status in _NO_SUCH_ADDRESS:
            raise errors.AddressUnknownError(code=status)
        raise errors.LiankeResponseError(f"HTTP {status} without a JSON object", code=status)


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a request again by itself when its connection breaks."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except aiohttp.ClientOSError, aiohttp.ServerDisconnectedError:
        raise aiohttp.ClientConnectionError from None


@contextmanager
def _broken_peer() -> Iterator[None]:
    """Raise as ClientPayloadError what aiohttp lets through of a broken peer as something else.

    A RuntimeError where the connection is gone while chunks of the answer still wait, a UnicodeError for a name that
    no resolver takes, and its parsers' own. Only around calls of aiohttp, so that a mistake of ours stays one.
    """
    try:
        yield
    except aiohttp.ClientError, OSError, asyncio.CancelledError:
        raise
    except HttpProcessingError, RuntimeError, ValueError, EOFError, zlib.error:
        raise aiohttp.ClientPayloadError from None


@asynccontextmanager
async def _asked(
    request: Awaitable[aiohttp.ClientResponse],
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Send a request, and yield its answer, which is given back afterwards."""
    with _broken_peer():
        response = await request
    async with response:
        yield response


async def _read(
    response: aiohttp.ClientResponse, limit: int, patience: asyncio.Timeout | None = None
) -> bytearray:
    """Return the body of an answer; raises LiankeResponseError when it is longer than `limit` bytes.

    What comes makes `patience` longer.
    """
    body = bytearray()
    breathed = 0
    while True:
        with _broken_peer():
            chunk = await response.content.readany()
        if not chunk:
            return body
        body += chunk
        if patience is not None and (until := patience.when()) is not None:
            patience.reschedule(until + len(chunk) / SLOWEST_BYTES_A_SECOND)
        if len(body) > limit:
            response.close()
            raise errors.LiankeResponseError("too long", code=response.status)
        if len(body) - breathed >= BREATH_BYTES:
            # What is packed small comes out without a pause.
            await asyncio.sleep(0)
            breathed = len(body)
