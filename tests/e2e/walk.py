"""A walk through the integration, over Home Assistant's own interfaces: bind, poll, print, fail, bind another box."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from tests.simulator import make_pdf

from .binding import DOMAIN, bind, bind_first, entity_of, printer_device
from .cloud import SimulatorProcess
from .hass import RealHomeAssistant, Subscription
from .home import BUTTON, DOCUMENT_PAGES, PRINTER, furnish

USB_PORT = 1  # where the simulated printer is plugged in
# Texts for the terminal about what the steps have found out.
FACTS: dict[str, dict[str, str]] = {
    "en": {
        "picture": "Box {box} is bound from the picture of its QR code",
        "link": "Box {box} is bound from the link in its QR code (without libzbar0 no picture can be read)",
        "entities": "{printers} printers have {entities} entities, {printer} is idle; a dashboard is there",
        "polling": "Without any callback, polling found out that a job was completed",
        "automation": "An automation printed {pages} pages; the file in the out tray is identical",
        "failure": "A job that ended as SUCCESS with code 503 is told as failed",
        "second": "A second box of the same key, {box}, is bound",
        "log": "The log has no warning of the integration; the cloud was asked {asked} times",
    },
    "zh-Hans": {
        "picture": "已通过二维码图片绑定云盒 {box}",
        "link": "已通过二维码中的链接绑定云盒 {box}（缺少 libzbar0，无法识别图片）",
        "entities": "{printers} 台打印机共有 {entities} 个实体，{printer} 空闲；仪表盘已就绪",
        "polling": "没有收到回调时，通过轮询得知任务已完成",
        "automation": "自动化打印了 {pages} 页，出纸盒中的文件与原文件一致",
        "failure": "以 SUCCESS 和代码 503 结束的任务如实显示为打印失败",
        "second": "已绑定同一账号的第二台云盒 {box}",
        "log": "日志中没有此集成的警告；共请求云端 {asked} 次",
    },
}
ENDED = {"completed", "failed", "canceled", "expired", "unconfirmed"}
JOB_TIMEOUT = 90.0  # seconds


class WalkError(Exception):
    """A step of the walk did not end as it should."""


def ensure(fact: object, otherwise: str) -> None:
    """Raise WalkError unless the fact holds."""
    if not fact:
        raise WalkError(otherwise)


class Walk:
    """The steps, in order; each prints one line, or raises at the first thing that is not as it should be."""

    def __init__(
        self, hass: RealHomeAssistant, cloud: SimulatorProcess, tell: Callable[[str], None]
    ) -> None:
        """Walk with a running Home Assistant and a running simulator; tell prints a line."""
        self._hass = hass
        self._cloud = cloud
        self._report = tell
        self._printer: dict[str, Any] = {}
        self._events = ""
        self._entry: dict[str, Any] = {}
        self._facts = FACTS[hass.language]

    async def run(self) -> None:
        """Take all steps; raises WalkError, HassError or CloudError at the first one that fails."""
        for step in (
            self.bind_from_picture,
            self.look_at_entities,
            # This print comes first because polling slows down once a callback has arrived.
            self.settle_by_polling,
            self.print_by_automation,
            self.report_a_failure,
            self.bind_second_box,
            self.read_the_log,
        ):
            began = monotonic()
            fact = await step()
            self._report(f"✓ {fact} ({monotonic() - began:.1f} s)")

    async def bind_from_picture(self) -> str:
        """Bind the first box from the picture of its QR code."""
        self._entry, by_picture = await bind_first(self._hass, self._cloud)
        fact = self._facts["picture" if by_picture else "link"]
        return fact.format(box=self._cloud.device_id)

    async def look_at_entities(self) -> str:
        """Look at the printer's entities, then add dashboard and automation."""
        self._printer = await printer_device(self._hass, self._cloud.device_id, PRINTER)
        self._events = await entity_of(self._hass, self._printer, "event", "job")
        status = await entity_of(self._hass, self._printer, "sensor", "status")
        await self._hass.wait_for_state(status, lambda state: state["state"] == "idle", 30)
        states = await self._hass.states()
        ours = [entity for entity in await self._hass.entities() if entity["platform"] == DOMAIN]
        missing = [
            e["entity_id"] for e in ours if not e["disabled_by"] and e["entity_id"] not in states
        ]
        ensure(not missing, f"Entities without a state: {missing}")
        boxes = await self._cloud.boxes()
        expected = next(box for box in boxes if box["device_id"] == self._cloud.device_id)[
            "printers"
        ]
        devices = {entity["device_id"] for entity in ours}
        ensure(
            len(devices) == len(expected) + 1,
            f"{len(devices)} devices for {len(expected)} printers and a box",
        )
        await furnish(self._hass, self._cloud)
        return self._facts["entities"].format(
            printers=len(expected), entities=len(ours), printer=PRINTER
        )

    async def settle_by_polling(self) -> str:
        """Print without a callback, so that only polling can find out the end of the job."""
        await self._cloud.post("variants", {"callbacks": "never"})
        before = len(await self._cloud.get("deliveries"))
        event = await self._print(make_pdf(2, "Polled"), "polled.pdf")
        ensure(
            event["event_type"] == "completed",
            f"The job ended as {event['event_type']}: {event.get('reason')}",
        )
        ensure(event["pages"] == 2, f"The event says {event['pages']} pages, not 2")
        ensure(len(await self._cloud.get("deliveries")) == before, "A callback came all the same")
        await self._cloud.post("variants", {"callbacks": "end"})
        return self._facts["polling"]

    async def print_by_automation(self) -> str:
        """Press the button whose automation prints, and compare what came out with what went in."""
        count = len(await self._cloud.get("printed"))
        called = len(await self._cloud.get("deliveries"))
        async with self._job_events() as events:
            await self._hass.call("input_button", "press", {"entity_id": BUTTON})
            event = await self._ended(events)
        ensure(
            event["event_type"] == "completed",
            f"The job ended as {event['event_type']}: {event.get('reason')}",
        )
        ensure(
            event["pages"] == DOCUMENT_PAGES,
            f"The event says {event['pages']} pages, not {DOCUMENT_PAGES}",
        )
        printed = (await self._cloud.get("printed"))[count:]
        ensure(len(printed) == 1, f"{len(printed)} documents are in the out tray, not 1")
        ensure(
            Path(printed[0]["path"]).read_bytes()
            == (self._hass.documents / "demo.pdf").read_bytes(),
            "The document in the out tray is not the one that was sent",
        )
        deliveries = (await self._cloud.get("deliveries"))[called:]
        answered = [one for one in deliveries if one["kind"] == "callback" and one["status"] == 200]
        ensure(answered, "The cloud's callback did not get through")
        return self._facts["automation"].format(pages=event["pages"])

    async def report_a_failure(self) -> str:
        """Let the cloud report SUCCESS with code 503, which is a failure."""
        planned = {"outcomes": [{"code": 503, "state": "SUCCESS", "prints": "none"}]}
        await self._cloud.post(
            f"boxes/{self._cloud.device_id}/printers/{USB_PORT}/outcomes", planned
        )
        count = len(await self._cloud.get("printed"))
        event = await self._print(make_pdf(1, "Fails"), "failing.pdf")
        ensure(
            event["event_type"] == "failed",
            f"SUCCESS with code 503 was told as {event['event_type']}",
        )
        ensure(event["code"] == 503, f"The event says code {event['code']}, not 503")
        ensure(len(await self._cloud.get("printed")) == count, "The failed job is in the out tray")
        return self._facts["failure"]

    async def bind_second_box(self) -> str:
        """Bind the account's other box without typing the key again."""
        boxes = await self._cloud.boxes()
        first = next(box for box in boxes if box["device_id"] == self._cloud.device_id)
        other = next(
            box for box in boxes if box["account"] == first["account"] and box is not first
        )
        await bind(
            self._hass,
            server=self._cloud.url,
            account=self._entry["entry_id"],
            qr_text=other["qr_link"],
        )
        entries = await self._hass.entries(DOMAIN)
        loaded = [entry for entry in entries if entry["state"] == "loaded"]
        ensure(len(loaded) == 2, f"{len(loaded)} of {len(entries)} entries are loaded")
        return self._facts["second"].format(box=other["device_id"])

    async def read_the_log(self) -> str:
        """Check that the integration logged no warning or error, and that the cloud did not get too many requests."""
        problems = self._hass.problems(DOMAIN)
        ensure(not problems, "The log has:\n" + "\n".join(problems))
        overview = await self._cloud.get("")
        ensure(not overview["banned"], "The cloud was asked too often and closed the door")
        ensure(not overview["errors"], f"The simulator had errors: {overview['errors']}")
        asked = sum(overview["requests"].values())
        return self._facts["log"].format(asked=asked)

    async def _print(self, content: bytes, name: str) -> dict[str, Any]:
        """Print a file by the action and return the attributes of the event that ended the job."""
        path = self._hass.documents / name
        path.write_bytes(content)
        async with self._job_events() as events:
            await self._hass.call(
                DOMAIN, "print", {"device_id": self._printer["id"], "file": str(path)}
            )
            return await self._ended(events)

    @asynccontextmanager
    async def _job_events(self) -> AsyncIterator[Subscription]:
        """Provide the changes of the printer's event entity."""
        trigger = {"trigger": "state", "entity_id": self._events}
        async with self._hass.subscribe("subscribe_trigger", trigger=trigger) as events:
            yield events

    async def _ended(self, events: Subscription) -> dict[str, Any]:
        """Return the attributes of the first event that says how a job ended."""

        def ended(message: dict[str, Any]) -> bool:
            return message["variables"]["trigger"]["to_state"]["attributes"]["event_type"] in ENDED

        try:
            message = await events.until(ended, JOB_TIMEOUT)
        except TimeoutError:
            raise WalkError(f"No event said how the job ended, for {JOB_TIMEOUT:.0f} s") from None
        attributes: dict[str, Any] = message["variables"]["trigger"]["to_state"]["attributes"]
        return attributes
