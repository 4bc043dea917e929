"""HTTP views of the pictures of previews, and of the first page of a job's document."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from aiohttp import hdrs, web
from homeassistant.auth.models import User
from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.components.http.auth import async_sign_path
from homeassistant.components.http.const import KEY_HASS_USER
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.http import KEY_HASS, HomeAssistantView
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonValueType

from ..const import DOMAIN
from ..devices import Target, async_may, async_target_of_job
from ..documents.document import Document
from ..documents.drawing import can_draw, plan_drawing
from ..documents.pdf_client import PdfError
from ..documents.spool import KEEP, async_get_spool
from ..errors import InputError
from ..jobs.job import Job
from .visible import may_see_document

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


PICTURE_URL: Final = f"/api/{DOMAIN}/job_picture"


class JobPictureView(HomeAssistantView):
    """Serves the first page of a job that is not over, to who asked and who may answer."""

    url = f"{PICTURE_URL}/{{job_id:[0-9A-Z]{{26}}}}"
    name = f"api:{DOMAIN}:job_picture"

    async def get(self, request: web.Request, job_id: str) -> web.Response:
        """Return the picture; 404 where there is none, or none for this user."""
        hass: HomeAssistant = request.app[KEY_HASS]
        user: User = request[KEY_HASS_USER]
        try:
            target, job = async_target_of_job(hass, job_id)
            document = _document(job, target.data.queue.document_path(job))
            if document is None or not _may_see(hass, user, target, job):
                raise web.HTTPNotFound
            options = job.spec.options
            drawing = plan_drawing(hass, document, options, user.id)
            if not drawing.pages:
                raise web.HTTPNotFound
            picture = await (await async_get_spool(hass)).async_draw(drawing, 1)
        except PdfError, InputError, HomeAssistantError, OSError:
            raise web.HTTPNotFound from None
        return web.Response(
            body=picture,
            content_type=picture_type(picture),
            headers={hdrs.CACHE_CONTROL: "no-store"},
        )


def _may_see(hass: HomeAssistant, user: User, target: Target, job: Job) -> bool:
    may_control = async_may(hass, user, target.entry, target.printer_key, POLICY_CONTROL)
    return may_see_document(target.entry.options, user, job, may_control=may_control)


def _document(job: Job, path: Path) -> Document | None:
    """Return the document of a job that is not over, None where its pages cannot be drawn."""
    if job.is_final or not job.has_document:
        return None
    document = replace(job.present.document, path=path)
    return document if can_draw(document) else None


def picture_url(job: Job) -> str | None:
    """Return the address of a job's picture, which is to be signed; None without one."""
    drawable = _document(job, job.present.document.path) is not None
    return f"{PICTURE_URL}/{job.job_id}" if drawable else None


@callback
def async_picture_path(hass: HomeAssistant, job: Job) -> str | None:
    """Return the signed address of a job's picture for as long as it waits, None without one."""
    if (url := picture_url(job)) is None:
        return None
    left = job.expires_at - dt_util.utcnow()
    return async_sign_path(hass, url, left, use_content_user=True)
