"""What the boxes of one key share: places, pauses, a polling rate, an address."""

import asyncio
from collections.abc import Generator
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.lianke.account.request_limits import (
    ALL_USERS_BURST,
    CONDITION_INTERVAL,
    COUNT_WAIT,
    KEY_PAUSE_LIMIT,
    LOOKUP_WAIT,
    MAX_A_MINUTE,
    MAX_LOOKUPS,
    MAX_LOOKUPS_A_MINUTE,
    MAX_SUBMISSIONS_A_MINUTE,
    MAX_UNDER_WAY,
    MAX_UPLOADS,
    PAUSE_FORGOTTEN,
    POLL_BURST,
    POLL_RATE,
    RESERVED_FOR_POLLS,
    RESERVED_FOR_TRACKING,
    SERVICE_PAUSE_LIMIT,
    USER_BURST,
    Account,
    KeyWatch,
)
from custom_components.lianke.api.errors import TooManyRequestsError
from custom_components.lianke.api.transport import Purpose
from tests.clock import Clock


@pytest.fixture
def account() -> Account:
    return Account("hook")


@pytest.fixture
def waits(freezer: FrozenDateTimeFactory) -> Generator[list[float]]:
    """Let waiting take no time of ours, and tell for how long it was."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        freezer.tick(seconds)

    with patch("custom_components.lianke.account.request_limits.asyncio.sleep", sleep):
        yield waited


async def test_four_requests_under_way(account: Account) -> None:
    under_way = 0
    most = 0
    go_on = asyncio.Event()

    async def request() -> None:
        nonlocal under_way, most
        async with account.request_slot(Purpose.TRACK):
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
        async with account.request_slot(Purpose.SUBMIT, upload=True):
            begun.append(number)
            await go_on.wait()

    uploads = [asyncio.create_task(upload(number)) for number in range(7)]
    await asyncio.sleep(0)
    for _ in range(3):
        async with asyncio.timeout(30), account.request_slot(Purpose.POLL):
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
    async with (
        asyncio.timeout(30),
        account.request_slot(Purpose.SUBMIT, upload=True),
        account.request_slot(Purpose.SUBMIT, upload=True),
    ):
        pass


async def enter(account: Account, purpose: Purpose, *, upload: bool = False) -> None:
    """Have a turn for a request for this purpose."""
    async with account.request_slot(purpose, upload=upload):
        pass


async def passes(clock: Clock, account: Account, purpose: Purpose = Purpose.POLL) -> int:
    """Return the seconds until a request for this purpose had its turn."""
    task = asyncio.create_task(enter(account, purpose))
    seconds = 0
    while not await done(task):
        clock.tick(1)
        seconds += 1
        assert seconds < 1000
    return seconds


async def done(*tasks: asyncio.Task[None]) -> bool:
    """Let what is due happen, and return whether the tasks have ended."""
    for _ in range(200):
        await asyncio.sleep(0)
    return all(task.done() for task in tasks)


async def waits_out(
    clock: Clock, account: Account, seconds: int, purpose: Purpose = Purpose.POLL
) -> bool:
    """Return whether a request has its turn after so many seconds, and not before."""
    task = asyncio.create_task(enter(account, purpose))
    await done(task)
    clock.tick(seconds - 1)
    early = await done(task)
    clock.tick(1)
    return not early and await done(task)


async def test_pauses_grow_while_the_service_complains(clock: Clock, account: Account) -> None:
    for expected in (60, 120, 240, SERVICE_PAUSE_LIMIT, SERVICE_PAUSE_LIMIT):
        account.on_too_frequent()
        # The rest of a burst complains as well.
        account.on_too_frequent()
        assert await waits_out(clock, account, expected)
    assert await passes(clock, account) == 0

    clock.tick(PAUSE_FORGOTTEN)
    account.on_too_frequent()
    assert await waits_out(clock, account, 60, Purpose.SUBMIT)


async def test_a_pause_that_begins_anew_is_waited_out(clock: Clock, account: Account) -> None:
    account.on_too_frequent()
    task = asyncio.create_task(enter(account, Purpose.SUBMIT))
    await done(task)
    # The very moment the first one is over, before anybody has had a turn.
    clock.tick(60)
    account.on_too_frequent()
    assert not await done(task)
    clock.tick(119)
    assert not await done(task)
    clock.tick(1)
    assert await done(task)


def test_polling_of_all_boxes_stays_within_the_rate() -> None:
    for boxes in (0, 1, 5, 14, 15, 30, 49, 50, 51, 100, 1000):
        account = Account("hook")
        for _ in range(boxes):
            account.join()
        interval = account.stretch_interval(60)
        assert interval >= 60
        per_box = 2 / interval + 1 / max(interval, CONDITION_INTERVAL)
        assert boxes * per_box <= POLL_RATE * 1.000001
        if boxes < 14:
            assert interval == 60
        assert account.stretch_interval(4000) == max(interval, 4000)


def test_boxes_whose_printers_are_watched_stay_within_the_rate(account: Account) -> None:
    for number in range(40):
        account.join()
        account.set_watched(f"box {number}", 1)
        boxes = number + 1
        everything = boxes / account.watch_interval + 2 * boxes / account.stretch_interval(60)
        assert everything <= POLL_RATE * 1.001


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
        await account.async_wait_for_poll_rate(2)
    passed = (freezer.time_to_freeze - start).total_seconds()
    assert passed == pytest.approx((200 - POLL_BURST) / POLL_RATE)
    assert max(waits) == pytest.approx(2 / POLL_RATE)
    # After some peace a burst is free again.
    freezer.tick(60)
    waits.clear()
    for _ in range(POLL_BURST // 2):
        await account.async_wait_for_poll_rate(2)
    assert waits == []
    await account.async_wait_for_poll_rate(1)
    assert waits == [pytest.approx(1 / POLL_RATE)]


async def test_no_minute_has_more_requests_than_fit(clock: Clock, account: Account) -> None:
    sent: list[tuple[int, Purpose]] = []
    seconds = 0

    async def request(purpose: Purpose) -> None:
        async with account.request_slot(purpose, user=str(len(sent))):
            sent.append((seconds, purpose))

    wanted = (Purpose.SUBMIT, Purpose.TRACK, Purpose.POLL)
    tasks = [asyncio.create_task(request(purpose)) for purpose in wanted for _ in range(80)]
    while not await done(*tasks):
        clock.tick(1)
        seconds += 1
        assert seconds < 600
    for moment in range(seconds):
        minute = [purpose for at, purpose in sent if moment <= at < moment + 60]
        submitted = minute.count(Purpose.SUBMIT)
        assert submitted <= MAX_SUBMISSIONS_A_MINUTE
        assert len(minute) - submitted <= MAX_A_MINUTE
        assert minute.count(Purpose.POLL) <= MAX_A_MINUTE - RESERVED_FOR_TRACKING
    # What is more urgent leaves some room in the first minute.
    assert [purpose for at, purpose in sent if at < 60].count(Purpose.POLL) == RESERVED_FOR_POLLS


async def test_fifty_jobs_are_sent_without_waiting_for_each_other(
    clock: Clock, account: Account
) -> None:
    """They once took 50 s, since they were counted like polls."""
    for _ in range(50):
        assert await passes(clock, account, Purpose.SUBMIT) == 0


async def test_what_waits_goes_in_the_order_of_its_purpose(account: Account) -> None:
    order: list[Purpose] = []
    holding: list[Purpose] = []
    go_on = asyncio.Event()

    async def hold(purpose: Purpose = Purpose.POLL) -> None:
        async with account.request_slot(purpose):
            holding.append(purpose)
            await go_on.wait()

    async def request(purpose: Purpose) -> None:
        async with account.request_slot(purpose):
            order.append(purpose)

    held = [asyncio.create_task(hold()) for _ in range(MAX_UNDER_WAY)]
    # One place stays for jobs.
    held.append(asyncio.create_task(hold(Purpose.SUBMIT)))
    await done(*held)
    assert holding == [Purpose.POLL] * (MAX_UNDER_WAY - 1) + [Purpose.SUBMIT]
    late = [asyncio.create_task(request(purpose)) for purpose in reversed(Purpose)]
    await done(*late)
    assert order == []
    go_on.set()
    await asyncio.gather(*held, *late)
    assert order == list(Purpose)


async def test_users_have_a_small_share_each_and_together(clock: Clock, account: Account) -> None:
    for _ in range(USER_BURST):
        account.user_throttle("one")
    with pytest.raises(TooManyRequestsError):
        account.user_throttle("one")
    account.user_throttle("two")
    account.user_throttle(None)
    for number in range(ALL_USERS_BURST - USER_BURST - 2):
        account.user_throttle(f"user {number}")
    with pytest.raises(TooManyRequestsError):
        account.user_throttle("three")
    clock.tick(60)
    for _ in range(USER_BURST):
        account.user_throttle("one")
    with pytest.raises(TooManyRequestsError):
        account.user_throttle("one")


async def test_what_users_look_up_takes_few_places_and_does_not_wait_for_long(
    clock: Clock, account: Account
) -> None:
    go_on = asyncio.Event()
    refused: list[str] = []
    holding: list[str] = []

    async def look(user: str) -> None:
        try:
            async with account.user_throttle(user).request_slot(Purpose.POLL):
                holding.append(user)
                await go_on.wait()
        except TooManyRequestsError:
            refused.append(user)

    users = ("one", "one", "two", "three")
    tasks = [asyncio.create_task(look(user)) for user in users]
    assert not await done(*tasks)
    assert holding == ["one", "two"]
    assert len(holding) == MAX_LOOKUPS
    # Everybody else goes past them.
    for purpose in (Purpose.POLL, Purpose.TRACK, Purpose.SUBMIT):
        assert await passes(clock, account, purpose) == 0
    clock.tick(LOOKUP_WAIT)
    await done(*tasks)
    assert refused == ["one", "three"]
    go_on.set()
    await asyncio.gather(*tasks)


async def test_an_endpoint_that_users_ask_too_often_stops_users_only(
    clock: Clock, account: Account
) -> None:
    """A search for network printers may be made twice a day; the second once stopped all printing."""
    account.user_throttle("one").on_too_frequent()
    assert await passes(clock, account, Purpose.SUBMIT) == 0
    assert await passes(clock, account, Purpose.POLL) == 0
    assert await passes(clock, account, Purpose.PICTURE) == 0
    await is_given_up(clock, account)


async def is_given_up(clock: Clock, account: Account) -> None:
    """See that a lookup has no turn for as long as it waits."""
    task = asyncio.create_task(enter(account, Purpose.LOOKUP))
    assert not await done(task)
    clock.tick(LOOKUP_WAIT)
    await done(task)
    assert isinstance(task.exception(), TooManyRequestsError)


async def test_lookups_of_all_users_stay_few_in_a_minute(clock: Clock, account: Account) -> None:
    for _ in range(MAX_LOOKUPS_A_MINUTE):
        await enter(account, Purpose.LOOKUP)
    assert await passes(clock, account, Purpose.POLL) == 0
    await is_given_up(clock, account)


def test_the_address_is_told_apart_and_not_told(account: Account) -> None:
    changes: list[str | None] = []
    unsubscribe = account.listen(lambda: changes.append(account.address))
    assert account.fingerprint is None
    account.set_address("https://one.example/hook")
    one = account.fingerprint
    account.set_address("https://one.example/hook")
    account.set_address("https://two.example/hook")
    assert one
    assert account.fingerprint not in (None, one)
    assert "example" not in one
    unsubscribe()
    account.set_address(None)
    assert changes == ["https://one.example/hook", "https://two.example/hook"]


async def test_a_print_does_not_wait_long_for_its_page_count(
    clock: Clock, account: Account
) -> None:
    """Somebody's long preview held the count, and so the print, of another's document for half a minute."""
    async with account.user_throttle("one").request_slot(Purpose.LOOKUP, upload=True):
        counting = asyncio.create_task(enter(account, Purpose.COUNT, upload=True))
        looking = asyncio.create_task(enter(account, Purpose.LOOKUP, upload=True))
        await asyncio.sleep(0)
        clock.tick(COUNT_WAIT)
        with pytest.raises(TooManyRequestsError):
            await counting
        assert not looking.done()
        again = asyncio.create_task(enter(account, Purpose.COUNT, upload=True))
        await asyncio.sleep(0)
    # The one that a print waits for goes first.
    await again
    await looking


def test_all_that_wait_are_woken_once(clock: Clock) -> None:
    watch, woken = KeyWatch(), []
    watch.await_key("a", lambda: woken.append("a"))
    watch.await_key("b", lambda: woken.append("b"))
    watch.await_key("gone", lambda: woken.append("gone"))
    watch.forget("gone")
    watch.key_works("b")
    watch.key_works()
    assert woken == ["a"]


def test_a_box_that_is_refused_alone_is_woken_less_often(clock: Clock) -> None:
    """The others show once a minute that the key works."""
    watch, woken = KeyWatch(), 0

    def wake() -> None:
        nonlocal woken
        woken += 1
        watch.await_key("alone", wake)

    watch.await_key("alone", wake)
    a_day = 24 * 60
    for _ in range(a_day):
        watch.key_works("other")
        clock.tick(60)
    # Doubled from a minute on until it is an hour, and each hour from then on.
    assert 24 <= woken <= 24 + 7
    assert KEY_PAUSE_LIMIT == 60 * 60
    watch.key_works("alone")
    watch.await_key("alone", wake)
    watch.key_works("other")
    assert 25 <= woken <= 25 + 7
