"""What the subscriptions of dashboard cards share, and where their number and size end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
import time
from typing import Any
from unittest.mock import patch

from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.core import Context
from homeassistant.helpers import device_registry as dr, issue_registry as ir
from homeassistant.util import dt as dt_util
from homeassistant.util.ulid import ulid_at_time
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import MockHAClientWebSocket, WebSocketGenerator

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.issues import TEST_PAGE_PRINTED, issue_id
from custom_components.lianke.jobs import box_jobs
from custom_components.lianke.jobs.job import Asker, Job, JobState
from custom_components.lianke.jobs.opening import DATA_LEDGER
from custom_components.lianke.ledger import View
from custom_components.lianke.printing.builtin_pages import async_print_test_page
from custom_components.lianke.websocket_api import job_feed
from custom_components.lianke.websocket_api.job_feed import (
    MAX_FINISHED_OF_PRINTER,
    MAX_FINISHED_SENT,
    MAX_OPEN,
    MAX_OPEN_OF_PRINTER,
    MAX_SUBSCRIPTIONS,
)
from tests.conftest import make_entry, set_up
from tests.household import LASER, House, key_of, twin_of
from tests.jobs.make import make_job
from tests.ledgers import keep
from tests.loop_hold import measured_hold
from tests.simulator import Simulator

from .cards import client_of, first_view, status_entity, subscribe, until

# As many as somebody made by printing and canceling for 100 seconds.
RECORDS = 7000


def record(number: int, printer_key: str, **changes: Any) -> Job:
    at = dt_util.utcnow() - timedelta(seconds=RECORDS - number)
    facts: dict[str, Any] = {
        "job_id": ulid_at_time(at.timestamp()),
        "printer_key": printer_key,
        "printer_name": "Kyocera MA2000w GX",
        "title": f"Document {number}",
        "state": JobState.CANCELED,
        "created_at": at,
        "changed_at": at,
        "expires_at": at + timedelta(hours=12),
        "name": f"{number}.pdf",
        "token": f"token-{number:05}-0123456789abcdef",
        "has_document": False,
    }
    return make_job(**facts | changes)


async def forget(house: House, jobs: list[Job]) -> None:
    table = house.queue._jobs.table

    def delete(view: View) -> None:
        for job in jobs:
            view.delete(table, job.job_id)

    await house.hass.data[DATA_LEDGER].commit(delete)


def laser_key(entry: MockConfigEntry) -> str:
    known = entry.runtime_data.storage.printers
    return str(next(key for key, one in known.items() if one.printer.port == 1))


def results(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in messages if one["type"] == "result"]


def progress(messages: list[dict[str, Any]]) -> list[list[int | None]]:
    views = [one["event"]["jobs"] for one in messages if one["type"] == "event"]
    return [[job["sent_bytes"] for job in view[:20]] for view in views]


@asynccontextmanager
async def drained(client: MockHAClientWebSocket) -> AsyncIterator[list[dict[str, Any]]]:
    """Read whatever a connection is sent, as a browser does."""
    messages: list[dict[str, Any]] = []

    async def read() -> None:
        while True:
            messages.append(await client.receive_json(timeout=60))

    task = asyncio.create_task(read())
    yield messages
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.long
async def test_fifty_cards_beside_thousands_of_records(
    hass_ws_client: WebSocketGenerator, house: House
) -> None:
    """Each card went through all records by itself at each change, which held Home Assistant for seconds."""
    key = laser_key(house.entry)
    await house.switch_off()
    await keep(house.hass, house.entry, *(record(number, key) for number in range(RECORDS)))
    client = await hass_ws_client()
    for _ in range(MAX_SUBSCRIPTIONS):
        await client.send_json_auto_id({"type": "lianke/jobs/subscribe"})
    moving = [record(RECORDS + number, key, state=JobState.HELD) for number in range(20)]
    async with drained(client) as messages:
        async with asyncio.timeout(30):
            while len(results(messages)) < MAX_SUBSCRIPTIONS:
                await asyncio.sleep(0.02)
        await keep(house.hass, house.entry, *moving)
        started = time.monotonic()
        with measured_hold() as hold:
            for step in range(20):
                for job in moving:
                    house.queue._jobs.change(job, sent_bytes=step)
                await asyncio.sleep(0.05)
            async with asyncio.timeout(30):
                while progress(messages)[-MAX_SUBSCRIPTIONS:] != [[19] * 20] * MAX_SUBSCRIPTIONS:
                    await asyncio.sleep(0.02)
        passed = time.monotonic() - started
    # At most four messages a second, however often something changes; a few before.
    assert len(progress(messages)) <= MAX_SUBSCRIPTIONS * (passed / job_feed.FEED_PACE + 4)
    assert hold.longest < 0.1, hold
    await forget(house, moving)


async def test_one_message_a_user_and_change(
    hass_ws_client: WebSocketGenerator, house: House
) -> None:
    """Subscriptions of one user get one computed message, those of another user's rights their own."""
    laser = house.device()
    policy = {"entity_ids": {status_entity(house.hass, house.entry, laser): {POLICY_READ: True}}}
    administrator = await hass_ws_client()
    async with client_of(house.hass, hass_ws_client, policy) as reader:
        for client in (administrator, administrator, administrator, reader, reader):
            await subscribe(client)
            await client.receive_json()
        with (
            patch.object(job_feed, "_view", wraps=job_feed._view) as views,
            patch.object(job_feed, "_collect", wraps=job_feed._collect) as collections,
        ):
            dr.async_get(house.hass).async_update_device(laser, name_by_user="Study")
            seen = [
                await until(client, lambda view: view["printers"][laser]["name"] == "Study")
                for client in (administrator, administrator, administrator, reader, reader)
            ]
        assert (views.call_count, collections.call_count) == (2, 1)
        assert {view["printers"][laser]["name"] for view in seen} == {"Study"}
        assert [len(view["printers"]) for view in seen[3:]] == [1, 1]
        assert len(seen[0]["printers"]) > 1


