"""Turns go round, whoever comes with how much, and no place is lost whatever happens to who waits for it."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Hashable
from contextlib import suppress
import random
from typing import Any

import pytest

from custom_components.lianke import fair_queue
from custom_components.lianke.fair_queue import FairQueue, NoPlaceError, QueuePlace, Turns
from tests.clock import Clock, until


class Visitors:
    """Tasks that hold places until they are told to go."""

    def __init__(self, queue: FairQueue) -> None:
        self.queue = queue
        self.inside: list[str] = []
        self.order: list[str] = []
        self.refused: list[str] = []
        self._may_go: dict[str, asyncio.Event] = {}
        self.tasks: list[asyncio.Task[None]] = []

    async def enter(self, name: str, owner: Hashable = None, **how: object) -> asyncio.Task[None]:
        """Let somebody come, and wait until it is inside, in the line or refused."""
        may_go = self._may_go[name] = asyncio.Event()

        async def visit() -> None:
            try:
                async with self.queue.place(owner or name[0], **how):  # type: ignore[arg-type]
                    self.order.append(name)
                    self.inside.append(name)
                    try:
                        await may_go.wait()
                    finally:
                        self.inside.remove(name)
            except NoPlaceError:
                self.refused.append(name)

        self.tasks.append(task := asyncio.create_task(visit(), name=name))
        await asyncio.sleep(0)
        return task

    async def go(self, name: str) -> None:
        """Let somebody go, and the next ones come in."""
        self._may_go[name].set()
        await until(lambda: name not in self.inside)
        await asyncio.sleep(0)

    async def go_all(self) -> None:
        while self.inside:
            await self.go(self.inside[0])


@pytest.fixture
async def visitors() -> AsyncGenerator[Callable[..., Visitors]]:
    made: list[Visitors] = []

    def make(*places: int, **bounds: Any) -> Visitors:
        made.append(Visitors(FairQueue(*places, **bounds)))
        return made[-1]

    yield make
    for one in made:
        for task in one.tasks:
            task.cancel()
        await asyncio.gather(*one.tasks, return_exceptions=True)
        assert (one.queue.taken, one.queue.waiting) == (0, 0)
        assert not one.queue._counts


async def test_whose_turn_was_longest_ago_goes_first(visitors: Callable[..., Visitors]) -> None:
    """One who has many things to do has one turn in a round, also if all of them came first."""
    here = visitors(1)
    for name in ("a1", "a2", "a3", "b1", "b2", "c1"):
        await here.enter(name)
    await here.go("a1")
    # Who had a turn, and comes again, stands behind those that had none for longer.
    await here.enter("d1")
    await here.go_all()
    assert here.order == ["a1", "b1", "c1", "d1", "a2", "b2", "a3"]


async def test_a_group_has_turns_like_one(visitors: Callable[..., Visitors]) -> None:
    """And its members among themselves, however many they are."""
    here = visitors(1)
    await here.enter("first")
    for name, owner in (
        ("a1", ("lan", "a")),
        ("a2", ("lan", "a")),
        ("b1", ("lan", "b")),
        ("c1", ("lan", "c")),
        ("anna 1", ("anna",)),
        ("anna 2", ("anna",)),
        ("anna 3", ("anna",)),
    ):
        await here.enter(name, owner)
    await here.go_all()
    assert here.order[1:] == ["anna 1", "a1", "anna 2", "b1", "anna 3", "c1", "a2"]


async def test_a_share_leaves_places_to_those_who_come_later(
    visitors: Callable[..., Visitors],
) -> None:
    here = visitors(3, 2)
    for name in ("a1", "a2", "a3", "b1", "b2"):
        await here.enter(name)
    assert here.inside == ["a1", "a2", "b1"]
    assert here.queue.is_full("a")
    await here.go("b1")
    assert here.inside == ["a1", "a2", "b2"]
    await here.go("a1")
    assert here.inside == ["a2", "b2", "a3"]


async def test_a_smaller_rank_goes_first_and_others_limits_count(
    visitors: Callable[..., Visitors],
) -> None:
    here = visitors(2)
    await here.enter("a1", extra_limits={"uploads": 1})
    await here.enter("b1", extra_limits={"uploads": 1})
    await here.enter("c1", rank=2)
    await here.enter("d1", rank=2)
    await here.enter("e1", rank=1)
    assert here.inside == ["a1", "c1"]
    await here.go("c1")
    assert here.inside == ["a1", "e1"]
    await here.go("a1")
    assert here.inside == ["e1", "b1"]


async def test_the_line_is_bounded(visitors: Callable[..., Visitors]) -> None:
    here = visitors(1, max_waiting=3, max_waiting_per_owner=2)
    for name in ("a1", "a2", "a3", "a4", "b1", "c1"):
        await here.enter(name)
    assert here.refused == ["a4", "c1"]
    await here.enter("d1", max_wait=0)
    assert here.refused == ["a4", "c1", "d1"]
    await here.go_all()
    assert here.order == ["a1", "b1", "a2", "a3"]


async def test_nobody_waits_for_longer_than_its_patience(
    clock: Clock, visitors: Callable[..., Visitors]
) -> None:
    here = visitors(1)
    await here.enter("a1")
    await here.enter("b1", max_wait=20)
    await here.enter("c1", max_wait=30)
    clock.tick(21)
    await until(lambda: here.refused)
    assert here.refused == ["b1"]
    await here.go("a1")
    assert here.inside == ["c1"]


async def test_a_time_out_in_the_block_is_the_block_s_own() -> None:
    with pytest.raises(TimeoutError):
        async with FairQueue(1).place("a", max_wait=5):
            raise TimeoutError


async def test_a_place_whose_next_one_is_canceled_in_this_moment_goes_on(
    visitors: Callable[..., Visitors],
) -> None:
    """Before it was its turn, and after that, but before it could run."""
    here = visitors(1)
    await here.enter("a1")
    second = await here.enter("b1")
    third = await here.enter("c1")
    await here.enter("d1")
    second.cancel()
    here._may_go["a1"].set()
    # Here the place is given back, past the one that is canceled, to the third.
    await asyncio.sleep(0)
    third.cancel()
    await until(lambda: here.inside == ["d1"])
    assert here.order == ["a1", "d1"]
    assert (second.cancelled(), third.cancelled()) == (True, True)


async def test_patience_that_ends_when_the_turn_comes(
    clock: Clock, visitors: Callable[..., Visitors]
) -> None:
    """Either it holds the place or the next one does."""
    here = visitors(1)
    await here.enter("a1")
    await here.enter("b1", max_wait=20)
    await here.enter("c1")
    here._may_go["a1"].set()
    clock.tick(20)
    await until(lambda: here.inside not in ([], ["a1"]))
    assert here.inside in (["b1"], ["c1"])


async def test_a_place_that_is_kept_is_held_until_it_is_given_back() -> None:
    queue = FairQueue(1)
    async with queue.place("a") as place:
        place.keep()
    with pytest.raises(NoPlaceError):
        async with queue.place("b", max_wait=0):
            pass
    for _ in range(2):
        place.give_back()
    assert queue.taken == 0
    async with queue.place("b", max_wait=0):
        # A second time is harmless also when somebody else has it.
        place.give_back()
        assert queue.taken == 1
    # What fails before it is kept keeps none.
    with pytest.raises(ValueError, match="x"):
        async with queue.place("a"):
            raise ValueError("x")
    assert queue.taken == 0


async def test_a_rate_opens_the_queue_again(clock: Clock) -> None:
    """Without anybody's doing, and for who is the next one by then."""
    loop = asyncio.get_running_loop()

    times: list[float] = []

    def opens_in(_place: QueuePlace) -> float:
        return times[-2] + 60 - loop.time() if len(times) > 1 else 0

    def on_turn(_place: QueuePlace) -> None:
        times.append(loop.time())

    here = Visitors(FairQueue(10, opens_in=opens_in, on_turn=on_turn))
    for name in ("a1", "a2", "a3", "b1"):
        await here.enter(name)
    assert here.inside == ["a1", "a2"]
    clock.tick(59)
    await asyncio.sleep(0.05)
    assert here.inside == ["a1", "a2"]
    clock.tick(1)
    await until(lambda: len(here.inside) == 4)
    assert here.order == ["a1", "a2", "b1", "a3"]
    await here.go_all()
    await asyncio.gather(*here.tasks)


