"""The demo by a client of the Model Context Protocol, connected as the manual says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import json
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.types import CallToolResult, TextContent
import pytest

from tests.manual import sections
from tests.simulator import make_pdf

from .binding import bind_first, entity_of, printer_device
from .card.stage import user_tokens
from .cloud import SimulatorProcess
from .hass import RealHomeAssistant
from .home import CONFIGURATION, PRINTER, TEXTS, furnish

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(600)]
MENU = make_pdf(2, "Menu of the tests")
READING = {"lianke__list_jobs", "lianke__printer_status", "lianke__which_printer"}
RECIPE = b"<!doctype html><title>Soup</title><h1>Soup</h1><p>Peel the onions.</p>"


def connection(home: RealHomeAssistant, token: str) -> tuple[str, dict[str, str]]:
    """Return the address and the headers that the manual's example gives, with this address and token in it."""
    [example] = [one for section in sections(home.language, "mcp") for one in section.examples]
    text = example.content.replace("http://127.0.0.1:8123", home.url).replace("TOKEN", token)
    server = json.loads(text)["mcpServers"]["home-assistant"]
    assert server["type"] == "http"
    return server["url"], server["headers"]


def told(answer: CallToolResult) -> dict[str, Any]:
    """Return what a tool said."""
    [text] = answer.content
    assert isinstance(text, TextContent)
    assert not answer.isError, text.text
    found: dict[str, Any] = json.loads(text.text)
    return found


def refusal(answer: CallToolResult) -> str:
    """Return why a tool refused."""
    [text] = answer.content
    assert answer.isError
    assert isinstance(text, TextContent)
    return text.text


async def test_a_client_prints_and_is_told_the_truth(tmp_path: Path, newest: None) -> None:
    """A PDF and a page of a web server, a camera's picture and a file: on paper once each, when it is told."""
    language = "zh-Hans"

    async def menu(_: web.Request) -> web.Response:
        return web.Response(body=MENU, content_type="application/pdf")

    async def recipe(_: web.Request) -> web.Response:
        return web.Response(body=RECIPE, content_type="text/html")

    app = web.Application()
    app.router.add_get("/menu.pdf", menu)
    app.router.add_get("/recipe", recipe)
    async with TestServer(app, host="127.0.0.1") as site:
        address = f"http://127.0.0.1:{site.port}"
        async with (
            SimulatorProcess(tmp_path / "printed", speed=20) as cloud,
            RealHomeAssistant(
                tmp_path / "config",
                language=language,
                extra=CONFIGURATION,
                allowed_urls=[f"{address}/menu.pdf", f"{address}/recipe"],
            ) as home,
        ):
            await bind_first(home, cloud)
            await furnish(home, cloud)
            # A user without administrator rights, as the manual says.
            tokens = json.loads(await user_tokens(home, "assistant", "system-users"))
            url, headers = connection(home, tokens["access_token"])
            async with (
                create_mcp_http_client(headers=headers) as http,
                streamable_http_client(url, http_client=http) as (read, write, _),
                ClientSession(read, write) as session,
            ):
                await session.initialize()
                tools = {tool.name for tool in (await session.list_tools()).tools}
                file = "media-source://media_source/local/letter.pdf"
                calls: list[tuple[str, dict[str, Any]]] = [
                    ("lianke__print_document", {"address": f"{address}/menu.pdf", "copies": 2}),
                    ("lianke__print_picture", {"camera": TEXTS[language]["camera"]}),
                    ("lianke__print_document", {"address": file}),
                    ("lianke__print_document", {"address": f"{address}/recipe", "title": "Soup"}),
                ]
                assert {name for name, _ in calls} <= tools
                assert not any(name.startswith("homeassistant__call") for name in tools)
                taken = [told(await session.call_tool(name, fields)) for name, fields in calls]
                assert [job["title"] for job in taken] == [
                    "(named by a stranger)",
                    TEXTS[language]["camera"],
                    "letter.pdf",
                    "Soup",
                ]
                async with asyncio.timeout(120):
                    while True:
                        jobs = told(await session.call_tool("lianke__list_jobs", {}))["jobs"]
                        if {job["state"] for job in jobs} == {"completed"}:
                            break
                        await asyncio.sleep(0.2)
                assert {job["job_id"] for job in jobs} == {job["job_id"] for job in taken}
                assert all(job["finished_at"] >= job["created_at"] for job in jobs)
                # On both sides, in black and white, pages 2 and 3; then what has become of it.
                menu_pdf = {"address": "media-source://media_source/local/menu.pdf"}
                able_to = {"duplex": "long_edge", "color": "mono"}
                fields = {**menu_pdf, **able_to, "pages": "2-3"}
                [able] = told(await session.call_tool("lianke__which_printer", able_to))["printers"]
                assert (able["printer"], able["can"]) == (PRINTER, True)

                async def ask() -> tuple[dict[str, Any], int]:
                    """Ask what has become of the newest job; return what is said, and how many lie in the tray then."""
                    status = told(await session.call_tool("lianke__printer_status", {}))
                    return status["own_newest_job"], len(await cloud.get("printed"))

                async def what_became(state: str, lie_there: int) -> dict[str, Any]:
                    """Print, and ask until something has become of it; what is said is what lies in the tray."""
                    job = told(await session.call_tool("lianke__print_document", fields))
                    own, lie = await ask()
                    async with asyncio.timeout(120):
                        while own["state"] not in ("completed", "failed", "held"):
                            await asyncio.sleep(0.2)
                            own, lie = await ask()
                    assert (own["job_id"], own["state"], lie) == (job["job_id"], state, lie_there)
                    return own

                own = await what_became("completed", len(taken) + 1)
                assert (own["in_words"], own["pages"]) == ("已完成", 2)
                planned = {"outcomes": [{"code": 502, "state": "SUCCESS", "prints": "none"}]}
                await cloud.post(f"boxes/{cloud.device_id}/printers/1/outcomes", planned)
                assert "无法" in (await what_became("failed", len(taken) + 1))["in_words"]
                printer = await printer_device(home, cloud.device_id, PRINTER)
                status = await entity_of(home, printer, "sensor", "status")
                await cloud.change_printer(cloud.device_id, 1, paper=0)
                await home.call("homeassistant", "update_entity", {"entity_id": status})
                await home.wait_for_state(status, lambda shown: shown["state"] == "out_of_paper")
                own = await what_became("held", len(taken) + 1)
                assert own["in_words"] == "正在等待打印机：缺纸。"
                await cloud.change_printer(cloud.device_id, 1, paper=100)
                await home.call("homeassistant", "update_entity", {"entity_id": status})
                async with asyncio.timeout(120):
                    while (await ask())[0]["state"] != "completed":
                        await asyncio.sleep(0.2)
                assert len(await cloud.get("printed")) == len(taken) + 2
                # It is not kept, so it can only be printed anew.
                answer = await session.call_tool("lianke__print_again", {})
                assert "保留" in refusal(answer)
                # Nothing is printed of what is refused, and why is said.
                answer = await session.call_tool(
                    "lianke__print_document", fields | {"color": "color"}
                )
                assert "黑白" in refusal(answer)
                for fields, words in (
                    ({"address": f"{address}/other.pdf"}, "127.0.0.1"),
                    ({"address": "media-source://media_source/local/none.pdf"}, "none.pdf"),
                ):
                    answer = await session.call_tool("lianke__print_document", fields)
                    assert words in refusal(answer)
            tray = await cloud.get("printed")
            sent = {"dmDuplex": "2", "dmColor": "1", "jpPageRange": "2-3"}
            assert sent.items() <= tray[-1]["options"].items()
            printed = [Path(one["path"]).read_bytes() for one in tray]
            documents = home.documents
            camera, letter, pages = (
                (documents / name).read_bytes()
                for name in ("front-door.jpg", "letter.pdf", "menu.pdf")
            )
            assert printed == [MENU, camera, letter, RECIPE, pages, pages]
            assert not home.problems("lianke")


