"""Box id and key from text."""

import base64
from urllib.parse import quote

import pytest

from custom_components.lianke.api.errors import UnreadableCredentialsError
from custom_components.lianke.api.models import Credentials
from custom_components.lianke.api.sticker import parse_credentials, rank_code

BOX = Credentials(device_id="lk00ab00000000", device_key="AbCdEfGh12345678")
TOKEN = "bGswMGFiMDAwMDAwMDA6QWJDZEVmR2gxMjM0NTY3OA=="
LINK = f"https://printing.liankenet.com/?token={TOKEN}#/home?isMainPage=1&isBack=1"
BARE = TOKEN.rstrip("=")
FULL_WIDTH = str.maketrans({code: chr(code + 0xFEE0) for code in range(0x21, 0x7F)})


@pytest.mark.parametrize(
    "text",
    [
        LINK,
        f"  \r\n{LINK}\n",
        f"\ufeff{LINK}\u200b",
        f"<{LINK}>",
        f'"{LINK}"',
        LINK.replace("==", ""),
        LINK.replace("==", "%3D%3D"),
        LINK.replace("==", "%253D%253D"),
        LINK.replace("https", "HTTP"),
        LINK.replace("token", "Token"),
        LINK.replace("MDAwMDAwMDA6", "MDAwMDAw\r\n  MDA6"),
        f"https://printing.liankenet.com/#/home?isMainPage=1&token={TOKEN}",
        f"https://printing.liankenet.com/#token={TOKEN}",
        f"https://printing.liankenet.com/?token=&a=1#/home?token={TOKEN}",
        f"https://printing.liankenet.com/?token=nonsense#/home?token={TOKEN}",
        f"https://example.com/go?to={quote(LINK, safe='')}",
        f"printing.liankenet.com/?token={TOKEN}",
        TOKEN,
        BARE,
        f"\t{TOKEN}\n",
        quote(TOKEN, safe=""),
        f"token={TOKEN}",
        f"{TOKEN[:20]}\n{TOKEN[20:]}",
        "lk00ab00000000:AbCdEfGh12345678",
        " lk00ab00000000 : AbCdEfGh12345678 ",
        "lk00ab00000000：AbCdEfGh12345678",
        # As messengers and chats write it.
        f"{LINK.partition('#')[0]}，请扫码",
        f"请打开{LINK.partition('#')[0]}。",
        f"https://printing.liankenet.com/?token={TOKEN}请扫码",
        f"[云盒]({LINK})",
        f"[link](https://printing.liankenet.com/?token={TOKEN})",
        f"![]({LINK.partition('#')[0]})",
        f"<a href='{LINK}'>box</a>",
        f"`{LINK.partition('#')[0]}`",
        LINK.translate(FULL_WIDTH),
        TOKEN.translate(FULL_WIDTH),
        "ｌｋ００ａｂ００００００００：ＡｂＣｄＥｆＧｈ１２３４５６７８",
    ],
)
def test_every_known_form(text: str) -> None:
    assert parse_credentials(text) == BOX


@pytest.mark.parametrize(
    "around", ["{}", "https://printing.liankenet.com/?token={}#/home", "看：token={} 谢谢"]
)
@pytest.mark.parametrize("blank", [" ", "  ", "\u3000", "\n"])
def test_a_token_that_was_cut_in_two(around: str, blank: str) -> None:
    """It is put together again or refused; never does a part of it stand for another box or key."""
    read = 0
    for at in range(1, len(BARE)):
        text = around.format(BARE[:at] + blank + BARE[at:])
        try:
            assert parse_credentials(text) == BOX
            read += 1
        except UnreadableCredentialsError:
            continue
    if "谢谢" not in around:
        assert read == len(BARE) - 1


def test_unusual_shapes_are_taken() -> None:
    token = base64.b64encode(b"WHITE-label_01:k3y_with-32_characters_0123456789").decode()
    found = parse_credentials(f"https://print.example.com/?token={token}")
    assert found == Credentials(
        device_id="WHITE-label_01", device_key="k3y_with-32_characters_0123456789"
    )
    assert rank_code(f"https://print.example.com/?token={token}") == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "https://printing.liankenet.com/",
        "https://printing.liankenet.com/?token=",
        "https://printing.liankenet.com/?token=***",
        "https://printing.liankenet.com/?token=5L2g5aW9",
        "https://u.wechat.com/abc:defghijklmnop",
        "WIFI:T:WPA;S:home;P:secret12;;",
        "tel:13800138000",
        "mailto:somebody@example.com",
        "not a token",
        base64.b64encode(b"only-one-part").decode(),
        base64.b64encode(b"a:b:c-three-parts").decode(),
        base64.b64encode(b"lk00ab00000000:").decode(),
        base64.b64encode("云盒0000:AbCdEfGh12345678".encode()).decode(),
        "%25" * 2000,
        "\ud800:\udfff",
        "A" * 100_000,
        "Hello, here is my printer box",
        "https://printing.liankenet.com/help",
        # A text is not searched for what could be a number and a key: the form asks for the link.
        f"My box is {TOKEN}, thanks",
        "lk00ab00000000\nAbCdEfGh12345678",
        "设备编号：lk00ab00000000\n设备密钥：AbCdEfGh12345678",
        '{"device_id": "lk00ab00000000", "device_key": "AbCdEfGh12345678"}',
        "token: none",
        "lk00ab00000000",
        "AbCdEfGh12345678",
        "lk00ab00000000 lk00ab00000001 AbCdEfGh12345678",
        "设备编号：lk00ab00000000",
        "internationalization misunderstandings",
        "a" * 4096,
        "token=" * 600,
    ],
)
def test_anything_else_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(UnreadableCredentialsError, match=r"^invalid_qr_code$"):
        parse_credentials(text)
    assert rank_code(text) == 0


def test_rank_prefers_the_vendors_link() -> None:
    assert rank_code(LINK) == 3
    assert rank_code(f"https://white.example.com/?token={TOKEN}") == 2
    assert rank_code(TOKEN) == 2
    assert rank_code("bitcoin:1BoatSLRHtKNngkdXEeobR76b53LETtpyT") == 1
    assert rank_code(f"https://liankenet.com.example.org/?token={TOKEN}") == 2
