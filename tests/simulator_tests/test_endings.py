"""How a job ends."""

from tests.clock import until
from tests.simulator import Outcome, Simulator, make_pdf
from tests.simulator_tests.client import Api


async def test_paper_out_that_fails(sim: Simulator, api: Api) -> None:
    sim.cloud.variants.paper_out = "fails"
    sim.box.printer(1).paper = 1
    task_id = await api.submit(make_pdf(4), dmDuplex=2)
    assert await api.result(task_id) == ("SUCCESS", 500)
    assert [job.pages_out for job in sim.cloud.partly_printed] == [2]
    assert not sim.printed


async def test_box_lost_while_printing(sim: Simulator, api: Api) -> None:
    task_id = await api.submit(make_pdf(50))
    await until(lambda: sim.cloud.tasks[task_id].pages_out >= 1)
    sim.box.online = False
    assert await api.result(task_id) == ("SUCCESS", 503)
    assert 1 <= sim.cloud.partly_printed[0].pages_out < 50


async def test_thirty_failures_pause_the_printer(sim: Simulator, api: Api) -> None:
    laser = sim.box.printer(1)
    sim.cloud.plan(laser, *[Outcome(code=502)] * 4)
    for _number in range(2):
        await api.ended(await api.submit())
    assert await api.refused(make_pdf(1), errLimitNum=2) == 11203
    await api.ended(await api.submit(errLimitNum=3))
    laser.failures = 30
    assert await api.refused(make_pdf(1)) == 11203
    assert await api.refused(make_pdf(1), errLimitNum=500) == 11203
    reset = "POST /print/reset_printing_error_limit"
    assert await api.code(reset, devicePort=1) == 200
    assert laser.failures == 0
    await api.ended(await api.submit())
    laser.failures, laser.last_failure = 30, sim.cloud.now()
    assert await api.refused(make_pdf(1)) == 11203
    sim.cloud.advance(1801)
    assert await api.result(await api.submit()) == ("SUCCESS", 200)


async def test_reset_limits(sim: Simulator, api: Api) -> None:
    reset = "POST /print/reset_printing_error_limit"
    laser = sim.box.printer(1)
    assert await api.code(reset, devicePort=1) == 11201
    for _number in range(10):
        laser.failures = 1
        assert await api.code(reset, devicePort=1) == 200
        assert await api.code(reset, devicePort=1) == 10009
        sim.cloud.advance(61)
    laser.failures = 1
    assert await api.code(reset, devicePort=1) == 11200
    sim.cloud.advance(86400)
    assert await api.code(reset, devicePort=1) == 200
