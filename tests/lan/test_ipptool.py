"""Debian's own IPP test suites against the printers of the simulated box."""

import asyncio
from pathlib import Path
import re
import shutil

from PIL import Image
import pytest

from tests.documents.rasters import GRAY, RGB, pack_rows, page_rows, pwg, pwg_header
from tests.household import INKJET, LABELS, LASER, OTHER_LASER
from tests.lan.conftest import Offer
from tests.simulator import make_pdf

IPPTOOL = shutil.which("ipptool")
SUITES = Path("/usr/share/cups/ipptool")
# Each with the version of the protocol that it speaks. The last includes those before it.
SUITE = {"ipp-1.1": "1.1", "ipp-2.0": "2.0", "ipp-everywhere": "2.0"}
FILE = re.compile(r"^\s*FILE (\S+)$", re.MULTILINE)
SAMPLE = re.compile(r"-(sgray-8|srgb-8)-(300|600)dpi\.pwg$")
OUTCOME = re.compile(r"^ {4}(\S.*?) +\[(PASS|SKIP|FAIL|\d+)\]$", re.MULTILINE)
# Tests that a suite leaves out, each by what the printer does not offer; nothing else may be left out.
SKIPPED = (
    # Nothing is fetched for strangers.
    "Print-URI",
    "Send-URI",
    # The printer has no banner sheets, no holding of jobs, and does not put pages together.
    "Standard Sheet",
    "job-hold-until",
    "Release-Job",
    "2-Up",
    # PostScript is no format of ours.
    "PostScript",
    # The suites look for an attribute "print-quality" of the printer, which there is none of.
    " Quality",
    # Raster pages are taken with 300 and 600 dots per inch, in grey and RGB of 8 bits.
    "@ 150dpi",
    "@ 180dpi",
    "@ 360dpi",
    "@ 720dpi",
    "black-1",
    "cmyk-8",
    "srgb-16",
    # Made for Send-URI.
    "RFC 8011 section 4.2.4: Create-Job Operation",
)
# Left out where a printer has no colour, no second side, none of these papers.
BY_PRINTER = ("srgb-8", "Duplex", "on 4x6", "A4", "US Letter")
# With the suites' own samples missing from the package, ours stand in their places.

pytestmark = [
    pytest.mark.skipif(IPPTOOL is None, reason="no ipptool"),
    pytest.mark.timeout(600),
]


@pytest.fixture
def suites(tmp_path: Path) -> Path:
    """Return a folder with the suites and a file for each that they send."""
    folder = tmp_path / "suites"
    folder.mkdir()
    for suite in SUITE:
        text = (SUITES / f"{suite}.test").read_text("utf-8")
        (folder / f"{suite}.test").write_text(text, "utf-8")
        for name in FILE.findall(text):
            if not name.startswith("$"):
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                make_sample(path)
    return folder


def make_sample(path: Path) -> None:
    """Write a sample of what a file's name says, empty for a kind that is not offered."""
    if path.suffix == ".pdf":
        path.write_bytes(make_pdf(2))
    elif path.suffix == ".jpg":
        Image.new("RGB", (60, 40), "red").save(path)
    elif found := SAMPLE.search(path.name):
        step = GRAY if found[1] == "sgray-8" else RGB
        rows = pack_rows(page_rows(60, 40, step), step)
        path.write_bytes(pwg(pwg_header(60, 40, step, int(found[2])) + rows))
    else:
        path.touch()


@pytest.mark.parametrize(
    ("suite", "name"),
    [
        ("ipp-1.1", LASER),
        *(
            pytest.param("ipp-everywhere", name, marks=pytest.mark.long)
            for name in (LASER, LABELS, INKJET, OTHER_LASER)
        ),
    ],
)
async def test_a_suite_passes(
    offer: Offer, suites: Path, tmp_path: Path, suite: str, name: str
) -> None:
    lan = await offer(name)
    file = tmp_path / "document.pdf"
    file.write_bytes(make_pdf(3))
    assert IPPTOOL is not None
    process = await asyncio.create_subprocess_exec(
        IPPTOOL,
        *("-4", "-t", "-T", "60", "-V", SUITE[suite], "-f", str(file)),
        lan.uri,
        f"{suite}.test",
        cwd=suites,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    said = out.decode()
    outcomes = OUTCOME.findall(said)
    assert not [test for test, outcome in outcomes if outcome == "FAIL"], said
    assert process.returncode == 0, said
    assert "cannot be read" not in said
    skipped = [test for test, outcome in outcomes if outcome == "SKIP"]
    known = SKIPPED + BY_PRINTER
    assert [test for test in skipped if not any(part in test for part in known)] == []
    assert len(outcomes) - len(skipped) > 20
