"""The READMEs and the manual's pages taken apart: sections, tables, examples, links."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
import re
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
import yaml

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = "README"
READMES = {"en": ROOT / "README.md", "zh-Hans": ROOT / "README.zh-Hans.md"}
LANGUAGES = tuple(READMES)
PAGES = tuple(sorted(path.stem for path in (DOCS / "en").glob("*.md")))
DOCUMENTS = (README, *PAGES)


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table: its text without markup, and the parts of it that are code."""

    text: str
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """A block of code: its language and content."""

    kind: str
    content: str

    @property
    def data(self) -> Any:
        """Return the data of the YAML in the block."""
        return yaml.safe_load(self.content)


@dataclass(slots=True)
class Section:
    """A heading and everything below it, up to the next heading."""

    document: str
    title: str
    level: int
    tables: list[list[list[Cell]]] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    quotes: list[str] = field(default_factory=list)
    proses: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Return the paragraphs and list items as plain text, without quotes."""
        return "\n".join(self.texts)

    @property
    def prose(self) -> str:
        """Return the text without code."""
        return "\n".join(self.proses)

    def rows(self, number: int = 0) -> list[list[Cell]]:
        """Return the rows of a table without its head."""
        return self.tables[number][1:]


def path_of(language: str, document: str) -> Path:
    """Return the file of a document in a language."""
    return READMES[language] if document == README else DOCS / language / f"{document}.md"


@cache
def text_of(language: str, document: str) -> str:
    """Return a document's Markdown."""
    return path_of(language, document).read_text("utf-8")


@cache
def sections(language: str, document: str) -> list[Section]:
    """Return the sections of a document, in order."""
    return list(_sections(document, text_of(language, document)))


@cache
def read(language: str) -> list[Section]:
    """Return the sections of all documents, in order."""
    return [one for document in DOCUMENTS for one in sections(language, document)]


def section(language: str, title: str, document: str | None = None) -> Section:
    """Return the section with this English title; in another language, the section at the same position.

    document: needed only if several documents have a section with this title.
    """
    (found,) = [
        one for one in read("en") if one.title == title and document in {None, one.document}
    ]
    place = sections("en", found.document).index(found)
    return sections(language, found.document)[place]


def anchor(title: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    kept = re.sub(r"[^\w\- ]", "", title.lower())
    return kept.replace(" ", "-")


def fragment(example: str) -> dict[str, Any]:
    """Return the data of an example in a table, such as `copies: 2`."""
    found: dict[str, Any] = yaml.safe_load(f"{{{example}}}")
    return found


def _sections(document: str, text: str) -> Iterator[Section]:
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    current: Section | None = None
    quoted = 0
    for number, token in enumerate(tokens):
        if token.type == "heading_open":
            if current is not None:
                yield current
            title = tokens[number + 1].content.replace("`", "")
            current = Section(document, title, int(token.tag[1:]))
        elif current is None:
            continue
        elif token.type.startswith("blockquote"):
            quoted += token.nesting
        elif token.type == "table_open":
            current.tables.append([])
        elif token.type == "tr_open":
            current.tables[-1].append([])
        elif token.type == "fence":
            current.examples.append(Example(token.info, token.content))
        elif token.type == "html_block":
            current.images += re.findall(r'src="([^"]+)"', token.content)
        elif token.type == "inline":
            _add_inline(current, token, tokens[number - 1], quoted=bool(quoted))
    if current is not None:
        yield current


def _add_inline(current: Section, token: Token, opener: Token, *, quoted: bool) -> None:
    children = token.children or []
    current.links += [str(child.attrGet("href")) for child in children if child.type == "link_open"]
    for child in children:
        if child.type == "html_inline":
            current.images += re.findall(r'src="([^"]+)"', child.content)
    plain = "".join(
        " " if child.type == "softbreak" else child.content
        for child in children
        if child.type in {"text", "code_inline", "softbreak"}
    )
    if opener.type in {"th_open", "td_open"}:
        codes = tuple(child.content for child in children if child.type == "code_inline")
        current.tables[-1][-1].append(Cell(plain, codes))
    elif quoted:
        current.quotes.append(plain)
    elif opener.type != "heading_open" and plain:
        current.texts.append(plain)
        current.proses.append("".join(it.content for it in children if it.type == "text"))


def examples(language: str, page: str) -> list[dict[str, Any]]:
    """Return the data of a page's YAML examples, which are automations."""
    return [
        block.data
        for one in sections(language, page)
        for block in one.examples
        if block.kind == "yaml"
    ]
