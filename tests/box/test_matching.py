"""Which row is which printer."""

from dataclasses import replace

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.lianke.api.models import DriverState, Printer
from custom_components.lianke.box.printer_identity import assign
from tests.examples import examples

LASER = Printer(
    row_id=1,
    hash_id="h1",
    name="Laser",
    model="MA2000w",
    driver=DriverState.SUPPORTED,
    is_printer=True,
    port=1,
    product="MA2000w",
)
LABEL = Printer(
    row_id=2,
    hash_id="h2",
    name="Label",
    model="GP-1324D",
    driver=DriverState.SUPPORTED,
    is_printer=True,
    port=2,
)
INKJET = Printer(
    row_id=3,
    name="Ink",
    model="L3250",
    driver=DriverState.SUPPORTED,
    is_printer=True,
    port=631,
    ip_address="192.168.1.9",
)
TWIN = replace(LASER, row_id=None, hash_id=None, product=None)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(replace(LASER, row_id=9, port=4, model="New"), id="hash alone"),
        pytest.param(replace(LASER, hash_id=None, port=4, model="New"), id="row id alone"),
        pytest.param(replace(LASER, hash_id="late"), id="row id, though the hash has come late"),
        pytest.param(replace(LASER, hash_id=None, row_id=9), id="port and model"),
        pytest.param(
            replace(LASER, hash_id=None, row_id=9, port=4), id="only vanished of its model"
        ),
        pytest.param(
            replace(LASER, hash_id=None, row_id=9, model="New"), id="port and product, new driver"
        ),
    ],
)
def test_recognises_the_laser(row: Printer) -> None:
    found, unknown = assign([LABEL, row], {"laser": LASER, "label": LABEL})
    assert found == {"laser": row, "label": LABEL}
    assert not unknown


def test_stronger_evidence_goes_first() -> None:
    """Two of a model swapped their ports: the hash tells, not the port."""
    other = replace(LASER, row_id=5, hash_id="h5", port=2)
    swapped = [replace(LASER, port=2, row_id=None), replace(other, port=1, row_id=None)]
    found, _ = assign(swapped, {"one": LASER, "two": other})
    assert found["one"].hash_id == "h1"
    assert found["two"].hash_id == "h5"


def test_two_vanished_of_a_model_are_not_guessed() -> None:
    known = {"one": TWIN, "two": replace(TWIN, port=2)}
    found, unknown = assign([replace(TWIN, port=4)], known)
    assert not found
    assert len(unknown) == 1


def test_one_of_two_twins_that_moved_is_found_by_elimination() -> None:
    known = {"one": TWIN, "two": replace(TWIN, port=2)}
    found, unknown = assign([TWIN, replace(TWIN, port=4)], known)
    assert found == {"one": TWIN, "two": replace(TWIN, port=4)}
    assert not unknown


def test_a_mark_borne_twice_tells_nothing() -> None:
    rows = [replace(LASER, port=1), replace(LASER, port=2)]
    found, _ = assign(rows, {"laser": LASER})
    # The hash and the id are on both rows; the port decides.
    assert found == {"laser": rows[0]}


def test_another_machine_in_the_same_port_is_another_printer() -> None:
    stranger = replace(LABEL, row_id=8, hash_id="h8", port=1)
    found, unknown = assign([stranger], {"laser": LASER})
    assert not found
    assert unknown == [stranger]


def test_support_has_arrived() -> None:
    waiting = replace(
        LASER, row_id=None, hash_id=None, model="", driver=DriverState.AWAITING, product=None
    )
    supported = replace(LABEL, row_id=8, port=1)
    found, _ = assign([supported], {"waiting": waiting})
    assert found == {"waiting": supported}


def test_support_arrived_for_another_product_than_the_one_that_waited() -> None:
    waiting = replace(LASER, row_id=None, hash_id=None, driver=DriverState.AWAITING)
    other = replace(LABEL, row_id=8, port=1, product="GP-1324D")
    found, unknown = assign([other], {"waiting": waiting})
    assert not found
    assert unknown == [other]


def test_no_printer_is_recognised_by_weak_evidence_alone() -> None:
    """A memory stick in the port of a vanished printer."""
    stick = replace(LASER, row_id=9, hash_id=None, is_printer=False, model="", product="Stick")
    found, unknown = assign([stick], {"laser": LASER})
    assert not found
    assert unknown == [stick]


def test_a_busy_row_that_names_nothing_is_not_guessed() -> None:
    busy = replace(LASER, hash_id=None, row_id=None, is_printer=False, model="", product=None)
    assert assign([busy], {"laser": LASER}) == ({}, [busy])


def test_network_printers_are_told_by_address() -> None:
    other = replace(INKJET, row_id=4, ip_address="192.168.1.10")
    rows = [replace(other, row_id=None), replace(INKJET, row_id=None)]
    found, unknown = assign(rows, {"one": INKJET, "two": other})
    assert found["one"].ip_address == "192.168.1.9"
    assert found["two"].ip_address == "192.168.1.10"
    assert not unknown


def test_a_usb_printer_is_not_taken_for_the_network_one_of_its_model() -> None:
    usb = replace(INKJET, row_id=9, port=1, ip_address=None)
    found, unknown = assign([usb], {"ink": INKJET})
    assert not found
    assert unknown == [usb]


PRINTERS = st.builds(
    Printer,
    row_id=st.none() | st.integers(1, 3),
    hash_id=st.none() | st.sampled_from(["a", "b"]),
    name=st.just("P"),
    model=st.sampled_from(["", "M", "N"]),
    driver=st.sampled_from(list(DriverState)),
    is_printer=st.booleans(),
    port=st.sampled_from([1, 2, 631]),
    ip_address=st.none() | st.sampled_from(["10.0.0.1", "10.0.0.2"]),
    product=st.none() | st.sampled_from(["X", "Y"]),
)


@settings(max_examples=examples(500), deadline=None)
@given(st.lists(PRINTERS, max_size=6), st.dictionaries(st.sampled_from("abcdef"), PRINTERS))
def test_every_row_is_given_once(rows: list[Printer], known: dict[str, Printer]) -> None:
    found, unknown = assign(rows, known)
    given_rows = [*found.values(), *unknown]
    assert sorted(map(id, given_rows)) == sorted(map(id, rows))
    assert found.keys() <= known.keys()


@settings(max_examples=examples(500), deadline=None)
@given(st.lists(PRINTERS, min_size=1, max_size=6))
def test_an_unchanged_list_with_ids_keeps_its_keys(printers: list[Printer]) -> None:
    known = {
        f"key {number}": replace(printer, row_id=number, hash_id=None)
        for number, printer in enumerate(printers)
    }
    assert assign(list(known.values())[::-1], known) == (known, [])
