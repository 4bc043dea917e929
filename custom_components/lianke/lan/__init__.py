"""Printers and scanners for the home network: views, which answer only for what is switched on, and announcements."""

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
    """Announce the printers and scanners of a box that are switched on, until its entry is unloaded."""
    Announcer(hass, entry).start()
