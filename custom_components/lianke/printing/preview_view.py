"""HTTP view of the pictures of previews."""

from typing import Final

from aiohttp import hdrs, web
from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.http import KEY_HASS, HomeAssistantView
from homeassistant.util.json import JsonValueType

from ..const import DOMAIN
from ..documents.pdf_client import PdfError
from ..documents.spool import KEEP, async_get_spool
from ..errors import InputError

PREVIEW_URL: Final = f"/api/{DOMAIN}/preview"
# Distinguishes the pictures of a document that is previewed again with other options.
VERSION: Final = "v"


class PreviewView(HomeAssistantView):
    """Serves the pictures of stored previews; the handle is the secret."""

    url = f"{PREVIEW_URL}/{{handle}}/{{number:[0-9]{{1,4}}}}"
    name = f"api:{DOMAIN}:preview"

    async def get(self, request: web.Request, handle: str, number: str) -> web.Response:
        """Return the picture of a page, counted from 1; 404 when it is not stored any more.

        It is drawn if it has not been yet; a page that cannot be drawn is a 404, too. An address from before a preview
        with other options gives the newest picture, so that none is missing until the card has the new addresses.
        """
        hass: HomeAssistant = request.app[KEY_HASS]
        spool = await async_get_spool(hass)
        try:
            picture = await spool.async_picture(handle, int(number))
        except PdfError, InputError, HomeAssistantError:
            picture = None
        if picture is None:
            raise web.HTTPNotFound
        # A page of somebody's document, which no browser or proxy may cache.
        return web.Response(
            body=picture,
            content_type=picture_type(picture),
            headers={hdrs.CACHE_CONTROL: "no-store"},
        )


def preview_paths(
    hass: HomeAssistant, handle: str, version: int, count: int
) -> list[JsonValueType]:
    """Return the signed addresses of the pictures of the first pages of a kept document."""
    query = f"?{VERSION}={version}" if version else ""
    return [
        async_sign_path(hass, f"{PREVIEW_URL}/{handle}/{number}{query}", KEEP)
        for number in range(1, count + 1)
    ]


def picture_type(picture: bytes) -> str:
    """Return the content type of a preview's picture."""
    return "image/jpeg" if picture.startswith(b"\xff\xd8") else "image/png"
