"""Tools for assistants (LLMs): print, scan, get the state of printers and jobs, continue, reject and cancel jobs.

Each tool calls one of the integration's own actions in the caller's context, so permissions, limits and errors are the
same as for any other call. A printer or scanner is offered only if its main entity is exposed to the assistant. A list,
calendar, camera or image is offered only if its entity is exposed.
"""

from collections.abc import Awaitable, Iterable, Sequence
from typing import Any, ClassVar, Final, NamedTuple, override
from urllib.parse import unquote

from homeassistant.components.calendar.const import DOMAIN as CALENDAR_DOMAIN
from homeassistant.components.llm import LLMTools
from homeassistant.components.todo.const import DOMAIN as TODO_DOMAIN
from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import Context, HomeAssistant, ServiceResponse, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.llm import (
    LLM_API_ASSIST,
    LLMContext,
    Tool,
    ToolAnnotations,
    ToolInput,
    ToolResult,
)
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType
import voluptuous as vol

from .api.options import DUPLEX
from .const import DOMAIN, ScanColor, ScanSource
from .devices import Target, async_target, async_target_of_job
from .documents.document import SourceKind
from .documents.media import KEPT_SCANS, URI_SCHEME
from .documents.page_documents import AGENDAS, SNAPSHOT_DOMAINS
from .documents.sources import entity_of
from .error_texts import translated, translating
from .input_error import InputError
from .jobs.job import FINAL_JOB_STATES, JobState, PersonReason
from .people.initiator import tool_context_id
from .people.release_code import MAX_CODE_LENGTH
from .printing.assistant_access import (
    IdsByName,
    exposed_devices,
    exposed_entities,
    exposed_printers,
    is_exposed,
    match_name,
)
from .printing.handlers import ACTIONS
from .printing.print_action import async_job_response
from .printing.schemas import MAX_FIELD_NAME, MAX_KEY, MAX_REJECT_MESSAGE
from .runtime import async_loaded_entries
from .scanner.actions import SCAN_ACTIONS, SERVICE_SCAN
from .scanner.hub import (
    async_get_hub,
    scanner_device,
    scanner_devices,
    scanner_status_entity,
)
from .scanner.scan_job import ID_CARD, ScanFormat
from .scanner.scan_view import async_describe_scan, visible_scans
from .scanner.scanner_abilities import ScannerAbilities

# Maximum number of jobs in an answer to an assistant; older jobs are left out.
MAX_JOBS_LISTED: Final = 20
# Fields of a job that an assistant may see.
_JOB_FIELDS: Final = (
    "job_id",
    "title",
    "printer",
    "state",
    "pages",
    "copies",
    "hold_reason",
    "needs_code",
    "created_at",
    "finished_at",
    "expires_at",
    "message",
    "partly_printed",
    "duplicate",
)

_TIMES: Final = ("created_at", "finished_at", "expires_at")
# Error placeholders that hold titles: `title` is the title of the job that the call names, `other` that of a job that
# blocks it.
_TITLES: Final = ("title", "other")
# Error placeholders that may quote the server from which a document is fetched.
_FETCHED: Final = ("name", "host", "error")
# Replaces a name that comes from a device of the home network or from a server, since anybody may have written it.
FOREIGN_TITLE: Final = "(named by a stranger)"


_ONLY_READS: Final = ToolAnnotations(
    read_only=True, destructive=False, idempotent=True, open_world=False
)
_MAY_CANCEL: Final = ToolAnnotations(destructive=True, idempotent=True, open_world=True)


