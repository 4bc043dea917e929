"""What clients of eSCL ask for is read as they mean it, whatever else comes is refused, and answers are XML."""

from dataclasses import replace
import os
import random
from xml.etree import ElementTree as ET

import pytest

from custom_components.lianke.const import JPEG_TYPE, PDF_TYPE, ScanColor, ScanSource
from custom_components.lianke.escl import messages
from custom_components.lianke.escl.messages import (
    Area,
    EsclError,
    FeederState,
    Region,
    ScanJobInfo,
    ScanJobState,
    ScannerCapabilities,
    ScannerState,
    ScanSettings,
    capabilities_xml,
    parse_settings,
    status_xml,
)
from tests.escl.requests import NAMESPACES, SANE, spoiled

# A million in the long form: LIANKE_FUZZ=1000000.
FUZZED = int(os.environ.get("LIANKE_FUZZ", "5000"))


A4 = Area(2480, 3508)
ABLE = ScannerCapabilities(
    make_and_model="HP & Söhne <1>\x00",
    uuid="6f2d7c4e-55a0-4c36-9d5b-0e1f6c1f3a77",
    admin_url="http://192.168.1.2:8123/",
    icon_url="http://192.168.1.2:8123/icon.png",
    glass=A4,
    feeder=Area(2550, 4200),
    two_sided=True,
    colors=tuple(ScanColor),
    resolutions=messages.SCAN_RESOLUTIONS,
)


def asked(*elements: str) -> bytes:
    return f"<scan:ScanSettings {NAMESPACES}>{''.join(elements)}</scan:ScanSettings>".encode()


def test_all_that_is_asked_for() -> None:
    assert parse_settings(SANE) == ScanSettings(
        source=ScanSource.FEEDER,
        color=ScanColor.GRAY,
        dpi=150,
        format=JPEG_TYPE,
        two_sided=True,
        region=Region(10, 20, 1200, 900),
    )


@pytest.mark.parametrize(
    ("elements", "field", "value"),
    [
        ((), "region", None),
        ((), "source", None),
        ((), "dpi", 300),
        ((), "color", ScanColor.COLOR),
        (("<a:InputSource> Flatbed </a:InputSource>",), "source", ScanSource.GLASS),
        (("<InputSource>Adf</InputSource>",), "source", ScanSource.FEEDER),
        (("<scan:ColorMode>BlackAndWhite1</scan:ColorMode>",), "color", ScanColor.MONO),
        (("<x:DocumentFormat>application/pdf</x:DocumentFormat>",), "format", PDF_TYPE),
        (("<XResolution>123</XResolution>",), "dpi", 123),
        (("<Width>5</Width><Height>6</Height>",), "region", Region(0, 0, 5, 6)),
    ],
)
def test_what_is_left_out_is_the_scanners_choice(
    elements: tuple[str, ...], field: str, value: object
) -> None:
    assert getattr(parse_settings(asked(*elements)), field) == value


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\n    "])
def test_what_stands_before_the_declaration(before: bytes) -> None:
    """One client has blanks there. In whatever encoding a request claims to be, it is read as UTF-8."""
    assert parse_settings(before + SANE).dpi == 150
    assert parse_settings(before + SANE.replace(b"UTF-8", b"utf-7")).dpi == 150


SENSELESS = [
    b"",
    b"{}",
    SANE[:-5],
    SANE + b"<x/>",
    b"<ScanJobs/>",
    SANE.replace(b"2.0", b"\xff"),
    b'<!DOCTYPE ScanSettings><ScanSettings xmlns="x"/>',
    b'<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><ScanSettings>&d;</ScanSettings>',
    b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><ScanSettings>&b;</ScanSettings>',
    b'<!DOCTYPE a SYSTEM "http://192.0.2.1/x.dtd"><ScanSettings/>',
    asked("&unknown;"),
    asked("<InputSource>Camera</InputSource>"),
    asked("<ColorMode>RGB48</ColorMode>"),
    asked("<DocumentFormat>image/tiff</DocumentFormat>"),
    asked("<XResolution>300</XResolution><YResolution>150</YResolution>"),
    asked("<XResolution>-300</XResolution>"),
    asked("<XResolution>٣٠٠</XResolution>"),
    asked("<XResolution>3e2</XResolution>"),
    asked("<XResolution>74</XResolution>"),
    asked("<Width>1</Width><ContentRegionUnits>mm</ContentRegionUnits>"),
]


@pytest.mark.parametrize("data", SENSELESS, ids=range(len(SENSELESS)))
def test_what_makes_no_sense(data: bytes) -> None:
    with pytest.raises(EsclError):
        parse_settings(data)


