"""The admin interface, the command line, and the rest."""

import asyncio
from collections.abc import Callable
from dataclasses import fields
from io import BytesIO
import json
from pathlib import Path
import signal
import sys
from typing import Any, get_args

import aiohttp
from PIL import Image
import pytest

from tests.simulator import Simulator, Variants, make_pdf, qr_link, qr_png
from tests.simulator.admin import ACCOUNT_FIELDS, BOX_FIELDS, PRINTER_FIELDS, SETTINGS
from tests.simulator.faults import KINDS, SHAPES
from tests.simulator.messenger import PUSH_SHAPES
from tests.simulator.models import ApiError
from tests.simulator.printing import parse_page_range, safe_name
from tests.simulator_tests.client import LASER, Api, Listener


async def test_browser_gets_a_page_and_a_program_data(sim: Simulator, api: Api) -> None:
    await api.ended(await api.submit())
    base = f"{sim.url.removesuffix('/api')}/_sim/"
    async with aiohttp.ClientSession() as session:
        async with session.get(base, headers={"Accept": "text/html,*/*"}) as response:
            assert response.content_type == "text/html"
            assert "https:" not in await response.text()
        async with session.get(base) as response:
            assert "accounts" in await response.json()
        (job,) = sim.cloud.out_tray
        async with session.get(f"{base}printed/{job.seq}.png") as response:
            picture = Image.open(BytesIO(await response.read()))
            assert picture.format == "PNG"
        async with session.get(f"{base}printed/999.png") as response:
            assert response.status == 404


async def test_admin_walk(sim: Simulator, api: Api, admin: Callable[..., Any]) -> None:
    box = f"/boxes/{sim.device_id}"
    overview = await admin("GET", "/")
    assert [len(one["printers"]) for one in overview["boxes"]] == [6, 1, 1]
    assert overview["boxes"][0]["qr_link"] == sim.qr_link
    await admin("POST", box, online=False, expire_date="2026-12-01")
    data = await api.data("GET /device/device_info")
    assert (data["info"]["online"], data["info"]["expire_date"]) == (0, "2026年12月1日")
    await admin("POST", box, online=True, account=None)
    assert await api.code("GET /device/device_info") == 11013
    await admin("POST", box, account="office")
    await admin("POST", f"{box}/printers/1", paper=0)
    assert sim.box.printer(1).state == "outOfPaper"
    await admin("POST", f"{box}/printers/192.168.1.40", markers=[{"name": "K", "level": 3}])
    await admin("POST", f"{box}/printers/5", hash_id="12345")
    assert sim.box.printer(5).hash_id == "12345"
    await admin("POST", f"{box}/printers/3/support", model="HP LaserJet 1020")
    assert sim.box.printer(3).driver_type == 1
    await admin("POST", f"{box}/printers/1", paper=None)
    planned = await admin("POST", f"{box}/printers/1/outcomes", outcomes=[{"code": 503}])
    assert planned == {"planned": 1}
    task_id = await api.submit()
    assert await api.result(task_id) == ("SUCCESS", 503)
    foreign = await admin("POST", f"{box}/printers/1/foreign", copies=2)
    await api.ended(foreign["task_id"])
    tasks = await admin("GET", "/tasks")
    assert [task["foreign"] for task in tasks] == [False, True]
    printed = await admin("GET", "/printed")
    assert [job["foreign"] for job in printed] == [True]
    await admin("POST", f"{box}/printers", model=LASER, port=6)
    assert sim.box.printer(6).driver_name == LASER
    await admin("DELETE", f"{box}/printers/6")
    with pytest.raises(LookupError):
        sim.box.printer(6)
    made = await admin("POST", "/boxes", count=3, printers=2, account="shop")
    assert len(made) == 3
    assert sim.cloud.boxes[made[0]["device_id"]].account is sim.cloud.accounts[1]
    await admin("DELETE", f"/boxes/{made[0]['device_id']}")
    assert made[0]["device_id"] not in sim.cloud.boxes
    log = await admin("GET", "/requests?endpoint=POST /print/job")
    assert [one["path"] for one in log] == ["/print/job"]
    await admin("DELETE", "/requests")
    assert sim.cloud.count("POST /print/job") == 0