async def test_which_address_opens_what(tmp_path: Path, newest: None) -> None:
    """The integration as its form adds it lets an administrator's client print on a printer that is not exposed."""
    async with (
        SimulatorProcess(tmp_path / "printed", speed=20) as cloud,
        RealHomeAssistant(tmp_path / "config", extra=CONFIGURATION) as home,
    ):
        await bind_first(home, cloud)
        await home.submit(await home.start_flow("mcp_server"), {})
        printer = await printer_device(home, cloud.device_id, PRINTER)
        tokens = json.loads(await user_tokens(home, "assistant", "system-users"))
        manual, _ = connection(home, home.token)
        assert manual == f"{home.url}/api/mcp/assist"

        @asynccontextmanager
        async def session(path: str, token: str) -> AsyncIterator[ClientSession]:
            headers = {"Authorization": f"Bearer {token}"}
            async with (
                create_mcp_http_client(headers=headers) as http,
                streamable_http_client(f"{home.url}{path}", http_client=http) as (read, write, _),
                ClientSession(read, write) as opened,
            ):
                await opened.initialize()
                yield opened

        everything = "homeassistant__call_action"
        for path in ("/api/mcp", "/api/mcp/homeassistant"):
            async with session(path, home.token) as opened:
                offered = {tool.name for tool in (await opened.list_tools()).tools}
                assert everything in offered
                # What only reads is there, too, for printers that are not exposed as well.
                assert {name for name in offered if "lianke__" in name} == READING
                status = await opened.call_tool("lianke__printer_status", {"printer": PRINTER})
                assert told(status)["in_words"] == "Idle"
                data = {"device_id": printer["id"], "text": path}
                called = {"action": "lianke.print", "data": data}
                told(await opened.call_tool(everything, called))
            mine, home.token = home.token, tokens["access_token"]
            async with home.raw("POST", path, json={}) as response:
                assert response.status == 403
            home.token = mine
        for token in (home.token, tokens["access_token"]):
            async with session("/api/mcp/assist", token) as opened:
                names = {tool.name for tool in (await opened.list_tools()).tools}
                assert not any(name.startswith("homeassistant__call") for name in names)
                answer = await opened.call_tool("lianke__print_text", {"text": "x"})
                assert refusal(answer)
        await home.poll(lambda: cloud.get("printed"), lambda printed: len(printed) == 2)
