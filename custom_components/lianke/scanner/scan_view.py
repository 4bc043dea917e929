"""Which users may see kept scans, and the HTTP views that serve the scans."""

from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import quote

from aiohttp import hdrs, web
from homeassistant.auth.models import User
from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.components.http.const import KEY_HASS_USER
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.http import KEY_HASS, HomeAssistantView
from homeassistant.util.json import JsonObjectType, JsonValueType

from ..const import DOMAIN
from ..documents.document import CONTENT_TYPES, FileType
from ..documents.pdf_client import PdfError
from ..documents.spool import async_get_spool
from ..error_texts import async_error_text
from ..people.rights import is_proven
from ..runtime import LiankeConfigEntry, async_loaded_entries
from .hub import is_scanning_enabled, scanner_status_entity
from .scan_files import async_draw_page
from .scan_job import DeliveryState, ScanJob, ScanState, content_type, media_id
from .scan_jobs import async_get_scan_jobs

PICTURE_DPI: Final = 100
# Maximum bytes of a page's picture; a larger picture is not shown.
MAX_PICTURE_BYTES: Final = 4 * 1024 * 1024
_SCANS: Final = f"/api/{DOMAIN}/scans"
_PICTURES: Final = f"/api/{DOMAIN}/scan_pictures"


@callback
def may_use(hass: HomeAssistant, user: User, entry: LiankeConfigEntry, scanner_id: str) -> bool:
    """Whether a user may control a scanner and see its scans; only administrators may if the scanner has no entity."""
    entity_id = scanner_status_entity(hass, entry, scanner_id)
    if entity_id is None:
        return user.is_admin
    return user.permissions.check_entity(entity_id, POLICY_CONTROL)


@callback
def visible_scans(
    hass: HomeAssistant, user: User | None
) -> list[tuple[LiankeConfigEntry, ScanJob]]:
    """Return the scans that a user may see, box by box, the newest first; None is Home Assistant, which sees all."""
    return [
        (entry, job)
        for entry in (async_loaded_entries(hass) if is_scanning_enabled(hass) else ())
        for job in async_get_scan_jobs(hass, entry).all
        if user is None or may_use(hass, user, entry, job.scanner_id)
    ]


@callback
def find_file(hass: HomeAssistant, identifier: str, user: User | None) -> tuple[Path, str] | None:
    """Return the path and the address of a kept file, found by ENTRY/SCAN/NAME or by ENTRY/SCAN/NUMBER.

    Return None if the file is gone or the user may not see it.
    """
    entry_id, _, rest = identifier.partition("/")
    job_id, _, name = rest.partition("/")
    for entry, job in visible_scans(hass, user):
        if (entry.entry_id, job.job_id) == (entry_id, job_id):
            for number, file in enumerate(job.files):
                if name in (file, str(number)):
                    path = async_get_scan_jobs(hass, entry).path(job, file)
                    return path, file_path(entry, job, number)
    return None


def file_path(entry: LiankeConfigEntry, job: ScanJob, number: int) -> str:
    """Return the address of a kept file, which the caller must sign. It has no file name, so it needs no quoting."""
    return f"{_SCANS}/{entry.entry_id}/{job.job_id}/{number}"


def _drawable(job: ScanJob) -> list[tuple[str, int]]:
    """Return, for each page of a scan, the name of the page's file, and the page's number in that file, from 0.

    Pages that are left out of an unfinished scan come last.
    """
    if not job.files:
        names = (*job.kept_pages, *job.left_out)
        return [(name, n) for name in names for n in range(len(job.each_page([name])))]
    if len(job.files) == 1 and job.files[0].endswith(FileType.PDF):
        return [(job.files[0], number) for number in range(job.page_count)]
    return [(name, 0) for name in job.files]


def picture_paths(entry: LiankeConfigEntry, job: ScanJob) -> list[str]:
    """Return the addresses of the pages' pictures, which the caller must sign. A changed page gets a new address.

    The first `page_count` addresses are for the scan's pages. Until the scan is finished, addresses of left-out pages
    follow.
    """
    base = f"{_PICTURES}/{entry.entry_id}/{job.job_id}"
    return [
        f"{base}/{number}/{'kept' if job.files else name}"
        for number, (name, _) in enumerate(_drawable(job))
    ]


