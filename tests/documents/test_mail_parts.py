"""What a mail server tells of a message is understood, and bounded; only what it has proved counts."""

import base64
import quopri
from typing import Any

import pytest

from custom_components.lianke.documents.imap import (
    MAX_IMAP_DEPTH,
    MAX_IMAP_VALUES,
    ImapError,
    ImapValue,
    parse,
)
from custom_components.lianke.documents.mail_parts import (
    MAX_MAIL_NAME,
    MailPart,
    decode_words,
    decoded,
    parts_of,
)
from custom_components.lianke.documents.mail_sender import is_sender_proven
from custom_components.lianke.input_error import InputError

SENDER = "anna@mail.example.com"


def parts(structure: str, encoding: str = "utf-8") -> list[MailPart]:
    (found,) = parse([structure.encode(encoding)])
    return parts_of(found)


def part(more: str) -> str:
    return f'("APPLICATION" "PDF" {more} NIL NIL "BASE64" 2000'


def test_answers_of_servers() -> None:
    """As Gmail, Exchange, Dovecot and Cyrus write them: with and without extensions, atoms and literals."""
    pieces = [
        b"* 7 FETCH (UID 5 BODY[HEADER.FIELDS (DATE FROM)]<0> ",
        b"From: (\r\n",
        b' X "a\\"b" )',
    ]
    assert parse(pieces)[:3] == [b"*", b"7", b"FETCH"]
    assert parse(pieces)[3] == [
        *(b"UID", b"5", b"BODY[HEADER.FIELDS (DATE FROM)]<0>", b"From: (\r\n", b"X", b'a"b')
    ]
    simple = parts(part("NIL") + ")")
    assert [(one.key, one.section, one.name, one.size) for one in simple] == [("0", "1", "", 2000)]
    nothing: list[ImapValue] = [None, [], b"x"]
    assert [parts_of(one) for one in nothing] == [[], [], []]


@pytest.mark.parametrize(
    ("more", "encoding", "name"),
    [
        ('("NAME" "a.pdf"))', "utf-8", "a.pdf"),
        ('("NAME" "=?utf-8?B?6LSm5Y2V?= =?utf-8?Q?=E5=8D=95.pdf?="))', "utf-8", "账单单.pdf"),
        # GBK characters in what is called GB2312.
        ('("NAME" "=?gb2312?B?6FeRoS5wZGY=?="))', "utf-8", "鑇憽.pdf"),
        ('("NAME" "发票明细.pdf"))', "gbk", "发票明细.pdf"),
        ('("NAME" "发票.pdf"))', "utf-8", "发票.pdf"),
        (
            'NIL) NIL ("ATTACHMENT" ("FILENAME*0*" "utf-8\'zh\'%E5%8F%91" "FILENAME*1*" "%E7%A5%A8.pdf")))',
            "utf-8",
            "",
        ),
        ('("NAME" "a;b \\"c\\" (1.pdf"))', "utf-8", 'a;b "c" (1.pdf'),
        ('("NAME" "=?nothing?B?YQ==?=.pdf"))', "utf-8", "a.pdf"),
        ('("NAME" "=?utf-8?B?broken"))', "utf-8", "=?utf-8?B?broken"),
        (f'("NAME" "{"x" * 5000}"))', "utf-8", "x" * MAX_MAIL_NAME),
    ],
)
def test_names(more: str, encoding: str, name: str) -> None:
    structure = part(more[:-1]) + ")"
    if name == "":
        structure = (
            '("APPLICATION" "PDF" NIL NIL NIL "BASE64" 2000 NIL ("ATTACHMENT" ("FILENAME*0*"'
            ' "utf-8\'zh\'%E5%8F%91" "FILENAME*1*" "%E7%A5%A8.pdf")))'
        )
        name = "发票.pdf"
    assert [one.name for one in parts(structure, encoding)] == [name]


def test_sections_and_keys() -> None:
    """Sections as IMAP counts them, keys as core does."""
    text = '("TEXT" "PLAIN" ("CHARSET" "utf-8") NIL NIL "7BIT" 9 1)'
    pdf = part('("NAME" "a.pdf")') + ")"
    message = '("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 99 (NIL NIL) {} 5)'
    inner = message.format(f'({text}{pdf} "MIXED")')
    found = parts(f'({text}{inner}{message.format(pdf)}({text}{pdf} "RELATED") "MIXED")')
    assert [(one.section, one.key, one.is_nested) for one in found] == [
        ("1", "0", False),
        ("2.1", "1,0,0", True),
        ("2.2", "1,0,1", True),
        ("3.1", "2,0", True),
        ("4.1", "3,0", False),
        ("4.2", "3,1", False),
    ]
    assert [one.is_body for one in found] == [True, True, False, False, True, False]
    assert [(one.section, one.key) for one in parts(inner)] == [("1.1", "0,0,0"), ("1.2", "0,0,1")]


@pytest.mark.parametrize(
    "answer",
    [
        b"(" * (MAX_IMAP_DEPTH + 1),
        b")",
        b"a " * (MAX_IMAP_VALUES + 1),
        b"()" * (MAX_IMAP_VALUES + 1),
    ],
)
def test_hostile_answers_are_refused(answer: bytes) -> None:
    with pytest.raises(ImapError, match="mail_too_complex"):
        parse([answer])


