"""Who printed what: exported for administrators, limited for each user and month, and in statistics."""

import csv
from datetime import UTC, datetime
from io import StringIO
from typing import Any
from unittest.mock import Mock, patch

from homeassistant.auth.models import User
from homeassistant.auth.permissions.const import CAT_ENTITIES
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError, Unauthorized
from homeassistant.helpers.recorder import DATA_INSTANCE
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockUser

from custom_components.lianke.box.pages_per_user import month_of
from custom_components.lianke.people import page_export
from custom_components.lianke.people.page_export import as_csv
from tests.clock import until
from tests.conftest import set_up
from tests.household import LASER, House, show_state
from tests.simulator import Outcome

USER = "0123456789abcdef0123456789abcdef"
# Callbacks arrive, so that waiting is short.
pytestmark = pytest.mark.usefixtures("media", "reachable")


@pytest.fixture
def anna(hass: HomeAssistant) -> MockUser:
    user = MockUser(id=USER, name="=Anna", groups=[])
    user.add_to_hass(hass)
    control = {"read": True, "control": True}
    user.mock_policy({CAT_ENTITIES: {"entity_ids": {"sensor.kyocera_ma2000w_gx": control}}})
    return user


async def print_menu(house: House, user: MockUser | None = None, **data: Any) -> dict[str, Any]:
    context = Context(user_id=user.id if user else None)
    answer = await house.ask(
        "print", context, device_id=house.device(), file=house.menu, wait=True, **data
    )
    job: dict[str, Any] = answer["jobs"][0]
    return job


async def test_pages_are_exported(anna: MockUser, hass_admin_user: User, house: House) -> None:
    assert (await print_menu(house, anna, copies=2))["state"] == "completed"
    await print_menu(house)
    # What did not come out for sure is nobody's.
    house.cloud.plan(house.box.printer(1), Outcome(code=502, msg="x"))
    await print_menu(house, anna)
    await house.hass.async_block_till_done()
    month = month_of(dt_util.now())
    admin = Context(user_id=hass_admin_user.id)
    answer = await house.ask("export_pages", admin)
    base = {"month": month, "box": "Office box", "printer": LASER}
    assert answer["rows"] == [
        base | {"user": "", "source": "automation", "pages": 3},
        base | {"user": "=Anna", "source": "user", "pages": 6},
    ]
    assert answer["total"] == 9
    read = list(csv.DictReader(StringIO(answer["csv"])))
    # No spreadsheet takes a name for a formula.
    assert [(row["user"], row["pages"]) for row in read] == [("", "3"), ("'=Anna", "6")]
    for period in ({"from_month": "2000-01", "to_month": "2000-12"}, {"from_month": "2100-01"}):
        assert (await house.ask("export_pages", admin, **period))["rows"] == []
    one = {"config_entry": house.entry.entry_id, "from_month": month, "to_month": month}
    assert (await house.ask("export_pages", admin, **one))["total"] == 9
    for wrong in ("2026", "2026-13", "26-01", "now"):
        with pytest.raises(ServiceValidationError):
            await house.ask("export_pages", admin, from_month=wrong)
    with pytest.raises(Unauthorized):
        await house.ask("export_pages", Context(user_id=anna.id))


def test_csv_of_nothing_has_its_names() -> None:
    assert as_csv([]) == "month,box,printer,user,source,pages\r\n"


async def test_beyond_a_months_pages_somebody_has_to_approve(
    anna: MockUser, hass_admin_user: User, house: House
) -> None:
    house.set_options({"monthly_pages": 7})
    assert (await print_menu(house, anna))["state"] == "completed"
    assert (await print_menu(house, anna))["state"] == "completed"
    held = await print_menu(house, anna)
    assert (held["state"], held["waits_for"]) == ("held", ["approval"])
    # Others, and automations, go on; and one page is still left, but for the job that waits.
    assert (await print_menu(house))["state"] == "completed"
    assert (await print_menu(house, anna, pages="1"))["state"] == "held"
    await house.ask("continue_job", Context(user_id=hass_admin_user.id), job_id=held["job_id"])
    await house.came_out(4)


