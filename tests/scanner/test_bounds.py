"""Scans that are kept, and what ends."""

from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus
import os
from pathlib import Path

from homeassistant.auth.const import GROUP_ID_ADMIN
from homeassistant.components import labs
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.lianke.api import scanning
from custom_components.lianke.api.answer_limits import MAX_ANSWER_ROWS
from custom_components.lianke.const import DOMAIN
from custom_components.lianke.documents import folders
from custom_components.lianke.printing.schemas import MAX_SOURCES
from custom_components.lianke.scanner import (
    actions,
    hub as scanner_hub,
    scan_delivery,
    scan_files,
    scan_jobs,
    scan_rules,
    scan_view,
)
from custom_components.lianke.scanner.actions import describe_scanners
from custom_components.lianke.scanner.hub import FEATURE, ScannerHub
from tests.clock import Clock, until
from tests.conftest import LANGUAGES, texts
from tests.household import LABELS, LASER, OTHER_LASER, House, as_read, device_of
from tests.scanner.scans import device, do, last, over, records, rewrite, say
from tests.simulator import Fault
from tests.simulator.models import Printer

pytestmark = pytest.mark.usefixtures("hurried", "hub")


@pytest.mark.long
async def test_kept_scans_are_bounded(
    house: House, laser: Printer, hub: ScannerHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "MAX_SCAN_PAGES", 2)
    # What has come of the last stack is kept, but no further one is waited for.
    laser.feeder = ["one", "two", "three"]
    fed = await do(house, laser, source="feeder", several_pages=True)
    assert (fed["state"], fed["pages"]) == ("completed", 3)
    monkeypatch.setattr(scan_rules, "MAX_KEPT_SCANS", 2)
    ids = [(await do(house, laser))["scan_id"] for _ in range(3)]
    # Those before the last one were looked at when it began.
    assert [one.job_id for one in records(house)][:2] == ids[:0:-1]
    assert fed["scan_id"] not in [one.job_id for one in records(house)]
    root = scan_files.scans_path(house.hass, house.entry.entry_id)
    kept = scan_jobs.async_get_scan_jobs(house.hass, house.entry)

    def enlarge(scan_id: str) -> None:
        # A file that is no part of the scan may be cleared away just now.
        job = kept.get(scan_id)
        os.truncate(kept.path(job, job.files[0]), 1024**2)

    enlarge(ids[1])
    house.set_options({"keep_scans_mb": 1})
    last = (await do(house, laser))["scan_id"]
    assert [one.job_id for one in records(house)] == [last, ids[-1]]
    # The newest is not too large, however large it is.
    enlarge(last)
    await kept.async_prune()
    assert [one.job_id for one in records(house)] == [last]
    # Large enough for both: they go for their age alone.
    house.set_options({"keep_scans_days": 3, "keep_scans_mb": 100})
    newest = (await do(house, laser))["scan_id"]
    await rewrite(house, newest, created_at=dt_util.utcnow() - timedelta(days=2))
    await rewrite(house, last, created_at=dt_util.utcnow() - timedelta(days=4))
    # Nobody has to scan for it.
    await until(lambda: [one.job_id for one in records(house)] == [newest])
    await until(lambda: not (root / last).exists())
    assert [path.name for path in root.iterdir()] == [newest]
    assert root.stat().st_mode & 0o077 == 0
    # What no row names is deleted at the next start.
    await house.hass.config_entries.async_unload(house.entry.entry_id)
    (root / ids[-1]).mkdir()
    assert await house.hass.config_entries.async_setup(house.entry.entry_id)
    await until(lambda: scan_jobs.async_get_scan_jobs(house.hass, house.entry).hub.scanners)
    assert [path.name for path in root.iterdir()] == [newest]
    assert [one.job_id for one in records(house)] == [newest]


@pytest.mark.long
async def test_kept_scans_grow_old_while_the_feature_is_off(house: House, laser: Printer) -> None:
    """Whoever has tried it once has no pages on the disk for good, nor those of a scan that was not finished."""
    young, old = [(await do(house, laser))["scan_id"] for _ in range(2)]
    waiting = (await do(house, laser, several_pages=True))["scan_id"]
    await labs.async_update_preview_feature(house.hass, DOMAIN, FEATURE, False)
    await house.hass.config_entries.async_unload(house.entry.entry_id)
    root = scan_files.scans_path(house.hass, house.entry.entry_id)
    for scan_id in (old, waiting):
        await rewrite(house, scan_id, created_at=dt_util.utcnow() - timedelta(days=40))
    assert await house.hass.config_entries.async_setup(house.entry.entry_id)
    await until(lambda: [path.name for path in root.iterdir()] == [young])


