"""HTTP transport: headers, time-outs, limits, and every failure as a LiankeError.

aiohttp's own exceptions quote the address, which contains the box's key, so they are never chained, logged or passed
on.

*Which answer belongs to which request.* On a reused connection, a duplicate of an old answer could be taken for the
answer to the next request. So each request has its own connection, which is closed afterwards; only polls share
connections. The answer to an upload counts only if it came after the end of the form was handed over, and only if it
is the service's own JSON with a code: an answer from a firewall or a captive portal proves nothing.
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
from .answer_limits import MAX_ANSWER_BYTES, MAX_ANSWER_TEXT
from .coerce import JsonValue, to_int, to_json, to_mapping, to_message
from .long_json import parse_long
from .unknown import Observer, Unknown, unknown_answer, unknown_code, unknown_parts
from .upload import UPLOAD_IDLE_SECONDS, UPLOAD_TURN_SECONDS, JobForm

# Maximum seconds between the service's clock and ours. If they differ by more, one of the clocks was never set.
MAX_CLOCK_OFFSET = 10 * 365 * 86400
# Maximum seconds that our own clock may seem to jump between two readings before it counts as adjusted.
MAX_CLOCK_JUMP = 0.5
# Seconds that our own clock may drift in each second between the readings.
CLOCK_DRIFT = 0.001


class ClockReading(NamedTuple):
    """A moment on the wall clock and on the monotonic clock, in seconds."""

    wall: float
    monotonic: float

    @classmethod
    def now(cls) -> ClockReading:
        return cls(wall=time(), monotonic=monotonic())


class ServiceClock:
    """The service's clock, according to the `Date` header of the last answer."""

    def __init__(self) -> None:
        self._offset: tuple[int, int] | None = None
        self._measured_at = ClockReading(wall=0.0, monotonic=0.0)

    @property
    def offset(self) -> tuple[int, int] | None:
        """The least and the greatest number of ms by which the service's clock is ahead of ours; None if unknown.

        The offset becomes unknown again when our own clock is adjusted.
        """
        if self._offset is not None and not _unadjusted(self._measured_at, ClockReading.now()):
            self._offset = None
        return self._offset

    def measure(self, header: str | None, sent: ClockReading, received: ClockReading) -> None:
        """Measure the offset from the `Date` header of an answer."""
        shown = _seconds(header)
        if shown is None or not _unadjusted(sent, received):
            return
        # The service wrote the header between `sent` and `received`, and cut the time to whole seconds.
        least, most = shown - received.wall, shown + 1 - sent.wall
        if abs(least) < MAX_CLOCK_OFFSET:
            self._offset = (int(least * 1000) - 1, int(most * 1000) + 1)
            self._measured_at = received


def _unadjusted(earlier: ClockReading, later: ClockReading) -> bool:
    """Tell whether our own clock was not adjusted between two readings."""
    passed = later.monotonic - earlier.monotonic
    return abs(later.wall - earlier.wall - passed) <= MAX_CLOCK_JUMP + CLOCK_DRIFT * abs(passed)


def _seconds(header: str | None) -> float | None:
    """Return a `Date` header as seconds since 1970; None if it is missing or not a date."""
    if header is None or len(header) > MAX_ANSWER_TEXT:
        return None
    try:
        return parsedate_to_datetime(header).replace(tzinfo=UTC).timestamp()
    except ValueError, OverflowError:
        return None


class Purpose(IntEnum):
    """What a request is for. In a queue of requests, smaller numbers go first."""

    SUBMIT = 0  # a print job
    TRACK = 1  # a job's state or its cancelation; starting a scan
    SCAN = 2  # polling a scan that was started in Home Assistant
    LAN_SCAN = 3  # polling a scan that a device of the home network started
    POLL = 4  # polling a box and its printers
    COUNT = 5  # counting the pages of a document before it is printed
    LOOKUP = 6  # a user's request: a preview, a search, a pressed button
    PICTURE = 7  # a preview's page, which does not come from the service's API


class Throttle(Protocol):
    """Limits concurrent requests and requests per minute, and pauses when the service asks for fewer requests."""

    def request_slot(
        self, purpose: Purpose, *, upload: bool = False
    ) -> AbstractAsyncContextManager[None]:
        """Return a context manager that waits until a request may start; an `upload` may last for minutes."""

    def on_too_frequent(self) -> None:
        """Pause, because the service answered "too frequent" (10009)."""


def raise_without_address(
    err: aiohttp.ClientError | OSError, *, may_have_arrived: bool
) -> NoReturn:
    """Raise the LiankeError for an error of aiohttp, but without that error's text, which contains the address."""
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


