"""Values from outside: what they are converted to, and what becomes None."""

from datetime import UTC, date, datetime

import pytest

from custom_components.lianke.api.coerce import to_date, to_int, to_message, to_time


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7),
        ("7", 7),
        (" -7 ", -7),
        (7.0, 7),
        ("7.00", 7),
        (7.5, None),
        ("7.5", None),
        (True, None),
        (None, None),
        ("", None),
        ("seven", None),
        (float("nan"), None),
        (float("inf"), None),
        (10**30, None),
        ("9" * 30, None),
        ("٣", 3),
        ([], None),
    ],
)
def test_whole_numbers(value: object, number: int | None) -> None:
    assert to_int(value) == number


def test_messages_lose_what_is_secret() -> None:
    assert to_message("see https://ha.example/api/webhook/abc?job=1，然后") == "see …，然后"
    assert to_message("deviceKey=AbCdEf, ApiKey: xyz") == "deviceKey=…, ApiKey=…"
    assert to_message("key abcdef wrong, ABCDEF", ["abcdef", ""]) == "key … wrong, …"


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("2024年8月25日", date(2024, 8, 25)),
        ("2024-08-25", date(2024, 8, 25)),
        ("2024/8/25 00:00", date(2024, 8, 25)),
        ("2024年13月25日", None),
        ("永久", None),
        (None, None),
        (20240825, None),
    ],
)
def test_days(value: object, day: date | None) -> None:
    assert to_date(value) == day


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("Tue, 24 Nov 2026 07:00:00 GMT", datetime(2026, 11, 24, 7, tzinfo=UTC)),
        ("Tue, 24 Nov 2026 15:00:00 +0800", datetime(2026, 11, 24, 7, tzinfo=UTC)),
        ("Tue, 24 Nov 2026 07:00:00 -0000", datetime(2026, 11, 24, 7, tzinfo=UTC)),
        ("2026-11-24 15:00:00", datetime(2026, 11, 24, 7, tzinfo=UTC)),
        ("2026-11-24T07:00:00Z", datetime(2026, 11, 24, 7, tzinfo=UTC)),
        (1795503600, datetime(2026, 11, 24, 7, tzinfo=UTC)),
        ("1795503600000", datetime(2026, 11, 24, 7, tzinfo=UTC)),
        (0, None),
        (-5, None),
        (10**17, None),
        ("0001-01-01 00:00:00", None),
        ("9999-12-31T23:59:59-23:00", None),
        ("soon", None),
        ("", None),
        (None, None),
        ({}, None),
    ],
)
def test_times(value: object, moment: datetime | None) -> None:
    assert to_time(value) == moment
