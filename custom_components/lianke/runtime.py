"""What is alive of a config entry, and how to find it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_WEBHOOK_ID
from homeassistant.core import CALLBACK_TYPE, Context, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey

from .account.account import Account
from .api.client import LiankeClient
from .api.errors import LiankeError, LiankeInputError
from .box.storage import BoxStorage
from .const import DOMAIN
from .coordinator import LiankeCoordinator
from .jobs.queue import PrintQueue

__all__ = [
    "Account",
    "BoxCallbackUrl",
    "LiankeConfigEntry",
    "LiankeData",
    "Preview",
    "PreviewStore",
    "async_account_entries",
    "async_get_account",
    "async_loaded_entries",
    "translated",
]

ACCOUNTS: HassKey[dict[str, Account]] = HassKey(f"{DOMAIN}_accounts")

# Seconds.
PREVIEW_TIME = 600

type LiankeConfigEntry = ConfigEntry[LiankeData]


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """The picture of a page that was not printed."""

    content: bytes = field(repr=False)
    content_type: str
    taken_at: datetime


class PreviewStore:
    """The last preview of each printer of a box, for ten minutes."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Start empty."""
        self._hass = hass
        self._previews: dict[str, Preview] = {}
        self._timers: dict[str, CALLBACK_TYPE] = {}
        self._listeners: list[Callable[[str], None]] = []

    def get(self, printer_key: str) -> Preview | None:
        """Return a printer's preview, None without one."""
        return self._previews.get(printer_key)

    @callback
    def put(self, printer_key: str, content: bytes, content_type: str = "image/png") -> None:
        """Show a picture as the printer's preview."""
        self._stop(printer_key)
        self._previews[printer_key] = Preview(
            content=content, content_type=content_type, taken_at=dt_util.utcnow()
        )

        @callback
        def clear(_now: datetime) -> None:
            self.clear(printer_key)

        self._timers[printer_key] = async_call_later(self._hass, PREVIEW_TIME, clear)
        self._tell(printer_key)

    @callback
    def clear(self, printer_key: str) -> None:
        """Take a printer's preview away."""
        self._stop(printer_key)
        if self._previews.pop(printer_key, None) is not None:
            self._tell(printer_key)

    @callback
    def listen(self, listener: Callable[[str], None]) -> CALLBACK_TYPE:
        """Call `listener(printer key)` when a preview comes or goes."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @callback
    def close(self) -> None:
        """End all timers."""
        for printer_key in list(self._timers):
            self._stop(printer_key)

    @callback
    def _stop(self, printer_key: str) -> None:
        if (cancel := self._timers.pop(printer_key, None)) is not None:
            cancel()

    @callback
    def _tell(self, printer_key: str) -> None:
        for listener in list(self._listeners):
            listener(printer_key)


class BoxCallbackUrl:
    """The account's address as the queue of one box sees it."""

    def __init__(self, account: Account, storage: BoxStorage) -> None:
        """Join the account's address and what this box has seen of it."""
        self._account = account
        self._storage = storage

    def callback_url(self, token: str) -> str | None:
        """Return the address that carries a job's token, None without an address."""
        return self._account.callback_url(token)

    def callbacks_proven(self) -> bool:
        """Return whether a callback has arrived at the present address."""
        return self._storage.callbacks_proven_for(self._account.fingerprint)


class LiankeData(NamedTuple):
    """The parts of one box that is set up."""

    client: LiankeClient
    storage: BoxStorage
    coordinator: LiankeCoordinator
    queue: PrintQueue
    account: Account
    previews: PreviewStore

    def client_for(self, context: Context | None) -> LiankeClient:
        """Return a client for one thing that the user of a call asks for, besides printing.

        Raises TooManyRequestsError when that is beyond the user's share.
        """
        user = None if context is None else context.user_id
        return self.client.with_throttle(self.account.user_throttle(user))


@callback
def async_get_account(hass: HomeAssistant, webhook_id: str) -> Account:
    """Return the account with this webhook, made when it is the first time."""
    return hass.data.setdefault(ACCOUNTS, {}).setdefault(webhook_id, Account(webhook_id))


@callback
def async_account_entries(
    hass: HomeAssistant, webhook_id: str, *, include_disabled: bool = False
) -> list[LiankeConfigEntry]:
    """Return the entries of an account, loaded or not."""
    entries: list[LiankeConfigEntry] = hass.config_entries.async_entries(
        DOMAIN, include_ignore=False, include_disabled=include_disabled
    )
    return [entry for entry in entries if entry.data.get(CONF_WEBHOOK_ID) == webhook_id]


@callback
def async_loaded_entries(hass: HomeAssistant) -> list[LiankeConfigEntry]:
    """Return the entries that are set up."""
    entries: list[LiankeConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    return entries


def translated(err: LiankeError) -> HomeAssistantError:
    """Return the error of an action for an error of the service, or of what was asked of it."""
    kind = ServiceValidationError if isinstance(err, LiankeInputError) else HomeAssistantError
    return kind(
        translation_domain=DOMAIN,
        translation_key=err.reason,
        translation_placeholders=err.placeholders,
    )
