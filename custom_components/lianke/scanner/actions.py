"""The actions that scan and copy, and the descriptions of scans for responses and for the card."""

from collections.abc import Iterable
from typing import Any, Final

from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant, ServiceCall, ServiceResponse, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.target import TargetSelection
from homeassistant.util.json import JsonObjectType, JsonValueType
import voluptuous as vol

from ..box.printer_status import PrinterSnapshot
from ..const import CONF_SCAN_SCRIPT, DOMAIN, ScanColor, ScanSource
from ..devices import (
    async_printer_device,
    async_target,
    async_targeted_devices,
    join_names,
)
from ..documents.folders import find_or_create_folder
from ..documents.sheets import WHOLE_PICTURE
from ..error_texts import async_whole_error, cached_error_text
from ..input_error import InputError
from ..people.rights import async_check_change
from ..printing.handlers import Action
from ..printing.schemas import (
    DEFAULT_WAIT,
    JOB_FIELDS,
    MAX_ADDRESS,
    MAX_FIELD_NAME,
    OPTION_FIELDS,
    PICTURE_CUT,
    TARGET_FIELDS,
    OneOf,
)
from ..runtime import LiankeConfigEntry, async_loaded_entries
from .hub import (
    async_get_hub,
    is_scanning_enabled,
    scanner_device,
    scanner_devices,
    scanner_status_entity,
)
from .scan_delivery import (
    async_get_deliveries,
    async_run_script,
    deliveries_to,
    reason_missing,
)
from .scan_job import (
    BROKEN,
    ID_CARD,
    NOT_PRINTED,
    Destination,
    ScanAnswer,
    ScanFormat,
    ScanJob,
    ScanRequest,
    ScanState,
    media_id,
)
from .scan_jobs import async_get_scan_jobs
from .scan_rules import MAX_SCAN_PAGES
from .scan_view import async_describe_scan, file_path, may_use, picture_paths
from .scanner_abilities import ScannerAbilities

SERVICE_SCAN: Final = "scan"
# Maximum number of tags in a call of an action.
MAX_TAGS: Final = 20
# Print options that the action `copy` accepts.
_COPY_OPTIONS: Final = ("copies", "paper", "duplex", "scale", "tray", "media_type", "quality")

_SEND_TO: Final = {
    vol.Optional("send_to", default=list): vol.All(cv.ensure_list, [OneOf([*Destination])]),
    vol.Optional("tags", default=list): vol.All(
        cv.ensure_list,
        vol.Length(max=MAX_TAGS),
        [vol.All(cv.string, vol.Length(min=1, max=MAX_FIELD_NAME))],
    ),
}
_WAIT: Final = {
    **{key: check for key, check in JOB_FIELDS.items() if key == "wait_timeout"},
    vol.Optional("wait", default=True): cv.boolean,
}
_SCANNED: Final = {
    **TARGET_FIELDS,
    vol.Optional("source", default=ScanSource.GLASS.value): OneOf([*ScanSource]),
    vol.Optional("color", default=ScanColor.COLOR.value): OneOf([*ScanColor]),
    vol.Optional("size"): vol.All(cv.string, vol.Length(max=MAX_FIELD_NAME)),
    vol.Optional("scan_duplex", default=False): cv.boolean,
    vol.Optional("several_pages", default=False): cv.boolean,
    vol.Optional("straighten", default=False): cv.boolean,
    **_WAIT,
}
SCAN_SCHEMA: Final = vol.Schema(
    {
        **_SCANNED,
        vol.Optional("two_stacks", default=False): cv.boolean,
        vol.Optional("skip_blank", default=False): cv.boolean,
        vol.Optional("format", default=ScanFormat.PDF.value): OneOf([*ScanFormat]),
        vol.Optional("filename"): vol.All(cv.string, vol.Length(max=MAX_FIELD_NAME)),
        vol.Optional("folder"): vol.All(cv.string, vol.Length(max=MAX_ADDRESS)),
        **_SEND_TO,
    }
)
COPY_SCHEMA: Final = vol.Schema(
    {
        **_SCANNED,
        vol.Optional("printer"): vol.All(cv.string, vol.Length(max=MAX_FIELD_NAME)),
        vol.Optional("sheet"): OneOf([ID_CARD]),
        **{key: check for key, check in OPTION_FIELDS.items() if key in _COPY_OPTIONS},
        **{key: check for key, check in JOB_FIELDS.items() if key == "request_id"},
    }
)
CONTINUE_SCAN_SCHEMA: Final = vol.Schema(
    {
        **TARGET_FIELDS,
        vol.Optional("scan_id"): vol.All(cv.string, vol.Length(max=MAX_FIELD_NAME)),
        vol.Required("answer"): OneOf([*ScanAnswer]),
        vol.Optional("page"): vol.All(cv.positive_int, vol.Range(min=1, max=2 * MAX_SCAN_PAGES)),
        vol.Optional("crop"): PICTURE_CUT,
        vol.Optional("straighten", default=False): cv.boolean,
        **_SEND_TO,
        **_WAIT,
    }
)


