"""A home that loses its power again and again while it prints, and what must be true afterwards.

The power cut is a SIGKILL of a real Home Assistant; the witness is the out tray of the simulated cloud, which
knows every document by its bytes.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
import hashlib
import json
from pathlib import Path
from random import Random
import time
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp

from custom_components.lianke.api.transport import answer_seconds
from custom_components.lianke.jobs.task_matching import LIST_LAG
from tests.proof.papers import unlike_any
from tests.records import flat

from .binding import DOMAIN, bind
from .cloud import SimulatorProcess
from .hass import HassError, RealHomeAssistant

SPEED = 20.0
# Seconds that the cloud takes before it reads a request's body, and before it takes a job in.
LATENCY = 0.3
ANSWER = 0.3
# More than the buffers between the two processes hold, so that such an upload is cut in its middle.
LARGE = 14_000_000
SHARE_OF_LARGE = 0.25
JOBS = 20
# Every so many of them are released by somebody at the printer.
WAITING = 4
CODE = "at the printer"
# Every so many rounds the jobs wait for their boxes, and the power goes again as they set out.
DARK = 3
# Seconds.
ROUND_TIME = 75.0
# A round takes at least so long: twenty documents and two starts are a lot of requests for one cloud.
PACE = 30.0
DOUBT_TIME = 345.0
FINAL = frozenset({"completed", "failed", "canceled", "expired", "unconfirmed"})
# So much later than it should a cloud that hangs may still make a task.
LATE = timedelta(minutes=5)
# After so long at least one more reading of the day's list has been made, and its word taken.
NEXT_LOOK = timedelta(seconds=20)
# What the clocks of both processes and the list's whole seconds leave open.
SAME_MOMENT = timedelta(seconds=5)
CHINA = ZoneInfo("Asia/Shanghai")


@dataclass(kw_only=True)
class Order:
    """A document that somebody asked for, and what became of the call."""

    name: str
    path: Path
    digest: str
    box: str
    device: str
    # It waits for somebody at the printer, who has a code.
    waits: bool = False
    job_id: str | None = None
    # Whether it was told that the job was released.
    released: bool = False


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One job at the end: what Home Assistant says of it, its record on disk, what came out."""

    order: Order
    jobs: list[dict[str, Any]]
    record: dict[str, Any] | None
    whole: int
    partial: int
    # Whether the cloud ever took it in.
    accepted: bool

    @property
    def state(self) -> str:
        """The state that the user is told."""
        return str(self.jobs[0]["state"])

    @property
    def in_doubt(self) -> bool:
        """Whether the job is, or is about to be, told as unconfirmed."""
        return self.state == "unconfirmed" or (self.record is not None and is_unsure(self.record))


