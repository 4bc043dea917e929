"""Files made to hang or to eat memory: an error in the user's words, while ten other jobs print."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.translation import async_get_translations
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.lianke.const import DOMAIN
from custom_components.lianke.documents import pdf_client, sheets
from tests.documents.hostile_pdfs import endless_drawing, huge_content, huge_picture
from tests.household import ask, came_out, device_of, make_media
from tests.simulator import Simulator, make_pdf

JOBS = 10
# Each file, and why it is refused; the picture of half a gigabyte may be done in time. Where the machine is busy, time
# is over before memory (`documents/test_pdf_limits` judges the process's peak).
HOSTILE: dict[Callable[[Path], Path], set[str | None]] = {
    huge_picture: {"pdf_takes_long", None},
    huge_content: {"pdf_needs_memory", "pdf_takes_long"},
    endless_drawing: {"pdf_takes_long", "pdf_needs_memory"},
}
# What is said of layouts, in which a small file that unpacks to as much needs as much memory as a large one.
LAID_OUT: dict[str | None, str] = {"pdf_needs_memory": "sheet_needs_memory"}


@pytest.mark.timeout(240)
@pytest.mark.long
async def test_ten_jobs_print_beside_them(
    hass: HomeAssistant,
    setup: MockConfigEntry,
    simulator: Simulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sheets, "LAYOUT_SECONDS", 3)
    monkeypatch.setattr(pdf_client, "TASK_SECONDS", 5)
    # Ten jobs wait for four such files, which is more patience than one user's calls need.
    monkeypatch.setattr(pdf_client, "WAIT_SECONDS", 200)
    media = make_media(hass, tmp_path / "media")
    bad = [(make(media / f"{make.__name__}.pdf"), reasons) for make, reasons in HOSTILE.items()]
    for number in range(JOBS):
        (media / f"{number}.pdf").write_bytes(make_pdf(2, f"Good {number}"))
    device = device_of(hass)
    attacker = Context(user_id=MockUser(is_owner=True).add_to_hass(hass).id)

    async def attack(path: Path, **fields: Any) -> str | None:
        try:
            await ask(hass, "preview", attacker, device_id=device, file=str(path), **fields)
        except HomeAssistantError as err:
            return err.translation_key
        return None

    sheets_of: list[dict[str, Any]] = [{}, {"sheet": "2_up"}]
    attacks = [hass.async_create_task(attack(path)) for path, _ in bad]
    # One of them laid out as well. Its pages are counted first, which may need too much of its own.
    path, reasons = bad[1]
    attacks.append(hass.async_create_task(attack(path, **sheets_of[1])))
    bad.append((path, reasons | {LAID_OUT.get(reason, reason) for reason in reasons}))
    good = [
        hass.async_create_task(
            ask(
                hass,
                "print",
                device_id=device,
                file=str(media / f"{number}.pdf"),
                **sheets_of[number % 2],
            )
        )
        for number in range(JOBS)
    ]
    await asyncio.gather(*good)
    printed = await came_out(simulator, JOBS)
    assert sorted(job.name for job in printed) == [f"{number}.pdf" for number in range(JOBS)]
    assert [job.pages for job in sorted(printed, key=lambda job: job.name)] == [2, 1] * 5
    answers = await asyncio.gather(*attacks)
    english = await async_get_translations(hass, "en", "exceptions", [DOMAIN])
    for answer, (path, reasons) in zip(answers, bad, strict=True):
        assert answer in reasons, path.name
        assert answer is None or f"component.{DOMAIN}.exceptions.{answer}.message" in english
