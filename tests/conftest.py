"""What tests of several modules share: Home Assistant with a box in the simulated cloud."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import suppress
from functools import cache
import json
import logging
import os
from pathlib import Path
import secrets
from typing import Any
from unittest.mock import PropertyMock, patch
from zlib import crc32

from aiohttp import web
from aiohttp.test_utils import TestServer
from coverage import Coverage
from homeassistant.components import file_upload
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
from homeassistant.util import executor
import hypothesis
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.coordinator import LiankeCoordinator
from custom_components.lianke.documents import pdf_client
from custom_components.lianke.runtime import LiankeData
from tests.clock import Clock, has_requests, moved_by_hand, others_work, pools_of_others, rest
from tests.household import PDF, House, Site, make_media
from tests.simulator import Box, Simulator

COMPONENT = Path(__file__).parent.parent / "custom_components" / DOMAIN
LOGGER = f"custom_components.{DOMAIN}"
LANGUAGES = ("en", "zh-Hans")
# As fast as a test can follow; 8 s of a slow printer become 80 ms.
SPEED = 100

# All Home Assistants of a machine have one folder for uploads, which each deletes when it starts and stops.
file_upload.TEMP_DIR_NAME = f"{file_upload.TEMP_DIR_NAME}-{os.getpid()}"

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")

# Seconds for a test's threads to end in. Home Assistant interrupts one that takes longer than a part of a second, which
# on a busy machine is one that is about to end: it would stay in the list of threads, and count as left behind.
executor.EXECUTOR_SHUTDOWN_TIMEOUT = 60
executor._JOIN_ATTEMPTS = 1

# What Home Assistant logs of every event takes a tenth of the tests' time; pytest keeps the rest, once is enough.
logging.getLogger("homeassistant").setLevel(logging.WARNING)
for _handler in [*logging.getLogger().handlers]:
    if type(_handler) is logging.StreamHandler:
        logging.getLogger().removeHandler(_handler)

# The short form runs one of ONE_CASE_OF cases of tests that have more cases than LONG_TABLE.
LONG_TABLE = 4
ONE_CASE_OF = 4
# Characters of a parameter up to which it is told in a test's name.
LONGEST_NAME = 100

# Rooms whose tests have all kinds of PDF work done.
ROOMS_OF_PDF = ("documents", "pdf")

type Wait = Callable[[Callable[[], object]], Coroutine[Any, Any, None]]


@cache
def texts(language: str) -> dict[str, Any]:
    """Return the integration's texts in a language."""
    path = COMPONENT / "translations" / f"{language}.json"
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def _group(item: pytest.Item) -> str:
    """Return what a test runs in one process with, itself if nothing else."""
    mark = item.get_closest_marker("xdist_group")
    return str(mark.args[0]) if mark else item.nodeid


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Keep what is long out of the names of tests.

    Each process spells them out at its start, and says them with each result: megabytes of escaped bytes took a third
    of the time until the first test.
    """
    is_long = isinstance(val, str | bytes) and len(val) > LONGEST_NAME
    return f"long {argname}" if is_long else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what the short form leaves out of long tables, and run first what may take longest.

    So no worker ends with a long test, or a long group of tests, while the others have nothing to do.
    """
    groups = {item: _group(item) for item in items}
    limits: Counter[str] = Counter()
    for item, group in groups.items():
        mark = item.get_closest_marker("timeout")
        limits[group] += int(mark.args[0]) if mark else 0
    items.sort(key=lambda item: limits[groups[item]], reverse=True)
    cases = Counter(item.nodeid.partition("[")[0] for item in items)
    for item in items:
        is_long = cases[item.nodeid.partition("[")[0]] > LONG_TABLE
        is_long = is_long and item.get_closest_marker("whole") is None
        # The same ones every time, and not in step with the columns of the table.
        if is_long and crc32(item.nodeid.encode()) % ONE_CASE_OF:
            item.add_marker("further")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a report hold only what is of use, and what can be sent from one process to another.

    Home Assistant logs the calls of tests that try half a character.
    """
    report = yield
    report.sections = [
        (name, text.encode(errors="replace").decode())
        for name, text in report.sections
        if not report.passed
    ]
    return report


@pytest.fixture(scope="module", autouse=True)
def _measured_pdf_process(request: pytest.FixtureRequest) -> Generator[None]:
    """Where coverage is measured, measure the process of PDF work in its rooms: it takes twice as long to start."""
    if Coverage.current() is None or request.path.parent.name not in ROOMS_OF_PDF:
        yield
        return
    with patch.object(pdf_client, "SCRIPT", Path(__file__).parent / "measured_pdf_process.py"):
        yield


@pytest.fixture(autouse=True)
async def enable_event_loop_debug(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the event loop check its callers' threads, but not keep the stack that made each future.

    In the place of the fixture of Home Assistant's tests; the stacks took a third of all time.
    """
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    monkeypatch.setattr(loop, "get_debug", lambda: False)
    # It would warn of callbacks that a busy machine held up, in logs that must hold no warning.
    loop.slow_callback_duration = float("inf")


