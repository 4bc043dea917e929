"""A document: a file in the spool with its type, size and pages; and the kinds of sources it comes from."""

from dataclasses import dataclass, field
from enum import StrEnum
import hashlib
import json
from pathlib import Path

from ..api.stored import Record
from ..api.upload import UploadFile
from ..errors import InputError


def digest_of(*asked: object) -> str:
    """Return the digest of a request for a document."""
    return hashlib.sha256(json.dumps(asked, default=str).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file; blocking."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def too_large(name: str, limit_bytes: int) -> InputError:
    """Return the error for a file above the limit, given in MB."""
    return InputError("file_too_large", name=name, limit=str(limit_bytes // 1024**2))


@dataclass(frozen=True, kw_only=True, slots=True)
class Document(UploadFile, Record):
    """A file ready to be uploaded.

    `path` is in the spool until a job takes it over. `name` carries the extension that
    fits the content. `pages` is None when it cannot be known here; then
    `pages_at_most` may be known. `counted_for` names the printer and options that `pages` is
    right for where the service has counted them, None where it is for all. `title` is what a
    user may see of it and quotes none of its content; `foreign_title` says that the server that it came from wrote it.
    `snapshot` says that a camera or image is on it, which is of no use tomorrow.
    `digest` tells documents apart by what
    was asked for, where one is made here and so carries the time; None where its bytes do.
    `ticket` lets the service reuse what it has prepared for the printer and options named by
    `ticket_scope`.
    """

    extension: str
    pages: int | None
    title: str
    foreign_title: bool = False
    snapshot: bool = False
    digest: str | None = None
    pages_at_most: int | None = None
    counted_for: str | None = None
    ticket: str | None = field(default=None, repr=False)
    ticket_scope: str | None = None


RAW_ENCODINGS = ("utf-8", "gb18030")


class SourceKind(StrEnum):
    """The kinds of sources; the values are the names of the actions' fields."""

    UPLOAD = "upload"
    MEDIA = "media"
    FILE = "file"
    URL = "url"
    ENTITY = "source_entity"
    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"
    CONTENT = "content"
    DOCUMENT = "document"
