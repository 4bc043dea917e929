"""Exceptions of the Lianke service, one class per cause.

The service answers HTTP 200 with a code of its own (the "Codes" table of its documents); `refusal` turns such an
answer into one of the classes here. No exception text carries a secret: the service's messages are scrubbed.
"""

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from functools import wraps
from inspect import iscoroutinefunction
import re
from typing import Any, ClassVar, override

from ..errors import InputError

MAX_DETAIL = 200

# Messages about the ApiKey. The service's answer to a wrong one is not documented.
_ABOUT_API_KEY = re.compile(r"(?i)api[\s_-]*key")
_ABOUT_ACCESS = re.compile(
    r"(?i)app[\s_-]*key|未授权|鉴权|认证失败|(?<!设备)[密秘]钥"
    r"|unauthori[sz]ed|access denied|invalid token"
)
_EXPIRED = re.compile(r"超[过出]有效期|服务已?[过到]期|设备已[过到]期")


class LiankeError(Exception):
    """Base of all errors of the service; `reason` is its translation key.

    `is_passing`: a single one says little, the next attempt may succeed.
    """

    reason: str = "unexpected_answer"
    is_passing: ClassVar[bool] = True

    def __init__(self, detail: str = "", *, code: int | None = None) -> None:
        self.detail = " ".join(detail.split())[:MAX_DETAIL]
        self.code = code
        super().__init__(self.detail)

    @property
    def placeholders(self) -> dict[str, str]:
        """What the translated text may mention; always contains `detail` and `code`."""
        return {"detail": self.detail, "code": "" if self.code is None else str(self.code)}

    @override
    def __str__(self) -> str:
        """Reason, code and the service's message, for the log."""
        code = "" if self.code is None else f" ({self.code})"
        words = f": {self.detail}" if self.detail else ""
        return f"{self.reason}{code}{words}"


class LiankeConnectionError(LiankeError):
    """The service could not be reached, or the connection broke.

    `may_have_arrived` is False when the request surely never left completely: repeating it is safe.
    """

    reason = "cannot_connect"

    def __init__(
        self, detail: str = "", *, may_have_arrived: bool, code: int | None = None
    ) -> None:
        super().__init__(detail, code=code)
        self.may_have_arrived = may_have_arrived


class LiankeTimeoutError(LiankeConnectionError):
    """No answer in time."""

    reason = "timed_out"


class PreviewTimeoutError(LiankeTimeoutError):
    """A preview that the service has taken, but not drawn in time."""

    reason = "preview_timed_out"


class LiankeResponseError(LiankeError):
    """An unusable answer: HTTP 5xx, a redirect, no JSON, too big, or of a wrong shape."""

    may_have_arrived: ClassVar[bool] = True


class LiankeRefusedError(LiankeError):
    """The service answered with an error code.

    `surely_refused` is False where the request may have been carried out all the same. `before_end` says that the
    answer came before the end of an upload was sent.
    """

    reason = "refused"
    is_passing = False
    before_end = False

    @property
    def surely_refused(self) -> bool:
        """Return whether the request was certainly not carried out."""
        return True


class AuthenticationError(LiankeRefusedError):
    """The ApiKey was not accepted."""

    reason = "invalid_api_key"
    is_passing = True


class AddressUnknownError(LiankeRefusedError):
    """The server has nothing at that address (HTTP 404, 405, 410): a wrong base address, or a lost endpoint."""

    reason = "address_unknown"
    is_passing = True
    surely_refused = False


class EndpointMissingError(AddressUnknownError):
    """The service itself, by its own JSON, says that it has no such endpoint: nothing was done."""

    surely_refused = True


class BoxNotFoundError(LiankeRefusedError):
    """Box id and key do not belong together, or the box does not exist (404, 11404)."""

    reason = "box_not_found"


class TaskUnknownError(LiankeRefusedError):
    """The service does not know this task, any more or at all (404 where a task is asked for)."""

    reason = "task_unknown"


class BoxNotBoundError(LiankeRefusedError):
    """The box is not bound to the account of this ApiKey (11013)."""

    reason = "box_not_bound"


class BoxNeverActivatedError(LiankeRefusedError):
    """The box was never activated (10011)."""

    reason = "box_never_activated"


class BoxNotProvisionedError(LiankeRefusedError):
    """The box has not been set up (5001)."""

    reason = "box_not_provisioned"


class BoxOfflineError(LiankeRefusedError):
    """The box is offline (5002)."""

    reason = "box_offline"


class BoxNotRespondingError(LiankeRefusedError):
    """The box did not answer the service (500, 503); what was asked may have happened."""

    reason = "box_not_responding"
    is_passing = True
    surely_refused = False


class PrinterNotFoundError(LiankeRefusedError):
    """No printer at that port (497, 5011, 5051)."""

    reason = "printer_not_found"


class TooFrequentError(LiankeRefusedError):
    """Asked too often (10009, HTTP 429)."""

    reason = "too_frequent"
    is_passing = True


