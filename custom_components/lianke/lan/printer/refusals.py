"""Which status of the protocol stands for an error of a print."""

from typing import Final

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from ...errors import InputError
from ...ipp.model import IppError, Status
from ...printing.print import async_error_text

# By the errors' translation keys; whatever else is wrong can be put right only by somebody who reads it.
_STATUSES: Final[dict[str, Status]] = {
    "disk_full": Status.TEMPORARY_ERROR,
    "document_unreadable": Status.TEMPORARY_ERROR,
    "driver_awaiting": Status.NOT_ACCEPTING_JOBS,
    "driver_unsupported": Status.NOT_ACCEPTING_JOBS,
    "file_damaged": Status.FORMAT_ERROR,
    "file_empty": Status.FORMAT_ERROR,
    "file_too_large": Status.ENTITY_TOO_LARGE,
    "job_not_cancelable": Status.NOT_POSSIBLE,
    "not_ready_getting_ready": Status.BUSY,
    "not_ready_paper_turned": Status.BUSY,
    "pdf_busy": Status.BUSY,
    "pdf_damaged": Status.FORMAT_ERROR,
    "pdf_needs_memory": Status.ENTITY_TOO_LARGE,
    "pdf_password_needed": Status.PASSWORD_ERROR,
    "pdf_takes_long": Status.FORMAT_ERROR,
    "printer_gone": Status.NOT_FOUND,
    "raster_too_large": Status.ENTITY_TOO_LARGE,
    "service_config_entry_not_loaded": Status.SERVICE_UNAVAILABLE,
    "too_many_requests": Status.BUSY,
    "type_not_supported": Status.FORMAT_NOT_SUPPORTED,
}
_OPTION: Final = ("_not_available", "_out_of_range", "paper_required", "invalid_option")


# Those that come of what is under way here, and of documents that may be sent again as they are.
_OURS: Final = (
    Status.BUSY,
    Status.NOT_ACCEPTING_JOBS,
    Status.NOT_FOUND,
    Status.SERVICE_UNAVAILABLE,
    Status.TEMPORARY_ERROR,
)


def is_senders_fault(err: IppError | InputError | HomeAssistantError) -> bool:
    """Return whether a document was refused for what it is, or how it was sent."""
    if isinstance(err, IppError):
        return err.status not in _OURS
    key = err.reason if isinstance(err, InputError) else err.translation_key or ""
    return key != "guard_rate" and _STATUSES.get(key) not in _OURS


async def async_refusal(hass: HomeAssistant, err: HomeAssistantError) -> IppError:
    """Return the answer to a request that failed, with the reason in the language of the house."""
    key = err.translation_key or ""
    status = _STATUSES.get(key, Status.NOT_POSSIBLE)
    if key.endswith(_OPTION):
        status = Status.ATTRIBUTES_NOT_SUPPORTED
    text = await async_error_text(hass, key, err.translation_placeholders or {})
    return IppError(status, text or "")
