"""Tools for assistants (LLMs): scan, copy, continue a scan, get the state of a scan."""

from collections.abc import Awaitable, Iterable, Sequence
from typing import Any, ClassVar, override

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import Context, HomeAssistant, ServiceResponse, callback
from homeassistant.helpers.llm import LLMContext, Tool, ToolAnnotations, ToolInput, ToolResult
import voluptuous as vol

from ..api.options import DUPLEX
from ..const import DOMAIN, ScanColor, ScanSource
from ..devices import async_target_of_job
from ..documents.media import KEPT_SCANS, URI_SCHEME
from ..error_texts import async_error_text, translated, translating
from ..input_error import InputError
from ..jobs.job import JobState
from ..people.initiator import tool_context_id
from ..printing.assistant_access import IdsByName, exposed_devices, exposed_printers
from ..printing.print_action import async_job_response
from ..printing.tool_call import ONLY_READS, DeviceTool, ToolCall
from ..runtime import async_loaded_entries
from .actions import SCAN_ACTIONS, SERVICE_SCAN
from .hub import async_get_hub, scanner_device, scanner_status_entity
from .scan_job import ID_CARD, ScanFormat, ScanState
from .scan_view import async_describe_scan, visible_scans
from .scanner_abilities import ScannerAbilities


@callback
def exposed_scanners(hass: HomeAssistant, llm_context: LLMContext) -> IdsByName:
    entities = (
        (entry, scanner_status_entity(hass, entry, scanner_id))
        for entry in async_loaded_entries(hass)
        for scanner_id in async_get_hub(hass, entry).scanners
    )
    return exposed_devices(hass, llm_context, entities)


def is_scan_exposed(call: ToolCall, address: str) -> bool:
    """Whether an assistant may print a media item. Only kept scans of scanners that are not exposed are refused."""
    kept = f"{URI_SCHEME}{DOMAIN}/{KEPT_SCANS}"
    if not address.lower().startswith(kept):
        return True
    exposed = exposed_scanners(call.hass, call.llm_context).values()
    scan_id = address[len(kept) :].split("/")[1:2]
    for entry, job in visible_scans(call.hass, None):
        if [job.job_id] == scan_id:
            device = scanner_device(call.hass, entry, job.scanner_id)
            return device is not None and device.id in exposed
    return True


async def _scan_result(
    hass: HomeAssistant,
    tool_input: ToolInput,
    llm_context: LLMContext,
    asked: Awaitable[ServiceResponse],
) -> ToolResult:
    """Return what an assistant may know about the scan that `asked` returns, and about a copy's print jobs."""
    context = llm_context.context or Context()
    by_tool = tool_context_id.set(context.id)
    try:
        answer: dict[str, Any] = await asked or {}
        jobs: list[Any] = []
        for job_id in answer["print_jobs"]:
            try:
                target, job = async_target_of_job(hass, job_id)
            except InputError as err:
                # The job's record has been deleted, or the printer's box is unloaded.
                message = await async_error_text(hass, err.reason, err.placeholders)
                state = JobState.UNCONFIRMED.value
                jobs.append({"job_id": job_id, "state": state, "message": message})
                continue
            call = ToolCall(hass, target, {}, tool_input, llm_context)
            jobs.append(call.shown(await async_job_response(hass, target, job, context)))
    finally:
        tool_context_id.reset(by_tool)
    told = {name: answer[name] for name in ("scan_id", "state", "scanner", "pages", "message")}
    told["media_content_ids"] = [file["media_content_id"] for file in answer["files"]]
    if jobs:
        told["print_jobs"] = jobs
    if jobs and answer["state"] == ScanState.COMPLETED:
        # A copy is completed once it is queued for printing. Nothing may be on paper yet, so report the print's state.
        unfinished = (one["state"] for one in jobs if one["state"] != JobState.COMPLETED)
        told["state"] = next(unfinished, JobState.COMPLETED.value)
    return ToolResult(data=told)


def _offered(known: Sequence[Iterable[str] | None], every: Iterable[str]) -> list[str]:
    """Return the values that some scanner has, in the order of `every`; all of `every` if a scanner's are unknown."""
    names = {str(name) for some in known if some is not None for name in some}
    return [str(name) for name in every if None in known or name in names] or sorted(names)


