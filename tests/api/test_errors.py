"""What a code means, and that every reason has a text in both languages."""

import json
from pathlib import Path
import re

import pytest

from custom_components.lianke.api import errors
from custom_components.lianke.api.errors import (
    CODES,
    AlreadyRunningError,
    AuthenticationError,
    BadParameterError,
    BadPhoneError,
    BoxNotFoundError,
    BoxNotRespondingError,
    LiankeError,
    LiankeRefusedError,
    LiankeTimeoutError,
    OptionError,
    ServiceExpiredError,
    UnknownCodeError,
    refusal,
)
from custom_components.lianke.errors import InputError

TRANSLATIONS = Path(errors.__file__).parents[1] / "translations"


@pytest.mark.parametrize(("code", "kind"), [*CODES.items()])
def test_documented_codes(code: int, kind: type[LiankeRefusedError]) -> None:
    error = refusal(code, "原因")
    assert type(error) is kind
    assert error.code == code
    assert error.placeholders == {"detail": "原因", "code": str(code)}
    assert error.surely_refused is (code not in (500, 503, 11200, 11201))


def test_meanings_of_one_endpoint() -> None:
    assert type(refusal(401, "正在刷新", {401: AlreadyRunningError})) is AlreadyRunningError
    assert type(refusal(403, "手机号格式错误", {403: BadPhoneError})) is BadPhoneError
    assert type(refusal(401, "ApiKey无效", {401: AlreadyRunningError})) is AuthenticationError


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (401, ""),
        (403, ""),
        (400, "请在headers中填入正确的ApiKey"),
        (400, "API Key error"),
        (12345, "未授权"),
        (None, "api_key is missing"),
        (12345, "密钥错误"),
        (12345, "Unauthorized"),
    ],
)
def test_about_the_key(code: int | None, message: str) -> None:
    assert type(refusal(code, message)) is AuthenticationError


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (404, "设备ID或设备密钥错误, 不是ApiKey", BoxNotFoundError),
        (400, "参数错误", BadParameterError),
        (12345, "设备密钥错误", UnknownCodeError),
        (12345, "", UnknownCodeError),
        (-1, "?", UnknownCodeError),
        (500, "设备已超过有效期", ServiceExpiredError),
        (None, "设备已超过有效期，请续费", ServiceExpiredError),
        (400, "服务已到期", ServiceExpiredError),
    ],
)
def test_other_words(code: int | None, message: str, kind: type[LiankeError]) -> None:
    assert type(refusal(code, message)) is kind


def test_a_code_that_nobody_explains_proves_nothing() -> None:
    """After the end of an upload; before it, words are an answer, since nothing can have been accepted."""
    for detail in ("x", ""):
        error = UnknownCodeError(detail, code=1)
        assert error.surely_refused is False
        error.before_end = True
        assert error.surely_refused is bool(detail)
    assert BoxNotRespondingError("x", code=500).surely_refused is False


def test_texts_are_short_and_plain() -> None:
    error = UnknownCodeError("a\n b " * 200, code=7)
    assert len(error.detail) <= 200
    assert "\n" not in error.detail
    assert str(error).startswith("refused (7): a b")
    assert str(LiankeTimeoutError(may_have_arrived=True)) == "timed_out"
    assert LiankeTimeoutError(may_have_arrived=True).placeholders == {"detail": "", "code": ""}


def test_option_error() -> None:
    error = OptionError("tray_not_available", option="tray", value=7, allowed=["纸盒 1", 4])
    assert error.placeholders == {
        "option": "tray",
        "value": "7",
        "allowed": "纸盒 1, 4",
    }
    assert isinstance(error, InputError)


def _reasons() -> set[str]:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type)
        and issubclass(kind, LiankeError | InputError)
        and hasattr(kind, "reason")
    ]
    named = {kind.reason for kind in kinds}
    source = "".join(
        path.read_text(encoding="utf-8") for path in Path(errors.__file__).parent.glob("*.py")
    )
    named |= set(re.findall(r'OptionError\(\s*"(\w+)"', source))
    choices = set(re.findall(r'_(?:choice|named)\(\s*"(\w+)"', source))
    assert len(choices) == 6
    return named | {f"{choice}_not_available" for choice in choices}


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_every_reason_has_a_text(language: str) -> None:
    texts = json.loads((TRANSLATIONS / f"{language}.json").read_text(encoding="utf-8"))[
        "exceptions"
    ]
    possible = {"detail", "code", "option", "value", "allowed"}
    for reason in sorted(_reasons()):
        message = texts[reason]["message"]
        assert set(re.findall(r"{(\w+)}", message)) <= possible, reason
        assert "http" not in message.replace("https and", "").replace("https 开头", ""), reason
        assert "<" not in message