async def test_beyond_a_months_pages_jobs_are_refused(anna: MockUser, house: House) -> None:
    options: dict[str, Any] = {"monthly_pages": 5, "monthly_beyond": "refused"}
    options["monthly_users"] = [anna.id]
    house.set_options(options)
    show_state(house.box.printer(1), "outOfPaper")
    await house.data.coordinator.async_refresh()
    # One that waits counts.
    assert (await print_menu(house, anna))["state"] == "held"
    with pytest.raises(ServiceValidationError) as refused:
        await print_menu(house, anna)
    assert refused.value.translation_key == "too_many_pages_this_month"
    assert refused.value.translation_placeholders == {"limit": "5", "spent": "3"}
    assert (await print_menu(house, anna, pages="1-2"))["state"] == "held"
    assert (await print_menu(house))["state"] == "held"
    assert len(house.queue.jobs()) == 3
    # A newer version takes the place of the one that waits: at no time are there more pages.
    options["monthly_pages"] = 8
    house.set_options(options)
    for _ in range(2):
        job = await print_menu(house, anna, replace_key="list")
        assert (job["state"], job["waits_for"]) == ("held", [])
    assert house.sent == 0


@pytest.mark.usefixtures("hurried")
async def test_printer_commands_do_not_go_round_a_months_pages(
    anna: MockUser, hass_admin_user: User, house: House
) -> None:
    """Fifty form feeds are fifty pages, and nobody can say so: an approver has to."""
    feeds = {"device_id": house.device(), "text": "page\f" * 50, "raw": True}
    options = {"monthly_pages": 3, "monthly_beyond": "refused"}
    house.set_options(options | {"monthly_users": [hass_admin_user.id]})
    # Nothing is to be counted for her.
    answer = await house.ask("print", Context(user_id=anna.id), **feeds)
    await house.came_out()
    assert answer["jobs"][0]["waits_for"] == []
    house.set_options(options)
    for context in (Context(user_id=hass_admin_user.id), Context()):
        # Nor for an approver, who would only ask himself, and for nobody.
        await house.ask("print", context, **feeds)
    await house.came_out(3)
    [job] = (await house.ask("print", Context(user_id=anna.id), **feeds))["jobs"]
    assert (job["state"], job["waits_for"]) == ("held", ["approval"])
    own = house.ask("continue_job", Context(user_id=anna.id), job_id=job["job_id"])
    with pytest.raises(ServiceValidationError, match="approve"):
        await own
    await house.ask("continue_job", Context(user_id=hass_admin_user.id), job_id=job["job_id"])
    await house.came_out(4)
    await until(lambda: all(one.is_final for one in house.queue.jobs()))
    # Once they are used up they are refused like anything else.
    await print_menu(house, anna)
    with pytest.raises(ServiceValidationError) as refused:
        await house.ask("print", Context(user_id=anna.id), **feeds)
    assert refused.value.translation_key == "too_many_pages_this_month"


@pytest.mark.usefixtures("hurried")
async def test_a_text_counts_where_the_cloud_names_no_number(anna: MockUser, house: House) -> None:
    """Four pages came out of a month of three, and three were still left."""
    house.set_options({"monthly_pages": 3, "monthly_beyond": "refused"})
    text = {"device_id": house.device(), "wait": True}
    for number in range(3):
        context = Context(user_id=anna.id)
        [job] = (await house.ask("print", context, text=f"Page {number}", **text))["jobs"]
        # Of which nobody claims that it is known.
        assert (job["state"], job["pages_printed"]) == ("completed", None)
    with pytest.raises(ServiceValidationError) as refused:
        await house.ask("print", Context(user_id=anna.id), text="Page 4", **text)
    assert refused.value.translation_key == "too_many_pages_this_month"
    assert len(house.printed) == 3


async def test_the_next_month_begins_anew(anna: MockUser, house: House) -> None:
    options = {"monthly_pages": 3, "monthly_beyond": "refused"}
    house.set_options(options)
    house.data.storage.pages.add(
        "2026-01", "key", "Laser", user_id=anna.id, source="user", pages=99
    )
    assert (await print_menu(house, anna))["state"] == "completed"


