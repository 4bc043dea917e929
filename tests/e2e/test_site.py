"""The website of the manual, as `scripts/website` makes it: all links, every page on two screens, axe, the search."""

from collections.abc import AsyncIterator, Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files as package_files
from pathlib import Path
import re
import subprocess
from threading import Thread
from typing import override
from urllib.parse import unquote, urlsplit

from playwright.async_api import (
    Browser,
    Error,
    Page,
    Request,
    ViewportSize,
    async_playwright,
    expect,
)
import pytest

from tests.e2e.card.stage import BROWSER_OPTIONS, LAUNCH
from tests.manual import LANGUAGES, PAGES, ROOT

FOLDERS = {"en": "", "zh-Hans": "zh-Hans/"}
# What is no page of the manual.
MORE = {"index", "changelog", "contributing", "security"}
SCREENS: dict[str, ViewportSize] = {
    "phone": {"width": 360, "height": 740},
    "desktop": {"width": 1280, "height": 900},
}
# What somebody looks for, and the pages that have it.
SEARCHES = {
    "en": {
        "AirPrint": {"lan-printer", "index"},
        "ID card": {"photos", "sheets"},
        "booklet": {"sheets"},
    },
    "zh-Hans": {
        "身份证": {"photos", "card"},
        "AirPrint": {"lan-printer"},
        "缺纸": {"entities", "what-happens"},
    },
}
# What buyers ask, and the section that answers: the first one found.
QUESTIONS = {
    "en": {
        "Is it safe": "is-it-safe",
        "Is it safe?": "is-it-safe",
        "offline": "does-it-work-offline",
        "which printers": "which-printers-are-supported",
        "cost": "what-does-it-cost",
        "twice": "can-it-print-twice",
        "children": "can-children-print-and-can-i-stop-them",
        "delete everything": "how-do-i-delete-everything",
        "public address": "does-it-need-a-public-address",
        "vendor see": "what-does-the-vendor-see",
        "which box": "which-box-should-i-buy",
    },
    "zh-Hans": {
        "安全吗": "安全吗",
        "离线": "没有网络离线能用吗",
        "支持哪些打印机": "支持哪些打印机",
        "多少钱": "要多少钱",
        "会重复打印": "会重复打印吗",
        "孩子": "孩子能打印吗怎样限制孩子",
        "删除全部": "怎样删除全部内容",
        "公网地址": "需要公网地址吗",
        "链科能看到什么": "链科能看到什么",
        "哪一种云盒": "买哪一种云盒",
    },
}
AXE = package_files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
# The kinds of elements that a part of a page has.
KINDS = """part => [...document.querySelector(part).querySelectorAll("*")].map((one) =>
  [one.parentElement.localName, one.localName, one.getAttribute("class")].join(" "))"""
PATIENCE = 60_000  # ms

pytestmark = [pytest.mark.long, pytest.mark.timeout(900), pytest.mark.xdist_group("site")]


class Parsed(HTMLParser):
    """What a page links to, what it loads, and its anchors."""

    def __init__(self, path: Path) -> None:
        """Read a file."""
        super().__init__()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.anchors: set[str] = set()
        self.twins: list[str] = []
        self.feed(path.read_text("utf-8"))

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag refers to."""
        named = {name: value or "" for name, value in attrs}
        if anchor := named.get("id"):
            self.anchors.add(anchor)
        if tag == "a" and (link := named.get("href")):
            self.links.add(link)
            if "hreflang" in named:
                self.twins.append(link)
        elif tag == "link" and named.get("rel") in {"canonical", "next", "prev"}:
            pass
        elif source := named.get("src") or (tag == "link" and named.get("href")):
            self.loaded.add(str(source))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the site."""
    folder = tmp_path_factory.mktemp("site") / "made"
    subprocess.run([ROOT / "scripts" / "website", folder], check=True)
    return folder


@pytest.fixture(scope="module")
def parsed(site: Path) -> dict[Path, Parsed]:
    """Return all pages, by their files."""
    return {path: Parsed(path) for path in sorted(site.rglob("*.html"))}


