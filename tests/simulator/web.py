"""The HTTP side: one handler for all of `/api`; a fault may spoil an exchange at any point."""

import asyncio
from dataclasses import replace
from email.utils import format_datetime
import json
import socket
import struct
from typing import Any, Final
import zlib

from aiohttp import web

from .cloud import Cloud
from .endpoints import ENDPOINTS, NOTHING, VENDORS, Call
from .endpoints.scanning import give_scan
from .faults import BAD_GATEWAY, BEFORE_BODY, FIREWALL, PORTAL, Fault, wrong_types
from .models import ApiError, LoggedRequest
from .upload import Form, TooLargeError

CLOUD: Final = web.AppKey("cloud", Cloud)
TOO_LARGE: Final = (
    "<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n"
    "<center><h1>413 Request Entity Too Large</h1></center>\r\n<hr><center>nginx</center>\r\n"
    "</body>\r\n</html>"
)
NOT_FOUND: Final = "<html><body>404 Not Found</body></html>"
SAMPLE_DATA: Final = {"task_id": "00000000-0000-4000-8000-000000000000", "pages": 1, "row": []}


class _ResetError(Exception):
    """Break the connection now."""


class _EarlyError(Exception):
    """Answer now, without reading the rest of the body."""


def reset(request: web.Request) -> None:
    """Break the connection of a request with a TCP reset."""
    if (transport := request.transport) is None:
        return
    if (sock := transport.get_extra_info("socket")) is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if isinstance(transport, asyncio.Transport):
        transport.abort()


def missing(cloud: Cloud) -> web.Response:
    """Answer with the gateway's or the service's 404, as the variant chooses."""
    if cloud.variants.missing_answer == "json":
        body = {"code": 404, "msg": "Not Found"}
        return web.json_response(body, status=404)
    return web.Response(status=404, text=NOT_FOUND, content_type="text/html")


