"""Damaged OFD files neither crash nor fill the PDF process."""

from io import BytesIO
from pathlib import Path
import random
import zipfile

import pypdfium2
import pytest

from custom_components.lianke.documents.ofd_files import OFD_SECONDS
from custom_components.lianke.documents.pdf_client import PdfError, PdfWorker
from custom_components.lianke.pdf.process import MEMORY
from tests import needs
from tests.examples import examples
from tests.pdf.ofd_samples import (
    color,
    embedded,
    make_cff,
    make_font,
    packed,
    pictures,
    plain,
    seal_of,
    sealed,
    shape,
    signature_of,
    stamp,
    text,
)


def mutated(data: bytes, rolled: random.Random) -> bytes:
    """Return a file of which some bytes differ, a piece is missing or repeated, or the end is gone."""
    made = bytearray(data)
    for _ in range(rolled.choice((1, 3, 20))):
        at = rolled.randrange(len(made))
        match rolled.randrange(5):
            case 0:
                made[at] = rolled.randrange(256)
            case 1:
                del made[at : at + rolled.randrange(1, 40)]
            case 2:
                made[at:at] = made[at : at + rolled.randrange(1, 40)]
            case 3:
                made[at : at + 4] = rolled.choice((b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff"))
            case _ if rolled.random() < 0.2:
                del made[max(at, 100) :]
    return bytes(made)


def mutated_parts(parts: dict[str, bytes], rolled: random.Random) -> bytes:
    """Return a whole ZIP file of which one part is damaged, as no damage of the packed file can reach so deep."""
    name = rolled.choice(sorted(parts))
    return packed(parts | {name: mutated(parts[name], rolled)})


def _parts() -> dict[str, bytes]:
    files = {
        "Doc_0/Res/a.ttf": make_font("一二三abc"),
        "Doc_0/Res/b.otf": make_cff(3, range(500, 502)),
        "Doc_0/Res/c.png": plain("red"),
        "Doc_0/Res/d.jpg": plain("red", kind="JPEG"),
    }
    fonts = embedded() + embedded("b.otf").replace('ID="1"', 'ID="2"')
    points = "".join(
        f'<ofd:Point X="{x}" Y="{y}" EdgeFlag="{x % 3}">{color("9 9 9", "Color")}</ofd:Point>'
        for x, y in ((0, 0), (30, 0), (0, 30), (31, 30))
    )
    content = (
        "".join(
            shape(
                "M 0 0 L 30 0 L 0 30 C",
                'Fill="true"',
                color("0", inner=f'<ofd:{mesh} VerticesPerRow="2">{points}</ofd:{mesh}>'),
            )
            for mesh in ("GouraudShd", "LaGouraudShd")
        )
        + text("一二三abc", deltas='DeltaX="g 5 9"')
        + text("甲", attributes='Size="8" Font="2"')
        + '<ofd:ImageObject ResourceID="7" Boundary="9 9 9 9"/>'
        '<ofd:ImageObject ResourceID="8" Boundary="9 9 9 9"><ofd:Border LineWidth="1"/></ofd:ImageObject>'
    )
    data = sealed(
        stamp("60 10 30 20"),
        value=signature_of(seal_of(plain("red"))),
        pages=[content],
        resources=fonts + pictures(p7="c.png", p8="d.jpg"),
        files=files,
    )
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.long
@needs.linux
@pytest.mark.timeout(600)
async def test_damaged_files_are_contained(tmp_path: Path, worker: PdfWorker) -> None:
    """Hundreds of damaged files: each is converted or refused by one and the same process, in time and memory."""
    rolled = random.Random(33190)
    parts = _parts()
    source, target = tmp_path / "x.ofd", tmp_path / "x.pdf"
    reasons: dict[str, int] = {}
    processes: set[int | None] = set()
    for number in range(examples(200)):
        damaged = (
            mutated(packed(parts), rolled) if number % 3 == 0 else mutated_parts(parts, rolled)
        )
        source.write_bytes(damaged)
        target.unlink(missing_ok=True)
        request = {"path": str(source), "target": str(target), "limit": 10**8}
        try:
            answer = await worker.async_run_pdf_task("ofd", request, seconds=OFD_SECONDS)
            with pypdfium2.PdfDocument(target) as document:
                assert len(document) == answer["pages"]
                document[0].render(scale=0.5)
            reason = "incomplete" if answer["missing"] else "converted"
        except PdfError as err:
            reason = err.reason
            assert not target.exists()
        reasons[reason] = reasons.get(reason, 0) + 1
        processes.add(worker.process_id)
    assert len(processes) == 1, reasons
    assert {"incomplete", "converted", "damaged"} <= set(reasons) <= {
        "incomplete", "converted", "damaged", "ofd_too_large", "too_many_pages",
    }, reasons  # fmt: skip
    assert _peak(worker) < MEMORY / 2


def _peak(worker: PdfWorker) -> int:
    status = Path(f"/proc/{worker.process_id}/status").read_text("utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line) * 1024
