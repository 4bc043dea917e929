"""Webhook for job callbacks and push messages of the service.

Anyone who learns the address can send anything. Therefore, a callback changes a job only if it contains the job's own
token, and never returns that job to an earlier state. A callback with only the id of a job's task triggers a poll of
the task, and a push triggers a refresh. All senders get the same answers.
"""

import asyncio
from contextlib import suppress
from http import HTTPStatus
import logging
import re
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import ClientError, web
from aiohttp.http_exceptions import HttpProcessingError
from homeassistant.components import webhook
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_DEVICE_ID, CONF_WEBHOOK_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.util.hass_dict import HassKey
from yarl import URL

from .account.callback_url import CallbackUrlManager, async_delete_cloudhook
from .api.addresses import is_loopback
from .api.coerce import to_json
from .api.tasks import parse_callback, parse_push
from .api.unknown import CALLBACK, Unknown, UnknownKind, shape_of, unknown_parts
from .const import CONF_SERVER, DOMAIN
from .ledger_file import LedgerRefusedError
from .runtime import LiankeConfigEntry, async_account, async_account_entries, async_drop_accounts

_LOGGER = logging.getLogger(__name__)

METHODS: Final = ("GET", "POST", "PUT")
# Maximum bytes of a message; a longer message is ignored.
MAX_BODY: Final = 64 * 1024
# Seconds within which the whole body of a message must arrive.
BODY_TIME: Final = 10
# Maximum fields of a form; a form with more fields is ignored.
MAX_FORM_FIELDS: Final = 100
# Maximum characters of a job's token.
MAX_TOKEN: Final = 64
_CONTENT_TYPES: Final = ("application/json", "application/x-www-form-urlencoded", "text/plain")
# Headers that may contain a signature: the service has a secret for callbacks, but no document says how it is used.
_SIGNATURE_HEADERS: Final = re.compile(r"(?i)sign|nonce|timestamp|digest|hmac|lianke")

MANAGERS: HassKey[dict[str, CallbackUrlManager]] = HassKey(f"{DOMAIN}_callback_url_managers")


