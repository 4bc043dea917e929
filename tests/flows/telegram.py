"""A server with the part of Telegram's Bot API that a bot needs to receive files and to answer."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
import json
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

TOKEN = "1234567:a-token-of-nobody"
BOT = {"id": 1234567, "is_bot": True, "first_name": "Printer", "username": "printer_bot"}
# Bytes of the largest file that Telegram hands over to a bot.
MAX_FILE = 20_000_000


class Telegram:
    """The messages that people send, and the bot's answers."""

    def __init__(self) -> None:
        """Start without a message."""
        self.url = ""
        self.answers: list[dict[str, Any]] = []
        self._updates: list[dict[str, Any]] = []
        self._files: dict[str, tuple[str, bytes]] = {}
        self._news = asyncio.Event()

    def send(
        self, user_id: int, *, chat_id: int | None = None, edited: bool = False, **content: Any
    ) -> None:
        """Send a message of a user, in a private chat or in a group; `edited` sends the last message as edited."""
        last = len(self._updates)
        chat: dict[str, Any] = {"id": user_id, "type": "private"}
        if chat_id is not None:
            chat = {"id": chat_id, "type": "group", "title": "Family"}
        message = {
            "message_id": 100 + last - edited,
            "date": 1_790_000_000,
            "chat": chat,
            "from": {"id": user_id, "is_bot": False, "first_name": "Somebody"},
            **content,
        }
        kind = "edited_message" if edited else "message"
        self._updates.append({"update_id": 1 + last, kind: message})
        self._news.set()

    def document(self, name: str, data: bytes) -> dict[str, Any]:
        """Return the content of a message with a document."""
        return {"document": self._keep(name, data) | {"file_name": name}}

    def photo(self, data: bytes) -> dict[str, Any]:
        """Return the content of a message with a photo: the same photo in several sizes, the largest last."""
        sizes = [
            self._keep(f"{side}.jpg", data) | {"width": side, "height": side} for side in (90, 800)
        ]
        return {"photo": sizes}

    def _keep(self, name: str, data: bytes) -> dict[str, Any]:
        file_id = f"file-{len(self._files)}"
        self._files[file_id] = (f"documents/{file_id}.{name.rsplit('.', 1)[-1]}", data)
        return {"file_id": file_id, "file_unique_id": file_id, "file_size": len(data)}

    async def call(self, request: web.Request) -> web.Response:
        """Answer a call of one of the API's methods."""
        fields: dict[str, Any] = dict(await request.post())
        method = request.match_info["method"]
        if request.match_info["token"] != TOKEN:
            return _refusal(401, "Unauthorized")
        if method == "getUpdates":
            return _result(await self._news_since(fields))
        if method == "getFile":
            path, data = self._files[fields["file_id"]]
            if len(data) > MAX_FILE:
                return _refusal(400, "Bad Request: file is too big")
            return _result({"file_id": fields["file_id"], "file_unique_id": "x", "file_path": path})
        if method == "sendMessage":
            self.answers.append(
                {
                    "chat_id": int(fields["chat_id"]),
                    "text": fields["text"],
                    "to": json.loads(fields["reply_parameters"])["message_id"],
                    "parse_mode": fields.get("parse_mode"),
                }
            )
            sent = {"message_id": 9000, "date": 1_790_000_001, "from": BOT}
            return _result(sent | {"chat": {"id": int(fields["chat_id"]), "type": "private"}})
        return _result({"getMe": BOT, "deleteWebhook": True}[method])

    async def _news_since(self, fields: dict[str, Any]) -> list[dict[str, Any]]:
        first = int(fields.get("offset", 0))
        try:
            async with asyncio.timeout(float(fields.get("timeout", 0))):
                while not (new := [one for one in self._updates if one["update_id"] >= first]):
                    self._news.clear()
                    await self._news.wait()
                return new
        except TimeoutError:
            return []

    async def file(self, request: web.Request) -> web.Response:
        """Hand over a file."""
        found = [data for path, data in self._files.values() if path == request.match_info["path"]]
        return web.Response(body=found[0])


def _result(result: Any) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def _refusal(code: int, description: str) -> web.Response:
    refusal = {"ok": False, "error_code": code, "description": description}
    return web.json_response(refusal, status=code)


@asynccontextmanager
async def telegram() -> AsyncGenerator[Telegram]:
    """Run the server on this machine."""
    service = Telegram()
    app = web.Application()
    app.router.add_post("/bot{token:[^/]+}/{method}", service.call)
    app.router.add_get("/file/bot{token:[^/]+}/{path:.+}", service.file)
    async with TestServer(app, host="127.0.0.1") as server:
        service.url = str(server.make_url("")).rstrip("/")
        yield service
