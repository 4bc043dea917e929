"""The rate limit, and whatever can be broken."""

from pathlib import Path

import aiohttp
import pytest

from tests.simulator import Fault, Simulator
from tests.simulator.faults import KINDS
from tests.simulator_tests.client import Api


async def test_over_sixty_requests_a_minute_the_key_is_banned(
    tmp_path: Path, socket_enabled: None
) -> None:
    async with (
        Simulator(tmp_path / "out", speed=300) as sim,
        aiohttp.ClientSession() as session,
    ):
        api = Api(sim, session, sim.box)
        for _number in range(60):
            await api.data("GET /device/device_info")
        sim.cloud.advance(61)
        for _number in range(60):
            await api.data("GET /device/device_info")
        assert not any(account.banned for account in sim.cloud.accounts)
        for wait in (0, 120):
            sim.cloud.advance(wait)
            async with session.get(
                f"{sim.url}/device/device_info", headers={"ApiKey": api.api_key}
            ) as response:
                assert response.status == 403
        assert [account.banned for account in sim.cloud.accounts] == [True, False]
        other = Api(sim, session, list(sim.cloud.boxes.values())[2])
        assert await other.code("GET /device/device_info") == 200
        assert sim.cloud.banned
        assert sim.cloud.count("GET /device/device_info") == 123
        assert [one.status for one in sim.cloud.requests][-3:] == [403, 403, 200]

    # Closing the simulator does not wait for the hour that is left.


def test_fault_names_are_checked() -> None:
    assert {"refuse", "timeout", "code"} <= set(KINDS)
    with pytest.raises(ValueError, match="no fault"):
        Fault(kind="nonsense")  # type: ignore[arg-type]  # the mistake is the test


async def test_a_late_second_answer_on_the_same_connection(sim: Simulator, api: Api) -> None:
    """Who keeps the connection takes the copy for the next request's answer."""
    sim.cloud.fail("GET /device/device_info", Fault(kind="twice"))
    assert "info" in await api.data("GET /device/device_info")
    assert "info" in await api.data("GET /external_api/printer_list")
