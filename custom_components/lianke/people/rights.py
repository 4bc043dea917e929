"""Who may do what, who may answer, and what a user sees of a job: its facts and its first page.

What counts are the rights of the person who set a call off: an automation's call has no user, so it would have every
right.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
import hashlib
import hmac
from pathlib import Path
import secrets
from time import time
from typing import Any, Final

from aiohttp import hdrs, web
from homeassistant.auth.models import User
from homeassistant.auth.permissions.const import POLICY_CONTROL, POLICY_READ
from homeassistant.components.http.auth import async_sign_path
from homeassistant.components.http.const import KEY_HASS_USER
from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.http import KEY_HASS, HomeAssistantView
from homeassistant.helpers.singleton import singleton
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType

from .. import const
from ..devices import Target, async_may, async_target_of_job, status_entity
from ..documents.document import Document
from ..documents.local_files import async_check_entity
from ..documents.pdf import can_draw, picture_type, plan_drawing
from ..documents.pdf_client import PdfError
from ..documents.spool import async_get_spool
from ..input_error import InputError
from ..jobs.job import REJECTED, Job, PersonReason
from .initiator import Initiator, async_find_initiator

PICTURE_URL: Final = f"/api/{const.DOMAIN}/job_picture"
# The query parameter with the proof that `async_proven_path` made an address.
PROOF_PARAMETER: Final = "proof"
# The encoding of addresses, which may contain lone surrogates.
_ANY: Final = ("utf-8", "surrogatepass")


async def async_check_caller(
    hass: HomeAssistant, context: Context, entity_id: str | None, policy: str
) -> Initiator:
    """Check that the caller and the person who began the call have a right on an entity; return who began the call.

    `policy` is the right. A call that no person began may do everything. A call whose beginning is forgotten may do
    everything as well; `async_check_change` is stricter. An automation that runs by its own trigger may read whatever
    the administrator who wrote it wants. Raises as `async_check_entity` does.
    """
    await async_check_entity(hass, context, entity_id, policy)
    who = await async_find_initiator(hass, context)
    if who.user_id not in (None, context.user_id) and not (
        who.independent and policy == POLICY_READ
    ):
        await async_check_entity(hass, Context(user_id=who.user_id), entity_id, policy)
    return who


async def async_check_printer(
    hass: HomeAssistant, target: Target, context: Context, policy: str = POLICY_CONTROL
) -> Initiator:
    """Do `async_check_caller` for a printer's status entity, with the same result and errors."""
    entity_id = status_entity(hass, target.entry, target.printer_key)
    return await async_check_caller(hass, context, entity_id, policy)


async def async_check_change(
    hass: HomeAssistant, context: Context, entity_id: str | None, title: str
) -> Initiator:
    """Check that a call may change something, such as the job with this title; return who began the call.

    The call needs control of the entity. Anybody may have made a call whose beginning is forgotten, so such a call may
    change only what every user may control. Raises as `async_check_caller` does, and InputError:
    beginning_forgotten_here.
    """
    who = await async_check_caller(hass, context, entity_id, POLICY_CONTROL)
    if who.forgotten and await async_is_restricted(hass, entity_id):
        raise InputError("beginning_forgotten_here", title=title)
    return who


async def async_check_job(
    hass: HomeAssistant, target: Target, job: Job, context: Context
) -> Initiator:
    """Check that a call may change a job at a printer, or move it there. Returns and raises as `async_check_change`."""
    entity_id = status_entity(hass, target.entry, target.printer_key)
    return await async_check_change(hass, context, entity_id, job.spec.title)


async def async_is_restricted(hass: HomeAssistant, entity_id: str | None) -> bool:
    """Whether some active user has no control of an entity. If the entity is None, only administrators have control."""
    return any(
        user.is_active
        and not user.system_generated
        and not (
            user.is_admin
            if entity_id is None
            else user.permissions.check_entity(entity_id, POLICY_CONTROL)
        )
        for user in await hass.auth.async_get_users()
    )


async def async_may_approve(
    hass: HomeAssistant, options: Mapping[str, Any], user_id: str | None
) -> bool:
    """Whether a user may approve jobs: as a chosen approver, or as an administrator if no approvers are chosen."""
    if user_id is None or (user := await hass.auth.async_get_user(user_id)) is None:
        return False
    return is_approver(options, user)


def is_approver(options: Mapping[str, Any], user: User) -> bool:
    approvers: list[str] = options.get(const.CONF_APPROVERS, [])
    return user.is_active and (user.id in approvers if approvers else user.is_admin)


def is_of_asker(job: Job, who: Initiator) -> bool:
    """Whether the job was asked for by the person who made a call.

    Unknown people, such as those who talk to a loudspeaker, count as the same person if their calls came the same way.
    """
    is_known = who.user_id is not None
    return job.spec.asker.user_id == who.user_id and (is_known or job.spec.source is who.origin)


@singleton(f"{const.DOMAIN}_page_key")
@callback
def _key(hass: HomeAssistant) -> bytes:
    # The key is new at each start: Home Assistant's own signatures do not survive a restart either.
    return secrets.token_bytes()


def _proof(hass: HomeAssistant, path: str, until: str) -> str:
    return hmac.new(_key(hass), f"{until} {path}".encode(*_ANY), hashlib.sha256).hexdigest()


