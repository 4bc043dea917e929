"""Parse a mail server's description of a message's parts (RFC 3501, BODYSTRUCTURE), and decode the parts."""

from binascii import Error as Base64Error, a2b_base64, a2b_qp
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import quote
from itertools import takewhile
from pathlib import PurePath
import re
from typing import Final

from ..input_error import InputError
from .document import CONTENT_TYPES, KNOWN_SUFFIXES, OLE_NAMES, FileType
from .encoding import decode_text
from .imap import ImapValue

# Maximum bytes of a file name in a mail; longer names are cut.
MAX_MAIL_NAME: Final = 2000
# Minimum bytes, as sent, with which a picture inside a formatted text counts as a document. Smaller pictures are logos
# and signatures.
MIN_EMBEDDED_PICTURE: Final = 64 * 1024
BODY_TYPES: Final = frozenset({"text/plain", "text/html"})
_RAW: Final = CONTENT_TYPES[FileType.RAW]
_TYPES: Final = {*CONTENT_TYPES.values(), "application/ofd", "text/csv", *BODY_TYPES} - {_RAW}
_SUFFIXES: Final = (KNOWN_SUFFIXES - {FileType.RAW}) | {
    *OLE_NAMES,
    *(".docm", ".xlsm", ".pptm", ".ofd", ".tsv", ".log"),
}
# Signatures and delivery reports, which nobody misses on paper.
_SILENT: Final = re.compile(r"application/(x-)?(pkcs7|pgp)-signature|message/delivery-status")
# Mails often name one of these encodings but contain characters of the larger encoding that extends it.
_WIDER: Final = dict.fromkeys(("gb2312", "gbk", "x-gbk", "gb_2312-80"), "gb18030")
_NOT_BASE64: Final = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
)


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class MailPart:
    # The part's key in core's `imap_content` event.
    key: str
    # The part's number in IMAP.
    section: str
    # The content type in lower case.
    kind: str
    name: str
    encoding: str
    charset: str
    # Number of bytes as sent; some servers only estimate it.
    size: int
    # Whether the part belongs to a message that is attached to this message.
    is_nested: bool
    # Whether the part is text of the message itself, not an attachment.
    is_body: bool
    is_embedded: bool

    @property
    def suffix(self) -> str:
        return PurePath(self.name).suffix.lower()

    @property
    def label(self) -> str:
        return self.name or self.kind

    @property
    def is_printable(self) -> bool:
        return self.suffix in _SUFFIXES or self.kind in _TYPES or self.kind.startswith("image/")

    @property
    def is_attachment(self) -> bool:
        """Whether people see the part as an attachment."""
        is_small = self.is_embedded and self.size < MIN_EMBEDDED_PICTURE
        return not (self.is_body or is_small or _SILENT.fullmatch(self.kind))


def parts_of(structure: ImapValue) -> list[MailPart]:
    """Return all parts of a message, including those of attached messages, in order. Blocking: run in the executor."""
    found: list[MailPart] = []
    section = "" if _is_multipart(structure) else "1"
    _walk(structure, section, "" if not section else "0", found)
    return found


def _is_multipart(node: ImapValue) -> bool:
    return isinstance(node, list) and bool(node) and isinstance(node[0], list)


def _walk(
    node: ImapValue,
    section: str,
    key: str,
    found: list[MailPart],
    *,
    is_nested: bool = False,
    is_related: bool = False,
) -> None:
    """Add the parts of a node, which is nested at most `imap.MAX_IMAP_DEPTH` times."""
    if not isinstance(node, list) or not node:
        return
    if _is_multipart(node):
        inner = [*takewhile(lambda one: isinstance(one, list), node)]
        related = _word(node, len(inner)) == "related"
        for number, part in enumerate(inner):
            _walk(
                part,
                f"{section}.{number + 1}".lstrip("."),
                f"{key},{number}".lstrip(","),
                found,
                is_nested=is_nested,
                is_related=related and number > 0,
            )
        return
    kind = f"{_word(node, 0)}/{_word(node, 1)}"
    if kind == "message/rfc822" and isinstance(_at(node, 8), list):
        section += "" if _is_multipart(node[8]) else ".1"
        _walk(node[8], section, f"{key},0", found, is_nested=True)
        return
    disposition = _at(node, 9 if kind.startswith("text/") else 8)
    name, charset = _headers(node, disposition)
    size = _word(node, 6)
    found.append(
        MailPart(
            key=key,
            section=section,
            kind=kind,
            name=name,
            encoding=_word(node, 5),
            charset=charset,
            size=int(size) if size.isdecimal() else 0,
            is_nested=is_nested,
            is_body=kind in BODY_TYPES and not name and _word(disposition, 0) != "attachment",
            is_embedded=is_related and _at(node, 3) is not None and kind.startswith("image/"),
        )
    )


