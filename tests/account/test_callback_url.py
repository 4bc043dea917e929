"""Where the cloud can reach us, and that this is followed."""

import ast
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
import subprocess
import sys
from types import ModuleType

from homeassistant import components
from homeassistant.const import EVENT_COMPONENT_LOADED
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.dispatcher import async_dispatcher_connect, async_dispatcher_send
from homeassistant.loader import DATA_COMPONENTS
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockModule,
    mock_integration,
)

from custom_components.lianke.account.callback_url import RETRY, CallbackUrlManager
from custom_components.lianke.account.request_limits import Account
from tests.clock import Clock, elapse, rest
from tests.conftest import make_entry, set_up
from tests.simulator import Simulator

PATH = "/api/webhook/hook"
CONNECTION_SIGNAL = "cloud connection"
CLOUDHOOK = "https://hooks.nabu.casa/secret"


@dataclass
class Subscription:
    """Home Assistant Cloud as far as it matters here; nobody can have a real one in a test."""

    active: bool = True
    connected: bool = True
    failure: Exception | None = None
    hooks: dict[str, str] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)


@pytest.fixture
def account() -> Account:
    return Account("hook")


@pytest.fixture
async def manager(hass: HomeAssistant, account: Account) -> AsyncGenerator[CallbackUrlManager]:
    """Return what keeps the address of an account, not started yet."""
    assert await async_setup_component(hass, "webhook", {})
    manager = CallbackUrlManager(hass, account)
    yield manager
    manager.stop()


class NotAvailableError(HomeAssistantError):
    pass


