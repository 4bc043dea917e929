"""Fields and schemas of the actions, and the errors for fields that are refused."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
import re
from typing import Any, Final, override

from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import VolDictType
from homeassistant.util import dt as dt_util
import voluptuous as vol

from ..api.coerce import to_encodable
from ..api.options import MAX_PAGE_RANGE, OPTION_NAMES
from ..documents.conversion import clean_title
from ..documents.document import RAW_ENCODINGS, SourceKind
from ..documents.mail_parts import decode_words
from ..documents.mail_reference import ALONE
from ..documents.page_documents import AGENDAS
from ..documents.sheets import (
    BOOKLET_SIDES,
    MAX_PHOTO_COUNT,
    MAX_TILES,
    MAX_WATERMARK,
    MIN_CUT,
    PHOTO_FITS,
    PHOTO_PRINT_SIZES,
    SHEET_ORDERS,
    SHEETS,
    STAMPS,
)
from ..input_error import InputError
from ..jobs.job import JobState, PersonReason
from ..pages.page import TEXT_SIZES
from ..pdf.process import MAX_SOURCE_PAGES
from ..people.release_code import MAX_CODE_LENGTH, MIN_CODE_LENGTH

BY_HERE: Final = "here"
BY_HERE_ONLY: Final = "here_only"
BY_CLOUD: Final = "cloud"
HOLD: Final = "hold"
FAIL: Final = "fail"
DEFAULT_WAIT: Final = timedelta(minutes=2)
# The longest `wait_timeout`.
MAX_WAIT: Final = timedelta(minutes=30)
# The shortest and the longest `expires_in`.
MIN_EXPIRY: Final = timedelta(seconds=10)
MAX_EXPIRY: Final = timedelta(days=7)
# Maximum number of documents in a call.
MAX_SOURCES: Final = 20
# Maximum number of devices in a target, and likewise of entities, of areas, of floors and of labels.
MAX_TARGETS: Final = 100
# Maximum length in characters of a `request_id` or `replace_key`.
MAX_KEY: Final = 128
# Maximum length in characters of a `message` that rejects a waiting job.
MAX_REJECT_MESSAGE: Final = 200
# Maximum length in characters of the name of a paper, tray or file, or of the id of a job or device.
MAX_FIELD_NAME: Final = 255
# Maximum length in characters of a `password`.
MAX_PASSWORD: Final = 255
# Maximum length in characters of a `query`.
MAX_QUERY: Final = 64
# Maximum length in characters of a path or an address.
MAX_ADDRESS: Final = 8192
# Largest number that a field accepts.
MAX_FIELD_NUMBER: Final = 999_999_999


_UNKNOWN: Final = "extra keys not allowed"
# Matches messages of the voluptuous library about a length or number out of range; _BOUNDS has the keys of our texts.
_BEYOND: Final = re.compile(r"(length of )?value must be (at most|at least) (\d+(?:\.\d+)?)$")
_BOUNDS: Final[Mapping[tuple[bool, str], str]] = {
    (True, "at most"): "field_too_long",
    (True, "at least"): "field_too_short",
    (False, "at most"): "field_too_large",
    (False, "at least"): "field_too_small",
}


class FieldError(vol.Invalid):
    """Refuses a value; `refusal` has the key and the placeholders of the text that says why."""

    def __init__(self, reason: str, **placeholders: str) -> None:
        super().__init__(reason)
        # `refusal` is no usual name for an attribute of errors: Home Assistant may replace voluptuous with a library
        # whose errors have more attributes.
        self.refusal = (reason, placeholders)


class OneOf(vol.In):
    """Accepts one of the given values; the error lists all these values in the given order."""

    def __init__(self, values: Iterable[Any]) -> None:
        super().__init__([*values])

    @override
    def __call__(self, v: Any) -> Any:
        try:
            return super().__call__(v)
        except vol.InInvalid:
            allowed = ", ".join(str(value) for value in self.container)
            raise FieldError("field_not_offered", value=str(v), allowed=allowed) from None


def schema_error(err: vol.Invalid, data: Any, schema: vol.Schema) -> InputError:
    """Return the first error of a call as an error in the user's language, such as field_unknown or field_missing.

    The messages of the voluptuous library are in English and meant for programmers. The new error quotes the refused
    value only for fields with few choices.
    """
    known = {str(marker) for marker in schema.schema}
    required = {str(marker) for marker in schema.schema if isinstance(marker, vol.Required)}
    first = err.errors[0] if isinstance(err, vol.MultipleInvalid) else err
    field = str(first.path[0]) if first.path else ""
    value = data
    for step in first.path:
        if isinstance(value, str):
            # The call has a single value instead of a list.
            break
        try:
            value = value[step]
        except KeyError, IndexError, TypeError:
            value = ...
            break
    if first.error_message.startswith(_UNKNOWN) or (field and field not in known):
        return InputError("field_unknown", field=".".join(map(str, first.path)))
    if isinstance(first, vol.RequiredFieldInvalid):
        return InputError("field_missing", field=".".join(map(str, first.path)))
    if value is None or (isinstance(value, str) and not value.strip()):
        return InputError("field_missing" if field in required else "field_empty", field=field)
    if isinstance(first, FieldError):
        reason, placeholders = first.refusal
        return InputError(reason, **{"field": field, **placeholders})
    if (beyond := _BEYOND.match(first.error_message)) is not None:
        key = _BOUNDS[beyond[1] is not None, beyond[2]]
        if beyond[1] is not None and not isinstance(value, str):
            key = {"field_too_long": "field_too_many", "field_too_short": "field_empty"}[key]
        return InputError(key, field=field, limit=beyond[3])
    return InputError("field_wrong", field=field)


def _line(limit: int) -> vol.All[Any]:
    """Return a check for text of at most `limit` characters, which replaces characters that cannot be encoded."""
    return vol.All(cv.string, to_encodable, vol.Length(max=limit))


_NAME = _line(MAX_FIELD_NAME)
_ADDRESS = _line(MAX_ADDRESS)


def _given[T](value: T) -> T:
    """Refuse empty text, which a template may yield."""
    if isinstance(value, str) and not value.strip():
        raise FieldError("field_empty")
    return value


def _file_name(value: object) -> str:
    """Accept a file name, and return it decoded if it is encoded as in e-mail headers: `=?UTF-8?B?…?=`."""
    return str(_NAME(decode_words(cv.string(value))))


def _one_device(value: object) -> str:
    """Accept a device id, or a list that contains a single device id."""
    devices = vol.All(cv.ensure_list, [_NAME])(value)
    if len(devices) != 1:
        raise FieldError("field_one_printer")
    return str(devices[0])


def _bounded_target(value: object) -> object:
    """Check only the size of a target; Home Assistant's own check of the target comes after this."""
    if isinstance(value, Mapping):
        return {key: _bounded_target(part) for key, part in value.items()}
    if isinstance(value, str):
        return _NAME(value)
    return vol.All(cv.ensure_list, [_NAME], vol.Length(max=MAX_TARGETS))(value)


