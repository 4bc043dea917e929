"""What the dashboard card and other screens ask: printers and jobs as they change, and how to print.

Nothing here asks the cloud, except for a printer's options that nobody has asked for in a week.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
import logging
from typing import Any, Final

from homeassistant.auth.permissions.const import POLICY_CONTROL, POLICY_READ
from homeassistant.components.websocket_api import async_register_command
from homeassistant.components.websocket_api.connection import ActiveConnection
from homeassistant.components.websocket_api.decorators import async_response, websocket_command
from homeassistant.config_entries import (
    SIGNAL_CONFIG_ENTRY_CHANGED,
    ConfigEntry,
    ConfigEntryChange,
    ConfigEntryState,
)
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.exceptions import Unauthorized
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.debounce import Debouncer
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.json import JsonObjectType, JsonValueType
import probatio

from .api.models import PrinterCondition
from .const import CONF_DEFAULT_OPTIONS, CONF_PRINTER_OPTIONS, DOMAIN
from .coordinator import PrinterView
from .devices import printer_identifier
from .documents.document import input_error
from .jobs.job import Job
from .jobs.settings import max_document_bytes
from .late import async_load
from .runtime import LiankeConfigEntry
from .status import PrinterStatus
from .targets import STATUS_KEY, Target, async_target

SUBSCRIBE: Final = f"{DOMAIN}/jobs/subscribe"
CONFIRM: Final = f"{DOMAIN}/jobs/confirm"
OPTIONS: Final = f"{DOMAIN}/printer/options"

# Seconds between two messages of a subscription; the first change is told at once.
PACE = 0.25
MAX_FINISHED = 20
MAX_DEVICES = 50

_FAULTS: Mapping[PrinterStatus, Callable[[PrinterCondition], bool | None]] = {
    PrinterStatus.COVER_OPEN: lambda condition: condition.cover_open,
    PrinterStatus.PAPER_JAM: lambda condition: condition.paper_jam,
    PrinterStatus.OUT_OF_PAPER: lambda condition: condition.out_of_paper,
    PrinterStatus.OUT_OF_RIBBON: lambda condition: condition.out_of_ribbon,
    PrinterStatus.OUT_OF_INK: lambda condition: condition.out_of_ink,
}
_OFF = (PrinterStatus.BOX_OFFLINE, PrinterStatus.DISCONNECTED)

_LOGGER = logging.getLogger(__name__)


@callback
def async_setup(hass: HomeAssistant) -> None:
    """Register the commands."""
    async_register_command(hass, _ws_subscribe)
    async_register_command(hass, _ws_confirm)
    async_register_command(hass, _ws_options)


@websocket_command(
    {
        probatio.Required("type"): SUBSCRIBE,
        probatio.Optional("device_ids"): probatio.All(
            [probatio.All(str, probatio.Length(max=64))], probatio.Length(max=MAX_DEVICES)
        ),
    }
)
@callback
def _ws_subscribe(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
    """Send the printers that the user may see and their jobs, now and whenever they change."""
    feed = hass.data.get(DATA_FEED)
    if feed is None:
        feed = hass.data[DATA_FEED] = _Feed(hass)
    screen = _Screen(connection, msg["id"], msg.get("device_ids"))
    connection.subscriptions[msg["id"]] = feed.async_add(screen)
    connection.send_result(msg["id"])
    screen.show(feed.view(screen))


@websocket_command(
    {
        probatio.Required("type"): CONFIRM,
        probatio.Required("device_id"): str,
        probatio.Required("job_id"): str,
    }
)
@callback
def _ws_confirm(hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]) -> None:
    """Settle an unconfirmed job by the word of a user who has the paper in hand."""
    target = _controlled(hass, connection, msg["device_id"])
    queue = target.data.queue
    job = queue.get(msg["job_id"])
    if job.printer_key != target.printer_key:
        raise input_error("job_not_found", job_id=msg["job_id"][:64])
    connection.send_result(msg["id"], queue.confirm(job.job_id).as_view())


@websocket_command({probatio.Required("type"): OPTIONS, probatio.Required("device_id"): str})
@async_response
async def _ws_options(
    hass: HomeAssistant, connection: ActiveConnection, msg: dict[str, Any]
) -> None:
    """Send what a printer offers, what it does when nothing is chosen, and how large a file may be.

    Lists are None where the driver does not say; the size is in bytes.
    """
    target = _controlled(hass, connection, msg["device_id"])
    await async_load(hass, "surveys")
    from .surveys import describe_capabilities  # noqa: PLC0415  # see late

    coordinator = target.data.coordinator
    capabilities = await coordinator.get_capabilities(target.printer_key)
    papers = await coordinator.get_papers(target.printer_key)
    described = describe_capabilities(target.view, capabilities, papers)
    connection.send_result(
        msg["id"],
        {
            **described,
            "defaults": _defaults(target, described),
            "max_document_bytes": max_document_bytes(target.entry.options),
        },
    )


def _controlled(hass: HomeAssistant, connection: ActiveConnection, device_id: str) -> Target:
    """Return a printer that the user of the connection may control.

    Raises Unauthorized, and ServiceValidationError for a device that is no printer of ours.
    """
    target = async_target(hass, device_id)
    if not _allowed(hass, connection, target.entry, target.printer_key, POLICY_CONTROL):
        raise Unauthorized(permission=POLICY_CONTROL)
    return target


def _allowed(
    hass: HomeAssistant,
    connection: ActiveConnection,
    entry: LiankeConfigEntry,
    printer_key: str,
    policy: str,
) -> bool:
    """Return whether the user has the policy on the printer's status entity."""
    entity_id = er.async_get(hass).async_get_entity_id(
        "sensor", DOMAIN, f"{entry.unique_id}_{printer_key}_{STATUS_KEY}"
    )
    user = connection.user
    return user.is_admin if entity_id is None else user.permissions.check_entity(entity_id, policy)


