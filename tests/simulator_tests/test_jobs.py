"""Jobs: what they need, and the way they go."""

import asyncio
from dataclasses import fields
from typing import Any

import aiohttp
import pytest

from custom_components.lianke.api.capabilities import CUSTOM_ID
from custom_components.lianke.api.options import ResolvedOptions
from tests.clock import moved_by_hand, threads_work
from tests.simulator import Simulator, make_pdf
from tests.simulator_tests.client import Api


async def test_unknown_tasks(sim: Simulator, session: aiohttp.ClientSession, api: Api) -> None:
    task_id = await api.submit()
    endpoint = "GET /print/job"
    other = Api(sim, session, list(sim.cloud.boxes.values())[1])
    assert await other.code(endpoint, task_id=task_id) == 404
    sim.cloud.variants.unknown_task = "code_400"
    assert await other.code(endpoint, task_id=task_id) == 400
    assert await other.code("DELETE /print/job", task_id="nonsense") == 400
    assert await api.code(endpoint) == 400


async def test_one_job_a_printer_at_a_time(sim: Simulator, api: Api) -> None:
    sim.cloud.speed = 100
    sim.box.printer(1).paper = 0
    first = await api.submit(make_pdf(2))
    second = await api.submit()
    beside = await api.submit(devicePort=4, printerModel="HP LaserJet 1020")
    # Another printer does not wait.
    await api.ended(beside)
    assert not sim.cloud.tasks[first].ended.is_set()
    sim.box.printer(1).paper = None
    await asyncio.gather(api.ended(first), api.ended(second))
    # The second waits as READY until the first is out.
    histories = [sim.cloud.tasks[key].history for key in (first, second)]
    assert histories[1][1].time >= histories[0][-2].time + 2 * 3 / 100


@pytest.mark.parametrize(
    "fields",
    [
        {"dmPaperSize": None},
        {"dmPaperSize": "A4"},
        {"dmPaperSize": 0, "dmPaperWidth": 500},
        {"dmCopies": 0},
        {"dmCopies": "two"},
        {"dmColor": 3},
        {"dmDuplex": "long"},
        {"dmOrientation": 0},
        {"dmPrintQuality": 600},
        {"dmDefaultSource": "tray"},
        {"jpScale": "half"},
        {"jpAutoAlign": "z0"},
        {"jpPageRange": "5-2"},
        {"jpPageRange": "1;2"},
        {"htmlKernel": "lynx"},
        {"isPreview": "yes"},
        {"deviceKey": None},
        {"taskTicket": "nothing"},
    ],
)
async def test_bad_parameters(api: Api, fields: dict[str, Any]) -> None:
    assert await api.refused(make_pdf(1), **fields) == 400


async def test_every_option_that_the_integration_sends_is_checked(api: Api) -> None:
    """A new option needs its values in `_check_options`: the service refuses others, and so must the simulator."""
    names = [one.name for one in fields(ResolvedOptions)]
    every: Any = {**dict.fromkeys(names, 1), "paper_id": CUSTOM_ID}
    size = {"dmPaperSize": CUSTOM_ID, "dmPaperWidth": 500, "dmPaperLength": 500}
    for name in ResolvedOptions(**every).form_fields():
        assert await api.refused(make_pdf(1), **{**size, name: "nonsense"}) == 400, name


async def test_a_job_needs_a_document(api: Api) -> None:
    assert await api.refused(None) == 400


async def test_a_job_for_a_dead_box_ends_after_16_minutes(sim: Simulator, api: Api) -> None:
    sim.cloud.speed = 1
    sim.box.online = False
    async with moved_by_hand() as clock:
        task_id = await api.submit(reportDeviceStatus=0)
        passed = 0
        while not sim.cloud.tasks[task_id].ended.is_set():
            assert passed < 22 * 60
            await asyncio.sleep(0.005)
            # Reading the document has an end, however long a busy machine takes.
            if not threads_work(sim.cloud.renderer._executor):
                clock.tick(20)
                passed += 20
        assert await api.result(task_id) == ("SUCCESS", 503)
    assert passed > 15 * 60


async def test_states_of_the_box_refuse_a_job(sim: Simulator, api: Api) -> None:
    sim.box.online = None
    assert await api.refused() == 5001
    sim.box.online = False
    assert await api.refused() == 5002
    assert await api.refused(devicePort=9) == 5002
    task_id = await api.submit(reportDeviceStatus=0)
    assert await api.result(task_id) == ("SUCCESS", 503)
    sim.box.online = True
    assert await api.refused(devicePort=9) == 5011
