"""Which people a new job waits for, and who may approve it."""

from collections.abc import Mapping
from typing import Any

from ..box.views import PrinterView
from ..const import CONF_APPROVERS
from .request import PrintRequest


def reasons_to_ask(
    _options: Mapping[str, Any], _request: PrintRequest, _view: PrinterView
) -> tuple[str, ...]:
    """Return the reasons for which a new job waits for people, in their order.

    `options` are those of the config entry.
    """
    return ()


def may_approve(options: Mapping[str, Any], user_id: str, *, is_admin: bool) -> bool:
    """Return whether a user may approve jobs: one of those chosen, without any an administrator."""
    approvers: list[str] = options.get(CONF_APPROVERS, [])
    return user_id in approvers if approvers else is_admin
