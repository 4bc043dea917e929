"""What a code means."""

import pytest

from custom_components.lianke.api.errors import (
    AlreadyRunningError,
    AuthenticationError,
    BadParameterError,
    BadPhoneError,
    BoxNotFoundError,
    BoxNotRespondingError,
    LiankeError,
    LiankeTimeoutError,
    ServiceExpiredError,
    UnknownCodeError,
    error_for_code,
)


def test_meanings_of_one_endpoint() -> None:
    assert type(error_for_code(401, "正在刷新", {401: AlreadyRunningError})) is AlreadyRunningError
    assert type(error_for_code(403, "手机号格式错误", {403: BadPhoneError})) is BadPhoneError
    assert (
        type(error_for_code(401, "ApiKey无效", {401: AlreadyRunningError})) is AuthenticationError
    )


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
    assert type(error_for_code(code, message)) is AuthenticationError


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
    assert type(error_for_code(code, message)) is kind


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
