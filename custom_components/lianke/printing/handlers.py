"""All actions, each with its handler and schema, and the handlers that need no module of their own."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final, NamedTuple

from homeassistant.auth.permissions.const import POLICY_CONTROL, POLICY_READ
from homeassistant.core import (
    Context,
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
)
from homeassistant.helpers.target import TargetSelection
from homeassistant.util.json import JsonObjectType, JsonValueType
import voluptuous as vol

from ..api.options import options_in
from ..box.storage import async_delete_all_kept
from ..const import DOMAIN
from ..devices import (
    Target,
    async_may,
    async_resolve_target,
    async_target,
    async_target_of_job,
)
from ..error_texts import translated
from ..input_error import InputError
from ..jobs.job import Asker, Job
from ..people.approval_and_page_limit import async_answer
from ..people.page_export import async_export_pages
from ..people.rights import (
    async_check_caller,
    async_check_job,
    async_check_printer,
    async_hide_rejection,
    async_may_approve,
    hide_from_others,
    is_of_asker,
)
from . import schemas
from .builder import MoveRequester, async_print_again
from .preview import async_count_pages, async_preview
from .print_action import async_job_response, async_print
from .queries import async_cloud_tasks, async_describe_capabilities, async_search_models
from .refusals import reporting_refusals
from .reprint import async_check_changes, async_move


class Action(NamedTuple):
    """An action; its handler raises InputError, LiankeError, and errors that Home Assistant itself can show."""

    name: str
    handler: Callable[[HomeAssistant, ServiceCall], Awaitable[ServiceResponse]]
    schema: vol.Schema
    supports_response: SupportsResponse = SupportsResponse.OPTIONAL

    def check(self, data: Any) -> dict[str, Any]:
        """Check the fields of a call against the schema. Raises HomeAssistantError."""
        try:
            fields: dict[str, Any] = self.schema(data)
        except vol.Invalid as err:
            raise translated(schemas.schema_error(err, data, self.schema)) from None
        return fields

    async def run(self, hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
        async with reporting_refusals(hass, call.context):
            return await self.handler(hass, call)

    async def call(
        self, hass: HomeAssistant, data: dict[str, Any], context: Context
    ) -> ServiceResponse:
        """Run the handler as a call of the action would, and return the response.

        Schema, rights and context apply as in any call, but no event is fired, because the recorder would store the
        codes and passwords in the event. Raises the errors of the schema and of the action.
        """
        call = ServiceCall(hass, DOMAIN, self.name, self.check(data), context, return_response=True)
        return await self.run(hass, call)


async def _async_target_and_job(hass: HomeAssistant, call: ServiceCall) -> tuple[Target, Job]:
    """Return a call's job and the job's printer.

    Both the caller and the person behind the call must have the right to control the printer. If the call names a
    target, the job must belong to the target's printer. Raises Unauthorized; InputError: job_not_found, and the errors
    of `async_resolve_target`.
    """
    job_id = call.data["job_id"]
    if not TargetSelection(call.data).has_any_target:
        target, job = async_target_of_job(hass, job_id)
        await async_check_printer(hass, target, call.context)
        return target, job
    target = async_resolve_target(hass, call.data)
    await async_check_printer(hass, target, call.context)
    job = target.data.queue.get(job_id)
    if job.spec.printer_key != target.printer_key:
        raise InputError("job_not_found", job_id=job.job_id)
    return target, job


async def _async_cancel_job(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    target, job = await _async_target_and_job(hass, call)
    await async_check_job(hass, target, job, call.context)
    job = await target.data.queue.async_cancel(job.job_id)
    return {"job": await async_job_response(hass, target, job, call.context)}


async def _async_answer_job(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Continue or reject a job that waits for a person, as the action's name says."""
    target, job = await _async_target_and_job(hass, call)
    job = await async_answer(
        hass,
        target,
        job,
        call.context,
        approve=call.service == "continue_job",
        reason=call.data.get("reason"),
        message=call.data.get("message", ""),
        code=call.data.get("code"),
    )
    return {"job": await async_job_response(hass, target, job, call.context)}


