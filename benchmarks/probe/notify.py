"""Entities that do nothing."""

from homeassistant.components.notify import NotifyEntity
from homeassistant.const import Platform

from .registered import RegisteredEntity, setup_of


class Registered(RegisteredEntity, NotifyEntity):
    """The simplest notify entity."""


async_setup_entry = setup_of(Platform.NOTIFY, lambda _hass: Registered())
