"""Handlers and schemas of the actions, and who is told what they refuse.

Where an automation or a script of theirs is refused something, people's open cards are told: Home Assistant has
answered whoever pressed the button by then, and writes the refusal into its log alone.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
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
from homeassistant.exceptions import HomeAssistantError, ServiceNotFound
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.script import script_stack_cv
from homeassistant.helpers.target import TargetSelection
from homeassistant.util.json import JsonObjectType, JsonValueType
from homeassistant.util.signal_type import SignalType
import voluptuous as vol

from ..api.errors import LiankeError
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
from ..errors import InputError
from ..jobs.job import Asker, Job, Origin
from ..people.approval import async_answer
from ..people.beginning import async_find_beginning
from ..people.page_counts import async_export_pages
from ..people.rights import (
    async_as_seen,
    async_check_caller,
    async_check_job,
    async_check_printer,
    async_may_approve,
    visible,
)
from ..runtime import translated
from . import schemas
from .again import async_changes, async_move
from .builder import Mover, async_print_again
from .lookup import async_cloud_tasks, async_describe_capabilities, async_search_models
from .preview import async_count_pages, async_preview
from .print import async_describe, async_print


class Refusal(NamedTuple):
    """What an action of ours raised in what a user began, in the call with this context.

    `began_in` is the id of the context of what the user did, such as pressing a button.
    """

    user_id: str
    context_id: str
    error: HomeAssistantError
    began_in: str | None


SIGNAL_REFUSED: Final[SignalType[Refusal]] = SignalType(f"{DOMAIN}_refused")


@asynccontextmanager
async def telling_refusals(hass: HomeAssistant, context: Context) -> AsyncIterator[None]:
    """Raise errors of ours as Home Assistant shows them; where an automation or a script met one, tell the cards.

    The signal is sent for people alone; an assistant says by itself what becomes of a sentence.
    """
    try:
        yield
    except (InputError, LiankeError, HomeAssistantError) as err:
        shown = err if isinstance(err, HomeAssistantError) else translated(err)
        # What is asked for directly is answered to who asks.
        if script_stack_cv.get():
            who = await async_find_beginning(hass, context)
            if who.user_id is not None and who.origin is not Origin.ASSISTANT:
                refusal = Refusal(who.user_id, context.id, shown, who.first_context)
                async_dispatcher_send(hass, SIGNAL_REFUSED, refusal)
        if shown is err:
            raise
        raise shown from None


class Action(NamedTuple):
    """An action; its handler raises InputError and LiankeError besides errors that Home Assistant shows itself."""

    name: str
    handler: Callable[[HomeAssistant, ServiceCall], Awaitable[ServiceResponse]]
    schema: vol.Schema
    supports_response: SupportsResponse = SupportsResponse.OPTIONAL

    def check(self, data: Any) -> dict[str, Any]:
        """Return the fields of a call as the schema takes them; raises HomeAssistantError."""
        try:
            fields: dict[str, Any] = self.schema(data)
        except vol.Invalid as err:
            raise translated(schemas.refusal(err, data, self.schema)) from None
        return fields

    async def run(self, hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
        async with telling_refusals(hass, call.context):
            return await self.handler(hass, call)

    async def call(
        self, hass: HomeAssistant, data: dict[str, Any], context: Context
    ) -> ServiceResponse:
        """Run the handler as a call of the action would, and return its response.

        The call has the schema, the rights and the context of any other, but is no event: the recorder
        would keep codes and passwords in its database. Raises what the schema refuses, and what the action raises.
        """
        call = ServiceCall(hass, DOMAIN, self.name, self.check(data), context, return_response=True)
        return await self.run(hass, call)


async def _async_target_and_job(hass: HomeAssistant, call: ServiceCall) -> tuple[Target, Job]:
    """Return the job of a call and its printer, which the caller may control, and whoever set the call off.

    A target is not needed; where there is one, the job must be its printer's. Raises
    InputError: job_not_found, and as `async_resolve_target`.
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
    return {"job": await async_describe(hass, target, job, call.context)}