def test_a_request_beyond_a_bound() -> None:
    inner = messages.MAX_ELEMENT_DEPTH - 1
    within = [
        SANE + b" " * (messages.MAX_SETTINGS_BYTES - len(SANE)),
        asked("<a/>" * (messages.MAX_SETTINGS_ELEMENTS - 1)),
        asked("<a>" * inner, "</a>" * inner),
        asked(f"<Width>{'9' * messages.MAX_SCAN_DIGITS}</Width>"),
        asked("<XResolution>600</XResolution>"),
    ]
    for data in within:
        parse_settings(data)
    beyond = [
        within[0] + b" ",
        asked("<a/>" * messages.MAX_SETTINGS_ELEMENTS),
        asked("<a>" * (inner + 1), "</a>" * (inner + 1)),
        asked(f"<Width>{'9' * (messages.MAX_SCAN_DIGITS + 1)}</Width>"),
        asked(f"<XResolution>{messages.MOST_SCAN_DPI + 1}</XResolution>"),
    ]
    for data in beyond:
        with pytest.raises(EsclError):
            parse_settings(data)


def test_regions_end_with_the_page() -> None:
    assert Region(0, 0, 2480, 3508).within(A4) == Region(0, 0, 2480, 3508)
    assert Region(2000, 3500, 999_999_999, 999_999_999).within(A4) == Region(2000, 3500, 480, 8)
    for nothing in (Region(2480, 0, 5, 5), Region(0, 4000, 5, 5), Region(0, 0, 0, 5)):
        with pytest.raises(EsclError):
            nothing.within(A4)


def test_what_a_scanner_can_do() -> None:
    """The prefixes are the ones that clients look for, whether or not they understand namespaces."""
    document = capabilities_xml(ABLE)
    assert b"<scan:PlatenInputCaps>" in document
    root = ET.fromstring(document)
    names = {
        "scan": "http://schemas.hp.com/imaging/escl/2011/05/03",
        "pwg": "http://www.pwg.org/schemas/2010/12/sm",
    }
    assert root.findtext("pwg:MakeAndModel", "", names) == "HP & Söhne <1>"
    for path, area in (
        ("scan:Platen/scan:PlatenInputCaps", (2480, 3508)),
        ("scan:Adf/scan:AdfSimplexInputCaps", (2550, 4200)),
        ("scan:Adf/scan:AdfDuplexInputCaps", (2550, 4200)),
    ):
        able = root.find(path, names)
        assert able is not None
        assert int(able.findtext("scan:MaxWidth", "", names)) == area[0]
        assert int(able.findtext("scan:MaxHeight", "", names)) == area[1]
        modes = [one.text for one in able.iterfind(".//scan:ColorMode", names)]
        assert modes == ["RGB24", "Grayscale8", "BlackAndWhite1"]
        found = [one.text for one in able.iterfind(".//scan:XResolution", names)]
        assert found == [str(dpi) for dpi in messages.SCAN_RESOLUTIONS]
        formats = [one.text for one in able.iterfind(".//pwg:DocumentFormat", names)]
        assert formats == [JPEG_TYPE, PDF_TYPE]


def test_how_a_scanner_is() -> None:
    job = ScanJobInfo(
        path="/a/b", uuid="b", age=7, state=ScanJobState.COMPLETED, taken=2, waiting=0
    )
    document = status_xml([job], ScannerState.IDLE, None).decode()
    for wanted in (
        "<pwg:State>Idle</pwg:State>",
        "<pwg:JobUri>/a/b</pwg:JobUri>",
        "<pwg:ImagesCompleted>2</pwg:ImagesCompleted>",
        "<pwg:JobStateReason>JobCompletedSuccessfully</pwg:JobStateReason>",
    ):
        assert wanted in document
    assert "AdfState" not in document
    failed = replace(job, state=ScanJobState.ABORTED, cause="ResourcesAreNotReady")
    document = status_xml([failed], ScannerState.STOPPED, FeederState.JAM).decode()
    for wanted in (
        "<pwg:State>Stopped</pwg:State><scan:AdfState>ScannerAdfJam</scan:AdfState>",
        "<pwg:JobState>Aborted</pwg:JobState>",
        (
            "<pwg:JobStateReason>AbortedBySystem</pwg:JobStateReason>"
            "<pwg:JobStateReason>ResourcesAreNotReady</pwg:JobStateReason>"
        ),
    ):
        assert wanted in document


@pytest.mark.timeout(1200)
def test_fuzzed_requests_raise_nothing_but_their_own_error() -> None:
    chance = random.Random(20261128)
    read = refused = 0
    for _ in range(FUZZED):
        try:
            found = parse_settings(spoiled(chance))
            # What could be read can be scanned, or lies beside the page.
            if found.region is not None:
                left, top, width, height = found.region.within(A4)
                assert 0 < width <= A4.width - left
                assert 0 < height <= A4.height - top
            read += 1
        except EsclError:
            refused += 1
    # Both ways were taken often enough to say something.
    assert read > FUZZED / 50
    assert refused > FUZZED / 5
