"""A report has nothing that tells who somebody is, where they live or what they print, whatever quotes it."""

from dataclasses import replace
from urllib.parse import unquote_plus

from homeassistant.helpers import device_registry as dr
import pytest

from custom_components.lianke.api.unknown import Shape, Unknown, UnknownKind
from custom_components.lianke.report.report import MAX_LINK
from tests.clock import until
from tests.household import LASER, device_of, key_of
from tests.report.guides import Guide, lines
from tests.simulator import Outcome

NAME = "爸爸的打印机"
HASH = "hashMARK7f3a9c"
# Marker by what it is; each of them is somewhere in what the service says, or in what Home Assistant knows.
MARKS = {
    "printer": NAME,
    "hash": HASH,
    "scanner": "MarkScanner in the attic",
    "renamed": "MarkDesk of Anna",
    "box": "MarkFamily box",
    "home": "MarkVilla",
    "title": "MarkTaxes 2026",
    "text": "MarkContent of a letter",
    "file": "marksecret.pdf",
    "user": "MarkUser",
    "lan": "10.20.30.40",
    "mac": "00:CA:01:0B:0C:0D",
    "ipv6": "fe80::2ca:1ff:fe0b:c0d",
    "mail": "mark@home.example",
    "link": "http://192.168.1.9:631/mark",
    "phone": "13812345678",
    "uuid": "5f0c2a4e-1111-4222-8333-944455556666",
    "serial": "VNB3K12345",
    "wifi": "MarkWifi99x",
}


async def test_nothing_private_is_in_a_report(guide: Guide) -> None:
    house = guide.house
    laser = house.box.printer(1)
    laser.name, laser.hash_id = NAME, HASH
    laser.extras |= {
        "device": f"usb://x?serial={MARKS['serial']}",
        "ssid": MARKS["wifi"],
        MARKS["uuid"]: "as a field",
        "owner": {"phone": int(MARKS["phone"]), "name": MARKS["user"]},
    }
    house.box.lan_address = MARKS["lan"]
    house.hass.config.location_name = MARKS["home"]
    private = [*MARKS.values()]
    # Each message quotes one of them, since only the start of a long message is in a report.
    for mark in MARKS.values():
        house.cloud.plan(laser, Outcome(code=503, msg=f"失败 {mark} {house.box.device_id}"))
    await guide.print_page(NAME)
    house.hass.config_entries.async_update_entry(house.entry, title=MARKS["box"])
    storage = house.data.storage
    storage.save_scanners({"scanner": MARKS["scanner"]})
    devices = dr.async_get(house.hass)
    devices.async_update_device(device_of(house.hass, NAME), name_by_user=MARKS["renamed"])
    await house.hass.services.async_call(
        "lianke",
        "print",
        {
            "device_id": device_of(house.hass, NAME),
            "text": MARKS["text"],
            "title": MARKS["title"],
        },
        blocking=True,
    )
    await until(lambda: all(job.is_final for job in house.queue.jobs()))
    private += [str(house.entry.data[key]) for key in ("api_key", "device_id", "device_key")]
    private += [str(house.entry.data["webhook_id"]), str(house.data.account.address)]
    for job in house.queue.jobs():
        private += [job.job_id, job.current_delivery.token, str(job.current_delivery.task_id)]
    private += [str(laser.id)]
    # Messages to the webhook with the same in them.
    client = await guide.client()
    for body in ({"sn": house.box.device_id, "data": MARKS}, {MARKS["serial"]: MARKS["user"]}):
        path = f"/api/webhook/{house.entry.data['webhook_id']}?who={MARKS['mail']}"
        assert (await client.post(path, json=body)).status == 200
    # The page's own job says each of them in turn, as the service's words.
    page = next(job for job in house.queue.jobs() if job.spec.title == "Test page")
    # The service does not know what is on the pages, nor who the users are.
    unsaid = (MARKS["text"], MARKS["user"])
    for mark in [one for one in private if one not in unsaid]:
        words = f"失败：{mark}，请重试"
        await house.queue._jobs.async_change(page, detail=words)
        result, report, link = await guide.walk(scan=False)
        assert lines(report)["words"].startswith("失败")
        for text in (report, unquote_plus(link), str(result["description_placeholders"])):
            found = [one for one in private if one in text]
            assert not found, (found, text)
        await client.delete(f"/api/repairs/issues/fix/{result['flow_id']}")
    assert any("unknown" in line.lower() for line in report.splitlines()), "shapes are told"


@pytest.mark.parametrize("letter", ["文", "a", "%", "\\"])
async def test_a_link_is_never_too_long(letter: str, guide: Guide) -> None:
    """Unknown parts that do not fit are left out, in what is shown as in what is sent."""
    house = guide.house
    house.cloud.plan(house.box.printer(1), Outcome(code=503, msg=letter * 5000))
    await guide.print_page()
    storage, key = house.data.storage, key_of(house.entry, LASER)
    printer = replace(storage.printers[key].printer, model=letter * 300)
    storage.update(key, printer=printer)
    assert storage.box
    storage.save_box(replace(storage.box, hardware=letter * 300))
    for number in range(20):
        shape: Shape = {f"field{letter}{part}": letter * 50 for part in range(5)}
        part = Unknown(kind=UnknownKind.FIELD, where="GET /x", name=f"n{number}", shape=shape)
        house.data.storage.unknown.observe(part)
    _, report, link = await guide.walk(scan=False)
    assert len(link) <= MAX_LINK
    assert int(lines(report)["left_out"]) > 0
    assert lines(report)["versions"]
