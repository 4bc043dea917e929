"""The READMEs and the manual against each other: same pages, same shape, links that lead somewhere, sizes."""

import ast
from pathlib import Path
import re
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from scripts.release import CHANGELOGS
from tests.manual.hass_versions import newest_home_assistant

from . import (
    DOCS,
    DOCUMENTS,
    LANGUAGES,
    PAGES,
    README,
    ROOT,
    Section,
    anchor,
    path_of,
    read,
    sections,
    text_of,
)

PAGES_OF_BOTH = [(document, language) for document in DOCUMENTS for language in LANGUAGES]
MAX_README = 12_000  # bytes
MAX_PAGE = 10 * 1024  # bytes
HOSTS = {
    "127.0.0.1",
    "192.168.1.20",
    "github.com",
    "img.shields.io",
    "lianke.yuque.com",
    "my.home-assistant.io",
    "open.liankenet.com",
    "www.example.com",
    "www.home-assistant.io",
}
IN_EACH_LANGUAGE = {"en": "../zh-Hans/", "zh-Hans": "../en/"}


def test_both_languages_have_the_same_pages() -> None:
    for language in LANGUAGES:
        pages = [
            path.stem
            for path in (DOCS / language).iterdir()
            if path.relative_to(ROOT).as_posix()
            not in CHANGELOGS  # the English one lies at the top
        ]
        assert sorted(pages) == list(PAGES)


def test_no_document_is_long() -> None:
    for document, language in PAGES_OF_BOTH:
        size = path_of(language, document).stat().st_size
        assert size <= (MAX_README if document == README else MAX_PAGE), (language, document)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_found(language: str) -> None:
    """The index names all of them; each leads back, and to its twin in the other language."""
    index = {link.partition("#")[0] for one in sections(language, "index") for link in one.links}
    assert {f"{page}.md" for page in PAGES} - index == {"index.md"}
    readme = f"../../{path_of(language, README).name}"
    for page in PAGES:
        first = sections(language, page)[0]
        assert first.level == 1, page
        expected = [f"{IN_EACH_LANGUAGE[language]}{page}.md", "index.md", readme]
        if page == "index":
            expected.remove("index.md")
        assert first.links[: len(expected)] == expected, page
        assert [one.level for one in sections(language, page)].count(1) == 1, page


def test_both_have_the_same_shape() -> None:
    """Same headings in the same order, with the same tables, examples, links and pictures."""
    for document in DOCUMENTS:
        english, chinese = sections("en", document), sections("zh-Hans", document)
        assert [one.level for one in chinese] == [one.level for one in english], document
        for ours, theirs in zip(english, chinese, strict=True):
            assert [[len(row) for row in table] for table in theirs.tables] == [
                [len(row) for row in table] for table in ours.tables
            ], ours.title
            assert [one.kind for one in theirs.examples] == [one.kind for one in ours.examples], (
                ours.title
            )
            assert len(theirs.texts) == len(ours.texts), ours.title
            assert len(theirs.images) == len(ours.images), ours.title
            if document == README and ours.level == 1:
                continue  # the short block for readers of the other language
            assert [place(theirs, link) for link in theirs.links] == [
                place(ours, link) for link in ours.links
            ], ours.title


def place(one: Section, link: str) -> tuple[str, str | int]:
    """Return where a link leads, the same for the same place in either language."""
    if urlsplit(link).scheme:
        # Blueprints are imported in the reader's language.
        return ("", link.replace("/automation/zh-Hans/", "/automation/en/"))
    language = "en" if one in read("en") else "zh-Hans"
    path, _, name = link.partition("#")
    here = path_of(language, one.document)
    target = (here.parent / path).resolve() if path else here
    for document in DOCUMENTS:
        for spoken in LANGUAGES:
            if path_of(spoken, document) == target:
                titles = [anchor(it.title) for it in sections(spoken, document)]
                return (document, titles.index(unquote(name)) if name else 0)
    path = target.relative_to(ROOT).as_posix()
    return ("changelog" if path in CHANGELOGS else path.replace(".zh-Hans", ""), "")


