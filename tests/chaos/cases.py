"""Scripted cases: each is one way in which somebody was told wrongly, or paper was wasted.

A case happens in a world of its own; then all is put in order and the judge looks at words and paper. What a case
expects beyond that it says itself.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from tests.simulator import Box
from tests.simulator.models import Outcome

from .home import CallError, Home
from .judge import Judgement, judge
from .proxy import Exchange, Fault
from .user import Asked, cancel, print_paper, retry
from .world import World

type Case = Callable[[World], Awaitable[Judgement]]
CASES: Final[dict[str, Case]] = {}
UPLOAD: Final = "POST /print/job"


def case(script: Case) -> Case:
    """Make a script a case; its name is the function's."""
    CASES[script.__name__] = script
    return script


async def one_home(world: World, **variants: Any) -> tuple[Home, Box]:
    """Give the usual scene: one home with one box of three printers."""
    world.sim.cloud.variants.update(**variants)
    box = world.add_box()
    return await world.add_home(box), box


def spoil(home: Home, endpoint: str, *faults: Fault) -> None:
    """Have these faults happen to the next messages of an endpoint, one each."""
    left = list(faults)

    def policy(exchange: Exchange) -> Fault | None:
        return left.pop(0) if left and exchange.endpoint.startswith(endpoint) else None

    home.proxy.policy = policy


async def end(world: World, **expected: Asked) -> Judgement:
    """Settle and judge; each job whose name begins with a state is expected to end in that."""
    await world.settle()
    found = judge(world)
    for name, asked in expected.items():
        home = world.homes[asked.home]
        state = next(
            (one["state"] for one in home.records() if one["job_id"] == asked.job_id), "missing"
        )
        if not name.startswith(state):
            found.problems.append(f"unexpected: a job that could be known ended as {state}")
    return found


def record_of(home: Home, asked: Asked) -> dict[str, Any]:
    """Return a job as it is on disk."""
    return next(one for one in home.records() if one["job_id"] == asked.job_id)


async def until_told(world: World, home: Home, asked: Asked, state: str, seconds: float = 600) -> None:
    """Let time pass until a job was told to be in a state."""
    assert await world.until(
        lambda: any(one.job_id == asked.job_id and one.state == state for one in home.told),
        seconds,
        0.1,
    ), f"never told {state}"


# Answers


@case
async def second_copy_of_an_answer(world: World) -> Judgement:
    """A late second copy of an answer on a kept connection is not the next job's."""
    home, box = await one_home(world, callbacks="never")
    for device in home.devices.values():
        await home.call("get_capabilities", device_id=device)
    spoil(home, UPLOAD, *[Fault(kind="double_answer")] * 8)
    asked = []
    for number in range(8):
        path = world.paper(home, 2, 500_000)
        asked.append(await print_paper(home, box, number % 3 + 1, path))
        await asyncio.sleep(3)
    return await end(world, **{f"completed{number}": one for number, one in enumerate(asked)})


def _firewall(status: int) -> None:
    async def script(world: World) -> Judgement:
        home, box = await one_home(world)
        spoil(home, UPLOAD, Fault(kind="replace", status=status))
        asked = await print_paper(home, box, 1, world.paper(home))
        return await end(world, completed=asked)

    script.__doc__ = f"A firewall's HTTP {status} after the service accepted a job is doubt, not a refusal."
    script.__name__ = f"firewall_answers_{status}"
    case(script)


for _status in (401, 403, 413, 429, 502):
    _firewall(_status)


# Disks


def _disk(mode: str) -> None:
    async def canceled(world: World) -> Judgement:
        home, box = await one_home(world)
        box.online = False
        await asyncio.sleep(400)
        asked = await print_paper(home, box, 1, world.paper(home))
        assert asked.job_id is not None
        await home.set_disk(mode)
        await cancel(home, asked.job_id, home.device(box, 1))
        await asyncio.sleep(10)
        await home.kill()
        await home.set_disk("ok")
        await home.start()
        return await end(world)

    async def failed(world: World) -> Judgement:
        home, box = await one_home(world)
        box.online = False
        await asyncio.sleep(400)
        asked = await print_paper(home, box, 1, world.paper(home))
        await home.set_disk(mode)
        box.online = True
        await world.until(lambda: home.told[-1].job_id == asked.job_id and home.told[-1].state == "failed", 500)
        await asyncio.sleep(10)
        await home.kill()
        await home.set_disk("ok")
        await home.start()
        return await end(world)

    canceled.__doc__ = "A job that was told as canceled on a disk that keeps nothing never prints later."
    canceled.__name__ = f"canceled_on_{mode}_disk"
    failed.__doc__ = "A job that was told as failed on a disk that keeps nothing never prints later."
    failed.__name__ = f"failed_on_{mode}_disk"
    case(canceled)
    case(failed)


for _mode in ("full", "read_only"):
    _disk(_mode)


