"""Find fonts for watermarks, and have one with Chinese characters installed where there is none."""

import asyncio
from contextlib import suppress
import importlib
from importlib.util import find_spec
from pathlib import Path
import re
from typing import Final

from homeassistant.core import HomeAssistant
from homeassistant.requirements import RequirementsNotFound, async_process_requirements
from homeassistant.util.hass_dict import HassKey

from ..const import DOMAIN
from ..errors import InputError

# Where fonts with Chinese characters may lie, besides the configuration's own folder.
FONT_FOLDERS: Final = ("/usr/share/fonts", "/usr/local/share/fonts")
CONFIG_FONTS: Final = "fonts"
# Noto Sans SC (SIL Open Font License), 17 MB: no requirement of the integration, since few need it.
FONT_PACKAGE: Final = "pylopdf-fonts-zh-cn==0.1.1"
FONT_MODULE: Final = "pylopdf_fonts_zh_cn"
# For how long a call waits for it; it is installed all the same.
FONT_SECONDS: Final = 60
CHINESE: Final = re.compile("[\u3000-\u303f\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")

DATA_FOLDER: HassKey[str] = HassKey(f"{DOMAIN}_font_folder")
DATA_INSTALLING: HassKey[asyncio.Task[None]] = HassKey(f"{DOMAIN}_font_installing")


def font_folders(hass: HomeAssistant) -> list[str]:
    """Return the folders that fonts are looked for in."""
    folders = [hass.config.path(CONFIG_FONTS), *FONT_FOLDERS]
    if (installed := hass.data.get(DATA_FOLDER)) is not None:
        folders.append(installed)
    return folders


async def async_bring_font(hass: HomeAssistant, text: str) -> None:
    """Have a font for a Chinese text installed, if that can be done; its folder is looked in then.

    Raises InputError: watermark_font_coming when it takes long.
    """
    if not CHINESE.search(text) or DATA_FOLDER in hass.data:
        return
    folder = await hass.async_add_executor_job(_find_font)
    if folder is None and not hass.config.skip_pip:
        await _async_install(hass)
        folder = await hass.async_add_executor_job(_find_font)
    if folder is not None:
        hass.data[DATA_FOLDER] = folder


async def _async_install(hass: HomeAssistant) -> None:
    """Install the package by Home Assistant's own means, which log it if that fails."""
    if (task := hass.data.get(DATA_INSTALLING)) is None:
        # Not part of the call, which may be canceled: an installer cannot be stopped halfway.
        task = hass.data[DATA_INSTALLING] = hass.async_create_background_task(
            async_process_requirements(hass, DOMAIN, [FONT_PACKAGE], False),
            f"{DOMAIN} watermark font",
        )
    done, _ = await asyncio.wait({task}, timeout=FONT_SECONDS)
    if not done:
        raise InputError("watermark_font_coming")
    hass.data.pop(DATA_INSTALLING, None)
    with suppress(RequirementsNotFound):
        await task


def _find_font() -> str | None:
    """Return the folder of the installed package; blocks."""
    importlib.invalidate_caches()
    try:
        found = find_spec(FONT_MODULE)
    except ImportError, ValueError:
        return None
    return None if found is None or found.origin is None else str(Path(found.origin).parent)