class ScanTool(DeviceTool):
    name = f"{DOMAIN}__scan"
    title = "Scan"
    description = (
        "Scan the page on the glass, or the pages in the feeder, to a kept PDF or pictures. Only scan when the user "
        "asks for it and says that the paper is there. The answer's `state`: `completed` is kept, with "
        f"`media_content_ids`; `scanning` is still under way: see {DOMAIN}__scan_status; `waiting` waits for the next "
        f"page: ask the user, then call {DOMAIN}__continue_scan. A `failed` scan may have been made all the same: say "
        "what `message` says."
    )
    annotations = ToolAnnotations(destructive=False, idempotent=False, open_world=True)
    kind = "scanner"
    action: ClassVar = SERVICE_SCAN

    def __init__(
        self,
        scanners: IdsByName,
        abilities: Sequence[ScannerAbilities],
        printers: IdsByName | None = None,
    ) -> None:
        """`abilities` are those of the scanners. With `printers`, the tool has a field for the printer of a copy."""
        self._abilities, self._printers = abilities, printers or {}
        super().__init__(scanners)
        self._offered["printer"] = self._printers

    @override
    def _fields(self) -> dict[Any, Any]:
        sources = _offered([one.sources for one in self._abilities], ScanSource)
        colors = _offered([one.colors for one in self._abilities], ScanColor)
        sizes = _offered([one.sizes for one in self._abilities], ())
        fields: dict[Any, Any] = {
            vol.Optional("source", default=sources[0]): vol.In(sources),
            vol.Optional("color", default=colors[0]): vol.In(colors),
            vol.Optional("size", description="All there is if not given"): vol.In(sizes)
            if sizes
            else str,
            vol.Optional("several_pages", description="Wait for the next page after each"): bool,
            vol.Optional("straighten", description="Straighten pages that lie askew"): bool,
        }
        if any(one.duplex is not False for one in self._abilities):
            fields[vol.Optional("scan_duplex", description="Both sides, in the feeder")] = bool
        if not self._printers:
            kinds = vol.In([str(kind) for kind in ScanFormat])
            return fields | {vol.Optional("format"): kinds, vol.Optional("filename"): str}
        printer = vol.Optional if len(set(self._printers.values())) == 1 else vol.Required
        return fields | {
            printer("printer", description="The name of the printer"): vol.In([*self._printers]),
            vol.Optional("copies", description="How many copies, 1 if not given"): vol.Coerce(int),
            vol.Optional("paper", description="The name of the paper, such as A4"): str,
            vol.Optional("duplex", description="Print on both sides"): vol.In([*DUPLEX]),
            vol.Optional("sheet", description="Both sides of a card on one page"): vol.In(
                [ID_CARD]
            ),
        }

    @override
    async def async_call(
        self, hass: HomeAssistant, tool_input: ToolInput, llm_context: LLMContext
    ) -> ToolResult:
        device_id, data = self._read(tool_input)
        with translating():
            if device_id not in exposed_scanners(hass, llm_context).values():
                raise InputError("scanner_not_exposed")
            if self._printers:
                data["printer"] = self._printers[data.get("printer") or next(iter(self._printers))]
                if data["printer"] not in exposed_printers(hass, llm_context).values():
                    raise InputError("printer_not_exposed")
        asked = SCAN_ACTIONS[self.action].call(
            hass, {ATTR_DEVICE_ID: device_id, **data}, llm_context.context or Context()
        )
        return await _scan_result(hass, tool_input, llm_context, asked)


class CopyTool(ScanTool):
    name = f"{DOMAIN}__copy"
    title = "Copy"
    description = (
        'Scan and print in one go, as for "copy this" or "scan this and print it twice". Only copy when the user asks '
        "for it and says that the paper is there. The answer's `state` says what has become of it, as of "
        f"{DOMAIN}__scan and, with `print_jobs`, of {DOMAIN}__print_text: only `completed` means that it is on paper."
    )
    action = "copy"


class ScanStatusTool(Tool):
    """A tool for scans that the same person requested through an assistant."""

    integration = DOMAIN
    name = f"{DOMAIN}__scan_status"
    title = "Get scan status"
    description = f"Get what has become of a scan or copy. The answer is as of {DOMAIN}__scan."
    annotations = ONLY_READS
    parameters = vol.Schema({vol.Required("scan_id"): str})

    @override
    async def async_call(
        self, hass: HomeAssistant, tool_input: ToolInput, llm_context: LLMContext
    ) -> ToolResult:
        data, context = self.parameters(tool_input.tool_args), llm_context.context or Context()
        user = context.user_id and await hass.auth.async_get_user(context.user_id)
        exposed = exposed_scanners(hass, llm_context).values()
        for entry, job in visible_scans(hass, user or None):
            device = scanner_device(hass, entry, job.scanner_id)
            is_own = job.by_tool and job.asker.user_id == context.user_id
            if job.job_id == data["scan_id"] and is_own and device and device.id in exposed:
                asked: Awaitable[ServiceResponse] = (
                    SCAN_ACTIONS["continue_scan"].call(hass, data, context)
                    if "answer" in data
                    else async_describe_scan(hass, entry, job)
                )
                return await _scan_result(hass, tool_input, llm_context, asked)
        raise translated(InputError("scan_gone"))


class ContinueScanTool(ScanStatusTool):
    name = f"{DOMAIN}__continue_scan"
    title = "Continue a scan"
    description = (
        "Answer a scan that waits: scan the `next` page, the last one `again`, `finish`, or `discard` all of it. Only "
        f"answer when the user says so. The answer is as of {DOMAIN}__scan."
    )
    annotations = ToolAnnotations(destructive=True, idempotent=False, open_world=True)
    parameters = ScanStatusTool.parameters.extend(
        {vol.Required("answer"): vol.In(("next", "again", "finish", "discard"))}
    )
