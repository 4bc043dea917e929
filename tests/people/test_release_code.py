"""Jobs that wait for somebody at the printer, and the codes that release them."""

import asyncio
import json
from typing import Any
from unittest.mock import patch

from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError
import pytest

from custom_components.lianke.button import RELEASE_JOBS
from custom_components.lianke.diagnostics import async_get_config_entry_diagnostics
from custom_components.lianke.input_error import InputError
from custom_components.lianke.people import release_code
from custom_components.lianke.people.initiator import tool_context_id
from custom_components.lianke.people.release_code import (
    CodeChecker,
    async_get_code_checker,
    async_hash_code,
    hash_code,
)
from custom_components.lianke.printing.print_action import job_dict
from tests.household import House
from tests.people.conftest import print_as

CODE = "hunter42"


async def release(house: House, user: User | None, job: dict[str, Any], **data: Any) -> None:
    """Release a job as a user, or as an automation."""
    context = Context(user_id=None if user is None else user.id)
    await house.ask("continue_job", context, job_id=job["job_id"], reason="release", **data)


@pytest.mark.parametrize("who", ["printer", "user"])
async def test_jobs_of_a_printer_or_a_user_wait(anna: User, who: str, house: House) -> None:
    chosen = list(house.data.storage.printers) if who == "printer" else [anna.id]
    house.set_options({f"release_{who}s": chosen})
    job = await print_as(house, anna)
    assert (job["hold_reason"], job["needs_code"]) == ("release", False)
    assert (await house.print_one(text="x", wait=False))["state"] == (
        "held" if who == "printer" else "uploading"
    )
    await release(house, anna, job)
    await house.came_out(1 if who == "printer" else 2)


async def test_an_approval_comes_first(anna: User, boss: User, house: House) -> None:
    house.set_options({"approval_users": [anna.id]})
    job = await print_as(house, anna, release_code=CODE)
    assert job["waits_for"] == ["approval", "release"]
    with pytest.raises(ServiceValidationError, match="does not wait"):
        await release(house, anna, job, code=CODE)
    await house.ask("continue_job", Context(user_id=boss.id), job_id=job["job_id"])
    assert not house.sent
    await release(house, anna, job, code=CODE)
    await house.came_out()


async def test_a_code_of_its_own(
    anna: User, boss: User, caplog: pytest.LogCaptureFixture, house: House
) -> None:
    job = await print_as(house, anna, release_code=f" {CODE} ")
    assert job["needs_code"]
    queue = house.queue
    stored = queue.get(job["job_id"]).spec.release_code
    assert stored is not None
    assert CODE not in stored
    for wrong, error in (({}, "Enter the code"), ({"code": "hunter43"}, "not the code")):
        for user in (anna, boss):
            with pytest.raises(ServiceValidationError, match=error):
                await release(house, user, job, **wrong)
    assert not house.sent
    # Neither code nor what is stored of it is seen anywhere.
    seen = json.dumps(
        [
            job_dict(queue.get(job["job_id"])),
            await async_get_config_entry_diagnostics(house.hass, house.entry),
            repr(queue.get(job["job_id"])),
        ],
        default=str,
    )
    assert CODE not in seen
    assert stored not in seen
    await release(house, boss, job, code=CODE)
    await house.came_out()


async def test_a_users_code(anna: User, house: House) -> None:
    codes = {anna.id: hash_code(CODE.encode())}
    house.set_options({"release_users": [anna.id]})
    before = await print_as(house, anna)
    house.set_options({"release_users": [anna.id], "release_codes": codes})
    job, other = await print_as(house, anna), await print_as(house, anna)
    with pytest.raises(ServiceValidationError, match="Enter the code"):
        await release(house, anna, job)
    await release(house, anna, job, code=CODE)
    # It is for what is sent from then on.
    await release(house, anna, before)
    await house.came_out(2)
    # An assistant that knows no user speaks for anybody; an automation is an administrator's.
    context = Context()
    tool_context_id.set(context.id)
    with pytest.raises(ServiceValidationError, match="Enter the code"):
        await house.ask("continue_job", context, job_id=other["job_id"], reason="release")
    await release(house, None, other)
    await house.came_out(3)