@pytest.mark.parametrize("junk", ['"', '"' * 9999, "\\" * 9999, '("' * 50, "BODY[" * 999, "NIL (("])
def test_broken_answers_are_survived(junk: str) -> None:
    for answer in parse([junk.encode()]):
        parts_of(answer)
    assert decode_words(junk) is not None


@pytest.mark.parametrize("size", [1, 2, 3, 77, 10_000])
@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit", "x-uuencode"])
async def test_content_that_comes_in_pieces(encoding: str, size: int) -> None:
    content = ("汉字 = \t x" * 30 + "\n" + "=" * 500 + "\n").encode() * 3
    encode: Any = {"base64": base64.encodebytes, "quoted-printable": quopri.encodestring}
    sent: bytes = encode.get(encoding, bytes)(content)
    (one,) = parts(f'("APPLICATION" "PDF" NIL NIL NIL "{encoding}" 1)')

    async def pieces() -> Any:
        for start in range(0, len(sent), size):
            yield sent[start : start + size]

    if encoding == "x-uuencode":
        with pytest.raises(InputError, match="mail_part_damaged"):
            [piece async for piece in decoded(pieces(), one)]
        return
    assert b"".join([piece async for piece in decoded(pieces(), one)]) == content


async def test_base64_is_read_leniently() -> None:
    (one,) = parts('("APPLICATION" "PDF" NIL NIL NIL "base64" 1)')

    async def content(*sent: bytes) -> bytes:
        async def pieces() -> Any:
            for piece in sent:
                yield piece

        return b"".join([piece async for piece in decoded(pieces(), one)])

    assert await content(b"aGV\r\n", b"sb!G8") == b"hello"
    assert await content() == b""
    # The second one fails before its last piece: its padding stands for more characters than base64 allows.
    for damaged in ((b"aGVsb",), (b"aGVsb===", b"aGVs")):
        with pytest.raises(InputError, match="mail_part_damaged"):
            await content(*damaged)


@pytest.mark.parametrize(
    ("header", "proven"),
    [
        ("mx.example.net; dmarc=pass header.from=mail.example.com", True),
        (" MX.example.net 1;\r\n\tDMARC=Pass (p=NONE) header.from=Mail.Example.com", True),
        ("mx.example.net; dkim=pass header.d=example.com header.s=x; spf=fail", True),
        ("mx.example.net; dkim=pass header.i=@mail.example.com", True),
        ("mx.example.net; dkim=fail header.d=a.com; dkim=pass header.d=mail.example.com", True),
        ('mx.example.net; dmarc=pass reason="a; b" header.from="mail.example.com"', True),
        ("mx.example.net (a (b; c) d); dmarc/1=pass header.from=mail.example.com", True),
        # SPF, another domain, a domain below, a top level domain.
        ("mx.example.net; spf=pass smtp.mailfrom=mail.example.com", False),
        ("mx.example.net; dmarc=pass header.from=evil.example", False),
        ("mx.example.net; dkim=pass header.d=x.mail.example.com", False),
        ("mx.example.net; dkim=pass header.d=com", False),
        ("mx.example.net; dkim=pass header.d=le.com", False),
        ("mx.example.net; dkim=pass", False),
        ("mx.example.net; none", False),
        ("mx.example.net", False),
        # Values that a stranger chooses.
        (
            'mx.example.net; spf=pass smtp.mailfrom="x; dmarc=pass header.from=mail.example.com"',
            False,
        ),
        ("mx.example.net; dkim=fail (x; dmarc=pass header.from=mail.example.com", False),
        (r"mx.example.net; dkim=fail (\); dmarc=pass header.from=mail.example.com)", False),
        (r'mx.example.net; a="\"; dmarc=pass header.from=mail.example.com"', False),
        ('mx.example.net; dkim=fail ("); dmarc=pass header.from=mail.example.com', True),
        # Another server.
        ("mx.example.network; dmarc=pass header.from=mail.example.com", None),
        ("x.mx.example.net; dmarc=pass header.from=mail.example.com", None),
        ("dmarc=pass header.from=mail.example.com", None),
        ("", None),
    ],
)
@pytest.mark.whole
def test_what_proves_a_sender(header: str, proven: bool | None) -> None:
    assert is_sender_proven([header], "mx.example.net", SENDER) is proven


def test_only_the_topmost_of_the_server_counts() -> None:
    good = "mx.example.net; dmarc=pass header.from=mail.example.com"
    bad = "mx.example.net; dmarc=fail"
    other = "other.example; dmarc=fail"
    assert is_sender_proven([other, good, bad], " MX.example.net", SENDER) is True
    assert is_sender_proven([other, bad, good], "mx.example.net", SENDER) is False
    assert is_sender_proven([other], "mx.example.net", SENDER) is None
    assert is_sender_proven([good], "mx.example.net", "nobody") is False
    assert is_sender_proven([good], "mx.example.net", "") is False
