"""Which printers of a box a form offers."""

from collections.abc import Callable, Container, Iterable, Mapping
from typing import Final

from homeassistant.helpers.selector import SelectOptionDict, SelectSelector, SelectSelectorConfig

from ..api.models import DriverState, Printer, Species
from ..box.storage import StoredPrinter

CONF_TARGET: Final = "target"

type Fit = Callable[[Printer], int]
"""Return how well a printer fits, higher is better, 0 for not at all."""

_DRIVERLESS: Final = frozenset({DriverState.AWAITING, DriverState.UNSUPPORTED})
# Many rows name no species.
_NOZZLES: Final[Mapping[Species, int]] = {Species.INKJET: 2, Species.UNKNOWN: 1}


def fitting(printer: Printer) -> int:
    """Fit every printer that can print: one without a driver cannot."""
    return int(printer.driver not in _DRIVERLESS)


def ink_jets(printer: Printer) -> int:
    """Fit ink-jets, and, less well, printers that may be one."""
    return fitting(printer) and _NOZZLES.get(printer.species, 0)


def offers(
    known: Iterable[StoredPrinter], fit: Fit, chosen: Container[str]
) -> list[SelectOptionDict]:
    """Return the printers that fit, the best first.

    Those in `chosen` are offered whatever they are: what has been set for one can be taken back.
    """
    fits = sorted(
        (one for one in known if fit(one.printer) or one.key in chosen),
        key=lambda one: (one.key in chosen, fit(one.printer)),
        reverse=True,
    )
    return [SelectOptionDict(value=one.key, label=one.name) for one in fits]


def one_of(options: list[SelectOptionDict]) -> SelectSelector:
    """Return a choice between the whole box and printers, or printers alone."""
    return SelectSelector(SelectSelectorConfig(options=options, translation_key=CONF_TARGET))