# Bytes of an answer that are read before other tasks of the event loop get a turn, even if more bytes have arrived.
BREATH_BYTES = 1024 * 1024
# Size in bytes above which an answer is parsed in another thread, with its long texts cut out beforehand.
BIG_ANSWER = 256 * 1024
# Time-out (s) of a quick request as a whole.
QUICK_SECONDS = 10.0
# Time-out (s) for connecting before an upload.
CONNECT_SECONDS = 30.0
# Seconds to wait for the answer to any upload; `answer_seconds` adds the time that depends on the upload's size.
UPLOAD_ANSWER_SECONDS = 30.0
# Bytes per second at which we expect the service to store an upload before it answers.
ANSWER_BYTES_A_SECOND = 1024 * 1024
# Bytes per second of the slowest line worth waiting for.
SLOWEST_LINE_BYTES_A_SECOND = 32 * 1024
# Time-out of a long answer. It has no total, because the time for such an answer depends on its size.
LONG_ANSWER = aiohttp.ClientTimeout(total=None, sock_read=UPLOAD_IDLE_SECONDS)
# Bytes that the operating system may still buffer after we have written everything.
BUFFERED_BYTES = 4 * 1024 * 1024

_NO_SUCH_ADDRESS = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.GONE)
_HEADER_SAFE = re.compile(r"[!-~]+")

type ErrorCodes = Mapping[int, type[errors.LiankeRefusedError]]
type Method = Literal["GET", "POST", "DELETE"]


def answer_seconds(size: int) -> float:
    """Return the seconds that the answer to an upload of `size` bytes may take, counted from the end of the form."""
    buffered = min(size, BUFFERED_BYTES)
    return (
        UPLOAD_ANSWER_SECONDS
        + size / ANSWER_BYTES_A_SECOND
        + buffered / SLOWEST_LINE_BYTES_A_SECOND
    )


