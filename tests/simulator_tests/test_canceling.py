"""Taking jobs back."""

import asyncio

from tests.clock import until
from tests.simulator import Simulator
from tests.simulator_tests.client import Api


async def test_cancel_that_never_ends_or_is_refused(sim: Simulator, api: Api) -> None:
    sim.cloud.variants.cancel = "hangs"
    task_id = await api.submit()
    assert await api.code("DELETE /print/job", task_id=task_id) == 200
    await asyncio.sleep(0.1)
    assert sim.cloud.tasks[task_id].state == "SET_REVOKE"
    sim.cloud.variants.cancel = "code_400"
    task_id = await api.submit()
    assert await api.code("DELETE /print/job", task_id=task_id) == 400
    assert await api.result(task_id) == ("SUCCESS", 200)
    assert len(sim.printed) == 1


async def test_flush_takes_everybodys_waiting_jobs(sim: Simulator, api: Api) -> None:
    laser = sim.box.printer(1)
    laser.paper = 0
    first = await api.submit()
    await until(lambda: laser.current is not None)
    waiting = [await api.submit(), sim.cloud.print_as_someone_else(sim.box, laser).task_id]
    beside = await api.submit(devicePort=4, printerModel="HP LaserJet 1020")
    assert await api.data("POST /print/flush_jobs", devicePort=1) == {"queue_num": 2}
    for task_id in waiting:
        assert (await api.result(task_id))[0] == "REVOKED"
    laser.paper = None
    assert await api.result(first) == ("SUCCESS", 200)
    assert await api.result(beside) == ("SUCCESS", 200)
