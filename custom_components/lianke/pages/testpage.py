"""The test page, the page that keeps ink from drying, and the sheet that shows how paper is turned over."""

from collections.abc import Mapping
from html import escape

from ..api.capabilities import Capabilities
from .clean import qr_img_element
from .page import (
    EMOJI_FONTS,
    FONTS,
    MM_A_POINT,
    MONO_FONTS,
    PageStyle,
    base_size,
    page,
    style_sheet,
)

# Opens Home Assistant's repairs, where the guide asks how the page came out.
QUESTIONS_QR = "qr:https://my.home-assistant.io/redirect/repairs/"
# Font sizes in points of the lines of small type.
SMALL_SIZES = (6, 5, 4)
SAMPLE = "永和九年 春风又绿江南岸 ABC abc 0123456789 ￥€"
EMOJI_SAMPLE = "🖨️ ✅ 🛒 🎂 🌧️ ❤️"
BAR_COLORS = ("#000", "#00a0e9", "#e4007f", "#fff100", "#e60012", "#009944", "#1d2088", "#808080")
# Maximum number of names in each list of a test page: papers, trays, media types. An ellipsis stands for other names.
MAX_TEST_PAGE_NAMES = 40
# Height in mm within the margins, below which a label gets lower color bars and no gray ramp.
FLAT_HEIGHT = 24.0
# Line height in em, as in short.css.
LINE_HEIGHT = 1.3
# The smallest type (pt) that a label printer of 203 dpi prints clearly.
LEAST_TYPE = 6.0
# The rows of a label's test page, the most important first.
SHORT_ROWS = ("page_paper", "page_printer", "page_test", "page_model", "page_time")

CSS = style_sheet("test")
TURN_CSS = style_sheet("turn")
NARROW_CSS = "dl { display: block; } main { padding: 1mm; } .font { font-size: 0.75em; }"
SHORT_CSS = style_sheet("short")
FLAT_CSS = ".bars { height: 2mm; margin: 0.5mm 0; }"


def test_page(
    printer_name: str,
    model: str,
    capabilities: Capabilities | None,
    paper_name: str | None,
    style: PageStyle,
    *,
    two_sided: bool,
) -> str:
    """Compose the test page: name, model, abilities, fonts, small type, margins, a ruler, color bars and a QR code.

    With `two_sided` it has a back, which says which edge is up. A label shows less, so that a single label is enough.
    """
    rows = [
        ("page_printer", printer_name),
        ("page_model", model),
        ("page_time", style.date_time(style.now)),
        ("page_paper", f"{paper_name or '?'} · {style.width:g} × {style.height:g} mm"),
    ]
    if style.is_label:
        return _short_page(rows, style)
    rows += [
        ("page_margins", f"{style.margin_side:g} / {style.margin_top:g} mm"),
        *_abilities(capabilities, style),
    ]
    table = "".join(
        f"<dt>{escape(style.text(key))}</dt><dd>{escape(value)}</dd>"
        for key, value in rows
        if value
    )
    fonts = "".join(_font_line(name) for name in (*FONTS, MONO_FONTS[0]))
    heading = escape(style.text("page_test"))
    small = "".join(
        f'<p class="small" style="font-size: {size}pt">{size} pt {escape(SAMPLE)}</p>'
        for size in SMALL_SIZES
    )
    ruler = "" if style.narrow else f'<p class="ruler">{"<i></i>" * 10} 100 mm</p>'
    questions = f"{qr_img_element(QUESTIONS_QR)}<span>{escape(style.text('page_questions'))}</span>"
    body = (
        f'<div class="frame"></div><main><h1>{heading}</h1><dl>{table}</dl>{ruler}{_bars()}'
        f'<div class="ramp"></div><p class="questions">{questions}</p>{small}{fonts}'
        f"{_font_line(EMOJI_FONTS[0], EMOJI_SAMPLE)}</main>"
    )
    css = CSS + (NARROW_CSS if style.narrow else "")
    if two_sided and not style.narrow:
        body += _side(style, 2)
        # Whatever does not fit on the front is cut off, or else it would move the back to another sheet.
        css += (
            f"main {{ max-height: {style.height - 2 * style.margin_top:g}mm; overflow: hidden; }}"
        )
        css += TURN_CSS
    return page(style, body, title=style.text("page_test"), css=css)


