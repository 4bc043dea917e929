"""Notifications about jobs that wait for approval: whom they ask, and the buttons that answer them."""

import asyncio
from collections.abc import Container, Iterable
from contextlib import suppress
from enum import StrEnum
from functools import partial
import hashlib
import hmac
import logging
import re
from typing import Any, Final

from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.components.notify.const import (
    ATTR_DATA,
    ATTR_MESSAGE,
    ATTR_TITLE,
    DOMAIN as NOTIFY_DOMAIN,
    SERVICE_SEND_MESSAGE,
)
from homeassistant.components.persistent_notification import async_dismiss
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Context, CoreState, Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.network import NoURLAvailableError, get_url
from homeassistant.helpers.start import async_at_started
from homeassistant.util import slugify
from homeassistant.util.hass_dict import HassKey

from ..const import CONF_APPROVAL_NOTIFY, DOMAIN
from ..devices import async_check_target, async_printer_device, async_target_of_job
from ..error_texts import async_error_message, async_error_text, translating
from ..frontend import async_card_path
from ..input_error import InputError
from ..jobs.job import REJECTED, Job, JobState, PersonReason, type_and_place
from ..pages.clean import escape_markdown
from ..runtime import LiankeConfigEntry
from .approval_and_page_limit import async_answer
from .rights import async_picture_path

_LOGGER = logging.getLogger(__name__)

# The companion app, whose notifications have buttons and pictures. It fires EVENT_ACTION in the context of the phone's
# user.
MOBILE_APP: Final = "mobile_app"
EVENT_ACTION: Final = "mobile_app_notification_action"
CLEAR_NOTIFICATION: Final = "clear_notification"
# The sidebar, which shows Markdown.
IN_SIDEBAR: Final = "persistent_notification"
# Maximum seconds for sending one notification; after that, the next notification is sent.
SEND_SECONDS: Final = 30
_PROOF_LENGTH: Final = 32
_BUTTON: Final = re.compile(
    rf"LIANKE_(APPROVE|REJECT)_([0-9A-Z]{{26}})_[0-9a-f]{{{_PROOF_LENGTH}}}"
)


# The targets to which the question about a job was sent, by job id, until it is taken back. After a restart, a job has
# no entry: the question may have reached all targets.
DATA_REACHED: HassKey[dict[str, list[str]]] = HassKey(f"{DOMAIN}_asked_approvers")


class ButtonAnswer(StrEnum):
    APPROVE = "APPROVE"
    REJECT = "REJECT"


def answer_action(job: Job, answer: ButtonAnswer) -> str:
    """Return the action of a button that gives this answer for a job.

    The action is signed with the job's secret, so that it stays valid across restarts and cannot be guessed.
    """
    signed = hmac.new(
        job.current_delivery.token.encode(), f"{answer} {job.job_id}".encode(), hashlib.sha256
    )
    return f"LIANKE_{answer}_{job.job_id}_{signed.hexdigest()[:_PROOF_LENGTH]}"


@callback
def async_follow_buttons(hass: HomeAssistant) -> None:
    """Listen for the buttons of all notifications, once for all boxes."""

    async def on_action(event: Event[dict[str, Any]]) -> None:
        button = event.data.get("action")
        if isinstance(button, str) and (found := _BUTTON.fullmatch(button)) is not None:
            await _async_answer(hass, event.context, button, ButtonAnswer(found[1]), found[2])

    hass.bus.async_listen(EVENT_ACTION, on_action)


async def _async_answer(
    hass: HomeAssistant, context: Context, button: str, answer: ButtonAnswer, job_id: str
) -> None:
    """Answer for a job if the button is genuine; if the answer is refused, notify the user of the reason."""
    user_id = context.user_id
    try:
        target, job = async_target_of_job(hass, job_id)
    except InputError:
        # A phone that was off still shows the question.
        if user_id is not None:
            title = await async_error_text(hass, "approval_wanted")
            message = await async_error_text(hass, "approval_not_found")
            await async_tell_user(hass, user_id, title, message)
        return
    if user_id is None or not hmac.compare_digest(button, answer_action(job, answer)):
        _LOGGER.warning("A button to answer for a print job was not one of ours")
        return
    try:
        await async_check_target(hass, target, context, POLICY_CONTROL)
        with translating():
            await async_answer(
                hass,
                target,
                job,
                context,
                approve=answer is ButtonAnswer.APPROVE,
                reason=PersonReason.APPROVAL,
            )
    except HomeAssistantError as err:
        await async_tell_user(hass, user_id, job.spec.title, await async_error_message(hass, err))


