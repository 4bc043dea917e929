"""Long-term statistics of the pages that each user, and each other source, has printed."""

from datetime import datetime
from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.recorder import DATA_INSTANCE
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util

from .const import CONF_PAGE_STATISTICS, DOMAIN
from .jobs.spec import Origin
from .runtime import LiankeConfigEntry

UNIT: Final = "pages"


@callback
def async_watch(hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
    """Add pages to the statistics as they are counted, where the option says so.

    Whoever may see statistics sees them, so that the option is off at first.
    """

    @callback
    def on_pages(user_id: str, source: str, total: int) -> None:
        if entry.options.get(CONF_PAGE_STATISTICS, False) and DATA_INSTANCE in hass.data:
            entry.async_create_background_task(
                hass,
                _async_add(hass, entry, user_id, source, total, dt_util.utcnow()),
                "add pages to the statistics",
            )

    entry.async_on_unload(entry.runtime_data.storage.pages.listen(on_pages))


async def _async_add(
    hass: HomeAssistant,
    entry: LiankeConfigEntry,
    user_id: str,
    source: str,
    total: int,
    now: datetime,
) -> None:
    """Hand the pages of all time to the recorder, for the hour in which they were counted."""
    # The recorder's own libraries are there only where it is set up.
    from homeassistant.components.recorder.models import (  # noqa: PLC0415
        StatisticData,
        StatisticMeanType,
        StatisticMetaData,
    )
    from homeassistant.components.recorder.statistics import (  # noqa: PLC0415
        async_add_external_statistics,
    )

    parts = ("pages", entry.entry_id.lower(), source or "unknown", user_id.lower())
    metadata = StatisticMetaData(
        source=DOMAIN,
        statistic_id=f"{DOMAIN}:{'_'.join(part for part in parts if part)}",
        name=f"{entry.title}: {await _async_name(hass, user_id, source)}",
        mean_type=StatisticMeanType.NONE,
        has_sum=True,
        unit_class=None,
        unit_of_measurement=UNIT,
    )
    hour = now.replace(minute=0, second=0, microsecond=0)
    async_add_external_statistics(
        hass, metadata, [StatisticData(start=hour, state=total, sum=total)]
    )


async def _async_name(hass: HomeAssistant, user_id: str, source: str) -> str:
    """Return what a user, with the source unless it is the user alone, is called."""
    user = await hass.auth.async_get_user(user_id) if user_id else None
    texts = await async_get_translations(hass, hass.config.language, "selector", [DOMAIN])
    by = texts.get(f"component.{DOMAIN}.selector.origin.options.{source}", source)
    if user is None or user.name is None:
        return by
    return user.name if source == Origin.USER else f"{user.name} ({by})"