def test_tables_name_the_same_things() -> None:
    """What stands as code in a table is the same in both, up to texts to print."""
    for ours, theirs in zip(read("en"), read("zh-Hans"), strict=True):
        for here, there in zip(ours.tables, theirs.tables, strict=True):
            for row, other in zip(here, there, strict=True):
                for cell, twin in zip(row, other, strict=True):
                    codes = [_without_chinese(code) for code in twin.codes]
                    assert sorted(codes) == sorted(_without_chinese(code) for code in cell.codes)


def _without_chinese(code: str) -> str:
    """Return what has to be the same in both languages."""
    key, _, value = code.partition(": ")
    return key if key in {"text", "markdown", "html", "title"} else f"{key}:{value}"


def test_examples_are_the_same() -> None:
    """Up to what is printed or shown: the same keys and, where no Chinese stands, the same values."""
    for ours, theirs in zip(read("en"), read("zh-Hans"), strict=True):
        for here, there in zip(ours.examples, theirs.examples, strict=True):
            if here.kind == "yaml":
                _compare(here.data, there.data)
            elif here.kind != "sh":
                assert here.content == there.content


SHOWN_KEYS = {
    "alias", "command", "markdown", "message", "name", "set_conversation_response", "stop", "subject", "text",
    "title", "watermark",
}  # fmt: skip


def _compare(here: Any, there: Any) -> None:
    assert type(here) is type(there)
    if isinstance(here, dict):
        assert list(here) == list(there)
        for key, value in here.items():
            if key not in SHOWN_KEYS:
                _compare(value, there[key])
    elif isinstance(here, list):
        assert len(here) == len(there)
        for value, other in zip(here, there, strict=True):
            _compare(value, other)
    else:
        assert here == there


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_keeps_to_its_language(language: str) -> None:
    """No Chinese in English beside names and code, and no English sentences in Chinese."""
    for one in read(language):
        if language == "en":
            known = re.sub(r"链科|中文", "", one.prose)
            assert not re.search(r"[\u4e00-\u9fff]", known), one.title
        else:
            words = re.sub(r"https?://\S+", "", one.prose)
            assert not re.search(r"(?:\b[a-z]{2,}\b[ ,]+){4}", words), one.title


def test_chinese_readers_find_their_way_from_the_only_page_that_is_shown() -> None:
    """The Marketplace shows README.md alone: its first screen says what, how to install and how to bind in Chinese."""
    (first, *_) = sections("en", README)
    block = "\n".join(first.quotes)
    for words in ("安装", "市场", "从链接添加", "绑定", "ApiKey"):
        assert words in block, words
    links = {link for link in first.links if "zh-Hans" in link}
    assert {"README.zh-Hans.md", "docs/zh-Hans/index.md"} <= links
    assert text_of("en", README).index("**中文**") < 1_500


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_first_screen_says_what_is_unproven(language: str) -> None:
    (first, *_) = sections(language, README)
    assert any(link.endswith("real-box.md") for link in first.links)


def test_headings_have_anchors_of_their_own() -> None:
    for document, language in PAGES_OF_BOTH:
        anchors = [anchor(one.title) for one in sections(language, document)]
        assert len(anchors) == len(set(anchors)), (language, document)


def test_pictures_are_shown_in_their_language() -> None:
    """Each with the text that replaces it."""
    for document, language in PAGES_OF_BOTH:
        ending = re.compile(
            r"\.(?:png|webp)$" if language == "en" else rf"\.{language}\.(?:png|webp)$"
        )
        folder = ROOT / ".github" / "images"
        pictures = [image for one in sections(language, document) for image in one.images]
        for image in pictures:
            path = (path_of(language, document).parent / image).resolve()
            assert path.parent == folder
            assert path.exists()
            assert ending.search(path.name)
            assert (language == "en") != (".zh-Hans." in path.name)
        shown = re.findall(
            r'<img src="[^"]+" alt="[^"]+" width="\d+">', text_of(language, document)
        )
        assert len(shown) == len(pictures), (language, document)


def test_stars_make_bold() -> None:
    """None is shown: after a Chinese full stop or a bracket, closing stars need a blank behind them."""
    for one in (*read("en"), *read("zh-Hans")):
        shown = [text for text in (*one.texts, *one.quotes) if "**" in text]
        assert shown == [], one.document


