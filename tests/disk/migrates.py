"""A process that opens the ledger as the first box to load does: python -m tests.disk.migrates CONFIG TIME ENTRY…."""

import asyncio
from datetime import datetime
from itertools import count
import sys
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from custom_components.lianke.jobs import migration
from custom_components.lianke.jobs.opening import async_close_ledger, async_get_ledger

from .recorder import mark


async def take_in(config: str, time: str, *entry_ids: str) -> None:
    """Open and close the ledger of a configuration folder; times and tokens made in it are the same in every run."""
    tokens = (f"token {number}" for number in count())
    with (
        patch.object(migration, "new_token", lambda: next(tokens)),
        patch.object(dt_util, "utcnow", lambda: datetime.fromisoformat(time)),
    ):
        hass = HomeAssistant(config)
        entries: Any = [SimpleNamespace(entry_id=entry_id) for entry_id in entry_ids]
        hass.config_entries = SimpleNamespace(async_entries=lambda _domain: entries)  # type: ignore[assignment]  # nothing else of it is used
        await async_get_ledger(hass)
        mark("taken in")
        await async_close_ledger(hass)
        await hass.async_stop(force=True)


if __name__ == "__main__":
    asyncio.run(take_in(*sys.argv[1:]))
