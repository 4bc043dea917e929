"""Cases of full disks and killed processes: what is told is kept."""

import asyncio
from collections import Counter
from contextlib import suppress

from .home import CallError, Home
from .judge import Judgement
from .proxy import Fault
from .scene import UPLOAD, case, end, one_home, record_of, spoil, until_told
from .user import cancel, print_paper
from .world import World


@case("A job that was told as canceled on a disk that keeps nothing never prints later.")
async def canceled_on_full_disk(world: World) -> Judgement:
    home, box = await one_home(world)
    box.online = False
    await asyncio.sleep(400)
    asked = await print_paper(home, box, 1, world.paper(home))
    assert asked.job_id is not None
    await home.set_disk("full")
    await cancel(home, asked.job_id, home.device(box, 1))
    return await _end_after_power_cut(world, home)


@case("A job that was told as failed on a disk that keeps nothing never prints later.")
async def failed_on_full_disk(world: World) -> Judgement:
    home, box = await one_home(world)
    box.online = False
    await asyncio.sleep(400)
    asked = await print_paper(home, box, 1, world.paper(home))
    await home.set_disk("full")
    box.online = True
    await world.until(
        lambda: home.reported[-1].job_id == asked.job_id and home.reported[-1].state == "failed",
        500,
    )
    return await _end_after_power_cut(world, home)


async def _end_after_power_cut(world: World, home: Home) -> Judgement:
    await asyncio.sleep(10)
    await home.kill()
    await home.set_disk("ok")
    await home.start()
    return await end(world)


@case(
    "A box that starts while the disk is read-only comes up once it can be written, with all its jobs."
)
async def starts_on_a_read_only_disk(world: World) -> Judgement:
    home, box = await one_home(world)
    box.online = False
    await asyncio.sleep(400)
    asked = await print_paper(home, box, 1, world.paper(home))
    await home.set_disk("read_only")
    await home.kill()
    await home.start()
    await asyncio.sleep(600)
    await home.set_disk("ok")
    box.online = True
    await until_told(world, home, asked, "completed", 1200)
    return await end(world, completed=asked)


@case("What a callback proved is kept, once the cloud has its 200 or anybody was told.")
async def power_goes_after_a_callback_proved_a_doubt(world: World) -> Judgement:
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


@case("The end of a job is kept before anybody is told of it.")
async def power_goes_as_the_event_is_fired(world: World) -> Judgement:
    home, box = await one_home(world)
    asked = await print_paper(home, box, 1, world.paper(home))
    await until_told(world, home, asked, "completed")
    await home.kill()
    await asyncio.sleep(5)
    await home.start()
    return await end(world, completed=asked)


# More than the buffers of all sockets on the way hold.
LARGE = 4_000_000
CODE = "at the printer"


@case(
    "Power that goes in the middle of large uploads loses no job, no release and no page that was counted."
)
async def power_goes_in_large_uploads(world: World) -> Judgement:
    home, box = await one_home(world, callbacks="each_state")
    orders = [(world.paper(home, 2, LARGE), port) for port in (1, 2, 3) for _ in range(3)]
    released: set[str] = set()
    for _ in range(4):
        home.steps_to_live = world.random.randint(40, 400)
        for path, port in orders:
            # Whoever got no answer asks again, and is told of the same job.
            code = {"release_code": CODE} if port == 2 else {}
            if home.runs:
                asked = await print_paper(home, box, port, path, request_id=path.stem, **code)
            if not code or not home.runs or asked.job_id is None:
                continue
            waits = record_of(home, asked)["waits_for"]
            assert not (asked.job_id in released and waits), "told as released, and forgotten"
            with suppress(CallError):
                await home.call("continue_job", job_id=asked.job_id, reason="release", code=CODE)
                released.add(asked.job_id)
        assert await world.until(lambda: not home.runs, 3600), "it outlived its power"
        await asyncio.sleep(20)
        await home.start()
    found = await end(world)
    assert len(home.records()) == len(orders)
    assert len(released) == len(orders) / 3
    printed: Counter[str] = Counter()
    for record in home.records():
        if record["state"] == "completed":
            printed[home.device_named(record["printer_name"])] += record["pages_printed"]
    assert printed
    await home.start()
    assert await home.ask("pages") == dict(printed)
    return found
