"""Keys, addresses, tokens and what is printed: nowhere to be seen."""

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field, replace
import gc
import json
import logging
from pathlib import Path
import traceback
from typing import Any

from homeassistant.const import EVENT_CALL_SERVICE, MATCH_ALL
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr, issue_registry as ir
import pytest

from custom_components.lianke.api.errors import LiankeError
from custom_components.lianke.api.models import Credentials, PrinterAddress
from custom_components.lianke.api.sticker import parse_credentials
from custom_components.lianke.api.upload import Ticket
from custom_components.lianke.diagnostics import (
    async_get_config_entry_diagnostics,
    async_get_device_diagnostics,
)
from custom_components.lianke.error_texts import translated
from custom_components.lianke.jobs.files import ledger_path
from custom_components.lianke.jobs.opening import DATA_LEDGER
from custom_components.lianke.ledger_file import DATABASE_NAME
from custom_components.lianke.printing.print_action import job_dict
from custom_components.lianke.system_health import async_info
from tests.conftest import LOGGER
from tests.proof.conftest import House
from tests.proof.faults import CELLS
from tests.proof.papers import unlike_any
from tests.simulator import Fault, Outcome

SUBMIT = "POST /print/job"
# What is printed. It is no title, which may be seen.
CONTENT = "Xqzv-the-secret-recipe-Xqzv"
LASER = PrinterAddress(port=1, model="Kyocera MA2000w GX")


@dataclass
class Snoop:
    """Collects what can be seen, by its kind."""

    house: House
    seen: dict[str, list[str]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)

    def note(self, kind: str, *texts: object) -> None:
        """Keep something that was seen."""
        self.seen.setdefault(kind, []).extend(str(text) for text in texts)

    @callback
    def on_event(self, event: Event[Any]) -> None:
        """See an event; what the user typed into a call is Home Assistant's own to tell."""
        if event.event_type != EVENT_CALL_SERVICE:
            self.note("events", json.dumps(event.as_dict(), default=repr))

    def look_around(self) -> None:
        """See states, problems, the objects in memory and what is said of them."""
        hass = self.house.hass
        self.tokens |= {job.current_delivery.token for job in self.house.queue.jobs()}
        self.note(
            "states", *(json.dumps(s.as_dict(), default=repr) for s in hass.states.async_all())
        )
        self.note("repairs", *(repr(issue) for issue in ir.async_get(hass).issues.values()))
        self.note("views", *(json.dumps(job_dict(job)) for job in self.house.queue.jobs()))
        for thing in our_objects():
            self.note(f"repr of {type(thing).__name__}", repr(thing))

    async def diagnose(self) -> None:
        """See diagnostics and system health."""
        hass, entry = self.house.hass, self.house.entry
        self.note("diagnostics", json.dumps(await async_get_config_entry_diagnostics(hass, entry)))
        for device in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id):
            report = await async_get_device_diagnostics(hass, entry, device)
            self.note("diagnostics", json.dumps(report))
        for name, value in (await async_info(hass)).items():
            if isinstance(value, Coroutine):
                # Whether the service can be reached: not asked here.
                value.close()
            else:
                self.note("system health", f"{name}: {value!r}")

    def catch(self, err: BaseException) -> None:
        """See an exception as a log or a bug report shows it, with all that led to it."""
        self.note("exceptions", "".join(traceback.format_exception(err)), repr(err), str(err))
        for one in (err, err.__cause__, err.__context__):
            self.note("exceptions", repr(vars(one)) if one is not None else "")

    @property
    def echo(self) -> str:
        """What the service says where it says too much."""
        data, address = self.house.entry.data, self.house.entry.runtime_data.account.address
        return f"Too much: {data['api_key']} {data['device_key'].upper()} {address}?job=token"

    def secrets(self) -> dict[str, str]:
        """Return what must not be among it."""
        entry, account = self.house.entry, self.house.entry.runtime_data.account
        assert account.address is not None
        found = {name: entry.data[name] for name in ("api_key", "device_key", "webhook_id")}
        found |= {"address": account.address, "content": CONTENT}
        found |= {f"token {number}": token for number, token in enumerate(sorted(self.tokens))}
        return found

    def judge(self, caplog: pytest.LogCaptureFixture, *kinds: str) -> None:
        """Look for every secret in everything, of which there must be some of the kinds."""
        formatter = logging.Formatter()
        records = [*caplog.get_records("setup"), *caplog.get_records("call")]
        ours = [one for one in records if one.name.startswith(LOGGER)]
        assert any(record.levelno == logging.DEBUG for record in ours)
        self.note("our log", *map(formatter.format, ours))
        assert {"states", "diagnostics", "exceptions", *kinds} <= self.seen.keys()
        assert self.found() == []

    def found(self) -> list[tuple[str, str]]:
        """Return which secret was seen where."""
        texts = {kind: "\n".join(lines).lower() for kind, lines in self.seen.items()}
        return [
            (name, kind)
            for name, secret in self.secrets().items()
            for kind, text in texts.items()
            if secret.lower() in text
        ]


