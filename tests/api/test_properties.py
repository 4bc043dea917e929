"""Whatever comes from outside: the documented error or a value that keeps its promises, nothing else."""

import base64
import json
from urllib.parse import quote

from hypothesis import assume, example, given, settings, strategies as st

from custom_components.lianke.api.capabilities import (
    Capabilities,
    DriverDefaults,
    Paper,
)
from custom_components.lianke.api.coerce import to_int, to_json, to_message, to_text, to_time
from custom_components.lianke.api.errors import (
    LiankeError,
    LiankeResponseError,
    OptionError,
    UnreadableCredentialsError,
    error_for_code,
)
from custom_components.lianke.api.models import (
    Printer,
    PrinterType,
    parse_markers,
)
from custom_components.lianke.api.options import (
    ALIGNMENTS,
    COLORS,
    DUPLEX,
    EXCEL_FITS,
    OPTION_NAMES,
    ORIENTATIONS,
    QUALITIES,
    PrintOptions,
    ResolvedOptions,
    count_selected,
    options_in,
    parse_page_range,
    resolve_options,
    select_pages,
)
from custom_components.lianke.api.sticker import parse_credentials, rank_code
from tests.examples import examples

many = settings(max_examples=examples(100), deadline=None)

texts = st.text(st.characters(), max_size=40)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    texts,
    st.sampled_from(
        ["", "1", "0", "-2", "72%", "NaN", "2026-11-24 15:00:00", "2024年8月25日", "A4\r\n"]
    ),
)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=25,
)


def objects_of(*names: str) -> st.SearchStrategy[object]:
    """Make objects that have some of these names, with anything under them."""
    known = st.dictionaries(st.sampled_from(names), json_values, max_size=len(names))
    return st.one_of(known, known, json_values)


rows = objects_of(
    "id",
    "hash_id",
    "printer_name",
    "driver_name",
    "drivce_name",
    "driver_type",
    "isPrinter",
    "port",
    "ip_addr",
    "printer_state",
    "species",
    "printer_species",
    "support_status",
    "markers",
    "vendor",
    "product",
)
blocks = st.one_of(st.dictionaries(texts, scalars, max_size=6), json_values)
capability_answers = st.fixed_dictionaries(
    {},
    optional={
        "Capabilities": st.one_of(
            st.fixed_dictionaries(
                {},
                optional=dict.fromkeys(
                    ["Papers", "Bins", "Color", "Duplex", "MediaTypes", "Orientation", "Copies"],
                    blocks,
                ),
            ),
            json_values,
        ),
        "DevMode": objects_of(
            "PaperSize", "PaperWidth", "PaperLength", "Color", "Copies", "Duplex", "PrintQuality"
        ),
    },
)


@many
@given(st.one_of(rows, json_values))
def test_printers_round_trip(row: object) -> None:
    printer = Printer.from_json(row)
    if printer is None:
        return
    assert printer.name
    assert all(marker.level is None or 0 <= marker.level <= 100 for marker in printer.markers)
    assert Printer.from_dict(to_json(json.dumps(printer.as_dict()))) == printer  # type: ignore[arg-type]


@many
@given(st.one_of(capability_answers, json_values))
def test_capabilities_round_trip(data: object) -> None:
    try:
        able = Capabilities.from_json(data)
    except LiankeResponseError:
        return
    for block in (able.papers, able.trays, able.media_types):
        assert block is None or (block and all(name == " ".join(name.split()) for name in block))
    assert able.max_copies is None or able.max_copies > 0
    assert Capabilities.from_dict(json.loads(json.dumps(able.as_dict()))) == able


@many
@given(json_values)
def test_markers(value: object) -> None:
    markers = parse_markers(value)
    assert len({marker.name for marker in markers}) == len(markers)
    for marker in markers:
        assert marker.name
        assert marker.level is None or 0 <= marker.level <= 100


@settings(max_examples=examples(200), deadline=None)
@given(
    st.one_of(
        texts,
        st.text(max_size=300),
        st.binary(max_size=60).map(lambda raw: base64.b64encode(raw).decode()),
    )
)
@example("%25" * 1400)
@example("https://x/?token=" + "%25" * 1300)
def test_any_text_is_credentials_or_one_error(text: str) -> None:
    try:
        found = parse_credentials(text)
    except UnreadableCredentialsError:
        assert rank_code(text) == 0
        return
    assert found.device_id.isascii()
    assert found.device_key.isascii()
    assert rank_code(text) > 0


WORD = st.from_regex(r"[A-Za-z0-9]{8,40}", fullmatch=True)


@settings(max_examples=examples(200), deadline=None)
@given(WORD, WORD, st.data())
def test_every_form_gives_back_the_same(
    device_id: str, device_key: str, data: st.DataObject
) -> None:
    pair = f"{device_id}:{device_key}"
    encode = data.draw(st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]))
    token = encode(pair.encode()).decode()
    if data.draw(st.booleans()):
        token = token.rstrip("=")
    for _ in range(data.draw(st.integers(0, 2))):
        token = quote(token, safe="")
    host = data.draw(st.sampled_from(["printing.liankenet.com", "x.example.com:8443"]))
    where = data.draw(
        st.sampled_from(
            ["?token={}#/home?isMainPage=1", "?a=1&token={}", "#/home?token={}", "#token={}&b"]
        )
    )
    text = data.draw(st.sampled_from([f"https://{host}/{where}".format(token), token, pair]))
    blank = st.text(st.sampled_from(" \t\r\n\ufeff\u200b"), max_size=4)
    found = parse_credentials(data.draw(blank) + text + data.draw(blank))
    assert (found.device_id, found.device_key) == (device_id, device_key)
    assert device_key in device_id or device_key not in repr(found)


