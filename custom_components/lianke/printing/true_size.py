"""Choose the scale of scans: they are printed as large as their originals unless somebody chose a scale."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from homeassistant.core import HomeAssistant

from ..api.options import SCALES, ResolvedOptions
from ..documents.conversion import document_file_name
from ..documents.document import CONTENT_TYPES, Document, FileType
from ..documents.pdf_client import PdfError, async_get_pdf_worker
from ..documents.sources import DocumentRequest
from ..pdf.writer import is_true_size, true_size_of

# Tolerance in 0.1 mm by which a page may be larger than the paper and still fit, since its pixels are rounded.
_TOLERANCE: Final = 20


async def async_true_size(
    hass: HomeAssistant, request: DocumentRequest, document: Document, requested: Mapping[str, Any]
) -> tuple[Document, ResolvedOptions]:
    """Return a document, and the options that print a scan as `async_scale_of_scan` says; a picture becomes a PDF.

    Raises HomeAssistantError: disk_full.
    """
    run = hass.async_add_executor_job
    if (
        document.extension in (FileType.JPEG, FileType.PNG)
        and "scale" not in requested
        and await run(is_true_size, document.path)
    ):
        path = await request.spool.async_new_path(FileType.PDF)
        join: dict[str, Any] = {"paths": [str(document.path)], "target": str(path), "mono": False}
        join["limit"] = request.limit_bytes
        with suppress(PdfError):
            await async_get_pdf_worker(hass).async_run_pdf_task(
                "join_scans", join, user=request.user
            )
            document = replace(
                document,
                path=path,
                name=document_file_name(document.name, FileType.PDF),
                content_type=CONTENT_TYPES[FileType.PDF],
                extension=FileType.PDF,
                size=(await run(path.stat)).st_size,
            )
    return document, await async_scale_of_scan(hass, document.path, requested, request.options)


async def async_scale_of_scan(
    hass: HomeAssistant, path: Path, requested: Mapping[str, Any], options: ResolvedOptions
) -> ResolvedOptions:
    """Return the options that print the document at `path` in its true size if it is a scan that fits on the paper.

    The options of a scan that does not fit lose the scale `none`. Other documents, and those for which a scale is
    `requested`, keep their options.
    """
    size = None
    if "scale" not in requested and options.paper is not None:
        # If the document is gone, printing again refuses it later with its own error.
        with suppress(OSError):
            size = await hass.async_add_executor_job(true_size_of, path)
    if size is None or options.paper is None:
        return options
    room = sorted((options.paper.width, options.paper.height))
    if all(side <= most + _TOLERANCE for side, most in zip(size, room, strict=True)):
        return replace(options, scale=SCALES["none"])
    # The scan does not fit on this paper. Its true size, which comes from the defaults or from the larger paper of the
    # job that is printed again, would cut it off.
    return replace(options, scale=None) if options.scale == SCALES["none"] else options
