"""Names, fields and schemas of the actions."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import timedelta
from typing import Any, Final

from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import VolDictType
import voluptuous as vol

from ..api.options import MAX_PAGE_RANGE, PrintOptions
from ..documents.conversion import clean_title
from ..documents.document import RAW_ENCODINGS, SourceKind
from ..documents.entities import AGENDAS
from ..documents.sheets import (
    BOOKLET_SIDES,
    MAX_PHOTO_COUNT,
    MAX_TILES,
    MAX_WATERMARK,
    MIN_CUT,
    PHOTO_FITS,
    PHOTO_SIZES,
    SHEET_ORDERS,
    SHEETS,
    STAMPS,
)
from ..errors import whole_text
from ..jobs.job import JobState, PersonReason
from ..pdf.process import MAX_SOURCE_PAGES
from ..people.release_code import MAX_CODE, MIN_CODE

SERVICE_PRINT: Final = "print"
SERVICE_PREVIEW: Final = "preview"
SERVICE_COUNT_PAGES: Final = "count_pages"
SERVICE_CANCEL_JOB: Final = "cancel_job"
SERVICE_CONTINUE_JOB: Final = "continue_job"
SERVICE_REJECT_JOB: Final = "reject_job"
SERVICE_EXPORT_PAGES: Final = "export_pages"
SERVICE_MOVE_JOB: Final = "move_job"
SERVICE_RETRY_JOB: Final = "retry_job"
SERVICE_LIST_JOBS: Final = "list_jobs"
SERVICE_GET_CAPABILITIES: Final = "get_capabilities"
SERVICE_SEARCH_MODELS: Final = "search_models"

ATTR_AGENDA: Final = "agenda"
ATTR_BACKS_ONLY: Final = "backs_only"
ATTR_CODE: Final = "code"
ATTR_COLUMNS: Final = "columns"
ATTR_COMPLETED: Final = "completed"
ATTR_CONFIG_ENTRY: Final = "config_entry"
ATTR_EXPIRES_IN: Final = "expires_in"
ATTR_FILENAME: Final = "filename"
ATTR_FROM_MONTH: Final = "from_month"
ATTR_FROM_SHEET: Final = "from_sheet"
ATTR_HEADER: Final = "header"
ATTR_IF_NOT_READY: Final = "if_not_ready"
ATTR_IGNORE_QUIET_HOURS: Final = "ignore_quiet_hours"
ATTR_INCLUDE_CLOUD: Final = "include_cloud"
ATTR_JOB_ID: Final = "job_id"
ATTR_LIMIT: Final = "limit"
ATTR_MEDIA_CONTENT_ID: Final = "media_content_id"
ATTR_MESSAGE: Final = "message"
ATTR_PASSWORD: Final = "password"  # noqa: S105  # the name of a field
ATTR_PREVIEW_BY: Final = "preview_by"
ATTR_PRINT_EMPTY: Final = "print_empty"
ATTR_QUERY: Final = "query"
ATTR_REASON: Final = "reason"
ATTR_RAW: Final = "raw"
ATTR_RAW_ENCODING: Final = "raw_encoding"
ATTR_RELEASE_CODE: Final = "release_code"
ATTR_REPLACE_KEY: Final = "replace_key"
ATTR_REQUEST_ID: Final = "request_id"
ATTR_STATE: Final = "state"
ATTR_TITLE: Final = "title"
ATTR_TO_DEVICE_ID: Final = "to_device_id"
ATTR_TO_MONTH: Final = "to_month"
ATTR_WAIT: Final = "wait"
ATTR_WAIT_TIMEOUT: Final = "wait_timeout"

BY_HERE: Final = "here"
BY_HERE_ONLY: Final = "here_only"
BY_CLOUD: Final = "cloud"
HOLD: Final = "hold"
FAIL: Final = "fail"
DEFAULT_WAIT: Final = timedelta(minutes=2)
MAX_WAIT: Final = timedelta(minutes=30)
MIN_EXPIRY: Final = timedelta(seconds=10)
MAX_EXPIRY: Final = timedelta(days=7)
MAX_SOURCES: Final = 20
MAX_TARGETS: Final = 100
MAX_KEY: Final = 128
MAX_MESSAGE: Final = 200
MAX_NAME: Final = 255
MAX_PASSWORD: Final = 255
MAX_QUERY: Final = 64
MAX_ADDRESS: Final = 8192
MAX_NUMBER: Final = 999_999_999

OPTION_NAMES: Final = tuple(field.name for field in fields(PrintOptions))


def _line(limit: int) -> vol.All[Any]:
    """Take text of at most so many characters that can be written down."""
    return vol.All(cv.string, whole_text, vol.Length(max=limit))


_NAME = _line(MAX_NAME)
_ADDRESS = _line(MAX_ADDRESS)


def _one_device(value: object) -> str:
    """Take one device id, or a list with one."""
    devices = vol.All(cv.ensure_list, [_NAME])(value)
    if len(devices) != 1:
        raise vol.Invalid("exactly one printer is needed")
    return str(devices[0])


def _bounded_target(value: object) -> object:
    """Take part of a target as long as it is small; Home Assistant's own check follows."""
    if isinstance(value, Mapping):
        return {key: _bounded_target(part) for key, part in value.items()}
    if isinstance(value, str):
        return _NAME(value)
    return vol.All(cv.ensure_list, [_NAME], vol.Length(max=MAX_TARGETS))(value)


