"""What kind of machine a printer is: the service's number, or what its names give away."""

from enum import IntEnum
import re


class Species(IntEnum):
    """What kind of machine a printer is (`species`)."""

    UNKNOWN = 0
    DOT_MATRIX = 1
    RECEIPT = 2
    LABEL = 3
    LASER = 4
    INKJET = 5
    DYE_SUBLIMATION = 6
    CARD = 7


_LABEL = re.compile(
    r"label|标签|条码|barcode|zdesigner|zebra|\bxp-?[34]\d\d|\bgp-?1[1-5]\d\d|\btsc\b|godex|argox",
    re.IGNORECASE,
)
_RECEIPT = re.compile(
    r"esc ?/ ?pos|escpos|\bpos-?(58|76|80)|\bxp-?(58|76|80|[nqt]\d)|receipt|小票|热敏|thermal",
    re.IGNORECASE,
)
MAX_NAME = 255


def guess_species(*names: str) -> Species:
    """Return the species that a printer's names give away: only those on narrow paper, else UNKNOWN."""
    for species, words in ((Species.LABEL, _LABEL), (Species.RECEIPT, _RECEIPT)):
        if any(words.search(name[:MAX_NAME]) for name in names):
            return species
    return Species.UNKNOWN
