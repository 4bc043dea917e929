"""Export the pages that were printed, by month, printer, user and source: for administrators."""

import csv
from io import StringIO
from typing import Final

from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse
from homeassistant.exceptions import Unauthorized, UnknownUser
from homeassistant.helpers import service
from homeassistant.util.json import JsonObjectType

from ..const import DOMAIN
from ..runtime import LiankeConfigEntry, async_loaded_entries
from .schemas import ATTR_CONFIG_ENTRY, ATTR_FROM_MONTH, ATTR_TO_MONTH

COLUMNS: Final = ("month", "box", "printer", "user", "source", "pages")
# A spreadsheet would take a text that begins like this for a formula.
FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")


async def async_export_pages(hass: HomeAssistant, call: ServiceCall) -> ServiceResponse:
    """Return the pages of one box, or of all that are loaded, as rows and as CSV text.

    Raises Unauthorized for a user who is no administrator; automations may.
    """
    if (user_id := call.context.user_id) is not None:
        user = await hass.auth.async_get_user(user_id)
        if user is None:
            raise UnknownUser(context=call.context)
        if not user.is_admin:
            raise Unauthorized(context=call.context)
    entries = async_loaded_entries(hass)
    if ATTR_CONFIG_ENTRY in call.data:
        entry: LiankeConfigEntry = service.async_get_config_entry(
            hass, DOMAIN, call.data[ATTR_CONFIG_ENTRY]
        )
        entries = [entry]
    names = {user.id: user.name or "" for user in await hass.auth.async_get_users()}
    rows: list[JsonObjectType] = [
        {
            "month": row.month,
            "box": entry.title,
            "printer": pages.names.get(row.printer_key, ""),
            # One that is gone is still told from others.
            "user": names.get(row.user_id) or row.user_id,
            "source": row.source,
            "pages": row.pages,
        }
        for entry in entries
        for pages in (entry.runtime_data.storage.pages,)
        for row in pages.rows(
            call.data.get(ATTR_FROM_MONTH, ""), call.data.get(ATTR_TO_MONTH, "9999-99")
        )
    ]
    return {"rows": [*rows], "total": sum(_pages(row) for row in rows), "csv": as_csv(rows)}


def _pages(row: JsonObjectType) -> int:
    pages = row["pages"]
    return pages if isinstance(pages, int) else 0


def as_csv(rows: list[JsonObjectType]) -> str:
    """Return rows as CSV text, with a line of names."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows([_harmless(row[name]) for name in COLUMNS] for row in rows)
    return text.getvalue()


def _harmless(value: object) -> object:
    if isinstance(value, str) and value.startswith(FORMULAS):
        return f"'{value}"
    return value
