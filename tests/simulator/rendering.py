"""Page counts and pictures of real documents, made by pypdfium2, Pillow, and Chromium for HTML.

The number of pages of a document that none of these can open (Office, raw printer commands) is unknown, not 1.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
import contextlib
from functools import partial
import os
from pathlib import Path
import shutil
import signal
import tempfile
from typing import Final

from PIL import Image, UnidentifiedImageError
import pypdfium2

from .models import Document

PDF: Final = frozenset({".pdf"})
IMAGES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff"})
HTML: Final = frozenset({".html", ".htm"})
OFFICE: Final = frozenset({".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx"})
RAW: Final = frozenset({".prn"})
SIDE: Final = 1000
CHROMIUM_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
    # Keeps a document from making Chromium connect to any host.
    "--proxy-server=127.0.0.1:9",
    "--proxy-bypass-list=<-loopback>",
    "--no-pdf-header-footer",
)
CHROMIUM_TIMEOUT: Final = 60.0


class ConversionError(Exception):
    """The document cannot be converted; the text is the reason in the service's words."""


def find_chromium() -> str | None:
    for name in CHROMIUM_NAMES:
        if path := shutil.which(name):
            return path
    return None


def _count_pdf(path: Path) -> int:
    try:
        pdf = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        raise ConversionError("文件转换失败：PDF 文件已损坏或已加密") from error
    try:
        if not len(pdf):
            raise ConversionError("文件转换失败：PDF 没有页面")
        return len(pdf)
    finally:
        pdf.close()


def _count_image(path: Path) -> int:
    try:
        with Image.open(path) as image:
            image.draft("L", (SIDE, SIDE))
            frames = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
            image.load()
            return int(frames)
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise ConversionError("文件转换失败：图片已损坏") from error


def _draw_pdf(path: Path, pages: list[int], folder: Path) -> list[Path]:
    """Draw pages (numbered from 1) of a PDF into a folder as PNG files, SIDE pixels along the longer side."""
    drawn: list[Path] = []
    pdf = pypdfium2.PdfDocument(path)
    try:
        for number in pages:
            page = pdf[number - 1]
            scale = SIDE / max(page.get_size())
            target = folder / f"{len(drawn) + 1}.png"
            page.render(scale=scale).to_pil().save(target)
            page.close()
            drawn.append(target)
    finally:
        pdf.close()
    return drawn


def _draw_image(path: Path, pages: list[int], folder: Path) -> list[Path]:
    drawn: list[Path] = []
    with Image.open(path) as image:
        for number in pages:
            image.seek(number - 1)
            picture = image.convert("RGB")
            picture.thumbnail((SIDE, SIDE))
            target = folder / f"{len(drawn) + 1}.png"
            picture.save(target)
            drawn.append(target)
    return drawn


class Renderer:
    """Counts and draws pages, one document at a time, off the event loop."""

    def __init__(self, spool: Path, chromium: str | None) -> None:
        """`spool` is for intermediate files; `chromium` is a path, None if HTML cannot be converted."""
        self._spool = spool
        self._chromium = chromium
        # pdfium is not thread-safe, so one thread does all the work.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="simulator-render")
        self._one_browser = asyncio.Lock()

    def close(self) -> None:
        """End the thread once it has finished the current document."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    async def count(self, document: Document) -> None:
        """Set a document's `pages`, and for HTML also its `pdf`; raises ConversionError."""
        kind = Path(document.name).suffix.lower()
        loop = asyncio.get_running_loop()
        if not document.size:
            raise ConversionError("文件转换失败：文件为空")
        if kind in PDF:
            document.pages = await loop.run_in_executor(self._executor, _count_pdf, document.path)
        elif kind in IMAGES:
            document.pages = await loop.run_in_executor(self._executor, _count_image, document.path)
        elif kind in HTML:
            if self._chromium and document.pdf is None:
                document.pdf = await self._print_html(self._chromium, document.path)
            if document.pdf:
                document.pages = await loop.run_in_executor(
                    self._executor, _count_pdf, document.pdf
                )
        elif kind not in OFFICE | RAW:
            raise ConversionError(f"文件转换失败：不支持的文件类型 {kind or '（无扩展名）'}")

    async def draw(self, document: Document, pages: list[int], folder: Path) -> list[Path]:
        """Draw pages (numbered from 1) as PNG files into an existing folder; returns their paths."""
        loop = asyncio.get_running_loop()
        source = document.pdf
        if Path(document.name).suffix.lower() in PDF:
            source = document.path
        if source:
            return await loop.run_in_executor(self._executor, _draw_pdf, source, pages, folder)
        if Path(document.name).suffix.lower() in IMAGES:
            return await loop.run_in_executor(
                self._executor, _draw_image, document.path, pages, folder
            )
        return []

    async def _print_html(self, chromium: str, path: Path) -> Path:
        """Convert an HTML page to PDF with Chromium; raises ConversionError."""
        async with self._one_browser:
            work = Path(tempfile.mkdtemp(prefix="html-", dir=self._spool))
            page = work / "page.html"
            os.link(path, page)
            target = work / "page.pdf"
            process = await asyncio.create_subprocess_exec(
                chromium,
                *CHROMIUM_FLAGS,
                f"--user-data-dir={work / 'profile'}",
                f"--print-to-pdf={target}",
                page.as_uri(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
            try:
                async with asyncio.timeout(CHROMIUM_TIMEOUT):
                    await process.wait()
            except TimeoutError:
                pass
            finally:
                if process.returncode is None:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                    await process.wait()
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(
                self._executor, partial(shutil.rmtree, work / "profile", ignore_errors=True)
            )
            if not target.exists():
                raise ConversionError("文件转换失败：HTML 无法转换")
            return target
