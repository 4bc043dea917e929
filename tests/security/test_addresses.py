"""Addresses: what may be fetched, where a server's redirect and name may lead, who may be the service.

Whatever spelling of this machine or of the local network an address has, nothing connects there.
"""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

from aiohttp import ThreadedResolver
from homeassistant.core import HomeAssistant
import pytest

from custom_components.lianke.api.addresses import DEFAULT_SERVER, check_server
from custom_components.lianke.documents.download import async_download
from custom_components.lianke.input_error import InputError

REFUSED = {"url_invalid", "url_not_https", "url_not_public", "url_unreachable"}
# P stands for a port at which this machine listens.
FORMS = [
    "https://127.0.0.1:P/", "https://127.0.0.1:P", "https://127.1:P/", "https://127.0.1:P/", "https://0:P/",
    "https://0.0.0.0:P/", "https://2130706433:P/", "https://017700000001:P/", "https://0x7f000001:P/",
    "https://0x7f.0.0.1:P/", "https://0177.0.0.1:P/", "https://127.0.0.1.:P/", "https://127.0.0.1%2e:P/",
    "https://localhost:P/", "https://LOCALHOST:P/", "https://localhost.:P/", "https://localhost.localdomain:P/",
    "https://[::1]:P/", "https://[::]:P/", "https://[0:0:0:0:0:0:0:1]:P/", "https://[::ffff:127.0.0.1]:P/",
    "https://[::ffff:7f00:1]:P/", "https://[::127.0.0.1]:P/", "https://[64:ff9b::7f00:1]:P/",
    "https://[2002:7f00:1::]:P/", "https://[fe80::1%25lo]:P/", "https://[::1%25lo]:P/", "https://[fc00::1]:P/",
    "https://①②⑦.⓪.⓪.①:P/", "https://１２７.０.０.１:P/", "https://127。0。0。1:P/", "https://ⓛocalhost:P/",
    "https://example.com@127.0.0.1:P/", "https://127.0.0.1:P@127.0.0.1:P/", "https://user:secret@localhost:P/",
    "https://example.com:443@localhost:P/", "https://127.0.0.1:P\\@example.invalid/", "https://127.0.0.1:P#@x/",
    "https://127.0.0.1:P?@x.invalid/", "https:\\\\127.0.0.1:P/", "https:/127.0.0.1:P/", "https:127.0.0.1:P/",
    "//127.0.0.1:P/", "127.0.0.1:P/", "HTTPS://127.0.0.1:P/", " https://127.0.0.1:P/ ", "\thttps://127.0.0.1:P/\n",
    "https://127.0.0.1:P/..;/", "https://127.0.0.1:P/%2e%2e/", "https://10.0.0.1:P/", "https://192.168.1.1:P/",
    "https://172.16.0.1:P/", "https://169.254.169.254/latest/", "https://100.64.0.1/", "https://198.18.0.1/",
    "https://224.0.0.1/", "https://255.255.255.255/", "https://0.0.0.0/", "https://[ff02::1]/",
    "http://127.0.0.1:P/", "http://localhost:P/", "http://[::1]:P/", "http://example.invalid/", "ftp://127.0.0.1:P/",
    "file:///etc/passwd", "data:text/plain,x", "javascript:alert(1)", "gopher://127.0.0.1:P/", "https://",
    "https:///x", "https://:P/", "https://127.0.0.1:99999/", "https://127.0.0.1:-1/", "https://[::1:P/",
    "https://xn--:P/", "https://xn--a:P/", "https://-:P/", "https://.:P/", "https://a..b:P/", "https://%00:P/",
    "https://\x00:P/", "https://" + "a" * 300 + ":P/", "https://" + "a." * 200 + ":P/", "", " ", "\x00",
]  # fmt: skip


class Port:
    """A port of this machine that notes whoever connects."""

    def __init__(self) -> None:
        self.number = 0
        self.connections = 0

    async def on_connection(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.close()


@pytest.fixture
async def port(socket_enabled: None, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Port]:
    """Listen at a port of this machine, to which every name leads."""

    async def resolve(
        _: ThreadedResolver, host: str, port: int = 0, *_more: object
    ) -> list[dict[str, object]]:
        here = {"host": "127.0.0.1", "port": port, "family": 2, "proto": 0, "flags": 0}
        return [{"hostname": host, **here}]

    monkeypatch.setattr(ThreadedResolver, "resolve", resolve)
    port = Port()
    server = await asyncio.start_server(port.on_connection, "127.0.0.1", 0)
    port.number = server.sockets[0].getsockname()[1]
    async with server:
        yield port


async def test_no_form_of_an_address_leads_inside(
    hass: HomeAssistant, tmp_path: Path, port: Port
) -> None:
    for form in FORMS:
        address = form.replace("P", str(port.number))
        with pytest.raises(InputError) as raised:
            await async_download(hass, address, tmp_path / "file", 1024 * 1024)
        assert raised.value.reason in REFUSED, form
        for text in raised.value.placeholders.values():
            assert "secret" not in text, form
        assert port.connections == 0, form
        assert not (tmp_path / "file").exists(), form


async def test_the_port_would_take_a_connection(
    hass: HomeAssistant, tmp_path: Path, port: Port
) -> None:
    """A test that cannot fail proves nothing: an address that is allowed gets there."""
    address = f"https://127.0.0.1:{port.number}/"
    hass.config.allowlist_external_urls = {address}
    with pytest.raises(InputError):
        await async_download(hass, address, tmp_path / "file", 1024)
    assert port.connections == 1


# Who may be the service, which gets the keys

SERVERS = [
    (DEFAULT_SERVER, DEFAULT_SERVER),
    ("https://cloud.liankenet.com", "https://cloud.liankenet.com/api"),
    ("https://cloud.liankenet.com/", "https://cloud.liankenet.com/api"),
    (" https://example.com/x/ ", "https://example.com/x"),
    ("http://127.0.0.1:8080/api", "http://127.0.0.1:8080/api"),
    ("http://localhost:8080/api", "http://localhost:8080/api"),
    ("http://[::1]:8080/api", "http://[::1]:8080/api"),
    ("http://example.com/api", None),
    ("http://192.168.1.2/api", None),
    ("http://127.0.0.1.example.com/api", None),
    ("http://localhost.example.com/api", None),
    ("http://localhost@example.com/api", None),
    ("https://user:secret@example.com/api", None),
    ("https://user@example.com/api", None),
    ("https://example.com/api?key=secret", None),
    ("https://example.com/api#x", None),
    ("ftp://example.com/api", None),
    ("file:///etc/passwd", None),
    ("//example.com/api", None),
    ("example.com/api", None),
    ("https://", None),
    ("https:///api", None),
    ("https://example.com:99999/api", None),
    ("https://xn--/", None),
    ("https://[::1", None),
    ("https://\ud800/", None),
    ("javascript:alert(1)", None),
    ("", None),
    ("\x00", None),
]


@pytest.mark.parametrize(("text", "server"), SERVERS)
def test_who_may_be_the_service(text: str, server: str | None) -> None:
    if server is None:
        with pytest.raises(InputError, match="invalid_server"):
            check_server(text)
    else:
        assert check_server(text) == server
