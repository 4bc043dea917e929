"""Handlers and schemas of the actions."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from homeassistant.auth.permissions.const import POLICY_CONTROL, POLICY_READ
from homeassistant.core import (
    Context,
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
)
from homeassistant.exceptions import ServiceNotFound
from homeassistant.helpers import service
from homeassistant.helpers.target import TargetSelection
from homeassistant.util.json import JsonObjectType, JsonValueType
import voluptuous as vol

from ..const import DOMAIN
from ..devices import (
    Target,
    async_check_box,
    async_check_target,
    async_may,
    async_may_read_box,
    async_resolve_target,
    async_target,
    async_target_of_job,
)
from ..errors import InputError
from ..jobs.job import Job
from ..people.approval import async_answer
from ..people.page_counts import async_export_pages
from ..people.visible import visible
from ..runtime import LiankeConfigEntry
from .again import async_changes, async_move, chosen_options, rest_again
from .lookup import async_cloud_tasks, async_describe_capabilities, async_search_models
from .preview import async_count_pages, async_preview
from .print import async_describe, async_failure, async_print, async_wait
from .refused import telling_refusals
from .request import parse_parameters
from .schemas import (
    ATTR_CODE,
    ATTR_CONFIG_ENTRY,
    ATTR_FROM_MONTH,
    ATTR_INCLUDE_CLOUD,
    ATTR_JOB_ID,
    ATTR_LIMIT,
    ATTR_MESSAGE,
    ATTR_QUERY,
    ATTR_REASON,
    ATTR_STATE,
    ATTR_TO_DEVICE_ID,
    ATTR_TO_MONTH,
    ATTR_WAIT,
    ATTR_WAIT_TIMEOUT,
    CANCEL_SCHEMA,
    CAPABILITIES_SCHEMA,
    CONTINUE_SCHEMA,
    COUNT_SCHEMA,
    EXPORT_SCHEMA,
    LIST_SCHEMA,
    MODELS_SCHEMA,
    MOVE_SCHEMA,
    PREVIEW_SCHEMA,
    PRINT_SCHEMA,
    REJECT_SCHEMA,
    RETRY_SCHEMA,
    SERVICE_CANCEL_JOB,
    SERVICE_CONTINUE_JOB,
    SERVICE_COUNT_PAGES,
    SERVICE_EXPORT_PAGES,
    SERVICE_GET_CAPABILITIES,
    SERVICE_LIST_JOBS,
    SERVICE_MOVE_JOB,
    SERVICE_PREVIEW,
    SERVICE_PRINT,
    SERVICE_REJECT_JOB,
    SERVICE_RETRY_JOB,
    SERVICE_SEARCH_MODELS,
)

MAX_MODELS: Final = 200


class Action(NamedTuple):
    """An action; its handler raises InputError and LiankeError besides errors that Home Assistant shows itself."""

    name: str
    handler: Callable[[HomeAssistant, ServiceCall], Awaitable[ServiceResponse]]
    schema: vol.Schema
    supports_response: SupportsResponse = SupportsResponse.OPTIONAL

    async def run(self, hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
        """Run the handler; raises HomeAssistantError."""
        async with telling_refusals(hass, call.context):
            return await self.handler(hass, call)

    async def call(
        self, hass: HomeAssistant, data: dict[str, Any], context: Context
    ) -> ServiceResponse:
        """Run the handler as a call of the action would, and return its response.

        The call has the schema, the rights and the context of any other, but is no event: the recorder
        would keep codes and passwords in its database. Raises vol.Invalid for data that the schema
        refuses, and what the action raises.
        """
        call = ServiceCall(
            hass, DOMAIN, self.name, self.schema(data), context, return_response=True
        )
        return await self.run(hass, call)


async def _async_target(hass: HomeAssistant, call: ServiceCall, policy: str) -> Target:
    """Return the printer of a call whose caller has the policy on it."""
    target = async_resolve_target(hass, call.data)
    await async_check_target(hass, target, call.context, policy)
    return target


async def _async_print(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Print; wait for the outcome if asked to."""
    parameters = parse_parameters(call.data)
    target = await _async_target(hass, call, POLICY_CONTROL)
    jobs, repeated = await async_print(hass, target, parameters, call.context)
    if wait := call.data[ATTR_WAIT]:
        seconds = call.data[ATTR_WAIT_TIMEOUT].total_seconds()
        jobs = await async_wait(hass, target, jobs, seconds)
        if not call.return_response and (failure := await async_failure(hass, jobs)):
            raise failure
    return {
        "jobs": [
            await async_describe(hass, target, job, repeated=job.job_id in repeated, waited=wait)
            for job in jobs
        ]
    }


