"""What can be printed: pages, conversion, links, limits."""

import aiohttp
import pytest

from tests.simulator import Simulator, make_pdf
from tests.simulator_tests.client import Api, Listener, picture


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


@pytest.mark.parametrize("path", ["/print/job", "/print/file_pages"])
async def test_too_large(
    sim: Simulator, session: aiohttp.ClientSession, api: Api, path: str
) -> None:
    sim.cloud.job_limit = sim.cloud.pages_limit = 100_000
    # Seen by the length of the whole body, and only while reading.
    for size in (3_000_000, 100_001):
        async with session.post(
            sim.url + path, data=api.form(b"x" * size), headers={"ApiKey": api.api_key}
        ) as response:
            assert response.status == 413
            assert "413 Request" in await response.text()
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
    for address in ("ftp://127.0.0.1/a.pdf", "no address"):
        assert await api.refused(address) == 400
