"""A home whose jobs are printed on both sides by hand, and which loses its power at each step of that.

As in `blackout`: a SIGKILL of a real Home Assistant, and the out tray as the witness. It tells the halves apart by
what is written on their pages.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import aiohttp

from tests.by_hand import images
from tests.proof.papers import unlike_any

from .binding import DOMAIN
from .blackout import DOUBT_TIME, FINAL, ROUND_TIME, Home, is_unsure
from .hass import HassError

# Seconds that a page takes; a half is then seconds long, at the cloud's speed.
SLOW = 20.0
# Seconds, the longest after the last action before a power cut.
LATEST = 2.5
ABLE = ("Kyocera", "EPSON", "HP")


class Step(StrEnum):
    """How far a job is when the power goes."""

    FIRST = "the first half is under way"
    WAITS = "it waits for its paper to be turned"
    CONTINUED = "somebody has just continued it"
    SECOND = "the second half is under way"


# One for each printer that can.
STEPS = (*Step, Step.FIRST, Step.CONTINUED)


@dataclass(kw_only=True)
class Turned:
    """A document that is printed on both sides by hand, and what became of the calls about it."""

    name: str
    path: Path
    device: str
    step: Step
    pages: int
    copies: int
    job_id: str | None = None
    # Whether somebody may have continued it, and whether that was told as done.
    asked: bool = False
    reported: bool = False

    @property
    def halves(self) -> tuple[Counter[str], Counter[str]]:
        """Return what is written on the first and on the second sides; a blank one has nothing."""
        texts = [f"{self.name} page {number}" for number in range(1, self.pages + 1)]
        texts += [""] * (self.pages % 2)
        return Counter(texts[::2] * self.copies), Counter(texts[1::2] * self.copies)


@dataclass(frozen=True, kw_only=True)
class Out:
    """How often each half came out whole and in part."""

    whole: tuple[int, int]
    partial: tuple[int, int]


@dataclass(kw_only=True)
class TurningHome(Home):
    """A home where the power goes while a job is at each of the steps."""

    turned: list[Turned] = field(default_factory=list)
    # What was on disk when the power went, by the step that was meant.
    found: Counter[str] = field(default_factory=Counter)
    _texts: dict[str, Counter[str]] = field(default_factory=dict)

    async def prepare(self) -> None:
        """Have the printers take their time."""
        for box in await self.cloud.boxes():
            if box["device_id"] in self.devices:
                for printer in box["printers"]:
                    await self.cloud.change_printer(
                        box["device_id"], printer["id"], seconds_per_page=SLOW
                    )

    async def turn(self, number: int) -> None:
        """Bring a job to each step, cut the power, start again and do what a person would."""
        orders = await self._orders(number)
        by_step = {step: [one for one in orders if one.step is step] for step in Step}
        early = [one for one in orders if one.step is not Step.FIRST]
        await asyncio.gather(*map(self._print, early))
        for order in early:
            await self._until(ROUND_TIME, lambda order=order: self._waits(order))
            assert await self._waits(order), f"its first half did not end: {order}"
        for order in by_step[Step.SECOND]:
            await self._go_on(order)
            assert order.reported, order
        calls = [
            asyncio.create_task(call)
            for call in (
                *map(self._print, by_step[Step.FIRST]),
                *map(self._go_on, by_step[Step.CONTINUED]),
            )
        ]
        await asyncio.sleep(self.random.uniform(0.0, LATEST))
        await self._cut()
        for outcome in await asyncio.gather(*calls, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
        await self._look(orders)
        await self.hass.start()
        # Whoever got no answer asks again, with the same request id.
        for order in orders:
            if order.job_id is None:
                await self._print(order)
                assert order.job_id is not None, order
        await self._until(ROUND_TIME, lambda: self._attend(orders))

    async def end(self) -> None:
        """Wait until all is over; doubts take their time."""
        await self._until(DOUBT_TIME, lambda: self._attend(self.turned))

    async def _orders(self, number: int) -> list[Turned]:
        able = [
            device["id"]
            for device in await self.hass.devices()
            if any(device["id"] in found for found in self.devices.values())
            and device["name"].startswith(ABLE)
        ]
        assert len(able) >= len(STEPS), able
        # Where nobody knows whether an earlier job is still coming out, no paper may be turned for half an hour.
        records = await self._records_of(self.turned)
        unclear = {one.device for one in self.turned if records[one.name]["state"] != "completed"}
        able = [device for device in able if device not in unclear]
        self.random.shuffle(able)
        orders = []
        for index, step in enumerate(STEPS[: len(able)]):
            name = f"round {number} order {index}"
            pages = self.random.randint(2, 5)
            path = self.hass.documents / f"{name}.pdf"
            content = unlike_any(self.random, pages, f"{name} page")
            await asyncio.to_thread(path.write_bytes, content)
            orders.append(
                Turned(
                    name=name,
                    path=path,
                    device=able[index],
                    step=step,
                    pages=pages,
                    copies=self.random.randint(1, 2),
                )
            )
        self.turned += orders
        return orders

    # What a person does

    async def _print(self, order: Turned) -> None:
        """Call the action; a call that the power cut ends tells nothing."""
        data = {
            "device_id": order.device,
            "file": str(order.path),
            "request_id": order.name,
            "title": order.name,
            "duplex": "manual_long_edge",
            "copies": order.copies,
        }
        if (answer := await self._call("print", data)) is not None:
            (job,) = answer["jobs"]
            order.job_id = job["job_id"]

    async def _go_on(self, order: Turned) -> None:
        """Turn the paper and say so."""
        out = await self.out(order)
        assert out.whole == (1, 0), f"it asks for paper that is not there: {order} {out}"
        order.asked = True
        answer = await self._call("continue_job", {"job_id": order.job_id, "reason": "turn_paper"})
        order.reported = answer is not None

    async def _call(self, action: str, data: dict[str, Any]) -> Any:
        try:
            return await self.hass.call(DOMAIN, action, data, response=True)
        except (HassError, aiohttp.ClientError, OSError, TypeError) as err:
            # A socket that is cut gives no text: a TypeError.
            if self.hass.returncode is None and isinstance(err, HassError):
                raise
            return None

    async def _attend(self, orders: list[Turned]) -> bool:
        """Turn the paper of every job that waits for it; tell whether all are over."""
        for order in orders:
            if await self._waits(order):
                assert not order.reported, f"told as continued, and it waits again: {order}"
                await self._go_on(order)
                assert order.reported, order
        records = await self._records_of(orders)
        return all(one["state"] in FINAL and not is_unsure(one) for one in records.values())

    async def _waits(self, order: Turned) -> bool:
        record = (await self._records_of([order])).get(order.name)
        return record is not None and record["waits_for"] == ["turn_paper"]

    # What is so

    async def _records_of(self, orders: list[Turned]) -> dict[str, dict[str, Any]]:
        names = {order.name for order in orders}
        records = await asyncio.to_thread(lambda: list(self.records()))
        found = [one for one in records if one["request_id"] in names]
        assert len({one["request_id"] for one in found}) == len(found), "taken twice"
        return {one["request_id"]: one for one in found}

    async def _look(self, orders: list[Turned]) -> None:
        """Compare what is on disk without power with what was told before."""
        records = await self._records_of(orders)
        for order in orders:
            record = records.get(order.name)
            if record is None:
                assert order.job_id is None, f"told as taken, and lost: {order}"
                self.found[f"{order.step}: nothing"] += 1
                continue
            waits, half = record["waits_for"] == ["turn_paper"], record["by_hand"]["half"]
            self.found[f"{order.step}: half {half}, {'waits' if waits else record['state']}"] += 1
            if order.reported:
                assert not waits, f"told as continued, and forgotten: {record}"
            if order.step is Step.WAITS:
                untouched = (waits, half, record["state"], record["task_id"])
                assert untouched == (True, 2, "held", None), record
            if half == 2:
                assert (await self.out(order)).whole[0] == 1, record

    async def out(self, order: Turned) -> Out:
        """Return what of a document lies in the out tray; nothing else of it may lie there."""
        whole, partial = [0, 0], [0, 0]
        for one in await self.cloud.get("printed"):
            if one["foreign"] or (texts := await self._read(one)) is None:
                continue
            if not any(text.startswith(f"{order.name} page") for text in texts):
                continue
            half = order.halves.index(texts)
            (whole if one["complete"] else partial)[half] += 1
        return Out(whole=(whole[0], whole[1]), partial=(partial[0], partial[1]))

    async def _read(self, one: dict[str, Any]) -> Counter[str] | None:
        if one["path"] not in self._texts:
            assert one["options"].get("jpPageRange", "") == ""
            assert one["copies"] == 1
            read = await asyncio.to_thread(images, Path(one["path"]))
            self._texts[one["path"]] = Counter(image.text for image in read)
        return self._texts[one["path"]]

    async def judge(self) -> Counter[str]:
        """Compare what the user is told of each job with what came out; return the states."""
        jobs = await self._jobs()
        records = await self._records_of(self.turned)
        states: Counter[str] = Counter()
        for order in self.turned:
            mine = [job for job in jobs if job["request_id"] == order.name]
            assert len(mine) == 1, f"lost, or taken twice: {order} {mine}"
            (job,), record, out = mine, records[order.name], await self.out(order)
            said = f"{order} {out} {record}"
            states[job["state"]] += 1
            assert job["job_id"] == order.job_id, said
            assert job["state"] in ("completed", "unconfirmed"), said
            assert max(out.whole) <= 1, f"a half came out twice: {said}"
            assert out.partial == (0, 0), said
            if out.whole[1]:
                assert order.asked, f"nobody had turned the paper: {said}"
                assert out.whole[0] == 1, f"second sides without the first ones: {said}"
            if record["by_hand"]["half"] == 2:
                assert out.whole[0] == 1, said
            if job["state"] == "completed":
                assert out.whole == (1, 1), f"told as completed: {said}"
                assert job["pages_printed"] == order.pages * order.copies, said
                assert job["partly_printed"] is False, said
            else:
                # What waited had nothing to be in doubt of, and a doubt has the power cut's half.
                assert order.step is not Step.WAITS, said
                assert record["by_hand"]["half"] == (1 if order.step is Step.FIRST else 2), said
        return states
