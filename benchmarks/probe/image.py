"""Entities that do nothing."""

from homeassistant.components.image import ImageEntity
from homeassistant.const import Platform

from .registered import RegisteredEntity, setup_of


class Registered(RegisteredEntity, ImageEntity):
    """The simplest image entity."""


async_setup_entry = setup_of(Platform.IMAGE, Registered)
