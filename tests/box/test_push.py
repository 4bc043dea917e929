"""Push messages about one box: when they are believed, and who hears of them."""

import asyncio

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
import pytest

from custom_components.lianke.box.push import LATE_PUSH, MAX_USELESS, PAUSE, USELESS_TIME, Pushes
from custom_components.lianke.box.storage import BoxMemory
from tests.clock import Clock, moved_by_hand

ENTRY_ID = "entry"


class Share:
    """An account with one address."""

    fingerprint: str | None = "here"

    def stretched(self, interval: float) -> float:
        """Not of interest."""
        return interval

    async def async_admit(self, requests: int) -> None:
        """Not of interest."""


@pytest.fixture
def memory(hass: HomeAssistant) -> BoxMemory:
    return BoxMemory(hass, ENTRY_ID)


@pytest.fixture
def pushes(hass: HomeAssistant, memory: BoxMemory) -> Pushes:
    return Pushes(hass, memory, Share())


async def told(calls: list[str]) -> None:
    """Wait in real time until somebody was told."""
    async with asyncio.timeout(PAUSE + 5):
        while not calls:  # nothing sets an event here
            await asyncio.sleep(0.01)


async def test_many_pushes_are_told_as_one(
    hass: HomeAssistant, memory: BoxMemory, pushes: Pushes
) -> None:
    """Anyone who knows the address can send many: they must not become as many states."""
    calls: list[str] = []
    pushes.listen(lambda: calls.append("one"))
    end = pushes.listen(lambda: calls.append("two"))
    for _ in range(50):
        pushes.note()
    assert not calls
    assert memory.last_push_at is not None
    await told(calls)
    assert calls == ["one", "two"]
    end()
    calls.clear()
    pushes.note()
    await told(calls)
    assert calls == ["one"]
    # And their time outlives a restart.
    await memory.async_flush()
    again = BoxMemory(hass, ENTRY_ID)
    await again.async_load()
    assert again.last_push_at == memory.last_push_at


async def test_nobody_is_told_after_the_end(pushes: Pushes) -> None:
    calls: list[str] = []
    pushes.listen(lambda: calls.append("told"))
    pushes.note()
    pushes.stop()
    await asyncio.sleep(PAUSE + 0.1)
    assert not calls


async def test_a_push_is_not_lost_with_a_failed_poll(pushes: Pushes) -> None:
    pushes.note()
    assert pushes.take()
    assert not pushes.take()
    # The poll failed: what it should have seen is still to be seen.
    pushes.give_back(pending=True)
    assert pushes.take()
    # One came while a poll failed that none had announced.
    pushes.note()
    pushes.give_back(pending=False)
    assert pushes.take()
    pushes.stop()


@pytest.mark.parametrize(("seconds", "proven"), [(LATE_PUSH - 1, True), (LATE_PUSH + 1, False)])
async def test_a_push_that_is_a_little_late(
    hass: HomeAssistant, seconds: float, *, proven: bool
) -> None:
    async with moved_by_hand() as clock:
        assert isinstance(clock, Clock)
        pushes = Pushes(hass, BoxMemory(hass, ENTRY_ID), Share())
        pushes.weigh(announced=True)
        assert pushes.proven
        pushes.weigh(announced=False)
        assert not pushes.proven
        clock.tick(seconds)
        pushes.note()
        assert pushes.proven is proven
        pushes.stop()


async def test_forged_pushes_do_not_make_polling_rarer(memory: BoxMemory, pushes: Pushes) -> None:
    """A flood of them precedes every change, and so once made pushes look useful: 318 s for 60."""
    for _ in range(MAX_USELESS):
        pushes.note()
        assert pushes.take()
        pushes.note_useless()
    pushes.note()
    pushes.weigh(announced=pushes.take())
    assert not pushes.proven
    # Nor does one that comes a little after a change.
    pushes.weigh(announced=False)
    pushes.note()
    assert not pushes.proven
    pushes.stop()


async def test_a_flood_of_pushes_ends_the_trust_in_them(
    pushes: Pushes, freezer: FrozenDateTimeFactory
) -> None:
    pushes.weigh(announced=True)
    assert pushes.proven
    for _ in range(MAX_USELESS):
        assert pushes.proven
        pushes.note_useless()
    assert not pushes.proven
    # Long after the flood a useful one counts again.
    freezer.tick(USELESS_TIME + 1)
    pushes.weigh(announced=True)
    assert pushes.proven
