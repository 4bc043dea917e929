"""Makes a website of the READMEs, the manual and other pages of the repository: `scripts/website`.

Each page is a file that GitHub shows as well; no page is written for the site alone. Links between files become links
between pages, or links to GitHub if the other file is not a page. Pictures are copied. Badges, which would be loaded
from other hosts, become words. The English pages are in the top folder, the Chinese pages in zh-Hans; each language has
a search of its own.
"""

import logging
import os
from pathlib import Path
import posixpath
import re
import shutil
import sys
import tempfile
from typing import Any, Final
from urllib.parse import unquote

# Prevents the notice about MkDocs 2 at every build.
os.environ["NO_MKDOCS_2_WARNING"] = "1"

from mkdocs.commands.build import build
from mkdocs.config import load_config

ROOT: Final = Path(__file__).resolve().parents[1]
REPOSITORY: Final = "https://github.com/lianke-home-assistant/lianke"
ADDRESS: Final = "https://lianke-home-assistant.github.io/lianke/"
IMAGES: Final = ".github/images"
# Where the Chinese half of a file in both languages begins.
HALVES: Final = "\n---\n\n# "

# For each language: its folder, its pages that are not part of the manual, and the words in the frame around each page.
LANGUAGES: Final[dict[str, dict[str, Any]]] = {
    "en": {
        "theme": "en",
        "name": "English",
        "folder": "",
        "pages": {
            "README.md": "index.html",
            "CHANGELOG.md": "changelog.html",
            ".github/SECURITY.md": "security.html",
            ".github/CONTRIBUTING.md": "contributing.html",
        },
        "title": "Lianke Cloud Print",
        "description": "Print from Home Assistant on any printer behind a Lianke cloud print box",
        "start": "Start",
        "overview": "All pages",
        "project": "The project",
    },
    "zh-Hans": {
        "theme": "zh",
        "name": "中文",
        "folder": "zh-Hans/",
        "pages": {
            "README.zh-Hans.md": "index.html",
            "docs/zh-Hans/CHANGELOG.md": "changelog.html",
            ".github/SECURITY.md": "security.html",
            ".github/CONTRIBUTING.md": "contributing.html",
        },
        "title": "链科云打印",
        "description": "让 Home Assistant 用链科云盒上的打印机打印",
        "start": "首页",
        "overview": "全部页面",
        "project": "本项目",
    },
}


