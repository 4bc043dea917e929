"""What a call may do by whoever set it off: an automation's has no user, and so would have every right."""

from homeassistant.auth.permissions.const import POLICY_CONTROL, POLICY_READ
from homeassistant.core import Context, HomeAssistant

from ..devices import Target, status_entity
from ..documents.local_files import async_check_entity
from ..errors import InputError
from ..jobs.job import Job
from .beginning import Beginning, async_find_beginning


async def async_check_caller(
    hass: HomeAssistant, context: Context, entity_id: str | None, policy: str
) -> Beginning:
    """Return who began what led to a call, once both that person and the caller have the policy on an entity.

    What no person began may do everything, and so may, here, what is forgotten. An automation reads by its own
    trigger whatever an administrator wanted it to. Raises as `async_check_entity`.
    """
    await async_check_entity(hass, context, entity_id, policy)
    who = await async_find_beginning(hass, context)
    if who.user_id not in (None, context.user_id) and not (
        who.independent and policy == POLICY_READ
    ):
        await async_check_entity(hass, Context(user_id=who.user_id), entity_id, policy)
    return who


async def async_check_printer(
    hass: HomeAssistant, target: Target, context: Context, policy: str = POLICY_CONTROL
) -> Beginning:
    """Return who began a call about a printer. Raises as `async_check_caller`."""
    entity_id = status_entity(hass, target.entry, target.printer_key)
    return await async_check_caller(hass, context, entity_id, policy)


async def async_reading(hass: HomeAssistant, context: Context) -> Context:
    """Return the context in which the documents of a call are read.

    Who makes an automation run past its triggers reads by it what that person may, and by its own trigger it reads
    whatever an administrator wanted it to.
    """
    who = await async_find_beginning(hass, context)
    if who.user_id in (None, context.user_id) or who.independent:
        return context
    return Context(user_id=who.user_id, parent_id=context.id)


async def async_check_change(
    hass: HomeAssistant, context: Context, entity_id: str | None, title: str
) -> Beginning:
    """Return who began a call that changes something, such as a job with this title, as control of an entity allows.

    What is forgotten may have been anybody's: it changes nothing where somebody may not. Raises as
    `async_check_caller`, and InputError: beginning_forgotten_here.
    """
    who = await async_check_caller(hass, context, entity_id, POLICY_CONTROL)
    if who.forgotten and await async_is_not_for_all(hass, entity_id):
        raise InputError("beginning_forgotten_here", title=title)
    return who


async def async_check_job(
    hass: HomeAssistant, target: Target, job: Job, context: Context
) -> Beginning:
    """Return who began a call that changes a job at a printer, or takes it there. Raises as `async_check_change`."""
    entity_id = status_entity(hass, target.entry, target.printer_key)
    return await async_check_change(hass, context, entity_id, job.spec.title)


async def async_is_not_for_all(hass: HomeAssistant, entity_id: str | None) -> bool:
    """Return whether somebody lives here who may not control an entity; without one only administrators may."""
    return any(
        user.is_active
        and not user.system_generated
        and not (
            user.is_admin
            if entity_id is None
            else user.permissions.check_entity(entity_id, POLICY_CONTROL)
        )
        for user in await hass.auth.async_get_users()
    )