def our_objects() -> Iterator[object]:
    """Give every object in memory that is an instance of one of our classes."""
    for thing in gc.get_objects():
        if type(thing).__module__.startswith("custom_components.lianke"):
            yield thing


@pytest.fixture
def snoop(reachable_house: House, caplog: pytest.LogCaptureFixture) -> Snoop:
    """Return somebody who sees everything, at DEBUG."""
    caplog.set_level(logging.DEBUG)
    found = Snoop(reachable_house)
    reachable_house.hass.bus.async_listen(MATCH_ALL, found.on_event)
    return found


async def test_nowhere_to_be_seen(
    snoop: Snoop, reachable_house: House, caplog: pytest.LogCaptureFixture, hass: HomeAssistant
) -> None:
    house = reachable_house
    hass.config.allowlist_external_dirs = {str(house.tmp_path)}
    path = house.tmp_path / "note.txt"
    path.write_text(CONTENT)
    echo = snoop.echo

    async def attempt(action: str, **data: Any) -> None:
        try:
            await house.drive(house.act(action, device_id=house.device(), **data))
        except HomeAssistantError as err:
            snoop.catch(err)
        snoop.look_around()

    # What goes well, in all ways to print something.
    await attempt("print", text=CONTENT, title="A note")
    await attempt("print", markdown=f"# Note\n{CONTENT}", title="Another")
    await attempt("print", html=f"<p>{CONTENT}</p>", title="A third")
    await attempt("print", file=str(path), wait=True)
    await attempt("print", text=CONTENT, raw=True, title="Raw")
    await attempt("preview", file=str(path))
    await attempt("preview", file=str(path), preview_by="cloud")
    await attempt("count_pages", file=str(path))
    await hass.services.async_call(
        "notify",
        "send_message",
        {"entity_id": house.entity("notify", "notify"), "message": CONTENT, "title": "Hello"},
        blocking=True,
    )
    # What goes wrong, and the service says too much.
    for fault in (
        Fault(kind="code", code=400, msg=echo),
        Fault(kind="code", code=77777, msg=echo, done=True),
        Fault(kind="reset_after_accept"),
        Fault(kind="http", status=502, body=echo),
        Fault(kind="http", status=401),
        Fault(kind="code", code=5002, msg=echo),
    ):
        await house.next_day()
        planned = house.sim.cloud.fail(SUBMIT, fault)
        await attempt("print", text=CONTENT, title="Goes wrong")
        await house.calm(house.queue.jobs()[0])
        assert planned.hits, fault
        snoop.look_around()
    await house.next_day()
    assert "Too much" in "".join(snoop.seen["views"])
    house.sim.cloud.plan(house.printer(), Outcome(code=500, msg=echo, prints=1))
    await attempt("print", file=str(house.paper().path), wait=True, wait_timeout=600)
    await attempt("print", file="/nowhere", title="Gone")
    await attempt("print", text=CONTENT, paper="nonsense")
    # Strangers at the webhook, with a token that is no longer secret to them.
    for job in house.queue.jobs()[:2]:
        await house.call_back(job.current_delivery.token, "forged", "SUCCESS")
    house.box.online = False
    await house.drive(house.refresh())
    await attempt("print", text=CONTENT, title="Waits")
    snoop.look_around()
    await snoop.diagnose()
    # The key is refused.
    house.sim.cloud.fail("*", Fault(kind="code", code=401, msg=f"ApiKey {echo}"), times=None)
    await house.drive(house.refresh())
    await attempt("print", text=CONTENT, title="Waits")
    snoop.look_around()
    await snoop.diagnose()
    await house.forget_faults()
    house.box.online = True
    await house.mend()
    snoop.judge(caplog, "events")


