"""Cases of people who ask again."""

from tests.simulator.models import Outcome

from .judge import Judgement
from .scene import case, end, one_home, until_told
from .user import print_paper
from .world import World


@case("The same request id does not print again what failed with sheets out.")
async def failed_and_asked_for_again(world: World) -> Judgement:
    home, box = await one_home(world)
    world.sim.cloud.plan(box.printer(1), Outcome(code=503, prints=2))
    path = world.paper(home, 5)
    asked = await print_paper(home, box, 1, path, request_id="once")
    await until_told(world, home, asked, "failed")
    await print_paper(home, box, 1, path, request_id="once")
    return await end(world)