class Exchange:
    """One request to the API, from its head to its answer."""

    def __init__(self, cloud: Cloud, request: web.Request) -> None:
        """Begin an exchange when only the head of the request has been read."""
        self.cloud = cloud
        self._request = request
        self.path = "/" + request.match_info["tail"]
        self.endpoint = f"{request.method} {self.path}"
        self.api_key = request.headers.get("ApiKey", "")
        self.account = cloud.account_of(self.api_key)
        self.device_id: str | None = request.query.get("deviceId")
        self.fault: Fault | None = None
        self.code: int | None = None

    async def run(self) -> web.Response:
        """Answer the request; raises _ResetError if the connection has to be broken."""
        cloud = self.cloud
        if self.account is not None and not cloud.count_call(self.account, self.endpoint):
            return self._plain(403, '{"code":403,"msg":"ApiKey已被禁用"}', "application/json")
        if cloud.variants.latency:
            await asyncio.sleep(cloud.variants.latency)
        fault = self._look_for_fault()
        if fault and fault.kind in BEFORE_BODY:
            raise _ResetError
        try:
            if fault and fault.kind == "early":
                raise _EarlyError
            form = await self._read_body()
        except _EarlyError:
            return self._answer_early()
        except TooLargeError:
            return self._too_large()
        except ApiError as error:
            return self._envelope(error.code, error.msg)
        try:
            return await self._answer(form)
        finally:
            # Files that no endpoint took are deleted.
            form.discard()

    def _look_for_fault(self) -> Fault | None:
        self.fault = self.cloud.faults.take(self.endpoint, self.device_id)
        return self.fault

    def _on_field(self, name: str, value: str) -> None:
        """Look for a fault meant for this box as soon as the form names the box."""
        if name != "deviceId" or self.device_id == value:
            return
        self.device_id = value
        if self.fault is not None or (fault := self._look_for_fault()) is None:
            return
        if fault.kind in (*BEFORE_BODY, "reset_mid_body"):
            raise _ResetError
        if fault.kind == "early":
            raise _EarlyError

    async def _read_body(self) -> Form:
        request, cloud = self._request, self.cloud
        if self.fault and self.fault.kind == "reset_mid_body":
            wanted = (request.content_length or 2) // 2
            while wanted > 0 and (chunk := await request.content.read(min(wanted, 1 << 16))):
                wanted -= len(chunk)
            raise _ResetError
        limit = cloud.pages_limit if self.path == "/print/file_pages" else cloud.job_limit
        return await cloud.receiver.receive(request, limit, self._on_field)

    async def _answer(self, form: Form) -> web.Response:
        fault = self.fault
        if fault is None:
            return await self._act(form)
        if fault.kind in ("reset_mid_body", "reset_after_body"):
            raise _ResetError
        if fault.kind == "timeout" and not fault.done:
            await self._hang(fault.seconds)
            raise _ResetError
        if fault.kind == "delay":
            await self._hang(fault.seconds)
        response = None
        if fault.runs_action or self._request.method == "GET":
            response = await self._act(form)
        match fault.kind:
            case "reset_after_accept":
                raise _ResetError
            case "timeout":
                await self._hang(fault.seconds)
                raise _ResetError
        return self._spoil(fault, response)

    async def _hang(self, seconds: float) -> None:
        self.cloud.hanging += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            self.cloud.hanging -= 1

    def _answer_early(self) -> web.Response:
        """Answer with the fault's code before the request is complete, and close the connection."""
        assert self.fault is not None
        response = self._spoil(replace(self.fault, kind="code"), None)
        response.force_close()
        return response

    def _repeat_later(self, response: web.Response) -> None:
        """Keep a copy of an answer, to be sent when the next request comes in on this connection."""
        body = response.body
        assert isinstance(body, bytes)
        head = f"HTTP/1.1 {response.status} OK\r\nContent-Type: application/json; charset=utf-8\r\n"
        copy = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        if self._request.transport is not None:
            self.cloud.late_answers[self._request.transport] = copy

    def _spoil(self, fault: Fault, response: web.Response | None) -> web.Response:
        """Return the answer that the fault causes; `response` is the right answer, None if the action did not run."""
        right: dict[str, Any] = {"code": 200, "msg": "success", "data": SAMPLE_DATA}
        if response is not None:
            right = json.loads(response.text or "{}")
        match fault.kind:
            case "http":
                body = fault.body
                if body is None:
                    body = BAD_GATEWAY if fault.status == 502 else "Internal Server Error"
                return self._plain(fault.status, body, fault.content_type)
            case "firewall":
                status = fault.status if fault.status != 500 else 403
                return self._plain(status, fault.body or FIREWALL, "text/html")
            case "portal":
                return self._plain(200, fault.body or PORTAL, "text/html")
            case "twice":
                assert response is not None
                self._repeat_later(response)
                return response
            case "empty":
                return self._plain(200, "", "application/json")
            case "truncated":
                text = json.dumps(right, ensure_ascii=False)
                return self._plain(200, text[: max(len(text) * 2 // 3, 1)], "application/json")
            case "not_json":
                body = "<html><body>系统维护中</body></html>" if fault.body is None else fault.body
                return self._plain(200, body, fault.content_type)
            case "wrong_types":
                text = wrong_types(fault.shape, right.get("data", SAMPLE_DATA))
                return self._plain(200, text, "application/json")
            case "string_codes":
                right["code"] = str(right["code"])
                return self._plain(200, json.dumps(right, ensure_ascii=False), "application/json")
            case "code":
                self.code = int(fault.code) if str(fault.code).isdigit() else None
                answer = {"code": fault.code, "msg": fault.msg}
                return self._plain(200, json.dumps(answer, ensure_ascii=False), "application/json")
            case _:
                assert response is not None
                return response

    async def _act(self, form: Form) -> web.Response:
        endpoint = (ENDPOINTS | VENDORS).get(self.endpoint)
        if endpoint is None or self.endpoint in self.cloud.variants.missing_endpoints:
            return missing(self.cloud)
        account = self.account
        if account is None:
            return self._plain(401, '{"code":401,"msg":"ApiKey无效"}', "application/json")
        try:
            data = await endpoint(Call(self.cloud, account, form))
        except ApiError as error:
            return self._envelope(error.code, error.msg)
        return self._envelope(200, "success", data)

    def _too_large(self) -> web.Response:
        response = self._plain(413, TOO_LARGE, "text/html")
        response.force_close()
        return response

    def _envelope(self, code: int, msg: str, data: Any = NOTHING) -> web.Response:
        """Build a JSON answer. The service expresses "no data" in several ways; here the path decides which."""
        self.code = code
        answer: dict[str, Any] = {"code": code, "msg": msg}
        if data is not NOTHING:
            answer["data"] = data
        elif choice := zlib.crc32(self.path.encode()) % 3:
            answer["data"] = {} if choice == 1 else None
        return self._plain(200, json.dumps(answer, ensure_ascii=False), "application/json")

    def _plain(self, status: int, body: str, content_type: str) -> web.Response:
        return web.Response(status=status, text=body, content_type=content_type)

    def log(self, status: int | None) -> None:
        self.cloud.counts[self.endpoint] += 1
        self.cloud.requests.append(
            LoggedRequest(
                method=self._request.method,
                path=self.path,
                time=self.cloud.now(),
                api_key=self.api_key,
                device_id=self.device_id,
                status=status,
                code=self.code,
                fault=self.fault.kind if self.fault else None,
            )
        )


async def handle_api(request: web.Request) -> web.Response:
    exchange = Exchange(request.app[CLOUD], request)
    late = exchange.cloud.late_answers.pop(request.transport, None) if request.transport else None
    if late is not None and isinstance(request.transport, asyncio.WriteTransport):
        request.transport.write(late)
    account = exchange.account
    if account:
        account.in_flight += 1
        account.max_in_flight = max(account.max_in_flight, account.in_flight)
    status: int | None = None
    try:
        with exchange.cloud.answering():
            response = await exchange.run()
        status = response.status
    except _ResetError:
        reset(request)
        # The connection is broken, so nobody reads this answer.
        return web.Response(status=499)
    except ConnectionError:
        # The client closed the connection in the middle of the request.
        return web.Response(status=499)
    else:
        return response
    finally:
        if account:
            account.in_flight -= 1
        exchange.log(status)


async def handle_nowhere(request: web.Request) -> web.Response:
    """Answer with 404 for everything outside `/api`."""
    return missing(request.app[CLOUD])


async def handle_preview(request: web.Request) -> web.StreamResponse:
    """Send a preview's picture; no ApiKey is needed."""
    cloud = request.app[CLOUD]
    task = cloud.tasks.get(request.match_info["task_id"])
    number = int(request.match_info["number"])
    if task is None or not 1 <= number <= len(task.images):
        return web.Response(status=404)
    if cloud.variants.preview_cut:
        cloud.variants.preview_cut -= 1
        data = await asyncio.to_thread(task.images[number - 1].read_bytes)
        return web.Response(body=data[: len(data) // 2], content_type="image/png")
    return web.FileResponse(task.images[number - 1])


async def handle_scan(request: web.Request) -> web.StreamResponse:
    return await give_scan(request, request.app[CLOUD])


async def set_date(request: web.Request, response: web.StreamResponse) -> None:
    """Put the cloud's time, which is off by `clock_skew`, into the Date header of every answer."""
    cloud = request.app[CLOUD]
    response.headers["Date"] = format_datetime(cloud.shown_time(cloud.now()), usegmt=True)


def add_routes(app: web.Application, cloud: Cloud) -> None:
    app[CLOUD] = cloud
    app.on_response_prepare.append(set_date)
    app.router.add_route("*", "/api/{tail:.*}", handle_api)
    app.router.add_route("*", "/{tail:.*}", handle_nowhere)
    app.router.add_get("/scan/{task_id:help|logo}", handle_scan)
    app.router.add_get(r"/scan/{task_id}/{number:\d+}", handle_scan)
    app.router.add_get(r"/preview/{task_id}/{number:\d+}.png", handle_preview)
