"""Previews and their tickets."""

from io import BytesIO

from PIL import Image
import pypdfium2
import pytest

from tests.simulator import Simulator, make_pdf
from tests.simulator_tests.client import Api, picture


async def test_preview_and_its_ticket(sim: Simulator, api: Api) -> None:
    content = make_pdf(4)
    data = await api.ended(await api.submit(content, "plan.pdf", isPreview=1, jpPageRange="2,4"))
    result = data["task_result"]["data"]
    assert result["total_page"] == 2
    assert len(result["img_list"]) == 2
    async with api.session.get(result["img_list"][0]) as response:
        image = Image.open(BytesIO(await response.read()))
    expected = pypdfium2.PdfDocument(content)[1].render(scale=1000 / 842).to_pil()
    assert max(image.size) in (1000, 1001)
    assert image.convert("L").resize((50, 70)) == expected.convert("L").resize((50, 70))
    async with api.session.get(result["img_list"][0].replace("1.png", "9.png")) as response:
        assert response.status == 404
    assert not sim.cloud.out_tray
    # The ticket stands for the document: jobFile is then ignored.
    task_id = await api.submit(b"ignored", "b.pdf", taskTicket=result["task_ticket"])
    assert await api.result(task_id) == ("SUCCESS", 200)
    assert sim.printed[0].path.read_bytes() == content
    assert sim.printed[0].name == "plan.pdf"


@pytest.mark.parametrize("name", ["taskTicket", "ticket", "none"])
async def test_names_of_the_ticket(sim: Simulator, api: Api, name: str) -> None:
    sim.cloud.variants.update(ticket_name=name)
    data = await api.ended(await api.submit(picture("PNG"), "a.png", isPreview=1))
    known = {"file_total", "send_total", "total_page", "img_list"}
    assert set(data["task_result"]["data"]) - known == ({name} - {"none"})


async def test_preview_of_what_nobody_can_open(api: Api) -> None:
    data = await api.ended(await api.submit(b"PK", "table.xlsx", isPreview=1))
    assert data["task_result"]["data"]["img_list"] == []
    assert "total_page" not in data["task_result"]["data"]


async def test_preview_that_fails_with_a_code_of_its_own(sim: Simulator, api: Api) -> None:
    sim.cloud.variants.failed_preview = "code_10015"
    assert await api.result(await api.submit(b"x", "a.pdf", isPreview=1)) == ("SUCCESS", 10015)
