"""A process with one Chromium that prints web pages as PDF; each line of standard input is the path of a page.

The PDF is written beside the page, and its path is the answer. `draw` starts this process.
"""

import asyncio
import atexit
from functools import cache
from pathlib import Path
import shutil
import subprocess
import sys

from playwright.async_api import async_playwright

# With these options, Chromium has no network at all.
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--host-resolver-rules=MAP * ~NOTFOUND",
]
# Maximum ms until the browser has started, and until it has opened a page: only what hangs takes as long.
PATIENCE = 180_000


def draw(html: str, folder: Path) -> bytes:
    """Return the PDF that headless Chromium makes of a page, with no network at all."""
    page = folder / "page.html"
    page.write_text(html, "utf-8")
    process = _process()
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(f"{page}\n")
        process.stdin.flush()
        answer = process.stdout.readline().strip()
    except BaseException:
        # The test has run out of time. The late answer would be taken for that to the next page.
        process.kill()
        _process.cache_clear()
        raise
    assert answer, "Chromium has ended"
    return Path(answer).read_bytes()


@cache
def _process() -> subprocess.Popen[str]:
    """Return the process with Chromium, which the first call of a test run starts."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )

    def end() -> None:
        if process.poll() is None:
            process.communicate(timeout=30)

    atexit.register(end)
    return process


async def serve() -> None:
    """Print pages until standard input ends."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=OPTIONS, timeout=PATIENCE
        )
        # A new page for each document would start a new process each time.
        page = await browser.new_page()
        page.set_default_timeout(PATIENCE)
        while line := await asyncio.to_thread(sys.stdin.readline):
            source = Path(line.strip())
            target = source.with_suffix(".pdf")
            await page.goto(source.as_uri())
            await page.pdf(path=target, prefer_css_page_size=True, print_background=True)
            sys.stdout.write(f"{target}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve())
