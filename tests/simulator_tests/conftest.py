"""A simulated cloud 300 times faster than real time, and a client of it."""

from collections.abc import AsyncGenerator
from pathlib import Path

import aiohttp
import pytest

from tests.simulator import Simulator
from tests.simulator_tests.client import Api, Listener, listening


@pytest.fixture
async def sim(tmp_path: Path, socket_enabled: None) -> AsyncGenerator[Simulator]:
    """Run a simulator 300 times faster than real time; a test whose ApiKey gets banned fails."""
    async with Simulator(tmp_path / "out", speed=300) as simulator:
        yield simulator
        assert not simulator.cloud.banned


@pytest.fixture
async def session(sim: Simulator) -> AsyncGenerator[aiohttp.ClientSession]:
    """Provide a client session that ends before the simulator does."""
    async with aiohttp.ClientSession() as client:
        yield client


@pytest.fixture
def api(sim: Simulator, session: aiohttp.ClientSession) -> Api:
    return Api(sim, session, sim.box)


@pytest.fixture
async def listener(session: aiohttp.ClientSession) -> AsyncGenerator[Listener]:
    """Provide a listener that ends before the simulator does."""
    async with listening() as one:
        yield one
