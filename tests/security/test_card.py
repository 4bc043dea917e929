"""The card: texts from outside are text on the page, whatever they contain.

The card's own files run in Chromium before a stand-in for Home Assistant, which sends what a bad
printer, document or service could say.
"""

import asyncio
from collections.abc import AsyncIterator
import json
from typing import Any

from aiohttp import web
from playwright.async_api import Page, async_playwright
import pytest
import pytest_socket

from tests.conftest import COMPONENT
from tests.e2e.card.stage import BROWSER_OPTIONS
from tests.security.rendering import PAYLOADS
from tests.simulator.rendering import find_chromium

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PAGE = """<!DOCTYPE html><html lang="en"><body><script type="module">
import "/lianke-card.js";
window.show = (view, names) => {
  const connection = {
    addEventListener() {}, removeEventListener() {},
    subscribeMessage: async (tell) => { tell(view); return async () => {}; },
  };
  const hass = {
    connection, language: "en", locale: { language: "en" }, states: names, entities: {}, user: { is_admin: true },
    localize: () => "", loadBackendTranslation: async () => () => "", callWS: async () => ({}),
  };
  const card = document.createElement("lianke-card");
  card.setConfig({ type: "custom:lianke-card", title: view.title, history: 20,
    buttons: [{ entity: "todo.list", name: view.title }] });
  card.hass = hass;
  document.body.replaceChildren(card);
};
window.ready = true;
</script></body></html>"""
STATES = (
    "held",
    "uploading",
    "sending",
    "completed",
    "failed",
    "canceled",
    "expired",
    "unconfirmed",
)


@pytest.fixture(autouse=True)
def verify_cleanup() -> None:
    """Leave the browser's process alone; no part of Home Assistant runs in here."""


@pytest.fixture
async def asked() -> list[str]:
    return []


@pytest.fixture
async def page(socket_enabled: None, asked: list[str]) -> AsyncIterator[Page]:
    if (chromium := find_chromium()) is None:
        pytest.skip("no Chromium")
    app = web.Application()

    async def index(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    app.router.add_get("/", index)
    app.router.add_static("/", COMPONENT / "frontend")
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=BROWSER_OPTIONS)
        page = await browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("dialog", lambda _: asked.append("a dialog"))
        await page.goto(url)
        await page.wait_for_function("window.ready")
        yield page
        pytest_socket.enable_socket()
        await browser.close()
    await runner.cleanup()


def view(text: str) -> dict[str, Any]:
    """Return what a card is told, with a text in every place that comes from outside."""
    now = "2026-11-26T06:51:34+00:00"
    job = {
        "printer": text,
        "title": text,
        "created_at": now,
        "changed_at": now,
        "expires_at": now,
        "size": 100,
        "sent_bytes": 10,
        "pages": 3,
        "pages_printed": 1,
        "copies": 1,
        "hold_reason": text,
        "reason": text,
        "code": 500,
        "detail": text,
        "partly_printed": True,
        "request_id": text,
        "can_cancel": True,
        "can_retry": True,
        "device_id": "device",
        "printer_key": "key",
    }
    printer = {
        "name": text,
        "status": text,
        "waiting": 1,
        "hold_reason": text,
        "pages_printed": 3,
        "may_control": True,
        "ink": [
            {"name": text, "level": 5, "color": text},
            {"name": "K", "level": None, "color": ""},
        ],
        "problems": [text, "cover_open"],
    }
    return {
        "title": text,
        "printers": {"device": printer, "other": {**printer, "status": "disconnected"}},
        "jobs": [{**job, "job_id": state, "state": state} for state in STATES],
        "key_rejected": ["other"],
    }


COUNT = """() => {
  const roots = (root) => [root, ...[...root.querySelectorAll("*")].flatMap((one) =>
    one.shadowRoot ? roots(one.shadowRoot) : [])];
  const all = roots(document.querySelector("lianke-card").shadowRoot);
  const elements = all.flatMap((root) => [...root.querySelectorAll("*")]);
  const handlers = elements.flatMap((one) => [...one.attributes])
    .filter(({ name, value }) => name.startsWith("on") || /evil|javascript:/.test(name === "style" ? value : ""));
  const kinds = elements.map((one) => one.localName);
  return { kinds: [...new Set(kinds)].sort(), handlers: handlers.length,
    text: all.map((root) => root.textContent).join(" "), printers: kinds.filter((kind) => kind === "section").length };
}"""


async def shown(page: Page, kind: str = "ha-alert") -> None:
    """Wait for both printers, the quick buttons, and an element that loads on its own: what the card notes, or asks."""
    await page.wait_for_function(
        f"(kind) => {{ const found = ({COUNT})(); return found.printers > 2 && found.kinds.includes(kind); }}",
        arg=kind,
    )


async def test_no_text_becomes_markup(page: Page, asked: list[str]) -> None:
    """Every payload in every place: no new kind of element, no handler, no request, the text is shown."""
    await page.evaluate("(view) => window.show(view, {})", view("plain"))
    for kind in "ha-alert", "lianke-ask":
        await shown(page, kind)
    plain = await page.evaluate(COUNT)
    assert "plain" in plain["text"]
    assert "img" not in plain["kinds"]
    before = list(asked)
    more = {
        "style": "red; background: url(//evil.example/x.png)",
        "attribute": '" onmouseover="alert(1)',
        "closing tag": "</div></section></ha-card><img src=//evil.example/x onerror=alert(1)>",
        "a key": 'x" data-key="no',
        "prototype": "__proto__",
    }
    for name, payload in {**PAYLOADS, **more}.items():
        await page.evaluate(
            "(view) => window.show(view, {})", json.loads(json.dumps(view(payload)))
        )
        await shown(page)
        found = await page.evaluate(COUNT)
        assert set(found["kinds"]) <= set(plain["kinds"]), name
        assert found["handlers"] == 0, name
        assert payload.replace("\r", "\n").split("\n")[0].strip("\x00 ") in found["text"], name
    await asyncio.sleep(0.2)
    assert asked == before