async def test_diagnostics_and_jobs_tell_nobodys_pages(anna: MockUser, house: House) -> None:
    from custom_components.lianke.diagnostics import async_get_config_entry_diagnostics

    house.set_options({"monthly_pages": 30, "monthly_users": [anna.id]})
    await print_menu(house, anna)
    reported = str(await async_get_config_entry_diagnostics(house.hass, house.entry))
    assert anna.id not in reported
    assert "Anna" not in reported
    job = await house.print_one(text="x")
    assert anna.id not in str(job)


ADD = "homeassistant.components.recorder.statistics._async_import_statistics"


async def count(house: House, job: str, **who: Any) -> list[Any]:
    """Count three pages; return what the recorder was handed."""
    key = next(iter(house.data.storage.printers))
    with patch(ADD) as added:
        house.data.storage.count_pages(key, job, 3, **who)
        await house.hass.async_block_till_done(wait_background_tasks=True)
    return [
        (metadata, list(rows)) for _, metadata, rows in (call.args for call in added.mock_calls)
    ]


@pytest.fixture
def recorder(hass: HomeAssistant) -> None:
    hass.data[DATA_INSTANCE] = Mock()  # type: ignore[misc]


async def test_statistics_are_off_at_first(recorder: None, house: House) -> None:
    assert not await count(house, "job", user_id=USER, source="user")
    pages = house.data.storage.pages
    # 0.2.0 has counted what it did not show.
    pages.load({"totals": [[USER, "user", 3]]})
    page_export.async_watch_statistics(house.hass, house.entry)
    assert not pages.shown


async def test_pages_of_each_user_add_up(
    recorder: None, monkeypatch: pytest.MonkeyPatch, house: House
) -> None:
    """Home Assistant would take what was printed before for pages of the first hour."""
    MockUser(id=USER, name="Anna").add_to_hass(house.hass)
    await count(house, "0", user_id=USER, source="user")
    house.set_options({"page_statistics": True})
    clock = Mock()
    monkeypatch.setattr(page_export, "dt_util", clock)
    clock.utcnow.return_value = datetime(2026, 11, 26, 10, 59, 1, tzinfo=UTC)
    [(metadata, [row])] = await count(house, "1", user_id=USER, source="user")
    assert metadata["statistic_id"] == f"lianke:pages_{house.entry.entry_id.lower()}_user_{USER}"
    assert (metadata["source"], metadata["name"]) == ("lianke", "Office box: Anna")
    assert (metadata["has_sum"], metadata["unit_of_measurement"]) == (True, "pages")
    assert (row["sum"], row["start"].isoformat()) == (3, "2026-11-26T10:00:00+00:00")
    clock.utcnow.return_value = datetime(2026, 11, 26, 11, 0, tzinfo=UTC)
    [(_, [row])] = await count(house, "2", user_id=USER, source="user")
    assert (row["sum"], row["start"].isoformat()) == (6, "2026-11-26T11:00:00+00:00")
    # The same job again, and another source of the same user.
    assert not await count(house, "2", user_id=USER, source="user")
    [(metadata, [row])] = await count(house, "3", user_id=USER, source="assistant")
    assert (metadata["name"], row["sum"]) == ("Office box: Anna (Assistants)", 3)
    [(metadata, _)] = await count(house, "4", source="automation")
    assert metadata["statistic_id"] == f"lianke:pages_{house.entry.entry_id.lower()}_automation"
    [(metadata, _)] = await count(house, "5", source="lan_printer")
    assert metadata["name"] == "Office box: Devices of the home network"


async def test_without_a_recorder_pages_are_counted_all_the_same(house: House) -> None:
    house.set_options({"page_statistics": True})
    assert not await count(house, "1", user_id=USER, source="user")
    assert [row.pages for row in house.data.storage.pages.rows_of_months()] == [3]
    await house.hass.config_entries.async_unload(house.entry.entry_id)
    assert await set_up(house.hass, house.entry)
    assert [row.pages for row in house.data.storage.pages.rows_of_months()] == [3]
