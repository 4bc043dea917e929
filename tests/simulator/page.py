"""The web page at `/_sim/`: switches for boxes and printers, and the first page of each printed document."""

from pathlib import Path
import tempfile

from aiohttp import hdrs, web

from .cloud import Cloud
from .models import Document
from .rendering import ConversionError

PAGE = Path(__file__).with_name("page.html")


def wants_page(request: web.Request) -> bool:
    """Return whether the request comes from a browser, not from a program."""
    return "text/html" in request.headers.get(hdrs.ACCEPT, "")


async def draw_first_page(cloud: Cloud, seq: int) -> web.Response:
    """Answer with a picture of the first page of document `seq` in the out tray, or with 404 if none can be drawn."""
    job = next((one for one in cloud.out_tray if one.seq == seq), None)
    if job is None:
        return web.Response(status=404)
    document = Document(path=job.path, name=job.path.name, size=1)
    with tempfile.TemporaryDirectory() as folder:
        try:
            await cloud.renderer.count(document)
            drawn = await cloud.renderer.draw(document, [1], Path(folder))
        except ConversionError:
            drawn = []
        if document.pdf:
            document.pdf.unlink()
        if not drawn:
            return web.Response(status=404)
        content = drawn[0].read_bytes()
    headers = {hdrs.CACHE_CONTROL: "max-age=86400"}
    return web.Response(body=content, content_type="image/png", headers=headers)
