"""Cases of full disks and killed processes: whatever users were told is kept."""

import asyncio
from collections import Counter
from contextlib import suppress

from .home import FINAL, CallError, Home
from .judge import Judgement
from .proxy import Fault
from .scene import UPLOAD, case, end, one_home, record_of, spoil, until_told
from .user import cancel, print_paper
from .world import World


def _disk(mode: str) -> None:
    # A failed flush leaves it open what is on disk: if the power goes then, a refused change may turn out to be stored.
    comes_true = mode == "fsync_fails"

    async def restart(home: Home) -> None:
        await asyncio.sleep(10)
        if comes_true:
            await home.set_disk("ok")
            await asyncio.sleep(60)
        await home.kill()
        await home.set_disk("ok")
        await home.start()

    async def canceled(world: World) -> Judgement:
        home, box = await one_home(world)
        box.online = False
        await asyncio.sleep(400)
        asked = await print_paper(home, box, 1, world.paper(home))
        assert asked.job_id is not None
        await home.set_disk(mode)
        assert await cancel(home, asked.job_id, home.device(box, 1)) is None
        assert world.story[-1].endswith("change_not_saved")
        await restart(home)
        return await end(world, completed=asked)

    async def failed(world: World) -> Judgement:
        home, box = await one_home(world)
        box.online = False
        await asyncio.sleep(400)
        asked = await print_paper(home, box, 1, world.paper(home))
        await home.set_disk(mode)
        box.online = True
        assert await world.until(
            lambda: any(
                one.job_id == asked.job_id and one.reason == "disk_full" for one in home.reported
            ),
            500,
        )
        await restart(home)
        return await end(world, completed=asked)

    async def accepted(world: World) -> Judgement:
        home, box = await one_home(world)
        # Only the ledger meets the fault. Otherwise the document would already be refused when it is spooled.
        await home.set_disk(f"ledger_{mode}")
        refused = await print_paper(home, box, 1, world.paper(home))
        assert refused.error == "disk_full"
        await restart(home)
        again = await print_paper(home, box, 1, refused.path)
        return await end(world, completed=again)

    async def ended(world: World) -> Judgement:
        home, box = await one_home(world, callbacks="each_state")
        box.printer(1).seconds_per_page = 60
        asked = await print_paper(home, box, 1, world.paper(home))
        await until_told(world, home, asked, "queued")
        await home.set_disk(mode)
        assert await world.until(lambda: len(world.sim.cloud.out_tray) == 1, 600)
        await asyncio.sleep(60)
        assert not any(one.state == "completed" for one in home.reported), "told, and not kept"
        await restart(home)
        return await end(world, completed=asked)

    name = mode.replace("_", " ")
    for text, script in (
        ("A disk ({}) that keeps nothing refuses to take a job back, which prints then.", canceled),
        (
            "A job does not fail on a disk ({}) that keeps nothing; it waits, and prints once.",
            failed,
        ),
        ("A job that a disk ({}) does not keep is refused, and does not print.", accepted),
        (
            "The end of a job is told once a disk ({}) has kept it, and the cloud says it again.",
            ended,
        ),
    ):
        case(text.format(name), f"{script.__name__}_on_{mode}_disk")(script)


# What each refusal leaves of the ledger, tests/disk/test_ledger_file.py shows; of two of them, what users are told.
for _mode in ("full", "fsync_fails"):
    _disk(_mode)


@case(
    "A box that starts while the disk is read-only comes up once it can be written, with all its jobs."
)
async def starts_on_a_read_only_disk(world: World) -> Judgement:
    home, box = await one_home(world)
    box.online = False
    await asyncio.sleep(400)
    asked = await print_paper(home, box, 1, world.paper(home))
    # Other files of the integration meet the fault before the ledger does.
    await home.set_disk("read_only", meets="lianke/")
    await home.kill()
    await home.start()
    await asyncio.sleep(600)
    await home.set_disk("ledger_read_only")
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


@case("Who listens to the event entity learns of a job that expired while Home Assistant was off.")
async def expired_while_nobody_was_home(world: World) -> Judgement:
    home, box = await one_home(world)
    box.online = False
    await asyncio.sleep(400)
    asked = await print_paper(home, box, 1, world.paper(home), expires_in={"seconds": 120})
    await home.stop()
    await asyncio.sleep(300)
    await home.start()
    return await end(world, expired=asked)


@case("Who listens to the event entity learns of an end that is learnt while the entry unloads.")
async def ended_while_unloading(world: World) -> Judgement:
    home, box = await one_home(world, callbacks="never")
    (entry_id,) = home.entries.values()
    asked = await print_paper(home, box, 1, world.paper(home, 1))
    await until_told(world, home, asked, "queued")
    # The answer about this job comes late, and the upload of another job keeps the queue from ending.
    faults = {"GET /print/job": Fault(kind="late_request", seconds=8), UPLOAD: Fault(kind="hang")}
    home.proxy.policy = lambda exchange: faults.get(exchange.endpoint)
    # The other job comes only after this request: during its upload, the day's list would be read instead.
    assert await world.until(
        lambda: any(one.endpoint == "GET /print/job" for one in home.proxy.exchanges), 60, 0.1
    )
    await print_paper(home, box, 2, world.paper(home, 1))
    await asyncio.sleep(1)
    await home.ask("disable", entry_id=entry_id)
    await asyncio.sleep(60)
    await home.ask("enable", entry_id=entry_id)
    found = await end(world, completed=asked)
    assert {*found.faults} == {"late_request", "hang"}
    return found


# Bytes: more than the buffers of all sockets on the way hold together.
LARGE = 4_000_000
CODE = "at the printer"


@case(
    "Power that goes in the middle of large uploads loses no job, no release and no page that was counted."
)
async def power_goes_in_large_uploads(world: World) -> Judgement:
    home, box = await one_home(world, callbacks="each_state")
    orders = [(world.paper(home, 2, LARGE), port) for port in (1, 2, 3) for _ in range(3)]
    released: set[str] = set()
    # How far a home gets in a number of steps depends on the size of the pieces that the sockets take.
    for times in range(12):
        if times >= 4 and len(released) == len(orders) / 3:
            break
        home.steps_to_live = world.random.randint(40, 400)
        for path, port in orders:
            # A user who got no answer asks again, and the answer names the same job.
            code = {"release_code": CODE} if port == 2 else {}
            if home.runs:
                asked = await print_paper(home, box, port, path, request_id=path.stem, **code)
            if not code or not home.runs or asked.job_id is None:
                continue
            waits = record_of(home, asked)["waits_for"]
            assert not (asked.job_id in released and waits), "told as released, and forgotten"
            with suppress(CallError):
                await home.call("continue_job", job_id=asked.job_id, reason="release", code=CODE)
            # The job may have been released even if the answer was lost.
            if home.runs and not record_of(home, asked)["waits_for"]:
                released.add(asked.job_id)
        if not await world.until(lambda: not home.runs, 3600):
            # So little was left to do that the home ended all jobs before its last step.
            assert all(one["state"] in FINAL for one in home.records())
            await home.kill()
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
