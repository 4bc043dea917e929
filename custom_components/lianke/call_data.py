"""What the actions are called and take: names of fields, and schemas."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import timedelta
from typing import Any, Final

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.helpers import config_validation as cv
import probatio

from .api.options import PrintOptions
from .api.print_options import MAX_PAGE_RANGE
from .documents.document import whole_text
from .documents.kinds import RAW_ENCODINGS, SourceKind

SERVICE_PRINT: Final = "print"
SERVICE_PREVIEW: Final = "preview"
SERVICE_COUNT_PAGES: Final = "count_pages"
SERVICE_CANCEL_JOB: Final = "cancel_job"
SERVICE_RETRY_JOB: Final = "retry_job"
SERVICE_LIST_JOBS: Final = "list_jobs"
SERVICE_GET_CAPABILITIES: Final = "get_capabilities"
SERVICE_SEARCH_MODELS: Final = "search_models"

ATTR_AGENDA: Final = "agenda"
ATTR_COLUMNS: Final = "columns"
ATTR_COMPLETED: Final = "completed"
ATTR_CONFIG_ENTRY: Final = "config_entry"
ATTR_EXPIRES_IN: Final = "expires_in"
ATTR_HEADER: Final = "header"
ATTR_IF_NOT_READY: Final = "if_not_ready"
ATTR_IGNORE_QUIET_HOURS: Final = "ignore_quiet_hours"
ATTR_INCLUDE_CLOUD: Final = "include_cloud"
ATTR_JOB_ID: Final = "job_id"
ATTR_LIMIT: Final = "limit"
ATTR_MEDIA_CONTENT_ID: Final = "media_content_id"
ATTR_PAPER: Final = "paper"
ATTR_PASSWORD: Final = "password"  # noqa: S105  # the name of a field
ATTR_PRINT_EMPTY: Final = "print_empty"
ATTR_QUERY: Final = "query"
ATTR_RAW: Final = "raw"
ATTR_RAW_ENCODING: Final = "raw_encoding"
ATTR_REPLACE_KEY: Final = "replace_key"
ATTR_REQUEST_ID: Final = "request_id"
ATTR_STATE: Final = "state"
ATTR_TITLE: Final = "title"
ATTR_TO_DEVICE_ID: Final = "to_device_id"
ATTR_WAIT: Final = "wait"
ATTR_WAIT_TIMEOUT: Final = "wait_timeout"

HOLD: Final = "hold"
FAIL: Final = "fail"
AGENDAS: Final = ("today", "tomorrow", "week")
DEFAULT_WAIT: Final = timedelta(minutes=2)
MAX_WAIT: Final = timedelta(minutes=30)
MIN_EXPIRY: Final = timedelta(seconds=10)
MAX_EXPIRY: Final = timedelta(days=7)
MAX_SOURCES: Final = 20
MAX_KEY: Final = 128
MAX_NAME: Final = 255
MAX_PASSWORD: Final = 255
MAX_QUERY: Final = 64
MAX_ADDRESS: Final = 8192
MAX_NUMBER: Final = 999_999_999

OPTION_NAMES: Final = tuple(field.name for field in fields(PrintOptions))


def _line(limit: int) -> probatio.All[Any]:
    """Take text of at most so many characters that can be written down."""
    return probatio.All(cv.string, whole_text, probatio.Length(max=limit))


_NAME = _line(MAX_NAME)
_ADDRESS = _line(MAX_ADDRESS)


def _one_device(value: object) -> str:
    """Take one device id, or a list with one."""
    devices = probatio.All(cv.ensure_list, [_NAME])(value)
    if len(devices) != 1:
        raise probatio.Invalid("exactly one printer is needed")
    return str(devices[0])


def _media_id(value: object) -> str:
    """Take what the media selector gives, or the bare id in it."""
    if isinstance(value, Mapping):
        value = value.get(ATTR_MEDIA_CONTENT_ID)
    return str(_ADDRESS(value))


def _duplex(value: object) -> str:
    """Take a duplex mode; YAML reads an unquoted `off` as false."""
    return "off" if value is False else str(_WORD(value))


def _several(item: object) -> probatio.All[Any]:
    """Take one item or a list of them."""
    return probatio.All(cv.ensure_list, [item], probatio.Length(min=1, max=MAX_SOURCES))


def _finite[T](check: Callable[[object], T]) -> Callable[[object], T]:
    """Have a number that is too large to reckon with refused like any other wrong value."""

    def checked(value: object) -> T:
        try:
            return check(value)
        except OverflowError:
            raise probatio.Invalid("the number is too large") from None

    return checked


def _no_boolean(value: object) -> object:
    """Refuse YAML's yes and no, which Python takes for 1 and 0."""
    if isinstance(value, bool):
        raise probatio.Invalid("a number or a name is needed, not yes or no")
    return value


_NAME_OR_ID = probatio.All(
    _no_boolean, probatio.Any(probatio.All(int, probatio.Range(min=0, max=MAX_NUMBER)), _NAME)
)
_COPIES = probatio.All(
    _no_boolean, probatio.Coerce(int), probatio.Range(min=-MAX_NUMBER, max=MAX_NUMBER)
)
_SIDE = probatio.All(_no_boolean, _finite(probatio.Coerce(float)), probatio.Range(min=1))
_PERIOD = probatio.All(_no_boolean, _finite(cv.positive_time_period))
_WORD = probatio.All(_no_boolean, _NAME)
_KEY = probatio.All(cv.string, whole_text, str.strip, probatio.Length(min=1, max=MAX_KEY))
_TEXT = cv.string

