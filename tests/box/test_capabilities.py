"""Cached capabilities and papers of printers."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from custom_components.lianke.runtime import LiankeData
from tests.clock import Clock, until
from tests.polling import PAPERS, PARAMS, key_of
from tests.simulator import Fault, Simulator


async def test_details_are_asked_for_once_in_seven_days(
    clock: Clock, simulator: Simulator, data: LiankeData, settled: None
) -> None:
    key = key_of(data, "Kyocera")
    (able, papers), same = await asyncio.gather(
        data.coordinator.capabilities.get(key), data.coordinator.capabilities.get(key)
    )
    assert able
    assert (able, papers) == same
    assert able.papers
    assert able.papers["A4"] == 9
    assert {paper.name for paper in papers} == {"A4", "A5", "B5 (JIS)", "Letter", "信封 DL"}
    assert (simulator.cloud.count(PARAMS), simulator.cloud.count(PAPERS)) == (1, 1)

    clock.tick(timedelta(days=7, seconds=1))
    simulator.cloud.fail(PARAMS, Fault(kind="http"))
    simulator.cloud.fail(PAPERS, Fault(kind="http"))
    assert await data.coordinator.capabilities.get(key) == (able, papers)
    # Not at once again after a failure.
    await data.coordinator.capabilities.get(key)
    assert (simulator.cloud.count(PARAMS), simulator.cloud.count(PAPERS)) == (2, 2)
    clock.tick(301)
    assert await data.coordinator.capabilities.get(key) == (able, papers)
    assert (simulator.cloud.count(PARAMS), simulator.cloud.count(PAPERS)) == (3, 3)


async def test_answers_about_an_earlier_driver_are_not_kept(
    simulator: Simulator, data: LiankeData, settled: None
) -> None:
    key = key_of(data, "Kyocera")
    simulator.cloud.fail(PAPERS, Fault(kind="delay", seconds=0.3))
    asked = asyncio.create_task(data.coordinator.capabilities.get(key))
    await until(lambda: simulator.cloud.hanging)
    data.storage.update(key, printer=replace(data.storage.printers[key].printer, model="Other"))
    await asked
    assert data.storage.printers[key].papers_at is None


async def test_details_that_nobody_can_give(
    simulator: Simulator, data: LiankeData, settled: None
) -> None:
    waiting = key_of(data, "Unknown")
    assert await data.coordinator.capabilities.get(waiting) == (None, ())
    assert await data.coordinator.capabilities.get("nobody") == (None, ())
    assert (simulator.cloud.count(PARAMS), simulator.cloud.count(PAPERS)) == (0, 0)
    simulator.cloud.fail(PARAMS, Fault(kind="http"))
    assert (await data.coordinator.capabilities.get(key_of(data, "Kyocera")))[0] is None
