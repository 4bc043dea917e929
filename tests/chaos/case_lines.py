"""Cases of broken connections: answers from somebody else, jobs in doubt, and what settles the doubt."""

import asyncio
from contextlib import suppress
from typing import Literal

from tests.simulator.models import Outcome

from .home import CallError
from .judge import Judgement
from .proxy import Fault
from .scene import UPLOAD, case, end, one_home, spoil, until_told
from .user import print_paper
from .world import World


@case("A late second copy of an answer on a kept connection is not the next job's.")
async def second_copy_of_an_answer(world: World) -> Judgement:
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


@case(
    "A stranger's task is not ours while our own row is late, and our own callback outranks the list."
)
async def a_strangers_task_and_our_own_callback(world: World) -> Judgement:
    home, box = await one_home(world, list_lag=115.0, callback_delay=100.0)
    world.sim.cloud.plan(box.printer(1), Outcome(code=500, prints="none"))
    spoil(home, UPLOAD, Fault(kind="cut_answer"))
    await print_paper(home, box, 1, world.paper(home))
    await asyncio.sleep(2)
    world.sim.cloud.variants.list_lag = 0.0
    world.sim.cloud.print_as_someone_else(box, box.printer(2))
    return await end(world)


def _stranger(name: str, fault: Literal["swallow", "hang"], state: str, text: str) -> None:
    """Add a case in which somebody else prints 12 s after an upload of ours that never arrives."""

    async def script(world: World) -> Judgement:
        home, box = await one_home(world, callbacks="never")
        spoil(home, UPLOAD, Fault(kind=fault))
        asked = await print_paper(home, box, 1, world.paper(home))
        await asyncio.sleep(12)
        world.sim.cloud.print_as_someone_else(box, box.printer(2))
        return await end(world, **{state: asked})

    case(text, name)(script)


_stranger(
    "a_strangers_task_and_one_that_never_arrived",
    "swallow",
    "unconfirmed",
    "A stranger's task is not ours where our own never arrived and the clocks agree.",
)
_stranger(
    "a_strangers_task_while_an_answer_is_awaited",
    "hang",
    "completed",
    "The first stranger of a day is told from a job that never arrived only once its answer is given up.",
)


@case("The time of a doubt counts from when a list could be read.")
async def line_down_after_an_upload(world: World) -> Judgement:
    home, box = await one_home(world, callbacks="never")
    spoil(home, UPLOAD, Fault(kind="cut_answer"))
    asked = await print_paper(home, box, 1, world.paper(home))
    assert await world.until(lambda: bool(world.sim.cloud.tasks), 60, 0.1)
    home.proxy.is_up = False
    await asyncio.sleep(900)
    home.proxy.is_up = True
    return await end(world, completed=asked)


@case("Two doubts and exactly two tasks, with nobody else about, are settled together.")
async def two_doubts_and_two_tasks(world: World) -> Judgement:
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
        await world.until(
            lambda: bool(home.reported) and home.reported[-1].state in ("completed", "unconfirmed"),
            2000,
        )
        return await end(world, completed=asked)

    text = f"A clock that is {seconds:+.0f} s wrong makes no stranger of our own task."
    name = f"clock_wrong_by_{'plus' if seconds > 0 else 'minus'}_{abs(seconds):.0f}"
    case(text, name)(script)


for _seconds in (-900.0, 900.0):
    _clocks(_seconds)


@case("A callback that knows a task but not its secret settles nothing.")
async def forged_without_the_secret(world: World) -> Judgement:
    home, box = await one_home(world, callbacks="never")
    box.printer(1).seconds_per_page = 20.0
    asked = await print_paper(home, box, 1, world.paper(home, 8))
    assert await world.until(lambda: bool(world.sim.cloud.tasks), 60, 0.1)
    (task,) = world.sim.cloud.tasks.values()
    url = str(task.callback_url).split("?", maxsplit=1)[0]
    body = world.sim.cloud.messenger.callback_body(task, "SUCCESS", {"code": 200, "msg": ""})
    await world.sim.cloud.messenger.send(task, body, url)
    return await end(world, completed=asked)


@case("A clock that is put back does not stop a job from being followed.")
async def clock_put_back(world: World) -> Judgement:
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