@case
async def old_ledger_writes_again(world: World) -> Judgement:
    """What an entry could not write before it was disabled does not overwrite what came after."""
    home, box = await one_home(world, callbacks="never")
    (entry_id,) = home.entries.values()
    box.online = False
    await asyncio.sleep(400)
    await print_paper(home, box, 1, world.paper(home))
    await home.set_disk("full")
    home.proxy.is_up = False
    # What holds the job is another thing now, which cannot be written.
    await asyncio.sleep(700)
    await home.ask("disable", entry_id=entry_id)
    await home.set_disk("ok")
    home.proxy.is_up = True
    box.online = True
    world.sim.cloud.print_as_someone_else(box, box.printer(3))
    spoil(home, UPLOAD, Fault(kind="cut_answer"))
    await home.ask("enable", entry_id=entry_id)
    await asyncio.sleep(1300)
    await home.kill()
    await home.start()
    return await end(world)


# Taking back


def _taken_back(name: str, doc: str, *, expires: bool, cancel_variant: str, again: bool) -> None:
    async def script(world: World) -> Judgement:
        home, box = await one_home(world, cancel=cancel_variant)
        # Callbacks are known to arrive, so that the job is not asked for all the time.
        await print_paper(home, box, 1, world.paper(home, 1), wait=True)
        printer = box.printer(1)
        printer.seconds_per_page = 3.0
        data: dict[str, Any] = {"request_id": "once"} | (
            {"expires_in": {"seconds": 25}} if expires else {}
        )
        path = world.paper(home, 30)
        asked = await print_paper(home, box, 1, path, **data)
        assert asked.job_id is not None
        await asyncio.sleep(25)
        if not expires:
            await cancel(home, asked.job_id, home.device(box, 1))
        await asyncio.sleep(200)
        if again:
            await print_paper(home, box, 1, path, **data)
        return await end(world)

    script.__name__, script.__doc__ = name, doc
    case(script)


_taken_back(
    "canceled_while_it_prints",
    "A job that is canceled while its sheets come out is not told as if nothing was printed.",
    expires=False, cancel_variant="revokes", again=False,
)
_taken_back(
    "expired_while_it_prints",
    "A job that expires while its sheets come out is not told as if nothing was printed.",
    expires=True, cancel_variant="revokes", again=False,
)
_taken_back(
    "revoked_and_printed",
    "A cloud that says REVOKED and prints all the same proves nothing about the sheets.",
    expires=False, cancel_variant="prints_revoked", again=False,
)
_taken_back(
    "canceled_and_asked_for_again",
    "The same request id does not print again what was canceled with sheets out.",
    expires=False, cancel_variant="revokes", again=True,
)


@case
async def failed_and_asked_for_again(world: World) -> Judgement:
    """The same request id does not print again what failed with sheets out."""
    home, box = await one_home(world)
    world.sim.cloud.plan(box.printer(1), Outcome(code=503, prints=2))
    path = world.paper(home, 5)
    asked = await print_paper(home, box, 1, path, request_id="once")
    await until_told(world, home, asked, "failed")
    await print_paper(home, box, 1, path, request_id="once")
    return await end(world)


def _retried(*, at_once: bool) -> None:
    async def script(world: World) -> Judgement:
        home, box = await one_home(world)
        world.sim.cloud.plan(box.printer(1), Outcome(code=502, prints="none"))
        asked = await print_paper(home, box, 1, world.paper(home))
        await until_told(world, home, asked, "failed")
        assert asked.job_id is not None
        device = home.device(box, 1)
        if at_once:
            await asyncio.gather(*(retry(home, asked.job_id, device) for _ in range(2)))
        else:
            again = await retry(home, asked.job_id, device)
            await until_told(world, home, again, "completed")
            await retry(home, asked.job_id, device)
        found = await end(world)
        if not any(record["retry_of"] and record["state"] == "completed" for record in home.records()):
            found.problems.append("unexpected: no retry printed")
        return found

    script.__doc__ = "Two retries of one job print once."
    script.__name__ = f"retried_twice_{'at_once' if at_once else 'in_turn'}"
    case(script)


_retried(at_once=True)
_retried(at_once=False)


# Doubts


@case
async def a_strangers_task_and_our_own_callback(world: World) -> Judgement:
    """A stranger's task is not ours while our own row is late, and our own callback outranks the list."""
    home, box = await one_home(world, list_lag=115.0, callback_delay=100.0)
    world.sim.cloud.plan(box.printer(1), Outcome(code=500, prints="none"))
    spoil(home, UPLOAD, Fault(kind="cut_answer"))
    await print_paper(home, box, 1, world.paper(home))
    await asyncio.sleep(2)
    world.sim.cloud.variants.list_lag = 0.0
    world.sim.cloud.print_as_someone_else(box, box.printer(2))
    return await end(world)


@case
async def a_strangers_task_and_one_that_never_arrived(world: World) -> Judgement:
    """A stranger's task is not ours where our own never arrived and the clocks agree."""
    home, box = await one_home(world, callbacks="never")
    spoil(home, UPLOAD, Fault(kind="swallow"))
    await print_paper(home, box, 1, world.paper(home))
    await asyncio.sleep(70)
    world.sim.cloud.print_as_someone_else(box, box.printer(2))
    return await end(world)


