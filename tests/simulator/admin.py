"""`/_sim/`: everything a test or a demo may do to the simulated world."""

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from .server import Simulator


def add_admin_routes(app: web.Application, simulator: Simulator) -> None:
    """Put the admin interface into an application."""
