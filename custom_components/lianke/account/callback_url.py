"""Finds the callback address of an account, at the start and whenever the address may have changed."""

import asyncio
import logging
from typing import Any

from aiohttp import ClientError
from homeassistant.components import webhook
from homeassistant.const import EVENT_COMPONENT_LOADED, EVENT_CORE_CONFIG_UPDATE
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.network import NoURLAvailableError
from homeassistant.helpers.start import async_at_started
from homeassistant.loader import async_get_loaded_integration
from homeassistant.setup import ATTR_COMPONENT, EventComponentLoaded
from yarl import URL

from ..api.addresses import is_loopback
from .request_limits import Account

_LOGGER = logging.getLogger(__name__)

CLOUD = "cloud"
# Seconds until the next attempt to create a cloudhook after an attempt has failed.
RETRY = 300


@callback
def async_get_cloud(hass: HomeAssistant) -> Any:
    """Return the cloud component; None if it is not set up.

    An import would make the cloud component a dependency, which brings along a dozen other integrations.
    """
    if CLOUD not in hass.config.components:
        return None
    return async_get_loaded_integration(hass, CLOUD).get_component()


def _cloud_errors() -> tuple[type[Exception], ...]:
    from hass_nabucasa import NabuCasaBaseError  # noqa: PLC0415  # installed with the cloud component only

    return ClientError, NabuCasaBaseError, TimeoutError, ValueError


class CallbackUrlManager:
    """Keeps the callback address of one account up to date.

    With a Home Assistant Cloud subscription, the callback address is a cloudhook. Otherwise, it is derived from the
    external URL, if that is https. Without either, there is no callback address, and changes are found by polling.
    """

    def __init__(self, hass: HomeAssistant, account: Account) -> None:
        self._hass = hass
        self._account = account
        self._task: asyncio.Task[None] | None = None
        self._again = False
        self._cancel_retry: CALLBACK_TYPE = lambda: None
        self._unsubscribe: list[CALLBACK_TYPE] = []
        self._follows_cloud = False
        # Whether the service runs on this machine, as in the demonstration. If so, its callbacks need no encryption.
        self.server_is_local = False

    @callback
    def start(self) -> None:
        """Find the callback address now, and again whenever it may have changed."""
        self._follow_cloud()
        self._unsubscribe += [
            self._hass.bus.async_listen(EVENT_COMPONENT_LOADED, self._on_component),
            self._hass.bus.async_listen(EVENT_CORE_CONFIG_UPDATE, self._on_config),
            async_at_started(self._hass, self.update),
        ]
        self.update()

    @callback
    def stop(self) -> None:
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._unsubscribe.clear()
        self._cancel_retry()
        if self._task is not None:
            self._task.cancel()

    @callback
    def update(self, _trigger: object = None) -> None:
        """Find the callback address again. Can be registered as a listener; the argument is ignored."""
        self._again = True
        if self._task is None or self._task.done():
            self._task = self._hass.async_create_background_task(
                self._async_update(), "find the callback address"
            )

    async def _async_update(self) -> None:
        while self._again:
            self._again = False
            self._cancel_retry()
            self._account.set_address(await self._async_find())

    async def _async_find(self) -> str | None:
        cloud = async_get_cloud(self._hass)
        if cloud is not None and cloud.async_active_subscription(self._hass):
            return await self._async_cloudhook(cloud)
        webhook_id = self._account.webhook_id
        try:
            url = webhook.async_generate_url(self._hass, webhook_id, allow_internal=False)
        except NoURLAvailableError:
            url = ""
        if url.startswith("https://"):
            return url
        return self._local_address() if self.server_is_local else None

    async def _async_cloudhook(self, cloud: Any) -> str | None:
        """Return the address of the cloudhook, creating it if needed; None if the cloud is not connected or fails."""
        try:
            url: str = await cloud.async_get_or_create_cloudhook(
                self._hass, self._account.webhook_id
            )
        except cloud.CloudNotAvailable:
            # `update` runs again when the connection changes.
            return None
        except _cloud_errors() as err:
            _LOGGER.debug("No cloudhook could be created: %s", type(err).__name__)
            self._cancel_retry = async_call_later(self._hass, RETRY, self.update)
            return None
        return url

    def _local_address(self) -> str:
        path = webhook.async_generate_path(self._account.webhook_id)
        internal = self._hass.config.internal_url
        if internal and is_loopback(URL(internal).host or ""):
            return f"{internal.rstrip('/')}{path}"
        port = self._hass.config.api.port if self._hass.config.api else 8123
        return f"http://127.0.0.1:{port}{path}"

    def _follow_cloud(self) -> None:
        if self._follows_cloud or (cloud := async_get_cloud(self._hass)) is None:
            return
        self._follows_cloud = True
        self._unsubscribe.append(cloud.async_listen_connection_change(self._hass, self.update))

    @callback
    def _on_component(self, event: Event[EventComponentLoaded]) -> None:
        if event.data[ATTR_COMPONENT] == CLOUD:
            self._follow_cloud()
            self.update()

    @callback
    def _on_config(self, event: Event) -> None:
        if "external_url" in event.data or "internal_url" in event.data:
            self.update()


async def async_delete_cloudhook(hass: HomeAssistant, webhook_id: str) -> None:
    if (cloud := async_get_cloud(hass)) is None:
        return
    try:
        await cloud.async_delete_cloudhook(hass, webhook_id)
    except cloud.CloudNotAvailable, ValueError:
        _LOGGER.debug("There was no cloudhook to delete")
    except _cloud_errors() as err:
        _LOGGER.warning("The cloudhook could not be deleted: %s", type(err).__name__)
