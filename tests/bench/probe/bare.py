"""The least that a webhook can do: the baselines of callbacks and pushes."""

from aiohttp import ClientTimeout, web
from homeassistant.components import webhook
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession

# A message is taken and one state is set.
STATE_HOOK = "bench-state-0123456789abcdef"
# The cloud is asked what a poll asks, one after the other, and one state is set.
POLL_HOOK = "bench-poll-0123456789abcdef"
ENTITY = "sensor.bench_bare"


def async_register(hass: HomeAssistant) -> None:
    """Open both webhooks."""
    for webhook_id, handler in ((STATE_HOOK, _handle_state), (POLL_HOOK, _handle_poll)):
        webhook.async_register(
            hass, "lianke_bench", "Bench", webhook_id, handler, allowed_methods=("POST",)
        )


async def _handle_state(
    hass: HomeAssistant, _webhook_id: str, request: web.Request
) -> web.Response:
    message = await request.json()
    hass.states.async_set(ENTITY, message["task_state"], {"task": message["task_id"]})
    return web.json_response({"code": 200, "msg": "success"})


async def _handle_poll(hass: HomeAssistant, _webhook_id: str, request: web.Request) -> web.Response:
    message = await request.json()
    hass.async_create_background_task(_poll(hass, message), "bench poll")
    return web.json_response({"code": 200, "msg": "success"})


async def _poll(hass: HomeAssistant, message: dict[str, str]) -> None:
    session = async_get_clientsession(hass)
    for path in message["paths"]:
        async with session.get(
            f"{message['server']}{path}",
            headers={"ApiKey": message["api_key"]},
            timeout=ClientTimeout(total=10),
        ) as response:
            await response.json()
    hass.states.async_set(ENTITY, "polled", {"task": message["task_id"]})
