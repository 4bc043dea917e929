"""Cases of scans and copies in a home whose power goes at each of their steps in turn."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from .home import GoneError, Home
from .judge import Judgement
from .scan_judge import Attempt, at_rest
from .scan_rounds import home_that_scans
from .scene import case, end
from .world import World

# Minimum number of attempts in a case; there are far more.
FEWEST_STEPS: Final = 12
# Maximum number of operations on the integration's files by which each power cut comes later than the one before.
STRIDE: Final = 14

type Act = Callable[[], Awaitable[Any]]


async def _at_each_step(world: World, home: Home, by: str, ask: Act, pages: int) -> list[str]:
    """Repeat `ask` with a power cut some steps later each time, until it ends before the cut; return the problems."""
    problems: list[str] = []
    died = True
    step = rounds = 1
    while died:
        printer = home.boxes[0].printer(1)
        attempt = Attempt(world=world, home=home, printer=printer, name=f"step {step}", pages=pages)
        if by == "messages":
            home.steps_to_live = step
        else:
            home.disk.die_at(step)
        try:
            await ask()
            await world.until(lambda: not home.runs or at_rest(world, home), 1200, 10)
            # SQLite's log is moved into the database when nothing else happens; the power may go then.
            await world.until(lambda: not home.runs, 15)
        except GoneError:
            pass
        if died := not home.runs:
            if by == "writes":
                world.note(f"left by the power cut: {home.disk.cut_power(world.random)}")
            await home.start()
        else:
            home.steps_to_live = None
            await home.set_disk("ok")
        problems += await attempt.judge(undisturbed=not died)
        step += 1 if by == "messages" else world.random.randint(1, STRIDE)
        rounds += 1
    if rounds < FEWEST_STEPS:
        problems.append(f"never cut at a step after {step}")
    return problems


def _cut(text: str, action: str, by: str, **data: Any) -> None:
    async def script(world: World) -> Judgement:
        home, scanner = await home_that_scans(world)
        printer = {"printer": home.device(home.boxes[0], 1)} if action == "copy" else {}

        async def ask() -> None:
            await home.call(action, device_id=scanner, wait=False, **printer, **data)

        fed = data.get("source") == "feeder"
        problems = await _at_each_step(world, home, by, ask, 2 if fed else 1)
        found = await end(world)
        found.problems += problems
        return found

    case(text, f"{action}_cut_by_{by}")(script)


_cut("A copy is scanned once and printed once, whichever message it dies at.", "copy", "messages")
_cut(
    "A copy is scanned once and printed once, whatever a power cut leaves of it.", "copy", "writes"
)
_cut(
    "Pages from a feeder are scanned once and kept, whatever a power cut leaves of it.",
    "scan",
    "writes",
    source="feeder",
)
