"""One device, however many jobs it sends and addresses it has, holds up nobody else's print by more than one."""

import asyncio
from datetime import timedelta
from pathlib import Path
import time
from typing import Any

from homeassistant.core import Context
import pytest

from custom_components.lianke.documents.document import file_digest
from custom_components.lianke.ipp import model as values
from custom_components.lianke.jobs import rules
from custom_components.lianke.lan import origin
from custom_components.lianke.lan.printer import job_operations, requests_and_documents
from tests.clock import until
from tests.household import ask, came_out, device_of
from tests.lan.conftest import Device, LanPrinter, jobs_of
from tests.simulator import make_pdf

MANY = 20


@pytest.mark.parametrize("addresses", [1, 6])
async def test_twenty_jobs_at_once_hold_up_a_user_an_automation_and_another_device_by_one(
    lan: LanPrinter, device: Device, monkeypatch: pytest.MonkeyPatch, addresses: int
) -> None:
    hass, printer = lan.hass, device_of(lan.hass)
    names = [f"127.0.0.{11 + number}" for number in range(addresses)]
    table = dict.fromkeys(names, "02:00:00:00:00:01")
    # The system's own, in which one network card of a test cannot have them all.
    monkeypatch.setattr(origin, "neighbours", lambda: table)
    user = await hass.auth.async_create_user("Anna", group_ids=["system-users"])
    monkeypatch.setattr(rules, "STEADY_TIME", timedelta(0))
    await lan.switch_off()

    async def send(sender: LanPrinter, name: str) -> None:
        await sender.print(make_pdf(1, name), job_name=values.name(name))

    senders = [device(name) for name in names]
    await asyncio.gather(
        *(send(senders[number % addresses], f"flood {number}") for number in range(MANY))
    )
    await send(device("127.0.0.2"), "laptop")
    for title, context in (("automation", Context()), ("anna", Context(user_id=user.id))):
        await ask(hass, "print", context, device_id=printer, text=title, title=title)
    assert len(jobs_of(lan)) == MANY + 3
    assert not lan.simulator.cloud.tasks
    lan.simulator.box.online = True
    await lan.data.coordinator.async_refresh()
    order = [job.name.rpartition(".")[0] for job in await came_out(lan.simulator, MANY + 3)]
    assert order[0].startswith("flood")
    assert order[1:4] == ["automation", "anna", "laptop"]


async def test_what_a_device_sends_comes_out_in_the_order_in_which_it_arrived(
    lan: LanPrinter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although it waits for no answer before it sends the next, and some take longer to be looked at."""
    receive, arrived = requests_and_documents.async_receive, list[Path]()
    digest = file_digest

    async def noted(*args: Any) -> Path:
        arrived.append(await receive(*args))
        return arrived[-1]

    def slow(path: Path) -> str:
        if arrived[2:3] == [path]:
            # As on a busy machine, where a thread may begin later than those after it.
            time.sleep(0.3)
        return digest(path)

    monkeypatch.setattr(job_operations, "async_receive", noted)
    monkeypatch.setattr(job_operations, "file_digest", slow)
    monkeypatch.setattr(rules, "STEADY_TIME", timedelta(0))
    await lan.switch_off()
    names = [f"{number} with {pages}" for number, pages in enumerate((30, 1, 12, 1, 1))]
    sent = []
    for number, name in enumerate(names):
        document = make_pdf(int(name.split()[-1]), name)
        sent.append(asyncio.create_task(lan.print(document, job_name=values.name(name))))
        await until(lambda number=number: len(arrived) > number)  # type: ignore[misc]
    await asyncio.gather(*sent)
    lan.simulator.box.online = True
    await lan.data.coordinator.async_refresh()
    order = [job.name.rpartition(".")[0] for job in await came_out(lan.simulator, len(names))]
    assert order == names
