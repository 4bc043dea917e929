"""WebSocket commands of the dashboard card: printers and jobs as they change, options, actions.

Only these commands can send requests to the service: actions; the subscription to scans, for the conditions of the
scanners; and the commands that send a printer's options or plan a move, if the printer's capabilities are not cached.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Final

from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.components.websocket_api import async_register_command
from homeassistant.components.websocket_api.connection import ActiveConnection
from homeassistant.components.websocket_api.const import (
    ERR_INVALID_FORMAT,
    ERR_SERVICE_VALIDATION_ERROR,
    WebSocketCommandHandler,
)
from homeassistant.components.websocket_api.decorators import (
    async_response,
    require_admin,
    websocket_command,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ServiceNotFound, ServiceValidationError
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.util.json import JsonObjectType
import voluptuous as vol

from ..const import CONF_DEFAULT_OPTIONS, CONF_PRINTER_OPTIONS, DOMAIN, KEEP_PRINTED_HOURS
from ..devices import Target, async_check_target, async_target
from ..documents.sheets import async_find_corners
from ..documents.spool import async_get_spool
from ..error_texts import translating
from ..input_error import InputError
from ..jobs.job import Job
from ..jobs.rules import max_document_bytes
from ..printing.handlers import ACTIONS
from ..printing.print_action import job_dict
from ..printing.queries import async_describe_capabilities
from ..printing.reprint import async_plan_move
from ..scanner.actions import SCAN_ACTIONS, async_look_at_scanners, describe_scanners
from ..scanner.hub import SIGNAL_SCANS
from .job_feed import Subscription, async_get_feed

WS_SUBSCRIBE: Final = f"{DOMAIN}/jobs/subscribe"
WS_CONFIRM: Final = f"{DOMAIN}/jobs/confirm"
WS_PLAN_MOVE: Final = f"{DOMAIN}/jobs/plan_move"
WS_OPTIONS: Final = f"{DOMAIN}/printer/options"
WS_ACTION: Final = f"{DOMAIN}/action"
WS_SCANS: Final = f"{DOMAIN}/scans/subscribe"
WS_FORGET: Final = f"{DOMAIN}/document/forget"
WS_CORNERS: Final = f"{DOMAIN}/document/corners"
WS_KEEP: Final = f"{DOMAIN}/printed/keep"

# Maximum printers of one card.
MAX_CARD_DEVICES: Final = 50
# Hours for which printed documents are kept once somebody has chosen in the card to keep them.
KEPT_HOURS: Final = 7 * 24


@callback
def async_setup(hass: HomeAssistant) -> None:
    async_register_command(hass, _ws_subscribe)
    async_register_command(hass, _ws_confirm)
    async_register_command(hass, _ws_plan_move)
    async_register_command(hass, _ws_options)
    async_register_command(hass, _ws_action)
    async_register_command(hass, _ws_forget)
    async_register_command(hass, _ws_corners)
    async_register_command(hass, _ws_keep)
    async_register_command(hass, _ws_scans)


type CardMessage = dict[str, Any]


def _answers_mistakes(
    handler: Callable[[HomeAssistant, ActiveConnection, CardMessage], Awaitable[None]],
) -> WebSocketCommandHandler:
    """Make a handler answer a user's mistake with an error that is not logged, because it may quote file names."""

    @async_response
    @wraps(handler)
    async def answer(hass: HomeAssistant, connection: ActiveConnection, msg: CardMessage) -> None:
        try:
            with translating():
                await handler(hass, connection, msg)
        except vol.Invalid as err:
            connection.send_error(msg["id"], ERR_INVALID_FORMAT, str(err))
        except ServiceValidationError as err:
            connection.send_error(
                msg["id"],
                ERR_SERVICE_VALIDATION_ERROR,
                str(err),
                translation_domain=err.translation_domain,
                translation_key=err.translation_key,
                translation_placeholders=err.translation_placeholders,
            )

    return answer


@websocket_command(
    {
        vol.Required("type"): WS_SUBSCRIBE,
        vol.Optional("device_ids"): vol.All(
            [vol.All(str, vol.Length(max=64))], vol.Length(max=MAX_CARD_DEVICES)
        ),
    }
)
@_answers_mistakes
async def _ws_subscribe(
    hass: HomeAssistant, connection: ActiveConnection, msg: CardMessage
) -> None:
    """Send the printers that the user may see and their jobs, now and after each change."""
    feed = async_get_feed(hass)
    subscription = Subscription(connection, msg["id"], msg.get("device_ids"))
    connection.subscriptions[msg["id"]] = feed.async_subscribe(subscription)
    connection.send_result(msg["id"])
    await feed.async_send(subscription)


@websocket_command(
    {
        vol.Required("type"): WS_CONFIRM,
        vol.Required("device_id"): str,
        vol.Required("job_id"): str,
    }
)
@_answers_mistakes
async def _ws_confirm(hass: HomeAssistant, connection: ActiveConnection, msg: CardMessage) -> None:
    """Confirm an unconfirmed job for a user who has the printed pages in hand."""
    target, job = await _async_controlled_job(hass, connection, msg)
    connection.send_result(msg["id"], job_dict(await target.data.queue.async_confirm(job.job_id)))


