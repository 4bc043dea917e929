"""Who may see kept scans, and the view that serves them."""

from http import HTTPStatus
from pathlib import Path

from aiohttp import hdrs, web
from homeassistant.auth.models import User
from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.components.http.const import KEY_HASS_USER
from homeassistant.components.websocket_api.connection import current_connection
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.http import KEY_HASS, HomeAssistantView, current_request

from ..const import DOMAIN
from ..runtime import LiankeConfigEntry, async_loaded_entries
from .hub import is_enabled, scanner_identifier
from .jobs import ScanJob, async_get_jobs, content_type


def status_entity(hass: HomeAssistant, entry: LiankeConfigEntry, scanner_id: str) -> str | None:
    """Return the entity that stands for a scanner where permissions are asked for."""
    unique_id = f"{scanner_identifier(entry, scanner_id)[1]}_scanner_status"
    return er.async_get(hass).async_get_entity_id("sensor", DOMAIN, unique_id)


@callback
def may_use(hass: HomeAssistant, user: User, entry: LiankeConfigEntry, scanner_id: str) -> bool:
    """Return whether a user may control a scanner, and so see what it scanned."""
    entity_id = status_entity(hass, entry, scanner_id)
    if entity_id is None:
        return user.is_admin
    return user.permissions.check_entity(entity_id, POLICY_CONTROL)


def asking_user() -> User | None:
    """Return who asks just now, by a connection or a request; None for Home Assistant itself."""
    if (connection := current_connection.get()) is not None:
        return connection.user
    if (request := current_request.get()) is not None:
        user: User | None = request.get(KEY_HASS_USER)
        return user
    return None


@callback
def visible_scans(
    hass: HomeAssistant, user: User | None
) -> list[tuple[LiankeConfigEntry, ScanJob]]:
    """Return the kept scans that somebody may see, the newest first."""
    return [
        (entry, job)
        for entry in (async_loaded_entries(hass) if is_enabled(hass) else ())
        for job in async_get_jobs(hass, entry).all
        if job.files and (user is None or may_use(hass, user, entry, job.scanner_id))
    ]


@callback
def find_file(hass: HomeAssistant, identifier: str, user: User | None) -> Path | None:
    """Return a kept file by ENTRY/SCAN/NAME; None where there is none, or none for this user."""
    entry_id, _, rest = identifier.partition("/")
    job_id, _, name = rest.partition("/")
    for entry, job in visible_scans(hass, user):
        if (entry.entry_id, job.job_id) == (entry_id, job_id) and name in job.files:
            return async_get_jobs(hass, entry).path(job, name)
    return None


class ScanView(HomeAssistantView):
    """Serves a kept file to who may control its scanner."""

    url = f"/api/{DOMAIN}/scans/{{entry_id}}/{{job_id}}/{{name}}"
    name = f"api:{DOMAIN}:scans"

    async def get(
        self, request: web.Request, entry_id: str, job_id: str, name: str
    ) -> web.StreamResponse:
        """Return the file; 404 where there is none, or none for this user."""
        path = find_file(
            request.app[KEY_HASS], f"{entry_id}/{job_id}/{name}", request[KEY_HASS_USER]
        )
        if path is None:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        headers = {
            hdrs.CONTENT_TYPE: content_type(name),
            hdrs.CACHE_CONTROL: "private, no-store",
            "X-Content-Type-Options": "nosniff",
        }
        return web.FileResponse(path, headers=headers)
