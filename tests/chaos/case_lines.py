"""Cases of broken lines: answers of somebody else, doubts and what settles them."""

import asyncio
from contextlib import suppress

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


@case("A clock that is wrong makes no stranger of our own task.")
async def clock_wrong(world: World) -> Judgement:
    home, box = await one_home(world, callbacks="never")
    await home.set_skew(-900)
    await asyncio.sleep(200)
    spoil(home, UPLOAD, Fault(kind="cut_answer"))
    asked = await print_paper(home, box, 1, world.paper(home))
    await world.until(
        lambda: bool(home.reported) and home.reported[-1].state in ("completed", "unconfirmed"),
        2000,
    )
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
