"""Pages that Home Assistant writes itself."""

from homeassistant.core import HomeAssistant

from custom_components.lianke.api.capabilities import Capabilities
from custom_components.lianke.documents.page_documents import (
    async_color_page,
    async_notification_page,
    async_test_page,
)
from custom_components.lianke.documents.spool import Spool
from tests.papers import paper

RECEIPT = paper(800, 2970, 40, name="80 mm")
LABEL = paper(600, 400, 10, name="60 x 40")


async def test_a_notification_with_half_a_character(hass: HomeAssistant, spool: Spool) -> None:
    document = await async_notification_page(
        hass, spool, None, message="a\ud83d", title="b \n" * 1000
    )
    page = document.path.read_text("utf-8")
    assert "a\ufffd" in page
    assert f"<h1>{'b ' * 99}b</h1>" in page


async def test_the_test_page_tells_what_the_printer_can(hass: HomeAssistant, spool: Spool) -> None:
    hass.config.language = "zh-Hans"
    able = Capabilities(
        papers={f"纸 {number}": number for number in range(50)},
        trays={"自动选择\r\n": 7},
        colors=frozenset({1}),
        duplex=frozenset({1, 2}),
        max_copies=99,
    )
    document = await async_test_page(
        hass, spool, "<书房>", "Kyocera MA2000w", capabilities=able, paper=None
    )
    page = document.path.read_text("utf-8")
    assert document.title == "测试页"
    for shown in (
        "&lt;书房&gt;",
        "Kyocera MA2000w",
        "纸 39…",
        "自动选择<",
        "<dd>99</dd>",
        "SimSun",
    ):
        assert shown in page
    assert "纸 40" not in page
    assert page.count("<dd>是</dd>") == page.count("<dd>否</dd>") == 1


async def test_what_is_unknown_is_left_out(hass: HomeAssistant, spool: Spool) -> None:
    for able in (None, Capabilities()):
        document = await async_test_page(hass, spool, "A", "B", capabilities=able, paper=RECEIPT)
        page = document.path.read_text("utf-8")
        assert "<dt>Printer</dt><dd>A</dd>" in page
        assert "<dt>Trays</dt>" not in page
        assert "80 mm · 80 × 297 mm" in page


async def test_a_label_gets_the_least_of_it(hass: HomeAssistant, spool: Spool) -> None:
    document = await async_test_page(hass, spool, "A", "B", capabilities=None, paper=LABEL)
    page = document.path.read_text("utf-8")
    assert "60 x 40 · 60 × 40 mm" in page
    assert "<dl" not in page.partition("<body>")[2]


async def test_the_page_for_the_nozzles(hass: HomeAssistant, spool: Spool) -> None:
    document = await async_color_page(hass, spool, None)
    page = document.path.read_text("utf-8")
    assert document.title == "Color page"
    assert page.count('<span style="background: #') == 8
    assert "Home Assistant has printed nothing here" in page
    assert document.extension == ".html"
    assert document.name.endswith(".html")
