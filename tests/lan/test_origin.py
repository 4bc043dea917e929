"""The printers are there for devices of the home network alone."""

from ipaddress import ip_network
from unittest.mock import Mock, patch

from aiohttp.test_utils import make_mocked_request
from homeassistant.core import HomeAssistant
import pytest

from custom_components.lianke.const import LAN_PRINTER_PATH
from custom_components.lianke.ipp import model as values
from custom_components.lianke.ipp.model import Operation
from custom_components.lianke.lan.origin import is_from_home
from custom_components.lianke.lan.printer.server import offered_printers
from tests.household import sent
from tests.lan.conftest import PDF, LanPrinter

HOME = "192.168.1.23"


async def allowed(
    hass: HomeAssistant, remote: str | None = HOME, host: str = "192.168.1.2:8123", **headers: str
) -> bool:
    transport = Mock()
    peer = None if remote is None else (remote, 50_000)
    transport.get_extra_info.side_effect = lambda name, default=None: (
        peer if name == "peername" else default
    )
    sent_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    request = make_mocked_request(
        "POST", LAN_PRINTER_PATH, headers={"Host": host, **sent_headers}, transport=transport
    )
    return is_from_home(hass, request)


@pytest.fixture
async def house(hass: HomeAssistant) -> HomeAssistant:
    """Return a Home Assistant with a web server and an address on the internet."""
    hass.http = Mock(trusted_proxies=[ip_network("172.30.33.0/24")])
    await hass.config.async_update(
        external_url="https://home.example.com", internal_url="http://192.168.1.2:8123"
    )
    return hass


async def test_by_address(house: HomeAssistant) -> None:
    for remote, is_allowed in (
        (HOME, True),
        ("10.0.0.7", True),
        ("127.0.0.1", True),
        ("169.254.3.4", True),
        ("fe80::1", True),
        ("fd12:3456:789a::1", True),
        ("::ffff:192.168.1.23", True),
        ("203.0.113.9", False),
        ("8.8.8.8", False),
        ("2606:4700:4700::1111", False),
        # A proxy that says nothing of who is behind it.
        ("172.30.33.5", False),
        (None, False),
        ("no address", False),
    ):
        assert await allowed(house, remote) is is_allowed, remote


async def test_not_through_a_proxy(house: HomeAssistant) -> None:
    names = """
        X_Forwarded_For X_Forwarded_Host X_Forwarded_Proto Forwarded Via X_Real_IP
        CF_Connecting_IP CF_Ray True_Client_IP X_Original_Forwarded_For X_Original_Host Cdn_Loop
        X_Client_IP X_Cluster_Client_IP X_Remote_Addr X_Envoy_External_Address X_Amz_Cf_Id
        X_Azure_ClientIP X_Azure_SocketIP X_Appengine_User_IP Fastly_Client_IP Fly_Client_IP
        Akamai_Origin_Hop Tailscale_User_Login WL_Proxy_Client_IP Proxy_Connection
    """
    for header in names.split():
        assert not await allowed(house, **{header: HOME}), header


async def test_what_printing_programs_send_is_no_proxys(house: HomeAssistant) -> None:
    """Headers of CUPS, Windows, iOS and Android."""
    names = "User_Agent Accept Accept_Encoding Accept_Language Authorization Cache_Control Connection Date"
    more = "Expect Pragma TE Transfer_Encoding Upgrade Upgrade_Insecure_Requests X_Requested_With"
    assert await allowed(house, **dict.fromkeys(f"{names} {more}".split(), "x"))


async def test_not_from_a_web_page(house: HomeAssistant) -> None:
    """Browsers say of which page a POST is, also when it is of the same address."""
    for origin in ("http://192.168.1.2:8123", "https://evil.example", "null"):
        assert not await allowed(house, Origin=origin)


async def test_not_by_the_outer_address(house: HomeAssistant) -> None:
    for host, is_allowed in (
        # A web page's own name that it gave an address at home.
        ("evil.example", False),
        ("evil.example:8123", False),
        ("192.168.1.2.evil.example", False),
        ("local.evil.example.", False),
        ("", False),
        ("homeassistant", True),
        ("lianke-0123456789ab.local.:8123", True),
        ("homeassistant.fritz.box", True),
        ("ha.home.arpa", True),
        ("203.0.113.5:8123", True),
        ("192.168.1.2:8123", True),
        ("homeassistant.local:8123", True),
        ("[fe80::2]:8123", True),
        ("home.example.com", False),
        ("home.example.com:8123", False),
        ("HOME.example.com", False),
        ("[half", False),
    ):
        assert await allowed(house, host=host) is is_allowed, host


async def test_one_address_for_inside_and_outside(house: HomeAssistant) -> None:
    """Then the name says nothing, and the address decides."""
    await house.config.async_update(internal_url="https://home.example.com")
    assert await allowed(house, host="home.example.com")
    await house.config.async_update(external_url=None)
    assert await allowed(house, host="home.example.com")


async def test_a_name_of_ones_own_has_to_be_known(house: HomeAssistant) -> None:
    await house.config.async_update(internal_url="http://ha.example.net:8123")
    assert await allowed(house, host="ha.example.net:8123")
    assert not await allowed(house, host="other.example.net")


async def test_not_through_the_cloud(house: HomeAssistant) -> None:
    with patch("custom_components.lianke.lan.origin.is_cloud_connection", return_value=True):
        assert not await allowed(house)


async def test_to_others_it_is_not_there(lan: LanPrinter) -> None:
    """Neither the printer nor its picture; with a wrong token it looks the same."""
    body = lan.message(Operation.PRINT_JOB) + PDF
    lan.headers = {"Via": "1.1 proxy"}
    assert (await lan.post(body))[0] == 404
    async with lan.session.get(f"{lan.url}/icon.png", headers=lan.headers) as answer:
        assert answer.status == 404
    lan.headers = {}
    lan.token = "another-token"
    assert (await lan.post(body))[0] == 404
    async with lan.session.get(f"{lan.url}/icon.png") as answer:
        assert answer.status == 404
    assert sent(lan.simulator) == 0


async def test_switched_off_it_is_not_there(lan: LanPrinter) -> None:
    lan.hass.config_entries.async_update_entry(lan.entry, options={})
    assert (await lan.post(lan.message(Operation.PRINT_JOB) + PDF))[0] == 404
    assert offered_printers(lan.entry) == []
    assert sent(lan.simulator) == 0


async def test_nothing_is_fetched_for_strangers(lan: LanPrinter) -> None:
    for operation in (0x0003, 0x0007):
        reply = await lan.ask(operation, document_uri=values.uri("http://192.168.1.1/secret"))
        assert reply.status == 0x0501