def _short_page(rows: list[tuple[str, str]], style: PageStyle) -> str:
    """Compose the test page of a label, with as many lines as fit in a readable font size."""
    inner = style.height - 2 * style.margin_top
    flat = inner < FLAT_HEIGHT
    # Height in mm that the bars, their margins and the padding leave for text.
    room = inner - (5.0 if flat else 10.0)
    line = base_size(style) * MM_A_POINT * LINE_HEIGHT
    lines = [
        ("page_test", style.text("page_test")),
        *((key, value) for key, value in rows if value),
    ]
    least = LEAST_TYPE / base_size(style)
    scale = max(min(least, 1.0), min(1.0, room / (line * len(lines))))
    number = max(1, int(room / (line * scale)))
    kept = sorted(lines, key=lambda item: SHORT_ROWS.index(item[0]))[:number]
    text = "".join(
        f'<div class="{key}">{escape(value)}</div>' for key, value in lines if (key, value) in kept
    )
    ramp = "" if flat else '<div class="ramp"></div>'
    body = f'<div class="frame"></div><main>{_bars()}{ramp}{text}</main>'
    css = CSS + NARROW_CSS + SHORT_CSS + (FLAT_CSS if flat else "")
    # Hide text that does not fit, since it would take another label.
    css += f"main {{ height: {inner:g}mm; overflow: hidden; font-size: {scale:.3f}em; }}"
    return page(style, body, title=style.text("page_test"), css=css)


def ink_care_page(style: PageStyle) -> str:
    """Compose a page that uses a little of every ink and says why it was printed."""
    why = escape(style.text("page_keep_alive"))
    when = escape(style.date_time(style.now))
    body = f"{_bars()}<p>{why}<br>{when}</p>"
    return page(style, body, title=style.text("page_keep_alive_title"), css=CSS)


def turn_test_page(style: PageStyle, side: int) -> str:
    """Compose a side of the sheet that shows how a printer's paper is turned over."""
    return page(style, _side(style, side), title=style.text("page_turn"), css=TURN_CSS)


def _side(style: PageStyle, side: int) -> str:
    hint = escape(style.text("page_turn_hint"))
    return (
        f'<main class="turn"><svg viewBox="0 0 100 120"><path d="M50 118V20M18 50L50 8L82 50"/></svg>'
        f"<b>{side}</b><p>{hint}</p></main>"
    )


def _bars() -> str:
    spans = "".join(f'<span style="background: {color}"></span>' for color in BAR_COLORS)
    return f'<div class="bars">{spans}</div>'


def _font_line(name: str, sample: str = SAMPLE) -> str:
    return (
        f'<p class="font" style="font-family: &quot;{escape(name)}&quot;">'
        f"<small>{escape(name)}</small>{escape(sample)}</p>"
    )


def _abilities(capabilities: Capabilities | None, style: PageStyle) -> list[tuple[str, str]]:
    if capabilities is None:
        return []
    duplex = capabilities.duplex
    return [
        ("page_papers", _names(capabilities.papers)),
        ("page_trays", _names(capabilities.trays)),
        ("page_media_types", _names(capabilities.media_types)),
        (
            "page_color",
            _yes_no(None if capabilities.colors is None else 2 in capabilities.colors, style),
        ),
        ("page_duplex", _yes_no(None if duplex is None else bool(duplex & {2, 3}), style)),
        ("page_copies", "" if capabilities.max_copies is None else str(capabilities.max_copies)),
    ]


def _names(names: Mapping[str, int] | None) -> str:
    if not names:
        return ""
    shown = [name.strip() for name in names][:MAX_TEST_PAGE_NAMES]
    more = "…" if len(names) > MAX_TEST_PAGE_NAMES else ""
    return ", ".join(shown) + more


def _yes_no(value: bool | None, style: PageStyle) -> str:
    if value is None:
        return ""
    return style.text("page_yes" if value else "page_no")
