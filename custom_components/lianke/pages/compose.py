"""Compose self-contained HTML pages from text, Markdown, HTML and tables.

All functions are pure, but slow for a long text: run them in the executor.
"""

from dataclasses import replace
from html import escape

from ..input_error import InputError
from .clean import clean_html, read_frame
from .page import PageStyle, is_blank, page


def text_page(text: str, style: PageStyle, *, title: str) -> str:
    """Compose a page that shows text as it is written; long lines wrap."""
    body = f'<div class="plain">{escape(text.expandtabs(4))}</div>'
    return page(style, body, title=title)


def markdown_page(text: str, style: PageStyle, *, title: str, breaks: bool = True) -> str:
    """Compose a page of Markdown: CommonMark with tables and strikethrough.

    With `breaks`, line breaks are kept; otherwise lines are joined, which suits files, since their authors often wrap
    lines manually. HTML is escaped. Images must be QR codes (`qr:`) or data URIs; any other image is replaced by its
    alt text. Raises InputError: text_empty, and the errors of `render_markdown`.
    """
    # Imported only when needed: the parser would be a quarter of all modules that the integration loads.
    from .markdown import render_markdown  # noqa: PLC0415

    body = render_markdown(text, style, breaks=breaks)
    if is_blank(body):
        raise InputError("text_empty")
    return page(style, body, title=title)


def html_page(source: str, style: PageStyle, *, title: str) -> str:
    """Compose a page of HTML (a whole document or a part of a document); the page loads and runs nothing.

    Our styles for paper size, margins and fonts come first, so that the source can override them. Images with a `qr:`
    address become QR codes.
    Raises InputError: text_empty, html_too_deep, html_too_large, qr_empty, qr_too_long, too_many_codes.
    """
    frame = read_frame(source)
    body = clean_html(source)
    if is_blank(body):
        raise InputError("text_empty")
    if not frame.is_document:
        return page(style, body, title=title)
    return page(
        replace(style, header=None),
        body,
        title=title,
        html_attributes=frame.kept_attributes("html"),
        body_attributes=frame.kept_attributes("body"),
    )