async def _async_answer_job(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Let a job go on that waits for a person, or cancel it, as the action's name says."""
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
    return {"job": await async_describe(hass, target, job, call.context)}


async def _async_move_job(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Move a job that waits, as it is or with other options; the caller needs control of both printers."""
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
        mover=Mover(
            asker=replace(Asker.of(call.context), user_id=who.user_id),
            who=who,
            approves=who.independent
            or await async_may_approve(hass, target.entry.options, who.user_id),
        ),
    )
    return {"job": await async_describe(hass, other, moved, call.context)}


async def _async_retry_job(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Print the kept document of a job again, here or elsewhere, as before or with other options."""
    target, job = await _async_target_and_job(hass, call)
    if await async_as_seen(hass, target.entry.options, job, call.context) is not job:
        raise InputError("rejected_for_others", title=job.spec.title)
    chosen, without = options_in(call.data), call.data.get("without", ())
    to_device_id = call.data.get("to_device_id")
    other, changes = target, None
    if to_device_id is not None:
        other = async_target(hass, to_device_id)
        await async_check_printer(hass, other, call.context)
        if other.printer_key != target.printer_key or other.entry is not target.entry:
            # There, nobody would be asked because of who may not use this one.
            await async_check_job(hass, target, job, call.context)
    there, here = (other.entry, other.printer_key), (target.entry, job.spec.printer_key)
    if there != here:
        changes = await async_changes(other, job, chosen, target, without=without)
    elif chosen or without:
        changes = await async_changes(other, job, chosen, without=without)
    again = await async_print_again(
        target.data.queue,
        job,
        call.context,
        changes=changes,
        from_sheet=call.data.get("from_sheet"),
        backs_only=call.data.get("backs_only"),
        to=other.data.queue,
    )
    return {"job": await async_describe(hass, other, again, call.context)}


async def _async_list_jobs(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """List the jobs of a printer, and on request the day's tasks of its box."""
    target = async_resolve_target(hass, call.data)
    who = await async_check_printer(hass, target, call.context, POLICY_READ)
    states = call.data.get("state")
    await target.data.queue.async_read_rest()
    jobs = [
        job
        for job in target.data.queue.jobs(target.printer_key)
        if states is None or job.state in states
    ][: call.data["limit"]]
    described = [await async_describe(hass, target, job, call.context) for job in jobs]
    # By its own trigger, an automation sees all, as an administrator wanted it.
    user_id = call.context.user_id or (None if who.independent else who.user_id)
    user = None if user_id is None else await hass.auth.async_get_user(user_id)
    if user is not None:
        options = target.entry.options
        may_control = async_may(hass, user, target.entry, target.printer_key, POLICY_CONTROL)
        described = [
            visible(view, options, user, job, may_control=may_control)
            for view, job in zip(described, jobs, strict=True)
        ]
    response: JsonObjectType = {"jobs": list[JsonValueType](described)}
    if call.data["include_cloud"]:
        tasks = await async_cloud_tasks(hass, target.entry, call.context)
        keys = target.data.storage.printers
        if user and not all(async_may(hass, user, target.entry, key, POLICY_READ) for key in keys):
            # A task does not say which printer it is for.
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
    """Delete what is kept of removed boxes. Raises Unauthorized for a user who is no administrator."""
    await async_check_caller(hass, call.context, None, POLICY_READ)
    try:
        return {"boxes": await async_delete_all_kept(hass)}
    except OSError:
        raise InputError("kept_box_refused") from None


ACTIONS: Final = (
    Action("print", async_print, schemas.PRINT_SCHEMA),
    Action("preview", async_preview, schemas.PREVIEW_SCHEMA),
    Action("count_pages", async_count_pages, schemas.COUNT_SCHEMA, SupportsResponse.ONLY),
    Action("cancel_job", _async_cancel_job, schemas.CANCEL_SCHEMA),
    Action("continue_job", _async_answer_job, schemas.CONTINUE_SCHEMA),
    Action("reject_job", _async_answer_job, schemas.REJECT_SCHEMA),
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

ACTIONS_BY_NAME: Final = {action.name: action for action in ACTIONS}


async def async_run_action(
    hass: HomeAssistant, name: str, data: dict[str, Any], context: Context
) -> ServiceResponse:
    """Run an action by its name. Raises ServiceNotFound, and as `Action.call`."""
    if (action := ACTIONS_BY_NAME.get(name)) is None:
        raise ServiceNotFound(DOMAIN, name)
    return await action.call(hass, data, context)
