"""How the service's clock differs from ours, by the `Date` of its answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest

from custom_components.lianke.api import transport
from custom_components.lianke.api.transport import ClockReading, ServiceClock

AT = 1_795_000_000.0
DATE = "Wed, 18 Nov 2026 11:06:40 GMT"


@contextmanager
def now(*, wall: float, steady: float) -> Iterator[None]:
    """Let it be this moment."""
    with (
        patch.object(transport, "time", lambda: wall),
        patch.object(transport, "monotonic", lambda: steady),
    ):
        yield


def test_the_bounds_are_the_way_there_and_back() -> None:
    """Written between request and answer, and cut to whole seconds."""
    clock = ServiceClock()
    assert clock.offset is None
    clock.measure(
        DATE,
        ClockReading(wall=AT - 1200.5, monotonic=10.0),
        ClockReading(wall=AT - 1200, monotonic=10.5),
    )
    with now(wall=AT - 1200, steady=10.5):
        assert clock.offset == (1_199_999, 1_201_501)


def test_a_clock_that_is_put_right_afterwards_makes_it_unknown() -> None:
    """The difference was that of the clock before; an hour's drift is none."""
    clock = ServiceClock()
    clock.measure(
        DATE, ClockReading(wall=AT, monotonic=10.0), ClockReading(wall=AT, monotonic=10.0)
    )
    with now(wall=AT + 3600.2, steady=3610.0):
        assert clock.offset is not None
    with now(wall=AT + 3660, steady=3610.0):
        assert clock.offset is None
    with now(wall=AT + 3600.2, steady=3610.0):
        assert clock.offset is None


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "yesterday",
        "Wed, 99 Nov 2026 11:06:40 GMT",
        "x" * 5000,
        "Thu, 01 Jan 1970 00:00:00 GMT",
    ],
)
def test_what_is_no_date_tells_nothing(header: str | None) -> None:
    clock = ServiceClock()
    clock.measure(
        header, ClockReading(wall=AT, monotonic=10.0), ClockReading(wall=AT, monotonic=10.0)
    )
    assert clock.offset is None


def test_a_clock_that_is_put_right_meanwhile_tells_nothing() -> None:
    clock = ServiceClock()
    clock.measure(
        DATE, ClockReading(wall=AT, monotonic=10.0), ClockReading(wall=AT + 3600, monotonic=10.5)
    )
    assert clock.offset is None
