"""A queue of one box, a house to call the actions in, and a printer offered to the home network."""

from tests.jobs.conftest import open_shop, receiver, shop, sim
from tests.lan.conftest import offer
from tests.printing.conftest import house

__all__ = ["house", "offer", "open_shop", "receiver", "shop", "sim"]
