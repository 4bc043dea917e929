"""A document: a file in the spool with its type, size and pages."""

from dataclasses import dataclass
import hashlib
import json
from pathlib import Path
from typing import Final

from ..api.upload import UploadFile

CONTENT_TYPES: Final = {
    ".pdf": "application/pdf",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".bmp": "image/bmp",
    ".gif": "image/gif",
    ".tiff": "image/tiff",
    ".doc": "application/msword",
    ".xls": "application/vnd.ms-excel",
    ".ppt": "application/vnd.ms-powerpoint",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".html": "text/html",
    ".prn": "application/octet-stream",
}
"""The types the service takes (lianke-api: POST /print/job, jobFile)."""


def digest_of(*asked: object) -> str:
    """Return the digest of a request for a document."""
    return hashlib.sha256(json.dumps(asked, default=str).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A file ready to be uploaded.

    `path` is in the spool until a job takes it over. `name` carries the extension that
    fits the content. `size` is in bytes, `pages` is None when it cannot be known here; then
    `pages_at_most` may be known. `counted_for` names the printer and options that `pages` is
    right for where the service has counted them, None where it is for all. `title` is what a
    user may see of it and quotes none of its content. `digest` tells documents apart by what
    was asked for, where one is made here and so carries the time; None where its bytes do.
    `ticket` lets the service reuse what it has prepared for the printer and options named by
    `ticket_scope`.
    """

    path: Path
    name: str
    content_type: str
    extension: str
    size: int
    pages: int | None
    title: str
    digest: str | None = None
    pages_at_most: int | None = None
    counted_for: str | None = None
    ticket: str | None = None
    ticket_scope: str | None = None

    @property
    def upload(self) -> UploadFile:
        """Return the file as the client uploads it."""
        return UploadFile(
            path=self.path,
            name=self.name,
            content_type=self.content_type,
            size=self.size,
        )
