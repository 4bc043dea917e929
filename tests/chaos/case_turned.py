"""Cases of paper that somebody has turned over: only the second sides for which it was turned are printed on it."""

import asyncio
from pathlib import Path
import time
from typing import Any

from tests.simulator import Box

from .home import Home
from .judge import Judgement
from .proxy import Fault
from .scene import UPLOAD, case, end, one_home, record_of, spoil
from .user import Asked, print_paper, release, retry_backs, turn_paper
from .world import World


async def _waiting(world: World, home: Home, box: Box, port: int = 1, **data: Any) -> Asked:
    """Print first sides, and return the job once it waits for its paper to be turned."""
    asked = await print_paper(
        home, box, port, world.paper(home, 6), duplex="manual_long_edge", **data
    )
    assert await world.until(
        lambda: record_of(home, asked)["waits_for"] == ["turn_paper"], 300, 0.1
    )
    return asked


async def _turn(home: Home, box: Box, asked: Asked, port: int = 1) -> None:
    assert asked.job_id is not None
    await turn_paper(home, asked.job_id, home.device(box, port))


@case("An older job that is released while turned paper waits for its printer does not go first.")
async def turned_and_released(world: World) -> Judgement:
    home, box = await one_home(world)
    older = await print_paper(home, box, 1, world.paper(home), release_code="1234")
    asked = await _waiting(world, home, box)
    box.printer(1).on = False
    await asyncio.sleep(120)
    await _turn(home, box, asked)
    assert older.job_id is not None
    await release(home, older.job_id, home.device(box, 1))
    box.printer(1).on = True
    return await end(world, completed=asked, completed_2=older)


@case(
    "Paper cannot be turned while a job's upload, whose document has arrived, waits for its answer."
)
async def turned_while_an_answer_is_late(world: World) -> Judgement:
    home, box = await one_home(world)
    asked = await _waiting(world, home, box)
    spoil(home, UPLOAD, Fault(kind="late_answer", seconds=8))
    other = await print_paper(home, box, 1, world.paper(home))
    await asyncio.sleep(2)
    await _turn(home, box, asked)
    return await end(world, completed=asked, completed_2=other)


@case("Paper cannot be turned while a job may have arrived, and nobody knows.")
async def turned_in_doubt(world: World) -> Judgement:
    home, box = await one_home(world)
    asked = await _waiting(world, home, box)
    box.printer(1).seconds_per_page = 60
    spoil(home, UPLOAD, Fault(kind="cut_answer"))
    other = await print_paper(home, box, 1, world.paper(home))
    await asyncio.sleep(10)
    await _turn(home, box, asked)
    return await end(world, completed=asked, completed_2=other)


@case("Of two stacks, one lies in the tray.")
async def turned_twice(world: World) -> Judgement:
    home, box = await one_home(world)
    first, second = [await _waiting(world, home, box) for _ in range(2)]
    box.printer(1).on = False
    await asyncio.sleep(120)
    for asked in (second, first):
        await _turn(home, box, asked)
    box.printer(1).on = True
    return await end(world, completed=first, completed_2=second)


@case("Whoever prints at the moment in which paper is turned waits for it.")
async def turned_and_printed_at_once(world: World) -> Judgement:
    home, box = await one_home(world)
    stacks = [await _waiting(world, home, box, port) for port in (1, 2, 3)]
    await home.set_disk("slow")
    others = []
    # Pauses in real seconds, so that the paper is turned during the write that accepts the other job.
    for port, pause in ((1, 0.0), (2, 0.05), (3, 0.1)):
        before = _folders(home)

        async def turn(port: int = port, pause: float = pause, before: Any = before) -> None:
            while _folders(home) == before:
                await asyncio.to_thread(time.sleep, 0.002)
            await asyncio.to_thread(time.sleep, pause)
            await _turn(home, box, stacks[port - 1], port)

        other, _ = await asyncio.gather(print_paper(home, box, port, world.paper(home)), turn())
        others.append(other)
    expected = {f"completed_{n}": asked for n, asked in enumerate((*stacks, *others))}
    return await end(world, **expected)


def _folders(home: Home) -> set[Path]:
    return set(home.ledger.glob("*/*"))


@case(
    "Second sides alone are not asked for while other jobs are printed, and go first once they are."
)
async def turned_for_a_retry(world: World) -> Judgement:
    home, box = await one_home(world)
    first, second = [await _waiting(world, home, box, expires_in={"seconds": 60}) for _ in range(2)]
    # Jobs whose paper is to be turned ignore `expires_in` and wait for as long as jobs usually may.
    await asyncio.sleep(13 * 3600)
    assert {record_of(home, one)["state"] for one in (first, second)} == {"expired"}
    box.printer(1).seconds_per_page = 20
    device = home.device(box, 1)
    other = await print_paper(home, box, 1, world.paper(home))
    assert first.job_id is not None
    assert second.job_id is not None
    again = [await retry_backs(home, first.job_id, device)]
    await asyncio.sleep(300)
    again += await asyncio.gather(
        retry_backs(home, first.job_id, device),
        retry_backs(home, second.job_id, device),
        print_paper(home, box, 1, world.paper(home)),
    )
    return await end(world, completed=other)


@case("Turned paper is known after a power cut.")
async def turned_and_killed(world: World) -> Judgement:
    home, box = await one_home(world)
    older = await print_paper(home, box, 1, world.paper(home), release_code="1234")
    asked = await _waiting(world, home, box)
    box.printer(1).on = False
    await asyncio.sleep(120)
    await _turn(home, box, asked)
    home.steps_to_live = 12
    assert older.job_id is not None
    await release(home, older.job_id, home.device(box, 1))
    box.printer(1).on = True
    await world.until(lambda: not home.runs, 200)
    if home.runs:
        await home.kill()
    await home.start()
    other = await print_paper(home, box, 1, world.paper(home))
    return await end(world, completed=asked, completed_2=older, completed_3=other)
