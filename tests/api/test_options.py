"""Print options: layers, storage."""

import pytest

from custom_components.lianke.api.options import PrintOptions, ResolvedOptions, merge_options


def test_the_first_layer_that_sets_an_option_wins() -> None:
    merged = merge_options(
        PrintOptions(copies=2), PrintOptions(copies=3, color="mono"), PrintOptions(color="color")
    )
    assert merged == PrintOptions(copies=2, color="mono")
    assert merge_options() == PrintOptions()


def test_false_and_empty_are_set() -> None:
    merged = merge_options(
        PrintOptions(auto_rotate=False, pages=""), PrintOptions(auto_rotate=True, pages="1")
    )
    assert merged == PrintOptions(auto_rotate=False, pages="")


def test_a_size_never_mixes_with_another_layers_paper() -> None:
    size = PrintOptions(paper_width=100, paper_height=50)
    assert merge_options(PrintOptions(paper="A4"), size) == PrintOptions(paper="A4")
    assert merge_options(size, PrintOptions(paper="A4")) == size
    assert merge_options(PrintOptions(paper_width=1), size) == PrintOptions(paper_width=1)


@pytest.mark.parametrize(
    "stored", [{}, {"paper_id": 9}, {"copies": 1}, {"paper_id": "x", "copies": 1}]
)
def test_damaged_storage(stored: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="without paper or copies"):
        ResolvedOptions.from_dict(stored)
