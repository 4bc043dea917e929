"""Entities with nothing behind them."""

from homeassistant.components.binary_sensor import BinarySensorEntity
from homeassistant.const import Platform

from .registered import RegisteredEntity, setup_of


class Registered(RegisteredEntity, BinarySensorEntity):
    """The least of its kind."""

    _attr_is_on = False


async_setup_entry = setup_of(Platform.BINARY_SENSOR, lambda _hass: Registered())
