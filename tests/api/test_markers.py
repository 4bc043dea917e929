"""Ink levels in every shape they might have."""

import pytest

from custom_components.lianke.api.models import Marker, ink_of, parse_markers, to_level


@pytest.mark.parametrize(
    ("value", "level"),
    [
        (72.6, 73),
        ("72", 72),
        ("72%", None),
        (100.4, 100),
        (0.0, 0),
        (0.8, None),
        (255, None),
        (True, None),
    ],
)
def test_levels(value: object, level: int | None) -> None:
    assert to_level(value) == level


def test_as_the_vendors_own_model_has_them() -> None:
    """With a colour that it does not know, and levels as texts, as other fields of the list come."""
    row = {"marker_id": 1, "marker_type": "unknown", "low_level": 0, "high_level": 100}
    assert parse_markers(
        [
            {**row, "name": "Black", "color": "", "level": 72},
            {**row, "name": "Cyan", "color": [], "level": "8"},
        ]
    ) == (Marker(name="Black", level=72), Marker(name="Cyan", level=8))


def test_one_without_a_name_is_called_by_its_colour() -> None:
    assert parse_markers([{"color": "#00FFFF", "level": 5}, {"level": 6}]) == (
        Marker(name="#00FFFF", level=5, color="#00FFFF"),
        Marker(name="2", level=6),
    )


def test_unreadable_levels_are_unknown() -> None:
    assert parse_markers([{"name": "Black", "level": -2}]) == (Marker(name="Black"),)
    assert parse_markers([7, {"level": "many"}, None, {"name": 5}]) == (
        Marker(name="1"),
        Marker(name="5"),
    )


@pytest.mark.parametrize("value", ["Black:72", {"Black": 72}, {"levels": [72]}, 7, None])
def test_another_shape_has_no_markers(value: object) -> None:
    assert parse_markers(value) == ()


def test_colours_of_one_cartridge() -> None:
    (tricolor,) = parse_markers([{"name": "Tri", "color": ["#00FFFF", "#FF00FF"], "level": -2}])
    assert tricolor == Marker(name="Tri", color="#00FFFF#FF00FF")


@pytest.mark.parametrize(
    ("name", "ink"),
    [
        ("Black", "black"),
        ("black ink", "black"),
        ("黑", "black"),
        ("PK", "photo_black"),
        ("Matte Black", "matte_black"),
        ("light-gray", "light_gray"),
        ("Cyan", "cyan"),
        ("浅青色", "light_cyan"),
        ("Magenta Toner", "magenta"),
        ("品红", "magenta"),
        ("LM", "light_magenta"),
        ("Y", "yellow"),
        ("Waste box", None),
        ("Blackboard", None),
        ("", None),
    ],
)
def test_the_usual_inks(name: str, ink: str | None) -> None:
    assert ink_of(name) == ink