@pytest.fixture
def address(site: Path, socket_enabled: None) -> Iterator[str]:
    """Serve the site; return its address, with a slash at the end."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


class Quiet(SimpleHTTPRequestHandler):
    """A server that says nothing."""

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(
            executable_path=chromium, args=BROWSER_OPTIONS, timeout=LAUNCH
        )
        yield started
        await started.close()


def test_every_page_is_there_and_found(site: Path, parsed: dict[Path, Parsed]) -> None:
    """In both languages, in the list at the side, and a step away from its twin."""
    names = {*PAGES, *MORE, "manual"}
    for language, twin in zip(LANGUAGES, reversed(LANGUAGES), strict=True):
        folder = site / FOLDERS[language]
        assert {path.stem for path in folder.glob("*.html")} == names | {"404"}
        for name in names:
            page = parsed[folder / f"{name}.html"]
            assert {f"{one}.html" for one in names - {name}} - page.links == set(), name
            (link,) = page.twins
            assert (folder / link).resolve() == (site / FOLDERS[twin] / f"{name}.html").resolve()
            # What a README begins with for readers of the other language, the frame says here.
            others = {one for one in page.links if one.startswith(("../", "zh-Hans/"))}
            assert name != "index" or others == {link}


def test_all_links_lead_somewhere(site: Path, parsed: dict[Path, Parsed]) -> None:
    """To a page, to a heading on it, to a file in the repository."""
    blob = "https://github.com/lianke-home-assistant/lianke/blob/main/"
    base = "/lianke/"
    for path, page in parsed.items():
        for link in page.links | page.loaded:
            parts = urlsplit(link)
            if link.startswith(blob):
                assert (ROOT / unquote(parts.path).partition("/blob/main/")[2]).exists(), link
            if parts.scheme:
                continue
            # Only the page of what is not found knows no place of its own.
            target = (
                site / parts.path.removeprefix(base)
                if parts.path.startswith(base)
                else path.parent / unquote(parts.path)
                if parts.path
                else path
            ).resolve()
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file(), f"{path}: {link}"
            if parts.fragment and target in parsed:
                assert unquote(parts.fragment) in parsed[target].anchors, f"{path}: {link}"


def test_nothing_is_loaded_from_elsewhere(parsed: dict[Path, Parsed]) -> None:
    assert {one for page in parsed.values() for one in page.loaded if urlsplit(one).netloc} == set()


@pytest.mark.browser
@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_page_on_a_phone_and_a_desktop(
    browser: Browser, address: str, language: str
) -> None:
    """No page is wider than its screen, breaks, asks another host, or is hard to read for some."""
    page = await browser.new_page()
    page.set_default_timeout(PATIENCE)
    broken: list[str] = []
    seen: set[str] = set()

    def note(what: Error | Request) -> None:
        if isinstance(what, Error) or not what.url.startswith(address):
            broken.append(f"{page.url}: {what}")

    page.on("pageerror", note)
    page.on("request", note)
    page.on("requestfailed", lambda request: broken.append(f"{page.url}: no {request.url}"))
    for name in sorted({*PAGES, *MORE, "manual"}):
        await page.goto(f"{address}{FOLDERS[language]}{name}.html")
        for screen, size in SCREENS.items():
            await page.set_viewport_size(size)
            try:
                # What slides out of sight takes a moment.
                await page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
            except TimeoutError:
                broken.append(f"{name} is wider than a {screen}")
        # What is around the pages is the same on all of them, and both languages have the same shape.
        part = "html" if name == "index" else "article"
        if language == "en" or name == "index":
            await page.evaluate(AXE)
            kinds = set(await page.evaluate(KINDS, part))
            broken += [
                f"{name}: {one}" for one in await grave(page, part, colors=bool(kinds - seen))
            ]
            seen |= kinds
    assert broken == [], broken
    await page.close()


async def grave(page: Page, part: str, *, colors: bool) -> list[str]:
    """Return what axe finds in a part of a page that is serious; `colors`: also in the contrast of its colors.

    Three quarters of the time of a long page go to its colors, which the style of each kind of element decides.
    """
    rules = {"resultTypes": ["violations"], "rules": {"color-contrast": {"enabled": colors}}}
    found = await page.evaluate("([part, rules]) => axe.run(part, rules)", [part, rules])
    # An empty list would look like a perfect page.
    assert found["passes"], "axe has looked at nothing"
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:120]}"
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
    ]


@pytest.mark.browser
@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_search_finds(browser: Browser, address: str, language: str) -> None:
    """Words of either language, with the page that has them among the first, and leads to it."""
    page = await browser.new_page()
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    await page.set_viewport_size(SCREENS["desktop"])
    await page.goto(f"{address}{FOLDERS[language]}index.html")
    box = page.get_by_role("searchbox")
    results = page.locator(".md-search-result__item > a")
    for words, wanted in SEARCHES[language].items():
        await box.click()
        await box.fill(words)
        await expect(results.first.locator("mark").first).to_have_text(
            words.split()[0], ignore_case=True
        )
        links = await results.evaluate_all("all => all.map(one => one.pathname)")
        found = [Path(link).stem for link in links]
        assert wanted <= set(found[:8]), (words, found)
    for words, anchor in QUESTIONS[language].items():
        await box.fill(words)
        first = f"questions.html#{anchor}"
        await expect(results.first).to_have_attribute("href", re.compile(rf"{first}$"))
    # Pages stand before what versions have changed.
    for words in ("AirPrint", "Paperless"):
        await box.fill(words)
        await expect(results.first.locator("mark").first).to_have_text(words, ignore_case=True)
        links = await results.evaluate_all("all => all.map(one => one.pathname)")
        old = ["changelog" in link for link in links]
        assert old == sorted(old), links
    await box.fill("qqqqqq")
    await expect(results).to_have_count(0)
    await box.fill(words)
    await results.first.click()
    await expect(page.locator("h1")).to_be_visible()
    await page.close()
