"""Printers offered to phones and computers of the home network by IPP Everywhere and AirPrint."""

from homeassistant.core import HomeAssistant, callback

from ..announce import async_watch
from .view import IconView, LanPrinterView

__all__ = ["async_setup", "async_watch"]


@callback
def async_setup(hass: HomeAssistant) -> None:
    """Register the views; they answer only for printers that are switched on."""
    hass.http.register_view(LanPrinterView)
    hass.http.register_view(IconView)