def _at(node: ImapValue, index: int) -> ImapValue:
    return node[index] if isinstance(node, list) and index < len(node) else None


def _word(node: ImapValue, index: int) -> str:
    word = _at(node, index)
    return word.decode("ascii", "replace").lower() if isinstance(word, bytes) else ""


def _headers(node: ImapValue, disposition: ImapValue) -> tuple[str, str]:
    """Return the file name and the character set of a part."""
    message = Message()
    raw = b""
    for header, words in {
        "Content-Type": _at(node, 2),
        "Content-Disposition": _at(disposition, 1),
    }.items():
        text = "x/x"
        for key, value in _pairs(words):
            raw += value
            text += f'; {key}="{quote(value[:MAX_MAIL_NAME].decode("latin-1"))}"'
        message[header] = text
    name = message.get_filename("")
    if not raw.isascii() and name:
        # Dovecot sends names decoded, in UTF-8; other servers send a name's bytes as they are in the mail.
        name = decode_as(name.encode("latin-1", "replace"), "utf-8")
    return decode_words(name), message.get_content_charset("")


def _pairs(words: ImapValue) -> Iterator[tuple[str, bytes]]:
    words = words if isinstance(words, list) else []
    for key, value in zip(words[::2], words[1::2], strict=False):
        if isinstance(key, bytes) and isinstance(value, bytes):
            yield key.decode("latin-1"), value


def decode_words(text: str) -> str:
    """Return a header's text after decoding encoded words such as `=?UTF-8?B?…?=`."""
    try:
        pieces = decode_header(text)
    except HeaderParseError, ValueError:
        return text
    return "".join(
        piece if isinstance(piece, str) else decode_as(piece, charset or "raw-unicode-escape")
        for piece, charset in pieces
    )


def decode_as(data: bytes, charset: str) -> str:
    """Return data decoded with the charset that a mail names, or if that fails, with the likeliest one."""
    try:
        return data.decode(_WIDER.get(charset.lower(), charset))
    except LookupError, ValueError:
        return decode_text(data)


async def decoded(pieces: AsyncIterator[bytes], part: MailPart) -> AsyncIterator[bytes]:
    """Yield the content of a part that arrives in pieces. Raises InputError: mail_part_damaged."""
    rest = b""
    if part.encoding not in ("base64", "quoted-printable", "7bit", "8bit", "binary", ""):
        raise InputError("mail_part_damaged", name=part.label)
    async for piece in pieces:
        if part.encoding == "base64":
            rest += piece.translate(None, _NOT_BASE64)
            whole = len(rest) // 4 * 4
            yield _from_base64(rest[:whole], part)
        elif part.encoding == "quoted-printable":
            rest += piece
            # Cut after the last whole line. A line that is longer than a piece is cut as well, but not within an
            # escaped character.
            whole = rest.rfind(b"\n") + 1 or rest.rfind(b"=", -3) % (len(rest) + 1)
            yield a2b_qp(rest[:whole])
        else:
            yield piece
            continue
        rest = rest[whole:]
    if part.encoding == "base64":
        yield _from_base64(rest + b"=" * (-len(rest) % 4), part)
    else:
        yield a2b_qp(rest)


def _from_base64(data: bytes, part: MailPart) -> bytes:
    """Decode base64. Raises InputError: mail_part_damaged."""
    try:
        return a2b_base64(data)
    except Base64Error:
        raise InputError("mail_part_damaged", name=part.label) from None
