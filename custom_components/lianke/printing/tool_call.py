"""The common parts of the tools for assistants (LLMs): calls of actions, and descriptions of jobs."""

import hashlib
import json
from typing import Any, ClassVar, Final, NamedTuple
from urllib.parse import unquote

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.llm import LLMContext, Tool, ToolAnnotations, ToolInput
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType
import voluptuous as vol

from ..const import DOMAIN
from ..devices import Target
from ..documents.document import SourceKind
from ..error_texts import async_error_text, cached_error_text
from ..jobs.job import JobState
from ..people.initiator import tool_context_id
from .assistant_access import IdsByName, match_name
from .handlers import ACTIONS
from .schemas import MAX_KEY

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


ONLY_READS: Final = ToolAnnotations(
    read_only=True, destructive=False, idempotent=True, open_world=False
)


class ToolCall(NamedTuple):
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
            shown = dict(err.translation_placeholders or {})
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
            shown |= dict.fromkeys(hidden, FOREIGN_TITLE)
            said = cached_error_text(self.hass, err.translation_key or "", shown)
            raise type(err)(
                *([said] if said else []),
                translation_domain=err.translation_domain,
                translation_key=err.translation_key,
                translation_placeholders=shown,
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

    @property
    def request_id(self) -> str:
        """The `request_id` of what a tool call prints: the same if the assistant repeats the call.

        The id of a call alone is not enough: some services number the calls of each answer anew, or leave the id empty.
        """
        context_id = self.llm_context.context.id if self.llm_context.context else ""
        call = self.tool_input
        asked = json.dumps([call.id, call.tool_args], sort_keys=True, default=str)
        digest = hashlib.sha256(asked.encode()).hexdigest()
        return f"{call.tool_name} {context_id} {digest}"[:MAX_KEY]

    async def in_words(self, job: dict[str, Any] | None = None) -> str:
        """Return the state of the printer or of a job in words; if it is unknown now, the last report and its time."""
        coordinator, status = self.target.data.coordinator, self.target.view.status
        key, state, heard_at = "status", status, coordinator.heard_at
        is_known = coordinator.is_fresh
        if job is not None:
            # The state of a job that waits here, or has ended, is known without the service.
            key, state, heard_at = (
                "last_job",
                job["state"],
                dt_util.parse_datetime(job["changed_at"]),
            )
            is_known |= job["state"] == JobState.HELD or job["finished_at"] is not None
        hass, name = self.hass, f"component.{DOMAIN}.entity.sensor.{key}.state.{state}"
        texts = await async_get_translations(hass, hass.config.language, "entity", [DOMAIN])
        said = texts.get(name) or await async_error_text(hass, "status_unknown")
        if job is not None:
            said = str(self.shown(job).get("message") or said)
        if is_known:
            return said
        if heard_at is None:
            return await async_error_text(hass, "status_never_heard")
        at = f"{dt_util.as_local(heard_at):%Y-%m-%d %H:%M}"
        return await async_error_text(hass, "status_last_heard", {"state": said, "time": at})

    async def jobs(self, **data: Any) -> list[dict[str, Any]]:
        return list((await self.act("list_jobs", limit=MAX_JOBS_LISTED, **data))["jobs"])


class DeviceTool(Tool):
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
        # A model may write a name with different capitals, and send empty values for fields that it does not need.
        data = self.parameters(
            {
                field: match_name(self._offered.get(field, {}), value)
                for field, value in tool_input.tool_args.items()
                if value not in (None, "")
            }
        )
        return self._devices[data.pop(self.kind, None) or next(iter(self._devices))], data
