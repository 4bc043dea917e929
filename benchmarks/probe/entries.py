"""Sets up config entries and measures the cost of that."""

import asyncio
import gc
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import SOURCE_USER, ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.util.ulid import ulid_now

from custom_components.lianke.api.models import Box, parse_printers

from .moved import moving
from .stalls import DATA_STALLS

if TYPE_CHECKING:
    from custom_components.lianke.runtime import LiankeData

# Seconds after which all work that Home Assistant postpones when an entry is added, such as writing files, is done.
PUT_OFF = 2.0


def _make(data: dict[str, Any]) -> ConfigEntry:
    """Make a config entry as a finished flow does."""
    return ConfigEntry(
        data=data["data"],
        discovery_keys={},  # type: ignore[arg-type]  # an empty dict does here
        domain=data["domain"],
        entry_id=ulid_now(),
        minor_version=1,
        options=data.get("options", {}),
        source=SOURCE_USER,
        subentries_data=[],
        title=data["title"],
        unique_id=data["unique_id"],
        version=data.get("version", 1),
    )


async def async_add(hass: HomeAssistant, msg: dict[str, Any]) -> dict[str, Any]:
    """Add entries and set them up, several at once."""
    entries = [_make(data) for data in msg["entries"]]
    gate = asyncio.Semaphore(msg.get("at_once", 8))

    async def add(entry: ConfigEntry) -> None:
        async with gate:
            await hass.config_entries.async_add(entry)

    await asyncio.gather(*map(add, entries))
    await hass.async_block_till_done()
    states = {entry.title: entry.state.value for entry in entries}
    if any(state != ConfigEntryState.LOADED.value for state in states.values()):
        raise RuntimeError(f"not loaded: {states}")
    return {"entry_ids": [entry.entry_id for entry in entries]}


async def async_remove(hass: HomeAssistant, msg: dict[str, Any]) -> dict[str, Any]:
    for entry_id in msg["entry_ids"]:
        await hass.config_entries.async_remove(entry_id)
    await hass.async_block_till_done()
    return {}


async def async_set_up_rounds(hass: HomeAssistant, msg: dict[str, Any]) -> dict[str, Any]:
    """Set entries up in turn, many times; returns the processor and wall time of each set-up in s.

    The servers are other processes, so their processor time does not count.
    """
    names: dict[str, str] = msg["entry_ids"]
    cpu: dict[str, list[float]] = {name: [] for name in names}
    wall: dict[str, list[float]] = {name: [] for name in names}
    stalls: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    meter = hass.data[DATA_STALLS]
    for _ in range(msg["rounds"]):
        for name, entry_id in names.items():
            if name == "lianke":
                # Forget the requests of the last round, as if that round had been a while ago.
                entry = hass.config_entries.async_get_known_entry(entry_id)
                entry.runtime_data.account._admitted_until = float("-inf")
                entry.runtime_data.account.requests._sent.clear()
            await hass.config_entries.async_unload(entry_id)
            await hass.async_block_till_done()
            gc.collect()
            meter.forgive()
            meter.reset()
            began, began_cpu = time.perf_counter(), time.process_time()
            await hass.config_entries.async_setup(entry_id)
            await hass.async_block_till_done()
            if name == "lianke":
                await _first_poll(hass, entry_id)
            cpu[name].append(time.process_time() - began_cpu)
            wall[name].append(time.perf_counter() - began)
            await asyncio.sleep(0)
            stalls[name].append(meter.found)
    registry = er.async_get(hass)
    return {
        "cpu": cpu,
        "wall": wall,
        "stalls": stalls,
        "entities": {
            name: _kinds(er.async_entries_for_config_entry(registry, entry_id))
            for name, entry_id in names.items()
        },
        "states": {
            name: sum(
                hass.states.get(entity.entity_id) is not None
                for entity in er.async_entries_for_config_entry(registry, entry_id)
            )
            for name, entry_id in names.items()
        },
    }


