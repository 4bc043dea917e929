"""Cases of people who cancel jobs, ask for them again and retry them."""

import asyncio
from typing import Any

from tests.simulator.models import Outcome

from .judge import Judgement
from .scene import case, end, one_home, until_told
from .user import cancel, print_paper, retry
from .world import World


def _taken_back(name: str, text: str, *, expires: bool, cancel_variant: str, again: bool) -> None:
    async def script(world: World) -> Judgement:
        home, box = await one_home(world, cancel=cancel_variant)
        # After this print, callbacks are known to arrive, so that the next job is not polled all the time.
        await print_paper(home, box, 1, world.paper(home, 1), wait=True)
        printer = box.printer(1)
        printer.seconds_per_page = 3.0
        data: dict[str, Any] = {"request_id": "once"} | (
            {"expires_in": {"seconds": 25}} if expires else {}
        )
        path = world.paper(home, 30)
        asked = await print_paper(home, box, 1, path, **data)
        assert asked.job_id is not None
        await asyncio.sleep(25)
        if not expires:
            await cancel(home, asked.job_id, home.device(box, 1))
        await asyncio.sleep(200)
        if again:
            await print_paper(home, box, 1, path, **data)
        return await end(world)

    case(text, name)(script)


_taken_back(
    "canceled_while_it_prints",
    "A job that is canceled while its sheets come out is not told as if nothing was printed.",
    expires=False,
    cancel_variant="revokes",
    again=False,
)
_taken_back(
    "expired_while_it_prints",
    "A job that expires while its sheets come out is not told as if nothing was printed.",
    expires=True,
    cancel_variant="revokes",
    again=False,
)
_taken_back(
    "revoked_and_printed",
    "A cloud that says REVOKED and prints all the same proves nothing about the sheets.",
    expires=False,
    cancel_variant="prints_revoked",
    again=False,
)
_taken_back(
    "canceled_and_asked_for_again",
    "The same request id does not print again what was canceled with sheets out.",
    expires=False,
    cancel_variant="revokes",
    again=True,
)


@case("The same request id does not print again what failed with sheets out.")
async def failed_and_asked_for_again(world: World) -> Judgement:
    home, box = await one_home(world)
    world.sim.cloud.plan(box.printer(1), Outcome(code=503, prints=2))
    path = world.paper(home, 5)
    asked = await print_paper(home, box, 1, path, request_id="once")
    await until_told(world, home, asked, "failed")
    await print_paper(home, box, 1, path, request_id="once")
    return await end(world)


def _retried(*, at_once: bool) -> None:
    async def script(world: World) -> Judgement:
        home, box = await one_home(world)
        world.sim.cloud.plan(box.printer(1), Outcome(code=502, prints="none"))
        asked = await print_paper(home, box, 1, world.paper(home))
        await until_told(world, home, asked, "failed")
        assert asked.job_id is not None
        device = home.device(box, 1)
        if at_once:
            await asyncio.gather(*(retry(home, asked.job_id, device) for _ in range(2)))
        else:
            again = await retry(home, asked.job_id, device)
            await until_told(world, home, again, "completed")
            await retry(home, asked.job_id, device)
        found = await end(world)
        if not any(
            record["retry_of"] and record["state"] == "completed" for record in home.records()
        ):
            found.problems.append("unexpected: no retry printed")
        return found

    name = f"retried_twice_{'at_once' if at_once else 'in_turn'}"
    case("Two retries of one job print once.", name)(script)


_retried(at_once=True)
_retried(at_once=False)
