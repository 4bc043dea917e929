"""Print jobs in large numbers."""

import asyncio
from collections import Counter
from typing import Any

from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er

UNSENT = ("held", "uploading")


def printers_of(hass: HomeAssistant, entry_id: str) -> dict[str, str]:
    """Map the keys of a box's printers to their device ids."""
    entry = hass.config_entries.async_get_entry(entry_id)
    assert entry is not None
    registry = dr.async_get(hass)
    found = {}
    for key in entry.runtime_data.coordinator.data.printers:
        identifier = ("lianke", f"{entry.data['device_id']}_{key}")
        device = registry.async_get_device_by_identifier(identifier, entry_id)
        assert device is not None
        found[key] = device.id
    return found


def event_entity(hass: HomeAssistant, entry_id: str, key: str) -> str:
    entry = hass.config_entries.async_get_entry(entry_id)
    assert entry is not None
    entity_id = er.async_get(hass).async_get_entity_id(
        "event", "lianke", f"{entry.data['device_id']}_{key}_job"
    )
    assert entity_id is not None
    return entity_id


async def async_print(
    hass: HomeAssistant, device_id: str, data: dict[str, Any], context: Context | None = None
) -> list[str]:
    """Run the print action; returns the ids of the jobs."""
    answer = await hass.services.async_call(
        "lianke",
        "print",
        {"device_id": device_id, **data},
        blocking=True,
        context=context or Context(),
        return_response=True,
    )
    assert answer is not None
    jobs: Any = answer["jobs"]
    return [job["job_id"] for job in jobs]


async def async_submit(hass: HomeAssistant, msg: dict[str, Any]) -> dict[str, Any]:
    """Print a document `each` times on every printer of the boxes; returns the jobs once the cloud has all of them."""
    found: list[dict[str, str]] = []

    async def fill(entry_id: str) -> None:
        printers = printers_of(hass, entry_id)
        for _ in range(msg["each"]):
            for key, device_id in printers.items():
                job_ids = await async_print(hass, device_id, {"file": msg["path"]})
                event = event_entity(hass, entry_id, key)
                found.append({"entry_id": entry_id, "job_id": job_ids[0], "event": event})

    await asyncio.gather(*map(fill, msg["entry_ids"]))
    async with asyncio.timeout(msg.get("timeout", 120)):
        for item in found:
            entry = hass.config_entries.async_get_entry(item["entry_id"])
            assert entry is not None
            queue = entry.runtime_data.queue
            while (job := queue.get(item["job_id"])).state in UNSENT:
                await asyncio.sleep(0.02)
            item["task_id"] = job.current_delivery.task_id
            item["token"] = job.current_delivery.token
            item["device_id"] = entry.data["device_id"]
    return {"jobs": found}


async def async_settled(hass: HomeAssistant, msg: dict[str, Any]) -> dict[str, Any]:
    """Wait until all changes of jobs are on disk; returns how many jobs are in each state."""
    queues = [
        hass.config_entries.async_get_known_entry(entry_id).runtime_data.queue
        for entry_id in msg["entry_ids"]
    ]
    await asyncio.gather(*(queue._jobs.async_written() for queue in queues))
    return dict(Counter(job.state.value for queue in queues for job in queue.jobs()))
