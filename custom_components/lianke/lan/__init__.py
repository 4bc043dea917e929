"""Offers the home network those printers and scanners that are switched on in the options of their box."""

from homeassistant.core import HomeAssistant, callback

from ..runtime import LiankeConfigEntry
from .announce import Announcer
from .printer.ipp_endpoint import IconView, LanPrinterView
from .scanner.escl_endpoint import DescriptionView, DocumentView, JobsView, JobView


@callback
def async_setup(hass: HomeAssistant) -> None:
    for view in (LanPrinterView, IconView, DescriptionView, DocumentView, JobsView, JobView):
        hass.http.register_view(view)


@callback
def async_announce(hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
    """Announce the printers and scanners that are switched on in a box's options, until the entry is unloaded."""
    Announcer(hass, entry).start()