@callback
def _resolve(hass: HomeAssistant, data: dict[str, Any]) -> tuple[LiankeConfigEntry, str]:
    """Return the entry and the id of the only scanner that a call targets.

    Raises InputError: scanning_off, scanner_missing, printer_not_scanner, printer_without_scanner,
    target_several_scanners.
    """
    if not is_scanning_enabled(hass):
        raise InputError("scanning_off")
    devices = async_targeted_devices(hass, TargetSelection(dict(data)))
    found = [
        (entry, scanner.scanner_id)
        for entry in async_loaded_entries(hass)
        for scanner in async_get_hub(hass, entry).scanners.values()
        if (device := scanner_device(hass, entry, scanner.scanner_id)) and device.id in devices
    ]
    if not found:
        raise _no_scanner(hass, devices)
    if len(found) > 1:
        raise InputError("target_several_scanners")
    return found[0]


def _no_scanner(hass: HomeAssistant, devices: set[str]) -> InputError:
    """Return the error for a target without a scanner; for a printer, it names the scanner to use."""
    for entry in async_loaded_entries(hass):
        beside = scanners_by_printer(hass, entry)
        for key in entry.runtime_data.coordinator.data.printers:
            device = async_printer_device(hass, entry, key)
            if device is None or device.id not in devices:
                continue
            scanners = [
                scanner.name_by_user or scanner.name or scanner_id
                for scanner_id, scanner in scanner_devices(hass, entry)
                if beside.get(key, (scanner_id,))[0] == scanner_id
            ]
            reason = "printer_not_scanner" if scanners else "printer_without_scanner"
            name = device.name_by_user or device.name or key
            return InputError(reason, device=name, scanners=join_names(scanners))
    return InputError("scanner_missing")


async def _async_scanner(hass: HomeAssistant, call: ServiceCall) -> tuple[LiankeConfigEntry, str]:
    """Return the same as `_resolve`, after checking that the caller and the person behind it may control the scanner.

    Raises the same errors as `_resolve` and `async_check_change`.
    """
    entry, scanner_id = _resolve(hass, call.data)
    title = async_get_hub(hass, entry).scanners[scanner_id].name
    await async_check_change(
        hass, call.context, scanner_status_entity(hass, entry, scanner_id), title
    )
    return entry, scanner_id


async def async_check_scan(
    hass: HomeAssistant, entry: LiankeConfigEntry, job: ScanJob, context: Context
) -> None:
    """Check that the caller and the person behind the call may control a scan's scanner.

    Raises the same errors as `async_check_change`.
    """
    await async_check_change(
        hass, context, scanner_status_entity(hass, entry, job.scanner_id), job.title
    )


def _scan_request(data: dict[str, Any], form: ScanFormat) -> ScanRequest:
    return ScanRequest(
        color=ScanColor(data["color"]),
        source=ScanSource(data["source"]),
        duplex=data["scan_duplex"],
        size=data.get("size") or None,
        format=form,
        two_stacks=data.get("two_stacks", False),
        skip_blank=data.get("skip_blank", False),
    )


