"""Scans by requests like those of the vendor's clients, replayed: their words, types and places, not their code."""

import asyncio
from typing import Any

import pytest

from tests.simulator import Simulator
from tests.simulator_tests.client import Api


async def _send(api: Api, method: str, path: str, **sent: Any) -> dict[str, Any]:
    async with api.session.request(
        method, api.sim.url + path, headers={"ApiKey": api.api_key}, **sent
    ) as response:
        answer: dict[str, Any] = await response.json(content_type=None)
        return answer


@pytest.mark.parametrize(
    ("options", "pages"),
    [
        ({"size": "A4"}, 1),
        ({}, 1),
        ({"inputSource": "ADF", "duplex": 1, "colorMode": "Grayscale8"}, 4),
    ],
)
async def test_a_scan(api: Api, sim: Simulator, options: dict[str, Any], pages: int) -> None:
    sim.cloud.variants.update(scan_result="base64")
    sim.box.printer(1).feeder = ["one", "two"]
    box = api.credentials
    listed = await _send(api, "GET", "/scanning/scanner_list", params=box)
    [scanner, *_] = listed["data"]["row"]
    assert type(scanner["id"]) is int
    for path in ("scanner_status", "scanner_params"):
        asked = {**box, "scanningId": str(scanner["id"])}
        assert (await _send(api, "GET", f"/scanning/{path}", params=asked))["code"] == 200
    defaults = {"colorMode": "RGB24", "inputSource": "Platen", "format": "JPEG", "duplex": 0}
    body = {**box, "scanningId": scanner["id"], **defaults, **options}
    as_text = {**body, "scanningId": str(scanner["id"])}
    assert (await _send(api, "POST", "/scanning/job", json=as_text))["code"] == 400
    started = await _send(api, "POST", "/scanning/job", json=body)
    task = {**box, "task_id": started["data"]["task_id"]}
    while True:
        answer = await _send(api, "GET", "/scanning/job", params=task)
        if answer["data"]["task_state"] not in ("READY", "SENDING"):
            break
        await asyncio.sleep(0.02)
    images = answer["data"]["task_result"]["data"]["img"]
    assert len([images] if isinstance(images, str) else images) == pages
    assert (await _send(api, "DELETE", "/scanning/job", json=task))["code"] == 200
    assert (await _send(api, "GET", "/scanning/job", params=task))["code"] == 404
    assert sim.cloud.violations == []