@pytest.fixture
def hass_config_dir(tmp_path: Path) -> str:
    """Give each test a configuration folder of its own: jobs and previews are kept in there."""
    folder = tmp_path / "config"
    folder.mkdir()
    return str(folder)


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Leave out other packages' debug messages.

    An installation leaves them out as well, and a hostile document can cause thousands of them.
    """
    caplog.set_level(logging.INFO)
    return caplog


@pytest.fixture(autouse=True)
def _custom_integrations(request: pytest.FixtureRequest) -> None:
    """Let Home Assistant find the integration, in tests that have a Home Assistant."""
    if "hass" in request.fixturenames:
        request.getfixturevalue("enable_custom_integrations")


@pytest.fixture(autouse=True)
def _clean_log(
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> Generator[None]:
    """Fail a test whose log tells a secret, or that uses Home Assistant in a wrong way."""
    if "hass" not in request.fixturenames:
        yield
        return
    # Asked for here, so that they are still there when this fixture looks at the log.
    hass: HomeAssistant = request.getfixturevalue("hass")
    clouds: list[Simulator] = [
        request.getfixturevalue(name)
        for name in ("simulator", "sim")
        if name in request.fixturenames
    ]
    # Noted as they are made: nothing is left of the jobs of an entry that was unloaded.
    tokens: set[str] = set()
    make = secrets.token_urlsafe

    def noted(size: int | None = None) -> str:
        token = make(size)
        tokens.add(token)
        return token

    monkeypatch.setattr(secrets, "token_urlsafe", noted)
    caplog.set_level(logging.DEBUG, logger=LOGGER)
    yield
    records = [*caplog.get_records("setup"), *caplog.get_records("call"), *caplog.records]
    for record in records:
        assert "Detected that custom integration" not in record.getMessage()
    ours = "\n".join(
        logging.Formatter().format(record) for record in records if record.name.startswith(LOGGER)
    )
    for secret in tokens | _secrets(hass, clouds):
        assert secret not in ours


def _secrets(hass: HomeAssistant, clouds: list[Simulator]) -> set[str]:
    """Return what must not be told: keys, and the webhooks of entries and their addresses in the home network."""
    entries = hass.config_entries.async_entries(DOMAIN)
    found = {account.api_key for one in clouds for account in one.cloud.accounts}
    found |= {box.device_key for one in clouds for box in one.cloud.boxes.values()}
    found |= {entry.data.get(name, "") for entry in entries for name in ("api_key", "device_key")}
    found.discard("")
    assert found or not entries, "an entry without a key to look for"
    for entry in entries:
        found.add(entry.data.get("webhook_id") or "no webhook")
        for option in ("lan_printers", "lan_scanners"):
            found |= set(entry.options.get(option, {}).values())
    return found


@pytest.fixture(autouse=True)
def _errors_are_translated(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Fail a test in which one of our errors has no text in one of the languages."""
    made: list[tuple[str, dict[str, str]]] = []
    build = HomeAssistantError.__init__

    def record(self: HomeAssistantError, *args: object, **kwargs: Any) -> None:
        build(self, *args, **kwargs)
        if kwargs.get("translation_domain") == DOMAIN:
            made.append((kwargs["translation_key"], kwargs.get("translation_placeholders") or {}))

    monkeypatch.setattr(HomeAssistantError, "__init__", record)
    yield
    for language in LANGUAGES:
        told = texts(language)["exceptions"]
        for key, placeholders in made:
            assert key in told, f"{language} has no text for {key}"
            told[key]["message"].format(**placeholders)


@pytest.fixture
async def clock() -> AsyncGenerator[Clock]:
    """Give a clock that the test moves; ask for it before anything else."""
    async with moved_by_hand() as clock:
        yield clock


@pytest.fixture
async def hurried(clock: Clock, hass: HomeAssistant) -> AsyncGenerator[None]:
    """Let time pass whenever nothing else is to be done, so that a test does not wait for it."""

    async def hurry() -> None:
        while True:
            await asyncio.sleep(0.005)
            if not (others_work(hass) or has_requests(hass)):
                clock.tick(1)

    task = asyncio.create_task(hurry())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.fixture
