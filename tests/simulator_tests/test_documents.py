"""What can be printed: pages, conversion, links, limits."""

import json
import os
from pathlib import Path

import aiohttp
import pytest

from tests.simulator import Simulator, make_pdf
from tests.simulator.rendering import find_chromium
from tests.simulator_tests.client import LASER, Api, Listener, picture, until


@pytest.mark.parametrize(
    ("name", "content", "pages"),
    [
        ("one.pdf", make_pdf(1), 1),
        ("many.PDF", make_pdf(17), 17),
        ("photo.jpg", picture("JPEG"), 1),
        ("scan.tiff", picture("TIFF", 3), 3),
        ("moving.gif", picture("GIF", 3), 1),
        ("letter.docx", b"PK\x03\x04 not opened", None),
        ("label.prn", b"SIZE 60 mm, 40 mm\r\nPRINT 1\r\n", None),
    ],
)
async def test_page_counts(
    sim: Simulator, api: Api, name: str, content: bytes, pages: int | None
) -> None:
    answer = await api.post("/print/file_pages", api.form(content, name))
    assert answer["data"] == ({} if pages is None else {"pages": pages})
    sim.cloud.variants.unknown_pages = "null"
    answer = await api.post("/print/file_pages", api.form(content, name))
    assert answer["data"] == {"pages": pages}
    assert not list(sim.cloud.spool.glob("upload-*"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("broken.pdf", b"%PDF-1.4 and no more"),
        ("broken.png", picture("PNG")[:40]),
        ("empty.pdf", b""),
        ("book.ofd", b"PK"),
        ("no ending", make_pdf(1)),
    ],
)
async def test_what_cannot_be_converted(
    sim: Simulator, api: Api, name: str, content: bytes
) -> None:
    answer = await api.post("/print/file_pages", api.form(content, name))
    assert int(answer["code"]) == 502
    assert "文件转换失败" in answer["msg"]
    task_id = await api.submit(content, name)
    data = await api.ended(task_id)
    assert data["task_state"] == "SUCCESS"
    assert data["task_result"]["code"] == 502
    assert not sim.cloud.out_tray


@pytest.mark.skipif(find_chromium() is None, reason="no Chromium")
async def test_html_is_rendered(sim: Simulator, api: Api) -> None:
    breaks = '<p style="break-after: page">甲</p>' * 2
    html = f"<!doctype html><meta charset=utf-8>{breaks}<p>丙</p>".encode()
    answer = await api.post("/print/file_pages", api.form(html, "page.html"))
    assert answer["data"] == {"pages": 3}
    data = await api.ended(await api.submit(html, "page.html", isPreview=1))
    assert len(data["task_result"]["data"]["img_list"]) == 3


async def test_html_without_a_browser_has_no_page_count(
    tmp_path: Path, socket_enabled: None
) -> None:
    async with (
        Simulator(tmp_path / "out", speed=300, chromium="") as sim,
        aiohttp.ClientSession() as session,
    ):
        api = Api(sim, session, sim.box)
        answer = await api.post("/print/file_pages", api.form(b"<p>x", "page.html"))
        assert answer["data"] == {}


@pytest.mark.parametrize(
    ("variant", "status", "text"),
    [("http_413", 413, "413 Request"), ("http_502", 502, "502 Bad"), ("code_400", 200, "文件过大")],
)
@pytest.mark.parametrize("path", ["/print/job", "/print/file_pages"])
async def test_too_large(
    *,
    sim: Simulator,
    session: aiohttp.ClientSession,
    api: Api,
    variant: str,
    status: int,
    text: str,
    path: str,
) -> None:
    sim.cloud.variants.update(too_large=variant)
    sim.cloud.job_limit = sim.cloud.pages_limit = 100_000
    # Seen by the length of the whole body, and only while reading.
    for size in (3_000_000, 100_001):
        async with session.post(
            sim.url + path, data=api.form(b"x" * size), headers={"ApiKey": api.api_key}
        ) as response:
            assert response.status == status
            assert text in await response.text()
    assert not sim.cloud.tasks
    assert not list(sim.cloud.spool.glob("upload-*"))


async def test_links_of_this_machine_only(sim: Simulator, api: Api, listener: Listener) -> None:
    listener.files = {"a": make_pdf(2), "b.pdf": make_pdf(3)}
    url = f"{listener.url}/files/a"
    form = api.form(url, urlFileExt=".pdf")
    assert (await api.post("/print/file_pages", form))["data"] == {"pages": 2}
    both = f"{url}\n{listener.url}/files/b.pdf"
    data = await api.ended(await api.submit(both, urlFileExt=".pdf"))
    assert data["task_result"]["data"] == {
        "file_total": sum(map(len, listener.files.values())),
        "send_total": sum(map(len, listener.files.values())),
        "total_page": 5,
    }
    assert [job.name for job in sim.printed] == ["a.pdf", "b.pdf"]
    assert sim.printed[0].path.read_bytes() == listener.files["a"]
    for gone in ("https://example.com/a.pdf", f"{listener.url}/nothing/c.pdf"):
        data = await api.ended(await api.submit(gone))
        assert data["task_result"]["code"] == 502
        assert data["task_result"]["msg"].startswith("文件下载失败")
    assert await api.refused("ftp://127.0.0.1/a.pdf") == 400


async def test_links_in_a_plain_form(sim: Simulator, api: Api, listener: Listener) -> None:
    listener.files = {"a.pdf": make_pdf(2)}
    fields = {"devicePort": "1", "printerModel": LASER, "dmPaperSize": "9"}
    form = {**api.credentials, **fields, "jobFile": f"{listener.url}/files/a.pdf"}
    url, headers = f"{sim.url}/print/job", {"ApiKey": api.api_key}
    async with api.session.post(url, data=form, headers=headers) as response:
        answer = await response.json()
    assert await api.result(answer["data"]["task_id"]) == ("SUCCESS", 200)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", b"deviceId=1"),
        ("application/json", b"{"),
        ("application/json", b"[1]"),
        ("application/json", b""),
    ],
)
async def test_bodies_that_are_no_form(
    sim: Simulator, api: Api, content_type: str, body: bytes
) -> None:
    headers = {"ApiKey": api.api_key, "Content-Type": content_type}
    url = f"{sim.url}/print/query_device_task"
    async with api.session.post(url, data=body, headers=headers) as response:
        assert int(json.loads(await response.text())["code"]) == 400


async def test_a_browser_that_hangs_ends_with_the_simulator(
    tmp_path: Path, socket_enabled: None
) -> None:
    pid_file = tmp_path / "pid"
    browser = tmp_path / "chromium"
    browser.write_text(f"#!/bin/sh\necho $$ > {pid_file}\nexec sleep 1000\n")
    browser.chmod(0o700)
    async with (
        Simulator(tmp_path / "out", speed=300, chromium=str(browser)) as sim,
        aiohttp.ClientSession() as session,
    ):
        await Api(sim, session, sim.box).submit(b"<p>x", "page.html")
        await until(lambda: pid_file.exists() and bool(pid_file.read_text()))
        pid = int(pid_file.read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
