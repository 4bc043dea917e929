"""Printed pages per user: the export for administrators, and long-term statistics.

`box/pages_per_user.py` counts the pages, since the counts outlive printers and jobs.
"""

import csv
from io import StringIO
from typing import Final

from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.core import HomeAssistant, ServiceCall, callback
from homeassistant.helpers import service
from homeassistant.helpers.recorder import DATA_INSTANCE
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType

from .. import const
from ..jobs.job import Origin
from ..runtime import LiankeConfigEntry, async_loaded_entries
from .rights import async_check_caller

COLUMNS: Final = ("month", "box", "printer", "user", "source", "pages")
# A spreadsheet would take a cell that begins with one of these characters for a formula.
FORMULA_PREFIXES: Final = ("=", "+", "-", "@", "\t", "\r")


async def async_export_pages(hass: HomeAssistant, call: ServiceCall) -> JsonObjectType:
    """Export the page counts of one box, or of all loaded boxes, as rows and as CSV text.

    Raises Unauthorized for a user who is not an administrator; automations may export, too.
    """
    await async_check_caller(hass, call.context, None, POLICY_READ)
    first, last = call.data.get("from_month", ""), call.data.get("to_month", "9999-99")
    entries = async_loaded_entries(hass)
    if (entry_id := call.data.get("config_entry")) is not None:
        entries = [service.async_get_config_entry(hass, const.DOMAIN, entry_id)]
    counted = [
        (entry.title, entry.runtime_data.storage.pages.names, row)
        for entry in entries
        for row in entry.runtime_data.storage.pages.rows_of_months(first, last)
    ]
    users = {user.id: user.name or "" for user in await hass.auth.async_get_users()}
    rows: list[JsonObjectType] = [
        {
            "month": row.month,
            "box": box,
            "printer": printers.get(row.printer_key, ""),
            # A deleted user has no name, but the id still tells which pages belong together.
            "user": users.get(row.user_id) or row.user_id,
            "source": row.source,
            "pages": row.pages,
        }
        for box, printers, row in counted
    ]
    return {"rows": [*rows], "total": sum(row.pages for _, _, row in counted), "csv": as_csv(rows)}


def as_csv(rows: list[JsonObjectType]) -> str:
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows:
        cells = [str(row[name]) for name in COLUMNS]
        writer.writerow(
            [f"'{cell}" if cell.startswith(FORMULA_PREFIXES) else cell for cell in cells]
        )
    return text.getvalue()


@callback
def async_watch_statistics(hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
    """Add pages to the statistics whenever pages are counted, if the option is on.

    The option is off by default, since everybody who may see statistics would see the pages.
    """
    pages = entry.runtime_data.storage.pages
    # Version 0.2.0 also counted pages that no statistics showed. If those pages were part of the first total, Home
    # Assistant would add them all to one hour.
    if not (pages.is_shown_for_sure or entry.options.get(const.CONF_PAGE_STATISTICS, False)):
        pages.shown.clear()

    @callback
    def on_pages(user_id: str, source: str, count: int) -> None:
        if DATA_INSTANCE in hass.data:
            add = _async_add(hass, entry, *pages.add_shown(user_id, source, count))
            entry.async_create_background_task(hass, add, "add pages to the statistics")

    @callback
    def follow() -> None:
        is_wanted = entry.options.get(const.CONF_PAGE_STATISTICS, False)
        pages.on_pages = on_pages if is_wanted else None

    # The coordinator also calls this listener when the options have changed.
    entry.async_on_unload(entry.runtime_data.coordinator.async_add_listener(follow))
    follow()


async def _async_add(
    hass: HomeAssistant, entry: LiankeConfigEntry, user_id: str, source: str, total: int
) -> None:
    """Give the recorder the total of pages as the value of the current hour."""
    hour = dt_util.utcnow().replace(minute=0, second=0, microsecond=0)
    # The recorder's own libraries are installed only where the recorder is set up.
    from homeassistant.components.recorder.models import (  # noqa: PLC0415
        StatisticData,
        StatisticMeanType,
        StatisticMetaData,
    )
    from homeassistant.components.recorder.statistics import (  # noqa: PLC0415
        async_add_external_statistics,
    )

    owner = entry.runtime_data.storage.pages.owner
    parts = ("pages", owner.lower(), source or "unknown", user_id.lower())
    metadata = StatisticMetaData(
        source=const.DOMAIN,
        statistic_id=f"{const.DOMAIN}:{'_'.join(part for part in parts if part)}",
        name=f"{entry.title}: {await _async_name(hass, user_id, source)}",
        mean_type=StatisticMeanType.NONE,
        has_sum=True,
        unit_class=None,
        unit_of_measurement="pages",
    )
    async_add_external_statistics(
        hass, metadata, [StatisticData(start=hour, state=total, sum=total)]
    )


async def _async_name(hass: HomeAssistant, user_id: str, source: str) -> str:
    """Return a user's name, followed by the source unless the user printed in person; for no user, only the source."""
    user = await hass.auth.async_get_user(user_id) if user_id else None
    texts = await async_get_translations(hass, hass.config.language, "selector", [const.DOMAIN])
    by = texts.get(f"component.{const.DOMAIN}.selector.origin.options.{source}", source)
    if user is None or user.name is None:
        return by
    return user.name if source == Origin.USER else f"{user.name} ({by})"