@pytest.mark.long
async def test_a_stack_of_more_pages_than_are_looked_at(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is told, and what was not fetched stays at the service."""
    monkeypatch.setattr(scanning, "MAX_SCAN_FILES", 2)
    laser.feeder = ["one", "two", "three"]
    fed = await do(house, laser, source="feeder", filename="x")
    assert (fed["state"], fed["pages"], fed["reason"]) == ("failed", 2, "scan_too_many_pages")
    assert fed["message"].startswith("The scan has more pages than are kept of one. The first 2 ")
    assert [file["name"] for file in fed["files"]] == ["x.pdf"]
    await house.hass.async_block_till_done(wait_background_tasks=True)
    [made] = house.simulator.cloud.scans.values()
    assert not made.deleted
    laser.feeder = ["one", "two"]
    assert (await do(house, laser, source="feeder"))["reason"] is None


def test_values_that_are_not_looked_at_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    scanning.find_parts([*range(MAX_ANSWER_ROWS - 1)])
    assert "values" not in caplog.text
    scanning.find_parts([*range(MAX_ANSWER_ROWS)])
    assert "only 5000 values are looked at" in caplog.text


async def test_scans_leave_requests_to_others(clock: Clock, house: House, laser: Printer) -> None:
    """Ten pages on the glass, each laid on it in six seconds, and printers can be looked up all the while."""
    counts = house.simulator.cloud.counts
    before = {name: counts[name] for name in counts}
    await do(house, laser, several_pages=True)
    for _ in range(9):
        clock.tick(6)
        await say(house, laser, "next")
    printers = [device_of(house.hass, name) for name in (LASER, LABELS, OTHER_LASER)]
    for device_id in printers:
        await house.ask("get_capabilities", device_id=device_id)
    done = await say(house, laser, "finish")
    assert done["pages"] == 10
    made = {name: counts[name] - before.get(name, 0) for name in counts if "/scanning/job" in name}
    assert made.pop("POST /scanning/job") == 10
    # For each page at most two polls (the first may come while the page is still drawn), one to see whether more has
    # come after its end, and one request to forget it.
    assert sum(made.values()) <= 40


async def test_a_list_that_does_not_come(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is not waited for for ever: the service may know the scanner all the same."""
    monkeypatch.setattr(scanner_hub, "SCANNER_LIST_SECONDS", 0.05)
    house.simulator.cloud.fail("GET /scanning/scanner_list", Fault(kind="delay", seconds=1))
    await house.hass.config_entries.async_reload(house.entry.entry_id)
    assert (await do(house, laser))["state"] == "completed"


@pytest.mark.long
async def test_nobody_comes(house: House, laser: Printer) -> None:
    await do(house, laser, several_pages=True)
    # Nor after a page that did not come.
    house.simulator.cloud.variants.update(scan_problem="lid")
    assert (await say(house, laser, "next"))["reason"] == "scan_cover_open"
    await over(house)
    assert (last(house).state, len(last(house).files)) == ("completed", 1)


async def test_a_picture_that_is_too_large(
    hass: HomeAssistant,
    house: House,
    laser: Printer,
    hass_client: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await hass.auth.async_create_user("Boss", group_ids=[GROUP_ID_ADMIN])
    await do(house, laser, several_pages=True)
    [path] = scan_view.picture_paths(house.entry, last(house))
    client = await hass_client()
    assert (await client.get(path)).status == HTTPStatus.OK
    monkeypatch.setattr(scan_view, "MAX_PICTURE_BYTES", 100)
    assert (await client.get(path)).status == HTTPStatus.NOT_FOUND


async def test_a_script_that_takes_its_time(
    hass: HomeAssistant, house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [{"wait_for_trigger": {"trigger": "event", "event_type": "go"}}]
    assert await async_setup_component(hass, "script", {"script": {"slow": {"sequence": steps}}})
    house.set_options({"scan_script": "script.slow"})
    answer = await do(house, laser)
    monkeypatch.setattr(scan_delivery, "SEND_TO_SECONDS", 0.05)
    await say(house, laser, "hand_on", scan_id=answer["scan_id"])
    assert hass.states.is_state("script.slow", "on")
    hass.bus.async_fire("go")
    await until(lambda: hass.states.is_state("script.slow", "off"))


async def test_pages_that_cannot_be_joined(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of PNG pages a file is made, too; of those that take too long none."""
    for kind, seconds, names in (
        ("png", scan_files.JOIN_SECONDS, ["x.pdf"]),
        ("as_asked", 0, ["x 1.jpg", "x 2.jpg"]),
    ):
        house.simulator.cloud.variants.update(scan_type=kind)
        monkeypatch.setattr(scan_files, "JOIN_SECONDS", seconds)
        laser.feeder = ["one", "two"]
        answer = await do(house, laser, source="feeder", filename="x")
        assert [file["name"] for file in answer["files"]] == names


@pytest.mark.long
@pytest.mark.parametrize("language", LANGUAGES)
async def test_why_a_copy_was_not_printed_is_said_in_one_language(
    hass: HomeAssistant, house: House, laser: Printer, language: str
) -> None:
    """In that of the house, to who reads another, too; a stack too large for a print is one PDF all the same."""
    hass.config.language = language
    house.set_options({"max_document_mb": 1})
    house.simulator.cloud.variants.update(scan_dpi=300)
    laser.feeder = [str(number) for number in range(6)]
    what = {"device_id": device(house, laser), "source": "feeder", "size": "A4"}
    with pytest.raises(HomeAssistantError) as raised:
        await hass.services.async_call(DOMAIN, "copy", what, blocking=True)
    told = texts(language)["exceptions"]
    outer, inner = told["scan_not_printed"]["message"], told["file_too_large"]["message"]
    user = await hass.auth.async_create_user("Boss", group_ids=[GROUP_ID_ADMIN])
    [shown] = [
        scan
        for one in describe_scanners(hass, user)
        if isinstance(scan := one["scan"], dict) and scan["reason"] == "scan_not_printed"
    ]
    whole = outer.format(detail=shown["detail"])
    assert inner.partition("{limit}")[2] in whole
    assert shown["message"] == whole
    assert [as_read(raised.value, reads) for reads in LANGUAGES] == [whole, whole]
    assert (len(last(house).files), len(last(house).pages)) == (1, 6)
    assert last(house).files[0].endswith(".pdf")
    assert not house.queue.jobs()


@pytest.mark.long
@pytest.mark.parametrize(("an_hour", "state"), [(MAX_SOURCES + 1, "completed"), (5, "failed")])
async def test_a_copy_of_more_files_than_one_print_takes(
    house: House, laser: Printer, monkeypatch: pytest.MonkeyPatch, an_hour: int, state: str
) -> None:
    """Where pages cannot be joined, each is a file; what is printed is known, and the scanner is free again."""
    house.set_options({"max_jobs_per_hour": an_hour})
    monkeypatch.setattr(scan_files, "JOIN_SECONDS", 0)
    house.simulator.cloud.variants.update(scan_dpi=20)
    laser.feeder = [str(number) for number in range(MAX_SOURCES + 1)]
    answer = await do(house, laser, "copy", source="feeder", size="A4")
    assert (answer["state"], len(answer["print_jobs"])) == (state, an_hour)
    assert answer["print_jobs"] == [job.job_id for job in reversed(house.queue.jobs())]
    await house.came_out(an_hour)


async def test_names_that_somebody_else_always_takes(
    house: House, laser: Printer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name is looked for before it is on disk, and taken after: the scan is kept, and says that no copy is there."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    house.hass.config.allowlist_external_dirs = {str(tmp_path)}
    copy = folders.async_copy_into_folder

    async def late(
        hass: HomeAssistant, paths: Sequence[Path], targets: Sequence[str], *, again: bool
    ) -> bool:
        for target in map(Path, targets):
            target.write_text("of somebody else")
        return await copy(hass, paths, targets, again=again)

    monkeypatch.setattr(scan_jobs, "async_copy_into_folder", late)
    answer = await do(house, laser, folder=str(folder))
    assert (answer["state"], answer["reason"]) == ("failed", "scan_not_copied")
    [file] = answer["files"]
    assert file["path"]
    found = {path.read_text() for path in folder.iterdir()}
    assert (len([*folder.iterdir()]), found) == (scan_jobs.MAX_NAME_TRIES, {"of somebody else"})
