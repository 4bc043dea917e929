"""Print options: from what is asked for to the form's fields, and back from storage."""

from dataclasses import replace
import json
import time
from typing import Any

import pytest

from custom_components.lianke.api.capabilities import (
    STANDARD_PAPERS,
    Capabilities,
    DriverDefaults,
    Paper,
    standard_paper,
)
from custom_components.lianke.api.errors import OptionError
from custom_components.lianke.api.models import PrinterType
from custom_components.lianke.api.options import (
    ALIGNMENTS,
    SCALES,
    PrintOptions,
    ResolvedOptions,
    count_selected,
    most_selected,
    options_in,
    parse_page_range,
    resolve_options,
)
from tests.papers import paper

LASER = Capabilities.from_json(
    {
        "Capabilities": {
            "Papers": {"A4": 9, "A5 横向\r\n": 61, "信封 DL": 27, "4 x 6": 257},
            "Bins": {"自动选择": 7, "手动进纸\r\n": 4},
            "Color": {"黑白": 1},
            "Duplex": {"关闭": 1, "长边翻转": 2},
            "MediaTypes": {"Plain  Paper": 1, "厚纸": 257},
            "Orientation": {"纵向": 1, "横向": 2},
            "Copies": 30,
        },
        "DevMode": {
            "PaperSize": 9,
            "Color": 1,
            "Copies": 1,
            "Duplex": 2,
            "DefaultSource": 7,
            "MediaType": 1,
            "Orientation": 1,
            "PrintQuality": 600,
        },
    }
)
PAPERS = (
    paper(2100, 2970, 42, name="A4", paper_id=9),
    paper(1016, 1524, name="4 x 6", paper_id=257),
)


def solve(
    capabilities: Capabilities | None = LASER,
    papers: tuple[Paper, ...] = PAPERS,
    printer_type: PrinterType = PrinterType.LASER,
    raw: bool = False,
    **options: Any,
) -> ResolvedOptions:
    return resolve_options(options_in(options), capabilities, papers, printer_type, raw=raw)


def refuse(reason: str, **arguments: Any) -> OptionError:
    with pytest.raises(OptionError) as caught:
        solve(**arguments)
    assert caught.value.reason == reason
    return caught.value


def one(option: str, value: object) -> dict[str, Any]:
    return {option: value}


# Paper


@pytest.mark.parametrize(
    ("wanted", "paper_id"),
    [
        ("A4", 9),
        ("a4\r\n", 9),
        ("A5 横向", 61),
        (61, 61),
        ("61", 61),
        ("信封  dl", 27),
        ("4 X 6", 257),
    ],
)
def test_paper_by_name_or_id(wanted: str | int, paper_id: int) -> None:
    assert solve(paper=wanted).paper_id == paper_id


def test_a_name_made_of_digits_goes_before_an_id() -> None:
    able = replace(LASER, papers={"9": 300, "A4": 9})
    assert solve(able, (), paper="9").paper_id == 300
    assert solve(able, (), paper=9).paper_id == 300


def test_paper_of_the_longer_list() -> None:
    more = paper(2100, 9000, name="长卷", paper_id=400)
    assert solve(papers=(*PAPERS, more), paper="长卷").paper == more
    assert solve(papers=(*PAPERS, more), paper=400).paper == more


def test_a_standard_name_for_a_paper_the_driver_calls_otherwise() -> None:
    able = replace(LASER, papers={"A4 210 x 297 毫米": 9})
    resolved = solve(able, (), paper="a4")
    assert resolved.paper_id == 9
    assert resolved.paper is not None
    assert resolved.paper.name == "A4 210 x 297 毫米"
    assert (resolved.paper.width, resolved.paper.height) == (2100, 2970)


@pytest.mark.parametrize("capabilities", [None, Capabilities()])
def test_paper_unknown(capabilities: Capabilities | None) -> None:
    assert solve(capabilities, (), paper=" a3").paper == standard_paper(8)
    assert solve(capabilities, (), paper="明信片").paper_id == 43
    assert solve(capabilities, (), paper=300).paper_id == 300
    assert solve(capabilities, (), paper="300").paper is None
    error = refuse("option_not_checkable", capabilities=capabilities, papers=(), paper="长卷")
    assert "A4" in error.allowed
    refuse("option_not_checkable", capabilities=capabilities, papers=(), paper=-5)


