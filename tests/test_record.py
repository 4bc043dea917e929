"""What scripts/record writes: every read-only answer, readable by the client, without anything that is secret."""

import asyncio
import json
import os
from pathlib import Path
import re
import subprocess
import sys
from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.lianke.api.capabilities import Capabilities, parse_papers
from custom_components.lianke.api.errors import AuthenticationError
from custom_components.lianke.api.models import Box, Credentials, parse_printers
from scripts.record import UNKNOWN_FILE, Book, record
from scripts.redact import Redactor
from tests.api.recorded_answers import check_answer
from tests.simulator import Simulator, qr_link

ROOT = Path(__file__).parents[1]
READ_ONLY = {
    "GET /device/device_info",
    "GET /device/printer_status",
    "GET /external_api/printer_list",
    "GET /print/job",
    "GET /print/paper_dimension_list",
    "GET /print/printer_params",
    "POST /print/query_device_task",
}


def book_of(simulator: Simulator, folder: Path) -> Book:
    link = qr_link(simulator.device_id, simulator.device_key)
    credentials = Credentials(device_id=simulator.device_id, device_key=simulator.device_key)
    return Book(folder, simulator.api_key, credentials, link)


async def recorded(simulator: Simulator, folder: Path) -> list[dict[str, Any]]:
    book = book_of(simulator, folder)
    await record(book, simulator.url, pause=0, say=lambda _: None)
    return [
        json.loads(path.read_text("utf-8")) for path in book.save() if path.name != UNKNOWN_FILE
    ]


def answers(files: list[dict[str, Any]], path: str) -> list[Any]:
    return [one["answer"]["data"] for one in files if one["path"] == path]


@pytest.fixture
async def personal(simulator: Simulator) -> list[str]:
    """Put what nobody else may know into the cloud's answers, and return it."""
    box = simulator.box
    box.lan_address = "10.20.30.40"
    laser = box.printer(1)
    laser.name = "爸爸的打印机"
    laser.extras |= {
        "device": "usb://Kyocera/MA2000w?serial=VNB3K12345",
        "ssid": "HomeSweetHome",
        "owner_phone": 13812345678,
    }
    simulator.cloud.variants.list_lag = 0
    simulator.cloud.print_as_someone_else(box, laser, 1)
    return [
        "10.20.30.40",
        "爸爸的打印机",
        "VNB3K12345",
        "HomeSweetHome",
        "13812345678",
        "192.168.1.40",
        str(laser.id),
        laser.hash_id or "-",
        *(task.task_id for task in simulator.cloud.tasks.values()),
    ]


async def test_nothing_personal_is_written(
    simulator: Simulator, tmp_path: Path, personal: list[str]
) -> None:
    files = await recorded(simulator, tmp_path / "recorded")
    text = "\n".join(json.dumps(one, ensure_ascii=False) for one in files)
    secrets = [simulator.api_key, simulator.device_id, simulator.device_key, *personal]
    secrets.append(simulator.qr_link.partition("token=")[2].partition("#")[0])
    for secret in secrets:
        assert secret not in text
    assert "Kyocera MA2000w GX" in text
    assert "纸盒 1" in text


async def test_what_is_written_is_a_fixture(simulator: Simulator, tmp_path: Path) -> None:
    """Only what reads is asked, the question stands beside the answer, and the tests of the client read both."""
    simulator.cloud.variants.list_lag = 0
    simulator.cloud.print_as_someone_else(simulator.box, simulator.box.printer(1), 1)
    files = await recorded(simulator, tmp_path / "recorded")
    assert {f"{one['method']} {one['path']}" for one in files} <= READ_ONLY
    counted = {name: number for name, number in simulator.cloud.counts.items() if number}
    assert set(counted) <= READ_ONLY
    assert sum(counted.values()) == len(files) < 30
    assert simulator.cloud.violations == []
    asked = [(one["path"], one["asked"]) for one in files]
    assert ("/external_api/printer_list", {"printerType": "3"}) in asked
    assert ("/print/printer_params", {"printerModel": "Kyocera MA2000w GX"}) in asked
    assert ("/device/printer_status", {"usbPort": "1"}) in asked
    assert ("/device/device_info", {}) in asked
    paths = sorted((tmp_path / "recorded").glob("[0-9]*.json"))
    assert {name for path in paths if (name := check_answer(path))} >= READ_ONLY - {
        "GET /device/printer_status"
    }