def _media_id(value: object) -> str:
    """Take what the media selector gives, or the bare id in it."""
    if isinstance(value, Mapping):
        value = value.get(ATTR_MEDIA_CONTENT_ID)
    return str(_ADDRESS(value))


def _duplex(value: object) -> str:
    """Take a duplex mode; YAML reads an unquoted `off` as false."""
    return "off" if value is False else str(_WORD(value))


def _several(item: object) -> vol.All[Any]:
    """Take one item or a list of them."""
    return vol.All(cv.ensure_list, [item], vol.Length(min=1, max=MAX_SOURCES))


def _finite[T](check: Callable[[object], T]) -> Callable[[object], T]:
    """Have a number that is too large to reckon with refused like any other wrong value."""

    def checked(value: object) -> T:
        try:
            return check(value)
        except OverflowError:
            raise vol.Invalid("the number is too large") from None

    return checked


def _no_boolean(value: object) -> object:
    """Refuse YAML's yes and no, which Python takes for 1 and 0."""
    if isinstance(value, bool):
        raise vol.Invalid("a number or a name is needed, not yes or no")
    return value


def _whole(value: Any) -> int:
    """Take a whole number, or a text that is one. What it is cut off from would be printed without a word."""
    if isinstance(value, float) and not value.is_integer():
        raise vol.Invalid("expected a whole number")
    number: int = vol.Coerce(int)(_no_boolean(value))
    return number


def _count(most: int) -> vol.All[Any]:
    """Take a whole number from 1."""
    return vol.All(_whole, vol.Range(min=1, max=most))


def _some_of_it(cut: dict[str, float]) -> dict[str, float]:
    """Refuse a part of a picture that is nothing, or next to nothing, of it."""
    across = cut.get("right", 1.0) - cut.get("left", 0.0)
    down = cut.get("bottom", 1.0) - cut.get("top", 0.0)
    if min(across, down) < MIN_CUT:
        raise vol.Invalid("right and bottom must be larger than left and top, by 0.05 or more")
    return cut


_PART = vol.All(_no_boolean, vol.Coerce(float), vol.Range(min=0, max=1))
CUT: Final = vol.All(
    vol.Schema(
        {
            **{vol.Optional(edge): _PART for edge in ("left", "top", "right", "bottom")},
            vol.Optional("turn"): vol.All(
                _no_boolean, vol.Coerce(float), vol.Range(min=-360, max=360)
            ),
        }
    ),
    _some_of_it,
)
_NAME_OR_ID = vol.All(_no_boolean, vol.Any(vol.All(int, vol.Range(min=0, max=MAX_NUMBER)), _NAME))
_COPIES = vol.All(_whole, vol.Range(min=-MAX_NUMBER, max=MAX_NUMBER))
_SIDE = vol.All(_no_boolean, _finite(vol.Coerce(float)), vol.Range(min=1))
_PERIOD = vol.All(_no_boolean, _finite(cv.positive_time_period))
_WORD = vol.All(_no_boolean, _NAME)
_KEY = vol.All(cv.string, whole_text, str.strip, vol.Length(min=1, max=MAX_KEY))
_TEXT = cv.string

# Devices, entities, areas, floors and labels, as Home Assistant joins a call's target to its data.
TARGET: Final[VolDictType] = {
    field: vol.All(_bounded_target, check) for field, check in cv.ENTITY_SERVICE_FIELDS.items()
}

