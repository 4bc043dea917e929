"""Exceptions for failures of the Lianke service, one class for each cause.

The service answers with HTTP 200 and a code of its own (the "Codes" table of its documents); `error_for_code` turns
such an answer into one of these exceptions. The texts of the exceptions contain no secrets, because all secrets are
removed from the service's messages.
"""

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from functools import wraps
from inspect import iscoroutinefunction
import re
from typing import Any, ClassVar, override

from ..input_error import MAX_QUOTED, InputError

# Messages about the ApiKey. No document says how the service answers a wrong ApiKey.
_ABOUT_API_KEY = re.compile(r"(?i)api[\s_-]*key")
_ABOUT_ACCESS = re.compile(
    r"(?i)app[\s_-]*key|未授权|鉴权|认证失败|(?<!设备)[密秘]钥"
    r"|unauthori[sz]ed|access denied|invalid token"
)
_EXPIRED = re.compile(r"超[过出]有效期|服务已?[过到]期|设备已[过到]期")


class LiankeError(Exception):
    """Base of all errors of the service."""

    # Key of the error's translation.
    reason: str = "unexpected_answer"
    # True if a single error of the class means little, because the next attempt may succeed.
    is_passing: ClassVar[bool] = True

    def __init__(self, detail: str = "", *, code: int | None = None) -> None:
        self.detail = " ".join(detail.split())[:MAX_QUOTED]
        self.code = code
        super().__init__(self.detail)

    @property
    def placeholders(self) -> dict[str, str]:
        """Placeholders of the translated text; always include `detail` and `code`."""
        return {"detail": self.detail, "code": "" if self.code is None else str(self.code)}

    @override
    def __str__(self) -> str:
        code = "" if self.code is None else f" ({self.code})"
        words = f": {self.detail}" if self.detail else ""
        return f"{self.reason}{code}{words}"


class LiankeConnectionError(LiankeError):
    """The service could not be reached, or the connection broke.

    `may_have_arrived` is False if the request was certainly not sent completely, so that the caller may safely repeat
    the request.
    """

    reason = "cannot_connect"

    def __init__(
        self, detail: str = "", *, may_have_arrived: bool, code: int | None = None
    ) -> None:
        super().__init__(detail, code=code)
        self.may_have_arrived = may_have_arrived


class LiankeTimeoutError(LiankeConnectionError):
    """The service did not answer in time."""

    reason = "timed_out"


class PreviewTimeoutError(LiankeTimeoutError):
    """The service accepted a preview, but did not draw it in time."""

    reason = "preview_timed_out"


class LiankeResponseError(LiankeError):
    """The answer is unusable: HTTP 5xx, a redirect, not JSON, too long, or of the wrong shape."""

    may_have_arrived: ClassVar[bool] = True


class LiankeRefusedError(LiankeError):
    """The service answered with an error code."""

    reason = "refused"
    is_passing = False
    # True if the answer came before we had sent the end of the upload.
    before_end = False

    @property
    def surely_refused(self) -> bool:
        """False if the service may have carried out the request despite this answer."""
        return True


class AuthenticationError(LiankeRefusedError):
    """The service did not accept the ApiKey."""

    reason = "invalid_api_key"
    is_passing = True


class AddressUnknownError(LiankeRefusedError):
    """The server has nothing at this address (HTTP 404, 405, 410): a wrong base address, or a removed endpoint."""

    reason = "address_unknown"
    is_passing = True
    surely_refused = False


class EndpointMissingError(AddressUnknownError):
    """The service answered in its own JSON that it has no such endpoint, so nothing was done."""

    surely_refused = True


class BoxNotFoundError(LiankeRefusedError):
    """Box id and key do not belong together, or the box does not exist (404, 11404)."""

    reason = "box_not_found"


class TaskUnknownError(LiankeRefusedError):
    """The service does not know this task, or has forgotten it (404 at the endpoints for a task)."""

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
    """The box did not answer the service (500, 503), but may have carried out the request."""

    reason = "box_not_responding"
    is_passing = True
    surely_refused = False