class Transport:
    """Sends requests with one ApiKey to one server. The caller owns the session."""

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
        """`server` is the base address, including the path `/api`.

        The service's messages are returned without the key and the `secrets`. `ssl` is the context for connections that
        carry a single request, None for aiohttp's default; `observer` is called with each unknown part of an answer.
        """
        self._session = session
        self._ssl = ssl
        self._api_key = api_key.strip()
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
        limit_bytes: int = MAX_ANSWER_BYTES,
        is_long: bool = False,
    ) -> object:
        """Send a request and return the `data` of its answer. Raises LiankeError.

        `query` goes into the address, `body` is sent as JSON. `timeout` (s, None: QUICK_SECONDS) bounds the whole
        exchange. With `is_long`, `timeout` is ignored: the exchange may take QUICK_SECONDS and, for each part of the
        answer that arrives, the time that the slowest line (SLOWEST_LINE_BYTES_A_SECOND) needs for that part.
        `error_codes` are codes with a special meaning at this endpoint. With `kept_connection`, which is meant for
        polls, other requests may share the connection. An answer longer than `limit_bytes` raises LiankeResponseError.
        """
        async with self._request_slot(purpose):
            sent = ClockReading.now()
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
                    answered, date = ClockReading.now(), response.headers.get("Date")
                    raw = await _read(response, limit_bytes, patience if is_long else None)
                    status = response.status
            except (aiohttp.ClientError, OSError) as err:
                raise_without_address(err, may_have_arrived=True)
            data = await self._interpret(f"{method} {path}", status, raw, error_codes)
            self.clock.measure(date, sent, answered)
            return data

    async def upload(self, path: str, form: JobForm, purpose: Purpose) -> object:
        """Send a form, close its file, and return the `data` of the answer.

        Time-outs: CONNECT_SECONDS to connect, UPLOAD_IDLE_SECONDS without progress, UPLOAD_TURN_SECONDS for the form's
        `before_end`, `answer_seconds` for the answer, and a total that depends on the size of the file. Raises
        LiankeError, whose `may_have_arrived` is False if the end of the form was certainly never handed over; an error
        of `before_end` is raised unchanged.
        """
        loop, size = asyncio.get_running_loop(), form.file_size
        answer_timeout = answer_seconds(size)
        total_seconds = (
            CONNECT_SECONDS
            + UPLOAD_IDLE_SECONDS
            + answer_timeout
            + size / SLOWEST_LINE_BYTES_A_SECOND
        )
        if form.before_end is not None:
            total_seconds += UPLOAD_TURN_SECONDS
        try:
            async with self._request_slot(purpose, upload=True):
                try:
                    async with (
                        asyncio.timeout(CONNECT_SECONDS) as idle,
                        self._connections(own=True) as session,
                    ):
                        # The form made progress: restart the time-out.
                        def on_step() -> None:
                            if not form.abandoned and not idle.expired():
                                wait = UPLOAD_TURN_SECONDS if form.waiting else UPLOAD_IDLE_SECONDS
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
                        # An answer that comes before the end of the form stops the upload: the end is never sent.
                        form.abandoned = not answered_after_end
                        try:
                            status, raw = response.status, await _read(response, MAX_ANSWER_BYTES)
                        finally:
                            response.close()
                except (aiohttp.ClientError, OSError) as err:
                    if form.failure is not None:
                        raise form.failure from None
                    raise_without_address(err, may_have_arrived=form.handed_over)
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
        """Yield the shared session or, if `own`, a session with a single new connection that is closed afterwards."""
        if not own:
            yield self._session
            return
        # The default resolver may be aiodns, whose start takes longer than a single request.
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
        """Return the content at a web address that was in an answer of the service. Sends no key.

        The address must be https on a public host, or on the server itself. Raises LiankeError, in particular
        LiankeResponseError for any other address and for content longer than `limit_bytes`.
        """
        target = self._foreign_url(url)
        is_foreign = target.origin() != URL(self._base).origin()
        async with self._request_slot(Purpose.PICTURE):
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
                raise_without_address(err, may_have_arrived=True)

    def _foreign_url(self, url: str) -> URL:
        """Return the full URL of an address in an answer. Raises LiankeResponseError if we may not fetch the URL."""
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
    async def _request_slot(self, purpose: Purpose, *, upload: bool = False) -> AsyncIterator[None]:
        """Wait until the throttle lets a request start. If the service answers "too frequent", notify the throttle."""
        if self.throttle is None:
            yield
            return
        async with self.throttle.request_slot(purpose, upload=upload):
            try:
                yield
            except errors.TooFrequentError:
                self.throttle.on_too_frequent()
                raise

    def _headers(self) -> dict[str, str]:
        """Return the headers of a request.

        Raises AuthenticationError if a header cannot contain the key, LiankeConnectionError if the session is closed.
        """
        if self._session.closed:
            raise errors.LiankeConnectionError(may_have_arrived=False)
        if not _HEADER_SAFE.fullmatch(self._api_key):
            raise errors.AuthenticationError
        return {"ApiKey": self._api_key}

    async def _interpret(
        self, where: str, status: int, raw: bytearray, error_codes: ErrorCodes | None
    ) -> object:
        """Return the `data` of a successful answer. Raises the matching LiankeError for any other answer."""
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
        # The path does not exist. For an unknown box, the service sends code 404 with HTTP status 200.
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
        """Raise the error for an answer that came before the end of the form: the service has not accepted the form."""
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
        """Return the `data` of the answer to a complete upload.

        Only the service's own JSON with a code proves whether the upload was accepted. Any other answer leaves that
        open, and raises LiankeResponseError with the code and message received.
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
        """Return the error for a code, and report the code to the observer if it is unknown."""
        err = errors.error_for_code(code, message, error_codes)
        if isinstance(err, errors.UnknownCodeError) and code is not None:
            self._report([unknown_code(where, code, err.detail)])
        return err

    def _report(self, parts: Iterable[Unknown]) -> None:
        if self._observer is not None:
            for part in parts:
                self._observer(part)

    async def _parse(self, status: int, raw: bytearray) -> Mapping[str, object]:
        """Parse the JSON object of an answer. Raises AddressUnknownError or LiankeResponseError if there is none."""
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
    """Keep aiohttp from repeating a request on its own when the connection breaks."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except aiohttp.ClientOSError, aiohttp.ServerDisconnectedError:
        raise aiohttp.ClientConnectionError from None


@contextmanager
def _broken_peer() -> Iterator[None]:
    """Raise ClientPayloadError in place of exceptions that a faulty peer causes in aiohttp, but that are not aiohttp's.

    Examples are RuntimeError (the connection is lost while chunks of the answer are still queued), UnicodeError (no
    resolver accepts the host name) and errors of aiohttp's parsers. Use this around calls of aiohttp only, so that our
    own mistakes still surface.
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
    """Send a request and yield its answer, which is released afterwards."""
    with _broken_peer():
        response = await request
    async with response:
        yield response


async def _read(
    response: aiohttp.ClientResponse, limit: int, patience: asyncio.Timeout | None = None
) -> bytearray:
    """Return the body of an answer. Raises LiankeResponseError if the body has more than `limit` bytes.

    Each part that arrives extends the time-out `patience`.
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
            patience.reschedule(until + len(chunk) / SLOWEST_LINE_BYTES_A_SECOND)
        if len(body) > limit:
            response.close()
            raise errors.LiankeResponseError("too long", code=response.status)
        if len(body) - breathed >= BREATH_BYTES:
            # The chunks of a highly compressed answer come without any wait, so no other task would run meanwhile.
            await asyncio.sleep(0)
            breathed = len(body)