@callback
def async_open(hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
    """Register the webhook of the entry's account, if it is not registered yet."""
    account = entry.runtime_data.account
    managers = hass.data.setdefault(MANAGERS, {})
    manager = managers.get(account.webhook_id)
    local = is_loopback(URL(entry.data[CONF_SERVER]).host or "")
    if manager is not None:
        if local and not manager.server_is_local:
            manager.server_is_local = True
            manager.update()
        return
    manager = managers[account.webhook_id] = CallbackUrlManager(hass, account)
    manager.server_is_local = local
    webhook.async_register(
        hass,
        DOMAIN,
        "Lianke",
        account.webhook_id,
        async_handle,
        local_only=False,
        allowed_methods=METHODS,
    )
    manager.start()


async def async_release(hass: HomeAssistant, webhook_id: str) -> None:
    """Unregister an account's webhook if no entry uses it. Delete its cloudhook if not even a disabled entry is left.

    While an entry reloads, the webhook stays registered and asks the service to repeat messages for the entry.
    """
    if async_account_entries(hass, webhook_id):
        return
    if (manager := hass.data.get(MANAGERS, {}).pop(webhook_id, None)) is not None:
        manager.stop()
        webhook.async_unregister(hass, webhook_id)
    async_account(hass, webhook_id).set_address(None)
    async_drop_accounts(hass)
    if not async_account_entries(hass, webhook_id, include_disabled=True):
        await async_delete_cloudhook(hass, webhook_id)


async def async_handle(hass: HomeAssistant, webhook_id: str, request: web.Request) -> web.Response:
    """Handle one message. If the message is about a box that is reloading, ask the service to repeat the message."""
    body = await _async_read(request)
    message = _parse(body)
    token = request.query.get("job", "")[:MAX_TOKEN] or None
    claim = parse_callback(message) if isinstance(message, dict) else None
    named = parse_push(message) if claim is None else (claim.device_id,)
    boxes: list[LiankeConfigEntry] = [
        box
        for device_id in named
        if (box := hass.config_entries.async_entry_for_domain_unique_id(DOMAIN, device_id))
        and box.disabled_by is None
        # Messages about a box of another account are not accepted at this address.
        and box.data.get(CONF_WEBHOOK_ID) == webhook_id
    ]
    status = HTTPStatus.OK
    if not boxes:
        members = async_account_entries(hass, webhook_id)
        member = next((one for one in members if one.state is ConfigEntryState.LOADED), None)
        if member is None:
            status = HTTPStatus.SERVICE_UNAVAILABLE
        elif claim is None:
            _remember_shape(hass, member, "of no box of ours", request, body)
            if message:
                # Push messages are not documented: a user who sets up push should learn that a message has arrived.
                member.runtime_data.account.unclear_messages += 1
    for box in boxes:
        if box.state is not ConfigEntryState.LOADED:
            status = HTTPStatus.SERVICE_UNAVAILABLE
        elif claim is not None:
            data = box.runtime_data
            try:
                if await data.queue.tracker.async_on_callback(token, claim):
                    data.storage.save_callback_address(data.account.fingerprint)
                    for part in unknown_parts(CALLBACK, message):
                        data.storage.unknown.observe(part)
            except LedgerRefusedError:
                # The change is not on disk, so a power cut would lose it: let the service repeat the callback.
                status = HTTPStatus.SERVICE_UNAVAILABLE
        else:
            _remember_shape(hass, box, "a push", request, body)
            box.runtime_data.coordinator.async_on_push()
    words = "success" if status is HTTPStatus.OK else "busy"
    return web.json_response({"code": status.value, "msg": words}, status=status)


def _remember_shape(
    hass: HomeAssistant, box: LiankeConfigEntry, name: str, request: web.Request, body: bytes
) -> None:
    """Remember the shape of a message that is not a callback, because such messages are not documented.

    Headers that may contain a signature are included, but not those that show where the message came from.
    """
    log = box.runtime_data.storage.unknown
    query = {key: value for key, value in request.query.items() if key != "job"}
    if not log.has_room(UnknownKind.MESSAGE) or not (body or query):
        return
    signed = {
        name.lower(): value
        for name, value in request.headers.items()
        if _SIGNATURE_HEADERS.search(name)
    }
    seen = {
        "method": request.method,
        "type": request.headers.get("Content-Type", "").partition(";")[0],
        "headers": signed,
        "query": query,
        "body": _parse(body) or _text(body),
    }
    known = {text: text for text in (*METHODS, *_CONTENT_TYPES)} | {
        member.data[CONF_DEVICE_ID]: "id of a box of ours"
        for member in async_account_entries(hass, box.data[CONF_WEBHOOK_ID])
    }
    message = {part: value for part, value in seen.items() if value}
    shape = shape_of(message, known)
    log.observe(Unknown(kind=UnknownKind.MESSAGE, where="webhook", name=name, shape=shape))


def _text(body: bytes) -> str | bytes:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body


async def _async_read(request: web.Request) -> bytes:
    """Return the body of a request; b"" if the body is too long, too slow or broken."""
    # A cloudhook's request is a stand-in whose `content` is a new object at each access.
    content = request.content
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIME):
            while len(body) <= MAX_BODY and (part := await content.read(MAX_BODY + 1)):
                body += part
    except TimeoutError, ClientError, ConnectionError, HttpProcessingError, web.RequestPayloadError:
        return b""
    return bytes(body) if len(body) <= MAX_BODY else b""


def _parse(body: bytes) -> object:
    """Return the content of a body that is JSON or a form; None if it is neither."""
    with suppress(ValueError):
        text = body.decode()
        with suppress(ValueError):
            return to_json(text)
        return dict(parse_qsl(text, max_num_fields=MAX_FORM_FIELDS))
    return None
