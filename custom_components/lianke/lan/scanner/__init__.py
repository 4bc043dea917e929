"""Scanners offered to computers and phones of the home network by eSCL (AirScan)."""

from homeassistant.core import HomeAssistant, callback

from .scans import async_watch
from .view import DescriptionView, DocumentView, JobsView, JobView

__all__ = ["async_setup", "async_watch"]


@callback
def async_setup(hass: HomeAssistant) -> None:
    """Register the views; they answer only for scanners that are switched on."""
    for view in (DescriptionView, DocumentView, JobsView, JobView):
        hass.http.register_view(view)