async def test_a_test_page_can_be_reported_while_its_repair_is_shown(
    hass_ws_client: WebSocketGenerator, house: House
) -> None:
    """Only administrators are told, since repairs are theirs."""
    laser = house.device()
    policy = {"entity_ids": {status_entity(house.hass, house.entry, laser): {POLICY_READ: True}}}
    administrator = await hass_ws_client()
    page = await async_print_test_page(
        house.hass, house.entry, key_of(house.entry, LASER), Context()
    )

    def says(can_report: bool) -> Callable[[dict[str, Any]], bool]:
        return lambda view: [job["can_report"] for job in view["jobs"]] == [can_report]

    await subscribe(administrator)
    await until(administrator, says(True))
    issue = issue_id(TEST_PAGE_PRINTED, house.entry, page.spec.printer_key)
    ir.async_ignore_issue(house.hass, DOMAIN, issue, True)
    await until(administrator, says(False))
    ir.async_ignore_issue(house.hass, DOMAIN, issue, False)
    await until(administrator, says(True))
    async with client_of(house.hass, hass_ws_client, policy) as reader:
        await subscribe(reader)
        await until(reader, says(False))


async def test_approvers_are_told_who_asks(
    hass_ws_client: WebSocketGenerator, house: House
) -> None:
    """An approver saw what was to be printed, but not for whom; nobody else is told names of users."""
    anna = MockUser(name="Anna").add_to_hass(house.hass)
    await house.switch_off()
    held: dict[str, Any] = {"state": JobState.HELD, "asker": Asker(user_id=anna.id)}
    jobs = [
        record(1, laser_key(house.entry), **held, waits_for=("approval",)),
        record(2, laser_key(house.entry), **held, waits_for=("release",)),
        record(3, laser_key(house.entry), **held),
        record(4, laser_key(house.entry), asker=Asker(user_id=anna.id)),
        record(
            5,
            laser_key(house.entry),
            **held | {"asker": Asker(user_id="long gone")},
            waits_for=("approval",),
        ),
        record(6, laser_key(house.entry), **held | {"asker": Asker()}, waits_for=("approval",)),
    ]
    policy = {"entity_ids": {status_entity(house.hass, house.entry, house.device()): True}}
    approver = await hass_ws_client()
    await keep(house.hass, house.entry, *jobs[:1])
    async with client_of(house.hass, hass_ws_client, policy) as other:
        for client in (approver, other):
            await subscribe(client)
        first = (await approver.receive_json())["event"]["jobs"]
        assert [job["asked_by"] for job in first] == ["Anna"]
        # Also with what comes later.
        await keep(house.hass, house.entry, *jobs[1:])
        for client, name in ((approver, "Anna"), (other, None)):
            view = await until(client, lambda view: len(view["jobs"]) == len(jobs))
            asked_by = {job["title"]: job["asked_by"] for job in view["jobs"]}
            assert asked_by == {job.spec.title: None for job in jobs} | {"Document 1": name}
    await forget(house, jobs)