async def test_the_shape_stays(simulator: Simulator, tmp_path: Path, personal: list[str]) -> None:
    """The client reads the same things in what was written, apart from what was replaced."""
    files = await recorded(simulator, tmp_path / "recorded")
    box = Box.from_json(answers(files, "/device/device_info")[0])
    assert (box.online, box.software) == (True, simulator.box.software)
    printers = parse_printers(answers(files, "/external_api/printer_list")[-1])
    assert [printer.model for printer in printers] == [
        printer.driver_name for printer in simulator.box.printers
    ]
    assert len({printer.row_id for printer in printers}) == len(printers)
    hashes = [printer.hash_id is None for printer in printers]
    assert hashes == [real.hash_id is None for real in simulator.box.printers]
    able = Capabilities.from_json(answers(files, "/print/printer_params")[0])
    assert able.papers is not None
    assert able.papers["A4"] == 9
    papers = parse_papers(answers(files, "/print/paper_dimension_list")[0])
    assert any(paper.name.strip() == "信封 DL" for paper in papers)
    (task,) = answers(files, "/print/query_device_task")[0]["task_list"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", task["task_id"])
    # What stands in several answers is replaced by the same in each.
    by_port = [
        {row["port"]: row["id"] for row in listed["row"]}
        for listed in answers(files, "/external_api/printer_list")
    ]
    assert by_port[0].items() <= by_port[2].items()
    assert len(by_port[0]) > 1


async def test_refusals_are_recorded(simulator: Simulator, tmp_path: Path) -> None:
    simulator.box.online = False
    files = await recorded(simulator, tmp_path / "recorded")
    assert any(one["answer"]["code"] in (5002, "5002") for one in files)


async def test_what_is_unknown_is_told(simulator: Simulator, tmp_path: Path) -> None:
    """The last file has the parts of the answers that the integration does not know, once each."""
    laser = simulator.box.printer(1)
    laser.extras |= {"owner": "Anna", "driver_type": 7}
    book = book_of(simulator, tmp_path / "recorded")
    await record(book, simulator.url, pause=0, say=lambda _: None)
    *_, last = book.save()
    assert last.name == UNKNOWN_FILE
    reported = {
        (one["kind"], one["name"]): one["shape"] for one in json.loads(last.read_text("utf-8"))
    }
    assert reported == {("field", "row/owner"): "[aA]{4}", ("state", "row/driver_type 7"): ""}


async def test_a_wrong_key_ends_it(simulator: Simulator, tmp_path: Path) -> None:
    book = Book(tmp_path, "A" * 32, Credentials(device_id=simulator.device_id, device_key="x" * 16))
    with pytest.raises(AuthenticationError):
        await record(book, simulator.url, pause=0, say=lambda _: None)


async def test_a_secret_in_a_harmless_place_keeps_everything_back(tmp_path: Path) -> None:
    """What was replaced in one place and stands in another one, too, is found before anything is written."""
    book = Book(
        tmp_path / "out", "K" * 32, Credentials(device_id="lk00ab00000000", device_key="y" * 16)
    )
    asked = {"method": "GET", "path": "/device/device_info", "fields": []}
    book.write(asked, json.dumps({"owner": "Zhang San 42", "product": "of Zhang San 42"}).encode())
    with pytest.raises(ValueError, match="device_info"):
        book.save()
    assert not (tmp_path / "out").exists()


def test_a_makers_name_stays_and_somebodys_own_does_not() -> None:
    model = {"driver_name": "HP LaserJet 1020", "vendor": "HP"}
    assert Redactor(()).answer(model) == model
    for row in ({**model, "vendor": "Zhang San"}, {"driver_name": None, "vendor": "Zhang San"}):
        redacted = Redactor(()).answer(row)
        assert isinstance(redacted, dict)
        assert "Zhang" not in redacted["vendor"]


@pytest.mark.long
async def test_the_command(simulator: Simulator, tmp_path: Path) -> None:
    """The script itself."""
    keys = {"LIANKE_API_KEY": simulator.api_key, "LIANKE_QR": simulator.qr_link}
    arguments = ["--out", str(tmp_path / "out"), "--server", simulator.url]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "scripts/record.py", *arguments, "--yes", "--pause", "0"),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **keys},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 100)
    assert process.returncode == 0, err.decode()
    assert "Look through them" in out.decode()
    assert simulator.api_key not in out.decode() + err.decode()
    assert len(list((tmp_path / "out").iterdir())) > 10