@pytest.mark.parametrize("seed", range(5))
async def test_whatever_happens_no_place_is_lost(seed: int) -> None:
    """Hundreds come, lose patience, are canceled at any moment or fail: bounds hold, and in the end all is free."""
    chance = random.Random(seed)
    queue = FairQueue(3, 2, max_waiting=20, max_waiting_per_owner=8)
    held: Counter[int] = Counter()
    served: Counter[int] = Counter()

    async def visit(owner: int) -> None:
        async with queue.place(owner, max_wait=chance.choice((None, 0, 0.001, 0.02))) as place:
            held[owner] += 1
            served[owner] += 1
            assert held.total() <= 3
            assert held[owner] <= 2
            try:
                await asyncio.sleep(chance.choice((0, 0, 0.001)))
                if chance.random() < 0.1:
                    raise ValueError
                if chance.random() < 0.1:
                    place.keep()
                    await asyncio.sleep(0)
                    place.give_back()
            finally:
                held[owner] -= 1
                place.give_back()

    tasks: list[asyncio.Task[None]] = []
    for _ in range(600):
        tasks.append(asyncio.create_task(visit(chance.randrange(5))))
        for _ in range(chance.randrange(3)):
            await asyncio.sleep(0)
        if chance.random() < 0.4:
            chance.choice(tasks).cancel()
        assert queue.waiting <= 20
    with suppress(TimeoutError):
        async with asyncio.timeout(20):
            await asyncio.wait(tasks)
    assert all(task.done() for task in tasks)
    failures = {type(task.exception()) for task in tasks if not task.cancelled()}
    assert failures <= {type(None), NoPlaceError, ValueError}
    assert (queue.taken, queue.waiting) == (0, 0)
    assert set(served) == set(range(5))


def test_few_owners_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose turn was longest ago is forgotten, and goes first all the same."""
    monkeypatch.setattr(fair_queue, "MAX_OWNERS", 3)
    turns = Turns()
    for owner in "abacd":
        turns.note(owner)
    assert sorted("abcdx", key=turns.last) == ["b", "x", "a", "c", "d"]
    assert len(turns._last) == 3
