"""The pictures of previews, for whoever has their address."""

from typing import Final

from aiohttp import hdrs, web
from homeassistant.core import HomeAssistant
from homeassistant.helpers.http import KEY_HASS, HomeAssistantView

from ..const import DOMAIN
from ..documents.spool import async_get_spool

PREVIEW_URL: Final = f"/api/{DOMAIN}/preview"


class PreviewView(HomeAssistantView):
    """Hands out the pictures of previews that are kept; the handle is the secret."""

    url = f"{PREVIEW_URL}/{{handle}}/{{number:[0-9]{{1,4}}}}"
    name = f"api:{DOMAIN}:preview"

    async def get(self, request: web.Request, handle: str, number: str) -> web.Response:
        """Return the picture of a page, counted from 1; 404 when it is not kept any more."""
        hass: HomeAssistant = request.app[KEY_HASS]
        spool = await async_get_spool(hass)
        picture = await spool.async_picture(handle, int(number))
        if picture is None:
            raise web.HTTPNotFound
        # A page of somebody's document: no browser and no proxy is to keep it.
        return web.Response(
            body=picture,
            content_type=picture_type(picture),
            headers={hdrs.CACHE_CONTROL: "no-store"},
        )


def picture_type(picture: bytes) -> str:
    """Return the content type of a preview's picture."""
    return "image/jpeg" if picture.startswith(b"\xff\xd8") else "image/png"
