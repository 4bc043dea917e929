"""Converts the texts of the integration and the card to traditional Chinese; called by scripts/traditional.

OpenCC knows the characters and common words of Taiwan. TERMS maps the terms that OpenCC does not know, or that have
another meaning for printers. Before OpenCC converts a text, each term, longer terms first, is replaced by a mark.
"""

from collections.abc import Iterator
import json
from pathlib import Path
import re
import sys
from typing import Any, Final

from opencc import OpenCC

ROOT: Final = Path(__file__).parents[1]
INTEGRATION: Final = ROOT / "custom_components" / "lianke" / "translations"
CARD: Final = ROOT / "frontend" / "src" / "translations"
SIMPLIFIED: Final = "zh-Hans.json"
TRADITIONAL: Final = "zh-Hant.json"
TERMS: Final = json.loads((ROOT / "scripts" / "traditional_terms.json").read_text("utf-8"))
# Private-use characters stand for the terms while OpenCC converts the rest.
MARKS: Final = {
    term: chr(0xE000 + number) for number, term in enumerate(sorted(TERMS, key=len, reverse=True))
}
QUOTES: Final = str.maketrans("“”‘’臺", "「」『』台")

converter = OpenCC("s2twp")


def convert(text: str) -> str:
    """Return a text in traditional Chinese; anything in braces stays unchanged."""
    parts = re.split(r"(\{[^{}]*\})", text)
    return "".join(part if number % 2 else _convert(part) for number, part in enumerate(parts))


def _convert(text: str) -> str:
    for term, mark in MARKS.items():
        text = text.replace(term, mark)
    text = converter.convert(text).translate(QUOTES)
    for term, mark in MARKS.items():
        text = text.replace(mark, TERMS[term])
    return text


def converted(value: Any) -> Any:
    """Return a text, or nested objects with all their texts, in traditional Chinese."""
    if isinstance(value, dict):
        return {key: converted(one) for key, one in value.items()}
    return convert(value)


def texts() -> dict[Path, Any]:
    """Return the content of each file. The card has one file for all its parts, keyed by the simplified texts."""
    ours = json.loads((INTEGRATION / SIMPLIFIED).read_text("utf-8"))
    parts = [json.loads(path.read_text("utf-8")) for path in sorted(CARD.glob(f"*{SIMPLIFIED}"))]
    return {
        INTEGRATION / TRADITIONAL: converted(ours),
        CARD / TRADITIONAL: {text: convert(text) for text in _leaves(parts)},
    }


def _leaves(value: Any) -> Iterator[str]:
    """Yield all texts in lists and objects."""
    if isinstance(value, str):
        yield value
    else:
        for one in value.values() if isinstance(value, dict) else value:
            yield from _leaves(one)


def main() -> int:
    """Write the files, or compare them; return the exit code."""
    wrong = []
    for path, value in texts().items():
        text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text("utf-8") != text:
            wrong.append(str(path.relative_to(ROOT)))
    for name in wrong:
        print(f"{name} is not what scripts/traditional makes")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main())
