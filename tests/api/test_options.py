"""Print options: layers, storage."""

import pytest

from custom_components.lianke.api.options import PrintOptions, ResolvedOptions, options_in


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