async def async_send(
    hass: HomeAssistant,
    target: str,
    message: str,
    *,
    title: str | None = None,
    data: dict[str, Any] | None = None,
    link: tuple[str, str] | None = None,
) -> None:
    """Send a message to a notify action or entity; a failure is only logged.

    `data` is for phones; the sidebar uses only the tag in it, by which the message can be taken back. `link` is a text
    and a path, for all targets but phones.
    """
    name = target.removeprefix(f"{NOTIFY_DOMAIN}.")
    # Titles and names may come from a device of the home network.
    shown = escape_markdown if name == IN_SIDEBAR else _replace_tags
    content: dict[str, Any] = {ATTR_MESSAGE: shown(message)}
    if link is not None and not _is_phone(target):
        text, path = link
        # A relative link works in the sidebar, whichever address the reader uses.
        if name == IN_SIDEBAR:
            text = f"[{text}]({path})" if path else text
        else:
            home = ""
            with suppress(NoURLAvailableError):
                home = get_url(hass, prefer_external=True)
            text = f"{text} {home}{path}".rstrip()
        content[ATTR_MESSAGE] += f"\n{text}"
    if title is not None:
        content[ATTR_TITLE] = shown(title)
    if not hass.services.has_service(NOTIFY_DOMAIN, name):
        content[ATTR_ENTITY_ID] = target
        name = SERVICE_SEND_MESSAGE
    elif data is not None and _is_phone(target):
        content[ATTR_DATA] = data
    elif data is not None and name == IN_SIDEBAR:
        content[ATTR_DATA] = {"notification_id": data["tag"]}
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await hass.services.async_call(NOTIFY_DOMAIN, name, content, blocking=True)
    except Exception as err:  # noqa: BLE001  # whatever the cause, the other targets are asked; some raise OSError
        _LOGGER.warning("A notification was not sent by %s: %s", target, type_and_place(err))


def _replace_tags(text: str) -> str:
    """Replace < and >, since phones render some HTML."""
    return text.replace("<", "‹").replace(">", "›")


def _is_phone(target: str) -> bool:
    return target.startswith(f"{NOTIFY_DOMAIN}.{MOBILE_APP}_")


@callback
def phones_of(hass: HomeAssistant, users: Container[str | None]) -> list[str]:
    found = [
        f"{MOBILE_APP}_{slugify(entry.data.get('device_name', ''))}"
        for entry in hass.config_entries.async_loaded_entries(MOBILE_APP)
        if entry.data.get("user_id") in users
    ]
    return [
        f"{NOTIFY_DOMAIN}.{name}"
        for name in found
        if hass.services.has_service(NOTIFY_DOMAIN, name)
    ]


async def async_tell_user(hass: HomeAssistant, user_id: str, title: str, message: str) -> None:
    registry = er.async_get(hass)
    for entry in hass.config_entries.async_loaded_entries(MOBILE_APP):
        if entry.data.get("user_id") != user_id:
            continue
        for entity in er.async_entries_for_config_entry(registry, entry.entry_id):
            if entity.domain == NOTIFY_DOMAIN and not entity.disabled:
                await async_send(hass, entity.entity_id, message, title=title)


