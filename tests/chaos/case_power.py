"""Cases of prints in a home whose power goes while it writes: whatever is left on disk, paper comes out once.

The process ends before one of the file operations that `tests/disk` records below SQLite and Python, some operations
later each time. Then the integration's files are replaced by what a power cut may leave of them at that moment; the
seed decides which of the possible states it is.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

from tests.simulator import Box
from tests.simulator.models import Outcome

from .home import FINAL, CallError, Home
from .judge import Judgement
from .scene import case, end, one_home
from .user import print_paper, retry
from .world import World

# Maximum number of operations by which each power cut comes later than the one before.
STRIDE: Final = 20
# Minimum number of power cuts in a case; there are far more.
FEWEST: Final = 6
# Bytes: more than is flushed before the job's row is written.
LARGE: Final = 1_500_000

type Act = Callable[[World, Home, Box, Any], Awaitable[Any]]


async def power_goes_anywhere(world: World, home: Home, prepare: Act | None, act: Act) -> list[str]:
    """Repeat `act` with a power cut some operations later each time, until everything is done before the cut.

    Returns the problems found.
    """
    cloud, (box,) = world.sim.cloud, home.boxes
    problems: list[str] = []
    step, rounds = world.random.randint(1, STRIDE), 0

    def at_rest() -> bool:
        return all(one["state"] in FINAL for one in home.records()) and all(
            task.ended.is_set() for task in cloud.tasks.values()
        )

    died = True
    while died:
        prepared = prepare and await prepare(world, home, box, None)
        home.disk.die_at(step)
        try:
            await act(world, home, box, prepared)
        except CallError as err:
            world.note(f"{type(err).__name__}: {err}")
        await world.until(lambda: not home.runs or at_rest(), 900, 5)
        # SQLite's log is moved into the database when nothing else happens; the power may go then.
        await world.until(lambda: not home.runs, 15)
        if died := not home.runs:
            world.note(f"step {step}, left: {home.disk.cut_power(world.random)}")
            await home.start()
            rounds += 1
        else:
            await home.set_disk("ok")
        for printer in box.printers:
            printer.on = True
        await world.until(at_rest, 900, 10)
        twice = {
            name: n for name, n in Counter(one.name for one in cloud.out_tray).items() if n > 1
        }
        if twice:
            problems.append(f"printed twice: step {step}: {twice}")
            break
        step += world.random.randint(1, STRIDE)
    world.note(f"{rounds} power cuts, each one of {home.disk.states} states")
    if rounds < FEWEST:
        problems.append(f"never cut: after operation {step}")
    return problems


def _case(text: str, name: str, act: Act, prepare: Act | None = None) -> None:
    async def script(world: World) -> Judgement:
        home, box = await one_home(world, callbacks="each_state")
        await home.stop()
        home.disk.watch_kept()
        await home.start()
        await asyncio.sleep(120)
        problems = await power_goes_anywhere(world, home, prepare, act)
        found = await end(world)
        # At least one job was completed; the judge checks the others.
        assert any(one["state"] == "completed" for one in home.records())
        assert box.tasks
        found.problems += problems
        return found

    case(text, name)(script)


async def _print(world: World, home: Home, box: Box, _: Any) -> None:
    await print_paper(home, box, 1, world.paper(home))


async def _print_large(world: World, home: Home, box: Box, _: Any) -> None:
    await print_paper(home, box, 1, world.paper(home, 2, LARGE))


async def _held(world: World, home: Home, box: Box, _: Any) -> str | None:
    box.printer(1).on = False
    await asyncio.sleep(120)
    return (await print_paper(home, box, 1, world.paper(home))).job_id


async def _move(_world: World, home: Home, box: Box, job_id: Any) -> None:
    devices = home.device(box, 1), home.device(box, 2)
    await home.call("move_job", device_id=devices[0], job_id=job_id, to_device_id=devices[1])


async def _failed(world: World, home: Home, box: Box, _: Any) -> str | None:
    box.printer(1).outcomes.append(Outcome(code=502))
    asked = await print_paper(home, box, 1, world.paper(home), wait=True)
    return asked.job_id


async def _retry(_world: World, home: Home, box: Box, job_id: Any) -> None:
    await retry(home, job_id, home.device(box, 1))


_case("A document is printed once, whatever a power cut leaves of it.", "power_in_a_print", _print)
_case(
    "A large document, which is flushed while it is sent, is printed once, whatever a power cut leaves of it.",
    "power_in_a_large_print",
    _print_large,
)
_case(
    "A job that is moved is printed at one printer, whatever a power cut leaves of it.",
    "power_in_a_move",
    _move,
    _held,
)
_case(
    "A job that is retried is printed once, whatever a power cut leaves of it.",
    "power_in_a_retry",
    _retry,
    _failed,
)
