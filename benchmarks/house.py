"""The cloud and the Home Assistant of a measurement, each in a process of its own, and clients of Home Assistant."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
import time
from typing import Any, Self
from urllib.parse import urlsplit

from tests.e2e.cloud import SimulatorProcess
from tests.e2e.hass import ROOT, RealHomeAssistant

STATE_HOOK = "bench-state-0123456789abcdef"
POLL_HOOK = "bench-poll-0123456789abcdef"
BARE = "sensor.bench_bare"
# Options of a box with limits that no measurement reaches.
WIDE = {"max_jobs_per_hour": 100_000, "max_document_mb": 1000, "max_pages": 100_000}


@dataclass(kw_only=True)
class House:
    """A simulated cloud, and a Home Assistant that uses it."""

    cloud: SimulatorProcess
    hass: RealHomeAssistant
    longest_stall: float = 0.0
    stalled_at: str = ""
    # Seconds of Python's longest garbage collection, which is not counted as a stall (see `StallMeter`).
    longest_collection: float = 0.0

    async def run(self, do: str, timeout: float = 200, **fields: Any) -> Any:
        """Run a command of the probe inside Home Assistant."""
        return await self.hass.command(
            "lianke_bench/run", timeout=timeout, **{"do": do, "with": fields}
        )

    async def stalls(self, figure: str | None = None) -> None:
        """Count the stalls since the last call as the integration's, during `figure`; with None, discard them."""
        found = await self.hass.command("lianke_bench/stalls")
        if figure is not None:
            self.note_stall(found, figure)

    def note_stall(self, found: dict[str, float], figure: str) -> None:
        """Keep the longest stall and the longest garbage collection that a meter found, if longer than all before."""
        self.longest_collection = max(self.longest_collection, found["collection"])
        if found["longest"] > self.longest_stall:
            self.longest_stall, self.stalled_at = found["longest"], figure

    async def boxes(self) -> list[dict[str, Any]]:
        """Return the boxes of the cloud, each with its ApiKey."""
        overview = await self.cloud.get("")
        keys = {account["name"]: account["api_key"] for account in overview["accounts"]}
        return [{**box, "api_key": keys[box["account"]]} for box in overview["boxes"]]

    def entry(self, box: dict[str, Any], **options: Any) -> dict[str, Any]:
        """Make the data of a box's config entry."""
        return {
            "domain": "lianke",
            "title": box["device_id"],
            "unique_id": box["device_id"],
            "data": {
                "api_key": box["api_key"],
                "device_id": box["device_id"],
                "device_key": box["device_key"],
                "server": self.cloud.url,
                "webhook_id": webhook_of(box),
            },
            "options": {**WIDE, **options},
        }

    async def add_boxes(self, boxes: list[dict[str, Any]], **options: Any) -> list[str]:
        """Set boxes up; returns the ids of their config entries."""
        entries = [self.entry(box, **options) for box in boxes]
        answer = await self.run("add_entries", entries=entries)
        return list(answer["entry_ids"])

    @property
    def pid(self) -> int:
        assert self.hass.process is not None
        return self.hass.process.pid


def webhook_of(box: dict[str, Any]) -> str:
    """Invent the webhook id of a box's account."""
    return f"hook-{box['api_key'].lower()}"


@asynccontextmanager
async def house(
    folder: Path, *, scenario: str, speed: float = 1.0, moved: bool = False
) -> AsyncIterator[House]:
    """Start a cloud and a Home Assistant in a folder; both end with the context.

    With `moved`, Home Assistant and the cloud use a clock that can jump, and the cloud bans keys that send too many
    requests.
    """
    config = folder / "config"
    components = config / "custom_components"
    await asyncio.to_thread(link_components, components)
    clock, socket = folder / "clock", folder / "socket"
    module: tuple[str, ...] = ("tests.simulator",)
    extra = "lianke_bench:\n"
    if moved:
        module = ("benchmarks.cloud", str(clock), str(socket))
        extra += f"  clock: {clock}\n  socket: {socket}\n"
    async with (
        SimulatorProcess(folder / "out", scenario=scenario, speed=speed, module=module) as cloud,
        RealHomeAssistant(
            config, levels={"custom_components.lianke": "warning"}, extra=extra
        ) as hass,
    ):
        if not moved:
            await cloud.post("settings", {"rate_limit": None})
        made = House(cloud=cloud, hass=hass)
        await made.stalls()
        yield made


def link_components(components: Path) -> None:
    """Link the integration and the bench's probe into a folder for custom components."""
    components.mkdir(parents=True, exist_ok=True)
    for name, target in (
        ("lianke", "custom_components/lianke"),
        ("lianke_bench", "benchmarks/probe"),
    ):
        (components / name).symlink_to(ROOT / target, target_is_directory=True)


class Poster:
    """A persistent HTTP connection that sends POST requests with as little overhead as possible."""

    def __init__(self, url: str) -> None:
        """`url` is Home Assistant's address."""
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    def request(self, path: str, body: bytes) -> bytes:
        """Build the bytes of a POST request with a JSON body."""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    async def send(self, request: bytes) -> int:
        """Send a request and read the answer; returns the HTTP status."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        await self._reader.readexactly(length)
        return int(head[9:12])


class Watcher:
    """States of some entities as a dashboard receives them, with the time at which each state arrived."""

    def __init__(self, subscription: Any) -> None:
        """`subscription` is a subscription to the WebSocket command `subscribe_entities` of Home Assistant."""
        self._subscription = subscription
        self._attributes: dict[str, dict[str, Any]] = {}
        self._states: dict[str, str] = {}
        self._seen_at = 0.0

    async def until(self, entity_id: str, **wanted: Any) -> float:
        """Wait until attributes of an entity have these values; returns the time at which they arrived."""
        while not wanted.items() <= self._attributes.get(entity_id, {}).items():
            await self._take()
        return self._seen_at

    async def until_state(self, entity_id: str, wanted: str) -> float:
        """Wait until an entity has this state; returns the time at which the state arrived."""
        while self._states.get(entity_id) != wanted:
            await self._take()
        return self._seen_at

    async def _take(self) -> None:
        event = await self._subscription.next(20)
        self._seen_at = time.perf_counter()
        for added, new in event.get("a", {}).items():
            self._attributes[added] = dict(new["a"])
            self._states[added] = new["s"]
        for changed, change in event.get("c", {}).items():
            new = change.get("+", {})
            self._attributes[changed].update(new.get("a", {}))
            self._states[changed] = new.get("s", self._states[changed])
