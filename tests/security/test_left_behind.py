"""Documents that are left somewhere: in the spool over a restart, in a browser's or a proxy's cache."""

from pathlib import Path

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.lianke.const import DOMAIN
from tests.conftest import set_up, tear_down
from tests.household import ask, device_of, make_media
from tests.simulator import Simulator


async def test_the_spool_is_emptied_when_a_box_is_set_up(
    hass: HomeAssistant, simulator: Simulator, entry: MockConfigEntry
) -> None:
    """What a killed Home Assistant left lay there until somebody printed again."""
    folder = Path(hass.config.cache_path(DOMAIN, "spool"))

    def leave() -> None:
        folder.mkdir(parents=True)
        (folder / "old.pdf").write_text("left behind")

    await hass.async_add_executor_job(leave)
    assert await set_up(hass, entry)
    assert not await hass.async_add_executor_job((folder / "old.pdf").exists)
    await tear_down(hass)


async def test_no_cache_keeps_the_picture_of_a_page(
    hass: HomeAssistant,
    simulator: Simulator,
    entry: MockConfigEntry,
    hass_client: ClientSessionGenerator,
    hass_client_no_auth: ClientSessionGenerator,
    tmp_path: Path,
) -> None:
    """Pictures of previews came without a word on caching."""
    assert await async_setup_component(hass, DOMAIN, {})
    client, stranger = await hass_client(), await hass_client_no_auth()
    assert await set_up(hass, entry)
    path = str(make_media(hass, tmp_path / "media") / "菜单.pdf")
    preview = await ask(hass, "preview", device_id=device_of(hass), file=path)
    address = preview["images"][0]
    answer = await stranger.get(address)
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    bare = address.partition("?")[0]
    assert (await stranger.get(bare)).status == 401
    assert (await client.get(bare)).headers["Cache-Control"] == "no-store"
    handle = preview["document"]
    for path in (f"{handle}/0", f"{handle}/21", f"{handle}/9999", "x/1", f"{handle[:-1]}/1"):
        assert (await client.get(f"/api/lianke/preview/{path}")).status == 404
    await tear_down(hass)