async def simulator(tmp_path: Path, socket_enabled: None) -> AsyncGenerator[Simulator]:
    """Return the simulated cloud, which must not have been asked too often."""
    async with Simulator(tmp_path / "out", speed=SPEED, chromium="") as cloud:
        # Documents are written and read there.
        pools = {cloud.cloud.executor, cloud.cloud.renderer._executor}
        pools_of_others.update(pools)
        yield cloud
        pools_of_others.difference_update(pools)
        assert not cloud.cloud.banned


@pytest.fixture
def box(simulator: Simulator) -> Box:
    """Return the first account's office box, with all kinds of printers."""
    return simulator.box


def make_entry(simulator: Simulator, box: Box, **changes: Any) -> MockConfigEntry:
    """Return an entry for a box, as the config flow makes it."""
    assert box.account is not None
    options = changes.pop("options", {})
    title = changes.pop("title", "Office box")
    data = {
        "api_key": box.account.api_key,
        "device_id": box.device_id,
        "device_key": box.device_key,
        "server": simulator.url,
        "webhook_id": f"hook-{box.account.name}-0123456789abcdef",
    }
    return MockConfigEntry(
        domain=DOMAIN,
        unique_id=box.device_id,
        title=title,
        data=data | changes,
        options=options,
    )


@pytest.fixture
def entry(simulator: Simulator, box: Box) -> MockConfigEntry:
    """Return an entry for the office box, not yet added."""
    return make_entry(simulator, box)


async def set_up(hass: HomeAssistant, entry: MockConfigEntry) -> bool:
    """Add an entry if it is new, set it up and wait; return whether it worked."""
    if hass.config_entries.async_get_entry(entry.entry_id) is None:
        entry.add_to_hass(hass)
    done = await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return done


@pytest.fixture
async def setup(hass: HomeAssistant, entry: MockConfigEntry) -> AsyncGenerator[MockConfigEntry]:
    """Set the office box's entry up; unloaded at the end, so that nothing lingers."""
    assert await set_up(hass, entry)
    yield entry
    await tear_down(hass)


async def tear_down(hass: HomeAssistant) -> None:
    """Unload all entries of the integration."""
    for loaded in hass.config_entries.async_loaded_entries(DOMAIN):
        await hass.config_entries.async_unload(loaded.entry_id)
    await hass.async_block_till_done()


@pytest.fixture
async def reachable(hass: HomeAssistant, hass_client_no_auth: ClientSessionGenerator) -> str:
    """Put Home Assistant on a real port of this machine; the simulator can call it back."""
    # Its views, and those of its platforms, must be there before the server starts.
    for component in (DOMAIN, "image", "notify", "websocket_api"):
        assert await async_setup_component(hass, component, {})
    client = await hass_client_no_auth()
    url = f"http://127.0.0.1:{client.server.port}"
    await hass.config.async_update(internal_url=url)
    return url


@pytest.fixture
def all_entities() -> Generator[None]:
    """Enable entities that are disabled at first; ask for it before `setup`."""
    with patch(
        "homeassistant.helpers.entity.Entity.entity_registry_enabled_default",
        new_callable=PropertyMock,
        return_value=True,
    ):
        yield


@pytest.fixture
def media(hass: HomeAssistant, tmp_path: Path) -> Path:
    """Return a media folder that may be read, with a PDF of three pages."""
    return make_media(hass, tmp_path / "media")


@pytest.fixture
def house(hass: HomeAssistant, simulator: Simulator, setup: MockConfigEntry) -> House:
    """Return Home Assistant with the office box set up."""
    return House(hass=hass, simulator=simulator, entry=setup)


@pytest.fixture
def data(setup: MockConfigEntry) -> LiankeData:
    """Return the runtime data of the office box."""
    found: LiankeData = setup.runtime_data
    return found


@pytest.fixture
def coordinator(data: LiankeData) -> LiankeCoordinator:
    """Return the office box's coordinator."""
    return data.coordinator


@pytest.fixture
async def settled(hass: HomeAssistant, setup: MockConfigEntry) -> None:
    """Wait for the set-up's tasks in the background."""
    await rest(hass)


@pytest.fixture
async def site(socket_enabled: None) -> AsyncGenerator[Site]:
    """Run a web site that answers with a PDF unless told otherwise."""
    site = Site()

    async def handle(request: web.Request) -> web.StreamResponse:
        site.asked.append(request.path_qs)
        if site.answer is not None:
            return await site.answer(request)
        return web.Response(body=PDF, content_type="application/pdf")

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    site.url = f"http://127.0.0.1:{server.port}"
    yield site
    await server.close()
