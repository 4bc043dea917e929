"""Read-only queries: printer capabilities, models and cloud tasks."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import cache, partial
import time
from typing import Final

from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.core import Context, HomeAssistant, ServiceCall
from homeassistant.helpers import entity_registry as er, service
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.json import JsonObjectType, JsonValueType

from ..api.capabilities import Capabilities, Paper
from ..api.client import LiankeClient
from ..api.errors import LiankeError, OptionError
from ..api.models import DriverState, PrinterType
from ..api.options import (
    COLORS,
    DUPLEX,
    ORIENTATIONS,
    QUALITIES,
    PrintOptions,
    duplex_names,
    name_of_value,
    resolve_options,
)
from ..api.tasks import DayTask
from ..const import DOMAIN
from ..devices import Target, loaded_data
from ..input_error import InputError
from ..people.rights import async_check_caller
from ..runtime import LiankeConfigEntry

# Seconds for which the list of the cloud's tasks is reused.
CLOUD_SECONDS = 60
# Maximum number of models in an answer; further models are only counted.
MAX_MODELS_FOUND: Final = 200
# Seconds for which the vendor's list of models is reused: the list only changes when the vendor adds a driver.
MODELS_SECONDS = 86400


class _Cache[T]:
    """Keeps answers of the service for some time; concurrent callers share one request."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.answers: dict[str, tuple[float, T]] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def async_get(
        self,
        key: str,
        get_client: Callable[[], LiankeClient],
        fetch: Callable[[LiankeClient], Awaitable[T]],
    ) -> T:
        """Return a recent answer, or else a new answer from `fetch`.

        Calling `get_client` counts as one lookup by the user, even if another call is already fetching the same answer.
        """
        if not self._is_fresh(key):
            client = get_client()
            async with self._locks[key]:
                if not self._is_fresh(key):
                    self.answers[key] = (time.monotonic(), await fetch(client))
        return self.answers[key][1]

    def _is_fresh(self, key: str) -> bool:
        return key in self.answers and time.monotonic() - self.answers[key][0] <= self._seconds


DATA_MODELS: HassKey[_Cache[tuple[str, ...]]] = HassKey(f"{DOMAIN}_models")
DATA_TASKS: HassKey[_Cache[tuple[DayTask, ...]]] = HassKey(f"{DOMAIN}_cloud_tasks")


async def async_describe_capabilities(target: Target, context: Context) -> JsonObjectType:
    """Return a printer's capabilities, with the names that actions accept; lengths are in mm.

    None means that the driver does not list what it supports; every value is then allowed. The two requests to the
    service count as one lookup by the user. Raises LiankeError, including TooManyRequestsError; InputError:
    printer_gone, capabilities_unknown.
    """
    view, coordinator = target.view, target.data.coordinator
    get_client = cache(partial(target.data.client_for, context))
    able, papers = await coordinator.capabilities.get(target.printer_key, get_client)
    driverless = view.printer.driver in (DriverState.AWAITING, DriverState.UNSUPPORTED)
    if able is None and not papers and not driverless:
        # An answer of nothing but nulls would look as if the driver had answered.
        raise InputError("capabilities_unknown", printer=view.name)
    able = able or Capabilities()
    duplex = _words(DUPLEX, able.duplex)
    # Add manual duplex, but not for labels and receipts, which nobody turns over.
    if able.duplex is not None and view.printer.species not in (
        PrinterType.LABEL,
        PrinterType.RECEIPT,
    ):
        duplex = [*duplex_names(able.duplex)]
    return {
        "printer": view.name,
        "model": view.printer.model,
        "papers": _papers(able, papers),
        "trays": _named(able.trays),
        "media_types": _named(able.media_types),
        "color": _words(COLORS, able.colors),
        "duplex": duplex,
        "orientation": _words(ORIENTATIONS, able.orientations),
        "max_copies": able.max_copies,
        "defaults": _defaults(able, papers),
    }


def knows_options(target: Target, wanted: PrintOptions) -> bool:
    """Return whether a printer's driver says that it supports options; False if it says nothing about one of them.

    Raises OptionError if the driver says that it does not support an option.
    """
    known = target.data.storage.printers[target.printer_key]
    able = known.capabilities or Capabilities()
    try:
        resolve_options(wanted, able, known.papers, known.printer.species)
    except OptionError as err:
        # Ignore errors about other options: label printers require a paper, for which nobody has asked.
        if err.option in wanted:
            raise
    blocks = {"color": able.colors, "duplex": able.duplex, "paper": able.papers or known.papers}
    return all(blocks[name] for name in wanted if name in blocks)