@pytest.mark.parametrize(
    ("answer", "gone"),
    [
        ({"printerId": 611757}, "611757"),
        ({"printerId": "0042"}, "0042"),
        ({"scanningId": 4711, "name": "EPSON im Kinderzimmer"}, "Kinderzimmer"),
        ({"ip_addr": "fe80::2ca:1ff:fe0b:c0d%eth0"}, "2ca:1ff"),
        ({"msg": "2001:db8:85a3::8a2e:370:7334 does not answer"}, "8a2e"),
        ({"msg": "打印机 [::ffff:10.20.30.40] 离线"}, "10.20.30.40"),
        ({"msg": "客厅的打印机离线"}, "客厅"),
        ({"message": "The printer in the Living Room is off"}, "Living Room"),
        ([{"printer_name": "姥姥家"}, {"msg": "姥姥家 缺纸"}], "姥姥家"),
        ({"area": "Kitchen", "location": "2F east"}, "2F east"),
        ({"room_name": "书房", "name": "书房打印机"}, "书房"),
    ],
)
def test_ids_addresses_and_rooms_are_replaced(answer: object, gone: str) -> None:
    """`printerId`, IPv6 addresses and names of rooms went out as they were."""
    redacted = json.dumps(Redactor(()).answer(answer), ensure_ascii=False)
    assert gone not in redacted


@pytest.mark.parametrize(
    "answer",
    [
        {"paper_id": 9, "name": "A4", "width": 2100, "height": 2970},
        {"markers": [{"name": "Black", "level": 72}]},
        {"capabilities": {"Bins": {"纸盒 1": 1}, "name": "Letter"}},
        {"msg": "打印于 06:51:34 完成"},
        {"update_time": "2026-11-26 06:51:34"},
    ],
)
def test_what_is_harmless_stays(answer: object) -> None:
    assert Redactor(()).answer(answer) == answer


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(
    answer=ANY,
    secret=st.from_regex(r"[A-Za-z0-9]{16}", fullmatch=True),
    wrap=st.sampled_from(["{}", "serial={}", "x {} y"]),
)
def test_known_secrets_never_stay(answer: object, secret: str, wrap: str) -> None:
    redactor = Redactor((secret,))
    planted = {
        "msg": wrap.format(secret),
        "name": wrap.format(secret),
        "other": [wrap.format(secret), answer],
        secret: 1,
    }
    redacted = redactor.answer(planted)
    assert secret not in json.dumps(redacted, ensure_ascii=False)


@given(answer=ANY)
def test_types_stay(answer: object) -> None:
    _same(answer, Redactor(()).answer(answer))


def _same(before: object, after: object) -> None:
    assert type(after) is type(before)
    if isinstance(before, list):
        assert isinstance(after, list)
        for one, other in zip(before, after, strict=True):
            _same(one, other)
    elif isinstance(before, str):
        assert isinstance(after, str)
        assert bool(after) == bool(before)
        if not re.search(r"\d+\.\d+\.\d+\.\d+", before):
            assert len(after) == len(before)
