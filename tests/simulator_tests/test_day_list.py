"""The list of a box's tasks of the last 24 hours."""

from datetime import UTC, datetime, timedelta
import time
from typing import Any

from tests.simulator import Outcome, Simulator
from tests.simulator.models import CHINA
from tests.simulator_tests.client import Api


async def day_list(api: Api) -> list[dict[str, Any]]:
    data = await api.data("POST /print/query_device_task")
    rows: list[dict[str, Any]] = data["task_list"]
    return rows


async def test_day_list(sim: Simulator, api: Api) -> None:
    sim.cloud.variants.list_lag = 0
    sim.cloud.plan(sim.box.printer(1), Outcome(code=503))
    first = await api.submit()
    await api.ended(first)
    second = await api.submit()
    await api.ended(second)
    rows = await day_list(api)
    assert [row["task_id"] for row in rows] == [second, first]
    assert [row["result"]["code"] for row in rows] == [200, 503]
    assert {row["status"] for row in rows} == {"SUCCESS"}
    assert [row["job_status"] for row in rows] == [1, 0]
    fields = "task_id status result job_id job_status create_at updated_at"
    assert all(list(row) == fields.split() and row["job_id"] == "" for row in rows)
    shown = datetime.strptime(rows[0]["create_at"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
    assert abs(shown - datetime.now(UTC)) < timedelta(seconds=10)
    sim.cloud.variants.list_order = "oldest_first"
    assert [row["task_id"] for row in await day_list(api)] == [first, second]


async def test_day_list_spans_24_hours_across_midnight(sim: Simulator, api: Api) -> None:
    sim.cloud.variants.list_lag = 0
    now = datetime.now(CHINA)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    sim.cloud.advance((midnight - now).total_seconds() - 30)
    yesterday = await api.submit()
    await api.ended(yesterday)
    sim.cloud.advance(60)
    today = await api.submit()
    await api.ended(today)
    assert [row["task_id"] for row in await day_list(api)] == [today, yesterday]
    sim.cloud.advance(24 * 3600 - 80)
    assert [row["task_id"] for row in await day_list(api)] == [today, yesterday]
    sim.cloud.advance(40)
    assert [row["task_id"] for row in await day_list(api)] == [today]
    sim.cloud.advance(60)
    assert await day_list(api) == []


async def test_clock_that_is_off(sim: Simulator, api: Api) -> None:
    sim.cloud.variants.update(list_lag=0, clock_skew=180)
    data = await api.ended(await api.submit())
    assert 170 < data["task_done_timestamp"] / 1000 - time.time() < 190
    (row,) = await day_list(api)
    shown = datetime.strptime(row["create_at"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
    assert 165 < (shown - datetime.now(UTC)).total_seconds() < 190