@callback
def async_watch_approvals(hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
    """Ask approvers about the jobs of a box while the box is loaded.

    Jobs that wait for an approval already are left out: approvers were asked about them before.
    """
    queue = entry.runtime_data.queue
    all_reached = hass.data.setdefault(DATA_REACHED, {})
    asked = {job.job_id for job in queue.open_jobs() if job.asks_for == PersonReason.APPROVAL}

    @callback
    def on_job(job: Job, old: JobState | None) -> None:
        if (job.asks_for == PersonReason.APPROVAL) is (job.job_id in asked):
            return
        if job.job_id in asked:
            asked.discard(job.job_id)
            tell = partial(_async_tell_answer, hass, entry, job)
        else:
            asked.add(job.job_id)
            # The answer may come before the first question is sent.
            reached: list[str] = []
            all_reached[job.job_id] = reached
            tell = partial(_async_ask, hass, entry, job, reached)

        @callback
        def begin(_hass: HomeAssistant) -> None:
            # Do not make this a task of the config entry: a reload would cancel the task, and nobody would be notified.
            hass.async_create_background_task(tell(), "notify of an approval")

        if hass.state in (CoreState.not_running, CoreState.starting):
            # Before Home Assistant has started, the notify actions of phones may be missing.
            async_at_started(hass, begin)
        else:
            begin(hass)

    entry.async_on_unload(queue.listen(on_job, states={JobState.HELD}))


@callback
def async_tell_dropped(hass: HomeAssistant, entry: LiankeConfigEntry, jobs: Iterable[Job]) -> None:
    """Take back the questions about jobs of a removed box, and notify the users who asked for these jobs."""

    async def tell() -> None:
        for job in jobs:
            if job.asks_for == PersonReason.APPROVAL:
                await _async_tell_answer(hass, entry, job, key="approval_box_removed")

    hass.async_create_background_task(tell(), "notify of dropped jobs")


def _is_over(hass: HomeAssistant, entry: LiankeConfigEntry, job: Job) -> bool:
    """Whether a job no longer waits for approval; False while its box is not loaded, since nobody can answer then."""
    if entry.state is not ConfigEntryState.LOADED:
        # Jobs of a removed box do not wait any more.
        return hass.config_entries.async_get_entry(entry.entry_id) is None
    jobs = entry.runtime_data.queue.open_jobs()
    return not any(
        one.asks_for == PersonReason.APPROVAL for one in jobs if one.job_id == job.job_id
    )


async def _async_ask(
    hass: HomeAssistant, entry: LiankeConfigEntry, job: Job, reached: list[str]
) -> None:
    """Send the question about a job to one target after another, until it is answered; phones show buttons.

    Each target that the question was sent to is added to `reached`.
    """
    title = await async_error_text(hass, "approval_wanted")
    message = " · ".join(await _async_facts(hass, job))
    device = async_printer_device(hass, entry, job.spec.printer_key)
    path = device and await async_card_path(hass, device.id)
    where = await async_error_text(hass, "approval_where")
    link = where, path or ""
    data = await _async_phone_data(hass, job)
    if path:
        # The page that a tap on the notification itself opens, on iOS and on Android.
        data |= {"url": path, "clickAction": path}

    def is_over() -> bool:
        is_taken_back = hass.data[DATA_REACHED].get(job.job_id) is not reached
        return is_taken_back or _is_over(hass, entry, job)

    for target in entry.options.get(CONF_APPROVAL_NOTIFY, []):
        if is_over():
            break
        await async_send(hass, target, message, title=title, data=data, link=link)
        if not is_over():
            reached.append(target)
        else:
            # The other questions are taken back without this one, which may have arrived only now.
            await _async_clear(hass, target, job)


async def _async_facts(hass: HomeAssistant, job: Job) -> list[str]:
    facts = [f"“{job.spec.title}”"]
    if job.pages is not None:
        facts.append(
            await async_error_text(hass, "approval_pages", {"count": str(job.pages * job.copies)})
        )
    elif job.current_delivery.has_unknown_length:
        facts.append(await async_error_text(hass, "approval_uncounted"))
    facts.append(job.printer_name)
    user_id = job.spec.asker.user_id
    user = await hass.auth.async_get_user(user_id) if user_id else None
    if who := (user and user.name) or job.source:
        facts.append(who)
    return facts


async def _async_phone_data(hass: HomeAssistant, job: Job) -> dict[str, Any]:
    buttons = [
        {"action": answer_action(job, answer), "title": await async_error_text(hass, key), **more}
        for answer, key, more in (
            (ButtonAnswer.APPROVE, "approval_approve", {"authenticationRequired": True}),
            (ButtonAnswer.REJECT, "approval_reject", {"destructive": True}),
        )
    ]
    picture = async_picture_path(hass, job)
    return {
        "tag": _tag(job),
        "actions": buttons,
        **({} if picture is None else {"image": picture}),
    }


async def _async_tell_answer(
    hass: HomeAssistant,
    entry: LiankeConfigEntry,
    job: Job,
    *,
    key: str | None = None,
) -> None:
    """Take the question back from the approvers, and send the asker the answer, or the text `key` if it is given."""
    reached = hass.data.get(DATA_REACHED, {}).pop(job.job_id, None)
    for target in entry.options.get(CONF_APPROVAL_NOTIFY, []) if reached is None else reached:
        await _async_clear(hass, target, job)
    if job.spec.asker.user_id is None or (key := key or _answer_key(job)) is None:
        return
    message = await async_error_text(hass, key, {"detail": job.current_delivery.detail})
    await async_tell_user(hass, job.spec.asker.user_id, job.spec.title, message.rstrip())


async def _async_clear(hass: HomeAssistant, target: str, job: Job) -> None:
    """Take a question back; a target that cannot do so gets a message that the question is settled."""
    if _is_phone(target):
        await async_send(hass, target, CLEAR_NOTIFICATION, data={"tag": _tag(job)})
    elif target.removeprefix(f"{NOTIFY_DOMAIN}.") == IN_SIDEBAR:
        async_dismiss(hass, _tag(job))
    else:
        over = await async_error_text(hass, "approval_over", {"title": job.spec.title})
        await async_send(hass, target, over)


def _answer_key(job: Job) -> str | None:
    """Return the key of the text for the asker; None if the asker needs none, for example after a cancellation."""
    if job.state is JobState.EXPIRED:
        return "approval_expired"
    if job.reason == "printer_gone":
        return "approval_printer_removed"
    if job.state is JobState.CANCELED:
        return "rejected_by" if job.reason == REJECTED else None
    return None if job.is_final else "approval_given"


def _tag(job: Job) -> str:
    return f"{DOMAIN}_{job.job_id}"
