"""What scripted cases share: the usual scene, faults to order, and the end of a case."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from tests.simulator import Box

from .home import Home
from .judge import Judgement, judge
from .proxy import Exchange, Fault
from .user import Asked
from .world import World

type Script = Callable[[World], Awaitable[Judgement]]
UPLOAD: Final = "POST /print/job"


class Case(NamedTuple):
    """A script, and a sentence that says what it shows."""

    text: str
    script: Script


CASES: Final[dict[str, Case]] = {}


def case(text: str, name: str | None = None) -> Callable[[Script], Script]:
    """Register a script as a case, by default under the name of its function."""

    def add(script: Script) -> Script:
        CASES[name or script.__name__] = Case(text, script)
        return script

    return add


async def one_home(world: World, **variants: Any) -> tuple[Home, Box]:
    """Set up the usual scene: one home with one box of three printers."""
    world.sim.cloud.variants.update(**variants)
    box = world.add_box()
    return await world.add_home(box), box


def spoil(home: Home, endpoint: str, *faults: Fault) -> None:
    """Spoil the next messages of an endpoint, each with one of these faults; the case fails if a fault is left over."""
    left = home.planned = list(faults)

    def policy(exchange: Exchange) -> Fault | None:
        return left.pop(0) if left and exchange.endpoint.startswith(endpoint) else None

    home.proxy.policy = policy


async def end(world: World, **expected: Asked) -> Judgement:
    """Wait for the ordered faults, settle and judge; each keyword begins with the state in which its job must end."""
    await world.until(lambda: not any(home.planned for home in world.homes.values()), step=0.1)
    await world.settle()
    found = judge(world)
    for home in world.homes.values():
        found.problems += [f"never met: {one.kind}" for one in home.planned]
        found.problems += [f"never met: {one} disk" for one in home.disk.never_met()]
        found.problems += [f"damaged: {one}" for one in home.disk.damage]
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


async def until_told(
    world: World, home: Home, asked: Asked, state: str, seconds: float = 600
) -> None:
    """Wait until a job has been reported to be in a state."""
    assert await world.until(
        lambda: any(one.job_id == asked.job_id and one.state == state for one in home.reported),
        seconds,
        0.1,
    ), f"never told {state}"