def _media_id(value: object) -> str:
    """Accept the value of a media selector, or only the media id that such a value contains."""
    if isinstance(value, Mapping):
        value = value.get("media_content_id")
    return str(_given(_ADDRESS(value)))


def _mail_date(value: object) -> datetime | None:
    """Accept a mail's date as an event or a template gives it; return None for a mail without a date."""
    if value in (None, "") or isinstance(value, datetime):
        return value or None  # type: ignore[return-value]
    if (date := dt_util.parse_datetime(cv.string(value))) is None:
        raise FieldError("field_wrong")
    return date


def _mail_part(value: object) -> str:
    """Accept the key of a mail's part; a template may have turned a key such as `1,0` into a tuple of numbers."""
    return str(_NAME(",".join(map(str, value)) if isinstance(value, tuple) else value))


def _mail_text(value: object) -> bool | str:
    return ALONE if value == ALONE else bool(cv.boolean(value))


def _duplex(value: object) -> str:
    """Accept a duplex mode; false means off, because YAML reads an unquoted `off` as false."""
    return "off" if value is False else str(_WORD(value))


def _several(item: object) -> vol.All[Any]:
    """Return a check that accepts one item, or a list of at most MAX_SOURCES items."""
    return vol.All(cv.ensure_list, [item], vol.Length(min=1, max=MAX_SOURCES))


