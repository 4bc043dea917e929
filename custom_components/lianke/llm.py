"""Tools for assistants (LLMs): print, scan, get the state of printers and jobs, continue, reject and cancel jobs.

Each tool calls one of the integration's own actions in the caller's context, so permissions, limits and errors are the
same as for any other call. A printer or scanner is offered only if its main entity is exposed to the assistant. A list,
calendar, camera or image is offered only if its entity is exposed.
"""

from typing import Any, ClassVar, Final, override

from homeassistant.components.calendar.const import DOMAIN as CALENDAR_DOMAIN
from homeassistant.components.llm import LLMTools
from homeassistant.components.todo.const import DOMAIN as TODO_DOMAIN
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.llm import (
    LLM_API_ASSIST,
    LLMContext,
    Tool,
    ToolAnnotations,
    ToolInput,
    ToolResult,
)
from homeassistant.util.json import JsonObjectType
import voluptuous as vol

from .const import DOMAIN
from .devices import async_target
from .documents.document import SourceKind
from .documents.media import URI_SCHEME
from .documents.page_documents import AGENDAS, SNAPSHOT_DOMAINS
from .documents.sources import entity_of
from .error_texts import translating
from .input_error import InputError
from .jobs.job import FINAL_JOB_STATES, JobState, PersonReason
from .people.release_code import MAX_CODE_LENGTH
from .printing.assistant_access import (
    IdsByName,
    exposed_entities,
    exposed_printers,
    is_exposed,
)
from .printing.schemas import MAX_FIELD_NAME, MAX_KEY, MAX_REJECT_MESSAGE
from .printing.tool_call import ONLY_READS, DeviceTool, ToolCall
from .runtime import async_loaded_entries
from .scanner.hub import (
    async_get_hub,
    scanner_devices,
)
from .scanner.scan_tools import (
    ContinueScanTool,
    CopyTool,
    ScanStatusTool,
    ScanTool,
    exposed_scanners,
    is_scan_exposed,
)

_MAY_CANCEL: Final = ToolAnnotations(destructive=True, idempotent=True, open_world=True)


class _PrinterTool(DeviceTool):
    @override
    async def async_call(
        self, hass: HomeAssistant, tool_input: ToolInput, llm_context: LLMContext
    ) -> ToolResult:
        device_id, data = self._read(tool_input)
        with translating():
            target = async_target(hass, device_id)
            # The printer may no longer be exposed, since a session with an assistant may last long.
            if device_id not in exposed_printers(hass, llm_context).values():
                raise InputError("printer_not_exposed")
            call = ToolCall(hass, target, data, tool_input, llm_context)
            return ToolResult(data=await self._run(call))

    async def _run(self, call: ToolCall) -> JsonObjectType:
        raise NotImplementedError


class _PrintTool(_PrinterTool):
    annotations = ToolAnnotations(destructive=False, open_world=True)

    @override
    def _fields(self) -> dict[Any, Any]:
        return {
            **self._source_fields(),
            vol.Optional("title", description="A short title for the page and the print job"): str,
            vol.Optional("copies", description="How many copies, 1 if not given"): vol.All(
                vol.Coerce(int), vol.Range(min=1, max=99)
            ),
        }

    def _source_fields(self) -> dict[Any, Any]:
        raise NotImplementedError

    def _source(self, data: dict[str, Any]) -> tuple[SourceKind, str]:
        raise NotImplementedError

    @override
    async def _run(self, call: ToolCall) -> JsonObjectType:
        """Print, and return the job. If the same tool call is repeated, return the job that the first call created."""
        kind, value = self._source(call.data)
        entity_id = entity_of(kind, value)
        # First check that the entity exists, because Home Assistant stores every id whose exposure is checked.
        if entity_id is not None and not (
            call.hass.states.get(entity_id) and is_exposed(call.hass, call.llm_context, entity_id)
        ):
            raise InputError("entity_not_exposed", entity=entity_id)
        if kind is SourceKind.MEDIA and not is_scan_exposed(call, value):
            raise InputError("scan_not_exposed")
        context_id = call.llm_context.context.id if call.llm_context.context else ""
        data = {
            kind.value: value,
            "request_id": f"{call.tool_input.tool_name} {context_id} {call.tool_input.id}"[
                :MAX_KEY
            ],
        }
        if title := call.data.get("title"):
            data["title"] = title[:MAX_FIELD_NAME]
        data |= {field: call.data[field] for field in ("copies", "agenda") if field in call.data}
        if not value.startswith("calendar."):
            # Models fill in every field that they are offered, but a to-do list has no days.
            data.pop("agenda", None)
        return call.shown((await call.act("print", **data))["jobs"][0])


