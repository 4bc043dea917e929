"""The dashboard card, served by the integration and announced to the dashboards as one Lovelace resource.

The files are built from `frontend/` at the root of the repository. The resource's address contains the version and a
digest, so that a browser never shows an old card. The resource's file loads the other files, whose names contain
digests too.

The resource is created with the first entry. It is deleted when Home Assistant stops and no entry is left: until then,
the cards of a removed box say that the box is gone. If the user manages the resources in YAML, the integration cannot
write them, and makes the frontend load the script with every page instead.
"""

import asyncio
from hashlib import sha256
import logging
from pathlib import Path

from homeassistant.components.frontend import add_extra_js_url, remove_extra_js_url
from homeassistant.components.http.server import StaticPathConfig
from homeassistant.components.lovelace.const import LOVELACE_DATA, MODE_STORAGE
from homeassistant.components.lovelace.resources import ResourceStorageCollection
from homeassistant.config_entries import SIGNAL_CONFIG_ENTRY_CHANGED, ConfigEntry, ConfigEntryChange
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.loader import async_get_integration

from ..const import DOMAIN

FRONTEND = Path(__file__).parent
CARD_FILE = "lianke-card.js"
CARD_TYPE = "custom:lianke-card"
CARD_URL = f"/{DOMAIN}/{CARD_FILE}"
# Address of a picture that stands for a document.
DOCUMENT_URL = f"/{DOMAIN}/document.svg"

_LOGGER = logging.getLogger(__name__)


async def async_setup(hass: HomeAssistant) -> None:
    """Serve the card, create its resource with the first entry, and delete the resource at a stop without entries.

    Must be called only once. Home Assistant does not set up an integration without entries, so the next start could not
    delete the resource.
    """
    integration = await async_get_integration(hass, DOMAIN)
    files, pictures, digest = await hass.async_add_executor_job(_read_files)
    await hass.http.async_register_static_paths(
        [
            StaticPathConfig(f"/{DOMAIN}/{path.name}", str(path), cache_headers=True)
            for path in (*files, *pictures)
        ]
    )
    resource = _Resource(hass, f"{CARD_URL}?v={integration.version}-{digest}")
    await resource.async_sync()

    @callback
    def entry_changed(change: ConfigEntryChange, entry: ConfigEntry) -> None:
        if entry.domain == DOMAIN and change is ConfigEntryChange.ADDED:
            hass.async_create_task(resource.async_sync(), f"{DOMAIN} card resource")

    hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, resource.async_sync)
    async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, entry_changed)


async def async_remove(hass: HomeAssistant) -> None:
    """Delete the resource after the last entry if the integration is not set up, since nothing serves the card."""
    if DOMAIN not in hass.config.components:
        await _Resource(hass, "").async_sync()


async def async_card_path(hass: HomeAssistant, device_id: str) -> str | None:
    """Return the path of the first dashboard view that has the printer's card; None if no view has it."""
    if (data := hass.data.get(LOVELACE_DATA)) is None:
        return None
    for url_path, one in data.dashboards.items():
        try:
            views = (await one.async_load(False)).get("views")
        except HomeAssistantError:
            # A dashboard that nobody has changed stores no views.
            continue
        for number, view in enumerate(views if isinstance(views, list) else ()):
            if isinstance(view, dict) and _has_card(view, device_id):
                return f"/{url_path or 'lovelace'}/{view.get('path') or number}"
    return None


def _has_card(part: object, device_id: str) -> bool:
    """Whether this part of a dashboard has the printer's card; a card without `devices` shows all printers."""
    if isinstance(part, dict):
        if part.get("type") == CARD_TYPE:
            return device_id in (part.get("devices") or [device_id])
        part = [*part.values()]
    return isinstance(part, list) and any(_has_card(one, device_id) for one in part)


def _read_files() -> tuple[list[Path], list[Path], str]:
    """Return the card's files, the pictures used outside the card, and a short digest of the card's files. Blocks."""
    files = sorted(FRONTEND.glob("lianke-card*.js"))
    digest = sha256()
    for path in files:
        digest.update(path.read_bytes())
    return files, sorted(FRONTEND.glob("*.svg")), digest.hexdigest()[:8]


class _Resource:
    """The card's resource: a stored dashboard resource or, if resources are in YAML, a script of every page."""

    def __init__(self, hass: HomeAssistant, url: str) -> None:
        self._hass = hass
        self._url = url
        self._lock = asyncio.Lock()
        self._announced = False

    async def async_sync(self, _event: Event | None = None) -> None:
        """Create the resource if there is an entry; delete it otherwise."""
        if "lovelace" not in self._hass.config.components:
            return
        async with self._lock:
            wanted = bool(self._hass.config_entries.async_entries(DOMAIN))
            try:
                await self._async_store(wanted)
            except HomeAssistantError as err:
                _LOGGER.warning("Cannot update the dashboard resource: %s", err)

    async def _async_store(self, wanted: bool) -> None:
        """Create, update or delete the stored resource; if resources are in YAML, call `_announce` instead."""
        data = self._hass.data[LOVELACE_DATA]
        if data.resource_mode != MODE_STORAGE:
            self._announce(wanted)
            return
        resources = data.resources
        if not isinstance(resources, ResourceStorageCollection):
            return
        await resources.async_get_info()  # loads the stored list before it is changed
        ours = [
            item for item in resources.async_items() if item["url"].partition("?")[0] == CARD_URL
        ]
        fields = {"res_type": "module", "url": self._url}
        if wanted and not ours:
            await resources.async_create_item(fields)
        kept = ours[:1] if wanted else []
        for item in kept:
            if item["url"] != self._url or item["type"] != "module":
                await resources.async_update_item(item["id"], fields)
        for item in ours[len(kept) :]:
            await resources.async_delete_item(item["id"])

    def _announce(self, wanted: bool) -> None:
        """Make the frontend load the script with every page or, if not `wanted`, no longer load it."""
        if wanted == self._announced:
            return
        self._announced = wanted
        if wanted:
            add_extra_js_url(self._hass, self._url)
        else:
            remove_extra_js_url(self._hass, self._url)