@websocket_command(
    {
        vol.Required("type"): WS_PLAN_MOVE,
        vol.Required("device_id"): str,
        vol.Required("job_id"): str,
        vol.Required("to_device_id"): str,
    }
)
@_answers_mistakes
async def _ws_plan_move(
    hass: HomeAssistant, connection: ActiveConnection, msg: CardMessage
) -> None:
    """Send the options that would change if a job moved to another printer, and those to be chosen before the move."""
    target, job = await _async_controlled_job(hass, connection, msg)
    other = await _async_controlled(hass, connection, {**msg, "device_id": msg["to_device_id"]})
    connection.send_result(msg["id"], await async_plan_move(target, job, other))


@websocket_command(
    {
        vol.Required("type"): WS_ACTION,
        vol.Required("service"): str,
        vol.Required("service_data"): dict,
    }
)
@_answers_mistakes
async def _ws_action(hass: HomeAssistant, connection: ActiveConnection, msg: CardMessage) -> None:
    """Run one of the integration's actions as the connection's user, and send the action's response."""
    name, data, context = msg["service"], msg["service_data"], connection.context(msg)
    if (action := ACTIONS.get(name) or SCAN_ACTIONS.get(name)) is None:
        raise ServiceNotFound(DOMAIN, name)
    connection.send_result(msg["id"], {"response": await action.call(hass, data, context)})


@websocket_command(
    {
        vol.Required("type"): WS_FORGET,
        vol.Required("document"): vol.All(str, vol.Length(max=64)),
    }
)
@async_response
async def _ws_forget(hass: HomeAssistant, connection: ActiveConnection, msg: CardMessage) -> None:
    """Delete a document that is kept for a preview. The handle is a secret, so anyone who knows it may do this."""
    await (await async_get_spool(hass)).async_forget(msg["document"])
    connection.send_result(msg["id"])


@websocket_command(
    {
        vol.Required("type"): WS_CORNERS,
        vol.Required("document"): vol.All(str, vol.Length(max=64)),
    }
)
@_answers_mistakes
async def _ws_corners(hass: HomeAssistant, connection: ActiveConnection, msg: CardMessage) -> None:
    """Send the corners of the page in a picture that is kept for a preview or page count; the handle is a secret.

    The answer has `found`, `corners` in the form of the print action's `clean_corners` (the corners of the whole
    picture if no page was found), and `width` and `height`, whose ratio is that of the upright picture.
    """
    spool = await async_get_spool(hass)
    async with spool.scope():
        document = await spool.async_copy_kept(msg["document"])
        corners = await async_find_corners(hass, document, connection.user.id)
    connection.send_result(msg["id"], corners)


@websocket_command({vol.Required("type"): WS_KEEP, vol.Required("device_id"): str})
@require_admin
@_answers_mistakes
async def _ws_keep(hass: HomeAssistant, connection: ActiveConnection, msg: CardMessage) -> None:
    """From now on, make a printer's box keep each printed document for a week, so that it can be printed again."""
    entry = async_target(hass, msg["device_id"]).entry
    if not KEEP_PRINTED_HOURS.of(entry.options):
        options = {**entry.options, KEEP_PRINTED_HOURS.key: KEPT_HOURS}
        hass.config_entries.async_update_entry(entry, options=options)
    connection.send_result(msg["id"])


@websocket_command({vol.Required("type"): WS_OPTIONS, vol.Required("device_id"): str})
@_answers_mistakes
async def _ws_options(hass: HomeAssistant, connection: ActiveConnection, msg: CardMessage) -> None:
    """Send a printer's options (None if the driver lists none), the defaults, and the maximum bytes of a document."""
    target = await _async_controlled(hass, connection, msg)
    described = await async_describe_capabilities(target, connection.context(msg))
    connection.send_result(
        msg["id"],
        {
            **described,
            "defaults": _defaults(target, described),
            "max_document_bytes": max_document_bytes(target.entry.options),
        },
    )


@websocket_command({vol.Required("type"): WS_SCANS})
@callback
def _ws_scans(hass: HomeAssistant, connection: ActiveConnection, msg: CardMessage) -> None:
    """Send the scanners that the user may control, each with its open or last scan, now and after each change."""
    before: list[JsonObjectType] | None = None

    @callback
    def send() -> None:
        nonlocal before
        scanners = describe_scanners(hass, connection.user)
        if scanners != before:
            before = scanners
            connection.send_event(msg["id"], {"scanners": scanners})

    connection.subscriptions[msg["id"]] = async_dispatcher_connect(hass, SIGNAL_SCANS, send)
    connection.send_result(msg["id"])
    send()
    # The conditions that the scanners reported earlier may have changed.
    async_look_at_scanners(hass, connection.user)


async def _async_controlled(
    hass: HomeAssistant, connection: ActiveConnection, msg: CardMessage
) -> Target:
    """Return the printer that a message names, after checking that the user may control it.

    Raises Unauthorized, and the errors of `async_target`.
    """
    target = async_target(hass, msg["device_id"])
    await async_check_target(hass, target, connection.context(msg), POLICY_CONTROL)
    return target


async def _async_controlled_job(
    hass: HomeAssistant, connection: ActiveConnection, msg: CardMessage
) -> tuple[Target, Job]:
    """Return the printer and the job that a message names, after checking that the user may control the printer.

    Raises the errors of `_async_controlled`, and InputError (job_not_found).
    """
    target = await _async_controlled(hass, connection, msg)
    job = target.data.queue.get(msg["job_id"])
    if job.spec.printer_key != target.printer_key:
        raise InputError("job_not_found", job_id=msg["job_id"][:64])
    return target, job


def _defaults(target: Target, described: JsonObjectType) -> JsonObjectType:
    """Return the default options, with names in place of ids.

    The user's defaults for the printer override those for the box, which override the driver's.
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
