"""Binding a box through the real config flow, as the forms in the browser do."""

import asyncio
from ctypes.util import find_library
import json
from typing import Any

from .cloud import SimulatorProcess
from .hass import HassError, RealHomeAssistant

DOMAIN = "lianke"
PATIENCE = 180.0  # seconds; only what hangs takes as long


async def bind(
    hass: RealHomeAssistant,
    *,
    server: str,
    api_key: str | None = None,
    account: str | None = None,
    photo: bytes | None = None,
    qr_text: str | None = None,
    test_page: bool = False,
) -> dict[str, Any]:
    """Bind a box and return its config entry, once it is loaded.

    `photo` is a picture of the box's QR code; `qr_text`, used instead, is the link in the code. `account` is the entry
    id of a box of the same account, used instead of `api_key`. Raises HassError if a step is refused.
    """
    sticker: dict[str, str] = {}
    if photo is not None:
        sticker["photo"] = await hass.upload(photo, "sticker.png")
    if qr_text is not None:
        sticker["qr_text"] = qr_text
    flow = await hass.submit(await hass.start_flow(DOMAIN), sticker)
    if flow["type"] != "form" or flow["step_id"] != "account":
        raise HassError(f"The sticker was not read: {flow.get('errors') or flow.get('reason')}")
    data: dict[str, Any] = {"advanced": {"server": server}}
    if api_key is not None:
        data["api_key"] = api_key
    if account is not None:
        data["account"] = account
    flow = await hass.submit(flow, data)
    if flow["type"] != "form" or flow["step_id"] not in {"printers", "no_printers"}:
        raise HassError(f"The box was not accepted: {flow.get('errors') or flow.get('reason')}")
    offered = {field["name"] for field in flow["data_schema"]}
    flow = await hass.submit(flow, {"test_page": test_page} if "test_page" in offered else {})
    if flow["type"] != "create_entry":
        raise HassError(f"The box was not bound: {flow.get('errors') or flow.get('reason')}")
    entry: dict[str, Any] = flow["result"]
    await wait_loaded(hass, entry["entry_id"])
    return entry


async def bind_first(
    hass: RealHomeAssistant, cloud: SimulatorProcess
) -> tuple[dict[str, Any], bool]:
    """Bind the first box; return its entry, and whether it was bound by a picture of its QR code.

    If the machine lacks the library that reads QR codes, the link in the code is used.
    """
    if await asyncio.to_thread(find_library, "zbar") is None:
        entry = await bind(hass, server=cloud.url, api_key=cloud.api_key, qr_text=cloud.qr_link)
        return entry, False
    photo = await cloud.sticker()
    entry = await bind(hass, server=cloud.url, api_key=cloud.api_key, photo=photo)
    return entry, True


async def wait_loaded(hass: RealHomeAssistant, entry_id: str) -> None:
    """Wait until the entry is loaded. Raises HassError after PATIENCE."""

    def loaded(entry: dict[str, Any] | None) -> bool:
        return entry is not None and entry["state"] == "loaded"

    if not await hass.poll(lambda: hass.entry(entry_id), loaded, timeout=PATIENCE):
        raise HassError(f"The entry is not loaded: {await hass.entry(entry_id)}")


async def printer_device(hass: RealHomeAssistant, device_id: str, name: str) -> dict[str, Any]:
    """Return the device of the box's printer with this name. Raises HassError if there is none."""
    for device in await hass.devices():
        names = {device["name"], device["name_by_user"]}
        if name in names and any(
            domain == DOMAIN and identifier.startswith(f"{device_id}_")
            for domain, identifier in device["identifiers"]
        ):
            return device
    raise HassError(f"There is no printer {name!r} of box {device_id}")


async def entity_of(hass: RealHomeAssistant, device: dict[str, Any], domain: str, key: str) -> str:
    """Return the id of a device's entity by domain and translation key. Raises HassError if there is none."""
    for entity in await hass.entities():
        if (
            entity["device_id"] == device["id"]
            and entity["entity_id"].startswith(f"{domain}.")
            and entity["translation_key"] == key
        ):
            return str(entity["entity_id"])
    raise HassError(f"There is no {domain} entity {key!r} of {device['name']}")


def written_entry(hass: RealHomeAssistant, entry_id: str) -> dict[str, Any] | None:
    """Return a config entry as it is on disk, None while it is not there."""
    storage = hass.config / ".storage" / "core.config_entries"
    if not storage.exists():
        return None
    entries: list[dict[str, Any]] = json.loads(storage.read_text("utf-8"))["data"]["entries"]
    return next((entry for entry in entries if entry["entry_id"] == entry_id), None)


async def wait_written(hass: RealHomeAssistant, entry_id: str, option: str) -> None:
    """Wait until an entry is on disk with an option; Home Assistant writes entries with a delay. Raises HassError."""

    async def written() -> dict[str, Any] | None:
        return await asyncio.to_thread(written_entry, hass, entry_id)

    def has_option(entry: dict[str, Any] | None) -> bool:
        return entry is not None and option in entry["options"]

    if not await hass.poll(written, has_option, timeout=PATIENCE):
        raise HassError(f"The option {option} is not on disk")


async def announce_changes(hass: RealHomeAssistant, cloud: SimulatorProcess, entry_id: str) -> None:
    """Have the cloud push changes of the first box's account, so that no test waits for a poll."""

    def read() -> str | None:
        entry = written_entry(hass, entry_id)
        return None if entry is None else str(entry["data"]["webhook_id"])

    async def webhook() -> str | None:
        return await asyncio.to_thread(read)

    webhook_id = await hass.poll(webhook, lambda found: found is not None)
    boxes = await cloud.boxes()
    account = next(box["account"] for box in boxes if box["device_id"] == cloud.device_id)
    address = f"{hass.url}/api/webhook/{webhook_id}"
    await cloud.post(f"accounts/{account}", {"push_url": address, "auto_push": True})
