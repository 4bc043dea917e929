"""One random round: people print, cancel and retry while everything breaks; then everything is put in order."""

import asyncio
from random import Random
from typing import Any, Final

from tests.simulator import Box
from tests.simulator.models import Outcome

from .home import Home
from .judge import Judgement, judge
from .user import print_paper
from .weather import Weather, bad_weather
from .world import World

# Possible lengths of a round, in seconds of the world's clock.
LENGTHS: Final = (240.0, 600.0, 1500.0)
# Possible shares of spoiled messages.
SHARES: Final = (0.0, 0.05, 0.15, 0.3, 0.5)


async def random_round(world: World) -> Judgement:
    """Run a round and judge it. All its random choices come from the seed."""
    random = world.random
    variants = _variants(random)
    world.note(f"variants {variants}")
    world.sim.cloud.variants.update(**variants)
    box = world.add_box()
    homes = [await world.add_home(box)]
    if random.random() < 0.25:
        # A second home with the same box: each is a stranger to the other.
        homes.append(await world.add_home(box))
    await _happen(world, homes)
    world.note("settling")
    await world.settle()
    world.note("settled")
    return judge(world)


def _variants(random: Random) -> dict[str, Any]:
    pick = random.choice
    return {
        "callbacks": pick(("end", "end", "each_state", "before_answer", "never")),
        "callback_duplicates": pick((0, 0, 1, 3)),
        "callback_delay": pick((0.0, 0.0, 3.0, 40.0)),
        "callback_order": pick(("in_order", "in_order", "reversed")),
        "cancel": pick(
            ("revokes", "revokes", "prints_success", "prints_revoked", "revoked_prints")
        ),
        "revoked_totals": pick(("missing", "bytes")),
        "list_lag": pick((0.0, 10.0, 60.0, 115.0)),
        "list_lag_random": pick((False, True)),
        "list_order": pick(("newest_first", "oldest_first")),
        "clock_skew": pick((0.0, 0.0, 60.0, -60.0, 240.0, -240.0)),
        "printer_off": pick(("row_gone", "stale_row", "state_null")),
        "paper_out": pick(("waits", "waits", "fails")),
        "unfinished": pick(("state_only", "nulls", "empty_result", "zero_code")),
        "unknown_task": pick(("code_404", "code_400")),
        "latency": pick((0.0, 0.05, 0.4)),
        "result_delay": pick((0.0, 0.0, 20.0)),
    }


async def _happen(world: World, homes: list[Home]) -> None:
    """Let people print for a while, with random faults of messages and homes."""
    random = world.random
    length = random.choice(LENGTHS)
    share = random.choice(SHARES)
    world.note(f"{length:.0f} s, {share:.0%} of messages spoilt, {len(homes)} homes")
    works = []
    for home in homes:
        home.proxy.policy = bad_weather(Random(random.random()), share)
        works.append(_people(world, home, Random(random.random()), length))
        works.append(_troubles(world, home, Random(random.random()), length))
    for box in world.sim.cloud.boxes.values():
        _plan(random, box)
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def _plan(random: Random, box: Box) -> None:
    """Plan failures of some tasks, for some of them after a few pages."""
    for printer in box.printers:
        printer.seconds_per_page = random.choice((0.5, 3.0, 8.0))
        for _ in range(random.randint(0, 4)):
            prints = random.choice(("none", 1, 2, "all"))
            code = random.choice((500, 502, 503)) if prints == "none" else 503
            if random.random() < 0.5:
                printer.outcomes.append(
                    Outcome(code=200, prints="all")
                    if prints == "all"
                    else Outcome(code=code, prints=prints)  # type: ignore[arg-type]
                )


async def _people(world: World, home: Home, random: Random, length: float) -> None:
    """Print 8 to 28 times; some of these prints repeat an earlier request id."""
    calls: list[asyncio.Task[Any]] = []
    box = home.boxes[0]
    earlier: list[tuple[int, Any, dict[str, Any]]] = []
    for number in range(random.randint(8, 28)):
        await asyncio.sleep(random.uniform(0, length / 12))
        if not home.runs:
            await world.until(lambda: home.runs, 600)
        if earlier and random.random() < 0.2:
            port, path, data = random.choice(earlier)
        else:
            port = random.randint(1, len(box.printers))
            padding = random.choice((0, 0, 0, 300_000, 2_000_000))
            path = world.paper(home, random.choice((1, 2, 3, 8)), padding)
            data = _options(random, number)
            if "request_id" in data:
                earlier.append((port, path, data))
        calls.append(asyncio.create_task(_print(home, box, port, path, data)))
    await asyncio.gather(*calls)


async def _print(home: Home, box: Box, port: int, path: Any, data: dict[str, Any]) -> None:
    if home.runs:
        await print_paper(home, box, port, path, **data)


def _options(random: Random, number: int) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if random.random() < 0.4:
        data["request_id"] = f"request {number}"
    if random.random() < 0.25:
        data["replace_key"] = random.choice(("a", "b"))
    if random.random() < 0.3:
        data["expires_in"] = {"seconds": random.choice((10, 40, 120))}
    if random.random() < 0.2:
        data["copies"] = 2
    if random.random() < 0.15:
        data["if_not_ready"] = "fail"
    if random.random() < 0.35:
        data["duplex"] = "manual_long_edge"
    if random.random() < 0.2:
        data["release_code"] = "1234"
    if random.random() < 0.2:
        data["wait"] = True
        data["wait_timeout"] = {"seconds": 60}
    return data


async def _troubles(world: World, home: Home, random: Random, length: float) -> None:
    """Let random things happen to a home, one after the other or several at once."""
    weather = Weather(world, home, random)
    under_way: list[asyncio.Task[None]] = []
    end = world.now + length
    while world.now < end:
        await asyncio.sleep(random.uniform(0, length / 12))
        happening = random.choice(weather.happenings)
        task = asyncio.ensure_future(happening())
        under_way.append(task)
        if random.random() < 0.6:
            await task
    await asyncio.gather(*under_way)
