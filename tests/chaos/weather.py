"""Random faults: those of messages, and everything else that may happen to a home."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
import json
from random import Random
from typing import Any, Final

import aiohttp

from tests.simulator import Box
from tests.simulator.models import Task

from .home import CallError, Home
from .judge import token_of
from .proxy import Exchange, Fault, Policy
from .user import answer_all, cancel, print_paper, retry, retry_backs, turn_paper
from .world import World

PORTAL: Final = b"<html><body>Please log in to the network</body></html>"
# HTTP statuses of answers that come from somebody on the way, such as a firewall, and not from the service.
STRANGERS_ANSWERS: Final = (403, 429, 502, 503, 504, 200, 302, 413, 401, 500)


def bad_weather(random: Random, share: float) -> Policy:
    """Return a policy that spoils this share of all messages."""

    def policy(exchange: Exchange) -> Fault | None:
        if random.random() >= share:
            return None
        if exchange.way == "callback":
            return _callback_fault(random)
        if exchange.endpoint == "POST /print/job":
            return _upload_fault(random)
        return _request_fault(random)

    return policy


def _callback_fault(random: Random) -> Fault:
    kind = random.choice(("cut_head", "swallow", "cut_answer", "late_request", "replace"))
    return Fault(kind=kind, seconds=random.choice((1, 8, 45, 200, 700)), accepted=False)  # type: ignore[arg-type]


def _upload_fault(random: Random) -> Fault:
    kind: Any = random.choice(
        (
            *("cut_head", "cut_body", "cut_end", "swallow", "hang", "late_request", "cut_answer"),
            *("hang_answer", "late_answer", "double_answer", "truncate", "replace", "replace"),
            *("replace", "early_answer", "alter"),
        )
    )
    return _altered(random) if kind == "alter" else _filled(random, kind)


def _request_fault(random: Random) -> Fault:
    kind: Any = random.choice(
        (
            *("cut_head", "swallow", "hang", "cut_answer", "hang_answer", "late_answer"),
            *("double_answer", "truncate", "replace", "replace", "alter"),
        )
    )
    return _altered(random) if kind == "alter" else _filled(random, kind)


def _altered(random: Random) -> Fault:
    """Return a fault whose answer comes from the service but does not tell what it did with the request."""
    code = random.choice((500, 503, 10021, "abc", None))
    return Fault(
        kind="replace",
        status=200,
        content_type="application/json",
        body=json.dumps({"code": code, "msg": "系统繁忙"}).encode(),
        accepted=random.random() < 0.5,
    )


def _filled(random: Random, kind: Any) -> Fault:
    status = random.choice(STRANGERS_ANSWERS)
    return Fault(
        kind=kind,
        seconds=random.choice((0, 0.5, 5, 25, 70, 250)),
        accepted=random.random() < 0.6,
        status=status,
        body=PORTAL,
    )


class Weather:
    """Things that happen to a home while it prints."""

    def __init__(self, world: World, home: Home, random: Random) -> None:
        self._world = world
        self._home = home
        self._random = random
        self.happenings: tuple[Callable[[], Awaitable[None]], ...] = (
            *(self.power_cut, self.power_cut_at_step, self.power_cut_at_step, self.stop),
            *(self.reload, self.disable, self.full_disk, self.full_disk, self.clock_jump),
            *(self.line_down, self.stranger, self.stranger_series, self.out_of_paper),
            *(self.printer_off, self.box_offline, self.cancel, self.cancel, self.retry),
            *(self.retry_twice, self.forge, self.forge, self.preview, self.lagging_list),
            *(self.turn_paper, self.turn_paper, self.turn_paper, self.answer, self.retry_backs),
        )

    def _note(self, text: str) -> None:
        self._world.note(f"{self._home.name} {text}")

    @property
    def _box(self) -> Box:
        return self._random.choice(self._home.boxes)

    # Processes

    async def power_cut(self) -> None:
        if self._home.runs and not self._home.is_spared:
            self._note("killed")
            await self._home.kill()
            await self._come_back()

    async def power_cut_at_step(self) -> None:
        self._home.steps_to_live = steps = self._random.randint(1, 60)
        self._note(f"to be killed after {steps} steps")
        await self._world.until(lambda: not self._home.runs, 90)
        if not self._home.runs:
            self._note("killed")
            await self._come_back()
        self._home.steps_to_live = None

    async def stop(self) -> None:
        if self._home.runs:
            self._note("stopped")
            await self._home.stop()
            await self._come_back()

    async def _come_back(self) -> None:
        await asyncio.sleep(self._random.choice((0.5, 3, 20, 100, 400)))
        with suppress(CallError):
            if not self._home.runs:
                await self._home.start()
                self._note("started")

    async def _with_entry(self, *deeds: str, pause: float = 0.0) -> None:
        entry_id = self._random.choice(list(self._home.entries.values()))
        for deed in deeds:
            if not self._home.runs:
                return
            self._note(deed)
            with suppress(CallError):
                await self._home.ask(deed, entry_id=entry_id)
            await asyncio.sleep(pause)

    async def reload(self) -> None:
        await self._with_entry("reload")

    async def disable(self) -> None:
        # Home Assistant writes its registry once, ten seconds later. If it dies before, or the disk refuses that write,
        # the entities stay disabled after the next start and report nothing.
        if self._home.disk.mode != "ok":
            return
        self._home.is_spared = True
        pause = self._random.choice((15, 30, 300))
        await self._with_entry("disable", "enable", pause=pause)
        self._home.is_spared = False

    async def full_disk(self) -> None:
        if self._home.is_spared:
            return
        mode = self._random.choice(("full", "read_only", "fsync_fails", "write_fails"))
        self._note(f"disk {mode}")
        with suppress(CallError):
            await self._home.set_disk(mode)
        await asyncio.sleep(self._random.choice((2, 15, 90, 400)))
        self._note("disk ok")
        with suppress(CallError):
            await self._home.set_disk("ok")

    async def clock_jump(self) -> None:
        seconds = self._random.choice((-1200, -200, -30, 30, 200, 1200))
        self._note(f"clock {seconds:+}")
        with suppress(CallError):
            await self._home.set_skew(self._home.skew + seconds)

    # The line and the cloud

    async def line_down(self) -> None:
        seconds = self._random.choice((5, 30, 120, 500))
        self._note(f"line down for {seconds}")
        self._home.proxy.is_up = False
        await asyncio.sleep(seconds)
        self._home.proxy.is_up = True

    async def lagging_list(self) -> None:
        variants = self._world.sim.cloud.variants
        variants.list_lag = float(self._random.choice((0, 10, 60, 115)))
        variants.list_lag_random = self._random.random() < 0.5

    async def stranger(self) -> None:
        box = self._box
        self._note("stranger prints")
        self._world.sim.cloud.print_as_someone_else(box, self._random.choice(box.printers))

    async def stranger_series(self) -> None:
        for _ in range(3):
            await self.stranger()
            await asyncio.sleep(self._random.uniform(1, 60))

    async def out_of_paper(self) -> None:
        await self._for_a_while("paper", 0, None)

    async def printer_off(self) -> None:
        await self._for_a_while("on", False, True)

    async def _for_a_while(self, name: str, value: Any, usual: Any) -> None:
        printer = self._random.choice(self._box.printers)
        self._note(f"{printer.name} {name} {value}")
        setattr(printer, name, value)
        await asyncio.sleep(self._random.choice((10, 60, 200)))
        setattr(printer, name, usual)

    async def box_offline(self) -> None:
        box = self._box
        self._note("box offline")
        box.online = False
        await asyncio.sleep(self._random.choice((5, 60, 200)))
        box.online = True

    # People

    def _some_job(self, *, final: bool) -> tuple[str, str] | None:
        """Return a job that has ended without success (`final`) or is open, and its printer's device id."""
        states = {"failed", "expired", "unconfirmed"}
        return self._one_of(
            lambda one: one["state"] in states if final else one["finished_at"] is None
        )

    def _one_of(self, is_meant: Callable[[dict[str, Any]], bool]) -> tuple[str, str] | None:
        """Return one of the jobs that users asked for and `is_meant` accepts, and its printer's device id."""
        records = {one["job_id"]: one for one in self._home.records() if is_meant(one)}
        asked = [one for one in self._home.asked if one.job_id in records]
        if not asked:
            return None
        job_id = self._random.choice(asked).job_id
        assert job_id is not None
        return job_id, self._home.device_named(records[job_id]["printer_name"])

    async def cancel(self) -> None:
        if self._home.runs and (found := self._some_job(final=False)):
            await cancel(self._home, *found)

    async def retry(self) -> None:
        if self._home.runs and (found := self._some_job(final=True)):
            await retry(self._home, *found)

    async def retry_twice(self) -> None:
        if self._home.runs and (found := self._some_job(final=True)):
            await asyncio.gather(retry(self._home, *found), retry(self._home, *found))

    async def turn_paper(self) -> None:
        """Put turned paper back; in half of the cases somebody prints at the same moment."""
        if self._home.runs and (found := self._one_of(_waits_for_paper)):
            works = [turn_paper(self._home, *found)]
            if self._random.random() < 0.5:
                works.append(self._print_on(found[1]))
            await asyncio.gather(*works)

    async def _print_on(self, device: str) -> None:
        await asyncio.sleep(self._random.choice((0, 0, 0.2, 3)))
        port = next(
            printer.port
            for printer in self._box.printers
            if self._home.device_named(printer.name) == device
        )
        if self._home.runs:
            path = self._world.paper(self._home, self._random.choice((1, 3)))
            await print_paper(self._home, self._home.boxes[0], port, path)

    async def answer(self) -> None:
        if self._home.runs:
            await answer_all(self._home)

    async def retry_backs(self) -> None:
        if self._home.runs and (found := self._one_of(_misses_backs)):
            await retry_backs(self._home, *found)

    async def preview(self) -> None:
        if not self._home.runs:
            return
        path = self._world.paper(self._home, 2)
        self._note("preview")
        with suppress(CallError):
            await self._home.call(
                "preview",
                device_id=self._random.choice(list(self._home.devices.values())),
                file=[str(path)],
                preview_by="cloud",
            )

    # Forgers

    async def forge(self) -> None:
        """Send a message that Home Assistant must not believe."""
        tasks = [one for one in self._world.sim.cloud.tasks.values() if one.callback_url]
        if not tasks:
            return
        task = self._random.choice(tasks)
        other = self._random.choice(tasks)
        body = _claim(task, self._random.choice((200, 500, 502)))
        url = str(task.callback_url)
        token = token_of(url)
        choices: list[tuple[str, dict[str, Any]]] = [
            # The right task with a wrong secret or none, and a made-up task with a made-up secret.
            (url.replace(token, token[::-1]), body),
            (url.split("?", maxsplit=1)[0], body),
            (url.replace(token, "x" * 20), body | {"task_id": "0" * 32}),
        ]
        if other.callback_url and other.box is not task.box:
            choices.append((url.replace(token, token_of(other.callback_url)), body))
        url, body = self._random.choice(choices)
        self._note(f"forged message about {task.task_id[:6]}")
        with suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
                session.post(url, json=body) as response,
            ):
                await response.read()


def _waits_for_paper(record: dict[str, Any]) -> bool:
    return bool(record["state"] == "held" and record["waits_for"][:1] == ["turn_paper"])


def _misses_backs(record: dict[str, Any]) -> bool:
    """Return whether a manual duplex job expired before any of its second sides was sent."""
    return bool(
        record["by_hand"]
        and record["by_hand"]["half"] == 2
        and record["state"] == "expired"
        and not record["sent_bytes"]
    )


def _claim(task: Task, code: int) -> dict[str, Any]:
    return {
        "device_id": task.box.device_id,
        "task_id": task.task_id,
        "task_state": "SUCCESS",
        "task_result": {"code": code, "msg": "forged"},
    }