async def async_search_models(hass: HomeAssistant, call: ServiceCall) -> JsonObjectType:
    """Return the models whose names contain every word of the query, from a list that is cached for a day.

    Raises LiankeError, including TooManyRequestsError; Unauthorized.
    """
    entry: LiankeConfigEntry = service.async_get_config_entry(
        hass, DOMAIN, call.data["config_entry"]
    )
    # The permissions for a box are those for its connectivity sensor.
    connectivity = f"{entry.unique_id}_connectivity"
    entity_id = er.async_get(hass).async_get_entity_id("binary_sensor", DOMAIN, connectivity)
    await async_check_caller(hass, call.context, entity_id, POLICY_READ)
    data = loaded_data(entry)
    account = data.account.webhook_id
    cached = hass.data.setdefault(DATA_MODELS, _Cache(MODELS_SECONDS))
    try:
        models = await cached.async_get(
            account, partial(data.client_for, call.context), LiankeClient.printer_models
        )
    except LiankeError:
        if account not in cached.answers:
            raise
        # An old list is better than none.
        models = cached.answers[account][1]
    words = call.data.get("query", "").casefold().split()
    found = [name for name in models if all(word in name.casefold() for word in words)]
    return {"models": list[JsonValueType](found[:MAX_MODELS_FOUND]), "total": len(found)}


async def async_cloud_tasks(
    hass: HomeAssistant, entry: LiankeConfigEntry, context: Context
) -> list[JsonObjectType]:
    """Return the day's tasks of a box, including those of other apps; the list is fetched at most once a minute.

    Raises LiankeError.
    """
    data = loaded_data(entry)
    cached = hass.data.setdefault(DATA_TASKS, _Cache(CLOUD_SECONDS))

    tasks = await cached.async_get(
        entry.entry_id, partial(data.client_for, context), lambda client: client.day_tasks()
    )
    own = data.queue.own_task_ids
    return [
        {
            "task_id": task.task_id,
            "state": task.state.value,
            "code": task.code,
            "message": task.message,
            "created_at": _local(task.created_at),
            "updated_at": _local(task.updated_at),
            "own": task.task_id in own,
        }
        for task in tasks
    ]


def _local(moment: datetime | None) -> str | None:
    return None if moment is None else dt_util.as_local(moment).isoformat()


def _papers(able: Capabilities, papers: tuple[Paper, ...]) -> list[JsonValueType] | None:
    by_id = {paper.paper_id: paper for paper in papers}
    names = {name.strip(): paper_id for name, paper_id in (able.papers or {}).items()}
    if not names:
        names = {paper.name.strip(): paper.paper_id for paper in papers}
    if not names:
        return None
    sizes = ("width", "height", "printable_width", "printable_height")
    return [
        {
            "name": name,
            "id": paper_id,
            **{size: getattr(by_id[paper_id], size) / 10 for size in sizes if paper_id in by_id},
        }
        for name, paper_id in names.items()
    ]


def _named(block: Mapping[str, int] | None) -> list[JsonValueType] | None:
    if block is None:
        return None
    return [{"name": name.strip(), "id": number} for name, number in block.items()]


def _words(values: Mapping[str, int], able: frozenset[int] | None) -> list[JsonValueType] | None:
    return None if able is None else [name for name, number in values.items() if number in able]


def _defaults(able: Capabilities, papers: tuple[Paper, ...]) -> JsonObjectType:
    default = able.defaults
    known = able.papers or {}
    names = {paper.name: paper.paper_id for paper in papers if paper.paper_id not in known.values()}
    return {
        "paper": _name({**names, **known}, default.paper_id),
        "copies": default.copies,
        "color": name_of_value(COLORS, default.color),
        "duplex": name_of_value(DUPLEX, default.duplex),
        "orientation": name_of_value(ORIENTATIONS, default.orientation),
        "quality": name_of_value(QUALITIES, default.quality),
        "tray": _name(able.trays, default.tray),
        "media_type": _name(able.media_types, default.media_type),
    }


def _name(block: Mapping[str, int] | None, number: int | None) -> str | None:
    """Return the name for a number in a block, or the number itself as text if the block has no name for it."""
    return None if number is None else (name_of_value(block or {}, number) or str(number)).strip()