async def test_whoever_asks_is_told_the_names_of_the_approvers(
    hass_ws_client: WebSocketGenerator, house: House
) -> None:
    """A child reads that Mum has to say yes; to others the names of users are not told."""
    mum = MockUser(name="Mum").add_to_hass(house.hass)
    gone = MockUser(name="Gone", is_active=False).add_to_hass(house.hass)
    admin = await hass_ws_client()
    (asker,) = [
        user for user in await house.hass.auth.async_get_users() if user.name == "Mock User"
    ]
    house.hass.config_entries.async_update_entry(
        house.entry, options={**house.entry.options, "approvers": [mum.id, gone.id, "unknown"]}
    )
    await house.switch_off()
    held: dict[str, Any] = {"state": JobState.HELD, "waits_for": ("approval",)}
    jobs = [
        record(1, laser_key(house.entry), **held, asker=Asker(user_id=asker.id)),
        record(2, laser_key(house.entry), **held, asker=Asker(user_id=mum.id)),
        record(3, laser_key(house.entry), asker=Asker(user_id=asker.id)),
    ]
    await keep(house.hass, house.entry, *jobs)
    await subscribe(admin)
    view = await until(admin, lambda view: len(view["jobs"]) == len(jobs))
    named = {job["title"]: job["approvers"] for job in view["jobs"]}
    assert named == {"Document 1": ["Mum"], "Document 2": [], "Document 3": []}
    await forget(house, jobs)


