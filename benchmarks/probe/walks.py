"""Follows a print or a push through the integration: see benchmarks/trace.py for what counts."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
import dataclasses
from functools import wraps
import inspect
from itertools import islice
from pathlib import Path
import sys
from types import CodeType, FrameType
from typing import Any, Final, NamedTuple

from aiohttp.client_reqrep import ClientRequest
from homeassistant.components.webhook import DOMAIN as WEBHOOK
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from .jobs import async_print, event_entity, printers_of
from .prints import lan_address, offer_to_phones, print_job

PACKAGE: Final = "custom_components.lianke"
# Seconds for each part of a walk.
PATIENCE: Final = 60
# How deep data is looked into, and how much of a list.
DEPTH: Final = 6
WIDTH: Final = 50
_EVENTS: Final = sys.monitoring.events


class Step(NamedTuple):
    """A function of ours: its file below the integration, and its name in there."""

    file: str
    name: str


class Tracer:
    """Notes the steps of a walk while it is on."""

    def __init__(self, marks: Iterable[str]) -> None:
        """Follow data that has one of these texts in it."""
        package = sys.modules[PACKAGE]
        self._folder = f"{Path(package.__path__[0])}/"
        self._marks = tuple(marks)
        self.is_on = False
        # In the order in which they began, whether they are on the walk or not.
        self._begun: dict[Step, None] = {}
        self._walked: set[Step] = set()
        self._shapes: dict[str, None] = {}
        # The steps that led to a task.
        self._origins: dict[asyncio.Task[Any], list[Step]] = {}
        # Whether a step, which is not counted, is where the walk ends.
        self.ends_at: Callable[[Step], bool] | None = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """See functions begin and return."""
        tool = sys.monitoring.PROFILER_ID
        sys.monitoring.use_tool_id(tool, "lianke walks")
        sys.monitoring.register_callback(tool, _EVENTS.PY_START, self._on_start)
        sys.monitoring.register_callback(tool, _EVENTS.PY_RETURN, self._on_return)
        sys.monitoring.set_events(tool, _EVENTS.PY_START | _EVENTS.PY_RETURN)
        # What earlier ones did not want to see.
        sys.monitoring.restart_events()
        try:
            yield
        finally:
            sys.monitoring.set_events(tool, _EVENTS.NO_EVENTS)
            sys.monitoring.free_tool_id(tool)

    def begin(self) -> None:
        """Begin a walk, forgetting what was noted before."""
        self._begun.clear()
        self._walked.clear()
        self._shapes.clear()
        self.is_on = True

    def end(self) -> None:
        """Note nothing more."""
        self.is_on = False

    def result(self) -> dict[str, Any]:
        """Return the steps in the order in which they began, and the shapes in which the data came by."""
        steps = [
            step for step in self._begun if step in self._walked and not self._is_property(step)
        ]
        return {"steps": [list(step) for step in steps], "shapes": list(self._shapes)}

    def _on_start(self, code: CodeType, _offset: int) -> object:
        if not code.co_filename.startswith(self._folder):
            return sys.monitoring.DISABLE
        if self.is_on:
            frame = sys._getframe(1)
            step = self._step(code)
            if self.ends_at is not None and self.ends_at(step):
                self.end()
                return None
            self._begun.setdefault(step)
            handed = [self._takes_in(value) for value in _arguments(frame)]
            self._note(frame, carries=any(handed))
        return None

    def _on_return(self, code: CodeType, _offset: int, value: object) -> object:
        if not code.co_filename.startswith(self._folder):
            return sys.monitoring.DISABLE
        if self.is_on and self._takes_in(value):
            self._note(sys._getframe(1), carries=True)
        return None

    def _note(self, frame: FrameType, *, carries: bool) -> None:
        """Note that a function was called or has returned."""
        try:
            task = asyncio.current_task()
        except RuntimeError:
            # In a thread; who asked for it carries the same.
            task = None
        else:
            if task is None:
                # The event loop's own call: somebody is told afterwards.
                return
        stack: list[Step] = []
        above: FrameType | None = frame
        while above is not None:
            if above.f_code.co_filename.startswith(self._folder):
                stack.append(self._step(above.f_code))
            above = above.f_back
        if task is not None:
            # A task begins within what creates it.
            stack += self._origins.setdefault(task, stack[1:])
        if carries:
            self._walked.update(stack)

    def note_origin(self, task: asyncio.Task[Any]) -> None:
        """Note which steps have led to a task that will begin later."""
        stack: list[Step] = []
        above: FrameType | None = sys._getframe(1)
        while above is not None:
            if above.f_code.co_filename.startswith(self._folder):
                stack.append(self._step(above.f_code))
            above = above.f_back
        self._origins[task] = stack

    def _step(self, code: CodeType) -> Step:
        """Return the function of some code; what is inside a function is a part of it."""
        return Step(
            code.co_filename.removeprefix(self._folder), code.co_qualname.partition(".<locals>")[0]
        )

    def _is_property(self, step: Step) -> bool:
        """Return whether a step is a property, or a lambda beside functions."""
        if step.name.endswith("<lambda>"):
            return True
        name = step.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        found: Any = sys.modules.get(f"{PACKAGE}.{name}")
        for part in step.name.split("."):
            found = inspect.getattr_static(found, part, None)
        return "property" in type(found).__name__

    def _takes_in(self, value: object) -> bool:
        """Return whether data of ours, or a list of it, is what walks; note in which shape."""
        if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
            # All of them, since each may have a shape of its own.
            taken = [self._takes_in(one) for one in islice(value, WIDTH)]
            return any(taken)
        if isinstance(value, Mapping):
            name = "mapping"
        elif type(value).__module__.startswith(PACKAGE):
            name = type(value).__qualname__
        else:
            return False
        if not self._carries(value):
            return False
        self._shapes.setdefault(name)
        return True

    def _carries(self, value: object, depth: int = 0) -> bool:
        """Return whether a mark is in some data."""
        inner: Iterable[object]
        if depth > DEPTH:
            return False
        if isinstance(value, str | Path):
            return any(mark in str(value) for mark in self._marks)
        if isinstance(value, Mapping):
            inner = value.values()
        elif isinstance(value, list | tuple):
            inner = value
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            inner = [getattr(value, field.name, None) for field in dataclasses.fields(value)]
        else:
            return False
        return any(self._carries(one, depth + 1) for one in islice(inner, WIDTH))


def _arguments(frame: FrameType) -> list[object]:
    code = frame.f_code
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    found = frame.f_locals
    return [found[name] for name in code.co_varnames[:count] if name in found]


@asynccontextmanager
async def _tracing(hass: HomeAssistant, marks: Iterable[str]) -> AsyncIterator[Tracer]:
    """Have a tracer that sees everything."""
    tracer = Tracer(marks)
    create = hass.loop.create_task

    def create_task(*args: Any, **kwargs: Any) -> asyncio.Task[Any]:
        task = create(*args, **kwargs)
        tracer.note_origin(task)
        return task

    hass.loop.create_task = create_task  # type: ignore[method-assign]
    try:
        with tracer.watching():
            yield tracer
    finally:
        hass.loop.create_task = create  # type: ignore[method-assign]


@contextmanager
def _at_webhook(hass: HomeAssistant, webhook_id: str, begin: Callable[[], None]) -> Iterator[None]:
    """Call something when a message comes, before it is handled."""
    hooks = hass.data[WEBHOOK]
    hook = hooks[webhook_id]

    async def handle(*args: Any) -> Any:
        begin()
        return await hook.handler(*args)

    hooks[webhook_id] = dataclasses.replace(hook, handler=handle)
    try:
        yield
    finally:
        hooks[webhook_id] = hook


@contextmanager
def _at_state(
    hass: HomeAssistant, entity_id: str, matches: Callable[[Any], bool], end: Callable[[], None]
) -> Iterator[asyncio.Event]:
    """Call something when an entity's new state matches."""
    seen = asyncio.Event()

    @callback
    def on_state(event: Event[EventStateChangedData]) -> None:
        new = event.data["new_state"]
        if event.data["entity_id"] == entity_id and new is not None and matches(new):
            end()
            seen.set()

    unsubscribe = hass.bus.async_listen(EVENT_STATE_CHANGED, on_state)
    try:
        yield seen
    finally:
        unsubscribe()


