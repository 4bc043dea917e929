"""Makes the font that comes with the integration from Noto Sans SC and, for other scripts, Noto Sans: `scripts/font`.

scripts/font_sources.json names the npm packages with the two fonts, and the SHA-256 of each font. The same sources give
the same bytes. The font has

- the 8,105 characters of 通用规范汉字表 in scripts/font_characters.txt, in the order of the table: the field kTGH of
  Unihan 15.1 (Unihan_OtherMappings.txt, SHA-256 8879f3a6eb008b2e90b6a48cae89a188ce9f635f4a3756527d917731e6d2f367)
- the characters of GB 2312, and the common ones of Big5, for texts in traditional characters
- the characters in the ranges below that at least one of the two fonts has.

Each character has its own glyph, so that text in a PDF can be searched. Hinting, kerning and composite glyphs are left
out to keep the font small. The font has a name of its own, because the license reserves the name "Source", and "Noto"
is a trademark.
"""

import hashlib
import json
import os
from pathlib import Path
import subprocess
import sys
import tarfile
import unicodedata

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.recordingPen import DecomposingRecordingPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "custom_components" / "lianke" / "fonts"
SOURCES = json.loads((ROOT / "scripts" / "font_sources.json").read_text("utf-8"))
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lianke" / "font"
FAMILY = "Lianke Sans SC"
RANGES = (
    (0x0020, 0x024F),  # Latin
    (0x0370, 0x052F),  # Greek, Cyrillic
    (0x1E00, 0x1EFF),  # Latin with accents, such as Vietnamese
    (0x2010, 0x203E),  # punctuation
    (
        0x20A0,
        0x22FF,
    ),  # currencies, letterlike symbols, number forms, arrows, mathematical operators
    (0x2460, 0x266F),  # enclosed numbers, box drawing, geometric shapes, symbols
    (0x3000, 0x312F),  # Chinese punctuation, kana, bopomofo
    (0x3200, 0x33FF),  # enclosed Chinese characters, units
    (0xFE30, 0xFE4F),  # vertical punctuation
    (0xFF01, 0xFFE6),  # fullwidth forms
)
UNITS = 1000
# In units, as in Noto Sans SC.
ASCENT, DESCENT = 880, -120
# Categories of combining and invisible characters, which have no glyph that can stand alone.
LEFT_OUT = ("C", "M")


def wanted() -> set[int]:
    table = (ROOT / "scripts" / "font_characters.txt").read_text("utf-8").replace("\n", "")
    assert len(set(table)) == 8105
    letters = {*table}
    for codec, rows in (("gb2312", range(0xA1, 0xF8)), ("big5", range(0xA4, 0xC7))):
        for row in rows:
            for place in range(0x40, 0xFF):
                letters |= {*bytes((row, place)).decode(codec, "ignore")}
    codes = {ord(letter) for letter in letters}
    codes |= {code for first, last in RANGES for code in range(first, last + 1)}
    return {code for code in codes if unicodedata.category(chr(code))[0] not in LEFT_OUT}


def fetch(source: dict[str, str]) -> tuple[Path, str]:
    """Return the path of a source's font in the cache, and the text of the license.

    Raises SystemExit if the font has another checksum.
    """
    folder = CACHE / "sources"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{source['name'].removeprefix('@').replace('/', '-')}-{source['version']}"
    packed = folder / f"{name}.tgz"
    if not packed.exists():
        package = f"{source['name']}@{source['version']}"
        subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True)
    font = folder / f"{name}.ttf"
    with tarfile.open(packed) as archive:
        data, license_text = (
            file.read()
            for key in ("font", "license")
            if (file := archive.extractfile(source[key])) is not None
        )
    if (found := hashlib.sha256(data).hexdigest()) != source["sha256"]:
        raise SystemExit(f"{source['font']} has the SHA-256 {found}, not {source['sha256']}.")
    font.write_bytes(data)
    return font, license_text.decode()