class PrintTextTool(_PrintTool):
    name = f"{DOMAIN}__print_text"
    title = "Print text"
    description = (
        "Print a text on paper, as Markdown (headings, lists, tables). The answer's `state` says what "
        "has become of it: `held` means that it waits for the printer (`hold_reason`, `message`) and prints later "
        "by itself; only `completed` means that it is on paper. Do not print the same text again because it waits."
    )

    @override
    def _source_fields(self) -> dict[Any, Any]:
        return {vol.Required("text", description="What to print, as Markdown"): str}

    @override
    def _source(self, data: dict[str, Any]) -> tuple[SourceKind, str]:
        return SourceKind.MARKDOWN, data["text"]


class PrintDocumentTool(_PrintTool):
    # Marked as destructive, so that clients may ask the user first: Home Assistant fetches the address before anybody
    # approves the job, and by the address a model can tell a stranger's server what the model knows.
    annotations = ToolAnnotations(destructive=True, open_world=True)
    name = f"{DOMAIN}__print_document"
    title = "Print a web page, file or picture"
    description = (
        "Print what is at a web address, or a file or picture of Home Assistant's media: a PDF, a picture, an Office "
        "document or a web page. Only print an address that the user has given or a tool has returned. The answer is "
        f"as of {DOMAIN}__print_text."
    )

    @override
    def _source_fields(self) -> dict[Any, Any]:
        return {
            vol.Required(
                "address",
                description=f"An https address, or a media content ID ({URI_SCHEME}…), exactly as it was given",
            ): str
        }

    @override
    def _source(self, data: dict[str, Any]) -> tuple[SourceKind, str]:
        address = data["address"].strip()
        is_media = address.lower().startswith(URI_SCHEME)
        return SourceKind.MEDIA if is_media else SourceKind.URL, address


class _PrintEntityTool(_PrintTool):
    """A tool that prints what one of the exposed entities shows."""

    entity: ClassVar[str]

    def __init__(self, printers: IdsByName, entities: IdsByName) -> None:
        self._entities = entities
        super().__init__(printers)
        self._offered[self.entity] = entities

    @override
    def _source_fields(self) -> dict[Any, Any]:
        field = vol.Required(self.entity, description=f"The name of the {self.entity}")
        return {field: vol.In(list(self._entities))}

    @override
    def _source(self, data: dict[str, Any]) -> tuple[SourceKind, str]:
        return SourceKind.ENTITY, self._entities[data[self.entity]]


class PrintListTool(_PrintEntityTool):
    name = f"{DOMAIN}__print_list"
    title = "Print a list or calendar"
    description = (
        "Print a to-do list, such as the shopping list, or the days of a calendar on paper. The answer is as of "
        f"{DOMAIN}__print_text."
    )
    entity = "list"

    @override
    def _source_fields(self) -> dict[Any, Any]:
        return {
            vol.Optional(
                "agenda",
                description="The days of a calendar; week, which is the seven days from today on, if not given",
            ): vol.In(list(AGENDAS)),
            **super()._source_fields(),
        }


class PrintPictureTool(_PrintEntityTool):
    name = f"{DOMAIN}__print_picture"
    title = "Print a camera's picture"
    description = (
        f"Print what a camera or an image shows now. The answer is as of {DOMAIN}__print_text."
    )
    entity = "camera"


class PrinterStatusTool(_PrinterTool):
    name = f"{DOMAIN}__printer_status"
    title = "Get printer status"
    description = (
        "Get what a printer is doing, what it lacks (paper, ink), how many print jobs wait and why; a `status` of null "
        "means that nobody knows now. Use this for questions like 'Is the printer ready?' or 'Why does it not print?'."
    )
    annotations = ONLY_READS

    @override
    async def _run(self, call: ToolCall) -> JsonObjectType:
        view, queue, key = call.target.view, call.target.data.queue, call.target.printer_key
        jobs = await call.jobs(state=[state for state in JobState if state not in FINAL_JOB_STATES])
        status = view.status if call.target.data.coordinator.is_fresh else None
        return {
            "printer": view.name,
            "status": None if status is None else status.value,
            "jobs_waiting": queue.waiting(key),
            "hold_reason": queue.hold_reason(key),
            "ink": {marker.name: marker.level for marker in view.printer.markers},
            "open_jobs": [call.shown(job) for job in jobs],
        }