@dataclass(kw_only=True)
class Home:
    """One Home Assistant with two boxes of two accounts, and the cloud it prints with.

    reachable: the cloud calls back, and nobody else prints. Otherwise no callback comes, and strangers print on
    the same boxes all the time.
    """

    folder: Path
    reachable: bool
    random: Random
    hass: RealHomeAssistant = field(init=False)
    cloud: SimulatorProcess = field(init=False)
    orders: list[Order] = field(default_factory=list)
    # When the power went, in seconds since 1970.
    cuts: list[float] = field(default_factory=list)
    # The printers' devices by box, and the config entries.
    devices: dict[str, list[str]] = field(default_factory=dict)
    entries: dict[str, str] = field(default_factory=dict)
    _hashes: dict[str, str] = field(default_factory=dict)
    _begun: float = float("-inf")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Home]:
        """Start the cloud and Home Assistant, bind the boxes; end all afterwards."""
        self.hass = RealHomeAssistant(self.folder / "config")
        self.cloud = SimulatorProcess(self.folder / "printed", speed=SPEED)
        async with self.cloud, self.hass:
            await self._bind()
            await self.cloud.post(
                "variants",
                {"callbacks": "each_state" if self.reachable else "never", "latency": LATENCY},
            )
            await self._slow_answers()
            strangers = asyncio.create_task(self._strangers())
            try:
                yield self
            finally:
                strangers.cancel()
                with suppress(asyncio.CancelledError):
                    await strangers

    async def _bind(self) -> None:
        overview = await self.cloud.get("")
        keys = {account["name"]: account["api_key"] for account in overview["accounts"]}
        office = overview["boxes"][0]
        shop = next(box for box in overview["boxes"] if box["account"] != office["account"])
        for port in (2, 3):
            await self.cloud.post(
                f"boxes/{shop['device_id']}/printers", {"model": "HP LaserJet 1020", "port": port}
            )
        for box in (office, shop):
            entry = await bind(
                self.hass,
                server=self.cloud.url,
                api_key=keys[box["account"]],
                qr_text=box["qr_link"],
            )
            self.entries[box["device_id"]] = entry["entry_id"]
            await self._lift_limits(entry["entry_id"])
        awaiting = "Unknown Printer"
        for device in await self.hass.devices():
            for domain, identifier in device["identifiers"]:
                box_id, _, printer = identifier.partition("_")
                if domain == DOMAIN and printer and device["name"] != awaiting:
                    self.devices.setdefault(box_id, []).append(device["id"])
        assert {box_id: len(found) for box_id, found in self.devices.items()} == {
            office["device_id"]: 5,
            shop["device_id"]: 3,
        }
        for printer in (one for found in self.devices.values() for one in found):
            await self.hass.call(DOMAIN, "get_capabilities", {"device_id": printer}, response=True)
        # All that is known by now is to be on disk.
        await self.hass.restart()

    async def _lift_limits(self, entry_id: str) -> None:
        """Allow more jobs an hour than anybody prints who is not testing."""
        flow = await self.hass.start_options(entry_id)
        flow = await self.hass.submit_options(flow, {"next_step_id": "settings"})
        flow = await self.hass.submit_options(flow, {"max_jobs_per_hour": 999})
        assert flow["type"] == "create_entry", flow

    async def _slow_answers(self) -> None:
        await self.cloud.request("DELETE", "faults")
        fault = {
            "endpoint": "POST /print/job",
            "kind": "delay",
            "seconds": ANSWER,
            "times": None,
        }
        await self.cloud.post("faults", fault)

    # A round

    async def round(self, number: int) -> None:
        """Ask for twenty documents, cut the power at some moment, and start again."""
        await asyncio.sleep(max(0.0, self._begun + PACE - time.monotonic()))
        self._begun = time.monotonic()
        orders = await asyncio.to_thread(self._write_documents, number)
        self.orders += orders
        dark = number % DARK == DARK - 1
        if dark:
            await self._switch_boxes(online=False)
            await self._ask_until_cut(orders, self.random.uniform(1.0, 6.0))
            await self._switch_boxes(online=True)
            await self.hass.start()
            await asyncio.sleep(self.random.uniform(0.0, 7.0))
            await self._cut()
        else:
            await self._ask_until_cut(orders, self.random.uniform(0.2, 11.0))
        await asyncio.sleep(self.random.uniform(0.0, 2.0))
        await self.hass.start()
        # Whoever got no answer asks again, with the same request id.
        for order in orders:
            if order.job_id is None:
                await self._ask(order)
            if order.waits:
                await self._release_after_cut(order)
        await self._until(ROUND_TIME, self._is_calm)

    def _write_documents(self, number: int) -> list[Order]:
        orders = []
        boxes = sorted(self.devices)
        for index in range(JOBS):
            name = f"round {number} order {index}"
            large = self.random.random() < SHARE_OF_LARGE
            content = unlike_any(
                self.random, self.random.randint(1, 3), name, LARGE if large else 0
            )
            path = self.hass.documents / f"{name}.pdf"
            path.write_bytes(content)
            box = boxes[index % len(boxes)]
            orders.append(
                Order(
                    name=name,
                    path=path,
                    digest=hashlib.sha256(content).hexdigest(),
                    box=box,
                    device=self.random.choice(self.devices[box]),
                    waits=index % WAITING == 0,
                )
            )
        return orders

    async def _ask_until_cut(self, orders: list[Order], seconds: float) -> None:
        async def ask(order: Order) -> None:
            await asyncio.sleep(self.random.uniform(0.0, 2.0))
            if self.hass.returncode is None:
                await self._ask(order)
            if order.waits and order.job_id is not None:
                await asyncio.sleep(self.random.uniform(0.0, 2.0))
                await self._release(order)

        calls = [asyncio.create_task(ask(order)) for order in orders]
        try:
            await asyncio.sleep(seconds)
            await self._cut()
        finally:
            ended = await asyncio.gather(*calls, return_exceptions=True)
        for outcome in ended:
            if isinstance(outcome, Exception):
                raise outcome

    async def _ask(self, order: Order) -> None:
        """Call the action; a call that the power cut ends tells nothing."""
        data = {
            "device_id": order.device,
            "file": str(order.path),
            "request_id": order.name,
            "title": order.name,
        }
        if order.waits:
            data["release_code"] = CODE
        try:
            answer = await self.hass.call(DOMAIN, "print", data, response=True)
        except (HassError, aiohttp.ClientError, OSError, TypeError) as err:
            # A socket that is cut gives no text: a TypeError.
            if self.hass.returncode is None and isinstance(err, HassError):
                raise
            return
        (job,) = answer["jobs"]
        order.job_id = job["job_id"]

    async def _release(self, order: Order) -> None:
        """Release a job that waits; a call that the power cut ends tells nothing."""
        data = {"job_id": order.job_id, "reason": "release", "code": CODE}
        with suppress(HassError, aiohttp.ClientError, OSError, TypeError):
            await self.hass.call(DOMAIN, "continue_job", data, response=True)
            order.released = True

    async def _release_after_cut(self, order: Order) -> None:
        """Release a job unless that was done: it is still so if it was told, and else may be."""
        (record,) = [one for one in self.records() if one["job_id"] == order.job_id]
        if order.released:
            assert record["waits_for"] == [], f"told as released, and forgotten: {record}"
            return
        if record["waits_for"]:
            untouched = (record["state"], record["task_id"], record["handed_over_at"])
            assert untouched == ("held", None, None), record
            await self._release(order)
            assert order.released, order

    async def _cut(self) -> None:
        await self.hass.kill()
        self.cuts.append(time.time())

    async def _strangers(self) -> None:
        """Let other apps print on every box, now and then, whether this home has power or not."""
        while not self.reachable:
            for box in self.devices:
                await self.cloud.post(f"boxes/{box}/printers/1/foreign")
            await asyncio.sleep(self.random.uniform(1.0, 4.0))

    async def _switch_boxes(self, *, online: bool) -> None:
        for box in self.devices:
            await self.cloud.change_box(box, online=online)

    # Coming to rest

    def records(self) -> Iterator[dict[str, Any]]:
        """Give every job as it is on disk."""
        for entry_id in self.entries.values():
            folder = self.hass.config / ".cache" / DOMAIN / entry_id
            for path in folder.glob("*/job.json"):
                with suppress(FileNotFoundError):
                    yield flat(json.loads(path.read_text("utf-8")))

    async def _is_calm(self) -> bool:
        """Tell whether nothing is on its way; what is in doubt among strangers may stay so."""
        records = await asyncio.to_thread(lambda: list(self.records()))
        moving = [one for one in records if one["state"] in ("held", "uploading")]
        if not self.reachable:
            moving = [one for one in moving if not is_unsure(one)]
        return not moving

    async def settle(self) -> None:
        """Wait until every job has an end, also those in a doubt that only time will end."""

        async def ended() -> bool:
            records = await asyncio.to_thread(lambda: list(self.records()))
            if any(map(is_unsure, records)):
                return False
            return all(job["state"] in FINAL for job in await self._jobs())

        await self._until(DOUBT_TIME, ended)

    async def _until(self, seconds: float, condition: Any) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not await condition():
                    await asyncio.sleep(1)

    async def _jobs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for device in (one for devices in self.devices.values() for one in devices):
            answer = await self.hass.call(
                DOMAIN, "list_jobs", {"device_id": device, "limit": 200}, response=True
            )
            found += answer["jobs"]
        return found

    # Judging

    async def verdicts(self) -> list[Verdict]:
        """Return each order with what Home Assistant says and what the tray holds."""
        tray = [one for one in await self.cloud.get("printed") if not one["foreign"]]
        digests = await asyncio.to_thread(self._digests, tray)
        whole = Counter(
            digest for digest, one in zip(digests, tray, strict=True) if one["complete"]
        )
        partial = Counter(
            digest for digest, one in zip(digests, tray, strict=True) if not one["complete"]
        )
        accepted = {
            name
            for task in await self.cloud.get("tasks")
            if not task["foreign"]
            for name in task["names"]
        }
        jobs = await self._jobs()
        records = {record["job_id"]: record for record in self.records()}
        verdicts = []
        for order in self.orders:
            mine = [job for job in jobs if job["request_id"] == order.name]
            verdicts.append(
                Verdict(
                    order=order,
                    jobs=mine,
                    record=records.get(mine[0]["job_id"]) if mine else None,
                    whole=whole[order.digest],
                    partial=partial[order.digest],
                    accepted=order.path.name in accepted,
                )
            )
        strays = set(digests) - {order.digest for order in self.orders}
        assert not strays, "something came out that nobody asked for"
        return verdicts

    def _digests(self, tray: list[dict[str, Any]]) -> list[str]:
        for one in tray:
            if one["path"] not in self._hashes:
                content = Path(one["path"]).read_bytes()
                self._hashes[one["path"]] = hashlib.sha256(content).hexdigest()
        return [self._hashes[one["path"]] for one in tray]

    def cut_off(self, verdict: Verdict) -> bool:
        """Tell whether the power went after a job's end was handed over and before its task was on disk."""
        assert verdict.record is not None
        if verdict.record["handed_over_at"] is None or verdict.record["task_id"] is not None:
            return False
        moment = handed_over(verdict.record).timestamp()
        longest = 2 * LATENCY + ANSWER + 8.0
        return any(0 <= cut - moment <= longest for cut in self.cuts)

    def distance(self, verdict: Verdict, cut: float) -> float:
        """Return the seconds from the end of a job's upload to a power cut, or far if that was earlier."""
        assert verdict.record is not None
        moment = handed_over(verdict.record).timestamp()
        return cut - moment if cut >= moment else float("inf")

    def had_one_reading(self, verdict: Verdict, doubts: list[Verdict]) -> bool:
        """Tell whether the day's list, with nobody else on it, could be read in but one way for this job.

        Its upload's time and the list's lag are over, before which the list tells nothing. Its task is on the list,
        and no other doubt can lay claim to it: none at the same moment, and no earlier one that has no task of its
        own, or one whose own may as well be a still earlier one's.
        """
        assert verdict.record is not None
        moment = handed_over(verdict.record)
        if datetime.now(CHINA) < moment + taking_in(verdict.record) + LIST_LAG + NEXT_LOOK:
            return False
        for other in doubts:
            if other is verdict or other.order.box != verdict.order.box or other.record is None:
                continue
            earlier = moment - handed_over(other.record)
            if abs(earlier) <= SAME_MOMENT:
                return False
            if timedelta(0) < earlier <= claim(other.record) and not (
                other.accepted and self.had_one_reading(other, doubts)
            ):
                return False
        return True


def handed_over(record: dict[str, Any]) -> datetime:
    """Return when the end of a job was handed over."""
    return datetime.fromisoformat(record["handed_over_at"])


def claim(record: dict[str, Any]) -> timedelta:
    """Return how long after that the cloud may still make a task of a job that got no answer."""
    return taking_in(record) + LATE + SAME_MOMENT


def taking_in(record: dict[str, Any]) -> timedelta:
    """Return how long after that the cloud may take to make its task, unless it hangs."""
    return timedelta(seconds=answer_seconds(record["size"]))


def is_unsure(record: dict[str, Any]) -> bool:
    """Tell whether a job's end was handed over and nobody knows yet whether it arrived."""
    return bool(
        record["state"] == "uploading" and record["handed_over_at"] and record["task_id"] is None
    )
