"""A companion app on somebody's phone, and a media player that signs the addresses it plays.

The tests lack packages that Home Assistant's component for the app needs. This webhook calls actions as the component's
webhook does.
"""

from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from homeassistant.auth.models import User
from homeassistant.components import webhook
from homeassistant.components.media_player.browse_media import async_process_play_media_url
from homeassistant.components.media_source import async_resolve_media, is_media_source_id
from homeassistant.core import Context, HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator


@dataclass
class Companion:
    """The app, which calls a webhook, and a media player."""

    client: Any
    webhook: str
    # URLs from which the player would fetch media; None where Home Assistant refused the media.
    played: list[str | None] = field(default_factory=list)

    async def call(self, domain: str, service: str, **data: Any) -> None:
        called = {"domain": domain, "service": service, "service_data": data}
        await self._send("call_service", called)

    async def fire(self, event_type: str, **data: Any) -> None:
        """Fire an event, for which the app needs no rights."""
        await self._send("fire_event", {"event_type": event_type, "event_data": data})

    async def _send(self, kind: str, data: dict[str, Any]) -> None:
        body = {"type": kind, "data": data}
        answer = await self.client.post(f"/api/webhook/{self.webhook}", json=body)
        assert answer.status == 200

    async def play(self, media: str) -> int:
        """Have the player play media; returns the HTTP status of the player's request, 0 if it sent none."""
        data = {"media_content_id": media, "media_content_type": "image/jpeg"}
        await self.call("media_player", "play_media", entity_id="media_player.tv", **data)
        url = self.played[-1]
        return 0 if url is None else (await self.client.get(url)).status


async def phone_of(
    hass: HomeAssistant, user: User, hass_client_no_auth: ClientSessionGenerator
) -> Companion:
    """Give a user a phone with the app, and Home Assistant a media player."""
    for component in ("webhook", "media_source"):
        assert await async_setup_component(hass, component, {})

    async def handle(hass: HomeAssistant, _id: str, request: web.Request) -> web.Response:
        sent, context = await request.json(), Context(user_id=user.id)
        body = sent["data"]
        if sent["type"] == "fire_event":
            hass.bus.async_fire(body["event_type"], body["event_data"], context=context)
        else:
            await hass.services.async_call(
                body["domain"],
                body["service"],
                body["service_data"],
                blocking=True,
                context=context,
            )
        return web.json_response({})

    webhook_id = webhook.async_generate_id()
    webhook.async_register(hass, "mobile_app", "Phone", webhook_id, handle)
    # Neither the app nor the player sends a token.
    companion = Companion(await hass_client_no_auth(), webhook_id)

    async def play(call: ServiceCall) -> None:
        media = call.data["media_content_id"]
        try:
            if is_media_source_id(media):
                media = (await async_resolve_media(hass, media, "media_player.tv")).url
            url = async_process_play_media_url(hass, media, allow_relative_url=True)
        except HomeAssistantError:
            companion.played.append(None)
        else:
            companion.played.append(url)

    hass.services.async_register("media_player", "play_media", play)
    return companion
