"""What the boxes of one key share: places, pauses, a polling rate, an address."""

import asyncio
from collections.abc import Generator
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.lianke.account import (
    CONDITION_INTERVAL,
    KEPT_FOR_JOBS,
    MAX_A_MINUTE,
    MAX_UNDER_WAY,
    MAX_UPLOADS,
    PAUSE_FORGOTTEN,
    PAUSE_LIMIT,
    POLL_BURST,
    POLL_RATE,
    Account,
)


@pytest.fixture
def account() -> Account:
    """Return an account without boxes."""
    return Account("hook")


@pytest.fixture
def waits(freezer: FrozenDateTimeFactory) -> Generator[list[float]]:
    """Let waiting take no time of ours, and tell for how long it was."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        freezer.tick(seconds)

    with patch("custom_components.lianke.account.asyncio.sleep", sleep):
        yield waited


async def test_four_requests_under_way(account: Account) -> None:
    under_way = 0
    most = 0
    go_on = asyncio.Event()

    async def request() -> None:
        nonlocal under_way, most
        async with account.slot():
            under_way += 1
            most = max(most, under_way)
            await go_on.wait()
            under_way -= 1

    tasks = [asyncio.create_task(request()) for _ in range(10)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert under_way == MAX_UNDER_WAY
    go_on.set()
    await asyncio.gather(*tasks)
    assert most == MAX_UNDER_WAY


async def test_uploads_leave_a_place_to_quick_requests(account: Account) -> None:
    begun: list[int] = []
    go_on = asyncio.Event()

    async def upload(number: int) -> None:
        async with account.slot(upload=True):
            begun.append(number)
            await go_on.wait()

    uploads = [asyncio.create_task(upload(number)) for number in range(7)]
    await asyncio.sleep(0)
    for _ in range(3):
        async with asyncio.timeout(1), account.slot():
            assert begun == [0, 1, 2]
    assert len(begun) == MAX_UPLOADS < MAX_UNDER_WAY
    # One that is canceled makes room for the next, also one that never had its turn.
    uploads[4].cancel()
    uploads[1].cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    assert begun == [0, 1, 2, 3]
    go_on.set()
    await asyncio.gather(*uploads, return_exceptions=True)
    assert begun == [0, 1, 2, 3, 5, 6]
    async with asyncio.timeout(1), account.slot(upload=True), account.slot(upload=True):
        pass


async def test_pauses_grow_while_the_service_complains(
    account: Account, waits: list[float], freezer: FrozenDateTimeFactory
) -> None:
    for expected in (60, 120, 240, PAUSE_LIMIT, PAUSE_LIMIT):
        account.too_frequent()
        # The rest of a burst complains as well.
        account.too_frequent()
        async with account.slot():
            pass
        assert waits == [pytest.approx(expected)]
        waits.clear()
    async with account.slot():
        pass
    assert waits == []

    freezer.tick(PAUSE_FORGOTTEN)
    account.too_frequent()
    async with account.slot():
        pass
    assert waits == [pytest.approx(60)]


async def test_a_pause_that_grows_meanwhile_is_waited_out(
    account: Account, freezer: FrozenDateTimeFactory
) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        freezer.tick(seconds)
        if len(waited) == 1:
            account.too_frequent()

    account.too_frequent()
    with patch("custom_components.lianke.account.asyncio.sleep", sleep):
        async with account.slot():
            pass
    assert waited == [pytest.approx(60), pytest.approx(120)]


@pytest.mark.parametrize("boxes", [0, 1, 5, 14, 15, 30, 49, 50, 51, 100, 1000])
def test_polling_of_all_boxes_stays_within_the_rate(account: Account, boxes: int) -> None:
    for _ in range(boxes):
        account.join()
    interval = account.stretched(60)
    assert interval >= 60
    per_box = 2 / interval + 1 / max(interval, CONDITION_INTERVAL)
    assert boxes * per_box <= POLL_RATE * 1.000001
    if boxes < 14:
        assert interval == 60
    assert account.stretched(4000) == max(interval, 4000)


def test_boxes_leave(account: Account) -> None:
    leave = account.join()
    account.join()
    assert account.box_count == 2
    leave()
    assert account.box_count == 1


async def test_polling_requests_are_spread(
    account: Account, waits: list[float], freezer: FrozenDateTimeFactory
) -> None:
    start = freezer.time_to_freeze
    for _ in range(100):
        await account.async_admit(2)
    passed = (freezer.time_to_freeze - start).total_seconds()
    assert passed == pytest.approx((200 - POLL_BURST) / POLL_RATE)
    assert max(waits) == pytest.approx(2 / POLL_RATE)
    # After some peace a burst is free again.
    freezer.tick(60)
    waits.clear()
    for _ in range(POLL_BURST // 2):
        await account.async_admit(2)
    assert waits == []
    await account.async_admit(1)
    assert waits == [pytest.approx(1 / POLL_RATE)]


async def test_no_minute_has_more_requests_than_fit(
    account: Account, waits: list[float], freezer: FrozenDateTimeFactory
) -> None:
    sent: list[float] = []

    async def request() -> None:
        async with account.slot():
            sent.append(freezer.time_to_freeze.timestamp())

    await asyncio.gather(*(request() for _ in range(4 * MAX_A_MINUTE)))
    assert sent == sorted(sent)
    assert sent[-1] - sent[0] == pytest.approx(180)
    for moment in sent:
        assert sum(moment <= other < moment + 60 for other in sent) <= MAX_A_MINUTE


async def test_polling_leaves_the_last_places_of_a_minute_to_jobs(
    account: Account, waits: list[float]
) -> None:
    for _ in range(MAX_A_MINUTE - KEPT_FOR_JOBS):
        async with account.slot():
            pass
    async with account.slot():
        assert waits == []
    await account.async_admit(2)
    assert waits == [pytest.approx(60)]


def test_the_address_is_told_apart_and_not_told(account: Account) -> None:
    changes: list[str | None] = []
    unsubscribe = account.listen(lambda: changes.append(account.address))
    assert account.fingerprint is None
    assert account.callback_url("token") is None
    account.set_address("https://one.example/hook")
    one = account.fingerprint
    account.set_address("https://one.example/hook")
    assert account.callback_url("token") == "https://one.example/hook?job=token"
    account.set_address("https://two.example/hook")
    assert one
    assert account.fingerprint not in (None, one)
    assert "example" not in one
    unsubscribe()
    account.set_address(None)
    assert changes == ["https://one.example/hook", "https://two.example/hook"]
