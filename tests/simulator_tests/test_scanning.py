"""Scanning."""

from tests.simulator import Simulator
from tests.simulator_tests.client import LASER, Api, until


async def test_scanning(sim: Simulator, api: Api) -> None:
    rows = (await api.data("GET /scanning/scanner_list"))["row"]
    assert [row["name"] for row in rows] == [LASER, "EPSON L3250 Series"]
    scanner = rows[0]["id"]
    assert (await api.data("GET /scanning/scanner_status", scanningId=scanner))["status"] == "idle"
    params = await api.data("GET /scanning/scanner_params", scanningId=scanner)
    assert params["inputSource"] == ["Platen", "ADF"]
    assert await api.code("POST /scanning/job", scanningId=scanner, inputSource="Lap") == 400
    assert await api.code("POST /scanning/job", scanningId=7) == 497
    data = await api.data("POST /scanning/job", scanningId=scanner, format="PDF")
    task_id = data["task_id"]
    await until(lambda: sim.cloud.scans[task_id]["state"] == "SUCCESS")
    answer = await api.data("GET /scanning/job", task_id=task_id)
    assert answer["task_result"]["code"] == 200
    data = await api.data("POST /scanning/job", scanningId=scanner)
    async with api.session.delete(
        f"{sim.url}/scanning/job",
        json={**api.credentials, "task_id": data["task_id"]},
        headers={"ApiKey": api.api_key},
    ) as response:
        assert int((await response.json())["code"]) == 200
    assert (await api.data("GET /scanning/job", task_id=data["task_id"]))["task_state"] == "REVOKED"