class _ToolCall(NamedTuple):
    hass: HomeAssistant
    target: Target
    data: dict[str, Any]
    tool_input: ToolInput
    llm_context: LLMContext

    async def act(self, action: str, **data: Any) -> dict[str, Any]:
        context = self.llm_context.context or Context()
        asks = tool_context_id.set(context.id)
        try:
            response = await ACTIONS[action].call(
                self.hass, {ATTR_DEVICE_ID: self.target.device_id, **data}, context
            )
        except HomeAssistantError as err:
            shown = err.translation_placeholders or {}
            foreign = {
                job.spec.title for job in self.target.data.queue.jobs() if job.title_is_foreign
            }
            hidden = {name for name in _TITLES if shown.get(name) in foreign}
            if fetched := data.get(SourceKind.URL) or data.get(SourceKind.MEDIA):
                # Text that the assistant itself has passed need not be hidden from it.
                asked = unquote(fetched).casefold()
                hidden |= {one for one in _FETCHED if shown.get(one, "").casefold() not in asked}
            if not hidden:
                raise
            raise type(err)(
                translation_domain=err.translation_domain,
                translation_key=err.translation_key,
                translation_placeholders=shown | dict.fromkeys(hidden, FOREIGN_TITLE),
            ) from None
        finally:
            tool_context_id.reset(asks)
        assert isinstance(response, dict)
        return response

    def shown(self, job: dict[str, Any]) -> JsonObjectType:
        """Return the fields of a job that an assistant may see, with times in the local time zone."""
        known = self.target.data.queue.find(job["job_id"])
        if known is not None and known.title_is_foreign:
            message = job["message"] and job["message"].replace(known.spec.title, FOREIGN_TITLE)
            job = {**job, "title": FOREIGN_TITLE, "message": message}
        told = {name: job[name] for name in _JOB_FIELDS if job.get(name) not in (None, False)}
        for name in _TIMES:
            if (time := dt_util.parse_datetime(told.get(name, ""))) is not None:
                told[name] = dt_util.as_local(time).isoformat(timespec="seconds")
        return told

    async def jobs(self, **data: Any) -> list[dict[str, Any]]:
        return list((await self.act("list_jobs", limit=MAX_JOBS_LISTED, **data))["jobs"])


@callback
def _exposed_scanners(hass: HomeAssistant, llm_context: LLMContext) -> IdsByName:
    entities = (
        (entry, scanner_status_entity(hass, entry, scanner_id))
        for entry in async_loaded_entries(hass)
        for scanner_id in async_get_hub(hass, entry).scanners
    )
    return exposed_devices(hass, llm_context, entities)


def _is_scan_exposed(call: _ToolCall, address: str) -> bool:
    """Whether an assistant may print a media item: any item except a kept scan of a scanner not exposed to it."""
    kept = f"{URI_SCHEME}{DOMAIN}/{KEPT_SCANS}"
    if not address.lower().startswith(kept):
        return True
    exposed = _exposed_scanners(call.hass, call.llm_context).values()
    scan_id = address[len(kept) :].split("/")[1:2]
    for entry, job in visible_scans(call.hass, None):
        if [job.job_id] == scan_id:
            device = scanner_device(call.hass, entry, job.scanner_id)
            return device is not None and device.id in exposed
    return True


class _DeviceTool(Tool):
    integration = DOMAIN
    kind: ClassVar = "printer"

    def __init__(self, devices: IdsByName) -> None:
        """If there is only one device, a call may leave out the device's name."""
        self._devices = devices
        self._offered = {self.kind: devices}
        name = vol.Optional if len(set(devices.values())) == 1 else vol.Required
        device = name(self.kind, description=f"The name of the {self.kind}")
        self.parameters = vol.Schema({device: vol.In(list(devices)), **self._fields()})

    def _fields(self) -> dict[Any, Any]:
        return {}

    def _read(self, tool_input: ToolInput) -> tuple[str, dict[str, Any]]:
        """Split a call's arguments into the device id and all others. Raises vol.Invalid."""
        # A model may write a name with other capitals.
        data = self.parameters(
            {
                field: match_name(self._offered.get(field, {}), value)
                for field, value in tool_input.tool_args.items()
            }
        )
        return self._devices[data.pop(self.kind, None) or next(iter(self._devices))], data


