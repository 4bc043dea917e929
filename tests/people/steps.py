"""What tests about people share: automations, actions of somebody, passing time, and to whom the jobs belong then."""

from datetime import timedelta
from typing import Any, Final

from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity_component import DATA_INSTANCES
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.people.initiator import async_get_context_history
from tests.household import LASER, House, key_of

CONTROL: Final = {"read": True, "control": True}
START: Final[dict[str, Any]] = {"action": "timer.start", "target": {"entity_id": "timer.tea"}}
ENDED: Final[dict[str, Any]] = {"trigger": "event", "event_type": "timer.finished"}
NOTE: Final[dict[str, Any]] = {
    "action": "persistent_notification.create",
    "data": {"message": "Print it"},
}
WRITTEN: Final[dict[str, Any]] = {"trigger": "persistent_notification"}
# The user to whom a job belongs, whether that user is no longer known, and what the job waits for.
type Whose = tuple[str | None, bool, tuple[str, ...]]
NOBODYS: Final[Whose] = (None, False, ())
FORGOTTEN: Final[Whose] = (None, True, ("approval",))


def to_approve(user: User) -> Whose:
    return user.id, False, ("approval",)


def whose(house: House) -> list[Whose]:
    """Return to whom the jobs belong, newest job first."""
    return [
        (job.spec.asker.user_id, job.spec.forgotten, job.waits_for) for job in house.queue.jobs()
    ]


def automation(name: str, triggers: Any, *actions: Any) -> dict[str, Any]:
    return {"alias": name, "triggers": triggers, "actions": list(actions), "mode": "parallel"}


def state_of(entity: str, to: str | None = None, **more: Any) -> dict[str, Any]:
    """Make a state trigger."""
    return {"trigger": "state", "entity_id": entity, **({"to": to} if to else {}), **more}


def printed(house: House, **more: str) -> dict[str, Any]:
    """Make the action that prints."""
    data = {"device_id": house.device(), "text": "Hello", **more}
    return {"action": "lianke.print", "data": data}


async def set_up(house: House, **config: Any) -> None:
    for component, settings in {"homeassistant": {}, **config}.items():
        assert await async_setup_component(house.hass, component, {component: settings})
    await house.hass.async_block_till_done()


async def call(hass: HomeAssistant, user: User | None, action: str, **data: Any) -> None:
    """Call an action as a user, or as a device (None)."""
    domain, name = action.split(".")
    context = Context(user_id=None if user is None else user.id)
    await hass.services.async_call(domain, name, data, blocking=True, context=context)


async def pass_time(hass: HomeAssistant, seconds: int, *entities: str) -> None:
    """Let time pass; these entities drop the context of the call, as they do after some seconds."""
    for entity_id in entities:
        entity = hass.data[DATA_INSTANCES][entity_id.partition(".")[0]].get_entity(entity_id)
        assert entity is not None
        entity._context = entity._context_set = None
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=seconds))
    await hass.async_block_till_done()


def forget(hass: HomeAssistant) -> None:
    """Forget who began what, as a restart does."""
    del hass.data[f"{DOMAIN}_context_history"]
    # Home Assistant's decorator `singleton` has cached the history as well.
    async_get_context_history.cache_clear()  # type: ignore[attr-defined]
    async_get_context_history(hass)


def entity_of(house: House, kind: str, key: str) -> str:
    """Find an entity of the laser."""
    unique_id = f"{house.entry.unique_id}_{key_of(house.entry, LASER)}_{key}"
    entity_id = er.async_get(house.hass).async_get_entity_id(kind, DOMAIN, unique_id)
    assert entity_id is not None
    return entity_id


def messages(house: House) -> str:
    """Find the laser's notify entity."""
    return entity_of(house, "notify", "notify")
