"""A dashboard card's connection: what it receives, and whether the card's source declares that."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
import re
from typing import Any

from aiohttp import ClientWebSocketResponse
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import MockHAClientWebSocket, WebSocketGenerator

from custom_components.lianke.const import DOMAIN

type Files = Callable[[int], str]


async def command(client: MockHAClientWebSocket, kind: str, **fields: Any) -> Any:
    """Send a command and return its result, or its error if it is refused."""
    await client.send_json_auto_id({"type": f"lianke/{kind}", **fields})
    answer = await client.receive_json()
    return answer["result"] if answer["success"] else answer["error"]


async def subscribe(client: MockHAClientWebSocket, **fields: Any) -> int:
    await client.send_json_auto_id({"type": "lianke/jobs/subscribe", **fields})
    answer = await client.receive_json()
    assert answer["success"], answer
    return int(answer["id"])


async def first_view(client: MockHAClientWebSocket, **fields: Any) -> dict[str, Any]:
    await subscribe(client, **fields)
    return dict((await client.receive_json())["event"])


async def until(client: ClientWebSocketResponse, wanted: Callable[[dict[str, Any]], bool]) -> Any:
    while True:
        message = await client.receive_json(timeout=20)
        if message["type"] == "event" and wanted(message["event"]):
            return message["event"]


async def until_answer(client: ClientWebSocketResponse) -> dict[str, Any]:
    while True:
        message = await client.receive_json(timeout=20)
        if message["type"] == "result":
            assert message["success"], message
            result: dict[str, Any] = message["result"]
            return result


CARD = Path(__file__).parents[2] / "frontend" / "src"


# Fields that the feed sends and no card reads (NOT_READ), and fields that the card adds itself (NOT_SENT).
NOT_READ = {
    "Job": {
        *("printer_key", "printer", "created_at", "changed_at", "title_is_foreign"),
        *("moved_from", "moved_to"),
    },
    "PrinterOptions": {"printer", "model"},
    "NamedChoice": {"printable_width", "printable_height"},
}


NOT_SENT = {"PrinterOptions": {"failed", "lost"}}


def declared(interface: str, file: str = "types.ts") -> dict[str, str]:
    found = re.search(
        rf"^(?:export )?interface {interface} {{$(.*?)^}}$",
        (CARD / file).read_text("utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    assert found
    return dict(re.findall(r"^  (\w+)\??: (.*);$", found[1], re.MULTILINE))


def is_of(value: Any, kind: str) -> bool:
    """Return whether a value that is sent has a type, as TypeScript writes it; objects are not looked into."""
    for one in kind.split(" | "):
        match value:
            case None:
                fits = one == "null"
            case bool():
                fits = one == "boolean"
            case int() | float():
                fits = one == "number"
            case str():
                fits = one in ("string", f'"{value}"')
            case list():
                fits = one.endswith("[]") and all(is_of(item, one[:-2]) for item in value)
            case _:
                fits = one[0].isupper()
        if fits:
            return True
    return False


def compare(sent: dict[str, Any], interface: str, file: str = "types.ts") -> None:
    """Check that the card declares what is sent: the same fields, with types that fit the values."""
    fields = declared(interface, file)
    assert fields.keys() - NOT_SENT.get(interface, set()) == sent.keys() - NOT_READ.get(
        interface, set()
    ), interface
    wrong = {
        name: (sent[name], kind)
        for name, kind in fields.items()
        if name in sent and not is_of(sent[name], kind)
    }
    assert not wrong, interface


@asynccontextmanager
async def client_of(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, policy: dict[str, Any]
) -> AsyncIterator[MockHAClientWebSocket]:
    user = MockUser(groups=[]).add_to_hass(hass)
    user.mock_policy({"entities": policy})
    token = await hass.auth.async_create_refresh_token(user, "http://127.0.0.1")
    client = await hass_ws_client(hass, hass.auth.async_create_access_token(token))
    yield client
    await client.close()


def status_entity(hass: HomeAssistant, entry: MockConfigEntry, device_id: str) -> str:
    device = dr.async_get(hass).async_get(device_id)
    assert device is not None
    identifier = next(iter(device.identifiers))[1]
    entity_id = er.async_get(hass).async_get_entity_id("sensor", DOMAIN, f"{identifier}_status")
    assert entity_id is not None
    return entity_id
