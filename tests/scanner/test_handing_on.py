"""The blueprints that hand a scan on: into a folder, and to a server that takes uploads as Paperless-ngx does."""

from collections.abc import AsyncGenerator
from http import HTTPStatus
from pathlib import Path
import shutil
from typing import Any
from uuid import uuid4

from aiohttp import web
from aiohttp.test_utils import TestServer
from homeassistant.const import EVENT_CALL_SERVICE
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.scanner.scan_jobs import async_get_scan_jobs
from tests.clock import until
from tests.flows.automations import notices, press, trigger, use
from tests.household import House
from tests.manual import LANGUAGES, examples
from tests.scanner.scans import device, do, pages_of, records, say, show, under_way
from tests.simulator.models import Printer

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")

TOKEN = "0123456789abcdef0123456789abcdef01234567"


class Paperless:
    """Takes documents as its documentation says: a token, one multipart field; the id of a task is the answer."""

    def __init__(self) -> None:
        self.received: list[tuple[str | None, bytes]] = []

    async def post_document(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Token {TOKEN}":
            return web.json_response(status=HTTPStatus.UNAUTHORIZED)
        if request.content_type != "multipart/form-data":
            return web.json_response(status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        form = await request.post()
        document = form.get("document")
        if set(form) != {"document"} or not isinstance(document, web.FileField):
            return web.json_response(status=HTTPStatus.BAD_REQUEST)
        self.received.append((document.filename, document.file.read()))
        return web.json_response(str(uuid4()))


@pytest.fixture
async def paperless(socket_enabled: None) -> AsyncGenerator[tuple[Paperless, str]]:
    """Return a server and its address."""
    server = Paperless()
    app = web.Application(client_max_size=2**26)
    app.router.add_post("/api/documents/post_document/", server.post_document)
    async with TestServer(app) as running:
        yield server, str(running.make_url("/")).rstrip("/")


async def scan(house: House, laser: Printer, name: str, **inputs: Any) -> None:
    """Make an automation of a blueprint and press its button once."""
    assert await async_setup_component(
        house.hass, "input_button", {"input_button": {"print": None}}
    )
    await use(
        house.hass, name, scanner=device(house, laser), buttons=["input_button.print"], **inputs
    )
    await press(house.hass)


async def ended(house: House, name: str) -> None:
    await until(
        lambda: (
            (state := house.hass.states.get(f"automation.{name}")) is not None
            and state.attributes["last_triggered"] is not None
            and state.attributes["current"] == 0
        )
    )


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("language", LANGUAGES)
async def test_into_a_folder(
    house: House, laser: Printer, other_laser: Printer, tmp_path: Path, language: str
) -> None:
    house.hass.config.language = language
    folder = tmp_path / "media" / "scans"
    folder.mkdir(parents=True)
    house.hass.config.media_dirs = {"local": str(folder.parent)}
    laser.feeder = ["one", "two"]
    await scan(house, laser, "scan_to_folder", source="feeder", color="gray")
    await until(lambda: [*folder.iterdir()])
    await ended(house, "scan_to_folder")
    [file] = folder.iterdir()
    assert show(pages_of(file), ["one", "two"], colorMode="Grayscale8")
    [job] = records(house)
    kept = async_get_scan_jobs(house.hass, house.entry).path(job, job.files[0])
    assert file.read_bytes() == kept.read_bytes()
    assert notices(house.hass) == []
    # What goes wrong is told: there is nothing to scan, then a file in the folder's place.
    laser.feeder = []
    await press(house.hass)
    await until(lambda: len(notices(house.hass)) == 1)
    await ended(house, "scan_to_folder")
    shutil.rmtree(folder)
    folder.touch()
    laser.feeder = ["three"]
    await press(house.hass)
    await until(lambda: len(notices(house.hass)) == 2)
    await ended(house, "scan_to_folder")
    assert laser.scanned == ["one", "two"]
    assert other_laser.scanned == []
    # What somebody calls off at the card did not go wrong.
    folder.unlink()
    folder.mkdir()
    house.simulator.cloud.variants.update(scan_problem="hangs")
    run = house.hass.async_create_task(trigger(house.hass, "automation.scan_to_folder"))
    await under_way(house)
    await say(house, laser, "discard")
    await run
    assert len(notices(house.hass)) == 2


def write(hass: HomeAssistant, name: str, text: str) -> Path:
    """Write a file into the folder of the configuration and return its path."""
    path = Path(hass.config.path(name))
    path.write_text(text)
    return path


def write_token(hass: HomeAssistant, token: str) -> None:
    """Write the file of the token, as the manual says."""
    write(hass, "paperless_token.txt", f"Authorization: Token {token}\n")


def shell_command(hass: HomeAssistant, language: str, address: str) -> dict[str, Any]:
    """Return the manual's configuration, with what is the reader's own: the folder and the address."""
    [config] = [one for one in examples(language, "paperless") if "shell_command" in one]
    command = config["shell_command"]["scan_to_paperless"]
    command = command.replace("/config", hass.config.config_dir)
    return {
        "shell_command": {"scan_to_paperless": command.replace("http://192.168.1.20:8000", address)}
    }


@needs_curl
@pytest.mark.parametrize("language", LANGUAGES)
async def test_to_paperless(
    house: House,
    laser: Printer,
    other_laser: Printer,
    paperless: tuple[Paperless, str],
    caplog: pytest.LogCaptureFixture,
    language: str,
) -> None:
    house.hass.config.language = language
    server, address = paperless
    config = shell_command(house.hass, language, address)
    assert await async_setup_component(house.hass, "shell_command", config)
    write_token(house.hass, TOKEN)
    calls = async_capture_events(house.hass, EVENT_CALL_SERVICE)
    await scan(house, laser, "scan_to_paperless")
    await until(lambda: server.received)
    await ended(house, "scan_to_paperless")
    [(name, content)] = server.received
    [job] = records(house)
    kept = async_get_scan_jobs(house.hass, house.entry).path(job, job.files[0])
    assert (name, content) == (kept.name, kept.read_bytes())
    assert content.startswith(b"%PDF-")
    assert notices(house.hass) == []
    assert TOKEN not in caplog.text + str([event.data for event in calls])
    # A refused token is told of, and nothing is lost.
    write_token(house.hass, "other")
    await press(house.hass)
    await until(lambda: notices(house.hass))
    await ended(house, "scan_to_paperless")
    [(_, message)] = notices(house.hass)
    assert "22" in message
    assert len(server.received) == 1
    assert [len(one.files) for one in records(house)] == [1, 1]
    assert other_laser.scanned == []
    caplog.clear()


@needs_curl
@pytest.mark.usefixtures("hurried", "other")
@pytest.mark.parametrize("language", LANGUAGES)
async def test_to_paperless_by_a_button_of_the_card(
    house: House, laser: Printer, paperless: tuple[Paperless, str], language: str
) -> None:
    server, address = paperless
    config = shell_command(house.hass, language, address)
    assert await async_setup_component(house.hass, "shell_command", config)
    [script] = [one for one in examples(language, "paperless") if "script" in one]
    assert await async_setup_component(house.hass, "script", script)
    house.set_options({"scan_script": "script.to_paperless"})
    write_token(house.hass, TOKEN)
    answer = await do(house, laser, format="jpeg", filename="租房 合同 (2)", source="glass")
    hand_on = {"answer": "hand_on", "scan_id": answer["scan_id"]}
    await do(house, laser, "continue_scan", **hand_on)
    [(name, content)] = server.received
    assert (name, content[:3]) == ("租房 合同 (2).jpg", b"\xff\xd8\xff")
    write_token(house.hass, "other")
    with pytest.raises(ServiceValidationError) as caught:
        await do(house, laser, "continue_scan", **hand_on)
    assert caught.value.translation_placeholders == {"detail": "curl: 22"}
    assert len(server.received) == 1


@needs_curl
@pytest.mark.parametrize("language", LANGUAGES)
async def test_nothing_but_scans_is_uploaded(
    hass: HomeAssistant, paperless: tuple[Paperless, str], tmp_path: Path, language: str
) -> None:
    """Whoever may call actions can neither send other files nor give curl options of theirs."""
    server, address = paperless
    assert await async_setup_component(
        hass, "shell_command", shell_command(hass, language, address)
    )
    write_token(hass, TOKEN)
    secret = write(hass, "secrets.yaml", "password: x")
    scans = Path(hass.config.cache_path(DOMAIN)) / "scans-01A" / "01B"
    scans.mkdir(parents=True)
    (scans / "scan-20261128-070000.pdf").write_bytes(b"%PDF-")
    good = str(scans / "scan-20261128-070000.pdf")
    stolen = tmp_path / "stolen"
    for file, code in (
        (good, 0),
        (str(secret), 26),
        (f"{scans}/../../../../secrets.yaml", 26),
        (f"{good}\"' --output {stolen} --url {address}/ --form 'x=\"", 26),
        (f"{secret};filename={good}", 26),
        (["x"], 26),
    ):
        answer = await hass.services.async_call(
            "shell_command",
            "scan_to_paperless",
            {"file": file},
            blocking=True,
            return_response=True,
        )
        assert answer is not None
        assert answer["returncode"] == code, file
    assert [content for _, content in server.received] == [b"%PDF-"]
    assert not stolen.exists()