class ListJobsTool(_PrinterTool):
    name = f"{DOMAIN}__list_jobs"
    title = "List print jobs"
    description = (
        "List the newest print jobs of a printer with what became of them: `completed` is on paper, `held` waits, "
        "`unconfirmed` may be on paper or not, which nobody can know but by looking."
    )
    annotations = ONLY_READS

    @override
    async def _run(self, call: ToolCall) -> JsonObjectType:
        return {"jobs": [call.shown(job) for job in await call.jobs()]}


class CancelJobTool(_PrinterTool):
    name = f"{DOMAIN}__cancel_job"
    title = "Cancel a print job"
    description = (
        "Cancel a print job that is not finished. What is being printed already may still come out; the answer's "
        "`state` says so."
    )
    annotations = _MAY_CANCEL

    @override
    def _fields(self) -> dict[Any, Any]:
        return {vol.Required("job_id", description=f"As {DOMAIN}__list_jobs gives it"): str}

    @override
    async def _run(self, call: ToolCall) -> JsonObjectType:
        response = await call.act("cancel_job", job_id=call.data["job_id"])
        return call.shown(response["job"])


class AnswerJobTool(_PrinterTool):
    name = f"{DOMAIN}__answer_job"
    title = "Continue or reject a waiting print job"
    description = (
        "Answer for a job whose `hold_reason` is `release` (somebody must be there) or `turn_paper` (the paper must be "
        "turned over): continue or reject it. One whose `hold_reason` is `approval` can only be rejected; people "
        "approve it on a screen. Only answer when the user says so. A refusal says who may answer; a code is asked of "
        "the user, never guessed."
    )
    annotations = _MAY_CANCEL

    @override
    def _fields(self) -> dict[Any, Any]:
        return {
            vol.Required("job_id", description=f"As {DOMAIN}__list_jobs gives it"): str,
            vol.Required("answer"): vol.In(("continue", "reject")),
            vol.Required("hold_reason", description="What the job waits for"): vol.In(
                [reason.value for reason in PersonReason]
            ),
            vol.Optional("message", description="Why a job is rejected"): str,
            vol.Optional("code", description="The code, if the user has given one"): str,
        }

    @override
    async def _run(self, call: ToolCall) -> JsonObjectType:
        data = {"job_id": call.data["job_id"]}
        if call.data["answer"] == "reject":
            data["message"] = call.data.get("message", "")[:MAX_REJECT_MESSAGE]
            return call.shown((await call.act("reject_job", **data))["job"])
        data["reason"] = call.data["hold_reason"]
        if code := call.data.get("code"):
            data["code"] = code[:MAX_CODE_LENGTH]
        return call.shown((await call.act("continue_job", **data))["job"])


@callback
def async_get_tools(hass: HomeAssistant, llm_context: LLMContext, api_id: str) -> LLMTools | None:
    """Return the tools for the Assist API; None for other APIs, or if neither a printer nor a scanner is exposed."""
    if api_id != LLM_API_ASSIST:
        return None
    tools: list[Tool] = []
    if printers := exposed_printers(hass, llm_context):
        tools += [
            PrintTextTool(printers),
            PrintDocumentTool(printers),
            PrinterStatusTool(printers),
            ListJobsTool(printers),
            CancelJobTool(printers),
            AnswerJobTool(printers),
        ]
        if lists := exposed_entities(hass, llm_context, (TODO_DOMAIN, CALENDAR_DOMAIN)):
            tools.append(PrintListTool(printers, lists))
        if cameras := exposed_entities(hass, llm_context, sorted(SNAPSHOT_DOMAINS)):
            tools.append(PrintPictureTool(printers, cameras))
    if scanners := exposed_scanners(hass, llm_context):
        abilities = [
            async_get_hub(hass, entry).abilities(scanner_id)
            for entry in async_loaded_entries(hass)
            for scanner_id, device in scanner_devices(hass, entry)
            if device.id in scanners.values()
        ]
        tools += [ScanTool(scanners, abilities), ScanStatusTool(), ContinueScanTool()]
        if printers:
            tools.append(CopyTool(scanners, abilities, printers))
    return LLMTools(tools=tools) if tools else None
