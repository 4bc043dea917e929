"""What a printer of the home network knows stays where it belongs."""

import json

from custom_components.lianke.diagnostics import async_get_config_entry_diagnostics
from tests.household import ask, device_of
from tests.lan.conftest import LanPrinter


async def test_nothing_names_the_token_and_diagnostics_no_device(lan: LanPrinter) -> None:
    await lan.ended(await lan.print())
    report = await async_get_config_entry_diagnostics(lan.hass, lan.entry)
    text = json.dumps(report, default=str, ensure_ascii=False)
    assert report["jobs"]
    for secret in (lan.token, "Anna", "127.0.0.1", "数学作业"):
        assert secret not in text
    for state in lan.hass.states.async_all():
        assert lan.token not in str(state.as_dict())
    answer = await ask(lan.hass, "list_jobs", device_id=device_of(lan.hass))
    assert "iPhone von Anna" in str(answer)
    assert lan.token not in str(answer)
