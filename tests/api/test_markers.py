"""Ink levels in every shape they might have."""

import pytest

from custom_components.lianke.api.markers import Marker, ink_of, parse_markers, to_level


@pytest.mark.parametrize(
    ("value", "level"),
    [(72.6, 73), (" 72.4 ％", 72), (100.4, 100), (0.0, 0), (0.8, None), (255, None), (True, None)],
)
def test_levels(value: object, level: int | None) -> None:
    assert to_level(value) == level


BLACK_AND_CYAN = (Marker(name="Black", level=72), Marker(name="Cyan", level=8))


@pytest.mark.parametrize(
    "value",
    [
        [{"name": "Black", "level": 72}, {"name": "Cyan", "level": "8%"}],
        [{"marker-name": "Black", "marker-level": 72}, {"marker_name": "Cyan", "marker_level": 8}],
        [{"label": "Black", "percent": "72"}, {"title": "Cyan", "value": 8.0}],
        {"Black": 72, "Cyan": "8"},
        {"Black": {"level": 72}, "Cyan": {"remaining": 8}},
        {"names": ["Black", "Cyan"], "levels": [72, 8]},
        {"marker-names": ["Black", "Cyan"], "marker-levels": [72, 8], "marker-colors": []},
        '[{"name": "Black", "level": 72}, {"name": "Cyan", "level": 8}]',
        # As the vendor's own model has them, with a colour that it does not know.
        [
            {"marker_id": 1, "marker_type": "unknown", "name": "Black", "color": "", "level": 72},
            {"marker_id": 2, "marker_type": "unknown", "name": "Cyan", "color": [], "level": 8},
        ],
        "Black:72,Cyan:8",
        "Black = 72%; Cyan = 8%",
    ],
)
def test_shapes(value: object) -> None:
    assert parse_markers(value) == BLACK_AND_CYAN


def test_numbers_alone() -> None:
    assert parse_markers([72, 8]) == (Marker(name="1", level=72), Marker(name="2", level=8))
    assert parse_markers({"levels": [72, 8]}) == (
        Marker(name="1", level=72),
        Marker(name="2", level=8),
    )


def test_colors() -> None:
    assert parse_markers([{"color": "#00FFFF", "level": 5}]) == (
        Marker(name="#00FFFF", level=5, color="#00FFFF"),
    )
    assert parse_markers({"names": ["Cyan"], "levels": [5], "colors": ["#00FFFF"]}) == (
        Marker(name="Cyan", level=5, color="#00FFFF"),
    )


def test_unreadable_levels_are_unknown() -> None:
    assert parse_markers([{"name": "Black", "level": -2}]) == (Marker(name="Black"),)
    assert parse_markers([7, {"level": "many"}, None, {"name": 5}]) == (
        Marker(name="1", level=7),
        Marker(name="2"),
        Marker(name="5"),
    )


def test_colours_of_one_cartridge() -> None:
    """The vendor's own model gives them as a list."""
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