def _finite[T](check: Callable[[object], T]) -> Callable[[object], T]:
    """Return the check, but with a FieldError in place of an OverflowError."""

    def checked(value: object) -> T:
        try:
            return check(value)
        except OverflowError:
            raise FieldError("field_number_too_large") from None

    return checked


def _within(most: timedelta, least: timedelta | None = None) -> Callable[[timedelta], timedelta]:
    def check(value: timedelta) -> timedelta:
        if value > most or (least is not None and value < least):
            reason = "field_wait_time" if least is None else "field_expiry_time"
            raise FieldError(reason)
        return value

    return check


def _no_boolean(value: object) -> object:
    """Refuse YAML's yes and no, which Python takes for 1 and 0."""
    if isinstance(value, bool):
        raise FieldError("field_yes_or_no")
    return value


def _whole(value: Any) -> int:
    """Accept a whole number, also as text. Refuse a fraction, which would otherwise be rounded without notice."""
    if isinstance(value, float) and not value.is_integer():
        raise FieldError("field_not_whole")
    number: int = vol.Coerce(int)(_no_boolean(value))
    return number


def _count(most: int, *, least: int = 1) -> vol.All[Any]:
    return vol.All(_whole, vol.Range(min=least, max=most))


def _some_of_it(cut: dict[str, float]) -> dict[str, float]:
    """Refuse a crop that keeps nothing, or almost nothing, of a picture."""
    across = cut.get("right", 1.0) - cut.get("left", 0.0)
    down = cut.get("bottom", 1.0) - cut.get("top", 0.0)
    if min(across, down) < MIN_CUT:
        raise FieldError("field_part_too_small")
    return cut


