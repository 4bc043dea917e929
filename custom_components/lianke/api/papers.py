"""Standard papers with their Windows ids (wingdi.h, DMPAPER_*); sizes in 0.1 mm."""

from collections.abc import Mapping

from .capabilities import Paper
from .name_matching import normalize_name

A4_ID = 9
CUSTOM_ID = 0
MAX_NARROW = 1120
"""0.1 mm; the widest usual label and receipt printers."""


STANDARD: tuple[Paper, ...] = (
    Paper.of_size(1, "Letter", 2159, 2794),
    Paper.of_size(3, "Tabloid", 2794, 4318),
    Paper.of_size(5, "Legal", 2159, 3556),
    Paper.of_size(6, "Statement", 1397, 2159),
    Paper.of_size(7, "Executive", 1842, 2667),
    Paper.of_size(8, "A3", 2970, 4200),
    Paper.of_size(A4_ID, "A4", 2100, 2970),
    Paper.of_size(11, "A5", 1480, 2100),
    Paper.of_size(12, "B4", 2570, 3640),
    Paper.of_size(13, "B5", 1820, 2570),
    Paper.of_size(14, "Folio", 2159, 3302),
    Paper.of_size(20, "Envelope 10", 1048, 2413),
    Paper.of_size(27, "Envelope DL", 1100, 2200),
    Paper.of_size(28, "Envelope C5", 1620, 2290),
    Paper.of_size(34, "Envelope B5", 1760, 2500),
    Paper.of_size(43, "Postcard", 1000, 1480),
    Paper.of_size(66, "A2", 4200, 5940),
    Paper.of_size(70, "A6", 1050, 1480),
    Paper.of_size(88, "B6", 1280, 1820),
    Paper.of_size(93, "16K", 1460, 2150),
    Paper.of_size(94, "32K", 970, 1510),
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
    """Return whether most of a printer's papers are labels or receipts."""
    return sum(min(paper.width, paper.height) <= MAX_NARROW for paper in papers) * 2 > len(papers)
