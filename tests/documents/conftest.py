"""A Home Assistant with folders of its own, and a spool."""

from pathlib import Path
from typing import Any

from homeassistant.core import Context, HomeAssistant
from PIL import Image
import pytest

from custom_components.lianke.api.capabilities import A4_ID
from custom_components.lianke.api.options import ResolvedOptions
from custom_components.lianke.documents.conversion import make_document
from custom_components.lianke.documents.document import Document, FileType, SourceKind
from custom_components.lianke.documents.pdf_client import PdfWorker, async_get_pdf_worker
from custom_components.lianke.documents.sources import DocumentRequest, Source, async_get_document
from custom_components.lianke.documents.spool import Spool, async_get_spool, write_bytes


async def fetched(
    hass: HomeAssistant,
    spool: Spool,
    kind: SourceKind,
    value: str,
    *,
    limit: int = 4 * 2**20,
    context: Context | None = None,
    **data: Any,
) -> Document:
    """Return the document that is made from the source a call names; `data` has the call's other fields."""
    (source,) = Source.all_in({kind.value: value, **data})
    async with spool.scope():
        document = await async_get_document(
            hass,
            source,
            DocumentRequest(spool, ResolvedOptions(paper_id=A4_ID), limit, context or Context()),
        )
        spool.release(document.path)
    return document


async def make(spool: Spool, data: bytes = b"hello") -> Document:
    """Write printer commands into the spool."""

    def write(path: Path) -> Document:
        write_bytes(path, data)
        return make_document(path, "label", title="Label", kind=FileType.RAW)

    return await spool.async_write(write)


def spooled(hass: HomeAssistant) -> list[str]:
    """Return the names of the files in the spool."""
    return sorted(path.name for path in Path(hass.config.cache_path("lianke", "spool")).iterdir())


@pytest.fixture
async def spool(hass: HomeAssistant) -> Spool:
    """Return the spool of this Home Assistant."""
    return await async_get_spool(hass)


@pytest.fixture
def worker(hass: HomeAssistant) -> PdfWorker:
    return async_get_pdf_worker(hass)


@pytest.fixture
def media(hass: HomeAssistant, tmp_path: Path) -> Path:
    """Make a media folder that Home Assistant may read."""
    folder = tmp_path / "media"
    folder.mkdir()
    hass.config.media_dirs = {"local": str(folder)}
    hass.config.allowlist_external_dirs = {str(folder)}
    return folder


def site_without_pdfium(folder: Path) -> Path:
    """Make a folder of packages for the PDF process, with Pillow and with a PDFium that does not run."""
    (folder / "pypdfium2").mkdir(parents=True)
    (folder / "pypdfium2" / "__init__.py").write_text("raise OSError('no libpdfium.so')")
    # `coverage` is for the full form of the tests, which measures the process.
    for name in ("PIL", "pillow.libs", "coverage"):
        (folder / name).symlink_to(Path(Image.__file__).parents[1] / name)
    return folder