def test_links_lead_somewhere() -> None:
    """Files exist, and so do the headings that are named in them."""
    for document, language in PAGES_OF_BOTH:
        here = path_of(language, document)
        for one in sections(language, document):
            for link in one.links:
                if urlsplit(link).scheme:
                    continue
                path, _, name = link.partition("#")
                target = (here.parent / path).resolve() if path else here
                assert target.exists(), link
                if name:
                    headings = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.MULTILINE)
                    titles = [re.sub(r"`|\]\([^)]*\)|\[", "", heading) for heading in headings]
                    assert unquote(name) in [anchor(title) for title in titles], link


@pytest.mark.parametrize("language", LANGUAGES)
def test_hosts_are_the_vendors_and_the_projects(language: str) -> None:
    text = "\n".join(text_of(language, document) for document in DOCUMENTS)
    hosts = {urlsplit(url).hostname for url in re.findall(r"https?://[^\s)`\"]+", text)}
    assert hosts - HOSTS == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_my_buttons_lead_to_this_integration(language: str) -> None:
    links = [link for one in sections(language, README) for link in one.links]
    mine = {
        urlsplit(link).path.strip("/").rpartition("/")[2]: parse_qs(urlsplit(link).query)
        for link in links
        if urlsplit(link).hostname == "my.home-assistant.io"
    }
    assert mine == {
        "hacs_repository": {
            "owner": ["lianke-home-assistant"],
            "repository": ["lianke"],
            "category": ["integration"],
        },
        "config_flow_start": {"domain": ["lianke"]},
        "blueprints": {},
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_blueprints_are_imported_in_their_language(language: str) -> None:
    """Each has a link, to a file that there is."""
    folder = ROOT / "custom_components" / "lianke" / "blueprints" / "automation" / language
    imports = [
        parse_qs(urlsplit(link).query)["blueprint_url"][0]
        for one in sections(language, "blueprints")
        for link in one.links
        if "blueprint_import" in link
    ]
    main = f"https://github.com/lianke-home-assistant/lianke/blob/main/{folder.relative_to(ROOT)}/"
    assert sorted(imports) == [f"{main}{path.name}" for path in sorted(folder.iterdir())]


# What the newest Home Assistant shows


def test_hacs_is_named_only_where_it_still_exists() -> None:
    """From 2026.11 on Home Assistant refuses to load HACS: whoever is told of it must have an older version."""
    tree = ast.parse((newest_home_assistant() / "homeassistant" / "loader.py").read_text("utf-8"))
    blocked = {
        node.value
        for block in ast.walk(tree)
        if isinstance(block, ast.AnnAssign)
        and ast.unparse(block.target) == "BLOCKED_CUSTOM_INTEGRATIONS"
        for node in ast.walk(block)
        if isinstance(node, ast.Constant)
    }
    if "hacs" not in blocked:
        pytest.skip("this Home Assistant still loads HACS")
    for language in LANGUAGES:
        for document in DOCUMENTS:
            for paragraph in re.split(r"\n\s*\n", text_of(language, document)):
                if re.search(r"\bHACS\b", paragraph):
                    assert "2026.10" in paragraph, paragraph


# Other documents


@pytest.mark.parametrize(
    "path",
    [
        *(ROOT / ".github").glob("*.md"),
        ROOT / "tests" / "simulator" / "README.md",
        *(ROOT / name for name in CHANGELOGS),
    ],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_links_of_other_documents_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text("utf-8")):
        assert urlsplit(link).scheme or (path.parent / link).exists(), link


def test_no_document_names_this_machine() -> None:
    """No folder of whoever wrote it, no host that packages come from."""
    documents = [
        *(path_of(language, document) for language in LANGUAGES for document in DOCUMENTS),
        *(ROOT / ".github").rglob("*.*"),
        *(ROOT / name for name in CHANGELOGS),
    ]
    for path in documents:
        if path.suffix in {".md", ".yml"}:
            assert not re.search(r"/(?:work|tmp|home)/|pypi\.org|npmjs", path.read_text("utf-8")), (
                path
            )


def test_commands_exist() -> None:
    """Both are in the README, and can be run."""
    for language in LANGUAGES:
        (one,) = [
            it for it in sections(language, README) if it.examples and it.examples[0].kind == "sh"
        ]
        assert [example.kind for example in one.examples] == ["sh", "sh"]
    for name in ("demo", "test", "lint", "bench", "record"):
        assert (ROOT / "scripts" / name).stat().st_mode & 0o111, name