async def _async_move_job(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Move a waiting job; the caller must have the right to control both printers."""
    target, job = await _async_target_and_job(hass, call)
    other = async_target(hass, call.data["to_device_id"])
    for one in (target, other):
        who = await async_check_job(hass, one, job, call.context)
    moved = await async_move(
        target,
        job,
        other,
        options_in(call.data),
        without=call.data.get("without", ()),
        mover=MoveRequester(
            asker=replace(Asker.of(call.context), user_id=who.user_id),
            who=who,
            approves=who.independent
            or await async_may_approve(hass, target.entry.options, who.user_id),
        ),
    )
    return {"job": await async_job_response(hass, other, moved, call.context)}


async def _async_retry_job(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    target, job = await _async_target_and_job(hass, call)
    if await async_hide_rejection(hass, target.entry.options, job, call.context) is not job:
        raise InputError("rejected_for_others", title=job.spec.title)
    chosen, without = options_in(call.data), call.data.get("without", ())
    other, source, changes = target, None, None
    if "to_device_id" in call.data:
        other = async_target(hass, call.data["to_device_id"])
        await async_check_printer(hass, other, call.context)
        if (other.entry, other.printer_key) != (target.entry, target.printer_key):
            # The checks for the other printer do not cover the rights on the job's own printer, so check those here.
            await async_check_job(hass, target, job, call.context)
            source = target
    if source or chosen or without:
        changes = await async_check_changes(other, job, chosen, source, without=without)
    again = await async_print_again(
        target.data.queue,
        job,
        call.context,
        changes=changes,
        from_sheet=call.data.get("from_sheet"),
        backs_only=call.data.get("backs_only"),
        request_id=call.data.get("request_id"),
        to=other.data.queue,
    )
    return {"job": await async_job_response(hass, other, again, call.context)}


async def _async_list_jobs(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    target = async_resolve_target(hass, call.data)
    who = await async_check_printer(hass, target, call.context, POLICY_READ)
    states = call.data.get("state")
    await target.data.queue.async_read_unread()
    jobs = [
        job
        for job in target.data.queue.jobs(target.printer_key)
        if (states is None or job.state in states)
        and (not call.data["mine"] or is_of_asker(job, who))
    ][: call.data["limit"]]
    described = [await async_job_response(hass, target, job, call.context) for job in jobs]
    # An automation that is run by its own trigger sees everything, as the administrator who wrote it wants.
    user_id = call.context.user_id or (None if who.independent else who.user_id)
    user = None if user_id is None else await hass.auth.async_get_user(user_id)
    if user is not None:
        options = target.entry.options
        may_control = async_may(hass, user, target.entry, target.printer_key, POLICY_CONTROL)
        described = [
            hide_from_others(view, options, user, job, may_control=may_control)
            for view, job in zip(described, jobs, strict=True)
        ]
    response: JsonObjectType = {"jobs": list[JsonValueType](described)}
    if call.data["include_cloud"]:
        tasks = await async_cloud_tasks(hass, target.entry, call.context)
        keys = target.data.storage.printers
        if user and not all(async_may(hass, user, target.entry, key, POLICY_READ) for key in keys):
            # A task in the cloud does not name its printer, so keep only the tasks of this printer's jobs.
            jobs = target.data.queue.jobs(target.printer_key)
            mine = {one.task_id for job in jobs for one in job.deliveries}
            tasks = [task for task in tasks if task["task_id"] in mine]
        response["cloud"] = list[JsonValueType](tasks)
    return response


async def _async_get_capabilities(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    target = async_resolve_target(hass, call.data)
    await async_check_printer(hass, target, call.context, POLICY_READ)
    return await async_describe_capabilities(target, call.context)


async def _async_forget_removed_boxes(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Delete the data kept for removed boxes. Raises Unauthorized for a user who is not an administrator."""
    await async_check_caller(hass, call.context, None, POLICY_READ)
    try:
        return {"boxes": await async_delete_all_kept(hass)}
    except OSError:
        raise InputError("kept_box_refused") from None


ACTIONS: Final = {
    action.name: action
    for action in (
        Action("print", async_print, schemas.PRINT_SCHEMA),
        Action("preview", async_preview, schemas.PREVIEW_SCHEMA),
        Action("count_pages", async_count_pages, schemas.COUNT_SCHEMA, SupportsResponse.ONLY),
        Action("cancel_job", _async_cancel_job, schemas.CANCEL_JOB_SCHEMA),
        Action("continue_job", _async_answer_job, schemas.CONTINUE_JOB_SCHEMA),
        Action("reject_job", _async_answer_job, schemas.REJECT_JOB_SCHEMA),
        Action("move_job", _async_move_job, schemas.MOVE_SCHEMA),
        Action("retry_job", _async_retry_job, schemas.RETRY_SCHEMA),
        Action("export_pages", async_export_pages, schemas.EXPORT_SCHEMA, SupportsResponse.ONLY),
        Action("forget_removed_boxes", _async_forget_removed_boxes, vol.Schema({})),
        Action("list_jobs", _async_list_jobs, schemas.LIST_SCHEMA, SupportsResponse.ONLY),
        Action(
            "get_capabilities",
            _async_get_capabilities,
            schemas.CAPABILITIES_SCHEMA,
            SupportsResponse.ONLY,
        ),
        Action("search_models", async_search_models, schemas.MODELS_SCHEMA, SupportsResponse.ONLY),
    )
}
