"""Fixtures that tests of several modules share: Home Assistant with a box in the simulated cloud."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import ExitStack
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
from tests.clock import Clock, hurrying, moved_by_hand, pools_of_others, rest
from tests.household import PDF, House, Site, make_media
from tests.mailboxes import Mailbox, MailServer, dovecot
from tests.simulator import Box, Simulator
from tests.talk import Talk, expose, status_of

COMPONENT = Path(__file__).parent.parent / "custom_components" / DOMAIN
LOGGER = f"custom_components.{DOMAIN}"
LANGUAGES = ("en", "zh-Hans")
# How many times faster than real time the simulator works. Tests can just follow: a slow printer's 8 s take 80 ms.
SPEED = 100

# All Home Assistants on a machine share one folder for uploads, and each deletes it when it starts and stops.
file_upload.TEMP_DIR_NAME = f"{file_upload.TEMP_DIR_NAME}-{os.getpid()}"

# No deadline: how long an example takes depends on how busy the machine is.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")

# Seconds within which a test's threads must end. By default, Home Assistant interrupts a thread after a part of a
# second. On a busy machine that thread may be about to end; it would stay in the list of threads as a leftover.
executor.EXECUTOR_SHUTDOWN_TIMEOUT = 60
executor._JOIN_ATTEMPTS = 1

# Logging every event would take Home Assistant a tenth of the tests' time. pytest keeps the other records, so the usual
# handler is not needed.
logging.getLogger("homeassistant").setLevel(logging.WARNING)
for _handler in [*logging.getLogger().handlers]:
    if type(_handler) is logging.StreamHandler:
        logging.getLogger().removeHandler(_handler)

# In the short form, a test with more than LONG_TABLE cases runs one in ONE_CASE_OF of them, and of the tests that set
# up a Home Assistant, which take most of the time, one in ONE_CASE_OF.
LONG_TABLE = 4
ONE_CASE_OF = 4
# What keeps paper from coming out twice is always tested whole.
ROOMS_OF_SAFETY = ("proof", "ledger", "mutants")
# A parameter longer than this many characters does not appear in the test's name.
LONGEST_NAME = 100

# Folders whose tests use the PDF process for every kind of work.
ROOMS_OF_PDF = ("documents", "pdf")

# Started by the first test that needs it.
mail_servers: list[MailServer] = []

type Wait = Callable[[Callable[[], object]], Coroutine[Any, Any, None]]


@cache
def texts(language: str) -> dict[str, Any]:
    path = COMPONENT / "translations" / f"{language}.json"
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def _group(item: pytest.Item) -> str:
    """Return the name of the group of tests that must run in one process; by default a group is one test."""
    mark = item.get_closest_marker("xdist_group")
    return str(mark.args[0]) if mark else item.nodeid


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Keep long parameters out of the names of tests.

    Each process builds all names at its start and sends them with each result. Megabytes of escaped bytes took a third
    of the time until the first test ran.
    """
    is_long = isinstance(val, str | bytes) and len(val) > LONGEST_NAME
    return f"long {argname}" if is_long else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the cases that the short form leaves out, and run tests with the longest timeouts first.

    Otherwise a worker could end with a long test, or a long group, while the others have nothing left to do.
    """
    groups = {item: _group(item) for item in items}
    limits: Counter[str] = Counter()
    for item, group in groups.items():
        mark = item.get_closest_marker("timeout")
        limits[group] += int(mark.args[0]) if mark else 0
    items.sort(key=lambda item: limits[groups[item]], reverse=True)
    cases = Counter(item.nodeid.partition("[")[0] for item in items)
    for item in items:
        # A hash chooses the same cases every time. Every fourth case could be a column of the table.
        if item.get_closest_marker("whole") or not crc32(item.nodeid.encode()) % ONE_CASE_OF:
            continue
        if cases[item.nodeid.partition("[")[0]] > LONG_TABLE:
            item.add_marker("further")
        if "hass" in item.fixturenames and item.path.parent.name not in ROOMS_OF_SAFETY:  # type: ignore[attr-defined]
            item.add_marker("thorough")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Drop the logs of passed tests, and make the others safe to send between processes.

    Some tests use half a surrogate pair, which Home Assistant logs and UTF-8 cannot encode.
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
    """Measure the coverage of the PDF process in ROOMS_OF_PDF only: measured, it takes twice as long to start."""
    if Coverage.current() is None or request.path.parent.name not in ROOMS_OF_PDF:
        yield
        return
    with patch.object(pdf_client, "SCRIPT", Path(__file__).parent / "measured_pdf_process.py"):
        yield


@pytest.fixture(autouse=True)
def _patient_pdf_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give tasks of the PDF process minutes: beside a whole run, the check of a large picture took more than its 20 s.

    Limits that a test sets itself are below ten seconds, and stay.
    """
    run = pdf_client.PdfWorker.async_run_pdf_task

    async def patiently(
        self: pdf_client.PdfWorker,
        task: str,
        request: dict[str, Any],
        *,
        user: str | None = None,
        seconds: float | None = None,
    ) -> dict[str, Any]:
        limit = pdf_client.TASK_SECONDS if seconds is None else seconds
        return await run(self, task, request, user=user, seconds=limit if limit < 10 else 120)

    monkeypatch.setattr(pdf_client.PdfWorker, "async_run_pdf_task", patiently)


