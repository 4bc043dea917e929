"""What scanners say they can do, in whatever shape, and what is refused because of it."""

from typing import Any

import pytest

from custom_components.lianke.const import ScanColor, ScanSource
from custom_components.lianke.input_error import InputError
from custom_components.lianke.scanner.scan_job import ScanRequest
from custom_components.lianke.scanner.scanner_abilities import ScannerAbilities

LISTS: dict[str, list[Any]] = {
    "colorMode": ["RGB24", "Grayscale8"],
    "inputSource": ["Platen", "ADF"],
    "format": ["JPEG", "PDF"],
    "duplex": [0, 1],
    "size": ["A4", "A5", "Letter"],
    "resolution": [75, 300],
}
FED = ScanSource.FEEDER


@pytest.mark.parametrize(
    "params",
    [
        LISTS,
        {name: ",".join(map(str, values)) for name, values in LISTS.items()} | {"duplex": True},
        {"params": {name: {"values": values} for name, values in LISTS.items()}, "adfDuplex": "1"},
        {"row": [{"key": name, "options": values} for name, values in LISTS.items()], "Duplex": 1},
    ],
)
def test_abilities_are_read_wherever_they_are(params: dict[str, Any]) -> None:
    assert ScannerAbilities.from_params(params) == ScannerAbilities(
        colors={ScanColor.COLOR: "RGB24", ScanColor.GRAY: "Grayscale8"},
        sources=frozenset(ScanSource),
        duplex=True,
        sizes=("A4", "A5", "Letter"),
    )


@pytest.mark.parametrize("params", [{}, {"data": None}, {"x": [1, 2, {"y": "z"}]}, {"duplex": "?"}])
def test_unknown_stays_unknown_and_is_not_refused(params: dict[str, Any]) -> None:
    abilities = ScannerAbilities.from_params(params)
    assert abilities == ScannerAbilities()
    request = ScanRequest(color=ScanColor.MONO, source=FED, duplex=True, size="B4")
    assert abilities.fields(request) == {
        "colorMode": "BlackAndWhite1",
        "inputSource": "ADF",
        "format": "JPEG",
        "duplex": 1,
        "size": "B4",
    }


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (ScanRequest(color=ScanColor.MONO), "scan_no_mono"),
        (ScanRequest(duplex=True), "scan_duplex_glass"),
        (ScanRequest(size="A3"), "scan_no_size"),
        (ScanRequest(source=FED), "scan_no_feeder"),
    ],
)
def test_what_is_known_not_to_work_is_refused(request_: ScanRequest, reason: str) -> None:
    abilities = ScannerAbilities.from_params(LISTS | {"inputSource": ["Platen"], "duplex": [0]})
    with pytest.raises(InputError) as caught:
        abilities.fields(request_)
    assert caught.value.reason == reason


def test_a_feeder_that_scans_one_side() -> None:
    abilities = ScannerAbilities.from_params(LISTS | {"duplex": [0]})
    with pytest.raises(InputError) as caught:
        abilities.fields(ScanRequest(source=FED, duplex=True))
    assert caught.value.reason == "scan_no_duplex"


def test_abilities_are_bounded() -> None:
    many: list[Any] = [f"A{number % 100}" for number in range(60)]
    assert len(ScannerAbilities.from_params({"size": many}).sizes or ()) == 40
    assert (
        ScannerAbilities.from_params({"x": [f"?{n}" for n in range(500)], "size": ["A4"]}).sizes
        is None
    )
    deep: Any = ["A4"]
    for _ in range(6):
        deep = {"x": deep}
    assert ScannerAbilities.from_params(deep).sizes is None
