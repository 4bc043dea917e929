"""A Home Assistant with the integration and what it needs, in a process that may be killed at any moment.

It receives commands over a socket, one line of JSON each, and reports over the same socket whatever its users would
learn: events and answers. A report leaves the process at once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
import json
import logging
import os
from pathlib import Path
import signal
import sys
import time
from types import MappingProxyType
from typing import Any, Final

from homeassistant import auth, bootstrap, config_entries, loader
from homeassistant.auth.const import GROUP_ID_ADMIN
from homeassistant.auth.models import TOKEN_TYPE_LONG_LIVED_ACCESS_TOKEN
from homeassistant.config_entries import ConfigEntry, ConfigEntryDisabler
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, State, callback
from homeassistant.helpers import (
    device_registry as dr,
    entity_registry as er,
    event,
    restore_state,
    update_coordinator,
)
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util, ulid
from zeroconf import _engine

from custom_components.lianke.documents import pdf_client
from custom_components.lianke.documents.pdf_client import PdfWorker
from tests.disk.recorder import WATCHED, watch

from .clock import ChaosClock, Follower

_MONOTONIC: Final = time.monotonic
_TIME: Final = time.time
DOMAIN: Final = "lianke"
LINE_LIMIT: Final = 1 << 24
TOKEN_NAME: Final = "chaos"
# Maximum age of an event in seconds at which it counts as fired just now.
FIRED_JUST_NOW: Final = 0.4


@dataclass(kw_only=True)
class Order:
    """How to start a Home Assistant."""

    name: str
    config: str
    clock: str
    leader: str
    control: str
    port: int
    internal_url: str
    # The folder whose file operations are recorded, and the folder for the log of them.
    watched: str
    log: str
    skew: float = 0.0
    # Further integrations, set up after ours, with their configuration; empty if that is an entry.
    others: dict[str, Any] = field(default_factory=dict)


class Loop(asyncio.SelectorEventLoop):
    """An event loop that follows the world's clock from its beginning."""

    def __init__(self, follower: Follower) -> None:
        super().__init__()
        follower.attach(self)


def run(order: Order) -> None:
    """Run a Home Assistant until it is ordered to stop, or killed."""
    watch(Path(order.watched), Path(order.log))
    # The process that reads PDF files is recorded as well, because it also writes files.
    names = (*pdf_client.ENVIRONMENT, *WATCHED)
    setattr(pdf_client, "ENVIRONMENT", names)  # noqa: B010  # it is a constant
    clock = ChaosClock(Path(order.clock))
    clock.skew = order.skew
    clock.install()
    _replace_clocks(clock)
    follower = Follower(clock, Path(order.leader))
    _count_pdf_work(follower)
    with asyncio.Runner(loop_factory=lambda: Loop(follower)) as runner:
        runner.run(Child(order, clock).run())


def _replace_clocks(clock: ChaosClock) -> None:
    """Replace functions that read the clock without the time module, and names imported from that module earlier."""

    def utcnow() -> datetime:
        return datetime.fromtimestamp(time.time(), UTC)

    def now(time_zone: tzinfo | None = None) -> datetime:
        return datetime.fromtimestamp(time.time(), time_zone or dt_util.get_default_time_zone())

    replacements: tuple[tuple[Any, str, Any], ...] = (
        (dt_util, "utcnow", utcnow),
        (dt_util, "now", now),
        (event, "time_tracker_utcnow", utcnow),
        (event, "time_tracker_timestamp", clock.time),
        (update_coordinator, "utcnow", utcnow),
        (ulid, "ulid_now", lambda: ulid.ulid_at_time(time.time())),
        # Every ten seconds zeroconf would wake the world to clean up a cache of names, which is empty.
        (_engine, "_CACHE_CLEANUP_INTERVAL", 3600),
    )
    for module, name, replacement in replacements:
        setattr(module, name, replacement)
    for name, module in list(sys.modules.items()):
        if not name.startswith(("custom_components.", "homeassistant.")):
            continue
        for attribute, value in list(vars(module).items()):
            if value is _MONOTONIC:
                setattr(module, attribute, clock.monotonic)
            elif value is _TIME:
                setattr(module, attribute, clock.time)


