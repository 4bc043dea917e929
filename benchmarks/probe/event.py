"""Entities that do nothing."""

from homeassistant.components.event import EventEntity
from homeassistant.const import Platform

from .registered import RegisteredEntity, setup_of


class Registered(RegisteredEntity, EventEntity):
    _attr_event_types = ["completed"]  # noqa: RUF012


async_setup_entry = setup_of(Platform.EVENT, lambda _hass: Registered())