@many
@given(json_values)
def test_values(value: object) -> None:
    to_time(value)
    number = to_int(value)
    assert number is None or abs(number) < 10**18
    text = to_text(value, 20)
    assert len(text) <= 20
    assert text == text.strip()
    assert text.isprintable()


@many
@given(texts, st.from_regex(r"[A-Za-z0-9]{16,32}", fullmatch=True), texts)
def test_secrets_never_come_through(before: str, secret: str, after: str) -> None:
    message = to_message(f"{before}{secret}{after}", [secret])
    assert secret.lower() not in message.lower()
    assert secret not in to_message(f"{before} https://x/{secret}")
    error = error_for_code(4711, to_message(f"deviceKey={secret}"))
    assert isinstance(error, LiankeError)
    assert secret not in f"{error} {error!r}"


names = st.sampled_from(["A4", "a4 ", "信封 DL", "Letter", "nonsense", "9", "0", "custom", ""])
OPTIONS: dict[str, st.SearchStrategy[object]] = {
    "paper": names | st.integers(-3, 400),
    "paper_width": st.floats(),
    "paper_height": st.floats(),
    "copies": st.integers(-2, 1200),
    "color": st.sampled_from([*COLORS]),
    "duplex": st.sampled_from([*DUPLEX]),
    "orientation": st.sampled_from([*ORIENTATIONS]),
    "tray": st.sampled_from(["纸盒 1", "7", "nowhere"]) | st.integers(-1, 300),
    "media_type": texts | st.integers(-1, 300),
    "quality": st.sampled_from([*QUALITIES]),
    "scale": st.sampled_from(["fit", "80%", "none"]) | texts,
    "align": st.sampled_from([*ALIGNMENTS]) | texts,
    "auto_rotate": st.booleans(),
    "pages": st.text("0123456789,-， odevn", max_size=12),
    "reverse_order": st.booleans(),
    "excel_fit": st.sampled_from([*EXCEL_FITS]),
}
option_sets = st.builds(options_in, st.fixed_dictionaries({}, optional=OPTIONS))


def test_every_option_is_tried() -> None:
    assert OPTIONS.keys() == {*OPTION_NAMES}


ids = st.none() | st.frozensets(st.integers(1, 3), min_size=1)
maps = st.none() | st.dictionaries(
    st.sampled_from(["A4", "信封 DL", "纸盒 1", "x"]), st.integers(0, 300), min_size=1
)
capabilities = st.none() | st.builds(
    Capabilities,
    papers=maps,
    trays=maps,
    media_types=maps,
    colors=ids,
    duplex=ids,
    orientations=ids,
    max_copies=st.none() | st.integers(1, 5000),
    defaults=st.builds(
        DriverDefaults,
        paper_id=st.none() | st.integers(-1, 300),
        paper_width=st.none() | st.integers(-1, 40000),
        paper_length=st.none() | st.integers(-1, 40000),
        color=st.none() | st.integers(0, 4),
        copies=st.none() | st.integers(-1, 9999),
        duplex=st.none() | st.integers(0, 4),
        tray=st.none() | st.integers(0, 300),
        quality=st.none() | st.integers(-5, 1200),
    ),
)
paper_lists = st.lists(
    st.builds(
        Paper,
        paper_id=st.integers(0, 300),
        name=st.sampled_from(["A4", "长卷", "Letter"]),
        width=st.integers(1, 3000),
        height=st.integers(1, 3000),
        printable_width=st.just(1),
        printable_height=st.just(1),
    ),
    max_size=3,
).map(tuple)


@settings(max_examples=examples(250), deadline=None)
@given(option_sets, capabilities, paper_lists, st.sampled_from(PrinterType), st.booleans())
def test_options(
    options: PrintOptions,
    able: Capabilities | None,
    papers: tuple[Paper, ...],
    printer_type: PrinterType,
    raw: bool,
) -> None:
    problem: OptionError | None = None
    try:
        resolved = resolve_options(options, able, papers, printer_type, raw=raw)
    except OptionError as refused:
        problem = refused
    if problem is not None:
        assert problem.option
        assert set(problem.placeholders) == {"option", "value", "allowed"}
        return
    sent = resolved.form_fields()
    assert all(sent.values())
    assert sent["reportDeviceStatus"] == sent["reportPrinterStatus"] == "1"
    assert "errLimitNum" not in sent
    assert 1 <= resolved.copies <= 999
    assert (
        ("dmPaperWidth" in sent) == ("dmPaperLength" in sent) == (resolved.paper_width is not None)
    )
    if able is not None and able.colors is not None and resolved.color is not None:
        assert resolved.color in able.colors
    if able is not None and able.trays is not None and resolved.tray is not None:
        assert resolved.tray in able.trays.values()
    if options.keys().isdisjoint(("paper", "paper_width")) and not raw and printer_type in (2, 3):
        assert resolved.paper_id != 9
    assert ResolvedOptions.from_dict(json.loads(json.dumps(resolved.as_dict()))) == resolved


@many
@given(st.text("0123456789,-", max_size=20), st.integers(0, 500))
def test_page_ranges(text: str, pages: int) -> None:
    try:
        selection = parse_page_range(text)
    except OptionError:
        return
    assume(len(selection) < 18)
    assert parse_page_range(selection) == selection
    count = count_selected(selection, pages)
    assert count == len(set(select_pages(selection, pages)))
    assert 0 <= count <= pages
