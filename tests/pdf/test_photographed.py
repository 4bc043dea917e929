"""Photos of known pages: where they are, what shape they have, and whether another program reads them as well."""

import os
from pathlib import Path
from typing import Any

from PIL import Image
import pytest

from custom_components.lianke.pdf.photographed import clean_page
from tests.needs import chromium, poppler, tesseract

from .photos import PAGES, alike, page, photograph, read

# Of four times as many by hand.
SEEDS = range(int(os.environ.get("LIANKE_PHOTOS", "12")))
AS_WELL = 0.98


def cleaned(folder: Path, data: bytes, corners: Any = None, number: int = 0) -> Image.Image:
    """Return the page that is made of a photo."""
    source, target = folder / f"{number}.source", folder / f"{number}.jpg"
    source.write_bytes(data)
    clean_page(
        {
            "path": str(source),
            "page": 0,
            "target": str(target),
            "limit": 50 * 1024**2,
            "corners": corners,
        }
    )
    assert target.stat().st_mode & 0o777 == 0o600
    with Image.open(target) as made:
        made.load()
        return made


@chromium
@poppler
@tesseract
@pytest.mark.long
@pytest.mark.timeout(600)
def test_text_is_read_as_well_as_that_of_the_page(tmp_path: Path) -> None:
    """By Tesseract, from photos with shadows, hands and noise, which lie on wood, cloth or a light desk."""
    language = {name: "chi_sim" if name == "chinese" else "eng" for name in PAGES}
    texts = {name: read(page(name), language[name]) for name in PAGES}
    told: list[tuple[float, int, str]] = []
    for seed in SEEDS:
        name = [*PAGES][seed % len(PAGES)]
        made = cleaned(tmp_path, photograph(page(name), seed).data, number=seed)
        told.append((alike(read(made, language[name]), texts[name]), seed, name))
    told.sort()
    assert sum(score for score, _, _ in told) / len(told) >= AS_WELL, told[:8]
    assert told[0][0] >= 0.95, told[:8]
