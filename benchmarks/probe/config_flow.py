"""The config flow that Home Assistant needs for config entries; nobody uses it."""

from homeassistant.config_entries import ConfigFlow


class BareFlow(ConfigFlow, domain="lianke_bench"):
    """Has no steps."""
