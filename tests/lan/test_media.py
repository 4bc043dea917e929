"""Papers by the names that devices know, and back."""

import pytest

from custom_components.lianke.api.capabilities import Capabilities
from custom_components.lianke.lan.printer import profile
from custom_components.lianke.lan.printer.profile import (
    find_media,
    media_type_keywords,
    named_media,
    offered_media,
    pwg_name,
    tray_keywords,
)
from tests.papers import paper


@pytest.mark.parametrize(
    ("width", "height", "name"),
    [
        (2100, 2970, "iso_a4_210x297mm"),
        (2159, 2794, "na_letter_8.5x11in"),
        (2100, 2969, "iso_a4_210x297mm"),
        (600, 400, "om_60x40mm_60x40mm"),
        (1015, 1525, "na_index-4x6_4x6in"),
        (623, 1001, "om_62-3x100-1mm_62.3x100.1mm"),
    ],
)
def test_names_of_sizes(width: int, height: int, name: str) -> None:
    assert pwg_name(width, height) == name


def test_the_default_comes_first_and_each_size_once() -> None:
    papers = (
        paper(2100, 2970, 42, paper_id=9),
        paper(1480, 2100, 42, paper_id=11),
        paper(2100, 2970, 42, paper_id=99),
        paper(0, 5, 42),
    )
    offered = offered_media(Capabilities(), papers, paper(1480, 2100, 42, paper_id=11))
    assert [item.paper_id for item in offered] == [11, 9]
    assert (offered[1].width, offered[1].height) == (21000, 29700)
    assert (offered[1].side_margin, offered[1].end_margin) == (420, 420)


def test_without_a_list_the_drivers_names_or_common_papers() -> None:
    assert [item.paper_id for item in offered_media(Capabilities(), (), None)] == [1, 9, 11]
    able = Capabilities(papers={"A4": 9, "A3": 8, "?": 4711, "60 x 40 mm": 300})
    assert [item.paper_id for item in offered_media(able, (), None)] == [8, 9, 300]


def test_so_many_papers_are_offered() -> None:
    papers = tuple(paper(1000 + number, 2000, 42) for number in range(profile.MAX_MEDIA * 2))
    assert len(offered_media(Capabilities(), papers, None)) == profile.MAX_MEDIA


def test_the_nearest_paper_is_found() -> None:
    offered = offered_media(
        Capabilities(),
        (paper(2100, 2970, 42, paper_id=9), paper(2110, 2970, 42, paper_id=10)),
        None,
    )
    found = find_media(offered, 21060, 29700)
    assert found is not None
    assert (found.paper.paper_id, found.is_turned) == (10, False)
    assert find_media(offered, 21000, 29801) is None


@pytest.mark.parametrize(
    ("name", "paper_id"),
    [
        ("iso_a4_210x297mm", 9),
        ("om_my-own_210x297mm", 9),
        ("custom_max_8.27x11.69in", 9),
        ("na_index-4x6_4x6in", 70),
        ("om_small-photo_100x150mm", 70),
        ("iso_a5_148x210mm", None),
        ("iso_a4_297x210mm", 9),
        ("om_small-photo_150x100mm", 70),
        ("a4", None),
        ("x_99999x99999in", None),
        ("", None),
        ("_" + "9" * 300 + "x1mm", None),
    ],
)
def test_a_size_in_a_name(name: str, paper_id: int | None) -> None:
    papers = (paper(2100, 2970, 42, paper_id=9), paper(1016, 1524, 42, paper_id=70))
    found = named_media(offered_media(Capabilities(), papers, None), name)
    assert (found and found.paper.paper_id) == paper_id


def test_both_sizes_of_a_sheet_are_told_apart_where_both_are_there() -> None:
    papers = (paper(1016, 1524, 42, paper_id=70), paper(1000, 1500, 42, paper_id=71))
    offered = offered_media(Capabilities(), papers, None)
    found = [find_media(offered, *size) for size in ((10000, 15000), (10160, 15240))]
    assert [one and one.paper.paper_id for one in found] == [71, 70]


def test_a_paper_as_it_lies_goes_before_one_that_is_turned() -> None:
    """Labels are wider than high, and there may be both."""
    label, turned, photo = (
        paper(*size, 42, paper_id=number)
        for number, size in enumerate([(600, 400), (400, 600), (1016, 1524)], 1)
    )
    found = find_media(offered_media(Capabilities(), (label, turned), None), 4000, 6000)
    assert found is not None
    assert (found.paper.paper_id, found.is_turned) == (2, False)
    for papers, width, height in (((label,), 4000, 6000), ((photo,), 15000, 10000)):
        found = find_media(offered_media(Capabilities(), papers, None), width, height)
        assert found is not None
        assert found.is_turned


@pytest.mark.parametrize(
    ("sizes", "word"),
    [
        ([(600, 400), (1000, 1500)], "<legal-A4"),
        ([(2100, 2970)], "legal-A4"),
        ([(2159, 2794), (2159, 3556)], "legal-A4"),
        ([(2100, 2970), (4200, 2970)], "tabloid-A3"),
        ([(2794, 4318)], "tabloid-A3"),
        ([(4200, 5940)], "isoC-A2"),
        ([(5940, 8410)], ">isoC-A2"),
        ([], "<legal-A4"),
    ],
)
def test_the_largest_paper(sizes: list[tuple[int, int]], word: str) -> None:
    assert profile.largest_paper([profile.media_of(paper(*size, 42)) for size in sizes]) == word


def test_trays_and_media_types() -> None:
    able = Capabilities(
        trays={"自动选择": 7, "纸盒 1": 258, "纸盒 2": 259, "手动进纸\r\n": 4},
        media_types={"普通纸": 1, "厚纸": 257, "标签纸\r\n": 258, "?": 300},
    )
    assert tray_keywords(able.trays) == {"auto": 7, "tray-1": 258, "tray-2": 259, "manual": 4}
    assert media_type_keywords(able.media_types) == {
        "stationery": 1,
        "cardstock": 257,
        "labels": 258,
        "other-300": 300,
    }
    assert tray_keywords(None) == {"auto": None}
    assert media_type_keywords(None) == {"stationery": None}