class _PrinterTool(_DeviceTool):
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
            call = _ToolCall(hass, target, data, tool_input, llm_context)
            return ToolResult(data=await self._run(call))

    async def _run(self, call: _ToolCall) -> JsonObjectType:
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
    async def _run(self, call: _ToolCall) -> JsonObjectType:
        """Print, and return the job. If the same tool call is repeated, return the job that the first call created."""
        kind, value = self._source(call.data)
        entity_id = entity_of(kind, value)
        # First check that the entity exists, because Home Assistant stores every id whose exposure is checked.
        if entity_id is not None and not (
            call.hass.states.get(entity_id) and is_exposed(call.hass, call.llm_context, entity_id)
        ):
            raise InputError("entity_not_exposed", entity=entity_id)
        if kind is SourceKind.MEDIA and not _is_scan_exposed(call, value):
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
    annotations = _ONLY_READS

    @override
    async def _run(self, call: _ToolCall) -> JsonObjectType:
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
    annotations = _ONLY_READS

    @override
    async def _run(self, call: _ToolCall) -> JsonObjectType:
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
    async def _run(self, call: _ToolCall) -> JsonObjectType:
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
    async def _run(self, call: _ToolCall) -> JsonObjectType:
        data = {"job_id": call.data["job_id"]}
        if call.data["answer"] == "reject":
            data["message"] = call.data.get("message", "")[:MAX_REJECT_MESSAGE]
            return call.shown((await call.act("reject_job", **data))["job"])
        data["reason"] = call.data["hold_reason"]
        if code := call.data.get("code"):
            data["code"] = code[:MAX_CODE_LENGTH]
        return call.shown((await call.act("continue_job", **data))["job"])


async def _scan_result(
    hass: HomeAssistant,
    tool_input: ToolInput,
    llm_context: LLMContext,
    asked: Awaitable[ServiceResponse],
) -> ToolResult:
    """Return what an assistant may know of a scan, which `asked` describes, and of a copy's prints."""
    context = llm_context.context or Context()
    by_tool = tool_context_id.set(context.id)
    try:
        answer: dict[str, Any] = await asked or {}
        jobs: list[Any] = []
        for job_id in answer["print_jobs"]:
            target, job = async_target_of_job(hass, job_id)
            call = _ToolCall(hass, target, {}, tool_input, llm_context)
            jobs.append(call.shown(await async_job_response(hass, target, job, context)))
    finally:
        tool_context_id.reset(by_tool)
    told = {name: answer[name] for name in ("scan_id", "state", "scanner", "pages", "message")}
    told["media_content_ids"] = [file["media_content_id"] for file in answer["files"]]
    if jobs:
        # A copy is completed once its print waits or is under way, which is no paper yet.
        unfinished = (one["state"] for one in jobs if one["state"] != JobState.COMPLETED)
        told |= {"state": next(unfinished, JobState.COMPLETED.value), "print_jobs": jobs}
    return ToolResult(data=told)


def _offered(known: Sequence[Iterable[str] | None], every: Iterable[str]) -> list[str]:
    """Return the values that any scanner has, ordered as `every`, which is returned if a scanner's are unknown."""
    names = {str(name) for some in known if some is not None for name in some}
    return [str(name) for name in every if None in known or name in names] or sorted(names)


class ScanTool(_DeviceTool):
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
        """`abilities` are those of the scanners; with `printers`, one of them prints what is scanned."""
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
            if device_id not in _exposed_scanners(hass, llm_context).values():
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
    """A tool for a scan that the same person has asked an assistant for."""

    integration = DOMAIN
    name = f"{DOMAIN}__scan_status"
    title = "Get scan status"
    description = f"Get what has become of a scan or copy. The answer is as of {DOMAIN}__scan."
    annotations = _ONLY_READS
    parameters = vol.Schema({vol.Required("scan_id"): str})

    @override
    async def async_call(
        self, hass: HomeAssistant, tool_input: ToolInput, llm_context: LLMContext
    ) -> ToolResult:
        data, context = self.parameters(tool_input.tool_args), llm_context.context or Context()
        user = context.user_id and await hass.auth.async_get_user(context.user_id)
        exposed = _exposed_scanners(hass, llm_context).values()
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
    if scanners := _exposed_scanners(hass, llm_context):
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