async def test_admin_settings(sim: Simulator, api: Api, admin: Callable[..., Any]) -> None:
    assert (await admin("POST", "/variants", bad_key="http_403"))["bad_key"] == "http_403"
    assert (await admin("GET", "/variants"))["list_lag"] == 10
    await admin("POST", "/settings", speed=10, rate_limit=None, job_limit=1000)
    assert (sim.cloud.speed, sim.cloud.rate_limit, sim.cloud.job_limit) == (10, None, 1000)
    before = sim.cloud.now()
    await admin("POST", "/clock", advance=3600)
    assert sim.cloud.now() - before >= 3600
    answer = await admin("POST", "/faults", endpoint="GET *", kind="code", code=10009, times=None)
    assert answer["id"] == 1
    assert await api.code("GET /device/device_info") == 10009
    (fault,) = await admin("GET", "/faults")
    assert (fault["hits"], fault["code"], fault["times"]) == (1, 10009, None)
    await admin("DELETE", "/faults")
    account = await admin("POST", "/accounts", name="third")
    assert len(account["api_key"]) == 32
    renewed = await admin("POST", "/accounts/third/renew")
    assert renewed["api_key"] != account["api_key"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/variants", {"nothing": 1}),
        ("/variants", {"callbacks": "sometimes"}),
        ("/variants", {"list_lag": "long"}),
        ("/settings", {"speed": 0}),
        ("/settings", {"rate_limit": "none"}),
        ("/boxes/nothing", {"online": False}),
        ("/boxes/{box}", {"colour": "red"}),
        ("/boxes/{box}", {"online": "no"}),
        ("/boxes/{box}", {"account": "nobody"}),
        ("/boxes/{box}/printers/99", {"on": False}),
        ("/boxes/{box}/printers/abc", {"on": False}),
        ("/boxes/{box}/printers/1", {"off_mode": "asleep"}),
        ("/boxes/{box}/printers/1/outcomes", {"outcomes": [{"prints": "some"}]}),
        ("/faults", {"endpoint": "*", "kind": "flood"}),
        ("/faults", {"endpoint": "*", "kind": "empty", "when": "now"}),
        ("/faults", {"endpoint": "*", "kind": "empty", "times": "often"}),
        ("/push", {"device_id": "nothing"}),
        ("/callback", {"task_id": "nothing"}),
        ("/clock", {}),
    ],
)
async def test_admin_mistakes_are_told(
    sim: Simulator, session: aiohttp.ClientSession, path: str, body: dict[str, Any]
) -> None:
    url = sim.admin_url + path.format(box=sim.device_id)
    async with session.post(url, json=body) as response:
        assert response.status == 400
        assert (await response.json())["error"]


async def test_admin_callback_of_any_kind(
    sim: Simulator, api: Api, admin: Callable[..., Any], listener: Listener
) -> None:
    sim.cloud.variants.callbacks = "never"
    task_id = await api.submit(callbackUrl=f"{listener.url}/hook")
    await admin("POST", "/callback", task_id=task_id, state="FAILURE", code=500)
    await admin(
        "POST", "/callback", task_id=task_id, url=f"{listener.url}/hook", override={"task_id": "?"}
    )
    assert listener.states[0] == "FAILURE"
    assert listener.bodies[0]["task_result"]["code"] == 500
    assert listener.bodies[1]["task_id"] == "?"
    deliveries = await admin("GET", "/deliveries")
    assert [one["kind"] for one in deliveries] == ["callback", "callback"]


async def test_admin_outage(sim: Simulator, api: Api, admin: Callable[..., Any]) -> None:
    async def refused() -> bool:
        try:
            await api.data("GET /device/device_info")
        except aiohttp.ClientConnectorError, aiohttp.ServerDisconnectedError:
            return True
        return False

    sim.cloud.rate_limit = None
    await admin("POST", "/outage", seconds=0.3)
    for wanted in (True, False):
        for _attempt in range(500):
            if await refused() is wanted:
                break
            await asyncio.sleep(0.01)
        else:
            pytest.fail(f"refused never became {wanted}")


async def test_qr_picture(sim: Simulator, session: aiohttp.ClientSession) -> None:
    async with session.get(f"{sim.admin_url}/qr/{sim.device_id}.png") as response:
        content = await response.read()
    assert content == qr_png(qr_link(sim.device_id, sim.device_key))
    image = Image.open(BytesIO(content))
    assert image.format == "PNG"
    pyzbar = pytest.importorskip("pyzbar.pyzbar", reason="no zbar library", exc_type=ImportError)
    (found,) = pyzbar.decode(image)
    assert found.data.decode() == sim.qr_link
    async with session.get(f"{sim.admin_url}/qr/nothing.png") as response:
        assert response.status == 404


def test_qr_link_has_the_documented_shape() -> None:
    link = qr_link("lk00ab00000000", "AbCdEfGh12345678")
    assert link == (
        "https://printing.liankenet.com/?token=bGswMGFiMDAwMDAwMDA6QWJDZEVmR2gxMjM0NTY3OA=="
        "#/home?isMainPage=1&isBack=1"
    )


