"""Push messages about one box: when they are trusted, and whom they notify."""

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
import pytest

from custom_components.lianke.account.request_limits import Account
from custom_components.lianke.box.polling import (
    LATE_PUSH,
    MAX_USELESS,
    NOTIFY_PAUSE,
    USELESS_TIME,
    PushTracker,
)
from custom_components.lianke.box.storage import BoxStorage
from tests.clock import Clock, rest, until

ENTRY_ID = "entry"


def account() -> Account:
    """Return an account with one address."""
    found = Account("webhook")
    found.set_address("https://example.com")
    return found


@pytest.fixture
def storage(hass: HomeAssistant) -> BoxStorage:
    return BoxStorage(hass, ENTRY_ID)


@pytest.fixture
def pushes(hass: HomeAssistant, storage: BoxStorage) -> PushTracker:
    return PushTracker(hass, storage, account())


async def test_many_pushes_notify_once(
    clock: Clock, hass: HomeAssistant, storage: BoxStorage, pushes: PushTracker
) -> None:
    """Anyone who knows the address can send many: they must not become as many states."""
    calls: list[str] = []
    pushes.listen(lambda: calls.append("one"))
    end = pushes.listen(lambda: calls.append("two"))
    for _ in range(50):
        pushes.record()
    assert not calls
    assert storage.last_push_at is not None
    clock.tick(NOTIFY_PAUSE)
    await until(lambda: calls)
    assert calls == ["one", "two"]
    end()
    calls.clear()
    pushes.record()
    clock.tick(NOTIFY_PAUSE)
    await until(lambda: calls)
    assert calls == ["one"]
    # And their time outlives a restart.
    await storage.async_flush()
    again = BoxStorage(hass, ENTRY_ID)
    await again.async_load()
    assert again.last_push_at == storage.last_push_at


async def test_nobody_is_notified_after_the_end(
    clock: Clock, hass: HomeAssistant, pushes: PushTracker
) -> None:
    calls: list[str] = []
    pushes.listen(lambda: calls.append("notified"))
    pushes.record()
    pushes.stop()
    clock.tick(NOTIFY_PAUSE)
    await rest(hass)
    assert not calls


async def test_a_push_is_not_lost_with_a_failed_poll(pushes: PushTracker) -> None:
    pushes.record()
    assert pushes.consume()
    assert not pushes.consume()
    # The poll failed: what it should have seen is still to be seen.
    pushes.restore(pending=True)
    assert pushes.consume()
    # One came while a poll failed that none had announced.
    pushes.record()
    pushes.restore(pending=False)
    assert pushes.consume()
    pushes.stop()


@pytest.mark.parametrize(("seconds", "proven"), [(LATE_PUSH - 1, True), (LATE_PUSH + 1, False)])
async def test_a_push_that_is_a_little_late(
    clock: Clock, pushes: PushTracker, seconds: float, *, proven: bool
) -> None:
    pushes.record_found_change(announced=True)
    assert pushes.proven
    pushes.record_found_change(announced=False)
    assert not pushes.proven
    clock.tick(seconds)
    pushes.record()
    assert pushes.proven is proven
    pushes.stop()


async def test_forged_pushes_do_not_make_polling_rarer(
    storage: BoxStorage, pushes: PushTracker
) -> None:
    """A flood of them precedes every change, and so once made pushes look useful: 318 s for 60."""
    for _ in range(MAX_USELESS):
        pushes.record()
        assert pushes.consume()
        pushes.record_useless()
    pushes.record()
    pushes.record_found_change(announced=pushes.consume())
    assert not pushes.proven
    # Nor does one that comes a little after a change.
    pushes.record_found_change(announced=False)
    pushes.record()
    assert not pushes.proven
    pushes.stop()


async def test_a_flood_of_pushes_ends_the_trust_in_them(
    pushes: PushTracker, freezer: FrozenDateTimeFactory
) -> None:
    pushes.record_found_change(announced=True)
    assert pushes.proven
    for _ in range(MAX_USELESS):
        assert pushes.proven
        pushes.record_useless()
    assert not pushes.proven
    # Long after the flood a useful one counts again.
    freezer.tick(USELESS_TIME + 1)
    pushes.record_found_change(announced=True)
    assert pushes.proven