DEVICE: Final = {probatio.Required(ATTR_DEVICE_ID): _one_device}

SOURCES: Final = {
    probatio.Optional(SourceKind.UPLOAD.value): _several(_ADDRESS),
    probatio.Optional(SourceKind.MEDIA.value): _several(_media_id),
    probatio.Optional(SourceKind.FILE.value): _several(_ADDRESS),
    probatio.Optional(SourceKind.URL.value): _several(_ADDRESS),
    probatio.Optional(SourceKind.ENTITY.value): _several(cv.entity_id),
    probatio.Optional(SourceKind.TEXT.value): _TEXT,
    probatio.Optional(SourceKind.MARKDOWN.value): _TEXT,
    probatio.Optional(SourceKind.HTML.value): _TEXT,
    probatio.Optional(SourceKind.DOCUMENT.value): _several(_ADDRESS),
    probatio.Optional(ATTR_TITLE): cv.string,
    probatio.Optional(ATTR_PASSWORD): _line(MAX_PASSWORD),
}

PAGES: Final = {
    probatio.Optional(ATTR_HEADER): cv.boolean,
    probatio.Optional(ATTR_COLUMNS): probatio.All(
        _no_boolean, probatio.Coerce(int), probatio.In((1, 2))
    ),
    probatio.Optional(ATTR_AGENDA): probatio.In(AGENDAS),
    probatio.Optional(ATTR_COMPLETED): cv.boolean,
    probatio.Optional(ATTR_PRINT_EMPTY): cv.boolean,
}

OPTIONS: Final = {
    probatio.Optional("paper"): _NAME_OR_ID,
    probatio.Optional("paper_width"): _SIDE,
    probatio.Optional("paper_height"): _SIDE,
    probatio.Optional("copies"): _COPIES,
    probatio.Optional("color"): _WORD,
    probatio.Optional("duplex"): _duplex,
    probatio.Optional("orientation"): _WORD,
    probatio.Optional("tray"): _NAME_OR_ID,
    probatio.Optional("media_type"): _NAME_OR_ID,
    probatio.Optional("quality"): _WORD,
    probatio.Optional("scale"): _WORD,
    probatio.Optional("align"): _WORD,
    probatio.Optional("auto_rotate"): cv.boolean,
    probatio.Optional("pages"): probatio.All(_no_boolean, _line(MAX_PAGE_RANGE)),
    probatio.Optional("reverse_order"): cv.boolean,
    probatio.Optional("excel_fit"): _WORD,
}

RAW: Final = {
    probatio.Optional(ATTR_RAW, default=False): cv.boolean,
    probatio.Optional(ATTR_RAW_ENCODING, default="utf-8"): probatio.In(RAW_ENCODINGS),
}

JOB: Final = {
    probatio.Optional(ATTR_WAIT, default=False): cv.boolean,
    probatio.Optional(ATTR_WAIT_TIMEOUT, default=DEFAULT_WAIT): probatio.All(
        _PERIOD, probatio.Range(max=MAX_WAIT)
    ),
    probatio.Optional(ATTR_REQUEST_ID): _KEY,
    probatio.Optional(ATTR_REPLACE_KEY): _KEY,
    probatio.Optional(ATTR_IF_NOT_READY, default=HOLD): probatio.In((HOLD, FAIL)),
    probatio.Optional(ATTR_EXPIRES_IN): probatio.All(
        _PERIOD, probatio.Range(min=MIN_EXPIRY, max=MAX_EXPIRY)
    ),
    probatio.Optional(ATTR_IGNORE_QUIET_HOURS, default=False): cv.boolean,
}

PRINT_SCHEMA: Final = probatio.Schema({**DEVICE, **SOURCES, **PAGES, **OPTIONS, **RAW, **JOB})
PREVIEW_SCHEMA: Final = probatio.Schema({**DEVICE, **SOURCES, **PAGES, **OPTIONS})
COUNT_SCHEMA: Final = probatio.Schema(
    {**DEVICE, **SOURCES, **PAGES, probatio.Optional(ATTR_PAPER): _NAME_OR_ID}
)
CANCEL_SCHEMA: Final = probatio.Schema({**DEVICE, probatio.Required(ATTR_JOB_ID): _NAME})
RETRY_SCHEMA: Final = probatio.Schema(
    {
        **DEVICE,
        probatio.Required(ATTR_JOB_ID): _NAME,
        probatio.Optional(ATTR_TO_DEVICE_ID): _one_device,
    }
)
CAPABILITIES_SCHEMA: Final = probatio.Schema(DEVICE)
MODELS_SCHEMA: Final = probatio.Schema(
    {
        probatio.Required(ATTR_CONFIG_ENTRY): _NAME,
        probatio.Optional(ATTR_QUERY): _line(MAX_QUERY),
    }
)


def list_schema(states: tuple[str, ...]) -> probatio.Schema:
    """Return the schema of the action that lists jobs; states are those a job can have."""
    return probatio.Schema(
        {
            **DEVICE,
            probatio.Optional(ATTR_STATE): probatio.All(cv.ensure_list, [probatio.In(states)]),
            probatio.Optional(ATTR_LIMIT, default=50): probatio.All(
                _no_boolean, probatio.Coerce(int), probatio.Range(min=1, max=200)
            ),
            probatio.Optional(ATTR_INCLUDE_CLOUD, default=False): cv.boolean,
        }
    )
