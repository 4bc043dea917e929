"""One device, however it behaves and however many addresses it has, keeps the scanner from nobody."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager

import pytest

from custom_components.lianke.account import request_limits
from custom_components.lianke.account.request_limits import (
    MAX_LAN_SCAN_POLLS_A_MINUTE,
    MAX_SCAN_POLLS_A_MINUTE,
)
from custom_components.lianke.api.transport import Purpose
from custom_components.lianke.const import ScanSource
from custom_components.lianke.lan import origin as neighbours
from custom_components.lianke.lan.printer import server
from custom_components.lianke.lan.printer.server import async_get_server
from custom_components.lianke.lan.scanner import network_scanner
from custom_components.lianke.scanner import hub, scan, scan_rules
from custom_components.lianke.scanner.hub import scanner_device
from custom_components.lianke.scanner.scan import async_scan_page
from custom_components.lianke.scanner.scan_job import ScanRequest
from custom_components.lianke.scanner.scan_parts import ScanError
from custom_components.lianke.scanner.scan_rules import (
    MAX_LAN_STARTS,
    MAX_LAN_STARTS_A_DEVICE,
    MAX_STARTS,
)
from tests.clock import until
from tests.household import ask, refusal
from tests.lan.scanner.conftest import Device, LanScanner, ask_slowly, dpi, freed, settings, states
from tests.simulator import Fault

ADDRESSES = [f"127.0.0.{number}" for number in range(11, 17)]
"""of one device."""


@pytest.fixture
def one_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the system's table say that six addresses have one network card, which no test can really have."""
    monkeypatch.setattr(
        neighbours, "neighbours", lambda: dict.fromkeys(ADDRESSES, "02:00:00:00:00:01")
    )


async def begin_and_cancel(lan: LanScanner, begun: list[str]) -> None:
    """Take the scanner again and again, and do not wait in between."""
    while True:
        status, place = await lan.post(settings(dpi(75)))
        if status == 201:
            begun.append(place)
            await lan.delete(place)
        else:
            await asyncio.sleep(0.01)


async def get_page(lan: LanScanner, *, seconds: float = 20) -> None:
    """Scan a page as SANE does: where the scanner is busy, ask again."""
    async with asyncio.timeout(seconds):
        while (answer := await lan.post(settings(dpi(75))))[0] == 503:
            await asyncio.sleep(0.2)
    assert answer[0] == 201
    assert (await lan.next(answer[1]))[0] == 200
    assert (await lan.next(answer[1]))[0] == 404


async def scan_in_house(lan: LanScanner, reason: str | None = None) -> None:
    """Scan by the action, as somebody at the card does: a page, or where there is a reason, none."""
    scanner = scanner_device(lan.hass, lan.entry, lan.scanner_id)
    assert scanner is not None
    scan = await ask(lan.hass, "scan", device_id=scanner.id)
    assert (scan["pages"], scan["reason"]) == (0 if reason else 1, reason), scan


@asynccontextmanager
async def going_on(*works: Coroutine[None, None, None]) -> AsyncGenerator[None]:
    """Let something go on in the background; none of it may fail."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(result) for result in results} == {asyncio.CancelledError}


async def test_who_begins_and_cancels_all_the_while_keeps_the_scanner_from_nobody(
    lan: LanScanner, device: Device
) -> None:
    begun: list[str] = []
    async with going_on(begin_and_cancel(lan, begun)):
        await until(lambda: len(begun) >= 3)
        for address in ("127.0.0.2", "127.0.0.3"):
            await get_page(device(address))
        await scan_in_house(lan)


async def test_few_scans_begin_in_a_minute(
    lan: LanScanner, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who takes back what was begun leaves the account's requests to others: a device to others, all to the house.

    However many phones scan, whoever stands at the card has as many as without them.
    """
    begun: list[str] = []
    # However slow this machine is, all of it happens within that time.
    monkeypatch.setattr(scan_rules, "MINUTE", 3600)
    lan.simulator.cloud.variants.scan_problem = "hangs"
    for sender, most in (
        (lan, MAX_LAN_STARTS_A_DEVICE),
        (device("127.0.0.2"), MAX_LAN_STARTS - MAX_LAN_STARTS_A_DEVICE),
    ):
        for _ in range(most):
            begun.append(await sender.order(dpi(75)))
            await sender.delete(begun[-1])
            await until(lambda: not lan.hub.is_in_use(lan.scanner_id))
        assert (await sender.post(settings(dpi(75))))[0] == 503
    lan.simulator.cloud.variants.scan_problem = "none"
    real = 1
    for _ in range(real):
        await scan_in_house(lan)
    for _ in range(MAX_STARTS - real):
        async with lan.hub.using(lan.scanner_id):
            pass
    assert await refusal(scan_in_house(lan)) == "scan_too_often"
    assert lan.hub.seconds_until_free(lan.scanner_id, "127.0.0.3") > 0
    assert len(lan.printer.scanned) == real


