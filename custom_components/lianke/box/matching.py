"""Matches the rows of a printer list to known printers.

The service promises no lasting name for a printer (lianke-api, "A printer row"), so rows are
matched by several criteria, the most certain first, and each row and printer only once.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import count

from ..api.models import DriverState, Printer

type _Key = Callable[[Printer], object | None]


def _place(printer: Printer) -> tuple[str, str | int | None]:
    """Return where a printer is attached: its address in the network, or its USB port."""
    return ("network", printer.ip_address) if printer.is_network else ("usb", printer.port)


def _by_hash(printer: Printer) -> object | None:
    return printer.hash_id


def _by_row(printer: Printer) -> object | None:
    return printer.row_id


def _by_place_and_model(printer: Printer) -> object | None:
    return (_place(printer), printer.model) if printer.model else None


def _by_model(printer: Printer) -> object | None:
    return (printer.is_network, printer.model) if printer.model else None


def new_key(printer: Printer, taken: Container[str]) -> str:
    """Return a key for a printer that was never seen, other than those taken.

    A box that is removed and added again gets the same keys for the same printers, and with them
    its devices, entities and cards: the key is made of what tells rows apart most certainly.
    """
    evidence = printer.hash_id or (*_place(printer), printer.model)
    keys = (sha256(repr((evidence, number)).encode()).hexdigest()[:32] for number in count())
    return next(key for key in keys if key not in taken)


def assign(
    rows: Sequence[Printer], known: Mapping[str, Printer]
) -> tuple[dict[str, Printer], list[Printer]]:
    """Return the rows of known printers by key, and the rows of printers never seen before.

    The order: `hash_id`; the row's id; port and model; the only vanished printer of that model;
    the port, where only the driver's name has changed since support for it has come.
    """
    found: dict[str, Printer] = {}
    left = list(rows)
    lost = dict(known)

    def give(key: str, row: Printer) -> None:
        found[key] = row
        # Equal rows are possible: the very same object is meant.
        del left[next(index for index, other in enumerate(left) if other is row)]
        del lost[key]

    def pair(
        evidence: _Key, *, agree: Callable[[Printer, Printer], bool] = lambda _, __: True
    ) -> None:
        if not left or not lost:
            return
        rows_by, lost_by = _unique(left, evidence), _unique_keys(lost, evidence)
        for mark in rows_by.keys() & lost_by.keys():
            if agree(known[lost_by[mark]], rows_by[mark]):
                give(lost_by[mark], rows_by[mark])

    pair(_by_hash)
    pair(_by_row)
    pair(_by_place_and_model)
    pair(_by_model, agree=lambda _, row: row.is_printer)
    pair(_place, agree=_got_its_driver)
    return found, left


def _unique(rows: Iterable[Printer], evidence: _Key) -> dict[object, Printer]:
    """Return rows by their mark, without the marks of several rows."""
    marked: dict[object, list[Printer]] = {}
    for row in rows:
        if (mark := evidence(row)) is not None:
            marked.setdefault(mark, []).append(row)
    return {mark: group[0] for mark, group in marked.items() if len(group) == 1}


def _unique_keys(printers: Mapping[str, Printer], evidence: _Key) -> dict[object, str]:
    """Return the keys of known printers by their mark, as `_unique` does for rows."""
    marked: dict[object, list[str]] = {}
    for key, printer in printers.items():
        if (mark := evidence(printer)) is not None:
            marked.setdefault(mark, []).append(key)
    return {mark: group[0] for mark, group in marked.items() if len(group) == 1}


def _got_its_driver(old: Printer, new: Printer) -> bool:
    """Return whether one port shows the same machine under its driver's new name.

    Another machine in the same port looks alike, so it must have waited for its driver, or name
    itself the same, and must not name itself otherwise.
    """
    if not new.is_printer:
        return False
    if old.product and new.product:
        return old.product == new.product
    return old.driver is not DriverState.SUPPORTED
