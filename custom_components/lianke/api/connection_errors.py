"""Failures of a connection as LiankeErrors."""

from typing import NoReturn

from aiohttp import (
    ClientConnectionError,
    ClientConnectorError,
    ClientError,
    ClientPayloadError,
    ConnectionTimeoutError,
    InvalidURL,
)

from .errors import LiankeConnectionError, LiankeError, LiankeResponseError, LiankeTimeoutError


def raise_clean(err: ClientError | OSError, *, may_have_arrived: bool) -> NoReturn:
    """Raise the LiankeError for a failure below, without its text and cause, which hold the address."""
    failure: LiankeError
    if isinstance(err, ConnectionTimeoutError):
        failure = LiankeTimeoutError(may_have_arrived=False)
    elif isinstance(err, TimeoutError):
        failure = LiankeTimeoutError(may_have_arrived=may_have_arrived)
    elif isinstance(err, ClientConnectorError | InvalidURL):
        failure = LiankeConnectionError(may_have_arrived=False)
    elif isinstance(err, ClientConnectionError | ClientPayloadError | OSError):
        failure = LiankeConnectionError(may_have_arrived=may_have_arrived)
    else:
        failure = LiankeResponseError("no HTTP")
    raise failure from None
