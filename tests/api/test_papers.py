"""Standard papers."""

from custom_components.lianke.api.capabilities import STANDARD, standard_paper


def test_standard_papers() -> None:
    assert len({paper.paper_id for paper in STANDARD}) == len(STANDARD)
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