def test_size_of_ones_own() -> None:
    resolved = solve(paper_width=100, paper_height=150.04)
    fields_ = resolved.form_fields()
    assert (fields_["dmPaperSize"], fields_["dmPaperWidth"], fields_["dmPaperLength"]) == (
        "0",
        "1000",
        "1500",
    )
    assert resolved.paper is not None
    assert (resolved.paper.width, resolved.paper.height, resolved.paper.name) == (
        1000,
        1500,
        "100 × 150 mm",
    )
    assert ResolvedOptions.from_dict(json.loads(json.dumps(resolved.as_dict()))) == resolved
    assert solve(paper=0, paper_width=100, paper_height=150) == solve(
        paper_width=100, paper_height=150
    )
    assert solve(paper="Custom", paper_width=1, paper_height=1).paper_id == 0


LABELS = Capabilities(papers={"60 x 40 mm": 300})


@pytest.mark.parametrize("printer_type", [PrinterType.LABEL, PrinterType.RECEIPT])
@pytest.mark.parametrize(
    "able",
    [
        None,
        LABELS,
        replace(LABELS, defaults=DriverDefaults(paper_id=9)),
        replace(LABELS, defaults=DriverDefaults(paper_id=0)),
        replace(LABELS, defaults=DriverDefaults(paper_id=0, paper_width=600, paper_length=-1)),
        replace(LABELS, papers={"A4": 9}, defaults=DriverDefaults(paper_id=9)),
    ],
)
def test_labels_never_get_a4_by_default(
    printer_type: PrinterType, able: Capabilities | None
) -> None:
    error = refuse("paper_required", capabilities=able, papers=(), printer_type=printer_type)
    assert error.allowed == tuple(able.papers or ()) if able else error.allowed == ()


def test_labels_get_the_drivers_paper() -> None:
    able = replace(LABELS, defaults=DriverDefaults(paper_id=300))
    assert solve(able, (), PrinterType.LABEL).paper_id == 300
    able = replace(LABELS, defaults=DriverDefaults(paper_id=0, paper_width=600, paper_length=400))
    assert solve(able, (), PrinterType.LABEL).form_fields()["dmPaperWidth"] == "600"
    assert solve(LABELS, (), PrinterType.LABEL, paper="60 x 40 mm").paper_id == 300
    assert solve(None, (), PrinterType.LABEL, paper="A4").paper_id == 9


def test_no_a4_where_there_is_none() -> None:
    refuse("paper_required", capabilities=Capabilities(papers={"Letter": 1}), papers=())


# Copies


def test_copies() -> None:
    assert solve(copies=30).copies == 30
    assert solve(None, (), copies=999).copies == 999
    refuse("too_many_copies", capabilities=None, papers=(), copies=1000)
    assert solve(Capabilities(defaults=DriverDefaults(copies=2)), ()).copies == 2
    assert solve(Capabilities(defaults=DriverDefaults(copies=2), max_copies=1), ()).copies == 1
    assert solve(Capabilities(defaults=DriverDefaults(copies=0)), ()).copies == 1


# Choices


def test_defaults_that_make_no_sense_are_not_sent() -> None:
    able = replace(
        LASER, defaults=DriverDefaults(paper_id=9, color=2, duplex=7, tray=99, media_type=99)
    )
    resolved = solve(able)
    assert (resolved.color, resolved.duplex, resolved.tray, resolved.media_type) == (None,) * 4


def test_the_drivers_own_quality_is_kept() -> None:
    able = replace(LASER, defaults=DriverDefaults(paper_id=9, quality=-3))
    assert solve(able).quality == -3


@pytest.mark.parametrize(("option", "block"), [("tray", "trays"), ("media_type", "media_types")])
def test_trays_and_media(option: str, block: str) -> None:
    names = getattr(LASER, block)
    name, number = next(iter(names.items()))
    assert getattr(solve(**one(option, f" {name.upper()}\r\n")), option) == number
    assert getattr(solve(**one(option, number)), option) == number
    assert getattr(solve(**one(option, str(number))), option) == number
    error = refuse(f"{option}_not_available", **one(option, "nowhere"))
    assert error.allowed == tuple(names)
    refuse(f"{option}_not_available", **one(option, 99999))
    unknown = replace(LASER, **one(block, None))
    assert getattr(solve(unknown, **one(option, 99999)), option) == 99999
    assert getattr(solve(unknown, **one(option, "99999")), option) == 99999
    refuse("option_not_checkable", capabilities=unknown, **one(option, name))


