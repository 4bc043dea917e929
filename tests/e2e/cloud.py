"""The Lianke simulator in a process of its own, for the demo and for tests that run a whole Home Assistant.

In short::

    async with SimulatorProcess(tmp_path / "printed", speed=20) as cloud:
        picture = await cloud.sticker()                                 # PNG of the first box's QR code
        await cloud.post("variants", {"callbacks": "never"})
        await cloud.change_printer(cloud.device_id, 1, paper=0)
        printed = await cloud.get("printed")

``tests/simulator/README.md`` says what the calls below ``/_sim/`` do.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
import json
from pathlib import Path
import signal
import sys
from typing import Any, Self

import aiohttp

from .hass import ROOT

START_TIMEOUT = 180.0  # seconds; many processes may be starting at the same time
STOP_TIMEOUT = 10.0  # seconds
# The simulator without Chromium, for tests that do not look at printed HTML: Chromium takes two seconds per job.
UNSEEN = ("tests.simulator", "--chromium=")


class CloudError(Exception):
    """The simulator did not start, or refused a call."""


class SimulatorProcess:
    """One simulator: its process, the address and keys that it prints at its start, and its admin interface."""

    def __init__(
        self,
        out: Path,
        *,
        port: int = 0,
        speed: float = 1.0,
        scenario: str = "default",
        module: Sequence[str] = ("tests.simulator",),
    ) -> None:
        """Prepare a simulator that prints into the folder out; port 0 takes any free port.

        speed: how many times faster than real time it prints. scenario: its cast of boxes and printers. module: the
        module to run, followed by arguments of its own, which come before the simulator's.
        """
        self.out = out
        self.url = ""
        self.api_key = ""
        self.device_id = ""
        self.device_key = ""
        self.qr_link = ""
        self._port = port
        self._speed = speed
        self._scenario = scenario
        self._module = module
        self._process: asyncio.subprocess.Process | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Start the simulator and read its address and keys. Raises CloudError."""
        await asyncio.to_thread(self.out.mkdir, parents=True, exist_ok=True)
        options = ["--port", str(self._port), "--out", str(self.out), "--scenario", self._scenario]
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *self._module, *options, "--speed", str(self._speed)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(START_TIMEOUT):
                line = await self._process.stdout.readline()
            greeting = json.loads(line)
        except TimeoutError, ValueError:
            await self._end()
            raise CloudError("The simulator did not start") from None
        self.url = greeting["url"]
        self.api_key = greeting["api_key"]
        self.device_id = greeting["device_id"]
        self.device_key = greeting["device_key"]
        self.qr_link = greeting["qr_link"]
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60))
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the simulator."""
        if self._session is not None:
            await self._session.close()
        await self._end()

    async def _end(self) -> None:
        """End the process, by force if it takes too long."""
        if self._process is None or self._process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_TIMEOUT):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    @property
    def admin_url(self) -> str:
        """Address of the admin interface, with a slash at the end."""
        return f"{self.url.removesuffix('/api')}/_sim/"

    async def request(self, method: str, path: str, data: Any = None) -> Any:
        """Return the answer to a call below /_sim/. Raises CloudError if the call is refused."""
        assert self._session is not None
        async with self._session.request(method, f"{self.admin_url}{path}", json=data) as response:
            if response.status >= 400:
                raise CloudError(
                    f"{method} {path}: HTTP {response.status}: {await response.text()}"
                )
            if response.content_type == "application/json":
                return await response.json()
            return await response.read()

    async def get(self, path: str) -> Any:
        """Return the answer to a GET."""
        return await self.request("GET", path)

    async def post(self, path: str, data: Any = None) -> Any:
        """Return the answer to a POST."""
        return await self.request("POST", path, {} if data is None else data)

    async def boxes(self) -> list[dict[str, Any]]:
        """Return all boxes with their account, printers and QR link."""
        return list((await self.get(""))["boxes"])

    async def sticker(self, device_id: str | None = None) -> bytes:
        """Return a PNG of a box's QR code, of the first box by default."""
        return bytes(await self.get(f"qr/{device_id or self.device_id}.png"))

    async def change_box(self, device_id: str, **changes: Any) -> None:
        """Change a box: put it offline, for example."""
        await self.post(f"boxes/{device_id}", changes)

    async def change_printer(self, device_id: str, printer: int | str, **changes: Any) -> None:
        """Change a printer: take its paper out, for example; printer is its USB port, its address or its row id."""
        await self.post(f"boxes/{device_id}/printers/{printer}", changes)
