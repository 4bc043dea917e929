"""People who print, and people who are asked for approval."""

from typing import Any

from homeassistant.auth.const import GROUP_ID_ADMIN, GROUP_ID_USER
from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant
import pytest

from tests.household import House


@pytest.fixture
async def boss(hass: HomeAssistant) -> User:
    """Return the first user of the house, who is an administrator."""
    return await hass.auth.async_create_user("Boss", group_ids=[GROUP_ID_ADMIN])


@pytest.fixture
async def anna(hass: HomeAssistant, boss: User) -> User:
    return await hass.auth.async_create_user("Anna", group_ids=[GROUP_ID_USER])


async def print_as(house: House, user: User, **data: Any) -> dict[str, Any]:
    """Print a text as a user and return the job."""
    context = Context(user_id=user.id)
    response = await house.ask("print", context, device_id=house.device(), text="Hello", **data)
    return dict(response["jobs"][0])
