"""The two READMEs taken apart: sections, tables, examples, links."""

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
FILES = {"en": ROOT / "README.md", "zh-Hans": ROOT / "README.zh-Hans.md"}
LANGUAGES = tuple(FILES)


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table: its text without marks, and what stands in it as code."""

    text: str
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """A block of code: its language and content."""

    kind: str
    content: str

    @property
    def data(self) -> Any:
        """Return what the YAML in it says."""
        return yaml.safe_load(self.content)


@dataclass(slots=True)
class Section:
    """A heading with what stands below it, up to the next heading."""

    title: str
    level: int
    tables: list[list[list[Cell]]] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Return the paragraphs and list items as plain text."""
        return "\n".join(self.texts)

    def rows(self, number: int = 0) -> list[list[Cell]]:
        """Return the rows of a table without its head."""
        return self.tables[number][1:]


@cache
def read(language: str) -> list[Section]:
    """Return the sections of a README, in order."""
    return list(_sections(FILES[language].read_text("utf-8")))


def section(language: str, title: str) -> Section:
    """Return the section with this English title; in another language, the one in its place."""
    place = next(number for number, one in enumerate(read("en")) if one.title == title)
    return read(language)[place]


def anchor(title: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    kept = re.sub(r"[^\w\- ]", "", title.lower())
    return kept.replace(" ", "-")


def fragment(example: str) -> dict[str, Any]:
    """Return the data of an example in a table, such as `copies: 2`."""
    found: dict[str, Any] = yaml.safe_load(f"{{{example}}}")
    return found


def _sections(text: str) -> Iterator[Section]:
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    current: Section | None = None
    for number, token in enumerate(tokens):
        if token.type == "heading_open":
            if current is not None:
                yield current
            current = Section(tokens[number + 1].content, int(token.tag[1:]))
        elif current is None:
            continue
        elif token.type == "table_open":
            current.tables.append([])
        elif token.type == "tr_open":
            current.tables[-1].append([])
        elif token.type == "fence":
            current.examples.append(Example(token.info, token.content))
        elif token.type == "html_block":
            current.images += re.findall(r'src="([^"]+)"', token.content)
        elif token.type == "inline":
            _add_inline(current, token, tokens[number - 1])
    if current is not None:
        yield current


def _add_inline(current: Section, token: Token, opener: Token) -> None:
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
    elif opener.type != "heading_open":
        current.texts.append(plain)