@pytest.fixture
def cloud(hass: HomeAssistant) -> Subscription:
    """Return a subscription that can be changed; the component is not set up yet.

    The component itself cannot be imported here, since it needs the packages of a dozen others:
    a stand-in is what Home Assistant has loaded, and its names are compared with the source. It
    cannot be imported, since an import would need the component in the manifest.
    """
    subscription = Subscription()

    async def get_or_create(_hass: HomeAssistant, webhook_id: str) -> str:
        if subscription.failure:
            raise subscription.failure
        if not subscription.connected:
            raise NotAvailableError
        return subscription.hooks.setdefault(webhook_id, CLOUDHOOK)

    async def delete(_hass: HomeAssistant, webhook_id: str) -> None:
        if subscription.failure:
            raise subscription.failure
        del subscription.hooks[webhook_id]
        subscription.deleted.append(webhook_id)

    def listen(hass: HomeAssistant, target: Callable[[object], None]) -> Callable[[], None]:
        return async_dispatcher_connect(hass, CONNECTION_SIGNAL, target)

    stand_in = ModuleType("homeassistant.components.cloud")
    names = {
        "CloudNotAvailable": NotAvailableError,
        "async_active_subscription": lambda _hass: subscription.active,
        "async_delete_cloudhook": delete,
        "async_get_or_create_cloudhook": get_or_create,
        "async_listen_connection_change": listen,
    }
    for name, value in names.items():
        setattr(stand_in, name, value)
    source = Path(components.__path__[0], "cloud", "__init__.py").read_text("utf-8")
    defined = {
        node.name
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    assert names.keys() <= defined
    mock_integration(hass, MockModule("cloud"), built_in=False)
    hass.data[DATA_COMPONENTS]["cloud"] = stand_in
    return subscription


def connection_changes(hass: HomeAssistant) -> None:
    async_dispatcher_send(hass, CONNECTION_SIGNAL, object())


type Address = Callable[[], Awaitable[str | None]]


@pytest.fixture
def address(hass: HomeAssistant, account: Account) -> Address:
    """Return what tells the address that is known once nothing is under way."""

    async def known() -> str | None:
        await rest(hass)
        return account.address

    return known


@pytest.mark.parametrize(
    ("external", "expected"),
    [
        ("https://house.example", "https://house.example"),
        ("https://house.example:8443/", "https://house.example:8443"),
        ("http://house.example", None),
        ("http://192.168.1.2:8123", None),
        (None, None),
    ],
)
async def test_the_external_address_if_it_is_https(
    hass: HomeAssistant,
    manager: CallbackUrlManager,
    address: Address,
    external: str | None,
    expected: str | None,
) -> None:
    manager.start()
    await hass.config.async_update(
        external_url=external, internal_url="https://only-at-home.example"
    )
    assert await address() == (None if expected is None else expected + PATH)


async def test_changes_are_followed(
    hass: HomeAssistant, manager: CallbackUrlManager, address: Address
) -> None:
    manager.start()
    await hass.config.async_update(external_url="https://one.example")
    assert await address() == "https://one.example" + PATH
    await hass.config.async_update(external_url="https://two.example")
    assert await address() == "https://two.example" + PATH
    manager.stop()
    await hass.config.async_update(external_url="https://three.example")
    assert await address() == "https://two.example" + PATH


async def test_looked_for_again_after_the_start(
    hass: HomeAssistant, manager: CallbackUrlManager, address: Address
) -> None:
    hass.set_state(CoreState.starting)
    manager.start()
    await rest(hass)
    # Known without an event, as when it comes from storage late in the start.
    hass.config.external_url = "https://late.example"
    assert await address() is None
    hass.set_state(CoreState.running)
    hass.bus.async_fire("homeassistant_started")
    assert await address() == "https://late.example" + PATH


async def test_without_encryption_within_this_machine_only(
    hass: HomeAssistant, manager: CallbackUrlManager, address: Address
) -> None:
    manager.server_is_local = True
    manager.start()
    assert hass.config.api is not None
    assert await address() == f"http://127.0.0.1:{hass.config.api.port}{PATH}"
    await hass.config.async_update(internal_url="http://192.168.1.2:8123")
    assert (await address() or "").startswith("http://127.0.0.1:")
    await hass.config.async_update(internal_url="http://localhost:9123")
    assert await address() == "http://localhost:9123" + PATH
    await hass.config.async_update(external_url="https://house.example")
    assert await address() == "https://house.example" + PATH


async def test_cloudhook_goes_first(
    hass: HomeAssistant, manager: CallbackUrlManager, address: Address, cloud: Subscription
) -> None:
    hass.config.components.add("cloud")
    await hass.config.async_update(external_url="https://house.example")
    manager.start()
    assert await address() == CLOUDHOOK
    # It stays the address while the connection is down; nothing else could be delivered to.
    cloud.active = False
    connection_changes(hass)
    assert await address() == "https://house.example" + PATH


async def test_cloud_that_is_not_connected_yet(
    hass: HomeAssistant, manager: CallbackUrlManager, address: Address, cloud: Subscription
) -> None:
    """No other address in between: it would be proven, and then be another one."""
    await hass.config.async_update(external_url="https://house.example")
    hass.config.components.add("cloud")
    cloud.connected = False
    manager.start()
    assert await address() is None
    cloud.connected = True
    connection_changes(hass)
    assert await address() == CLOUDHOOK


async def test_cloud_that_is_loaded_later(
    hass: HomeAssistant, manager: CallbackUrlManager, address: Address, cloud: Subscription
) -> None:
    manager.start()
    assert await address() is None
    hass.config.components.add("cloud")
    hass.bus.async_fire(EVENT_COMPONENT_LOADED, {"component": "light"})
    assert await address() is None
    hass.bus.async_fire(EVENT_COMPONENT_LOADED, {"component": "cloud"})
    assert await address() == CLOUDHOOK


async def test_a_cloudhook_that_could_not_be_made_is_tried_again(
    clock: Clock,
    hass: HomeAssistant,
    manager: CallbackUrlManager,
    address: Address,
    cloud: Subscription,
) -> None:
    from hass_nabucasa import NabuCasaBaseError

    hass.config.components.add("cloud")
    for failure in (TimeoutError(), ValueError(), NabuCasaBaseError("secret")):
        cloud.failure = failure
        manager.update()
        assert await address() is None
    cloud.failure = None
    await elapse(hass, clock, RETRY, 60)
    assert await address() == CLOUDHOOK


async def test_the_cloudhook_goes_with_the_last_entry_of_its_key(
    hass: HomeAssistant, simulator: Simulator, entry: MockConfigEntry, cloud: Subscription
) -> None:
    hass.config.components.add("cloud")
    boxes = list(simulator.cloud.boxes.values())
    second = make_entry(simulator, boxes[1], title="Home box")
    other = make_entry(simulator, boxes[2], title="Shop box")
    for each in (entry, second, other):
        assert await set_up(hass, each)
    await rest(hass)
    hook = entry.data["webhook_id"]
    assert cloud.hooks.keys() == {hook, other.data["webhook_id"]}
    await hass.config_entries.async_remove(entry.entry_id)
    assert cloud.deleted == []
    await hass.config_entries.async_remove(second.entry_id)
    assert cloud.deleted == [hook]
    await hass.config_entries.async_unload(other.entry_id)
    assert cloud.deleted == [hook]


@pytest.mark.parametrize("failure", ["CloudNotAvailable", "Nabu"])
async def test_a_cloudhook_that_cannot_be_deleted_does_not_keep_the_entry(
    hass: HomeAssistant, entry: MockConfigEntry, cloud: Subscription, failure: str
) -> None:
    from hass_nabucasa import NabuCasaBaseError

    hass.config.components.add("cloud")
    assert await set_up(hass, entry)
    await rest(hass)
    cloud.failure = NotAvailableError() if failure == "CloudNotAvailable" else NabuCasaBaseError()
    await hass.config_entries.async_remove(entry.entry_id)
    assert not hass.config_entries.async_entries("lianke")


def test_heavy_components_are_not_imported() -> None:
    """The cloud, the camera and Markdown's parser bring many others along; reading QR codes waits until used."""
    code = (
        "import sys, custom_components.lianke as c\n"
        "heavy = {'homeassistant.components.cloud', 'homeassistant.components.camera',"
        " 'markdown_it', 'pyzbar', 'pypdfium2'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