def _kinds(entities: list[er.RegistryEntry]) -> dict[str, list[bool]]:
    """Map each domain to a list that says, for each entity of the domain, whether the entity is enabled."""
    kinds: dict[str, list[bool]] = {}
    for entity in entities:
        kinds.setdefault(entity.domain, []).append(entity.disabled_by is None)
    return kinds


async def _first_poll(hass: HomeAssistant, entry_id: str) -> None:
    """Wait for the first poll of a box, which follows the set-up; core's `ipp` polls during the set-up."""
    coordinator = hass.config_entries.async_get_known_entry(entry_id).runtime_data.coordinator
    polled = asyncio.Event()
    unsubscribe = coordinator.async_add_listener(polled.set)
    async with asyncio.timeout(10):
        while not coordinator.is_fresh:
            await polled.wait()
            polled.clear()
    unsubscribe()


async def async_status_entities(hass: HomeAssistant, msg: dict[str, Any]) -> dict[str, str]:
    """Map each box to the status sensor of its printer at `port`."""
    registry = er.async_get(hass)
    found = {}
    for entry in hass.config_entries.async_loaded_entries("lianke"):
        device_id = entry.data["device_id"]
        for key, view in entry.runtime_data.coordinator.data.printers.items():
            if view.printer.port == msg["port"]:
                entity = registry.async_get_entity_id(
                    "sensor", "lianke", f"{device_id}_{key}_status"
                )
                assert entity is not None
                found[device_id] = entity
    return found


async def async_read(hass: HomeAssistant, msg: dict[str, Any]) -> dict[str, Any]:
    """Handle the answers of a poll once more for each box; returns the seconds that this takes for each box.

    Handling means parsing the answers, comparing them with the known data, and letting each entity check for changes.
    """
    spent = []
    for entry_id in msg["entry_ids"]:
        data: LiankeData = hass.config_entries.async_get_known_entry(entry_id).runtime_data
        transport, who = data.client._transport, data.client._auth
        info = await transport.call("GET", "/device/device_info", query=who)
        rows = await transport.call(
            "GET", "/external_api/printer_list", query=who | {"printerType": "3"}
        )
        await asyncio.sleep(0.03)
        began = time.perf_counter()
        data.coordinator._store(Box.from_json(info), parse_printers(rows))
        assert data.coordinator._view() == data.coordinator.data
        data.coordinator.async_update_listeners()
        spent.append(time.perf_counter() - began)
    return {"spent": spent}


async def async_scale(hass: HomeAssistant, msg: dict[str, Any]) -> dict[str, Any]:
    """Add entries one after the other; returns the totals of time, memory and entities at each mark.

    A mark is a number of entries. At each mark, work that Home Assistant postpones is waited for and counted. Otherwise
    it would count only at marks so high that adding the entries takes longer than the work is postponed. With `memory`,
    the time means nothing, because every allocation is recorded.
    """
    marks: dict[int, dict[str, float]] = {int(mark): {} for mark in msg["marks"]}
    registry = er.async_get(hass)
    gc.collect()
    hass.data[DATA_STALLS].forgive()
    if msg["memory"]:
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
    entities = len(registry.entities)
    spent = 0.0
    meter = hass.data[DATA_STALLS]
    added: list[str] = []
    for number, data in enumerate(msg["entries"], 1):
        entry = _make(data)
        began = time.process_time() - meter.collecting
        await hass.config_entries.async_add(entry)
        await hass.async_block_till_done()
        if number in marks:
            with moving(hass):
                await asyncio.sleep(PUT_OFF)
        # Garbage collections do not count: they take longer the more Home Assistant holds in memory.
        spent += time.process_time() - meter.collecting - began
        if entry.state is not ConfigEntryState.LOADED:
            raise RuntimeError(f"{entry.title} is {entry.state}")
        added.append(entry.entry_id)
        if number in marks:
            gc.collect()
            hass.data[DATA_STALLS].forgive()
            used = tracemalloc.get_traced_memory()[0] - before if msg["memory"] else 0
            marks[number] = {
                "cpu": spent,
                "memory": used,
                "entities": len(registry.entities) - entities,
            }
    tracemalloc.stop()
    return {"entry_ids": added, "marks": [marks[mark] for mark in sorted(marks)]}
