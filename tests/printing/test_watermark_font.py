"""Chinese watermarks on a system without a Chinese font: one is installed when it is needed."""

import asyncio
import hashlib
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.requirements import RequirementsNotFound
import pytest

from custom_components.lianke.documents import pdf_client, sheets as watermark_font
from tests.household import House, refusal
from tests.needs import chinese_font

TEXT = "仅供办理××使用"


@pytest.fixture(autouse=True)
def _has_font() -> None:
    chinese_font()


class Installer:
    """Home Assistant's installer, as far as these tests go: it needs no network."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        self.fails = False
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def install(
        self, hass: HomeAssistant, name: str, requirements: list[str], is_built_in: bool = True
    ) -> None:
        self.asked += requirements
        await self.may_end.wait()
        if self.fails:
            raise RequirementsNotFound(name, requirements)
        font = chinese_font()
        self.folder.mkdir()
        (self.folder / font.name).symlink_to(font)

    def find(self, name: str) -> ModuleSpec | None:
        if name != watermark_font.FONT_MODULE:
            return find_spec(name)
        path = str(self.folder / "__init__.py")
        return ModuleSpec(name, None, origin=path) if self.folder.exists() else None


@pytest.fixture
def installer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    """Take the fonts of the system away; return what can bring one."""
    installer = Installer(tmp_path / "package")
    monkeypatch.setattr(watermark_font, "FONT_FOLDERS", ())
    monkeypatch.setattr(watermark_font, "async_process_requirements", installer.install)
    monkeypatch.setattr(pdf_client, "find_spec", installer.find)
    digest = hashlib.sha256(chinese_font().read_bytes()).hexdigest()
    monkeypatch.setattr(watermark_font, "FONT_DIGESTS", {digest})
    return installer


@pytest.fixture
def house(house: House) -> House:
    house.hass.config.skip_pip = False
    return house


async def reason(house: House, text: str = TEXT) -> str | None:
    """Return why a watermark is refused; nothing is sent then."""
    printing = house.ask("print", device_id=house.device(), file=house.menu, watermark=text)
    key = await refusal(printing, HomeAssistantError)
    assert not house.sent
    return key


@pytest.mark.usefixtures("hurried")
async def test_a_font_is_installed_once(house: House, installer: Installer) -> None:
    await house.print_one(file=house.menu, watermark="COPY")
    assert installer.asked == []
    await house.print_one(file=house.menu, watermark=TEXT)
    await house.print_one(file=house.menu, watermark=TEXT)
    assert installer.asked == [watermark_font.FONT_PACKAGE]
    plain, first, second = (job.path.stat().st_size for job in house.printed)
    # Outlines of eight characters, and not the font. A file's random id takes a few bytes more or less.
    for printed in first, second:
        assert plain + 100 < printed < plain + 50_000


@pytest.mark.usefixtures("hurried")
async def test_calls_at_once_share_the_installation(house: House, installer: Installer) -> None:
    installer.may_end.clear()
    calls = [
        house.hass.async_create_task(house.print_one(file=house.menu, watermark=TEXT))
        for _ in range(2)
    ]
    while not installer.asked:
        await asyncio.sleep(0.01)
    installer.may_end.set()
    await asyncio.gather(*calls)
    assert (len(installer.asked), len(house.printed)) == (1, 2)


async def test_a_font_that_cannot_be_installed(house: House, installer: Installer) -> None:
    installer.fails = True
    assert await reason(house) == "watermark_needs_font"
    assert await reason(house) == "watermark_needs_font"
    # Other characters are not what the package is for.
    asked = len(installer.asked)
    assert await reason(house, "\U00013000") == "watermark_needs_font"
    assert len(installer.asked) == asked


async def test_where_nothing_may_be_installed(house: House, installer: Installer) -> None:
    house.hass.config.skip_pip = True
    assert await reason(house) == "watermark_needs_font"
    assert installer.asked == []


async def test_a_font_that_nobody_has_looked_at(
    house: House,
    installer: Installer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What the package brings is opened only if it is the known file."""
    monkeypatch.setattr(watermark_font, "FONT_DIGESTS", {"0" * 64})
    assert await reason(house) == "watermark_needs_font"
    assert "is not the font that" in caplog.text


def test_the_packages_fonts_are_the_known_ones() -> None:
    """As it is installed for the tests."""
    if find_spec(watermark_font.FONT_MODULE) is None:
        pytest.skip(f"no {watermark_font.FONT_PACKAGE}")
    assert watermark_font._find_font() is not None


@pytest.mark.usefixtures("hurried")
async def test_a_font_that_takes_long(
    house: House, installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call ends, the installation does not: the next one finds it."""
    monkeypatch.setattr(watermark_font, "FONT_SECONDS", 0)
    installer.may_end.clear()
    assert await reason(house) == "watermark_font_coming"
    installer.may_end.set()
    while not installer.folder.exists():
        await asyncio.sleep(0.01)
    await house.print_one(file=house.menu, watermark=TEXT)
    assert len(installer.asked) == 1