async def _async_preview(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Render the pages without printing them."""
    parameters = parse_parameters(call.data)
    target = await _async_target(hass, call, POLICY_CONTROL)
    return await async_preview(hass, target, parameters, call.context)


async def _async_count_pages(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Count the pages of a document."""
    parameters = parse_parameters(call.data)
    target = await _async_target(hass, call, POLICY_CONTROL)
    return await async_count_pages(hass, target, parameters, call.context)


async def _async_target_and_job(hass: HomeAssistant, call: ServiceCall) -> tuple[Target, Job]:
    """Return the job of a call and its printer, which the caller may control.

    A target is not needed; where there is one, the job must be its printer's. Raises
    InputError: job_not_found, and as `async_resolve_target`.
    """
    job_id = call.data[ATTR_JOB_ID]
    if not TargetSelection(call.data).has_any_target:
        target, job = async_target_of_job(hass, job_id)
        await async_check_target(hass, target, call.context, POLICY_CONTROL)
        return target, job
    target = await _async_target(hass, call, POLICY_CONTROL)
    job = target.data.queue.get(job_id)
    if job.printer_key != target.printer_key:
        raise InputError("job_not_found", job_id=job.job_id)
    return target, job


async def _async_cancel_job(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Cancel a job."""
    target, job = await _async_target_and_job(hass, call)
    job = await target.data.queue.async_cancel(job.job_id)
    return {"job": await async_describe(hass, target, job)}


async def _async_continue_job(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Let a job go on that waits for a person."""
    target, job = await _async_target_and_job(hass, call)
    job = await async_answer(
        hass,
        target,
        job,
        call.context,
        approve=True,
        reason=call.data.get(ATTR_REASON),
        code=call.data.get(ATTR_CODE),
    )
    return {"job": await async_describe(hass, target, job)}


async def _async_reject_job(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Cancel a job that waits for a person."""
    target, job = await _async_target_and_job(hass, call)
    job = await async_answer(
        hass, target, job, call.context, approve=False, message=call.data[ATTR_MESSAGE]
    )
    return {"job": await async_describe(hass, target, job)}


async def _async_move_job(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Move a job that waits; the caller needs control of both printers."""
    target, job = await _async_target_and_job(hass, call)
    other = async_target(hass, call.data[ATTR_TO_DEVICE_ID])
    await async_check_target(hass, other, call.context, POLICY_CONTROL)
    moved = await async_move(target, job, other)
    return {"job": await async_describe(hass, other, moved)}


async def _async_retry_job(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Print the kept document of a job again, here or elsewhere, as before or with other options."""
    target, job = await _async_target_and_job(hass, call)
    chosen = chosen_options(call.data)
    to_device_id = call.data.get(ATTR_TO_DEVICE_ID)
    other, changes = target, None
    if to_device_id is not None:
        other = async_target(hass, to_device_id)
        await async_check_target(hass, other, call.context, POLICY_CONTROL)
    if to_device_id is not None or chosen:
        changes = await async_changes(other, job, chosen)
    again = await target.data.queue.async_retry(
        job.job_id,
        context=call.context,
        changes=changes,
        anew=rest_again(job, call.data),
        queue=other.data.queue,
    )
    return {"job": await async_describe(hass, other, again)}


async def _async_export_pages(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Return the pages that were printed in these months."""
    return await async_export_pages(
        hass,
        call.context,
        call.data.get(ATTR_CONFIG_ENTRY),
        call.data.get(ATTR_FROM_MONTH, ""),
        call.data.get(ATTR_TO_MONTH, "9999-99"),
    )


async def _async_list_jobs(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """List the jobs of a printer, and on request the day's tasks of its box."""
    target = await _async_target(hass, call, POLICY_READ)
    states = call.data.get(ATTR_STATE)
    jobs = [
        job
        for job in target.data.queue.jobs(target.printer_key)
        if states is None or job.state in states
    ][: call.data[ATTR_LIMIT]]
    described = [await async_describe(hass, target, job) for job in jobs]
    user_id = call.context.user_id
    if user_id is not None and (user := await hass.auth.async_get_user(user_id)) is not None:
        options = target.entry.options
        may_control = async_may(hass, user, target.entry, target.printer_key, POLICY_CONTROL)
        described = [
            visible(view, options, user, job, may_control=may_control)
            for view, job in zip(described, jobs, strict=True)
        ]
    response: JsonObjectType = {"jobs": list[JsonValueType](described)}
    if call.data[ATTR_INCLUDE_CLOUD]:
        tasks = await async_cloud_tasks(hass, target.entry, call.context)
        if not await async_may_read_box(hass, target.entry, call.context):
            # A task does not say which printer it is for.
            jobs = target.data.queue.jobs(target.printer_key)
            mine = {one.task_id for job in jobs for one in job.deliveries}
            tasks = [task for task in tasks if task["task_id"] in mine]
        response["cloud"] = list[JsonValueType](tasks)
    return response


async def _async_get_capabilities(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Return what a printer can do."""
    target = await _async_target(hass, call, POLICY_READ)
    return await async_describe_capabilities(target, call.context)


async def _async_search_models(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Search the printers that the service has drivers for."""
    entry: LiankeConfigEntry = service.async_get_config_entry(
        hass, DOMAIN, call.data[ATTR_CONFIG_ENTRY]
    )
    await async_check_box(hass, entry, call.context, POLICY_READ)
    models = await async_search_models(hass, entry, call.data.get(ATTR_QUERY, ""), call.context)
    return {"models": list[JsonValueType](models[:MAX_MODELS]), "total": len(models)}


ACTIONS: Final = (
    Action(SERVICE_PRINT, _async_print, PRINT_SCHEMA),
    Action(SERVICE_PREVIEW, _async_preview, PREVIEW_SCHEMA),
    Action(SERVICE_COUNT_PAGES, _async_count_pages, COUNT_SCHEMA, SupportsResponse.ONLY),
    Action(SERVICE_CANCEL_JOB, _async_cancel_job, CANCEL_SCHEMA),
    Action(SERVICE_CONTINUE_JOB, _async_continue_job, CONTINUE_SCHEMA),
    Action(SERVICE_REJECT_JOB, _async_reject_job, REJECT_SCHEMA),
    Action(SERVICE_MOVE_JOB, _async_move_job, MOVE_SCHEMA),
    Action(SERVICE_RETRY_JOB, _async_retry_job, RETRY_SCHEMA),
    Action(SERVICE_EXPORT_PAGES, _async_export_pages, EXPORT_SCHEMA, SupportsResponse.ONLY),
    Action(SERVICE_LIST_JOBS, _async_list_jobs, LIST_SCHEMA, SupportsResponse.ONLY),
    Action(
        SERVICE_GET_CAPABILITIES,
        _async_get_capabilities,
        CAPABILITIES_SCHEMA,
        SupportsResponse.ONLY,
    ),
    Action(SERVICE_SEARCH_MODELS, _async_search_models, MODELS_SCHEMA, SupportsResponse.ONLY),
)

ACTIONS_BY_NAME: Final = {action.name: action for action in ACTIONS}


async def async_run_action(
    hass: HomeAssistant, name: str, data: dict[str, Any], context: Context
) -> ServiceResponse:
    """Run an action by its name. Raises ServiceNotFound, and as `Action.call`."""
    if (action := ACTIONS_BY_NAME.get(name)) is None:
        raise ServiceNotFound(DOMAIN, name)
    return await action.call(hass, data, context)