def _defaults(target: Target, described: JsonObjectType) -> JsonObjectType:
    """Return what applies where a call is silent: the printer's option, the entry's, the driver's.

    Ids are given by the names that the printer's lists have for them.
    """
    options = target.entry.options
    driver = described["defaults"]
    assert isinstance(driver, dict)
    merged = driver | options.get(CONF_DEFAULT_OPTIONS, {})
    merged |= options.get(CONF_PRINTER_OPTIONS, {}).get(target.printer_key, {})
    for option, offered in (("paper", "papers"), ("tray", "trays"), ("media_type", "media_types")):
        items = described[offered]
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict) and str(item["id"]) == str(merged.get(option)):
                merged[option] = item["name"]
    return {name: merged.get(name) for name in driver}


class _Screen:
    """One subscription: who looks, and at which printers."""

    def __init__(
        self,
        connection: ActiveConnection,
        number: int,
        device_ids: list[str] | None,
    ) -> None:
        """Prepare messages with this number, about these devices or, with None, about all."""
        self.connection = connection
        self.device_ids = None if device_ids is None else frozenset(device_ids)
        self._number = number
        self._shown: JsonObjectType | None = None

    def show(self, view: JsonObjectType) -> None:
        """Send the view unless it is what the screen shows already."""
        if view != self._shown:
            self._shown = view
            self.connection.send_event(self._number, view)