SOURCES: Final = {
    vol.Optional(SourceKind.UPLOAD.value): _several(_ADDRESS),
    vol.Optional(SourceKind.MEDIA.value): _several(_media_id),
    vol.Optional(SourceKind.FILE.value): _several(_ADDRESS),
    vol.Optional(SourceKind.URL.value): _several(_ADDRESS),
    vol.Optional(SourceKind.ENTITY.value): _several(cv.entity_id),
    vol.Optional(SourceKind.TEXT.value): _TEXT,
    vol.Optional(SourceKind.MARKDOWN.value): _TEXT,
    vol.Optional(SourceKind.HTML.value): _TEXT,
    vol.Optional(SourceKind.CONTENT.value): _TEXT,
    vol.Optional(SourceKind.DOCUMENT.value): _several(_ADDRESS),
    vol.Optional(ATTR_FILENAME): _NAME,
    vol.Optional(ATTR_TITLE): cv.string,
    vol.Optional(ATTR_PASSWORD): _line(MAX_PASSWORD),
}

PAGES: Final = {
    vol.Optional(ATTR_HEADER): cv.boolean,
    vol.Optional(ATTR_COLUMNS): vol.All(_whole, vol.In((1, 2))),
    vol.Optional(ATTR_AGENDA): vol.In(AGENDAS),
    vol.Optional(ATTR_COMPLETED): cv.boolean,
    vol.Optional(ATTR_PRINT_EMPTY): cv.boolean,
}

OPTIONS: Final = {
    vol.Optional("paper"): _NAME_OR_ID,
    vol.Optional("paper_width"): _SIDE,
    vol.Optional("paper_height"): _SIDE,
    vol.Optional("copies"): _COPIES,
    vol.Optional("color"): _WORD,
    vol.Optional("duplex"): _duplex,
    vol.Optional("orientation"): _WORD,
    vol.Optional("tray"): _NAME_OR_ID,
    vol.Optional("media_type"): _NAME_OR_ID,
    vol.Optional("quality"): _WORD,
    vol.Optional("scale"): _WORD,
    vol.Optional("align"): _WORD,
    vol.Optional("auto_rotate"): cv.boolean,
    vol.Optional("pages"): vol.All(_no_boolean, _line(MAX_PAGE_RANGE)),
    vol.Optional("reverse_order"): cv.boolean,
    vol.Optional("excel_fit"): _WORD,
}

SHEET_FIELDS: Final = {
    vol.Optional("sheet"): vol.In(SHEETS),
    vol.Optional("sheet_order"): vol.In(SHEET_ORDERS),
    vol.Optional("sheet_frame"): cv.boolean,
    vol.Optional("poster_columns"): _count(MAX_TILES),
    vol.Optional("poster_rows"): _count(MAX_TILES),
    vol.Optional("booklet_side"): vol.In(BOOKLET_SIDES),
    vol.Optional("id_card_crop"): vol.All(cv.ensure_list, [CUT], vol.Length(max=MAX_SOURCES)),
    vol.Optional("photo_size"): vol.In(PHOTO_SIZES),
    vol.Optional("photo_fit"): vol.In(PHOTO_FITS),
    vol.Optional("photo_count"): _count(MAX_PHOTO_COUNT),
    vol.Optional("merge"): cv.boolean,
    vol.Optional("merge_new_sheet"): cv.boolean,
    vol.Optional("watermark"): vol.All(
        _line(MAX_WATERMARK), clean_title, vol.Length(min=1, msg="the watermark is empty")
    ),
    vol.Optional("watermark_opacity"): _count(100),
    vol.Optional("stamp"): vol.All(cv.ensure_list, [vol.In(STAMPS)]),
}

RAW: Final = {
    vol.Optional(ATTR_RAW, default=False): cv.boolean,
    vol.Optional(ATTR_RAW_ENCODING, default="utf-8"): vol.In(RAW_ENCODINGS),
}