async def test_a_message_holds_a_bounded_number_of_jobs(
    hass_ws_client: WebSocketGenerator, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many jobs wait, a message stays small; what is on its way is in it."""
    # A second after an end, more records than are kept would be deleted: on a busy machine before they are looked at.
    monkeypatch.setattr(box_jobs, "to_forget", lambda _jobs, _now: {})
    await house.switch_off()
    keys = list(house.data.storage.printers)
    jobs = [
        record(200 * place + number, key, state=JobState.HELD)
        for place, key in enumerate(keys)
        for number in range(200)
    ]
    jobs[0] = record(0, keys[0], state=JobState.SENDING)
    jobs += [record(number, keys[number == 2000]) for number in range(2000, 2050)]
    await keep(house.hass, house.entry, *jobs)
    client = await hass_ws_client()
    view = await first_view(client)
    over = [job for job in view["jobs"] if job["state"] == "canceled"]
    assert len(view["jobs"]) - len(over) <= MAX_OPEN
    # However much one printer has ended since, the last one of another is seen.
    assert [job["printer_key"] for job in over] == [keys[0]] * MAX_FINISHED_SENT + [keys[1]]
    ours = [job for job in view["jobs"] if job["printer_key"] == keys[0] and job not in over]
    assert len(ours) <= MAX_OPEN_OF_PRINTER
    assert ours[-1]["state"] == "sending"
    assert [job["job_id"] for job in ours] == sorted((job["job_id"] for job in ours), reverse=True)
    assert {printer["waiting"] for printer in view["printers"].values()} <= {200, 199}
    await forget(house, jobs)


async def test_what_ended_last_is_first_however_long_it_had_waited(
    hass_ws_client: WebSocketGenerator, house: House
) -> None:
    """A job that was confirmed after later ones had printed ended, failed, in no row of the card."""
    await house.switch_off()
    keys = list(house.data.storage.printers)
    now = dt_util.utcnow()
    later = [
        record(number, key, state=JobState.COMPLETED)
        for key in keys[:2]
        for number in range(100, 100 + 2 * MAX_FINISHED_SENT)
    ]
    waited = [
        record(place, key, state=JobState.FAILED, title="waited", ended_at=now)
        for place, key in enumerate(keys[:2])
    ]
    await keep(house.hass, house.entry, *sorted([*waited, *later], key=lambda job: job.job_id))
    jobs = (await first_view(await hass_ws_client()))["jobs"]
    assert [job["title"] for job in jobs[:2]] == ["waited"] * 2
    for key in keys[:2]:
        (first, *others) = (job for job in jobs if job["printer_key"] == key)
        assert first["title"] == "waited"
        assert len(others) >= MAX_FINISHED_OF_PRINTER - 1
    ends = [job["finished_at"] for job in jobs[:MAX_FINISHED_SENT]]
    assert ends == sorted(ends, reverse=True)
    await forget(house, [*waited, *later])


async def test_a_connection_has_a_bounded_number_of_subscriptions(
    hass_ws_client: WebSocketGenerator, house: House
) -> None:
    """One page cannot subscribe without end; another page still can, and an ended one makes room."""
    client = await hass_ws_client()
    async with drained(client) as messages:
        for _ in range(MAX_SUBSCRIPTIONS + 1):
            await client.send_json_auto_id({"type": "lianke/jobs/subscribe", "device_ids": []})
        async with asyncio.timeout(30):
            while len(answers := results(messages)) <= MAX_SUBSCRIPTIONS:
                await asyncio.sleep(0.02)
    assert [one["success"] for one in answers] == [True] * MAX_SUBSCRIPTIONS + [False]
    assert answers[-1]["error"]["translation_key"] == "too_many_subscriptions"
    number = answers[0]["id"]
    await client.send_json_auto_id({"type": "unsubscribe_events", "subscription": number})
    assert (await client.receive_json())["success"]
    await subscribe(client)
    await subscribe(await hass_ws_client())


# A refused ApiKey


@pytest.fixture
def refuse_key(simulator: Simulator) -> Callable[[], None]:
    def refuse() -> None:
        account = simulator.box.account
        assert account is not None
        simulator.cloud.renew_key(account)

    return refuse


async def test_a_refused_key_is_told_to_the_cards(
    hass_ws_client: WebSocketGenerator, refuse_key: Callable[[], None], house: House
) -> None:
    """With a refused ApiKey the card kept showing an idle printer, as if all were well."""
    laser = house.device()
    policy = {"entity_ids": {status_entity(house.hass, house.entry, laser): True}}
    client = await hass_ws_client()
    assert (await first_view(client))["key_rejected"] == []
    refuse_key()
    for _ in range(2):
        await house.coordinator.async_refresh()
    view = await until(client, lambda view: bool(view["key_rejected"]))
    assert set(view["key_rejected"]) == set(view["printers"])
    async with client_of(house.hass, hass_ws_client, policy) as reader:
        assert (await first_view(reader))["key_rejected"] == [laser]


async def test_an_expired_service_is_shown_on_the_cards(
    hass_ws_client: WebSocketGenerator, house: House
) -> None:
    """With an expired service the card kept showing an idle printer, while nothing was printed."""
    client = await hass_ws_client()
    view = await first_view(client)
    assert not any(one["service_expired"] for one in view["printers"].values())
    house.box.expired = True
    await house.coordinator.async_refresh()
    view = await until(
        client, lambda view: any(one["service_expired"] for one in view["printers"].values())
    )
    assert all(one["service_expired"] for one in view["printers"].values())


async def test_a_box_that_is_unloaded_before_the_first_message(
    hass_ws_client: WebSocketGenerator,
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A card of two boxes is told of the one that is left, and of no error."""
    client = await hass_ws_client()
    printers = (await first_view(client))["printers"]
    other = make_entry(house.simulator, twin_of(house.simulator), title="Other box")
    assert await set_up(house.hass, other)

    async def unload() -> None:
        await house.hass.config_entries.async_unload(other.entry_id)

    monkeypatch.setattr(house.queue, "async_read_unread", unload)
    client = await hass_ws_client()
    view = await first_view(client)
    assert view["printers"].keys() == printers.keys()
    await house.hass.async_block_till_done(wait_background_tasks=True)
    assert "Traceback" not in caplog.text