class _Feed:
    """What all subscriptions share: it listens to the boxes for as long as anybody looks."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Prepare a feed that listens to nothing yet."""
        self._hass = hass
        self._screens: set[_Screen] = set()
        self._signals: list[CALLBACK_TYPE] = []
        self._boxes: dict[str, list[CALLBACK_TYPE]] = {}
        self._refresher = Debouncer(
            hass, _LOGGER, cooldown=PACE, immediate=True, function=self._refresh
        )

    @callback
    def async_add(self, screen: _Screen) -> CALLBACK_TYPE:
        """Keep a screen up to date; returns what ends that."""
        if not self._screens:
            self._signals = [
                async_dispatcher_connect(
                    self._hass, SIGNAL_CONFIG_ENTRY_CHANGED, self._entry_changed
                ),
                self._hass.bus.async_listen(dr.EVENT_DEVICE_REGISTRY_UPDATED, self._device_changed),
            ]
            for entry in self._hass.config_entries.async_loaded_entries(DOMAIN):
                self._listen(entry)
        self._screens.add(screen)
        return partial(self._remove, screen)

    @callback
    def _remove(self, screen: _Screen) -> None:
        self._screens.discard(screen)
        if self._screens:
            return
        self._refresher.async_cancel()
        for entry_id in list(self._boxes):
            self._leave(entry_id)
        while self._signals:
            self._signals.pop()()

    @callback
    def _listen(self, entry: LiankeConfigEntry) -> None:
        data = entry.runtime_data
        self._boxes[entry.entry_id] = [
            # Once the queue has drawn its conclusions from what is new.
            data.coordinator.async_listen_afterwards(self._refresh_soon),
            data.queue.watch(self._refresh_soon),
        ]

    @callback
    def _leave(self, entry_id: str) -> None:
        for unsubscribe in self._boxes.pop(entry_id, ()):
            unsubscribe()

    @callback
    def _entry_changed(self, _change: ConfigEntryChange, entry: ConfigEntry) -> None:
        if entry.domain != DOMAIN:
            return
        loaded = entry.state is ConfigEntryState.LOADED
        if loaded == (entry.entry_id in self._boxes):
            return
        if loaded:
            self._listen(entry)
        else:
            self._leave(entry.entry_id)
        self._refresher.async_schedule_call()

    @callback
    def _device_changed(self, event: Event[dr.EventDeviceRegistryUpdatedData]) -> None:
        # A new device, or a new name of one.
        if event.data["action"] != "remove" and self._is_ours(event.data["device_id"]):
            self._refresher.async_schedule_call()

    def _is_ours(self, device_id: str) -> bool:
        device = dr.async_get(self._hass).async_get(device_id)
        return device is not None and device.config_entry_id in self._boxes

    @callback
    def _refresh_soon(self) -> None:
        if self._screens:
            self._refresher.async_schedule_call()

    @callback
    def _refresh(self) -> None:
        for screen in list(self._screens):
            screen.show(self.view(screen))

    def view(self, screen: _Screen) -> JsonObjectType:
        """Return the printers that a screen may show, all their open jobs and the last others."""
        printers: JsonObjectType = {}
        open_jobs: list[JsonValueType] = []
        finished: list[tuple[Job, str]] = []
        for entry in self._hass.config_entries.async_loaded_entries(DOMAIN):
            for device, printer in self._printers(entry, screen):
                may_control = _allowed(
                    self._hass, screen.connection, entry, printer.key, POLICY_CONTROL
                )
                jobs = entry.runtime_data.queue.jobs(printer.key)
                printers[device.id] = {
                    **_describe(entry, printer),
                    "name": device.name_by_user or device.name or printer.name,
                    "may_control": may_control,
                }
                open_jobs += [_job(job, device.id) for job in jobs if not job.is_final]
                done = [(job, device.id) for job in jobs if job.is_final]
                finished += done[:MAX_FINISHED]
        finished.sort(key=lambda item: item[0].created_at, reverse=True)
        last = [_job(job, device_id) for job, device_id in finished[:MAX_FINISHED]]
        return {"printers": printers, "jobs": open_jobs + last}

    def _printers(
        self, entry: LiankeConfigEntry, screen: _Screen
    ) -> Iterator[tuple[dr.DeviceEntry, PrinterView]]:
        """Give the printers of a box that a screen asked for and its user may see."""
        registry = dr.async_get(self._hass)
        for printer in entry.runtime_data.coordinator.data.printers.values():
            device = registry.async_get_device_by_identifier(
                printer_identifier(entry, printer.key), entry.entry_id
            )
            if device is None:
                continue
            if screen.device_ids is not None and device.id not in screen.device_ids:
                continue
            if _allowed(self._hass, screen.connection, entry, printer.key, POLICY_READ):
                yield device, printer


DATA_FEED: HassKey[_Feed] = HassKey(f"{DOMAIN}_feed")


def _describe(entry: LiankeConfigEntry, printer: PrinterView) -> JsonObjectType:
    """Return what a screen shows of a printer, besides its name."""
    data = entry.runtime_data
    known = data.memory.printers.get(printer.key)
    condition = None if printer.status in _OFF else printer.condition
    return {
        "status": None if printer.status is None else printer.status.value,
        "waiting": data.queue.waiting(printer.key),
        "hold_reason": data.queue.hold_reason(printer.key),
        "pages_printed": 0 if known is None else known.pages_printed,
        "ink": [
            {"name": marker.name, "level": marker.level, "color": marker.color}
            for marker in printer.printer.markers
        ],
        "problems": [
            fault.value
            for fault, reported in _FAULTS.items()
            if condition is not None and reported(condition)
        ],
    }


def _job(job: Job, device_id: str) -> JsonValueType:
    return {**job.as_view(), "device_id": device_id}