async def test_wrong_codes_are_slowed_down(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release_code, "code_matches", lambda code, stored: code == stored)
    checker, now = CodeChecker(hass), 1000.0
    waited = []
    with patch("custom_components.lianke.people.release_code.time.monotonic", lambda: now):
        for _ in range(12):
            with pytest.raises(InputError, match="code_wrong"):
                await checker.async_check("1234", "0000", "Report", "a")
            with pytest.raises(InputError) as err:
                # The right one has to wait as well.
                await checker.async_check("1234", "9999", "Report", "a")
            if err.value.reason == "code_too_often":
                seconds = int(err.value.placeholders["seconds"]) - 1
                waited.append(seconds)
                now += seconds
            else:
                # Others are not held up.
                await checker.async_check("4321", "4321", "Another", "a")
        await checker.async_check("1234", "1234", "Report", "a")
        # From the beginning again.
        with pytest.raises(InputError, match="code_wrong"):
            await checker.async_check("1234", "0000", "Report", "a")
    assert waited[:6] == [30, 60, 120, 240, 480, 900]
    assert set(waited[6:]) == {900}


async def test_the_codes_of_a_device_hold_nobody_s_release_up(hass: HomeAssistant) -> None:
    stored = await async_hash_code(hass, b"4711")
    many = [asyncio.create_task(async_hash_code(hass, b"1234", owner="phone")) for _ in range(20)]
    await asyncio.sleep(0)
    await async_get_code_checker(hass).async_check(stored, "4711", "Brief", "anna")
    assert sum(task.done() for task in many) <= 2
    await asyncio.gather(*many)


async def test_others_guesses_do_not_lock_the_owner_out(
    anna: User, boss: User, house: House
) -> None:
    job = await print_as(house, boss, release_code=CODE)
    for _ in range(5):
        with pytest.raises(ServiceValidationError, match="not the code"):
            await release(house, anna, job, code="0000")
    # Not even the right one, until the time is over; nor for one who is not known.
    with pytest.raises(ServiceValidationError, match="too often"):
        await release(house, anna, job, code=CODE)
    assert not house.sent
    await release(house, boss, job, code=CODE)
    await house.came_out()


async def test_guesses_of_many_codes(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong code makes the next guess wait, unless five hundred others were guessed since."""
    monkeypatch.setattr(release_code, "code_matches", lambda code, stored: False)
    monkeypatch.setattr(release_code, "MAX_WRONG", 1)
    monkeypatch.setattr(release_code, "GUESS_PAUSE_START", 900)
    checker = CodeChecker(hass)

    async def guess(number: int) -> str:
        with pytest.raises(InputError) as err:
            await checker.async_check(str(number), "x", "Report", None)
        return err.value.reason

    assert {await guess(number) for number in range(510)} == {"code_wrong"}
    assert [await guess(number) for number in (509, 10)] == ["code_too_often"] * 2
    assert await guess(9) == "code_wrong"


@pytest.mark.parametrize("code", ["123", "   1   ", "x" * 65, "", ["1234"]])
async def test_codes_that_are_none(code: object, house: House) -> None:
    with pytest.raises(ServiceValidationError) as refused:
        await house.print_one(text="x", release_code=code)
    # A code is quoted nowhere.
    assert "1234" not in str(refused.value)
    assert not house.sent


def test_a_code_that_a_device_has_hashed() -> None:
    digest = bytes.fromhex("03ac674216f3e15c761ee1a5e255f067953623c8b388b4459e13f978d7c846f4")
    assert release_code.code_matches("1234", hash_code(digest, "sha2-256"))
    assert not release_code.code_matches("1235", hash_code(digest, "sha2-256"))
    assert release_code.code_matches("密码12", hash_code("密码12".encode(), "none"))
    assert hash_code(b"1234") != hash_code(b"1234")


async def test_the_button(house: House) -> None:
    data = house.data
    key = next(key for key, one in data.storage.printers.items() if "Kyocera" in one.name)
    press = RELEASE_JOBS.press_fn
    await press(data, key, Context())
    house.set_options({"release_printers": [key]})
    for _ in range(2):
        await house.print_one(text="x", wait=False)
    coded = await house.print_one(text="x", wait=False, release_code=CODE)
    await press(data, key, Context())
    await house.came_out(2)
    with pytest.raises(InputError, match="code_missing"):
        await press(data, key, Context())
    assert data.queue.get(coded["job_id"]).current_delivery.hold_reason == "release"