def is_alphabetic(code: int) -> bool:
    return code < 0x7F or (chr(code).isalpha() and code < 0x2000)


def make() -> dict[str, bytes]:
    """Make the files that belong in FOLDER; return their contents by file name."""
    (chinese_path, license_text), (western_path, western_license) = map(fetch, SOURCES)
    chinese, western = TTFont(chinese_path), TTFont(western_path)
    assert chinese["head"].unitsPerEm == western["head"].unitsPerEm == UNITS
    chinese_names, western_names = chinese.getBestCmap(), western.getBestCmap()
    names, glyphs, metrics, characters = [".notdef"], {}, {}, {}

    def take(name: str, font: TTFont, glyph: str) -> None:
        recorded = DecomposingRecordingPen(font.getGlyphSet())
        font.getGlyphSet()[glyph].draw(recorded)
        pen = TTGlyphPen(None)
        recorded.replay(pen)
        glyphs[name] = pen.glyph()
        glyphs[name].recalcBounds(None)
        metrics[name] = (font["hmtx"][glyph][0], getattr(glyphs[name], "xMin", 0))

    take(".notdef", chinese, ".notdef")
    for code in sorted(wanted()):
        # Alphabets come from one font, so that the letters of a word match.
        is_western = code in western_names and (is_alphabetic(code) or code not in chinese_names)
        if not is_western and code not in chinese_names:
            continue
        names.append(name := f"u{code:04X}")
        characters[code] = name
        if is_western:
            take(name, western, western_names[code])
        else:
            take(name, chinese, chinese_names[code])

    builder = FontBuilder(UNITS, isTTF=True)
    builder.updateHead(created=0, modified=0, lowestRecPPEM=8)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap(characters)
    builder.setupGlyf(glyphs, calcGlyphBounds=False)
    builder.setupHorizontalMetrics(metrics)
    builder.setupHorizontalHeader(ascent=ASCENT, descent=DESCENT)
    # The two licenses differ only above the first empty line.
    notice, _, terms = license_text.partition("\n\n")
    western_notice = western_license.partition("\n\n")[0]
    builder.setupNameTable(
        {
            "copyright": f"{notice}; {western_notice}",
            "familyName": FAMILY,
            "styleName": "Regular",
            "uniqueFontIdentifier": FAMILY,
            "fullName": FAMILY,
            "version": "Version 1.000",
            "psName": FAMILY.replace(" ", ""),
            "licenseDescription": "SIL Open Font License, Version 1.1",
            "licenseInfoURL": "https://openfontlicense.org",
        },
        mac=False,
    )
    builder.setupOS2(
        sTypoAscender=ASCENT, sTypoDescender=DESCENT, usWinAscent=ASCENT, usWinDescent=-DESCENT
    )
    builder.setupPost(keepGlyphNames=False)
    font = CACHE / "made.ttf"
    builder.save(font)
    lacking = {*(ROOT / "scripts" / "font_characters.txt").read_text("utf-8").replace("\n", "")} - {
        chr(code) for code in characters
    }
    assert not lacking, lacking
    print(f"{len(characters)} characters, {font.stat().st_size} bytes.")
    words = f"{FAMILY} is made from Noto Sans SC and Noto Sans, reduced and under another name:"
    return {
        "lianke-sans-sc.ttf": font.read_bytes(),
        "OFL.txt": f"{words}\n\n{notice}\n{western_notice}\n\n{terms}".encode(),
    }


def main(arguments: list[str]) -> int:
    made = make()
    if arguments == ["--check"]:
        other = [name for name, data in made.items() if (FOLDER / name).read_bytes() != data]
        print(f"Not what is made: {', '.join(other)}." if other else "It is what is there.")
        return int(bool(other))
    FOLDER.mkdir(exist_ok=True)
    for name, data in made.items():
        (FOLDER / name).write_bytes(data)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
