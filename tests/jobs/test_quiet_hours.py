"""Quiet hours end when the clock on the wall says so, also around a change of summer time."""

from datetime import UTC, datetime, timedelta

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest

from custom_components.lianke.jobs.job import JobState
from custom_components.lianke.jobs.rules import quiet_until
from tests.clock import Clock
from tests.jobs.conftest import OpenShop

# In Berlin, at 2:00 clocks are put forward to 3:00, and at 3:00 back to 2:00: both at 1:00 UTC.
FORWARD = datetime(2027, 3, 28, 1, tzinfo=UTC)
BACK = datetime(2027, 10, 31, 1, tzinfo=UTC)
TIMES = ("01:45", "02:00", "02:30", "03:00", "22:00")
BERLIN = "Europe/Berlin"


def is_quiet(begin: str, end: str, moment: datetime) -> bool:
    """Return whether the clock on the wall is within these times, which may span midnight."""
    clock = f"{dt_util.as_local(moment):%H:%M}"
    return begin <= clock < end if begin < end else not end <= clock < begin


@pytest.mark.parametrize("change", [FORWARD, BACK])
async def test_they_end_with_the_clock_on_the_wall(hass: HomeAssistant, change: datetime) -> None:
    """Compared with a look at the clock every five minutes, of which all these times and changes are multiples."""
    await hass.config.async_set_time_zone(BERLIN)
    for begin in TIMES:
        for end in TIMES:
            if begin == end:
                continue
            options = {"quiet_from": f"{begin}:00", "quiet_to": f"{end}:00"}
            after = None
            # From the last minute on, so that the next end is known.
            for minute in range(40 * 60, -6 * 60, -5):
                now = change + timedelta(minutes=minute)
                if not is_quiet(begin, end, now):
                    assert quiet_until(options, now) is None
                    after = now
                elif after is not None and minute < 6 * 60:
                    assert quiet_until(options, now) == after, (begin, end, now)


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        # 2:30 is not that night: it is 3:00 at once.
        (FORWARD, FORWARD),
        # It is there twice. The first one ends them.
        (BACK, BACK - timedelta(minutes=30)),
    ],
)
async def test_a_job_goes_when_its_card_says_so(
    clock: Clock, open_shop: OpenShop, change: datetime, shown: datetime
) -> None:
    clock.tick(change - timedelta(hours=2) - dt_util.utcnow())
    async with open_shop(quiet_from="22:00:00", quiet_to="02:30:00") as shop:
        await shop.hass.config.async_set_time_zone(BERLIN)
        job = await shop.submit()
        assert job.current_delivery.hold_reason == "quiet_hours"
        assert quiet_until(shop.entry.options, dt_util.utcnow()) == shown
        await shop.tick((shown - dt_util.utcnow()).total_seconds() - 5)
        await shop.refresh()
        assert shop.queue.get(job.job_id).state is JobState.HELD
        await shop.tick(6)
        await shop.refresh()
        await shop.until(job, JobState.COMPLETED)
        assert dt_util.utcnow() - shown < timedelta(minutes=5)
