"""Records which functions of ours begin while a print is under way; benchmarks/walks.py says what counts."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
import sys
import time
from types import CodeType
from typing import Any, Final

from homeassistant.auth.const import GROUP_ID_USER
from homeassistant.components.notify.const import DOMAIN as NOTIFY
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import (
    Context,
    Event,
    EventStateChangedData,
    HomeAssistant,
    ServiceCall,
    callback,
)
from homeassistant.util.hass_dict import HassKey

from custom_components.lianke.const import CONF_APPROVAL_NOTIFY, CONF_APPROVAL_PRINTERS

from .jobs import async_print, event_entity, printers_of

PACKAGE: Final = "custom_components.lianke"
# Maximum seconds for each of these: a walk, the rest before it, and the time until the question reaches the phone.
PATIENCE: Final = 60
# Seconds without a function of ours after which a walk is over. All listeners are done by then; only the document is
# deleted later, a second after its print.
STILL: Final = 0.5
# Seconds without a function of ours before a walk begins; long enough for what the last walk left to do.
REST: Final = 5.0
# The approver's phone, named like a notify action of the companion app.
PHONE: Final = "mobile_app_bench"
ASKER: Final = "Bench"
_PY_START: Final = sys.monitoring.events.PY_START

type Step = tuple[str, str]


class Recorder:
    """Records which functions of a folder begin, in order and in all threads."""

    def __init__(self, folder: Path) -> None:
        """`folder` is the folder of the package."""
        self._folder = f"{folder}/"
        self._last_at = time.monotonic()
        # Each step is a file's path below the folder, and a function; for an inner function, the enclosing function.
        self.steps: list[Step] = []

    @contextmanager
    def recording(self) -> Iterator[None]:
        monitoring, tool = sys.monitoring, sys.monitoring.PROFILER_ID
        monitoring.use_tool_id(tool, "lianke walks")
        monitoring.register_callback(tool, _PY_START, self._on_start)
        monitoring.set_events(tool, _PY_START)
        # Watch again the code for which an earlier recorder returned DISABLE.
        monitoring.restart_events()
        try:
            yield
        finally:
            monitoring.set_events(tool, monitoring.events.NO_EVENTS)
            monitoring.free_tool_id(tool)

    async def still(self, seconds: float) -> None:
        """Wait until no function has begun for this many seconds."""
        self._last_at = time.monotonic()
        while (left := self._last_at + seconds - time.monotonic()) > 0:
            await asyncio.sleep(left)

    def _on_start(self, code: CodeType, _offset: int) -> object:
        # Lambdas, generator expressions and modules are named <lambda>, <genexpr> and <module>.
        if code.co_name.startswith("<") or not code.co_filename.startswith(self._folder):
            return sys.monitoring.DISABLE
        self._last_at = time.monotonic()
        name = code.co_qualname.partition(".<locals>")[0]
        self.steps.append((code.co_filename.removeprefix(self._folder), name))
        return None


def _recorder() -> Recorder:
    return Recorder(Path(sys.modules[PACKAGE].__path__[0]))


def _key_of(hass: HomeAssistant, msg: dict[str, Any]) -> str:
    printers = printers_of(hass, msg["entry_id"])
    return next(key for key, device_id in printers.items() if device_id == msg["device_id"])


async def _async_walk(hass: HomeAssistant, entity_id: str, begun: asyncio.Event) -> dict[str, Any]:
    """Record steps until an entity has reported a completed print and no function of ours begins any more."""
    recorder, completed = _recorder(), asyncio.Event()

    @callback
    def on_state(event: Event[EventStateChangedData]) -> None:
        new = event.data["new_state"]
        if (
            event.data["entity_id"] == entity_id
            and new is not None
            and new.attributes.get("event_type") == "completed"
        ):
            completed.set()

    unsubscribe = hass.bus.async_listen(EVENT_STATE_CHANGED, on_state)
    began = time.monotonic()
    try:
        with recorder.recording():
            begun.set()
            async with asyncio.timeout(PATIENCE):
                await completed.wait()
                await recorder.still(STILL)
    finally:
        unsubscribe()
    return {"steps": recorder.steps, "seconds": time.monotonic() - began}


DATA_WALK: HassKey[asyncio.Task[dict[str, Any]]] = HassKey("lianke_bench_walk")


async def async_begin(hass: HomeAssistant, msg: dict[str, Any]) -> dict[str, Any]:
    """Start recording a walk, which ends after the printer has completed a print."""
    begun, entity_id = asyncio.Event(), event_entity(hass, msg["entry_id"], _key_of(hass, msg))
    hass.data[DATA_WALK] = hass.async_create_background_task(
        _async_walk(hass, entity_id, begun), "lianke_bench walk"
    )
    await begun.wait()
    return {}


async def async_end(hass: HomeAssistant, _msg: dict[str, Any]) -> dict[str, Any]:
    """Wait for the end of the walk; returns its steps and seconds."""
    return await hass.data.pop(DATA_WALK)


async def async_idle(hass: HomeAssistant, msg: dict[str, Any]) -> dict[str, Any]:
    """Return the steps of a poll of the box and of `seconds` in which nobody asks for anything.

    The box is polled now, so that neither these seconds nor the walk after them contain a scheduled poll by chance.
    """
    entry = hass.config_entries.async_get_known_entry(msg["entry_id"])
    recorder = _recorder()
    with recorder.recording():
        async with asyncio.timeout(PATIENCE):
            await recorder.still(REST)
        recorder.steps.clear()
        await entry.runtime_data.coordinator.async_refresh()
        await asyncio.sleep(msg["seconds"])
    return {"steps": recorder.steps}


async def async_poll_task(hass: HomeAssistant, msg: dict[str, Any]) -> dict[str, Any]:
    """Print as a user who needs an approval; returns the id of the first button's action on the approver's phone."""
    asked: asyncio.Queue[str] = asyncio.Queue()

    async def on_message(call: ServiceCall) -> None:
        # A later message without buttons withdraws the question.
        if question := call.data.get("data", {}).get("actions"):
            asked.put_nowait(question[0]["action"])

    hass.services.async_register(NOTIFY, PHONE, on_message)
    entry = hass.config_entries.async_get_known_entry(msg["entry_id"])
    approval = {
        CONF_APPROVAL_PRINTERS: [_key_of(hass, msg)],
        CONF_APPROVAL_NOTIFY: [f"{NOTIFY}.{PHONE}"],
    }
    hass.config_entries.async_update_entry(entry, options={**entry.options, **approval})
    users = {user.name: user for user in await hass.auth.async_get_users()}
    user = users.get(ASKER) or await hass.auth.async_create_user(ASKER, group_ids=[GROUP_ID_USER])
    await async_print(hass, msg["device_id"], msg["data"], Context(user_id=user.id))
    async with asyncio.timeout(PATIENCE):
        return {"button": await asked.get()}
