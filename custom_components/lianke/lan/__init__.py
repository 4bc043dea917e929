"""What the home network sees of printers and scanners."""

from homeassistant.core import HomeAssistant, callback

from ..runtime import LiankeConfigEntry
from .announce import Announcer
from .printer.view import IconView, LanPrinterView
from .scanner.view import DescriptionView, DocumentView, JobsView, JobView


@callback
def async_setup(hass: HomeAssistant) -> None:
    """Register the views; they answer only for printers and scanners that are switched on."""
    for view in (LanPrinterView, IconView, DescriptionView, DocumentView, JobsView, JobView):
        hass.http.register_view(view)


@callback
def async_watch(hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
    """Announce the printers and scanners of a box that are switched on, as long as it is loaded."""
    Announcer(hass, entry).start()
