"""A job that is moved and changed is judged by what it becomes, and for whoever makes more of it."""

import base64
from io import BytesIO
from typing import Any
import zipfile

from homeassistant.auth.models import User
from homeassistant.core import Context
from homeassistant.util import dt as dt_util
import pytest

from custom_components.lianke.box.pages_per_user import month_of
from custom_components.lianke.jobs.job import Job, JobState
from tests.clock import until
from tests.household import OTHER_LASER, House, refusal, show_state
from tests.simulator import make_pdf


def document(pages: int | None) -> dict[str, Any]:
    """Return a document with so many pages, or one whose pages nobody can count here: of Word."""
    content, filename = BytesIO(), "letter.docx"
    if pages is None:
        with zipfile.ZipFile(content, "w") as archive:
            for name in ("[Content_Types].xml", "word/document.xml"):
                archive.writestr(name, "<x/>")
    else:
        content, filename = BytesIO(make_pdf(pages)), "letter.pdf"
    return {"content": base64.b64encode(content.getvalue()).decode(), "filename": filename}


async def held(house: House, user: User | None, length: int | None, **options: Any) -> Job:
    show_state(house.box.printer(1), "outOfPaper")
    await house.poll()
    data = {"device_id": house.device(), **document(length), **options}
    answer = await house.ask("print", Context(user_id=None if user is None else user.id), **data)
    return house.queue.get(answer["jobs"][0]["job_id"])


async def moved(house: House, user: User, job: Job, **options: Any) -> Job:
    """Let somebody move it to the other laser; return the new job."""
    data = {"job_id": job.job_id, "to_device_id": house.device(OTHER_LASER), **options}
    answer = await house.ask("move_job", Context(user_id=user.id), **data)
    return house.queue.get(answer["job"]["job_id"])


@pytest.mark.parametrize("options", [{"without": ["pages"]}, {"pages": "odd"}])
async def test_pages_that_nobody_can_count_are_asked_about_at_the_other_printer_too(
    house: House, anna: User, boss: User, options: dict[str, Any]
) -> None:
    """The first page of a Word file was asked for, and the whole of it came out by a move."""
    job = await held(house, anna, None, pages="1")
    assert job.waits_for == ()
    new = await moved(house, anna, job, **options)
    assert (new.spec.asker.user_id, new.waits_for) == (anna.id, ("approval",))
    assert not house.sent
    await house.ask("continue_job", Context(user_id=boss.id), job_id=new.job_id)
    await house.came_out()


async def test_an_approver_lets_go_what_the_approver_makes_of_it(house: House, boss: User) -> None:
    """As a new print of the approver's: nobody has to approve it, and it is let go on purpose."""
    new = await moved(house, boss, await held(house, boss, None, pages="1"), without=["pages"])
    assert new.waits_for == ("release",)


async def test_what_was_let_go_on_is_moved_as_it_is(house: House, anna: User, boss: User) -> None:
    """Nothing is asked twice about a Word file that nobody has changed."""
    job = await held(house, anna, None)
    await house.ask("continue_job", Context(user_id=boss.id), job_id=job.job_id)
    new = await moved(house, anna, job)
    assert (new.spec.asker.user_id, new.waits_for) == (anna.id, ())
    await house.came_out()


MORE: dict[str, tuple[int | None, dict[str, Any], dict[str, Any]]] = {
    "copies": (1, {}, {"copies": 9}),
    "pages": (5, {"pages": "1"}, {"pages": "1-5"}),
    "both": (5, {"pages": "1-4"}, {"pages": "1", "copies": 5}),
    "left out": (5, {"pages": "1"}, {"without": ["pages"]}),
    "cannot be counted": (None, {"pages": "1"}, {"without": ["pages"]}),
}


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("way", MORE)
@pytest.mark.parametrize("whose", ["the administrator's", "nobody's"])
async def test_who_makes_more_of_somebody_elses_job_prints_it(
    house: House, anna: User, boss: User, way: str, whose: str
) -> None:
    """A child moved an administrator's page with thirty copies: unasked, and counted as the administrator's."""
    pages, before, after = MORE[way]
    job = await held(house, boss if whose == "the administrator's" else None, pages, **before)
    house.set_options({"approval_users": [anna.id], "approvers": [boss.id]})
    new = await moved(house, anna, job, **after)
    assert (new.spec.asker.user_id, new.waits_for) == (anna.id, ("approval",))
    assert not house.sent
    # The limits are the mover's, too.
    await house.ask("continue_job", Context(user_id=boss.id), job_id=new.job_id)
    await house.came_out()
    month, spent = month_of(dt_util.now()), house.data.storage.pages.of_user
    if pages is not None:
        await until(lambda: spent(month, anna.id) == (new.pages or 0) * new.copies)
    assert spent(month, boss.id) == 0


LESS: dict[str, tuple[int | None, dict[str, Any], dict[str, Any]]] = {
    "as it is": (5, {"copies": 2}, {}),
    "fewer copies": (5, {"copies": 2}, {"copies": 1}),
    "other pages": (5, {"pages": "1-2"}, {"pages": "4-5"}),
    "one-sided": (5, {"duplex": "long_edge"}, {"duplex": "off"}),
}


@pytest.mark.parametrize("way", LESS)
async def test_who_makes_no_more_of_a_job_only_moves_it(
    house: House, anna: User, boss: User, way: str
) -> None:
    """It stays whose it was, and nobody is asked because of who moves it."""
    pages, before, after = LESS[way]
    job = await held(house, boss, pages, **before)
    house.set_options({"approval_users": [anna.id], "approvers": [boss.id]})
    new = await moved(house, anna, job, **after)
    assert (new.spec.asker.user_id, new.waits_for) == (boss.id, ())
    await house.came_out()


async def test_nobody_has_agreed_to_what_is_changed(house: House, anna: User, boss: User) -> None:
    """As many pages as were approved, on one side each: asked about once more, but for who may approve."""
    house.set_options({"approval_users": [anna.id]})
    for mover, waits_for in ((anna, ("approval",)), (boss, ())):
        job = await held(house, anna, 5, duplex="long_edge")
        await house.ask("continue_job", Context(user_id=boss.id), job_id=job.job_id)
        new = await moved(house, mover, job, duplex="off")
        assert (new.spec.asker.user_id, new.waits_for) == (anna.id, waits_for)


async def test_nobody_moves_more_than_a_month_has_left(
    house: House, anna: User, boss: User
) -> None:
    """The job stays where it is, as it was."""
    job = await held(house, boss, 1)
    house.set_options({"monthly_pages": 5, "monthly_users": [anna.id], "monthly_beyond": "refused"})
    assert await refusal(moved(house, anna, job, copies=6)) == "too_many_pages_this_month"
    assert [one.job_id for one in house.queue.jobs()] == [job.job_id]
    assert house.queue.get(job.job_id).state is JobState.HELD
    assert (await moved(house, anna, job, copies=5)).spec.asker.user_id == anna.id


async def test_a_code_stays_with_who_chose_it(house: House, anna: User, boss: User) -> None:
    """Who makes more of a coded job neither knows its code nor sees its pages."""
    job = await held(house, boss, 1, release_code="4711")
    new = await moved(house, anna, job, copies=2)
    assert (new.spec.asker.user_id, new.needs_code, new.spec.foreign_code) == (anna.id, True, True)