@contextmanager
def _at_wire(path: str) -> Iterator[asyncio.Event]:
    """Say when the last byte of a request to a path has been written."""
    written = asyncio.Event()
    write = ClientRequest.write_bytes

    @wraps(write)
    async def write_bytes(self: ClientRequest, *args: Any, **kwargs: Any) -> None:
        await write(self, *args, **kwargs)
        if self.url.path.endswith(path):
            written.set()

    ClientRequest.write_bytes = write_bytes  # type: ignore[method-assign]
    try:
        yield written
    finally:
        ClientRequest.write_bytes = write  # type: ignore[method-assign]


async def async_print_walk(hass: HomeAssistant, msg: dict[str, Any]) -> dict[str, Any]:
    """Print; return the walk to the wire, and the one from the callback that tells of the end to its event.

    The cloud must take its time to answer, so that nothing of what follows upon its answer is noted as well.
    """
    entry = hass.config_entries.async_get_known_entry(msg["entry_id"])
    key, device_id = next(iter(printers_of(hass, entry.entry_id).items()))
    entity = event_entity(hass, entry.entry_id, key)
    async with _tracing(hass, msg["marks"]) as tracer, asyncio.timeout(PATIENCE):
        with _at_wire("/print/job") as written:
            tracer.begin()
            await async_print(hass, device_id, msg["data"])
            await written.wait()
            tracer.end()
        sent = tracer.result()
        with (
            _at_webhook(hass, entry.data["webhook_id"], tracer.begin),
            _at_state(hass, entity, _is_completed, tracer.end) as seen,
        ):
            await seen.wait()
        return {"sent": sent, "told": tracer.result()}


