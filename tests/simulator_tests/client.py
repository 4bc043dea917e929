"""A plain client of the simulated cloud, and a receiver of its callbacks."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from io import BytesIO
import json
from typing import Any

import aiohttp
from aiohttp import web
from PIL import Image

from tests.simulator import Box, Simulator, make_pdf

LASER = "Kyocera MA2000w GX"


class Api:
    """A plain client of the simulated cloud, for one box."""

    def __init__(self, sim: Simulator, session: aiohttp.ClientSession, box: Box) -> None:
        self.sim = sim
        self.session = session
        self.credentials = {"deviceId": box.device_id, "deviceKey": box.device_key}
        self.api_key = box.account.api_key if box.account else ""

    async def ask(self, endpoint: str, **fields: Any) -> Any:
        """Send a request to an endpoint ("GET /device/device_info"); returns the decoded answer."""
        method, path = endpoint.split(" ")
        values = {**self.credentials, **fields}
        sent: dict[str, Any] = {"json": values}
        if method in ("GET", "DELETE"):
            sent = {"params": {name: str(value) for name, value in values.items()}}
        headers = {"ApiKey": self.api_key}
        async with self.session.request(
            method, self.sim.url + path, headers=headers, **sent
        ) as response:
            assert response.status == 200
            return json.loads(await response.text())

    async def data(self, endpoint: str, **fields: Any) -> Any:
        """Send a request that must succeed; returns the data of the answer."""
        answer = await self.ask(endpoint, **fields)
        assert int(answer["code"]) == 200, answer
        return answer.get("data")

    async def code(self, endpoint: str, **fields: Any) -> int:
        return int((await self.ask(endpoint, **fields))["code"])

    def form(
        self, content: bytes | str | None, name: str = "a.pdf", **fields: Any
    ) -> aiohttp.FormData:
        """Make the form of a job: a file (bytes), links (str), or neither."""
        form = aiohttp.FormData(quote_fields=False)
        known = {"devicePort": 1, "printerModel": LASER, "dmPaperSize": 9}
        for key, value in {**self.credentials, **known, **fields}.items():
            if value is not None:
                form.add_field(key, str(value))
        if isinstance(content, bytes):
            form.add_field(
                "jobFile", content, filename=name, content_type="application/octet-stream"
            )
        elif content is not None:
            form.add_field("jobFile", content)
        return form

    async def post(self, path: str, form: aiohttp.FormData) -> Any:
        async with self.session.post(
            self.sim.url + path, data=form, headers={"ApiKey": self.api_key}
        ) as response:
            assert response.status == 200
            return json.loads(await response.text())

    async def submit(
        self, content: bytes | str | None = None, name: str = "a.pdf", **fields: Any
    ) -> str:
        """Submit a job that must be accepted; returns the task id."""
        content = make_pdf(1) if content is None else content
        answer = await self.post("/print/job", self.form(content, name, **fields))
        assert int(answer["code"]) == 200, answer
        return str(answer["data"]["task_id"])

    async def refused(self, content: bytes | str | None = b"x", **fields: Any) -> int:
        """Submit a job that must be refused; returns the code."""
        before = len(self.sim.cloud.tasks)
        answer = await self.post("/print/job", self.form(content, **fields))
        assert len(self.sim.cloud.tasks) == before
        return int(answer["code"])

    async def ended(self, task_id: str) -> dict[str, Any]:
        """Wait for the end of a task; returns the data of GET /print/job then."""
        async with asyncio.timeout(20):
            await self.sim.cloud.tasks[task_id].ended.wait()
        answer: dict[str, Any] = await self.data("GET /print/job", task_id=task_id)
        return answer

    async def result(self, task_id: str) -> tuple[str, int | None]:
        """Wait for the end of a task; returns its state and result code."""
        data = await self.ended(task_id)
        return data["task_state"], data.get("task_result", {}).get("code")


class Listener:
    """Receives callbacks and pushes, and answers with the statuses in `replies`, then with 200."""

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[Any] = []
        self.replies: list[int] = []
        self.files: dict[str, bytes] = {}

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.json())
        return web.Response(status=self.replies.pop(0) if self.replies else 200)

    async def give(self, request: web.Request) -> web.Response:
        return web.Response(body=self.files[request.match_info["name"]])


@asynccontextmanager
async def listening() -> AsyncGenerator[Listener]:
    listener = Listener()
    app = web.Application()
    app.router.add_post("/hook", listener.take)
    app.router.add_get("/files/{name}", listener.give)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    listener.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield listener
    finally:
        await runner.cleanup()


def picture(kind: str) -> bytes:
    target = BytesIO()
    Image.new("RGB", (60, 40), "blue").save(target, kind)
    return target.getvalue()