class AlreadyRunningError(LiankeRefusedError):
    """A refresh or restart is already under way (401 there, which is not about the key)."""

    reason = "already_running"


class ErrorLimitReachedError(LiankeRefusedError):
    """Too many failures in a row: the printer is paused for 30 min, or until reset (11203)."""

    reason = "error_limit_reached"


class _NoAnswerToUploadsError(LiankeRefusedError):
    """A code that says nothing about an upload whose end was sent: no document explains it there."""

    @property
    @override
    def surely_refused(self) -> bool:
        """Return whether the service sent a message, and before the end of an upload."""
        return self.before_end and bool(self.detail)


class ResetsUsedUpError(_NoAnswerToUploadsError):
    """The day's resets of the error limit are used up (11200)."""

    reason = "resets_used_up"


class NothingToResetError(_NoAnswerToUploadsError):
    """The error limit has nothing to reset (11201)."""

    reason = "nothing_to_reset"


class ConversionFailedError(LiankeRefusedError):
    """The document could not be converted (502)."""

    reason = "conversion_failed"


class PreviewFailedError(LiankeRefusedError):
    """The service could not draw the preview (10015)."""

    reason = "preview_failed"


class BadParameterError(LiankeRefusedError):
    """The service did not understand the request (400)."""

    reason = "bad_parameter"


class BadPhoneError(LiankeRefusedError):
    """The phone number of a driver request was not accepted (403 there)."""

    reason = "bad_phone"


class ServiceExpiredError(LiankeRefusedError):
    """The box's service has expired, which only the message says."""

    reason = "service_expired"


class DocumentTooLargeError(LiankeRefusedError):
    """The document is too large for the service (HTTP 413)."""

    reason = "document_too_large_for_service"


class UnknownCodeError(_NoAnswerToUploadsError):
    """An undocumented code, whatever message comes with it."""


class CredentialsError(InputError):
    """The text or QR code holds no box id and key."""

    reason = "invalid_qr_code"


class TooManyRequestsError(LiankeError):
    """A user exceeded their share of the requests to the service."""

    reason = "too_many_requests"


class DocumentUnreadableError(LiankeError):
    """The file to upload is missing, unreadable or no longer the size it had."""

    reason = "document_unreadable"


class OptionError(InputError):
    """A print option that is invalid or that this printer lacks."""

    def __init__(
        self,
        reason: str,
        *,
        option: str,
        value: object = "",
        allowed: Iterable[object] = (),
        **more: str,
    ) -> None:
        """Take what else the text of this reason mentions as `more`."""
        self.option = option
        self.value = str(value)[:MAX_DETAIL]
        self.allowed = tuple(str(item) for item in allowed)
        named = ", ".join(self.allowed)
        super().__init__(reason, option=option, value=self.value, allowed=named, **more)


CODES: Mapping[int, type[LiankeRefusedError]] = {
    400: BadParameterError,
    404: BoxNotFoundError,
    497: PrinterNotFoundError,
    500: BoxNotRespondingError,
    502: ConversionFailedError,
    503: BoxNotRespondingError,
    5001: BoxNotProvisionedError,
    5002: BoxOfflineError,
    5011: PrinterNotFoundError,
    5051: PrinterNotFoundError,
    10009: TooFrequentError,
    10011: BoxNeverActivatedError,
    10015: PreviewFailedError,
    11013: BoxNotBoundError,
    11200: ResetsUsedUpError,
    11201: NothingToResetError,
    11203: ErrorLimitReachedError,
    11404: BoxNotFoundError,
}


def refusal(
    code: int | None, message: str, special: Mapping[int, type[LiankeRefusedError]] | None = None
) -> LiankeRefusedError:
    """Return the exception for an answered code other than 200.

    `message` is the vendor's text, secrets already scrubbed; `special` are meanings that hold for one endpoint only.
    """
    if _EXPIRED.search(message):
        return ServiceExpiredError(message, code=code)
    kind: type[LiankeRefusedError] | None = None
    # 404 is about the box's key, whatever it says.
    if code != 404 and _ABOUT_API_KEY.search(message):
        kind = AuthenticationError
    elif code is not None:
        kind = (special or {}).get(code) or CODES.get(code)
    if kind is None and (code in (401, 403) or _ABOUT_ACCESS.search(message)):
        kind = AuthenticationError
    return (kind or UnknownCodeError)(message, code=code)


def without_frames[T](api: type[T]) -> type[T]:
    """Have the methods of a class that ask the service raise errors that keep nothing of its answer alive.

    Errors are kept for long: until the next poll, by whoever was told, in circles until the collector comes. The frames
    that they came through hold the answer, which may have megabytes.
    """
    for name, method in vars(api).items():
        if iscoroutinefunction(method):
            setattr(api, name, _without_frames(method))
    return api


def _without_frames[**P, T](
    method: Callable[P, Awaitable[T]],
) -> Callable[P, Coroutine[Any, Any, T]]:
    @wraps(method)
    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await method(*args, **kwargs)
        except LiankeError as err:
            err.__cause__ = err.__context__ = err.__traceback__ = None
            raise

    return call