def _is_completed(state: Any) -> bool:
    return bool(state.attributes.get("event_type") == "completed")


async def async_push_walk(hass: HomeAssistant, msg: dict[str, Any]) -> dict[str, Any]:
    """Wait for a push, and return the walk from it to the new state of an entity."""
    entry = hass.config_entries.async_get_known_entry(msg["entry_id"])
    async with _tracing(hass, msg["marks"]) as tracer, asyncio.timeout(PATIENCE):
        with (
            _at_webhook(hass, entry.data["webhook_id"], tracer.begin),
            _at_state(
                hass, msg["entity_id"], lambda state: state.state == msg["state"], tracer.end
            ) as seen,
        ):
            await seen.wait()
        return tracer.result()


async def async_phone_walk(hass: HomeAssistant, msg: dict[str, Any]) -> dict[str, Any]:
    """Print as a phone does; return the walk from its request until the queue is asked to take the job."""
    offer_to_phones(hass, msg["entry_id"])
    session = async_get_clientsession(hass)
    body = print_job(msg["title"]) + await hass.async_add_executor_job(Path(msg["path"]).read_bytes)
    async with _tracing(hass, msg["marks"]) as tracer, asyncio.timeout(PATIENCE):
        tracer.ends_at = lambda step: step.file == "jobs/queue.py" and "submit" in step.name
        tracer.begin()
        async with session.post(
            lan_address(hass), data=body, headers={"Content-Type": "application/ipp"}
        ) as answer:
            status = int.from_bytes((await answer.read())[2:4])
        if status or tracer.is_on:
            raise RuntimeError(f"refused ({status:#06x}), or it never came to the queue")
        return tracer.result()