class PrinterNotFoundError(LiankeRefusedError):
    """There is no printer at the port (497, 5011, 5051)."""

    reason = "printer_not_found"


class TooFrequentError(LiankeRefusedError):
    """We sent requests too often (10009, HTTP 429)."""

    reason = "too_frequent"
    is_passing = True


class AlreadyRunningError(LiankeRefusedError):
    """A refresh or restart is already under way (401 at those endpoints, where 401 does not mean a wrong key)."""

    reason = "already_running"


class ErrorLimitReachedError(LiankeRefusedError):
    """Too many failures in a row: the printer is paused for 30 min, or until the limit is reset (11203)."""

    reason = "error_limit_reached"


class _NoAnswerToUploadsError(LiankeRefusedError):
    """The code leaves open whether a complete upload was accepted: no document explains the code for uploads."""

    @property
    @override
    def surely_refused(self) -> bool:
        """True only if the answer has a message and came before we had sent the end of the upload."""
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
    """The vendor did not accept the phone number of a driver request (403 at that endpoint)."""

    reason = "bad_phone"


class ServiceExpiredError(LiankeRefusedError):
    """The box's service has expired. Only the message shows this; there is no code for it."""

    reason = "service_expired"


class DocumentTooLargeError(LiankeRefusedError):
    """The document is too large for the service (HTTP 413)."""

    reason = "document_too_large_for_service"


class UnknownCodeError(_NoAnswerToUploadsError):
    """The code of the answer is not documented, and the message does not show the cause either."""


class UnreadableCredentialsError(InputError):
    """The text or QR code does not contain a box id and key."""

    reason = "invalid_qr_code"


class TooManyRequestsError(LiankeError):
    """A request was not sent, because a user, or all users together, sent too many requests."""

    reason = "too_many_requests"


class DocumentUnreadableError(LiankeError):
    """The file to upload is missing or unreadable, or its size has changed."""

    reason = "document_unreadable"


class OptionError(InputError):
    """A print option is invalid, or this printer does not support it."""

    def __init__(
        self,
        reason: str,
        *,
        option: str,
        value: object = "",
        allowed: Iterable[object] = (),
        **more: str,
    ) -> None:
        """Build the placeholders of the translated text; `more` are placeholders that only some texts have."""
        self.option = option
        self.value = str(value)[:MAX_QUOTED]
        self.allowed = tuple(str(item) for item in allowed)
        named = ", ".join(self.allowed)
        super().__init__(reason, option=option, value=self.value, allowed=named, **more)


ERROR_BY_CODE: Mapping[int, type[LiankeRefusedError]] = {
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


def error_for_code(
    code: int | None, message: str, special: Mapping[int, type[LiankeRefusedError]] | None = None
) -> LiankeRefusedError:
    """Return the exception for an answer whose code is not 200.

    `message` is the vendor's text without secrets; `special` has the codes that mean something else at this endpoint.
    """
    if _EXPIRED.search(message):
        return ServiceExpiredError(message, code=code)
    kind: type[LiankeRefusedError] | None = None
    # 404 means a wrong box id or key, even if the message mentions an API key.
    if code != 404 and _ABOUT_API_KEY.search(message):
        kind = AuthenticationError
    elif code is not None:
        kind = (special or {}).get(code) or ERROR_BY_CODE.get(code)
    if kind is None and (code in (401, 403) or _ABOUT_ACCESS.search(message)):
        kind = AuthenticationError
    return (kind or UnknownCodeError)(message, code=code)


def without_frames[T](api: type[T]) -> type[T]:
    """Class decorator that clears the cause, context and traceback of each LiankeError raised by an async method.

    An error may live until the next poll or, in a reference cycle, until the garbage collector runs. Until then, its
    frames would keep the answer, which may be megabytes long, in memory.
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
