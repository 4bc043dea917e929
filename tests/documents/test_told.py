"""Files that are not what they seem: each is told as what it is, and not printed."""

from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from PIL import Image
import pytest

from custom_components.lianke.documents.document import FileType, SourceKind, sniff
from custom_components.lianke.documents.pdf_client import PdfError, async_get_pdf_worker
from custom_components.lianke.documents.spool import Spool
from custom_components.lianke.input_error import InputError
from custom_components.lianke.pdf.photo_to_page import clean_page
from tests.documents.conftest import fetched
from tests.pdf.sheets import REQUEST, draw_request

KEY = (
    b"-----BEGIN %sPRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n"
)


def with_catalog(entries: bytes, trailer: bytes = b"") -> bytes:
    """Return a PDF of a page with more in its catalog and its trailer."""
    parts = [
        b"<</Type/Catalog/Pages 2 0 R%s>>" % entries,
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>",
        b"<</Length 9>>stream\n<template>\nendstream",
    ]
    data, places = b"%PDF-1.7\n", []
    for number, part in enumerate(parts, start=1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return (
        data
        + b"xref\n0 5\n0000000000 65535 f \n%strailer\n<</Size 5/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF"
        % (
            table,
            trailer,
            len(data),
        )
    )


PUBLIC_KEY = b"/Encrypt<</Filter/Adobe.PubSec/SubFilter/adbe.pkcs7.s5/V 4/Length 128>>/ID[<01><01>]"
ATTACHED = b"/Names<</EmbeddedFiles<</Names[(a)<</Type/Filespec/F(a)/EF<</F 4 0 R>>>>]>>>>"
FILES: dict[str, tuple[bytes, str]] = {
    "certificate.pdf": (with_catalog(b"", PUBLIC_KEY), "pdf_certificate"),
    "form.pdf": (
        with_catalog(b"/NeedsRendering true/AcroForm<</Fields[]/XFA 4 0 R>>"),
        "pdf_dynamic_form",
    ),
    "portfolio.pdf": (
        with_catalog(b"/Collection<</Type/Collection/View/D>>" + ATTACHED),
        "pdf_collection",
    ),
    "server.key": (KEY % b"", "private_key"),
    "server.pem": (b"Bag Attributes\n" + KEY % b"RSA ", "private_key"),
    "id_ed25519": (KEY % b"OPENSSH ", "private_key"),
}


@pytest.mark.parametrize("name", FILES)
async def test_it_is_named(hass: HomeAssistant, spool: Spool, media: Path, name: str) -> None:
    data, reason = FILES[name]
    (media / name).write_bytes(data)
    with pytest.raises(InputError) as caught:
        await fetched(hass, spool, SourceKind.FILE, str(media / name))
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "data",
    [
        with_catalog(b""),
        with_catalog(b"/AcroForm<</Fields[]/XFA 4 0 R>>"),
        with_catalog(ATTACHED),
    ],
    ids=["plain", "form with pages", "invoice with its data"],
)
async def test_others_are_printed(
    hass: HomeAssistant, spool: Spool, media: Path, data: bytes
) -> None:
    (media / "x.pdf").write_bytes(data)
    assert (await fetched(hass, spool, SourceKind.FILE, str(media / "x.pdf"))).pages == 1


def test_a_key_that_is_named_as_text_is_text(tmp_path: Path) -> None:
    """Some keep one on paper, in a safe."""
    (tmp_path / "x").write_bytes(KEY % b"")
    assert sniff(tmp_path / "x", "backup.txt") is FileType.TEXT


@pytest.mark.parametrize("size", [(1200, 1600), (1600, 1200), (1000, 1300)])
def test_a_photo_without_a_page_keeps_its_proportions(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    """One of 3 to 4 was stretched to Letter."""
    Image.new("RGB", size, (120, 160, 90)).save(tmp_path / "x.png")
    request = {"path": str(tmp_path / "x.png"), "target": str(tmp_path / "made"), "page": 0}
    clean_page({**request, "limit": 2**25, "corners": None})
    with Image.open(tmp_path / "made") as made:
        assert made.width / made.height == pytest.approx(size[0] / size[1], rel=0.003)


@pytest.mark.parametrize("task", ["count", "draw", "lay_out", "split"])
async def test_a_pdf_that_a_certificate_opens_is_named(
    hass: HomeAssistant, tmp_path: Path, task: str
) -> None:
    """Whatever is to be done with it."""
    path = tmp_path / "x.pdf"
    path.write_bytes(FILES["certificate.pdf"][0])
    file = {"path": str(path), "is_pdf": True, "pages": [0]}
    target = str(tmp_path / "made.pdf")
    requests: dict[str, dict[str, Any]] = {
        "count": {"path": str(path)},
        "draw": draw_request(path, tmp_path / "made.jpg"),
        "lay_out": {**REQUEST, "files": [file], "target": target},
        "split": {
            "file": file,
            "parts": [{"target": target, "pages": [0], "turned": False}],
            "limit": 10**7,
            "upright": False,
        },
    }
    with pytest.raises(PdfError, match=r"^certificate$"):
        await async_get_pdf_worker(hass).async_run_pdf_task(task, requests[task])
