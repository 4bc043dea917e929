"""Seals of OFD files lie where their signatures put them, as the signer's picture shows them."""

from pathlib import Path
from typing import Any

import pytest

from tests.pdf.ofd_samples import (
    SQUARE,
    color,
    converted,
    der,
    make_ofd,
    plain,
    seal_of,
    sealed,
    shape,
    signature_of,
    stamp,
    text,
)

RED, WHITE = (255, 0, 0), (255, 255, 255)
PLACE = stamp("30 20 40 40")
BOX = (30, 20, 70, 60)
ROUND = plain("red")
OFD_SEAL = make_ofd(
    shape("M 0 0 L 100 0 L 100 80 L 0 80 C", 'Stroke="false" Fill="true"', color("255 0 0"))
)


@pytest.mark.parametrize("version", [1, 4])
@pytest.mark.parametrize(
    ("picture", "kind"),
    [
        (plain("red"), "PNG"),
        (plain("red", kind="JPEG"), "jpg"),
        (plain("red", kind="BMP"), "BMP"),
        (plain("red", kind="GIF"), "gif"),
        (OFD_SEAL, "ofd"),
    ],
)
def test_pictures_of_seals(tmp_path: Path, picture: bytes, kind: str, version: int) -> None:
    value = signature_of(seal_of(picture, kind, version=version), version=version)
    made = converted(tmp_path, sealed(PLACE, value=value))
    assert made.missing == {}
    assert made.ink() == pytest.approx(BOX, abs=0.3)
    assert made.at(50, 40)[0] > 240
    assert made.at(50, 40)[1] < 20


def test_what_is_below_a_seal_stays_readable(tmp_path: Path) -> None:
    below = shape("M 20 40 L 80 40", 'LineWidth="4"')
    value = signature_of(seal_of(plain("white", kind="JPEG"), "JPG"))
    made = converted(tmp_path, sealed(PLACE, value=value, pages=[below]))
    assert made.at(50, 40) == (0, 0, 0)


def test_a_seal_across_the_edges_of_pages(tmp_path: Path) -> None:
    """Each page has a strip of the seal (骑缝章): the seal lies beyond the edge, and a part of it is visible."""
    value = signature_of(seal_of(plain("red")))
    made = converted(
        tmp_path,
        sealed(
            stamp("80 20 40 40", 1, 'Clip="0 0 20 40"'),
            stamp("-20 20 40 40", 2, 'Clip="20 0 20 40"'),
            value=value,
            pages=["", "", ""],
        ),
    )
    assert made.missing == {}
    assert made.ink(0) == pytest.approx((80, 20, 100, 60), abs=0.3)
    assert made.ink(1) == pytest.approx((0, 20, 20, 60), abs=0.3)
    assert made.at(50, 40, 2) == WHITE


@pytest.mark.parametrize(
    ("value", "files"),
    [
        # The seal alone, in a file beside an unreadable signature.
        (b"unreadable", {"Doc_0/Signs/Sign_0/Seal.esl": seal_of(ROUND)}),
        # A signature within another (PKCS #7), as a string of bytes.
        (der(0x30, der(0x06, b"\x2a"), der(0xA0, der(0x04, signature_of(seal_of(ROUND))))), {}),
    ],
)
def test_seals_in_other_places(tmp_path: Path, value: bytes, files: dict[str, Any]) -> None:
    beside = "<ofd:Seal><ofd:BaseLoc>Seal.esl</ofd:BaseLoc></ofd:Seal>"
    made = converted(tmp_path, sealed(PLACE, beside, value=value, files=files))
    assert made.missing == {}
    assert made.ink() == pytest.approx(BOX, abs=0.3)


def _nested(depth: int) -> bytes:
    data = OFD_SEAL
    for _ in range(depth):
        data = sealed(PLACE, value=signature_of(seal_of(data, "ofd")))
    return data


BAD: list[tuple[tuple[str, ...], bytes | None]] = [
    ((PLACE,), None),
    ((PLACE,), b""),
    ((PLACE,), signature_of(seal_of(b"no picture"))),
    ((PLACE,), signature_of(seal_of(ROUND))[:-60]),
    ((PLACE,), signature_of(seal_of(b"PK\3\4no file", "ofd"))),
    # Something of the seal is missing.
    ((PLACE,), signature_of(seal_of(make_ofd(text("\ue000")), "ofd"))),
    ((PLACE,), signature_of(seal_of(_nested(2), "ofd"))),
    ((stamp("30 20 40 40", 9),), signature_of(seal_of(ROUND))),
    ((stamp("nowhere"),), signature_of(seal_of(ROUND))),
    # Far more values than any signature has.
    ((PLACE,), der(0x30, der(0x02, b"\1") * 10_001, seal_of(ROUND))),
    ((PLACE,), der(0x30, b"\x30\x80" * 200)),
]


@pytest.mark.parametrize(("stamps", "value"), BAD)
@pytest.mark.whole
def test_a_seal_that_cannot_be_drawn_is_named(
    tmp_path: Path, stamps: tuple[str, ...], value: bytes | None
) -> None:
    assert converted(tmp_path, sealed(*stamps, value=value)).missing["seal"] == [1]


def test_signatures_that_cannot_be_read_may_have_a_seal(tmp_path: Path) -> None:
    body = "<ofd:Signatures>Doc_0/Signs/Signatures.xml</ofd:Signatures>"
    assert converted(tmp_path, make_ofd("", body=body)).missing == {"seal": [1]}
    files = {"Doc_0/Signs/Sign_0/Signature.xml": "nothing"}
    made = converted(tmp_path, sealed(PLACE, value=signature_of(seal_of(ROUND)), files=files))
    assert "seal" in made.missing
    # A signature without a mark has nothing to show.
    assert converted(tmp_path, sealed(value=None)).missing == {}


def test_a_seal_in_a_seal(tmp_path: Path) -> None:
    made = converted(tmp_path, sealed(PLACE, value=signature_of(seal_of(_nested(1), "ofd"))))
    assert made.missing == {}
    # The inner seal's 40 × 40 mm of a page of 100 × 80 mm, pressed into 40 × 40 mm.
    assert made.ink() == pytest.approx((42, 30, 58, 50), abs=0.3)


def test_signatures_are_not_judged(tmp_path: Path) -> None:
    """The page may have been changed since: what is printed is what the file shows."""
    content = shape(SQUARE, 'Stroke="false" Fill="true"', color("0 0 255"))
    made = converted(tmp_path, sealed(PLACE, value=signature_of(seal_of(ROUND)), pages=[content]))
    assert made.at(25, 40) == (0, 0, 255)
