"""How many pages a document may have: never a number that is not sure."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from homeassistant.core import Context, HomeAssistant
import pytest

from custom_components.lianke.api.options import PrintOptions, options_in
from custom_components.lianke.documents import page_count
from custom_components.lianke.documents.document import Document, file_digest
from custom_components.lianke.documents.page_documents import async_text_page
from custom_components.lianke.documents.spool import async_get_spool
from custom_components.lianke.input_error import InputError
from custom_components.lianke.jobs.job import JobState
from custom_components.lianke.jobs.rules import LimitError, waits_uncounted
from custom_components.lianke.printing.builder import (
    ReprintChanges,
    async_move_to,
    async_print_again,
)
from tests.jobs.conftest import COUNT, SUBMIT, Shop
from tests.simulator import Fault


def office(shop: Shop, content: bytes = b"PK\x03\x04 a document") -> Document:
    """Return a Word document, whose pages nobody here knows."""
    document = shop.document(content=content)
    return replace(document, extension=".docx", name="a.docx", pages=None)


def uncounted(shop: Shop, pages: int) -> Document:
    """Return a PDF that could not be counted here; the service can."""
    return replace(shop.document(pages=pages), pages=None)


async def refusal(shop: Shop, document: Document, **options: Any) -> str | None:
    """Return why a document is refused, None if it is taken."""
    try:
        await shop.submit(document, options=options_in(options))
    except InputError as err:
        assert not document.path.exists()
        return err.reason
    return None


async def test_the_service_is_asked_for_what_is_not_known(shop: Shop) -> None:
    """A PDF that cannot be counted here counted as one page, whatever its length."""
    assert await refusal(shop, uncounted(shop, 101)) == "too_many_pages"
    assert await refusal(shop, uncounted(shop, 60), copies=2) == "too_many_pages"
    job = await shop.submit(uncounted(shop, 60))
    assert (job.current_delivery.document.pages, job.pages) == (60, 60)
    assert shop.sim.cloud.count(COUNT) == 3


async def test_the_service_is_asked_once_by_two_at_once(shop: Shop) -> None:
    asked = [refusal(shop, office(shop), copies=2) for _ in range(2)]
    assert await asyncio.gather(*asked) == ["pages_unknown"] * 2
    assert shop.sim.cloud.count(COUNT) == 1


async def test_a_printer_that_is_just_removed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def removed(path: Path) -> str:
        # A reading of its condition that ends only now must not bring it back.
        shop.storage.printers.clear()
        shop.coordinator.data = shop.coordinator.data._replace(printers={})
        return file_digest(path)

    monkeypatch.setattr(page_count, "file_digest", removed)
    assert await refusal(shop, uncounted(shop, 101)) == "printer_gone"


async def test_a_page_range_bounds_what_is_not_known(shop: Shop) -> None:
    """Nobody has to be asked where the range is short enough."""
    assert await refusal(shop, office(shop), pages="2-11,5", copies=10) is None
    assert shop.sim.cloud.count(COUNT) == 0
    assert await refusal(shop, office(shop), pages="2-12", copies=10) == "maybe_too_many_pages"


@pytest.mark.parametrize("reached", [True, False])
async def test_what_nobody_can_count_waits_for_somebody(shop: Shop, *, reached: bool) -> None:
    """Seven hundred pages were printed where a hundred are allowed, since their count took too long."""
    if not reached:
        shop.sim.cloud.fail(COUNT, Fault(kind="http", status=503))
    job = await shop.submit(office(shop))
    assert (job.state, job.current_delivery.hold_reason, job.waits_for) == (
        JobState.HELD,
        "release",
        ("release",),
    )
    assert waits_uncounted(job)
    await shop.tick(120)
    assert shop.sim.cloud.count(SUBMIT) == 0
    await shop.queue.async_continue(job.job_id)
    await shop.until(job, JobState.COMPLETED)
    assert shop.sim.cloud.count(SUBMIT) == 1
    bounded = await shop.submit(office(shop), options=PrintOptions(pages="1-3"))
    assert not bounded.waits_for
    coded = await shop.submit(
        office(shop), options=PrintOptions(pages="1-3"), release_code="hashed"
    )
    assert coded.waits_for == ("release",)
    assert not waits_uncounted(coded)


async def test_what_nobody_knows_is_printed_once_at_most(shop: Shop) -> None:
    """The simulated service cannot open Office documents and says no number."""
    assert await refusal(shop, office(shop)) is None
    assert await refusal(shop, office(shop), copies=2) == "pages_unknown"
    assert await refusal(shop, office(shop), copies=2, pages="odd") == "pages_unknown"
    # The answer is remembered, and so is a refusal: a bad file that is sent again gets one blocked.
    assert shop.sim.cloud.count(COUNT) == 1
    bad = [replace(uncounted(shop, 2), extension=".pdf") for _ in range(3)]
    for document in bad:
        document.path.write_bytes(b"%PDF-1.4 nothing")
    bad = [replace(document, size=document.path.stat().st_size) for document in bad]
    assert [await refusal(shop, document) for document in bad] == ["pages_unknown"] * 3
    assert shop.sim.cloud.count(COUNT) == 2
    assert shop.sim.cloud.count(SUBMIT) <= 1


async def test_a_service_that_is_not_reached_says_nothing(shop: Shop) -> None:
    shop.sim.cloud.fail(COUNT, Fault(kind="http", status=503), times=9)
    assert await refusal(shop, uncounted(shop, 3)) == "pages_unknown"
    assert await refusal(shop, office(shop)) is None


async def test_text_is_as_long_as_it_may_become(
    shop: Shop, hass: HomeAssistant, tmp_path: Path
) -> None:
    """80,000 lines, 99 times, were taken for 99 pages; a log of 1 MB for one."""
    spool = await async_get_spool(hass)
    shop.sim.cloud.fail(COUNT, Fault(kind="code", code=502), times=9)
    long = await async_text_page(hass, spool, "line\n" * 80_000)
    assert long.pages is None
    assert long.pages_at_most is not None
    assert long.pages_at_most > 1000
    assert await refusal(shop, long, copies=10) == "maybe_too_many_pages"
    asked = shop.sim.cloud.count(COUNT)
    short = await async_text_page(hass, spool, "Please ring twice")
    assert short.pages_at_most == 1
    job = await shop.submit(short, options=PrintOptions(copies=10))
    assert shop.sim.cloud.count(COUNT) == asked
    assert shop.queue.get(job.job_id).current_delivery.document.pages_at_most == 1


async def test_a_range_without_any_page_is_refused(shop: Shop) -> None:
    """Pages 9 to 12 of five were sent, failed there, and failed again with each retry."""
    with pytest.raises(InputError) as refused:
        await shop.submit(shop.document(pages=5), options=PrintOptions(pages="9-12"))
    assert refused.value.reason == "pages_not_in_document"
    assert refused.value.placeholders == {"count": "5"}
    assert not isinstance(refused.value, LimitError)
    with pytest.raises(InputError):
        await shop.submit(shop.document(pages=1), options=PrintOptions(pages="even"))
    assert shop.sim.cloud.count(SUBMIT) == 0
    job = await shop.submit(shop.document(pages=5), options=PrintOptions(pages="4-12"))
    assert job.pages == 2


async def test_the_estimate_survives_a_retry(shop: Shop, hass: HomeAssistant) -> None:
    spool = await async_get_spool(hass)
    shop.sim.cloud.fail(SUBMIT, Fault(kind="code", code=400))
    document = await async_text_page(hass, spool, "Milk")
    job = await shop.submit(document, options=PrintOptions(copies=3))
    await shop.until(job, JobState.FAILED)
    again = await async_print_again(shop.queue, job, Context())
    assert again.current_delivery.document.pages_at_most == 1
    assert shop.sim.cloud.count(COUNT) == 0


@pytest.mark.parametrize("way", ["moved", "printed again"])
async def test_what_depends_on_the_paper_is_counted_anew_for_another(shop: Shop, way: str) -> None:
    """A job that was moved to smaller paper kept the count by which the limit had let it pass."""
    await shop.set_paper(0)
    document = replace(office(shop), pages=3)
    job = await shop.submit(document, options=PrintOptions(paper="A4"))
    assert job.state is JobState.HELD
    if way == "printed again":
        shop.sim.cloud.fail(SUBMIT, Fault(kind="code", code=400))
        await shop.set_paper(None)
        await shop.until(job, JobState.FAILED)
        await shop.set_paper(0)
    changes = ReprintChanges(
        printer_key=shop.key(), options=shop.options(PrintOptions(paper="A5")), requested={}
    )
    if way == "moved":
        new = await async_move_to(shop.queue, job, changes, shop.entry.entry_id)
    else:
        new = await async_print_again(shop.queue, job, Context(), changes=changes)
    # The simulated service cannot open it.
    assert new.pages is None
    assert shop.sim.cloud.count(COUNT) == 1
