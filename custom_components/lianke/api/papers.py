"""Papers everybody knows by name, with the numbers Windows gives them (wingdi.h, DMPAPER_*); sizes in 0.1 mm."""

from collections.abc import Mapping

from .capabilities import Paper
from .name_matching import normalize_name

A4_ID = 9
CUSTOM_ID = 0
MAX_NARROW = 1120
"""0.1 mm; the widest usual label and receipt printers."""


def _paper(paper_id: int, name: str, width: int, height: int) -> Paper:
    """Return a paper whose printable area nobody told."""
    return Paper(
        paper_id=paper_id,
        name=name,
        width=width,
        height=height,
        printable_width=width,
        printable_height=height,
    )


STANDARD: tuple[Paper, ...] = (
    _paper(1, "Letter", 2159, 2794),
    _paper(3, "Tabloid", 2794, 4318),
    _paper(5, "Legal", 2159, 3556),
    _paper(6, "Statement", 1397, 2159),
    _paper(7, "Executive", 1842, 2667),
    _paper(8, "A3", 2970, 4200),
    _paper(A4_ID, "A4", 2100, 2970),
    _paper(11, "A5", 1480, 2100),
    _paper(12, "B4", 2570, 3640),
    _paper(13, "B5", 1820, 2570),
    _paper(14, "Folio", 2159, 3302),
    _paper(20, "Envelope 10", 1048, 2413),
    _paper(27, "Envelope DL", 1100, 2200),
    _paper(28, "Envelope C5", 1620, 2290),
    _paper(34, "Envelope B5", 1760, 2500),
    _paper(43, "Postcard", 1000, 1480),
    _paper(66, "A2", 4200, 5940),
    _paper(70, "A6", 1050, 1480),
    _paper(88, "B6", 1280, 1820),
    _paper(93, "16K", 1460, 2150),
    _paper(94, "32K", 970, 1510),
)

_ALIASES = {
    "jisb4": "b4",
    "b4(jis)": "b4",
    "jisb5": "b5",
    "b5(jis)": "b5",
    "b6(jis)": "b6",
    "usletter": "letter",
    "uslegal": "legal",
    "明信片": "postcard",
    "信纸": "letter",
}
_BY_NAME: Mapping[str, Paper] = {normalize_name(paper.name): paper for paper in STANDARD}
_BY_ID: Mapping[int, Paper] = {paper.paper_id: paper for paper in STANDARD}


def standard_paper(wanted: str | int) -> Paper | None:
    """Return the standard paper of that name (any case) or id, None when there is none."""
    if isinstance(wanted, int):
        return _BY_ID.get(wanted)
    name = normalize_name(wanted)
    return _BY_NAME.get(_ALIASES.get(name, name))


def are_mostly_narrow(papers: tuple[Paper, ...]) -> bool:
    """Return whether most of a printer's papers are labels and receipts, whatever else it lists."""
    return sum(min(paper.width, paper.height) <= MAX_NARROW for paper in papers) * 2 > len(papers)
