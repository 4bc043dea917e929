"""One random round of scanning and copying: people scan and copy while connections break and the power goes."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
import json
from random import Random
from typing import Any, Final

from .child import DOMAIN
from .home import CallError, Home
from .judge import Judgement
from .scan_judge import Attempt, at_rest
from .scene import end, one_home
from .weather import bad_weather
from .world import World

# Minimum and maximum number of scans and copies in a round.
FEWEST, MOST = 5, 9
# Seconds of the world's clock within which a scan or copy should end.
PATIENCE: Final = 1200.0

type Trouble = Callable[[World, Home, Random], Awaitable[None]]


async def home_that_scans(world: World, **variants: Any) -> tuple[Home, str]:
    """Return a home whose first printer can scan, with the feature `scanning` enabled, and the scanner's device id."""
    variants = {"scan_result": "base64", "scan_dpi": 75} | variants
    home, box = await one_home(world, **variants)
    box.printer(1).scanner, box.printer(1).feeder = True, []
    await home.stop()
    home.disk.watch_kept()
    status = {"preview_feature_status": [{"domain": DOMAIN, "preview_feature": "scanning"}]}
    labs = {"key": "core.labs", "version": 1, "minor_version": 1, "data": status}
    (home.config / ".storage" / "core.labs").write_text(json.dumps(labs))
    await home.start()
    # Wait until everything known is on disk: what a start finds is written late.
    await asyncio.sleep(300)
    [scanner] = [one for name, _, one in await home.ask("devices") if "/scanner/" in name]
    return home, scanner


async def _nothing(world: World, home: Home, random: Random) -> None:
    """Cause no trouble."""


async def _dies_at_message(world: World, home: Home, random: Random) -> None:
    home.steps_to_live = random.randint(1, 40)


async def _dies_at_write(world: World, home: Home, random: Random) -> None:
    home.disk.die_at(random.randint(1, 140))


async def _broken_lines(world: World, home: Home, random: Random) -> None:
    home.proxy.policy = bad_weather(Random(random.random()), random.choice((0.1, 0.3, 0.5)))


async def _broken_disk(world: World, home: Home, random: Random) -> None:
    await asyncio.sleep(random.choice((0, 0.5, 2, 5)))
    await home.set_disk(random.choice(("full", "read_only", "fsync_fails", "write_fails")))
    await asyncio.sleep(random.choice((1, 10, 60, 200)))
    await home.set_disk("ok")


async def _restart(world: World, home: Home, random: Random) -> None:
    await asyncio.sleep(random.choice((0, 0.3, 1, 3, 8)))
    if home.runs:
        await home.stop()
        await home.start()


async def _reload(world: World, home: Home, random: Random) -> None:
    await asyncio.sleep(random.choice((0, 0.3, 1, 3, 8)))
    with suppress(CallError):
        await home.ask("reload", entry_id=next(iter(home.entries.values())))


TROUBLES: Final[tuple[Trouble, ...]] = (
    *(_nothing, _dies_at_message, _dies_at_message, _dies_at_write, _dies_at_write),
    *(_broken_lines, _broken_lines, _broken_disk, _broken_disk, _restart, _reload),
)


async def scan_round(world: World) -> Judgement:
    """Run a round and judge it. All its random choices come from the seed."""
    random = world.random
    home, scanner = await home_that_scans(world, callbacks=random.choice(("end", "each_state")))
    problems: list[str] = []
    for number in range(random.randint(FEWEST, MOST)):
        problems += await _ask_once(world, home, scanner, f"{number}", random)
    found = await end(world)
    # A random trouble may come too late or end too early to have any effect, which is no problem.
    found.problems = [one for one in found.problems if not one.startswith("never met")]
    found.problems += problems
    found.outcomes["scan of it"] += number + 1
    return found


async def _ask_once(world: World, home: Home, scanner: str, name: str, random: Random) -> list[str]:
    """Let somebody scan or copy once, while something goes wrong; return the problems found."""
    (box,) = home.boxes
    action, data, pages = random.choice(
        (
            ("scan", {}, 1),
            ("scan", {"source": "feeder"}, random.randint(1, 3)),
            ("copy", {"printer": home.device(box, 1)}, 1),
            ("copy", {"printer": home.device(box, 1)}, 1),
        )
    )
    trouble = random.choice(TROUBLES)
    world.note(f"{name}: {action} {pages}, {trouble.__name__}")
    attempt = Attempt(world=world, home=home, printer=box.printer(1), name=name, pages=pages)
    lives = home.lives
    happening = asyncio.ensure_future(trouble(world, home, random))
    await asyncio.sleep(0)
    try:
        await home.call(action, device_id=scanner, wait=False, **data)
    except CallError as err:
        world.note(f"{name}: {err.key or err}")
    await happening
    await world.until(lambda: not home.runs or at_rest(world, home), PATIENCE, 10)
    # SQLite's log is moved into the database when nothing else happens; the power may go then.
    await world.until(lambda: not home.runs, 15)
    home.proxy.policy = lambda _exchange: None
    home.steps_to_live = None
    if not home.runs:
        if trouble is _dies_at_write:
            world.note(f"{name}: left {home.disk.cut_power(random)}")
        await home.start()
    await home.set_disk("ok")
    is_calm = trouble is _nothing or (
        trouble in (_dies_at_message, _dies_at_write) and home.lives == lives
    )
    cut = trouble in (_nothing, _dies_at_message, _dies_at_write)
    problems = (
        await attempt.judge(undisturbed=is_calm)
        if cut
        else await attempt.judge(undisturbed=False, reasons=None)
    )
    return [f"{one} ({trouble.__name__})" for one in problems]