@pytest.fixture(autouse=True)
async def enable_event_loop_debug(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the event loop check which thread calls it, but not store the stack that created each future.

    Replaces the fixture of Home Assistant's tests. Storing the stacks took a third of all time.
    """
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    monkeypatch.setattr(loop, "get_debug", lambda: False)
    # No warnings of slow callbacks: a busy machine causes them, and the tests' logs must hold no warning.
    loop.slow_callback_duration = float("inf")


@pytest.fixture
def hass_config_dir(tmp_path: Path) -> str:
    """Make a configuration folder for each test, since it holds jobs and previews."""
    folder = tmp_path / "config"
    folder.mkdir()
    return str(folder)


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Leave out debug messages of other packages, as an installation does: a hostile document can cause thousands."""
    caplog.set_level(logging.INFO)
    return caplog


@pytest.fixture(autouse=True)
def _custom_integrations(request: pytest.FixtureRequest) -> None:
    if "hass" in request.fixturenames:
        request.getfixturevalue("enable_custom_integrations")


@pytest.fixture(autouse=True)
def _clean_log(
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> Generator[None]:
    """Fail a test whose log contains a secret, or that uses Home Assistant in a wrong way."""
    if "hass" not in request.fixturenames:
        yield
        return
    # These fixtures are requested first, so that they still exist when this one checks the log.
    hass: HomeAssistant = request.getfixturevalue("hass")
    clouds: list[Simulator] = [
        request.getfixturevalue(name)
        for name in ("simulator", "sim")
        if name in request.fixturenames
    ]
    # Tokens are recorded when they are made, because an entry's jobs are gone after it is unloaded.
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
    """Return values that no log may contain: keys, webhook ids, and tokens of addresses in the home network."""
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
    """Fail a test that makes one of our errors without a text in each language."""
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
    """Provide a clock that the test moves; request it before all other fixtures."""
    async with moved_by_hand() as clock:
        yield clock


@pytest.fixture
async def hurried(clock: Clock, hass: HomeAssistant) -> AsyncGenerator[None]:
    """Move the clock on whenever nothing else is under way, so that a test never waits."""
    async with hurrying(clock, hass):
        yield


@pytest.fixture
async def simulator(tmp_path: Path, socket_enabled: None) -> AsyncGenerator[Simulator]:
    """Run the simulated cloud; a test that sends it too many requests fails."""
    async with Simulator(tmp_path / "out", speed=SPEED, chromium="") as cloud:
        # The simulator's threads read and write documents, so rest() waits for them.
        pools = {cloud.cloud.executor, cloud.cloud.renderer._executor}
        pools_of_others.update(pools)
        yield cloud
        pools_of_others.difference_update(pools)
        assert not cloud.cloud.banned


@pytest.fixture
def box(simulator: Simulator) -> Box:
    """Provide the first account's office box, which has all kinds of printers."""
    return simulator.box


def make_entry(simulator: Simulator, box: Box, **changes: Any) -> MockConfigEntry:
    """Make an entry for a box as the config flow does."""
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
    """Make an entry for the office box, not yet added."""
    return make_entry(simulator, box)


async def set_up(hass: HomeAssistant, entry: MockConfigEntry) -> bool:
    """Add an entry if it is new, set it up and wait; returns whether that worked."""
    if hass.config_entries.async_get_entry(entry.entry_id) is None:
        entry.add_to_hass(hass)
    done = await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return done


@pytest.fixture
async def setup(hass: HomeAssistant, entry: MockConfigEntry) -> AsyncGenerator[MockConfigEntry]:
    """Set up the office box's entry; it is unloaded at the end, so that nothing keeps running."""
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
    """Serve Home Assistant on a real port, so that the simulator can call it back; returns the address."""
    # The server takes no further views once it runs, so all components that have any come first.
    for component in (DOMAIN, "image", "notify", "websocket_api"):
        assert await async_setup_component(hass, component, {})
    client = await hass_client_no_auth()
    url = f"http://127.0.0.1:{client.server.port}"
    await hass.config.async_update(internal_url=url)
    return url


@pytest.fixture
def all_entities() -> Generator[None]:
    """Enable the entities that are disabled by default; request it before `setup`."""
    with patch(
        "homeassistant.helpers.entity.Entity.entity_registry_enabled_default",
        new_callable=PropertyMock,
        return_value=True,
    ):
        yield


@pytest.fixture
def media(hass: HomeAssistant, tmp_path: Path) -> Path:
    """Make a media folder that Home Assistant may read, with a PDF of three pages."""
    return make_media(hass, tmp_path / "media")


@pytest.fixture
def house(hass: HomeAssistant, simulator: Simulator, setup: MockConfigEntry) -> House:
    return House(hass=hass, simulator=simulator, entry=setup)


@pytest.fixture
def data(setup: MockConfigEntry) -> LiankeData:
    found: LiankeData = setup.runtime_data
    return found


@pytest.fixture
def coordinator(data: LiankeData) -> LiankeCoordinator:
    return data.coordinator


@pytest.fixture
async def settled(hass: HomeAssistant, setup: MockConfigEntry) -> None:
    """Wait for the background tasks of the set-up."""
    await rest(hass)


@pytest.fixture(scope="session")
def _until_the_end() -> Generator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def mailbox(_until_the_end: ExitStack, socket_enabled: None) -> Mailbox:
    """Return an empty mailbox of Dovecot, which then runs for all tests of this process."""
    if not mail_servers:
        mail_servers.append(_until_the_end.enter_context(dovecot()))
    return Mailbox(mail_servers[0], secrets.token_hex(8))


@pytest.fixture
async def site(socket_enabled: None) -> AsyncGenerator[Site]:
    """Run a web site that answers with a PDF unless `answer` is set."""
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


@pytest.fixture
async def assistants(hass: HomeAssistant) -> None:
    for component in ("homeassistant", "camera", "conversation", "llm"):
        assert await async_setup_component(hass, component, {})


@pytest.fixture
async def exposed(
    hass: HomeAssistant, assistants: None, reachable: str, setup: MockConfigEntry
) -> MockConfigEntry:
    expose(hass, status_of(hass))
    return setup


@pytest.fixture
def talk(hass: HomeAssistant, simulator: Simulator, exposed: MockConfigEntry) -> Talk:
    return Talk(hass=hass, simulator=simulator, entry=exposed)