def anchor(title: str, separator: str = "-") -> str:
    """Make the anchor that GitHub gives a heading, so that links work there and here."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", separator)


class Site:
    """The pages of one language, written as the generator's input."""

    def __init__(self, language: str, folder: Path) -> None:
        """`folder` is where the generator's input is written."""
        self.language = language
        self.words = LANGUAGES[language]
        self.folder = folder
        (self.twin,) = (one for one in LANGUAGES if one != language)
        for source in pages(language):
            self._add(source)

    def _add(self, source: str) -> None:
        page = pages(self.language)[source]
        text = (ROOT / source).read_text("utf-8")
        if HALVES in text:
            english, chinese = text.split(HALVES)
            text = english if self.language == "en" else f"# {chinese}"
        # The text loses its links to the other language, the list of pages and the README: each page's frame has them.
        text = re.sub(r"\A(# .+\n\n)\[.*\n\n(?:> \**中文.*\n(?:>.*\n)*\n)?", r"\1", text)
        text = re.sub(r"\[[^\]]*\]\(#安全\)|\[[^\]]*\]\(#参与贡献\)", "", text)
        text = "".join(self._outside_of_code(part, source) for part in _parts(text))
        meta = f"---\ntwin: {self._twin(page)}\n---\n\n"
        (self.folder / page.replace(".html", ".md")).write_text(meta + text, "utf-8")

    def _outside_of_code(self, text: str, source: str) -> str:
        if text.startswith("```"):
            return text
        # [![words](address of a picture)](where) is a badge. Alone on a line, a badge becomes a button; otherwise, a
        # link.
        badge = r"\[!\[([^\]]*)\]\(https?://[^)]*\)\]\(([^)]*)\)"
        text = re.sub(rf"^{badge}$", r"[\1](\2){ .md-button }", text, flags=re.MULTILINE)
        text = re.sub(rf"{badge}(?= \[!)", r"[\1](\2) ·", text)
        text = re.sub(badge, r"[\1](\2)", text)
        text = re.sub(
            r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])+)\]\(([^)\s]+)\)",
            lambda found: self._link(found[1], found[2], source),
            text,
        )
        text = re.sub(
            r'src="([^"]+)"', lambda found: f'src="{self._picture(found[1], source)}"', text
        )
        # The generator needs four columns of indentation for a list in a list.
        return re.sub(r"^ {2,3}(?=[-*] )", "    ", text, flags=re.MULTILINE)

    def _twin(self, page: str) -> str:
        """Return the address of a page in the other language, relative to the pages of this language."""
        up = "../" if self.words["folder"] else ""
        return f"{up}{LANGUAGES[self.twin]['folder']}{page}"

    def _link(self, words: str, link: str, source: str) -> str:
        """Turn a link between files into a link between pages, or to GitHub."""
        if re.match(r"[a-z]+:|#", link):
            return f"[{words}]({unquote(link) if link.startswith('#') else link})"
        path, hashed, name = link.partition("#")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if target in (here := pages(self.language)):
            return f"[{words}]({here[target].replace('.html', '.md')}{hashed}{unquote(name)})"
        if target in (there := pages(self.twin)):
            # Not a Markdown link: the generator would look for its target among this language's files, and fail.
            return f'<a href="{self._twin(there[target])}{hashed}{name}">{words}</a>'
        if not (ROOT / target).exists():
            raise SystemExit(f"{source}: {link} leads nowhere")
        return f"[{words}]({REPOSITORY}/blob/main/{target}{hashed}{name})"

    def _picture(self, link: str, source: str) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
        target = self.folder / "images" / posixpath.basename(path)
        target.parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / path, target)
        return f"images/{target.name}"

    def navigation(self) -> list[dict[str, Any]]:
        """List the pages in the order of the manual's own index, below its headings."""
        text = (ROOT / "docs" / self.language / "index.md").read_text("utf-8")
        found: list[dict[str, Any]] = [
            {self.words["start"]: "index.md"},
            {self.words["overview"]: "manual.md"},
        ]
        for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
            title, _, rows = part.partition("\n")
            entries = re.findall(r"^- \[([^\]]+)\]\(([^)]+)\)", rows, re.MULTILINE)
            found.append({title: [{name: path} for name, path in entries]})
        # No titles are given for these pages, so the generator takes the titles from the pages.
        more = [page.replace(".html", ".md") for page in self.words["pages"].values()]
        found.append({self.words["project"]: more[1:]})
        return found

    def build(self, target: Path) -> None:
        """Build the site of this language in a folder; any mistake, such as a broken link, ends the program."""
        words = self.words
        config = load_config(
            config_file=_empty(self.folder.parent),
            site_name=words["title"],
            site_description=words["description"],
            site_url=f"{ADDRESS}{words['folder']}",
            docs_dir=str(self.folder),
            site_dir=str(target / words["folder"]),
            use_directory_urls=False,
            strict=True,
            nav=self.navigation(),
            theme={
                "name": "material",
                "custom_dir": str(ROOT / "docs" / "theme"),
                "language": words["theme"],
                # Use the fonts of the reader's system: nothing is loaded from other hosts.
                "font": False,
                "logo": "images/logo.png",
                "favicon": "images/logo.png",
                "features": [
                    "navigation.sections",
                    "navigation.top",
                    "content.code.copy",
                    "toc.follow",
                ],
                "palette": {"scheme": "default", "primary": "indigo"},
            },
            extra={
                "alternate": True,
                "twin": {
                    "name": LANGUAGES[self.twin]["name"],
                    "lang": self.twin,
                    "start": self._twin("index.html"),
                },
                "social": [
                    {"icon": "fontawesome/brands/github", "link": REPOSITORY, "name": "GitHub"}
                ],
            },
            # Makes the index that the search of docs/theme uses.
            plugins=["search"],
            extra_javascript=["search.js"],
            extra_css=["site.css"],
            markdown_extensions=[
                "attr_list",
                "pymdownx.superfences",
                {"toc": {"slugify": anchor, "permalink": True}},
            ],
            validation={"links": {"anchors": "warn", "absolute_links": "warn"}},
        )
        build(config)


def pages(language: str) -> dict[str, str]:
    """Map each source file to its page."""
    manual = {
        f"docs/{language}/{path.name}": f"{path.stem}.html"
        for path in sorted((ROOT / "docs" / language).glob("*.md"))
    }
    manual[f"docs/{language}/index.md"] = "manual.html"
    manual.update(LANGUAGES[language]["pages"])
    return manual


def _parts(text: str) -> list[str]:
    """Split a text into blocks of code and the passages between them."""
    return re.split(r"^(```.*?^```\n)", text, flags=re.MULTILINE | re.DOTALL)


def _empty(folder: Path) -> str:
    path = folder / "mkdocs.yml"
    path.touch()
    return str(path)


def main(target: Path) -> None:
    """Empty the folder and make the site in it."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    shutil.rmtree(target, ignore_errors=True)
    for language in LANGUAGES:
        with tempfile.TemporaryDirectory() as work:
            folder = Path(work, "pages")
            (folder / "images").mkdir(parents=True)
            icon = ROOT / "custom_components" / "lianke" / "brand" / "icon.png"
            shutil.copy(icon, folder / "images" / "logo.png")
            Site(language, folder).build(target)
    print(f"{len(list(target.rglob('*.html')))} pages in {target}.")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
