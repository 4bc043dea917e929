"""Tools for assistants (LLMs): print, scan, get the state of printers and jobs, continue, reject and cancel jobs.

Each tool calls one of the integration's own actions in the caller's context, so permissions, limits and errors are the
same as for any other call. A printer or scanner is offered only if its main entity is exposed to the assistant. A list,
calendar, camera or image is offered only if its entity is exposed.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final, override

from homeassistant.components.calendar.const import DOMAIN as CALENDAR_DOMAIN
from homeassistant.components.llm import LLMTools
from homeassistant.components.todo.const import DOMAIN as TODO_DOMAIN
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, Unauthorized
from homeassistant.helpers.llm import (
    LLM_API_ASSIST,
    LLMContext,
    Tool,
    ToolAnnotations,
    ToolInput,
    ToolResult,
)
from homeassistant.util.json import JsonObjectType, JsonValueType
import voluptuous as vol

from .api.options import COLORS, DUPLEX, MANUAL_DUPLEX, ORIENTATIONS, QUALITIES, options_in
from .const import DOMAIN
from .devices import async_target
from .documents.document import SourceKind
from .documents.media import URI_SCHEME
from .documents.page_documents import AGENDAS, SNAPSHOT_DOMAINS
from .documents.sheets import SHEETS
from .documents.sources import entity_of
from .error_texts import translating
from .input_error import InputError
from .jobs.job import FINAL_JOB_STATES, JobState, PersonReason
from .people.release_code import MAX_CODE_LENGTH
from .printing.assistant_access import IdsByName, exposed_entities, exposed_printers, is_exposed
from .printing.queries import knows_options
from .printing.schemas import MAX_FIELD_NAME, MAX_REJECT_MESSAGE
from .printing.tool_call import ONLY_READS, DeviceTool, ToolCall
from .runtime import async_loaded_entries
from .scanner.hub import async_get_hub, scanner_devices
from .scanner.scan_tools import (
    ContinueScanTool,
    CopyTool,
    ScanStatusTool,
    ScanTool,
    exposed_scanners,
    is_scan_exposed,
)

# Id of Home Assistant's second API, which exists since 2026.11.
LLM_API_HOME_ASSISTANT: Final = "homeassistant"
_MAY_CANCEL: Final = ToolAnnotations(destructive=True, idempotent=True, open_world=True)


class _PrinterTool(DeviceTool):
    # Whether the tool may be called for printers that are not exposed.
    _for_all = False

    @override
    async def async_call(
        self, hass: HomeAssistant, tool_input: ToolInput, llm_context: LLMContext
    ) -> ToolResult:
        device_id, data = self._read(tool_input)
        with translating():
            target = async_target(hass, device_id)
            # The printer may no longer be exposed, since a session with an assistant may last long.
            context = None if self._for_all else llm_context
            if device_id not in exposed_printers(hass, context).values():
                raise InputError("printer_not_exposed")
            call = ToolCall(hass, target, data, tool_input, llm_context)
            return ToolResult(data=await self._run(call))

    async def _run(self, call: ToolCall) -> JsonObjectType:
        raise NotImplementedError


# Options of any print. A value that the printer does not support is refused with a list of those that it supports.
_OPTION_FIELDS: Final[Mapping[vol.Optional, Any]] = {
    vol.Optional("copies", description="How many copies, 1 if not given"): vol.Coerce(int),
    vol.Optional(
        "duplex",
        description="Print on both sides: `long_edge` like a book, `short_edge` like a calendar; with `manual_…` "
        "somebody turns the paper over. Set this and what follows only if the user asks for it",
    ): vol.In([*DUPLEX, *MANUAL_DUPLEX]),
    vol.Optional("color", description="`mono` is black and white"): vol.In([*COLORS]),
    vol.Optional("paper", description="The name of the paper, such as A4"): str,
    vol.Optional("pages", description="Which pages, such as 2-3,5 or `odd`"): str,
    vol.Optional("orientation"): vol.In([*ORIENTATIONS]),
    vol.Optional("quality"): vol.In([*QUALITIES]),
    vol.Optional("tray", description="The name of the tray"): str,
    vol.Optional("media_type", description="The name of the kind of paper"): str,
}


def _options(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in map(str, _OPTION_FIELDS) if name in data}


class _PrintTool(_PrinterTool):
    annotations = ToolAnnotations(destructive=False, open_world=True)

    @override
    def _fields(self) -> dict[Any, Any]:
        return {
            **self._source_fields(),
            vol.Optional("title", description="A short title for the page and the print job"): str,
            vol.Optional("sheet", description="Several pages on a sheet, a booklet, …"): vol.In(
                list(SHEETS)
            ),
            **_OPTION_FIELDS,
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
        data = {**_options(call.data), kind.value: value, "request_id": call.request_id}
        if title := call.data.get("title"):
            data["title"] = title[:MAX_FIELD_NAME]
        data |= {field: call.data[field] for field in ("sheet", "agenda") if field in call.data}
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
    # approves the job, and a model can put what it knows into the address, and so tell it to a stranger's server.
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


class PrintAgainTool(_PrinterTool):
    annotations = _PrintTool.annotations
    name = f"{DOMAIN}__print_again"
    title = "Print again"
    description = (
        'Print a job again, as for "print that again"; without `job_id`, the newest job of the person who talks. '
        "Options that are not given stay as they were. Not for a job that waits or is under way: it prints by itself. "
        f"The answer is as of {DOMAIN}__print_text."
    )

    @override
    def _fields(self) -> dict[Any, Any]:
        job = vol.Optional("job_id", description=f"As {DOMAIN}__list_jobs gives it")
        return {job: str, **_OPTION_FIELDS}

    @override
    async def _run(self, call: ToolCall) -> JsonObjectType:
        job_id = call.data.get("job_id")
        if job_id is None:
            if not (own := await call.jobs(mine=True)):
                raise InputError("again_nothing", printer=call.target.view.name)
            if own[0]["finished_at"] is None:
                title, state = str(call.shown(own[0])["title"]), await call.in_words(own[0])
                raise InputError("again_unfinished", title=title, state=state.rstrip(".。"))
            job_id = own[0]["job_id"]
        data = {"job_id": job_id, "request_id": call.request_id, **_options(call.data)}
        return call.shown((await call.act("retry_job", **data))["job"])


class _ReadingTool(_PrinterTool):
    annotations = ONLY_READS

    def __init__(self, printers: IdsByName, *, for_all: bool = False) -> None:
        super().__init__(printers)
        self._for_all = for_all

    @override
    def __eq__(self, other: object) -> bool:
        """Compare by name and printers: if several APIs have equal tools, Home Assistant offers only one of them."""
        if isinstance(other, _ReadingTool):
            return (self.name, self._devices) == (other.name, other._devices)
        return NotImplemented

    @override
    def __hash__(self) -> int:
        return hash(self.name)


class WhichPrinterTool(_ReadingTool):
    name = f"{DOMAIN}__which_printer"
    title = "Find out what printers can do"
    description = (
        "Get which printers can print in color, on both sides, on a paper such as A3: `can` is null if the printer "
        "does not say. Without arguments, get all that each can do."
    )

    def __init__(self, printers: IdsByName, *, for_all: bool = False) -> None:
        super().__init__(printers, for_all=for_all)
        names = {"copies", "duplex", "color", "paper"}
        self.parameters = vol.Schema(
            {key: value for key, value in _OPTION_FIELDS.items() if str(key) in names}
        )

    @override
    async def async_call(
        self, hass: HomeAssistant, tool_input: ToolInput, llm_context: LLMContext
    ) -> ToolResult:
        given = {name: one for name, one in tool_input.tool_args.items() if one not in (None, "")}
        wanted = options_in(self.parameters(given))
        printers = exposed_printers(hass, None if self._for_all else llm_context)
        names = {device_id: name for name, device_id in reversed(printers.items())}
        found: list[JsonValueType] = []
        for device_id, name in reversed(names.items()):
            told: JsonObjectType = {"printer": name}
            try:
                with translating():
                    target = async_target(hass, device_id)
                    able = await ToolCall(hass, target, {}, tool_input, llm_context).act(
                        "get_capabilities"
                    )
                    told |= {field: able[field] for field in ("color", "duplex", "max_copies")}
                    if wanted:
                        told["can"] = knows_options(target, wanted) or None
                    else:
                        told["papers"] = [one["name"] for one in able["papers"] or ()]
            except Unauthorized:
                continue
            except HomeAssistantError as err:
                # The driver does not support what is wanted, or nothing is known of the driver.
                told |= {"can": False if "color" in told else None, "why": str(err)}
            found.append(told)
        return ToolResult(data={"printers": found})


class PrinterStatusTool(_ReadingTool):
    name = f"{DOMAIN}__printer_status"
    title = "Get printer status"
    description = (
        "Get what a printer is doing, what it lacks (paper, ink), how many print jobs wait and why; a `status` of null "
        "means that nobody knows now: `in_words` says what was last heard, and when. `own_newest_job` is that of the "
        "person who talks. Use this for questions like 'Is the printer ready?' or 'Is my print done?'."
    )

    @override
    async def _run(self, call: ToolCall) -> JsonObjectType:
        view, queue, key = call.target.view, call.target.data.queue, call.target.printer_key
        jobs = await call.jobs(state=[state for state in JobState if state not in FINAL_JOB_STATES])
        own = (await call.jobs(mine=True))[:1]
        status = view.status if call.target.data.coordinator.is_fresh else None
        return {
            "printer": view.name,
            "status": None if status is None else status.value,
            "in_words": await call.in_words(),
            "jobs_waiting": queue.waiting(key),
            "hold_reason": queue.hold_reason(key),
            "ink": {marker.name: marker.level for marker in view.printer.markers},
            "open_jobs": [call.shown(job) for job in jobs],
            "own_newest_job": next(
                iter([{**call.shown(job), "in_words": await call.in_words(job)} for job in own]),
                None,
            ),
        }


class ListJobsTool(_ReadingTool):
    name = f"{DOMAIN}__list_jobs"
    title = "List print jobs"
    description = (
        "List the newest print jobs of a printer with what became of them: `completed` is on paper, `held` waits, "
        "`unconfirmed` may be on paper or not, which nobody can know but by looking."
    )

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
    """Return our tools for an API, or None if there are none, for example because no printer or scanner is exposed.

    The second API, with which administrators manage Home Assistant, only gets tools that read, but for all printers.
    """
    if api_id == LLM_API_HOME_ASSISTANT:
        printers = exposed_printers(hass, None)
        kinds = (PrinterStatusTool, ListJobsTool, WhichPrinterTool)
        return LLMTools([kind(printers, for_all=True) for kind in kinds]) if printers else None
    if api_id != LLM_API_ASSIST:
        return None
    tools: list[Tool] = []
    if printers := exposed_printers(hass, llm_context):
        tools += [
            PrintTextTool(printers),
            PrintDocumentTool(printers),
            PrintAgainTool(printers),
            PrinterStatusTool(printers),
            WhichPrinterTool(printers),
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