@pytest.mark.parametrize(
    ("scale", "word"), [*SCALES.items(), ("80%", "80%"), (" 080 ％", "80%"), ("FIT", "fit")]
)
def test_scale(scale: str, word: str) -> None:
    assert solve(scale=scale).form_fields()["jpScale"] == word


def test_alignment_is_row_by_row_from_top_left() -> None:
    assert [solve(align=name).align for name in ALIGNMENTS] == [
        f"z{number}" for number in range(1, 10)
    ]
    assert next(iter(ALIGNMENTS)) == "top_left"
    refuse("invalid_option", align="middle")


# Raw


def test_raw_takes_no_option() -> None:
    resolved = solve(raw=True)
    assert resolved == ResolvedOptions(paper_id=9)
    assert solve(LABELS, (), PrinterType.LABEL, raw=True).paper_id == 300
    assert solve(None, (), PrinterType.RECEIPT, raw=True).paper_id == 9
    error = refuse("raw_refuses_options", raw=True, copies=2, color="mono")
    assert error.placeholders["value"] == "copies, color"


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("Ａ４", "A4"),
        ("a 4", "A4"),
        ("标签纸(80x200mm)", "标签纸（80x200mm）"),
        ("标签纸【80×200mm】", "标签纸（80x200mm）"),
        ("标签纸 （80＊200 mm）", "标签纸(80x200mm)"),
        ("16开", "16K"),
        ("16K", "16开"),
        ("40x30", "40 x 30 mm"),
        ("40×30mm", "Label(40*30)"),
        ("4x6", "4 x 6 in"),
        ("100x150", "10 x 15 cm"),
    ],
)
def test_papers_as_people_write_them(written: str, named: str) -> None:
    """Other widths of letters, signs and brackets than the driver's were refused."""
    able = Capabilities(papers={"Other": 7, named: 300})
    assert solve(able, (), paper=written).paper_id == 300


@pytest.mark.parametrize("written", ["纸盘1", "紙匣 1", "Tray 1", "纸盒１"])
def test_trays_as_people_write_them(written: str) -> None:
    able = Capabilities(trays={"自动选择": 7, "纸盒1": 1, "纸盒2": 2})
    assert solve(able, (), tray=written).tray == 1


def test_a_name_that_may_be_two_is_refused_with_the_nearest_first() -> None:
    able = Capabilities(papers={"A4": 9, "Photo 40 x 30": 300, "Label 40 x 30": 301})
    error = refuse("paper_not_available", capabilities=able, papers=(), paper="40x30")
    assert set(error.allowed[:2]) == {"Photo 40 x 30", "Label 40 x 30"}
    able = Capabilities(papers={"A4": 9, "Letter": 1, "标签纸（80x200mm）": 300})
    error = refuse("paper_not_available", capabilities=able, papers=(), paper="标签纸80x20")
    assert error.allowed == ("标签纸（80x200mm）", "A4", "Letter")


@pytest.mark.parametrize("printer_type", [PrinterType.LABEL, PrinterType.RECEIPT])
def test_a_label_without_a_list_of_papers_has_its_size(printer_type: PrinterType) -> None:
    """Pages for labels were laid out on A4, though the driver or the paper's name told the size."""
    able = Capabilities(defaults=DriverDefaults(paper_id=256, paper_width=600, paper_length=400))
    solved = solve(able, (), printer_type)
    assert solved.paper is not None
    assert (solved.paper_id, solved.paper.width, solved.paper.height) == (256, 600, 400)
    able = Capabilities(papers={"60 x 40 mm": 300}, defaults=DriverDefaults(paper_id=300))
    solved = solve(able, (), printer_type)
    assert solved.paper is not None
    assert (solved.paper_id, solved.paper.width, solved.paper.height) == (300, 600, 400)
    able = Capabilities(defaults=DriverDefaults(paper_width=600, paper_length=400))
    assert solve(able, (), printer_type).form_fields()["dmPaperWidth"] == "600"
    able = Capabilities(papers={"80(72.1) x 297 mm": 300}, defaults=DriverDefaults(paper_id=300))
    found = solve(able, (), printer_type).paper
    assert found is not None
    assert (found.width, found.height) == (800, 2970)


