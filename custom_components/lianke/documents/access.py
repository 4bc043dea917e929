"""Permission checks for the user of a call."""

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import Unauthorized, UnknownUser


async def async_check_entity(
    hass: HomeAssistant, context: Context, entity_id: str | None, policy: str
) -> None:
    """Raise Unauthorized unless the user of the context has the policy on the entity.

    A call without a user comes from Home Assistant itself and may do everything. Where there is
    no entity to ask about, only an administrator may.
    """
    if context.user_id is None:
        return
    user = await hass.auth.async_get_user(context.user_id)
    if user is None:
        raise UnknownUser(context=context, entity_id=entity_id, permission=policy)
    if entity_id is None:
        if not user.is_admin:
            raise Unauthorized(context=context, permission=policy)
    elif not user.permissions.check_entity(entity_id, policy):
        raise Unauthorized(context=context, entity_id=entity_id, permission=policy)
