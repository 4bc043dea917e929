"""What Home Assistant asks of whatever has config entries; nobody goes through it."""

from homeassistant.config_entries import ConfigFlow


class BareFlow(ConfigFlow, domain="lianke_bench"):
    """Makes nothing."""