_PART = vol.All(_no_boolean, vol.Coerce(float), vol.Range(min=0, max=1))
PICTURE_CUT: Final = vol.All(
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
# Accepts a coordinate of a point in a picture. The range is wide because a later check reports impossible corners.
_COORDINATE = vol.All(_no_boolean, vol.Coerce(float), vol.Range(min=-9, max=9))


def _four_or_none(corners: list[list[float]]) -> list[list[float]]:
    if len(corners) not in (0, 4) or any(len(point) != 2 for point in corners):
        raise FieldError("clean_corners_wrong")
    return corners


PAGE_CORNERS: Final = vol.All([[_COORDINATE]], _four_or_none)
_CUTS = vol.All(cv.ensure_list, [PICTURE_CUT], vol.Length(max=MAX_SOURCES))
_NAME_OR_ID = vol.All(
    _no_boolean, vol.Any(vol.All(int, vol.Range(min=0, max=MAX_FIELD_NUMBER)), _NAME)
)
_COPIES = vol.All(_whole, vol.Range(min=-MAX_FIELD_NUMBER, max=MAX_FIELD_NUMBER))
_SIDE = vol.All(_no_boolean, _finite(vol.Coerce(float)), vol.Range(min=1))
_PERIOD = vol.All(_no_boolean, _finite(cv.positive_time_period))
_WORD = vol.All(_no_boolean, _NAME)
_KEY = vol.All(cv.string, to_encodable, str.strip, vol.Length(min=1, max=MAX_KEY))

# The fields of a target (devices, entities, areas, floors and labels), which Home Assistant merges into a call's data.
TARGET_FIELDS: Final[VolDictType] = {
    field: vol.All(_bounded_target, check) for field, check in cv.ENTITY_SERVICE_FIELDS.items()
}

MAIL_SCHEMA: Final = vol.Schema(
    {
        vol.Required("entry"): _NAME,
        vol.Required("uid"): vol.All(cv.string, vol.Match(r"^[1-9]\d{0,9}$")),
        vol.Required("date"): _mail_date,
        vol.Required("sender"): _ADDRESS,
        vol.Required("subject"): object,
        vol.Optional("message_id"): vol.Maybe(_ADDRESS),
        vol.Optional("parts"): vol.All(cv.ensure_list, [_mail_part], vol.Length(max=MAX_SOURCES)),
        vol.Optional("types"): vol.All(
            cv.ensure_list, [vol.All(_NAME, lambda name: name.lower().lstrip("."))]
        ),
        vol.Optional("text"): _mail_text,
        vol.Optional("verified_by"): _NAME,
    }
)
_BY_ADDRESS: Final = (SourceKind.UPLOAD, SourceKind.FILE, SourceKind.URL, SourceKind.DOCUMENT)
_WRITTEN: Final = (SourceKind.TEXT, SourceKind.MARKDOWN, SourceKind.HTML, SourceKind.CONTENT)
SOURCE_FIELDS: Final = {
    **{vol.Optional(kind.value): _several(vol.All(_ADDRESS, _given)) for kind in _BY_ADDRESS},
    vol.Optional(SourceKind.MEDIA.value): _several(_media_id),
    vol.Optional(SourceKind.ENTITY.value): _several(cv.entity_id),
    **{vol.Optional(kind.value): cv.string for kind in _WRITTEN},
    vol.Optional(SourceKind.MAIL.value): MAIL_SCHEMA,
    vol.Optional("filename"): _file_name,
    vol.Optional("title"): cv.string,
    vol.Optional("password"): _line(MAX_PASSWORD),
    vol.Optional("print_incomplete"): cv.boolean,
}

PAGE_FIELDS: Final = {
    vol.Optional("header"): cv.boolean,
    vol.Optional("columns"): vol.All(_whole, OneOf((1, 2))),
    vol.Optional("agenda"): OneOf(AGENDAS),
    vol.Optional("completed"): cv.boolean,
    vol.Optional("print_empty"): cv.boolean,
    vol.Optional("text_size"): OneOf(TEXT_SIZES),
}

OPTION_FIELDS: Final = {
    vol.Optional("paper"): vol.All(_given, _NAME_OR_ID),
    **dict.fromkeys(map(vol.Optional, ("tray", "media_type")), _NAME_OR_ID),
    **dict.fromkeys(map(vol.Optional, ("paper_width", "paper_height")), _SIDE),
    vol.Optional("copies"): _COPIES,
    vol.Optional("duplex"): _duplex,
    vol.Optional("pages"): vol.All(_no_boolean, _line(MAX_PAGE_RANGE)),
    **dict.fromkeys(
        map(vol.Optional, ("color", "orientation", "quality", "scale", "align", "excel_fit")), _WORD
    ),
    **dict.fromkeys(map(vol.Optional, ("auto_rotate", "reverse_order")), cv.boolean),
}

SHEET_FIELDS: Final = {
    vol.Optional("sheet"): OneOf(SHEETS),
    vol.Optional("sheet_order"): OneOf(SHEET_ORDERS),
    vol.Optional("sheet_frame"): cv.boolean,
    vol.Optional("poster_columns"): _count(MAX_TILES),
    vol.Optional("poster_rows"): _count(MAX_TILES),
    vol.Optional("booklet_side"): OneOf(BOOKLET_SIDES),
    vol.Optional("clean"): cv.boolean,
    vol.Optional("clean_corners"): vol.All([PAGE_CORNERS], vol.Length(max=MAX_SOURCES)),
    vol.Optional("id_card_crop"): _CUTS,
    vol.Optional("photo_size"): OneOf(PHOTO_PRINT_SIZES),
    vol.Optional("photo_fit"): OneOf(PHOTO_FITS),
    vol.Optional("photo_count"): _count(MAX_PHOTO_COUNT, least=0),
    vol.Optional("photo_crop"): _CUTS,
    vol.Optional("merge"): cv.boolean,
    vol.Optional("merge_new_sheet"): cv.boolean,
    vol.Optional("watermark"): vol.All(_line(MAX_WATERMARK), clean_title, vol.Length(min=1)),
    vol.Optional("watermark_opacity"): _count(100),
    vol.Optional("stamp"): vol.All(cv.ensure_list, [OneOf(STAMPS)]),
}

JOB_FIELDS: Final = {
    vol.Optional("raw"): cv.boolean,
    vol.Optional("raw_encoding"): OneOf(RAW_ENCODINGS),
    vol.Optional("wait", default=False): cv.boolean,
    vol.Optional("wait_timeout"): vol.All(_PERIOD, _within(MAX_WAIT)),
    vol.Optional("request_id"): _KEY,
    vol.Optional("replace_key"): _KEY,
    vol.Optional("if_not_ready"): OneOf((HOLD, FAIL)),
    vol.Optional("expires_in"): vol.All(_PERIOD, _within(MAX_EXPIRY, MIN_EXPIRY)),
    vol.Optional("ignore_quiet_hours"): cv.boolean,
    vol.Optional("release_code"): vol.All(
        _line(MAX_CODE_LENGTH), str.strip, vol.Length(min=MIN_CODE_LENGTH)
    ),
}

_DOCUMENT: Final[dict[Any, Any]] = {**TARGET_FIELDS, **SOURCE_FIELDS, **PAGE_FIELDS, **SHEET_FIELDS}
PRINT_SCHEMA: Final = vol.Schema({**_DOCUMENT, **OPTION_FIELDS, **JOB_FIELDS})
PREVIEW_SCHEMA: Final = vol.Schema(
    {
        **_DOCUMENT,
        **OPTION_FIELDS,
        vol.Optional("preview_by", default=BY_HERE): OneOf((BY_HERE, BY_HERE_ONLY, BY_CLOUD)),
    }
)
# The print options on which the number of sheets depends.
_COUNTED_OPTIONS: Final = ("paper", "paper_width", "paper_height", "pages", "duplex", "orientation")
COUNT_SCHEMA: Final = vol.Schema(
    _DOCUMENT | {name: one for name, one in OPTION_FIELDS.items() if name in _COUNTED_OPTIONS}
)
_ONE_JOB: Final = {**TARGET_FIELDS, vol.Required("job_id"): vol.All(_NAME, _given)}
CANCEL_JOB_SCHEMA: Final = vol.Schema(_ONE_JOB)
CONTINUE_JOB_SCHEMA: Final = vol.Schema(
    {
        **_ONE_JOB,
        vol.Optional("reason"): OneOf([reason.value for reason in PersonReason]),
        vol.Optional("code"): _line(MAX_CODE_LENGTH),
    }
)
REJECT_JOB_SCHEMA: Final = vol.Schema(
    _ONE_JOB
    | {vol.Optional("message", default=""): vol.All(_line(MAX_REJECT_MESSAGE), clean_title)}
)
_WITH_OTHER_OPTIONS: Final[dict[Any, Any]] = {
    **_ONE_JOB,
    vol.Optional("without"): vol.All(cv.ensure_list, [vol.In(OPTION_NAMES)]),
    **OPTION_FIELDS,
}
RETRY_SCHEMA: Final = vol.Schema(
    {
        **_WITH_OTHER_OPTIONS,
        vol.Optional("to_device_id"): _one_device,
        vol.Optional("from_sheet"): _count(MAX_SOURCE_PAGES // 2),
        vol.Optional("backs_only"): cv.boolean,
        vol.Optional("request_id"): _KEY,
    }
)
MOVE_SCHEMA: Final = vol.Schema(_WITH_OTHER_OPTIONS | {vol.Required("to_device_id"): _one_device})
_MONTH = vol.All(_no_boolean, cv.string, vol.Match(r"^\d{4}-(0[1-9]|1[0-2])$"))
EXPORT_SCHEMA: Final = vol.Schema(
    {
        vol.Optional("config_entry"): _NAME,
        vol.Optional("from_month"): _MONTH,
        vol.Optional("to_month"): _MONTH,
    }
)
CAPABILITIES_SCHEMA: Final = vol.Schema(TARGET_FIELDS)
MODELS_SCHEMA: Final = vol.Schema(
    {vol.Required("config_entry"): _NAME, vol.Optional("query"): _line(MAX_QUERY)}
)
LIST_SCHEMA: Final = vol.Schema(
    {
        **TARGET_FIELDS,
        vol.Optional("state"): vol.All(
            cv.ensure_list, [OneOf([state.value for state in JobState])]
        ),
        vol.Optional("limit", default=50): vol.All(_whole, vol.Range(min=1, max=200)),
        vol.Optional("mine", default=False): cv.boolean,
        vol.Optional("include_cloud", default=False): cv.boolean,
    }
)