async def _async_scan(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    entry, scanner_id = await _async_scanner(hass, call)
    folder = None
    if "folder" in call.data:
        folder = await hass.async_add_executor_job(find_or_create_folder, hass, call.data["folder"])
    most = 2 * MAX_SCAN_PAGES if call.data["two_stacks"] else MAX_SCAN_PAGES
    job = await async_get_scan_jobs(hass, entry).async_start(
        scanner_id,
        _scan_request(call.data, ScanFormat(call.data["format"])),
        call.context,
        most=most if call.data["several_pages"] else None,
        straighten=call.data["straighten"],
        filename=call.data.get("filename"),
        folder=folder,
        deliveries=deliveries_to(hass, entry, call.data["send_to"], call.data["tags"]),
    )
    return await _async_outcome(hass, entry, job, call)


async def _async_copy(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    entry, scanner_id = await _async_scanner(hass, call)
    jobs = async_get_scan_jobs(hass, entry)
    name = jobs.hub.get(scanner_id).name
    if (printer := call.data.get("printer") or _own_printer(hass, entry, name)) is None:
        raise InputError("copy_printer_missing")
    target = async_target(hass, printer)
    printing = {key: call.data[key] for key in _COPY_OPTIONS if key in call.data}
    data: dict[str, Any] = dict(call.data)
    most = MAX_SCAN_PAGES if data["several_pages"] else None
    if data.get("sheet") == ID_CARD:
        if data["source"] != ScanSource.GLASS:
            raise InputError("id_card_on_glass")
        if data["straighten"]:
            raise InputError("scan_page_fixed")
        # The card is cut out of each page as a fraction of that page, so the size of the page must be known.
        printing["sheet"], data["size"], most = ID_CARD, "A4", 2 if most is None else 3
    job = await jobs.async_start(
        scanner_id,
        _scan_request(data, ScanFormat.PDF),
        call.context,
        most=most,
        straighten=data["straighten"],
        printing={**printing, "device_id": target.device_id},
        request_id=data.get("request_id"),
    )
    return await _async_outcome(hass, entry, job, call)


def _own_printer(hass: HomeAssistant, entry: LiankeConfigEntry, scanner_name: str) -> str | None:
    """Return the device id of the printer that `_printers_with` returns; None if it returns no printer or several."""
    devices = [
        device.id
        for view in _printers_with(entry, scanner_name)
        if (device := async_printer_device(hass, entry, view.key))
    ]
    return devices[0] if len(devices) == 1 else None


def _printers_with(entry: LiankeConfigEntry, scanner_name: str) -> list[PrinterSnapshot]:
    """Return the printers that may contain a scanner.

    These are the printers whose name or model is the scanner's name, or all printers of the box if no printer matches.
    """
    views = list(entry.runtime_data.coordinator.data.printers.values())
    return [view for view in views if scanner_name in (view.name, view.printer.model)] or views


@callback
def scanners_by_printer(
    hass: HomeAssistant, entry: LiankeConfigEntry
) -> dict[str, tuple[str, str]]:
    """Return, by printer key, the scanner id and the device id of the scanner that the card offers with the printer."""
    found: dict[str, tuple[str, str]] = {}
    for scanner in async_get_hub(hass, entry).scanners.values():
        device = scanner_device(hass, entry, scanner.scanner_id)
        if device is None or not scanner.present:
            continue
        for view in _printers_with(entry, scanner.name):
            found.setdefault(view.key, (scanner.scanner_id, device.id))
    return found


async def _async_continue(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    if scan_id := call.data.get("scan_id"):
        entry, job = await async_find_scan(hass, scan_id)
        jobs = async_get_scan_jobs(hass, entry)
    else:
        entry, scanner_id = _resolve(hass, call.data)
        jobs = async_get_scan_jobs(hass, entry)
        await jobs.hub.async_listed()
        if (found := jobs.unfinished_job(scanner_id)) is None:
            raise InputError("scan_not_waiting")
        job = found
    await async_check_scan(hass, entry, job, call.context)
    answer = ScanAnswer(call.data["answer"])
    if answer is ScanAnswer.SEND_TO and (wanted := call.data.get("send_to")):
        new = deliveries_to(hass, entry, wanted, call.data["tags"])
        job = await async_get_deliveries(hass, entry).async_send(job, new)
    elif answer is ScanAnswer.SEND_TO:
        await async_run_script(hass, entry, job, call.context)
    else:
        cut = call.data.get("crop")
        job = await jobs.async_answer(
            job.job_id,
            answer,
            call.data.get("page", 0),
            cut=None if cut is None else WHOLE_PICTURE | cut,
            straighten=call.data["straighten"],
        )
    return await _async_outcome(hass, entry, job, call)


async def async_find_scan(hass: HomeAssistant, scan_id: str) -> tuple[LiankeConfigEntry, ScanJob]:
    """Return the scan with this id, and the entry of its box. Raises InputError: scanning_off, scan_gone."""
    if not is_scanning_enabled(hass):
        raise InputError("scanning_off")
    for entry in async_loaded_entries(hass):
        await async_get_hub(hass, entry).async_listed()
        for job in async_get_scan_jobs(hass, entry).all:
            if job.job_id == scan_id:
                return entry, job
    raise InputError("scan_gone")


async def _async_outcome(
    hass: HomeAssistant, entry: LiankeConfigEntry, job: ScanJob, call: ServiceCall
) -> ServiceResponse:
    """Wait for the scan if the call says so, and return the scan's description.

    If the scan has failed and the call gets no response, raises HomeAssistantError instead.
    """
    if call.data["wait"]:
        seconds = call.data.get("wait_timeout", DEFAULT_WAIT).total_seconds()
        job = await async_get_scan_jobs(hass, entry).async_wait(job.job_id, seconds)
    failed = [one for one in job.deliveries if one.state in BROKEN] if call.data["wait"] else []
    if not call.return_response and (job.state is ScanState.FAILED or failed):
        what = job if job.state is ScanState.FAILED else failed[0]
        if what.reason == NOT_PRINTED:
            raise await async_whole_error(hass, NOT_PRINTED, {"detail": what.detail})
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key=what.reason,
            translation_placeholders={"detail": what.detail},
        )
    return await async_describe_scan(hass, entry, job)


@callback
def describe_scanners(hass: HomeAssistant, user: User) -> list[JsonObjectType]:
    """Return, for the card, the scanners that a user may control, each with its abilities and its newest scan."""
    found: list[JsonObjectType] = []
    for entry in async_loaded_entries(hass):
        jobs = async_get_scan_jobs(hass, entry)
        script = hass.states.get(entry.options.get(CONF_SCAN_SCRIPT, ""))
        for scanner in jobs.hub.scanners.values():
            device = scanner_device(hass, entry, scanner.scanner_id)
            if device is None or not may_use(hass, user, entry, scanner.scanner_id):
                continue
            abilities = scanner.abilities or ScannerAbilities()
            job = next((one for one in jobs.all if one.scanner_id == scanner.scanner_id), None)
            found.append(
                {
                    "device_id": device.id,
                    "name": device.name_by_user or scanner.name,
                    "present": scanner.present,
                    "status": jobs.status(scanner.scanner_id),
                    "sources": _sorted(abilities.sources),
                    "colors": _sorted(abilities.colors),
                    "sizes": _sorted(abilities.sizes),
                    "duplex": abilities.duplex,
                    "printer": _own_printer(hass, entry, scanner.name),
                    "hand_on": None if script is None else script.name,
                    "send_to": [
                        to.value for to in Destination if reason_missing(hass, entry, to) is None
                    ],
                    "scan": None if job is None else _brief(hass, entry, job),
                }
            )
    return found


@callback
def async_look_at_scanners(hass: HomeAssistant, user: User) -> None:
    """Ask the service for the condition of each scanner that a user may control, unless it was asked just before."""
    for entry in async_loaded_entries(hass):
        hub = async_get_scan_jobs(hass, entry).hub
        for scanner_id in hub.scanners:
            if may_use(hass, user, entry, scanner_id):
                entry.async_create_background_task(
                    hass, hub.async_look(scanner_id), "lianke: look at a scanner"
                )


def _sorted(names: Iterable[str] | None) -> list[JsonValueType] | None:
    return None if names is None else [str(name) for name in sorted(names)]


def _brief(hass: HomeAssistant, entry: LiankeConfigEntry, job: ScanJob) -> JsonObjectType:
    pictures = picture_paths(entry, job)
    # `detail` is in Home Assistant's language, so send the whole message in that language. Otherwise, the card would
    # put `detail` into a text in the user's language.
    whole = job.reason == NOT_PRINTED and cached_error_text(
        hass, job.reason, {"detail": job.detail}
    )
    return {
        "scan_id": job.job_id,
        "state": job.state.value,
        "pages": job.page_count,
        "newest": len(job.each_page(job.pages[len(job.pages) - job.newest :])),
        "replaces": len(job.each_page(job.replaces)),
        "reason": job.reason,
        "detail": job.detail,
        "message": whole or None,
        "source": job.request.source.value,
        "is_copy": bool(job.printing),
        "sheet": job.printing.get("sheet"),
        "stack": job.stack and job.stack.value,
        "left_out": len(job.left_out),
        "pictures": list[JsonValueType](pictures[: job.page_count]),
        "left_out_pictures": list[JsonValueType](pictures[job.page_count :]),
        "files": [media_id(entry.entry_id, job, name) for name in job.files],
        "downloads": [
            {"name": name, "path": file_path(entry, job, number)}
            for number, name in enumerate(job.files)
        ],
        "print_jobs": list(job.print_jobs),
        "request_id": job.request_id,
        "deliveries": [
            {
                "to": one.to.value,
                "state": one.shown_state,
                "reason": one.reason,
                "detail": one.detail,
            }
            for one in job.deliveries
            if job.state is ScanState.COMPLETED
        ],
    }


SCAN_ACTIONS: Final = {
    action.name: action
    for action in (
        Action(SERVICE_SCAN, _async_scan, SCAN_SCHEMA),
        Action("copy", _async_copy, COPY_SCHEMA),
        Action("continue_scan", _async_continue, CONTINUE_SCAN_SCHEMA),
    )
}
