"""`/_sim/`: everything a test or a demo may do to the simulated world, over HTTP.

The README documents each call. A wrong name or value is answered with HTTP 400 and a text.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import date
import json
from typing import TYPE_CHECKING, Any, Final

from aiohttp import hdrs, web

from .checks import checked
from .faults import Fault
from .models import WATCHED, Account, Box, Outcome, Printer
from .page import PAGE, draw_first_page, wants_page
from .qr import qr_link, qr_png

if TYPE_CHECKING:
    from .server import Simulator

BOX_FIELDS: Final = [
    "device_key",
    "online",
    "activated",
    "expired",
    "expire_date",
    "hardware",
    "software",
    "usb_port_num",
    "lan_address",
    "wifi_address",
]
PRINTER_FIELDS: Final = [
    "id",
    "hash_id",
    "name",
    "driver_name",
    "driver_type",
    "species",
    "port",
    "ip",
    "support_status",
    "extras",
    "markers",
    "capabilities",
    "papers",
    *sorted(WATCHED),
    "raw_state",
    "seconds_per_page",
    "scanner",
    "glass",
    "glass_mm",
    "feeder",
    "scan_duplex",
    "scan_trouble",
    "failures",
]
ACCOUNT_FIELDS: Final = ["name", "push_url", "push_encoding", "push_shape", "auto_push", "banned"]
SETTINGS: Final[dict[str, Any]] = {
    "speed": float,
    "rate_limit": int | None,
    "job_limit": int,
    "pages_limit": int,
}

type Action = Callable[[web.Request, dict[str, Any]], Awaitable[Any]]


def _box(box: Box) -> dict[str, Any]:
    shown = {name: getattr(box, name) for name in BOX_FIELDS}
    return {
        "device_id": box.device_id,
        **shown,
        "expire_date": box.expire_date.isoformat(),
        "account": box.account.name if box.account else None,
        "qr_link": qr_link(box.device_id, box.device_key),
        "printers": [_printer(printer) for printer in box.printers],
    }


def _printer(printer: Printer) -> dict[str, Any]:
    shown = {name: getattr(printer, name) for name in PRINTER_FIELDS}
    del shown["capabilities"], shown["papers"]
    current = printer.current.task_id if printer.current else None
    return {**shown, "state": printer.state, "current": current}


def _account(account: Account) -> dict[str, Any]:
    return {"api_key": account.api_key, **{name: getattr(account, name) for name in ACCOUNT_FIELDS}}


class Admin:
    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._cloud = simulator.cloud

    def routes(self) -> list[web.RouteDef]:
        box = "/_sim/boxes/{device_id}"
        printer = box + "/printers/{printer}"
        table: list[tuple[str, str, Action]] = [
            ("POST", "/_sim/variants", self.set_variants),
            ("POST", "/_sim/settings", self.set_settings),
            ("POST", "/_sim/accounts", self.add_account),
            ("POST", "/_sim/accounts/{account}", self.change_account),
            ("POST", "/_sim/boxes", self.add_boxes),
            ("POST", box, self.change_box),
            ("POST", box + "/printers", self.add_printer),
            ("POST", printer, self.change_printer),
            ("POST", printer + "/outcomes", self.plan),
            ("POST", "/_sim/faults", self.add_fault),
            ("DELETE", "/_sim/faults", self.clear_faults),
            ("POST", "/_sim/push", self.push),
            ("GET", "/_sim/printed", self.printed),
            ("GET", "/_sim/requests", self.requests),
            ("DELETE", "/_sim/requests", self.clear_requests),
            ("GET", "/_sim/deliveries", self.deliveries),
        ]
        made = [web.route(method, path, _as_handler(action)) for method, path, action in table]
        return [
            *made,
            web.get("/_sim/", self.index),
            web.get("/_sim/printed/{seq:[0-9]{1,9}}.png", self.first_page),
            web.get("/_sim/qr/{device_id}.png", self.qr),
        ]

    # Looking

    async def index(self, request: web.Request) -> web.StreamResponse:
        """Answer a browser with the page, a program with the overview as JSON."""
        if wants_page(request):
            # The page requests its JSON from this address, too, so a cache must not confuse the page with the JSON.
            kept = {hdrs.CACHE_CONTROL: "no-store", hdrs.VARY: hdrs.ACCEPT}
            return web.FileResponse(PAGE, headers=kept)
        return await _as_handler(self.overview)(request)

    async def first_page(self, request: web.Request) -> web.Response:
        """Answer with a picture of a document's first page, or with 404 if none can be drawn."""
        return await draw_first_page(self._cloud, int(request.match_info["seq"]))

    async def overview(self, request: web.Request, body: dict[str, Any]) -> Any:
        cloud = self._cloud
        return {
            "url": self._simulator.url,
            "banned": cloud.banned,
            "speed": cloud.speed,
            "rate_limit": cloud.rate_limit,
            "accounts": [_account(account) for account in cloud.accounts],
            "boxes": [_box(box) for box in cloud.boxes.values()],
            "requests": dict(cloud.counts),
            "printed": len(cloud.printed),
            "violations": cloud.violations,
            "errors": [repr(error) for error in cloud.errors],
        }

    async def printed(self, request: web.Request, body: dict[str, Any]) -> Any:
        return [{**asdict(job), "path": str(job.path)} for job in self._cloud.out_tray]

    async def requests(self, request: web.Request, body: dict[str, Any]) -> Any:
        return [asdict(one) for one in self._cloud.requests]

    async def clear_requests(self, request: web.Request, body: dict[str, Any]) -> Any:
        self._cloud.requests.clear()
        self._cloud.counts.clear()
        return {}

    async def deliveries(self, request: web.Request, body: dict[str, Any]) -> Any:
        """Return every attempt at a callback or a push, successful or not."""
        return [asdict(one) for one in self._cloud.deliveries]

    async def qr(self, request: web.Request) -> web.Response:
        """Answer with the QR code of a box's sticker."""
        box = self._cloud.boxes.get(request.match_info["device_id"])
        if box is None:
            return web.Response(status=404)
        picture = await asyncio.to_thread(qr_png, qr_link(box.device_id, box.device_key))
        return web.Response(body=picture, content_type="image/png")

    # The cloud

    async def set_variants(self, request: web.Request, body: dict[str, Any]) -> Any:
        self._cloud.variants.update(**body)
        return asdict(self._cloud.variants)

    async def set_settings(self, request: web.Request, body: dict[str, Any]) -> Any:
        for name, value in _checked_settings(body).items():
            setattr(self._cloud, name, value)
        return {name: getattr(self._cloud, name) for name in SETTINGS}

    # Accounts

    def _find_account(self, name: str) -> Account:
        for account in self._cloud.accounts:
            if name in (account.name, account.api_key):
                return account
        raise LookupError(f"no account {name!r}")

    async def add_account(self, request: web.Request, body: dict[str, Any]) -> Any:
        return _account(self._cloud.add_account(**checked(Account, body, ["name"])))

    async def change_account(self, request: web.Request, body: dict[str, Any]) -> Any:
        account = self._find_account(request.match_info["account"])
        _change(account, checked(Account, body, ACCOUNT_FIELDS))
        return _account(account)

    # Boxes and printers

    async def add_boxes(self, request: web.Request, body: dict[str, Any]) -> Any:
        """Add `count` boxes with `printers` printers each to `account`; all other names in `body` are fields of Box."""
        count, printers = int(body.pop("count", 1)), int(body.pop("printers", 1))
        account = self._find_account(body.pop("account")) if "account" in body else None
        changes = self._box_changes(body)
        boxes = [self._cloud.add_box(account, printers, **changes) for _number in range(count)]
        return [_box(box) for box in boxes]

    def _box_changes(self, body: dict[str, Any]) -> dict[str, Any]:
        changes = dict(body)
        if "expire_date" in changes:
            changes["expire_date"] = date.fromisoformat(changes["expire_date"])
        bound = {}
        if "account" in changes:
            name = changes.pop("account")
            bound["account"] = None if name is None else self._find_account(name)
        return checked(Box, changes, BOX_FIELDS) | bound

    def _find_box(self, request: web.Request) -> Box:
        return self._cloud.find_box(request.match_info["device_id"])

    def _find_printer(self, request: web.Request) -> Printer:
        return self._find_box(request).find_printer(request.match_info["printer"])

    async def change_box(self, request: web.Request, body: dict[str, Any]) -> Any:
        box = self._find_box(request)
        _change(box, self._box_changes(body))
        return _box(box)

    async def add_printer(self, request: web.Request, body: dict[str, Any]) -> Any:
        model, port = str(body.pop("model")), int(body.pop("port"))
        changes = checked(Printer, body, PRINTER_FIELDS)
        return _printer(self._cloud.add_printer(self._find_box(request), model, port, **changes))

    async def change_printer(self, request: web.Request, body: dict[str, Any]) -> Any:
        printer = self._find_printer(request)
        _change(printer, checked(Printer, body, PRINTER_FIELDS))
        return _printer(printer)

    async def plan(self, request: web.Request, body: dict[str, Any]) -> Any:
        planned = [Outcome(**checked(Outcome, one)) for one in body["outcomes"]]
        printer = self._find_printer(request)
        self._cloud.plan(printer, *planned)
        return {"planned": len(printer.outcomes)}

    # Faults

    async def add_fault(self, request: web.Request, body: dict[str, Any]) -> Any:
        """Plan a fault: `endpoint`, `times` (null: forever) and the fields of Fault."""
        endpoint, times = str(body.pop("endpoint")), body.pop("times", 1)
        if not (times is None or isinstance(times, int)):
            raise ValueError("times must be a number, or null for ever")
        return {"id": self._cloud.fail(endpoint, Fault(**checked(Fault, body)), times).id}

    async def clear_faults(self, request: web.Request, body: dict[str, Any]) -> Any:
        self._cloud.faults.clear()
        return {}

    # Messages

    async def push(self, request: web.Request, body: dict[str, Any]) -> Any:
        box = self._cloud.find_box(str(body["device_id"]))
        if box.account is None:
            raise ValueError("this box is bound to nobody")
        status = await self._cloud.messenger.push(
            box.account,
            box.device_id,
            str(body.get("event", "device_offline")),
            shape=body.get("shape"),
            encoding=body.get("encoding"),
        )
        return {"status": status}


def _change(target: Any, changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        setattr(target, name, value)


def _checked_settings(body: dict[str, Any]) -> dict[str, Any]:
    class Settings:
        __annotations__ = SETTINGS

    changes = checked(Settings, body)
    if changes.get("speed", 1) <= 0:
        raise ValueError("speed must be above 0")
    return changes


def _as_handler(action: Action) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return a handler for the action: JSON in, JSON out; mistakes are answered with HTTP 400 and a text."""

    async def handle(request: web.Request) -> web.Response:
        try:
            body = await request.json() if request.can_read_body else {}
            if not isinstance(body, dict):
                raise TypeError("the body must be a JSON object")
            answer = await action(request, body)
        except (ValueError, LookupError, TypeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        text = json.dumps(answer, ensure_ascii=False, default=str)
        return web.Response(text=text, content_type="application/json")

    return handle


def add_admin_routes(app: web.Application, simulator: Simulator) -> None:
    app.add_routes(Admin(simulator).routes())