@callback
def async_proven_path(hass: HomeAssistant, path: str, lasts: timedelta) -> str:
    """Return a picture's address for the people to whom it is sent: signed, and with a proof that we sent it.

    The signature alone proves nothing: anybody who makes a media player play an address gets that address signed for
    the same user.
    """
    until = str(int(time() + lasts.total_seconds()))
    proven = f"{path}?{PROOF_PARAMETER}={until}-{_proof(hass, path, until)}"
    return async_sign_path(hass, proven, lasts, use_content_user=True)


def is_proven(request: web.Request) -> bool:
    """Whether `async_proven_path` made the request's address, and the address is still valid."""
    until, _, proof = request.query.get(PROOF_PARAMETER, "").partition("-")
    expected = _proof(request.app[KEY_HASS], request.path, until)
    return hmac.compare_digest(proof.encode(*_ANY), expected.encode()) and time() < int(until)


def may_answer(options: Mapping[str, Any], user: User, job: Job, *, may_control: bool) -> bool:
    """Whether a user may answer the question that a job waits for; `options` are the options of the job's box."""
    if not (job.asks_for and may_control):
        return False
    return job.asks_for != PersonReason.APPROVAL or is_approver(options, user)


def may_see_document(
    options: Mapping[str, Any],
    user: User,
    job: Job,
    *,
    may_control: bool,
    proven: bool = False,
) -> bool:
    """Whether a user may see a job's document: only a user who asked for the job, or who may answer for it.

    The document of a job with a code is only for the user who asked for the job, and for nobody if the code is somebody
    else's. `proven`: the user's request has an address that we sent to approvers. A system user may see only documents
    with such an address.
    """
    if user.system_generated:
        return proven and job.asks_for == PersonReason.APPROVAL
    if job.spec.asker.user_id == user.id:
        return not (job.spec.foreign_code and PersonReason.RELEASE in job.waits_for)
    return not job.needs_code and may_answer(options, user, job, may_control=may_control)


def hide_rejection(options: Mapping[str, Any], user: User | None, job: Job) -> Job:
    """Return a job; if it was rejected, hide its document and the words of the rejection.

    Nothing is hidden if the user (None: unknown) asked for the job or is an approver. Grandma, for example, must not
    read "Grounded, no games".
    """
    if job.reason != REJECTED or (
        user and (user.id == job.spec.asker.user_id or is_approver(options, user))
    ):
        return job
    wordless = tuple(replace(one, detail="") for one in job.deliveries)
    return replace(job, deliveries=wordless, document_kept=False)


async def async_hide_rejection(
    hass: HomeAssistant, options: Mapping[str, Any], job: Job, context: Context
) -> Job:
    """Do `hide_rejection` for the person who began this context.

    An automation that runs by its own trigger sees everything.
    """
    if job.reason != REJECTED or (who := await async_find_initiator(hass, context)).independent:
        return job
    user = await hass.auth.async_get_user(who.user_id) if who.user_id else None
    return hide_rejection(options, user, job)


def hide_from_others(
    view: JsonObjectType, options: Mapping[str, Any], user: User, job: Job, *, may_control: bool
) -> JsonObjectType:
    """Return a job's view in which the fields that a user may not see are None.

    Only a user who may control the printer sees `source`, which names devices and addresses. Only approvers,
    administrators and the asker see `user_id`.
    """
    hidden = {} if may_control else {"source": None}
    if not (job.spec.asker.user_id == user.id or user.is_admin or is_approver(options, user)):
        hidden["user_id"] = None
    return {**view, **hidden}


class JobPictureView(HomeAssistantView):
    """Serves the first page of an unfinished job to the user who asked for it, and to users who may answer for it."""

    url = f"{PICTURE_URL}/{{job_id:[0-9A-Z]{{26}}}}"
    name = f"api:{const.DOMAIN}:job_picture"

    async def get(self, request: web.Request, job_id: str) -> web.Response:
        """Serve the picture; answer with a 404 if there is none, or if this user may not see it."""
        hass: HomeAssistant = request.app[KEY_HASS]
        user: User = request[KEY_HASS_USER]
        try:
            target, job = async_target_of_job(hass, job_id)
            document = _document(job, target.data.queue.document_path(job))
            may_control = async_may(hass, user, target.entry, target.printer_key, POLICY_CONTROL)
            if document is None or not may_see_document(
                target.entry.options,
                user,
                job,
                may_control=may_control,
                proven=is_proven(request),
            ):
                raise web.HTTPNotFound
            drawing = plan_drawing(hass, document, job.current_delivery.options, user.id)
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


def _document(job: Job, path: Path) -> Document | None:
    """Return the document of an unfinished job; None if the job is over or its pages cannot be drawn."""
    if job.is_final or not job.has_document:
        return None
    document = replace(job.current_delivery.document, path=path)
    return document if can_draw(document) else None


def picture_url(job: Job) -> str | None:
    """Return the address of a job's picture, without a signature; None if there is no picture."""
    drawable = _document(job, job.current_delivery.document.path) is not None
    return f"{PICTURE_URL}/{job.job_id}" if drawable else None


@callback
def async_picture_path(hass: HomeAssistant, job: Job) -> str | None:
    """Return the signed address of a job's picture for approvers, valid while the job may wait; None if it has none."""
    if (url := picture_url(job)) is None:
        return None
    left = job.expires_at - dt_util.utcnow()
    return async_proven_path(hass, url, left)