@case
async def power_goes_after_a_callback_proved_a_doubt(world: World) -> Judgement:
    """What a callback proved is kept, once the cloud has its 200 or anybody was told."""
    home, box = await one_home(world)
    world.sim.cloud.print_as_someone_else(box, box.printer(3))
    await asyncio.sleep(100)
    spoil(home, UPLOAD, Fault(kind="cut_answer"))
    asked = await print_paper(home, box, 1, world.paper(home))

    def die_when_answered() -> None:
        if any(one.way == "callback" and one.answered for one in home.proxy.exchanges):
            home.proxy.on_step = home.on_step
            home.die()

    home.proxy.on_step = die_when_answered
    assert await world.until(lambda: not home.runs, 300, 0.1)
    await asyncio.sleep(5)
    await home.start()
    return await end(world, completed=asked)


@case
async def power_goes_as_the_event_is_fired(world: World) -> Judgement:
    """The end of a job is kept before anybody is told of it."""
    home, box = await one_home(world)
    asked = await print_paper(home, box, 1, world.paper(home))
    await until_told(world, home, asked, "completed")
    await home.kill()
    await asyncio.sleep(5)
    await home.start()
    return await end(world, completed=asked)


@case
async def expired_while_nobody_was_home(world: World) -> Judgement:
    """Who listens to the event entity learns of a job that expired while Home Assistant was off."""
    home, box = await one_home(world)
    box.online = False
    await asyncio.sleep(400)
    asked = await print_paper(home, box, 1, world.paper(home), expires_in={"seconds": 120})
    await home.stop()
    await asyncio.sleep(300)
    await home.start()
    return await end(world, expired=asked)


@case
async def line_down_after_an_upload(world: World) -> Judgement:
    """The time of a doubt counts from when a list could be read."""
    home, box = await one_home(world, callbacks="never")
    spoil(home, UPLOAD, Fault(kind="cut_answer"))
    asked = await print_paper(home, box, 1, world.paper(home))
    assert await world.until(lambda: bool(world.sim.cloud.tasks), 60, 0.1)
    home.proxy.is_up = False
    await asyncio.sleep(900)
    home.proxy.is_up = True
    return await end(world, completed=asked)


@case
async def two_doubts_and_two_tasks(world: World) -> Judgement:
    """Two doubts and exactly two tasks, with nobody else about, are settled together."""
    home, box = await one_home(world, callbacks="never")
    spoil(home, UPLOAD, Fault(kind="cut_answer"), Fault(kind="cut_answer"))
    first = await print_paper(home, box, 1, world.paper(home))
    second = await print_paper(home, box, 2, world.paper(home))
    return await end(world, completed=first, completed2=second)


def _clocks(seconds: float) -> None:
    async def script(world: World) -> Judgement:
        home, box = await one_home(world, callbacks="never")
        await home.set_skew(seconds)
        await asyncio.sleep(200)
        spoil(home, UPLOAD, Fault(kind="cut_answer"))
        asked = await print_paper(home, box, 1, world.paper(home))
        await world.until(lambda: bool(home.told) and home.told[-1].state in ("completed", "unconfirmed"), 2000)
        return await end(world, completed=asked)

    script.__doc__ = f"A clock that is {seconds:+.0f} s wrong makes no stranger of our own task."
    script.__name__ = f"clock_wrong_by_{'plus' if seconds > 0 else 'minus'}_{abs(seconds):.0f}"
    case(script)


for _seconds in (-900.0, 900.0):
    _clocks(_seconds)


@case
async def forged_without_the_secret(world: World) -> Judgement:
    """A callback that knows a task but not its secret settles nothing."""
    home, box = await one_home(world, callbacks="never")
    box.printer(1).seconds_per_page = 20.0
    asked = await print_paper(home, box, 1, world.paper(home, 8))
    assert await world.until(lambda: bool(world.sim.cloud.tasks), 60, 0.1)
    (task,) = world.sim.cloud.tasks.values()
    url = str(task.callback_url).split("?", maxsplit=1)[0]
    body = world.sim.cloud.messenger.callback_body(task, "SUCCESS", {"code": 200, "msg": ""})
    delivery = world.sim.cloud.messenger.send(task, body, url)
    assert delivery is not None
    await delivery
    return await end(world, completed=asked)


@case
async def clock_put_back(world: World) -> Judgement:
    """A clock that is put back does not stop a job from being followed."""
    home, box = await one_home(world, callbacks="never")
    box.printer(1).seconds_per_page = 8.0
    asked = await print_paper(home, box, 1, world.paper(home, 5))
    await asyncio.sleep(20)
    await home.set_skew(-7200)
    found: list[str] = []
    with suppress(CallError, AssertionError):
        await until_told(world, home, asked, "completed", 900)
        found.append("told")
    judgement = await end(world, completed=asked)
    if not found:
        judgement.problems.append("unexpected: not followed for fifteen minutes")
    return judgement