async def test_a_fleet(tmp_path: Path, socket_enabled: None) -> None:
    async with (
        Simulator(tmp_path / "out", speed=1000, rate_limit=None) as sim,
        aiohttp.ClientSession() as session,
    ):
        boxes = [sim.cloud.add_box(printers=3) for _number in range(100)]
        assert len({box.device_id for box in boxes}) == 100
        assert len({box.device_key for box in boxes}) == 100
        assert len({printer.id for box in boxes for printer in box.printers}) == 300
        apis = [Api(sim, session, box) for box in boxes]
        lists = await asyncio.gather(
            *(one.data("GET /external_api/printer_list", printerType=3) for one in apis)
        )
        assert {one["total"] for one in lists} == {3}
        tasks = await asyncio.gather(*(one.submit() for one in apis))
        await asyncio.gather(*(one.ended(task) for one, task in zip(apis, tasks, strict=True)))
        assert {job.device_id for job in sim.printed} == {box.device_id for box in boxes}


async def test_everything_ends_with_the_simulator(tmp_path: Path, socket_enabled: None) -> None:
    before = asyncio.all_tasks()
    async with (
        Simulator(tmp_path / "out", speed=1) as sim,
        aiohttp.ClientSession() as session,
    ):
        api = Api(sim, session, sim.box)
        for _number in range(3):
            await api.submit(make_pdf(100))
        sim.cloud.reboot(sim.box)
    assert asyncio.all_tasks() == before
    assert not sim.cloud.spool.exists()


async def test_an_error_inside_is_not_swallowed(tmp_path: Path, socket_enabled: None) -> None:
    async def fail() -> None:
        raise RuntimeError("a mistake in the simulator")

    simulator = Simulator(tmp_path / "out")
    await simulator.start()
    simulator.cloud.spawn(fail())
    await asyncio.sleep(0)
    with pytest.raises(ExceptionGroup, match="the simulator failed"):
        await simulator.stop()


async def test_command_line(tmp_path: Path, socket_enabled: None) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.simulator", "--port", "0", "--out", str(tmp_path / "tray")),
        *("--scenario", "single", "--speed", "100", "--variant", "list_lag=0"),
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        greeting = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
        assert greeting.keys() == {"url", "api_key", "device_id", "device_key", "qr_link"}
        assert greeting["qr_link"] == qr_link(greeting["device_id"], greeting["device_key"])
        async with (
            aiohttp.ClientSession() as session,
            session.get(
                f"{greeting['url']}/device/device_info",
                params={"deviceId": greeting["device_id"], "deviceKey": greeting["device_key"]},
                headers={"ApiKey": greeting["api_key"]},
            ) as response,
        ):
            assert (await response.json())["code"] == 200
    finally:
        process.send_signal(signal.SIGTERM)
        rest, _errors = await asyncio.wait_for(process.communicate(), 30)
    assert rest == b""
    assert process.returncode == 0


def test_variants_are_checked() -> None:
    variants = Variants(callbacks="never")
    assert variants.callbacks == "never"
    with pytest.raises(ValueError, match="no variant"):
        variants.update(callback="never")
    with pytest.raises(ValueError, match="cannot be"):
        variants.update(busy_is_printer=True)
    with pytest.raises(ValueError, match="cannot be"):
        variants.update(missing_blocks="Papers")


@pytest.mark.parametrize(
    ("text", "pages"),
    [
        ("", [1, 2, 3, 4, 5, 6]),
        ("2", [2]),
        ("1,2,5-10", [1, 2, 5, 6]),
        ("-1", [1, 3, 5]),
        ("-2", [2, 4, 6]),
        ("9", []),
        ("3, 1", [3, 1]),
    ],
)
def test_page_ranges(text: str, pages: list[int]) -> None:
    assert parse_page_range(text)(6) == pages


@pytest.mark.parametrize("text", ["0", "1-", "a", "2-1", "-3", "1,,2"])
def test_bad_page_ranges(text: str) -> None:
    with pytest.raises(ApiError):
        parse_page_range(text)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ("a\x00b.pdf", "a_b.pdf"),
        ("", "document"),
        ("甲" * 200 + ".pdf", "甲" * 50 + ".pdf"),
    ],
)
def test_names_in_the_out_tray(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_the_readme_names_everything() -> None:
    folder = Path(__file__).parents[1] / "simulator"
    text = (folder / "README.md").read_text(encoding="utf-8")
    names = [field.name for field in fields(Variants)]
    names += [
        *KINDS,
        *SHAPES,
        *PUSH_SHAPES,
        *BOX_FIELDS,
        *PRINTER_FIELDS,
        *ACCOUNT_FIELDS,
        *SETTINGS,
    ]
    for field in fields(Variants):
        names += [choice for choice in get_args(field.type) if isinstance(choice, str)]
    assert [name for name in names if f"`{name}`" not in text] == []
    modules = [path.name for path in folder.iterdir() if path.suffix == ".py"]
    unnamed = [name for name in modules if not name.startswith("__") and f"`{name}`" not in text]
    assert unnamed == []