async def test_a_device_leaves_looks_at_the_service_to_the_house(
    lan: LanScanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it waits for its page: the house has a page of its own as soon as it is there."""
    # However slow this machine is, all of it happens within that time.
    monkeypatch.setattr(request_limits, "MINUTE", 3600)
    monkeypatch.setattr(scan, "CALM_PAUSE", 1)
    requests = lan.entry.runtime_data.account.requests
    lan.simulator.cloud.variants.scan_problem = "hangs"
    place = await lan.order(dpi(75))
    await until(lambda: requests.available(Purpose.LAN_SCAN) == 0)
    left = MAX_SCAN_POLLS_A_MINUTE - MAX_LAN_SCAN_POLLS_A_MINUTE
    assert requests.available(Purpose.SCAN) == left
    await lan.delete(place)
    lan.simulator.cloud.variants.scan_problem = "none"
    await scan_in_house(lan)


async def test_a_house_that_scans_page_after_page_leaves_devices_theirs(lan: LanScanner) -> None:
    for _ in range(MAX_STARTS):
        async with lan.hub.using(lan.scanner_id):
            pass
    await get_page(lan)


async def test_the_house_waits_for_the_scan_of_a_device(
    lan: LanScanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A little; of those that wait it is the first."""
    lan.simulator.cloud.variants.scan_problem = "hangs"
    place = await lan.order()
    await until(lambda: lan.simulator.cloud.scans)
    monkeypatch.setattr(hub, "SCANNER_TURN_SECONDS", 0.05)
    await scan_in_house(lan, "scanner_busy")
    monkeypatch.setattr(hub, "SCANNER_TURN_SECONDS", 30)
    in_house = asyncio.create_task(scan_in_house(lan))
    await until(lambda: lan.hub.is_wanted_by_house(lan.scanner_id))
    late = asyncio.create_task(lan.post(settings(dpi(75))))
    lan.simulator.cloud.variants.scan_problem = "none"
    assert await lan.delete(place) == 200
    await in_house
    assert (await late)[0] == 503


async def test_a_scan_that_was_begun_before_a_restart_waits_for_the_scanner(
    lan: LanScanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pages are at the service: it is not given up since a device was faster."""
    monkeypatch.setattr(hub, "SCANNER_TURN_SECONDS", 0.01)
    request = ScanRequest(source=ScanSource.GLASS)
    async with lan.hub.using(lan.scanner_id, "127.0.0.2"):
        taken_up = async_scan_page(
            lan.hass, lan.entry, lan.scanner_id, request, task_id="scan-00000099"
        )
        task = asyncio.create_task(taken_up.__aenter__())
        await until(lambda: lan.hub.is_wanted_by_house(lan.scanner_id))
        await asyncio.sleep(0.1)
        assert not task.done()
    # The service knows no such scan.
    with pytest.raises(ScanError):
        await task


async def test_a_client_that_vanishes_before_the_service_has_taken_its_scan(
    lan: LanScanner, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is canceled there as well: the box would go on scanning, and refuse whoever is next."""
    lan.simulator.cloud.variants.scan_problem = "hangs"
    lan.simulator.cloud.fail("POST /scanning/job", Fault(kind="delay", seconds=0.5))
    # The next client is not hurried.
    with monkeypatch.context() as hurried:
        hurried.setattr(network_scanner, "ABANDONED_SECONDS", 0.2)
        asking = asyncio.create_task(lan.post(settings()))
        await until(lambda: lan.simulator.cloud.hanging)
        asking.cancel()
        await until(lambda: states(lan) == ["REVOKED"])
    lan.simulator.cloud.variants.scan_problem = "none"
    await get_page(device("127.0.0.2"))
    assert states(lan) == ["REVOKED", "SUCCESS"]


async def test_a_scan_of_the_house_right_after_one_that_is_canceled(lan: LanScanner) -> None:
    """It waits until the service knows that the first is over, and is not refused."""
    cloud = lan.simulator.cloud
    scanner = scanner_device(lan.hass, lan.entry, lan.scanner_id)
    assert scanner is not None
    cloud.variants.scan_problem = "hangs"
    await ask(lan.hass, "scan", device_id=scanner.id, wait=False)
    # It hangs from then on, whatever becomes of the next one.
    await until(lambda: states(lan) == ["SENDING"])
    cloud.fail("DELETE /scanning/job", Fault(kind="delay", seconds=0.3))
    await ask(lan.hass, "continue_scan", device_id=scanner.id, answer="discard")
    cloud.variants.scan_problem = "none"
    await scan_in_house(lan)
    assert states(lan) == ["REVOKED", "SUCCESS"]


async def test_six_addresses_that_begin_and_cancel_leave_the_scanner_to_the_house(
    lan: LanScanner, device: Device
) -> None:
    """Also where nobody can tell that they are one device's."""
    begun: list[str] = []
    async with going_on(*(begin_and_cancel(device(address), begun) for address in ADDRESSES)):
        await until(lambda: len(begun) >= 6)
        for _ in range(2):
            await scan_in_house(lan)


async def test_who_reads_a_page_slowly_keeps_the_scanner_for_a_while(
    lan: LanScanner, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it asks for the page again: all of that has one time."""
    monkeypatch.setattr(network_scanner, "PAGE_TAKE_SECONDS", 1)
    monkeypatch.setattr(network_scanner, "SLOWEST_CLIENT_BYTES_A_SECOND", 10**9)
    place = await lan.order(dpi(600))

    async def read_slowly() -> None:
        while True:
            reader, writer = await ask_slowly(lan, place)
            try:
                if b" 200 " not in await reader.readline():
                    return
                # No single one takes all of that time.
                await asyncio.sleep(0.3)
            finally:
                writer.transport.abort()

    slow = asyncio.create_task(read_slowly())
    await asyncio.wait([slow], timeout=0.5)
    await get_page(device("127.0.0.2"))
    await asyncio.wait_for(slow, 20)
    assert (await lan.next(place))[0] == 410
    await freed(lan)


@pytest.mark.usefixtures("one_device")
async def test_six_addresses_of_one_device_have_the_places_of_one(
    lan: LanScanner, device: Device
) -> None:
    """And keep nobody else from scanner and printer."""
    port = int(lan.base.rpartition(":")[2])
    lines = [
        await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
        for address in ADDRESSES
        for _ in range(server.MAX_LAN_REQUESTS_A_DEVICE)
    ]
    for _, writer in lines:
        head = (
            f"POST {lan.path}/ScanJobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\n<"
        )
        writer.write(head.encode())
    # Those that get no place are told at once.
    answers = [asyncio.create_task(reader.readline()) for reader, _ in lines]
    refused = len(lines) - server.MAX_LAN_REQUESTS_A_DEVICE
    await until(lambda: sum(answer.done() for answer in answers) >= refused)
    told = [answer.result() for answer in answers if answer.done()]
    assert [b" 503 " in answer for answer in told] == [True] * refused
    await get_page(device("127.0.0.2"), seconds=5)
    for _, writer in lines:
        writer.transport.abort()
    await asyncio.gather(*answers, return_exceptions=True)
    await until(lambda: not async_get_server(lan.hass).requests.taken)
