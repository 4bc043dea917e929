"""A Home Assistant with a bound box and a browser in front of it, for tests of the dashboard card.

``Stage`` has what all tests share: Home Assistant, simulator, browser and the printers' devices.
``Stage.screen`` opens a page for one test, logged in, that shows the given cards, and closes it again.
It then fails the test if the page has logged an error or sent a request to a host other than Home Assistant.
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources import files as package_files
import json
import os
from pathlib import Path
from time import monotonic, time
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Locator, Page, Request

from tests.e2e.cloud import SimulatorProcess
from tests.e2e.hass import RealHomeAssistant

# Languages in which the READMEs' pictures are made: both if the pictures are to be kept.
PICTURED = ["en", "zh-Hans"] if os.environ.get("LIANKE_PICTURES") else ["zh-Hans"]
LASER = "Kyocera MA2000w GX"
LABEL = "Gprinter GP-1324D"
SMALL_LASER = "HP LaserJet 1020"
INKJET = "EPSON L3250 Series (网络)"
DASHBOARD = "lianke-card"
# Six times faster than real time, which is still slow enough for a person or a test to see each state.
SPEED = 6.0
# Options with which Chromium runs as root and reaches no host but 127.0.0.1.
BROWSER_OPTIONS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--disable-gpu",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
UNDER_WAY = ("uploading", "queued", "processing", "sending", "canceling")
PATIENCE = 90.0  # seconds; a loaded machine is slow
# Maximum seconds until a dashboard has its first card: browser and Home Assistant may have started a moment ago.
COLD_START = 180.0
# Maximum ms until a browser has started; eight processes may be starting at the same time.
LAUNCH = 180_000
# Seconds after which every control reacts to a press (AWAY and REST of guard.ts).
STILL = 1.6
# Parts of messages that Home Assistant's own pages log without any fault of ours.
NOT_OURS = ("ResizeObserver loop", "Lit is in dev mode", "/favicon.ico")

_DROP = """
async (zone, files) => {
  const transfer = new DataTransfer();
  for (const { name, type, data } of files) {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type }));
  }
  // A browser lets go only where that is taken, and tells what is below a drag again and again.
  const options = { dataTransfer: transfer, bubbles: true, cancelable: true, composed: true };
  const tell = (kind) => !zone.dispatchEvent(new DragEvent(kind, options));
  const end = performance.now() + 90_000;
  tell("dragenter");
  while (!tell("dragover")) {
    if (performance.now() > end) throw new Error("nothing is taken here");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  tell("drop");
}
"""
# Waits until an element has been in one place for some ms; false if the element was replaced meanwhile.
_STANDS_STILL = """
async (one, ms) => {
  const place = () => { const { x, y } = one.getBoundingClientRect(); return `${x} ${y} ${one.dataset.key}`; };
  let [seen, since] = [place(), performance.now()];
  while (one.isConnected && performance.now() - since < ms) {
    await new Promise(requestAnimationFrame);
    if (place() !== seen) [seen, since] = [place(), performance.now()];
  }
  return one.isConnected;
}
"""
# Whether the frontend has taken on the dark or light look, and no animation is running.
IS_CALM = """(dark) => {
  const within = (root) => [root, ...[...root.querySelectorAll("*")].flatMap(
    (one) => one.shadowRoot ? within(one.shadowRoot) : []
  )];
  const moves = (one) =>
    one.playState === "running" && one.effect.getComputedTiming().endTime !== Infinity;
  return document.querySelector("home-assistant").hass.themes.darkMode === dark
    && !within(document).some((root) => root.getAnimations().some(moves));
}"""


async def change_options(home: RealHomeAssistant, entry_id: str, step: str, **changes: Any) -> None:
    """Change options of a box by a form; printers are chosen by their names."""
    flow = await home.start_options(entry_id)
    flow = await home.submit_options(flow, {"next_step_id": step})
    values = {one["name"]: one["default"] for one in flow["data_schema"] if "default" in one}
    for one in flow["data_schema"]:
        if isinstance(chosen := changes.get(one["name"]), list):
            offered = one["selector"]["select"]["options"]
            changes[one["name"]] = [item["value"] for item in offered if item["label"] in chosen]
    flow = await home.submit_options(flow, values | changes)
    if flow["type"] == "form":
        assert flow["step_id"] == "approval_notify"
        # Nobody is asked on a phone.
        flow = await home.submit_options(flow, {})
    assert flow["type"] == "create_entry", flow


async def user_tokens(home: RealHomeAssistant, name: str, group: str) -> str:
    """Add a user to a group and return the tokens that keep their browser logged in, as JSON."""
    user = await home.command("config/auth/create", name=name, group_ids=[group])
    password = f"{name}-password"
    await home.command(
        "config/auth_provider/homeassistant/create",
        user_id=user["user"]["id"],
        username=name,
        password=password,
    )
    client = f"{home.url}/"
    flow = await home.post(
        "/auth/login_flow",
        {"client_id": client, "handler": ["homeassistant", None], "redirect_uri": client},
    )
    step = await home.post(
        f"/auth/login_flow/{flow['flow_id']}",
        {"client_id": client, "username": name, "password": password},
    )
    form = {"client_id": client, "grant_type": "authorization_code", "code": step["result"]}
    async with home.raw("POST", "/auth/token", data=form) as response:
        tokens = await response.json()
    return json.dumps(
        {
            **tokens,
            "hassUrl": home.url,
            "clientId": client,
            "expires": int(time() * 1000) + tokens["expires_in"] * 1000,
        }
    )


async def still(what: Locator) -> None:
    """Wait until an element has stood still for as long as a person needs to read it.

    A control that has just moved under a finger does not react yet, and a test is faster than any person.
    """
    async with asyncio.timeout(PATIENCE):
        while not await what.evaluate(_STANDS_STILL, STILL * 1000):
            await what.wait_for()


async def press(control: Locator) -> None:
    """Press a control once it has stood still; with a finger on a phone, otherwise with the mouse."""
    await control.scroll_into_view_if_needed()
    await still(control)
    if await control.page.evaluate("navigator.maxTouchPoints"):
        await control.tap()
    else:
        await control.click()


@dataclass
class Screen:
    """One page with cards on it."""

    page: Page
    stage: Stage
    complaints: list[str] = field(default_factory=list)

    @property
    def card(self) -> Locator:
        """The first card."""
        return self.page.locator("lianke-card").first

    @property
    def zone(self) -> Locator:
        """The first printer's part of the first card; it does not exist while the card waits for its data."""
        return self.card.locator("lianke-printer section[aria-label]").first

    async def drop(self, *files: tuple[str, str, bytes]) -> None:
        """Drop files, each as name, content type and content, on the first printer once it is shown."""
        await self.zone.evaluate(
            _DROP,
            [
                {"name": name, "type": kind, "data": b64encode(content).decode()}
                for name, kind, content in files
            ],
        )

    async def still(self, what: Locator) -> None:
        """Call the function `still`."""
        await still(what)

    async def press(self, control: Locator) -> None:
        """Call the function `press`."""
        await press(control)

    def row(self, title: str) -> Locator:
        """Return the row of a job with this title."""
        return self.card.locator("li.row").filter(has_text=title)

    async def shows(self, text: str, timeout: float = PATIENCE) -> None:
        """Wait until the first card shows a text. Raises TimeoutError after timeout seconds."""
        await self.card.get_by_text(text).first.wait_for(timeout=timeout * 1000)

    async def was_stale(self) -> Callable[[], Awaitable[bool]]:
        """Watch the preview; return a function that says whether it has been dimmed since, even for a moment."""
        strip = self.card.locator(".previews")
        watched = await strip.evaluate_handle(
            """(strip) => {
                const seen = [];
                const look = () => seen.push(strip.className);
                new MutationObserver(look).observe(strip, { attributeFilter: ["class"] });
                return seen;
            }"""
        )

        async def was() -> bool:
            return any("stale" in one.split() for one in await watched.json_value())

        return was

    async def axe(self, what: Locator | None = None) -> list[str]:
        """Return the faults of any severity that axe finds in the cards, or in other elements of the page."""
        script = package_files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
        await self.page.evaluate(script)
        faults: list[str] = []
        for one in await (what or self.page.locator("lianke-card")).all():
            results = await one.evaluate("(one) => axe.run(one, { resultTypes: ['violations'] })")
            # An empty list would look like a perfect card.
            assert results["passes"], "axe has looked at nothing"
            faults += [
                f"{fault['id']} ({fault['impact']}): {[node['html'] for node in fault['nodes']][:3]}"
                for fault in results["violations"]
            ]
        return faults

    async def axe_in_every_look(self, what: Locator | None = None) -> list[str]:
        """Return the faults in the light look, the dark look and forced colors; the page ends in the light look."""
        faults: list[str] = []
        for dark, forced in ((False, False), (True, False), (True, True)):
            await self.page.emulate_media(
                color_scheme="dark" if dark else "light",
                forced_colors="active" if forced else "none",
            )
            # The frontend changes its look a moment later, and a dialog takes a while to come into view.
            await self.page.wait_for_timeout(300)
            await self.page.wait_for_function(IS_CALM, arg=dark)
            faults += await self.axe(what)
        await self.page.emulate_media(color_scheme="light", forced_colors="none")
        return faults

    async def picture(self, path: Path, *, margin: int = 12) -> None:
        """Take a picture of the first card."""
        box = await self.card.bounding_box()
        assert box is not None
        await self.page.screenshot(
            path=path,
            clip={
                "x": max(box["x"] - margin, 0),
                "y": max(box["y"] - margin, 0),
                "width": box["width"] + 2 * margin,
                "height": box["height"] + 2 * margin,
            },
            full_page=True,
            animations="disabled",
        )

    def _console(self, message: ConsoleMessage) -> None:
        place = message.location.get("url", "")
        if message.type == "error" and not any(
            part in f"{message.text} {place}" for part in NOT_OURS
        ):
            self.complaints.append(f"console: {message.text} {place}")

    def _error(self, error: Exception) -> None:
        self.complaints.append(f"error: {error}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.stage.home.url, "data:", "blob:")):
            self.complaints.append(f"request to {request.url}")

    def watch(self) -> None:
        """Note errors and requests to other hosts from now on."""
        self.page.on("console", self._console)
        self.page.on("pageerror", self._error)
        self.page.on("request", self._request)

    def ignore(self) -> None:
        """Stop noting errors and requests."""
        self.page.remove_listener("console", self._console)
        self.page.remove_listener("pageerror", self._error)
        self.page.remove_listener("request", self._request)


@dataclass
class Stage:
    """What all browser tests share."""

    home: RealHomeAssistant
    cloud: SimulatorProcess
    browser: Browser
    entry_id: str
    devices: dict[str, str]
    # Parts of log lines that a test provokes.
    expected: list[str] = field(default_factory=list)
    # Pages that no test uses now, by touch and sharp; kept because a new page takes long to compile the frontend.
    _idle: dict[tuple[bool, bool], Page] = field(default_factory=dict)

    @asynccontextmanager
    async def screen(
        self,
        *cards: dict[str, Any],
        language: str = "en",
        width: int = 1280,
        height: int = 900,
        dark: bool = False,
        forced: bool = False,
        touch: bool = False,
        sharp: bool = False,
        moving: bool = False,
        tokens: str | None = None,
        alone: bool = False,
        tolerated: tuple[str, ...] = (),
        path: str = f"/{DASHBOARD}/0",
        kind: str = "sections",
        badges: Sequence[dict[str, Any]] = (),
    ) -> AsyncIterator[Screen]:
        """Provide a page that shows cards (the laser's full card if none are given).

        tokens: another user's tokens, as `RealHomeAssistant.browser_tokens` returns them. tolerated: parts of error
        messages that are expected. forced: with the few colors of a high-contrast mode. touch: on a phone. sharp: with
        twice the pixels, which pictures of the card need. moving: with animations, which take most of a test's time.
        alone: no other test gets this page, because the test listens to what the page does or changes what it may load.
        kind: the kind of the view, sections or masonry. badges: shown above the cards.
        """
        await self.lay_out(*(cards or (self.full(),)), kind=kind, badges=badges)
        device = (touch, sharp)
        page = self._idle.pop(device, None) or await self._new_page(touch=touch, sharp=sharp)
        screen = Screen(page=page, stage=self)
        in_order = False
        try:
            await page.set_viewport_size({"width": width, "height": height})
            await page.emulate_media(
                color_scheme="dark" if dark else "light",
                forced_colors="active" if forced else "none",
                reduced_motion="no-preference" if moving else "reduce",
            )
            # Move the pointer off the page, where it touches nothing that reacts to it.
            await page.mouse.move(-1, -1)
            await self._log_in(page, language, tokens)
            screen.watch()
            await page.goto(f"{self.home.url}{path}")
            if path.startswith(f"/{DASHBOARD}") and not alone:
                first = page.locator("ha-card").first
                await first.wait_for(state="attached", timeout=COLD_START * 1000)
            yield screen
            screen.ignore()
            left = [
                line for line in screen.complaints if not any(part in line for part in tolerated)
            ]
            assert not left, "\n".join(left)
            in_order = True
        finally:
            if in_order and not alone and device not in self._idle:
                self._idle[device] = page
            else:
                await page.context.close()

    async def _new_page(self, *, touch: bool, sharp: bool) -> Page:
        context = await self.browser.new_context(
            has_touch=touch, is_mobile=touch, device_scale_factor=2 if sharp else 1
        )
        page = await context.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        return page

    async def _log_in(self, page: Page, language: str, tokens: str | None) -> None:
        """Clear what the browser has stored, then store a user's tokens and a language."""
        stored = {
            "hassTokens": tokens or self.home.browser_tokens(),
            "selectedLanguage": json.dumps(language),
        }
        # On this page no script runs, and the storage can be accessed.
        await page.goto(f"{self.home.url}/robots.txt")
        await page.evaluate(
            "(stored) => { sessionStorage.clear(); localStorage.clear(); Object.assign(localStorage, stored); }",
            stored,
        )

    def full(self, printer: str = LASER, **config: Any) -> dict[str, Any]:
        """Return the configuration of a card for a printer."""
        return {"type": "custom:lianke-card", "devices": [self.devices[printer]], **config}

    async def lay_out(
        self,
        *cards: dict[str, Any],
        kind: str = "sections",
        badges: Sequence[dict[str, Any]] = (),
    ) -> None:
        """Save a dashboard with these cards, in place of the last one."""
        boards = await self.home.command("lovelace/dashboards/list")
        if not any(board["url_path"] == DASHBOARD for board in boards):
            await self.home.command(
                "lovelace/dashboards/create", url_path=DASHBOARD, title="Printing"
            )
        view: dict[str, Any] = {"title": "Printing", "type": kind, "badges": list(badges)}
        if kind == "sections":
            view["sections"] = [{"type": "grid", "cards": list(cards)}]
        else:
            view["cards"] = list(cards)
        await self.home.command(
            "lovelace/config/save", url_path=DASHBOARD, config={"views": [view]}
        )

    async def view(self) -> dict[str, Any]:
        """Return the message about all jobs that the card would receive now."""
        async with self.home.subscribe("lianke/jobs/subscribe") as messages:
            view: dict[str, Any] = await messages.next()
            return view

    async def home_user_tokens(self, name: str, group: str) -> str:
        """Call the function `user_tokens`."""
        return await user_tokens(self.home, name, group)

    async def come_to_rest(self) -> None:
        """Wait until no job of an earlier test is under way: what it prints would count as the next test's."""
        await self.until(self._under_way, lambda titles: not titles)

    async def _under_way(self) -> list[str]:
        return [job["title"] for job in (await self.view())["jobs"] if job["state"] in UNDER_WAY]

    async def printed(self) -> list[dict[str, Any]]:
        """Return the documents that were printed completely."""
        return [one for one in await self.cloud.get("printed") if one["complete"]]

    async def until[T](
        self,
        ask: Callable[[], Awaitable[T]],
        accept: Callable[[T], bool],
        seconds: float = PATIENCE,
    ) -> T:
        """Ask repeatedly and return the first answer that is accepted. Raises AssertionError after `seconds`."""
        end = monotonic() + seconds
        while not accept(answer := await ask()):
            assert monotonic() < end, answer
            await asyncio.sleep(0.2)
        return answer