async def test_no_exception_tells(
    snoop: Snoop, reachable_house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """Every fault at a call with all keys in it, some at others, and what Home Assistant makes of the error."""
    house = reachable_house
    client = house.entry.runtime_data.client
    upload = house.paper()
    calls: dict[str, Callable[[], Any]] = {
        "GET /device/device_info": client.box,
        "DELETE /print/job": lambda: client.cancel_task(LASER, "task"),
        SUBMIT: lambda: client.submit(
            LASER,
            upload,
            {"dmPaperSize": "9"},
            callback_address=house.entry.runtime_data.account.address,
            token="token",
        ),
    }
    for endpoint, call in calls.items():
        # An upload carries all of them, and is raised by the same code as the others.
        for cell in CELLS if endpoint == SUBMIT else CELLS[::4]:
            if cell.fault is None or cell.fault.kind == "timeout":
                continue
            body = cell.fault.body and cell.fault.body.replace("原因", snoop.echo)
            fault = replace(cell.fault, msg=f"{cell.fault.msg} {snoop.echo}", body=body)
            house.sim.cloud.fail(endpoint, fault, times=None)
            try:
                await house.drive(call())
            except LiankeError as err:
                snoop.catch(err)
                snoop.catch(translated(err))
            await house.forget_faults()
    await house.sim.stop_listening()
    for call in calls.values():
        try:
            await house.drive(call())
        except LiankeError as err:
            snoop.catch(err)
    await house.sim.start_listening()
    snoop.look_around()
    await snoop.diagnose()
    snoop.judge(caplog)


async def test_nothing_is_kept_outside_its_place(snoop: Snoop, reachable_house: House) -> None:
    """Keys are in the config entry, tokens in the ledger, documents beside it, and nowhere else."""
    house = reachable_house
    house.box.online = False
    await house.drive(house.refresh())
    content = unlike_any(house.random, 2, CONTENT)
    job = await house.submit(house.document(content=content))
    root = ledger_path(house.hass)
    document = root / house.entry.entry_id / job.job_id / "document.pdf"
    # While it waits, and when it is over.
    for documents in ({document}, set()):
        snoop.look_around()
        # Else it may lie in the log of changes alone.
        house.hass.data[DATA_LEDGER]._file.checkpoint()
        files = filter(Path.is_file, root.parents[2].rglob("*"))
        written = {path: path.read_bytes() for path in files}
        written[Path("storage")] = json.dumps(house.storage._as_stored(), default=repr).encode()
        found = {
            name: {path for path, data in written.items() if secret.encode() in data}
            for name, secret in snoop.secrets().items()
        }
        places = {"content": documents, "token 0": {root / DATABASE_NAME}}
        assert found == {name: set() for name in found} | places
        house.box.online = True
        await house.mend()
        await house.finish(job)
        # Its document is deleted a moment later.
        await house.tick(20)
        await house.wait_for(lambda: not document.exists())


def test_objects_that_hold_secrets_hide_them() -> None:
    secret = "AbCdEfGh12345678"
    things = (
        Credentials(device_id="lk00ab00000000", device_key=secret),
        parse_credentials(f"lk00ab00000000:{secret}"),
        Ticket(value=secret),
    )
    for thing in things:
        assert secret not in repr(thing), type(thing)
        assert secret not in str(thing), type(thing)
        assert secret not in f"{thing}", type(thing)


def test_the_snoop_would_see_it(snoop: Snoop) -> None:
    """A test that cannot fail proves nothing."""
    snoop.tokens.add("a-token-of-a-job")
    for name, secret in snoop.secrets().items():
        snoop.seen = {"a place": [f"before {secret.upper()} after"]}
        assert (name, "a place") in snoop.found()