async def async_describe_scan(
    hass: HomeAssistant, entry: LiankeConfigEntry, job: ScanJob
) -> JsonObjectType:
    jobs = async_get_scan_jobs(hass, entry)
    message = None
    if job.reason is not None:
        message = await async_error_text(hass, job.reason, {"detail": job.detail})

    deliveries = job.deliveries
    if job.state is ScanState.FAILED:
        # A failed scan is not sent.
        deliveries = tuple(
            replace(one, state=DeliveryState.FAILED, reason=job.reason, detail=job.detail)
            for one in deliveries
        )

    def describe() -> list[JsonValueType]:
        return [
            {
                "media_content_id": media_id(entry.entry_id, job, name),
                "name": name,
                "path": str(path),
                "content_type": content_type(name),
                "bytes": path.stat().st_size,
            }
            for name in job.files
            if (path := jobs.path(job, name)).is_file()
        ]

    return {
        "scan_id": job.job_id,
        "state": job.state.value,
        "scanner": job.title,
        "pages": job.page_count,
        "left_out": len(job.left_out),
        "stack": job.stack and job.stack.value,
        "files": await hass.async_add_executor_job(describe),
        "copied_to": list(job.copies),
        "print_jobs": list(job.print_jobs),
        "reason": job.reason,
        "message": message,
        "sent_to": [
            {
                "destination": one.to.value,
                "state": one.shown_state,
                "reason": one.reason,
                "message": one.reason
                and await async_error_text(hass, one.reason, {"detail": one.detail}),
            }
            for one in deliveries
        ],
    }


class ScanView(HomeAssistantView):
    """Serves a kept file to users who may control its scanner; other users get a 404."""

    url = f"{_SCANS}/{{identifier:.+}}"
    name = f"api:{DOMAIN}:scans"

    async def get(self, request: web.Request, identifier: str) -> web.StreamResponse:
        found = find_file(request.app[KEY_HASS], identifier, request[KEY_HASS_USER])
        if found is None:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        path, _ = found
        named = f"inline; filename*=UTF-8''{quote(path.name)}"
        headers = _headers(content_type(path.name)) | {hdrs.CONTENT_DISPOSITION: named}
        return web.FileResponse(path, headers=headers)


class ScanPictureView(HomeAssistantView):
    """Serves JPEGs of a scan's pages, even of an unfinished scan, to users who may control its scanner."""

    url = f"{_PICTURES}/{{entry_id}}/{{job_id}}/{{number:\\d{{1,3}}}}/{{name}}"
    name = f"api:{DOMAIN}:scan_pictures"

    async def get(
        self, request: web.Request, entry_id: str, job_id: str, number: str, name: str
    ) -> web.StreamResponse:
        hass, user = request.app[KEY_HASS], request[KEY_HASS_USER]
        # The address in a notification is signed for a system user. A proof in the address shows that we sent it to the
        # person who scans.
        was_sent = user.system_generated and is_proven(request)
        for entry, job in visible_scans(hass, None if was_sent else user):
            if (entry.entry_id, job.job_id) != (entry_id, job_id):
                continue
            if request.path in picture_paths(entry, job):
                file, page = _drawable(job)[int(number)]
                path = async_get_scan_jobs(hass, entry).path(job, file)
                return await _async_picture(hass, user, path, page)
        return web.Response(status=HTTPStatus.NOT_FOUND)


async def _async_picture(
    hass: HomeAssistant, user: User, path: Path, page: int
) -> web.StreamResponse:
    spool = await async_get_spool(hass)
    async with spool.scope():
        target = await spool.async_new_path(FileType.JPEG)
        try:
            await async_draw_page(
                hass,
                path,
                target,
                page=page,
                dpi=PICTURE_DPI,
                limit=MAX_PICTURE_BYTES,
                user=user.id,
            )
            body = await hass.async_add_executor_job(target.read_bytes)
        except PdfError, OSError:
            return web.Response(status=HTTPStatus.NOT_FOUND)
    return web.Response(body=body, headers=_headers(CONTENT_TYPES[FileType.JPEG]))


def _headers(kind: str) -> dict[str, str]:
    return {
        hdrs.CONTENT_TYPE: kind,
        hdrs.CACHE_CONTROL: "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