def _count_pdf_work(follower: Follower) -> None:
    """Let no time pass while the process that reads PDF files is at work."""
    ask = PdfWorker._async_ask

    async def counted(worker: PdfWorker, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        follower.busy_threads += 1
        try:
            return await ask(worker, request, seconds)
        finally:
            follower.busy_threads -= 1

    setattr(PdfWorker, "_async_ask", counted)  # noqa: B010  # mypy: a method is not assignable


class Child:
    """One Home Assistant, and its connection to the world process."""

    def __init__(self, order: Order, clock: ChaosClock) -> None:
        self._order = order
        self._clock = clock
        self._writer: asyncio.StreamWriter
        self._hass: HomeAssistant
        self._under_way: set[asyncio.Task[None]] = set()
        # Time, job and type of the last event that each event entity fired.
        self._fired: dict[str, str] = {}
        self._commands: dict[str, Callable[..., Awaitable[Any]]] = {
            "add_entry": self._add_entry,
            "call": self._call,
            "devices": self._devices,
            "disable": self._disable,
            "enable": self._enable,
            "pages": self._pages,
            "reload": self._reload,
            "skew": self._set_skew,
        }

    async def run(self) -> None:
        """Start Home Assistant, carry out commands, and stop it."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, _show_tasks)
        reader, self._writer = await asyncio.open_unix_connection(
            self._order.control, limit=LINE_LIMIT
        )
        self._report(kind="hello", name=self._order.name)
        self._hass = hass = HomeAssistant(self._order.config)
        await self._start(hass)
        self._report(kind="ready", token=await self._token(hass))
        while line := await reader.readline():
            message = json.loads(line)
            if message["do"] == "stop":
                break
            task = asyncio.create_task(self._do(message))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        await hass.async_stop(force=True)
        self._report(kind="stopped")
        self._writer.close()
        # Threads of Home Assistant must not keep the process alive.
        os._exit(0)

    async def _start(self, hass: HomeAssistant) -> None:
        order = self._order
        hass.config.skip_pip = True
        hass.config.internal_url = order.internal_url
        hass.config.allowlist_external_dirs = {f"{order.config}/documents"}
        await hass.config.async_set_time_zone("Asia/Shanghai")
        loader.async_setup(hass)
        hass.config_entries = config_entries.ConfigEntries(hass, {})
        await bootstrap.async_load_base_functionality(hass)
        hass.auth = await auth.auth_manager_from_config(hass, [], [])
        for entity_id, stored in restore_state.async_get(hass).last_states.items():
            self._fired[entity_id] = _key_of(stored.state)
        hass.bus.async_listen(EVENT_STATE_CHANGED, self._on_state)
        config = {domain: one for domain, one in order.others.items() if one}
        for domain in ("http", "websocket_api", "labs", DOMAIN, *order.others):
            if not await async_setup_component(hass, domain, config):
                raise RuntimeError(f"{domain} could not be set up")
        await hass.async_start()

    async def _token(self, hass: HomeAssistant) -> str:
        """Return an access token for the card's connection; a signed one would expire when the clock jumps."""
        user = await hass.auth.async_create_user(TOKEN_NAME, group_ids=[GROUP_ID_ADMIN])
        made = await hass.auth.async_create_refresh_token(
            user, client_name=TOKEN_NAME, token_type=TOKEN_TYPE_LONG_LIVED_ACCESS_TOKEN
        )

        def validate(token: str) -> Any:
            return made if token == made.token else None

        hass.auth.async_validate_access_token = validate  # type: ignore[method-assign]
        return made.token

    def _report(self, **message: Any) -> None:
        """Report something; the operating system has it before this returns."""
        message["time"] = self._clock.monotonic()
        self._writer.write(json.dumps(message, default=str).encode() + b"\n")

    @callback
    def _on_state(self, happened: Event[EventStateChangedData]) -> None:
        new = happened.data["new_state"]
        entity_id = happened.data["entity_id"]
        if new is None or not entity_id.startswith("event."):
            return
        if not {"job_id", "destination"} & new.attributes.keys():
            return
        key = _key_of(new)
        if self._fired.get(entity_id) == key:
            return
        self._fired[entity_id] = key
        fired = dt_util.parse_datetime(new.state)
        # After a start, an event entity shows its last event again, which is not to be reported twice.
        if fired is not None and fired.timestamp() > self._clock.time() - FIRED_JUST_NOW:
            kind = "event" if "job_id" in new.attributes else "delivered"
            self._report(kind=kind, entity=entity_id, **_of_event(dict(new.attributes)))

    async def _do(self, message: dict[str, Any]) -> None:
        answer: dict[str, Any]
        try:
            result = await self._commands[message["do"]](**message.get("with", {}))
            answer = {"ok": True, "result": result}
        except Exception as err:  # a caller would see any error
            answer = {
                "ok": False,
                "error": f"{type(err).__name__}: {err}"[:500],
                "key": getattr(err, "translation_key", None),
            }
            if getattr(err, "translation_key", None) is None:
                logging.getLogger(__name__).exception("%s failed", message)
        self._report(kind="answer", id=message["id"], **answer)

    async def _add_entry(
        self, title: str, unique_id: str, data: dict[str, Any], options: dict[str, Any]
    ) -> str:
        entry: ConfigEntry[Any] = ConfigEntry(
            data=data,
            disabled_by=None,
            discovery_keys=MappingProxyType({}),
            domain=DOMAIN,
            minor_version=1,
            options=options,
            source="user",
            subentries_data=None,
            title=title,
            unique_id=unique_id,
            version=1,
        )
        await self._hass.config_entries.async_add(entry)
        await self._hass.async_block_till_done()
        return entry.entry_id

    async def _devices(self) -> list[tuple[str, str, str]]:
        """Return identifier, name and device id of each printer and scanner."""
        registry = dr.async_get(self._hass)
        entities = er.async_get(self._hass)
        printers = {
            one.device_id
            for one in entities.entities.values()
            if one.platform == DOMAIN and one.domain == "notify"
        }
        return [
            (identifier, device.name or "", device.id)
            for device in registry.devices
            for _, identifier in device.identifiers
            if device.id in printers or "/scanner/" in identifier
        ]

    async def _pages(self) -> dict[str, float]:
        """Return the number of printed pages that each printer's sensor shows, by device id."""
        entities = er.async_get(self._hass).entities.values()
        shown = {
            one.device_id: one.entity_id
            for one in entities
            if one.translation_key == "pages_printed"
        }
        return {
            str(device): float(state.state)
            for device, entity_id in shown.items()
            if (state := self._hass.states.get(entity_id)) is not None
        }

    async def _call(self, service: str, data: dict[str, Any], response: bool = True) -> Any:
        return await self._hass.services.async_call(
            DOMAIN, service, data, blocking=True, return_response=response
        )

    async def _reload(self, entry_id: str) -> None:
        await self._hass.config_entries.async_reload(entry_id)

    async def _disable(self, entry_id: str) -> None:
        await self._hass.config_entries.async_set_disabled_by(entry_id, ConfigEntryDisabler.USER)

    async def _enable(self, entry_id: str) -> None:
        await self._hass.config_entries.async_set_disabled_by(entry_id, None)

    async def _set_skew(self, seconds: float) -> None:
        self._clock.skew = seconds


def _show_tasks() -> None:
    """Print where each task waits."""
    for task in asyncio.all_tasks():
        task.print_stack()


def _key_of(state: State) -> str:
    """Return a key that tells apart the events that an entity fires."""
    return f"{state.state} {state.attributes.get('job_id')} {state.attributes.get('event_type')}"


def _of_event(attributes: dict[str, Any]) -> dict[str, Any]:
    names = ("event_type", "job_id", "scan_id", "reason", "code", "pages", "partly_printed")
    return {name: attributes.get(name) for name in names}


def quiet() -> None:
    """Print only warnings and errors of this process; CHAOS_LOG sets another level for the integration."""
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    with suppress(ValueError):
        if level := os.environ.get("CHAOS_LOG"):
            logging.getLogger("custom_components.lianke").setLevel(level)
