"""Entities that do nothing."""

from homeassistant.components.button import ButtonEntity
from homeassistant.const import Platform

from .registered import RegisteredEntity, setup_of


class Registered(RegisteredEntity, ButtonEntity):
    """The simplest button."""


async_setup_entry = setup_of(Platform.BUTTON, lambda _hass: Registered())