def test_a_printer_with_mostly_narrow_papers_gets_no_a4() -> None:
    """One of unknown kind whose driver lists A4 besides its rolls, with A4 as the default."""
    papers = tuple(
        paper(800, length * 10, name=f"80 x {length} mm", paper_id=number)
        for number, length in ((256, 80), (257, 297), (258, 3276))
    ) + tuple(one for one in STANDARD_PAPERS if one.name == "A4")
    able = Capabilities(defaults=DriverDefaults(paper_id=9))
    with pytest.raises(OptionError, match="paper_required"):
        resolve_options(PrintOptions(), able, papers, PrinterType.UNKNOWN)
    assert resolve_options(PrintOptions(), able, papers, PrinterType.LASER).paper_id == 9
    assert resolve_options(PrintOptions(), able, (), PrinterType.UNKNOWN).paper_id == 9


def test_standard_papers() -> None:
    assert len({paper.paper_id for paper in STANDARD_PAPERS}) == len(STANDARD_PAPERS)
    known = {
        name: standard_paper(name) for name in ("A4", "a5", " A3 ", "Letter", "B5", "us  letter")
    }
    sizes = {
        name: (paper.paper_id, paper.width, paper.height) for name, paper in known.items() if paper
    }
    assert sizes == {
        "A4": (9, 2100, 2970),
        "a5": (11, 1480, 2100),
        " A3 ": (8, 2970, 4200),
        "Letter": (1, 2159, 2794),
        "B5": (13, 1820, 2570),
        "us  letter": (1, 2159, 2794),
    }
    assert standard_paper(12345) is None


def test_a_size_never_mixes_with_another_layers_paper() -> None:
    size = PrintOptions(paper_width=100, paper_height=50)
    assert options_in(PrintOptions(paper="A4"), size) == PrintOptions(paper="A4")
    assert options_in(size, PrintOptions(paper="A4")) == size
    assert options_in(PrintOptions(paper_width=1), size) == PrintOptions(paper_width=1)


@pytest.mark.parametrize(
    "stored", [{}, {"paper_id": 9}, {"copies": 1}, {"paper_id": "x", "copies": 1}]
)
def test_damaged_storage(stored: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="without paper or copies"):
        ResolvedOptions.from_dict(stored)


@pytest.mark.parametrize(
    ("text", "selection"),
    [
        ("", ""),
        (" all ", ""),
        ("odd", "-1"),
        ("Even", "-2"),
        ("1-3,5", "1-3,5"),
        (" 1 - 3 , 5 ", "1-3,5"),
        ("1－3，5、7；9", "1-3,5,7,9"),
        ("1–3", "1-3"),
        ("2,2", "2,2"),
    ],
)
def test_page_ranges(text: str, selection: str) -> None:
    assert parse_page_range(text) == selection


@pytest.mark.parametrize(
    ("selection", "pages", "count"),
    [
        ("", 7, 7),
        ("-1", 7, 4),
        ("-2", 7, 3),
        ("1-3,5", 7, 4),
        ("1-3,2-5", 7, 5),
        ("5-9", 7, 3),
        ("8", 7, 0),
        ("1-3", None, None),
        ("", None, None),
        ("1-99999", 3, 3),
    ],
)
def test_count_selected(selection: str, pages: int | None, count: int | None) -> None:
    assert count_selected(selection, pages) == count


@pytest.mark.parametrize(
    ("selection", "pages", "count"),
    [("", None, None), ("-1", None, None), ("1-3,2-5,9", None, 6), ("1-3", 2, 2), ("-2", 7, 3)],
)
def test_most_selected(selection: str, pages: int | None, count: int | None) -> None:
    """A range bounds the pages of a document whose length nobody knows."""
    assert most_selected(selection, pages) == count


def test_a_range_of_many_pieces_is_counted_at_once() -> None:
    started = time.thread_time()
    assert most_selected(",".join(["1-99999"] * 100), None) == 99999
    assert time.thread_time() - started < 0.05
