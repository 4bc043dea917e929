"""The options of a config entry for print jobs, read when used."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

from homeassistant.util import dt as dt_util

from ..const import (
    CONF_HOLD_HOURS,
    CONF_KEEP_FAILED_HOURS,
    CONF_KEEP_PRINTED_HOURS,
    CONF_MAX_DOCUMENT_MB,
    CONF_MAX_JOBS_PER_HOUR,
    CONF_MAX_PAGES,
    CONF_QUIET_FROM,
    CONF_QUIET_TO,
    DEFAULT_HOLD_HOURS,
    DEFAULT_KEEP_FAILED_HOURS,
    DEFAULT_KEEP_PRINTED_HOURS,
    DEFAULT_MAX_DOCUMENT_MB,
    DEFAULT_MAX_JOBS_PER_HOUR,
    DEFAULT_MAX_PAGES,
)


def hold_time(options: Mapping[str, Any]) -> timedelta:
    """Return how long a job waits at most if the call does not say."""
    return timedelta(hours=options.get(CONF_HOLD_HOURS, DEFAULT_HOLD_HOURS))


def keep_failed_time(options: Mapping[str, Any]) -> timedelta:
    """Return how long the document of a job that was not printed is kept."""
    return timedelta(hours=options.get(CONF_KEEP_FAILED_HOURS, DEFAULT_KEEP_FAILED_HOURS))


def keep_printed_time(options: Mapping[str, Any]) -> timedelta:
    """Return how long the document of a job that was printed or canceled is kept."""
    return timedelta(hours=options.get(CONF_KEEP_PRINTED_HOURS, DEFAULT_KEEP_PRINTED_HOURS))


def max_document_bytes(options: Mapping[str, Any]) -> int:
    """Return the most bytes of a document."""
    return int(options.get(CONF_MAX_DOCUMENT_MB, DEFAULT_MAX_DOCUMENT_MB)) * 1024 * 1024


def max_pages(options: Mapping[str, Any]) -> int:
    """Return the most pages times copies of one job."""
    return int(options.get(CONF_MAX_PAGES, DEFAULT_MAX_PAGES))


def max_jobs_per_hour(options: Mapping[str, Any]) -> int:
    """Return the most jobs of one printer in an hour."""
    return int(options.get(CONF_MAX_JOBS_PER_HOUR, DEFAULT_MAX_JOBS_PER_HOUR))


def quiet_until(options: Mapping[str, Any], now: datetime) -> datetime | None:
    """Return when the current quiet hours end, None outside of them.

    They are in Home Assistant's time zone and may span midnight. With equal or missing ends
    there are none.
    """
    begin = dt_util.parse_time(options.get(CONF_QUIET_FROM) or "")
    end = dt_util.parse_time(options.get(CONF_QUIET_TO) or "")
    if begin is None or end is None or begin == end:
        return None
    local = dt_util.as_local(now)
    clock = local.time()
    if begin < end and not begin <= clock < end:
        return None
    if begin > end and end <= clock < begin:
        return None
    day = local if clock < end else local + timedelta(days=1)
    return _local_moment(day, end, now)


def _local_moment(day: datetime, clock: time, now: datetime) -> datetime:
    """Return a local time of a day as UTC.

    Of a time that comes twice, where summer time ends, the first one after `now` counts.
    """
    local = datetime.combine(day.date(), clock).replace(tzinfo=day.tzinfo)
    moment = dt_util.as_utc(local)
    return moment if moment > now else dt_util.as_utc(local.replace(fold=1))
