"""Entities that do nothing."""

from homeassistant.components.binary_sensor import BinarySensorEntity
from homeassistant.const import Platform

from .registered import RegisteredEntity, setup_of


class Registered(RegisteredEntity, BinarySensorEntity):
    _attr_is_on = False


async_setup_entry = setup_of(Platform.BINARY_SENSOR, lambda _hass: Registered())
