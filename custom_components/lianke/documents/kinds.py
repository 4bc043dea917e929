"""Kinds of sources."""

from enum import StrEnum

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
