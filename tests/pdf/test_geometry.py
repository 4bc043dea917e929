"""Where things lie on paper."""

import pytest

from custom_components.lianke.pdf.plan import Rect, Size, aligned, mm, scaled

A4 = Size(210, 297)


def test_units() -> None:
    assert mm(25.4) == 72


@pytest.mark.parametrize(
    ("scale", "size"),
    [
        ("fit", (200, 100)),
        ("fitw", (200, 100)),
        ("fith", (600, 300)),
        ("cover", (600, 300)),
        ("fill", (200, 300)),
        ("none", (100, 50)),
        ("150%", (150, 75)),
    ],
)
def test_scales(scale: str, size: tuple[float, float]) -> None:
    assert scaled(Size(100, 50), Size(200, 300), scale) == pytest.approx(size)


def test_alignments() -> None:
    area = Rect(10, 20, 100, 200)
    places = [aligned(Size(40, 50), area, number)[:2] for number in range(1, 10)]
    assert places == [(x, y) for y in (170, 95, 20) for x in (10, 40, 70)]


def test_turning() -> None:
    assert A4.turned == (297, 210)
    assert (A4.is_landscape, A4.turned.is_landscape) == (False, True)