JOB: Final = {
    vol.Optional(ATTR_WAIT, default=False): cv.boolean,
    vol.Optional(ATTR_WAIT_TIMEOUT, default=DEFAULT_WAIT): vol.All(
        _PERIOD, vol.Range(max=MAX_WAIT, msg="it has to be at most 30 minutes")
    ),
    vol.Optional(ATTR_REQUEST_ID): _KEY,
    vol.Optional(ATTR_REPLACE_KEY): _KEY,
    vol.Optional(ATTR_IF_NOT_READY, default=HOLD): vol.In((HOLD, FAIL)),
    vol.Optional(ATTR_EXPIRES_IN): vol.All(
        _PERIOD,
        vol.Range(min=MIN_EXPIRY, max=MAX_EXPIRY, msg="it has to be from 10 seconds to 7 days"),
    ),
    vol.Optional(ATTR_IGNORE_QUIET_HOURS, default=False): cv.boolean,
    vol.Optional(ATTR_RELEASE_CODE): vol.All(_line(MAX_CODE), str.strip, vol.Length(min=MIN_CODE)),
}

PRINT_SCHEMA: Final = vol.Schema(
    {**TARGET, **SOURCES, **PAGES, **OPTIONS, **SHEET_FIELDS, **RAW, **JOB}
)
PREVIEW_SCHEMA: Final = vol.Schema(
    {
        **TARGET,
        **SOURCES,
        **PAGES,
        **OPTIONS,
        **SHEET_FIELDS,
        vol.Optional(ATTR_PREVIEW_BY, default=BY_HERE): vol.In((BY_HERE, BY_HERE_ONLY, BY_CLOUD)),
    }
)
# Of the print options, those that the number of sheets depends on.
_COUNTED_OPTIONS: Final = ("paper", "paper_width", "paper_height", "pages", "duplex", "orientation")
COUNT_SCHEMA: Final = vol.Schema(
    {
        **TARGET,
        **SOURCES,
        **PAGES,
        **{name: check for name, check in OPTIONS.items() if name in _COUNTED_OPTIONS},
        **SHEET_FIELDS,
    }
)
CANCEL_SCHEMA: Final = vol.Schema({**TARGET, vol.Required(ATTR_JOB_ID): _NAME})
CONTINUE_SCHEMA: Final = vol.Schema(
    {
        **TARGET,
        vol.Required(ATTR_JOB_ID): _NAME,
        vol.Optional(ATTR_REASON): vol.In([reason.value for reason in PersonReason]),
        vol.Optional(ATTR_CODE): _line(MAX_CODE),
    }
)
REJECT_SCHEMA: Final = vol.Schema(
    {
        **TARGET,
        vol.Required(ATTR_JOB_ID): _NAME,
        vol.Optional(ATTR_MESSAGE, default=""): vol.All(_line(MAX_MESSAGE), clean_title),
    }
)
RETRY_SCHEMA: Final = vol.Schema(
    {
        **TARGET,
        vol.Required(ATTR_JOB_ID): _NAME,
        vol.Optional(ATTR_TO_DEVICE_ID): _one_device,
        vol.Optional(ATTR_FROM_SHEET): _count(MAX_SOURCE_PAGES // 2),
        vol.Optional(ATTR_BACKS_ONLY): cv.boolean,
        **OPTIONS,
    }
)
MOVE_SCHEMA: Final = vol.Schema(
    {
        **TARGET,
        vol.Required(ATTR_JOB_ID): _NAME,
        vol.Required(ATTR_TO_DEVICE_ID): _one_device,
    }
)
_MONTH = vol.All(_no_boolean, cv.string, vol.Match(r"^\d{4}-(0[1-9]|1[0-2])$"))
EXPORT_SCHEMA: Final = vol.Schema(
    {
        vol.Optional(ATTR_CONFIG_ENTRY): _NAME,
        vol.Optional(ATTR_FROM_MONTH): _MONTH,
        vol.Optional(ATTR_TO_MONTH): _MONTH,
    }
)
CAPABILITIES_SCHEMA: Final = vol.Schema(TARGET)
MODELS_SCHEMA: Final = vol.Schema(
    {
        vol.Required(ATTR_CONFIG_ENTRY): _NAME,
        vol.Optional(ATTR_QUERY): _line(MAX_QUERY),
    }
)
LIST_SCHEMA: Final = vol.Schema(
    {
        **TARGET,
        vol.Optional(ATTR_STATE): vol.All(
            cv.ensure_list, [vol.In([state.value for state in JobState])]
        ),
        vol.Optional(ATTR_LIMIT, default=50): vol.All(_whole, vol.Range(min=1, max=200)),
        vol.Optional(ATTR_INCLUDE_CLOUD, default=False): cv.boolean,
    }
)
