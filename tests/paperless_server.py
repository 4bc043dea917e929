"""A small Paperless-ngx that behaves as its documentation and the source of versions 2 and 3 say.

It is never kinder than the real one: version 2 lists all tasks at once, ignores filters that it does not know and
refuses duplicates; version 3 lists in pages, names fields in another way and takes duplicates unless told otherwise.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from aiohttp import web
from aiohttp.test_utils import TestServer

TOKEN = "0123456789abcdef0123456789abcdef01234567"
ALL_RIGHTS = frozenset({"add_document", "view_document", "view_paperlesstask", "view_tag"})


@dataclass
class Task:
    task_id: str
    name: str
    content: bytes
    form: dict[str, Any]
    state: str = "pending"
    document: int | None = None
    duplicate_of: int | None = None
    error: str | None = None


@dataclass
class Paperless:
    version: int = 2
    refuses_duplicates: bool = True
    rights: frozenset[str] = ALL_RIGHTS
    token: str = TOKEN
    tags: dict[str, int] = field(default_factory=lambda: {"Rechnung": 3, "家": 7})
    address: str = ""
    # What goes wrong with each of the next posts: "413", "502", "502 after" it was taken, "cut" in the middle of the
    # file, "lost" after it was taken, "slow" to begin with it, "401", "login page", "redirect".
    faults: list[str] = field(default_factory=list)
    # What goes wrong with all other requests: a status.
    status: int = 0
    # Error with which the consumer ends, and whether the consumer rests.
    error: str | None = None
    rests: bool = False
    tasks: list[Task] = field(default_factory=list)
    in_trash: set[int] = field(default_factory=set)
    posts: int = 0
    others: list[str] = field(default_factory=list)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def documents(self) -> list[Task]:
        return [task for task in self.tasks if task.document is not None]

    def work(self) -> None:
        """Let the consumer go one step with each task."""
        for task in self.tasks:
            if self.rests or task.state not in ("pending", "started"):
                continue
            if task.state == "pending":
                task.state = "started"
                continue
            same = next((one for one in self.documents if one.content == task.content), None)
            if self.error:
                task.state, task.error = "failure", self.error
            elif same is not None and self.refuses_duplicates:
                task.state, task.duplicate_of = "failure", same.document
            else:
                task.state, task.document = "success", len(self.documents) + 1

    async def post_document(self, request: web.Request) -> web.StreamResponse:
        self.posts += 1
        fault = self.faults.pop(0) if self.faults else ""
        transport = request.transport
        assert transport is not None
        if fault == "413":
            # A proxy answers before it has read the file, and closes.
            answer = web.Response(status=413, text="<h1>413 Request Entity Too Large</h1>")
            answer.force_close()
            return answer
        if fault == "cut":
            await request.content.read(1000)
            transport.abort()
            return web.Response()
        if fault in ("502", "login page", "redirect"):
            await request.read()
            if fault == "redirect":
                raise web.HTTPFound("/elsewhere")
            return web.Response(
                status=502 if fault == "502" else 200, text="<html>", content_type="text/html"
            )
        if fault == "slow":
            await self.release.wait()
        if (refusal := self._refusal(request, "add_document")) is not None or fault == "401":
            await request.read()
            return refusal or web.json_response({"detail": "Invalid token."}, status=401)
        form: dict[str, Any] = {"tags": []}
        assert int(request.headers["Content-Length"]) > 0
        for key, value in (await request.post()).items():
            if key == "tags":
                form["tags"].append(int(str(value)))
            else:
                assert key in ("title", "created", "document"), key
                form[key] = value
        file = form.pop("document")
        assert isinstance(file, web.FileField)
        content = file.file.read()
        if not content.startswith((b"%PDF-", b"\xff\xd8\xff")):
            said = {"document": ["File type application/octet-stream not supported"]}
            return web.json_response(said, status=HTTPStatus.BAD_REQUEST)
        if gone := [one for one in form["tags"] if one not in self.tags.values()]:
            said = {"tags": [f'Invalid pk "{gone[0]}" - object does not exist.']}
            return web.json_response(said, status=HTTPStatus.BAD_REQUEST)
        assert 0 < len(form["title"]) <= 128
        form["created"] = datetime.fromisoformat(form["created"])
        assert form["created"].tzinfo is not None
        task = Task(str(uuid4()), file.filename, content, form)
        self.tasks.append(task)
        if fault == "lost":
            transport.abort()
        if fault == "502 after":
            return web.Response(status=502, text="<html>")
        if fault == "long id":
            return web.json_response("0" * 73)
        if fault == "huge answer":
            return web.json_response("0" * (8 * 1024 * 1024))
        return web.json_response(task.task_id)

    def _refusal(self, request: web.Request, right: str) -> web.Response | None:
        assert "version" not in request.headers["Accept"] or request.path.startswith("/api/s")
        if request.headers.get("Authorization") != f"Token {self.token}":
            return web.json_response({"detail": "Invalid token."}, status=401)
        if right not in self.rights:
            said = {"detail": "You do not have permission to perform this action."}
            return web.json_response(said, status=403)
        return None

    def _page(self, request: web.Request, rows: list[dict[str, Any]]) -> web.Response:
        size = int(request.query.get("page_size", "25"))
        return web.json_response({"count": len(rows), "next": None, "results": rows[:size]})

    async def list_tasks(self, request: web.Request) -> web.Response:
        self.others.append(request.path_qs)
        if self.status:
            return web.Response(status=self.status, text="<html>")
        if (refusal := self._refusal(request, "view_paperlesstask")) is not None:
            return refusal
        wanted = request.query.get("task_id")
        found = [one for one in reversed(self.tasks) if wanted in (None, one.task_id)]
        if self.version == 2:
            answer = web.json_response([self._task_v2(one) for one in found])
        else:
            part = request.query.get("name", "").lower()
            rows = [self._task_v3(one) for one in found if part in one.name.lower()]
            answer = self._page(request, rows)
        self.work()
        return answer

    def _task_v2(self, task: Task) -> dict[str, Any]:
        result, related = task.error, None
        if task.document is not None:
            result, related = f"Success. New document id {task.document} created", task.document
        elif task.duplicate_of is not None:
            result = f"{task.name}: Not consuming {task.name}: It is a duplicate of Brief (#2) (#{task.duplicate_of})."
            related = task.duplicate_of
            if task.duplicate_of in self.in_trash:
                result, related = f"{result} Note: existing document is in the trash.", None
        return {
            "id": self.tasks.index(task) + 1,
            "task_id": task.task_id,
            "task_name": "consume_file",
            "task_file_name": task.name,
            "date_created": "2026-11-24T10:00:00Z",
            "date_done": None,
            "type": "auto_task",
            "status": task.state.upper(),
            "result": result,
            "acknowledged": False,
            "related_document": None if related is None else str(related),
            "owner": 3,
        }

    def _task_v3(self, task: Task) -> dict[str, Any]:
        data: dict[str, Any] | None = None
        if task.document is not None:
            data = {"document_id": task.document}
        elif task.duplicate_of is not None:
            is_gone = task.duplicate_of in self.in_trash
            data = {"duplicate_of": task.duplicate_of, "duplicate_in_trash": is_gone}
        elif task.error is not None:
            data = {"error_type": "ConsumerError", "error_message": task.error}
        return {
            "id": self.tasks.index(task) + 1,
            "task_id": task.task_id,
            "task_type": "consume_file",
            "trigger_source": "api_upload",
            "status": task.state,
            "input_data": {"filename": task.name},
            "result_data": data,
            "related_document_ids": [] if task.document is None else [task.document],
            "acknowledged": False,
            "owner": 3,
        }

    async def list_documents(self, request: web.Request) -> web.Response:
        self.others.append(request.path_qs)
        if self.status:
            return web.Response(status=self.status, text="<html>")
        if (refusal := self._refusal(request, "view_document")) is not None:
            return refusal
        part = request.query.get("original_filename__icontains", "").lower()
        rows = [
            {"id": one.document, "title": one.form["title"], "original_file_name": one.name}
            for one in self.documents
            if part in one.name.lower()
        ]
        return self._page(request, rows)

    async def list_tags(self, request: web.Request) -> web.Response:
        if (refusal := self._refusal(request, "view_tag")) is not None:
            return refusal
        name = request.query.get("name__iexact", "").casefold()
        rows = [
            {"id": number, "name": one}
            for one, number in self.tags.items()
            if name in ("", one.casefold())
        ]
        return self._page(request, rows)

    async def for_core(self, request: web.Request) -> web.Response:
        """Answer what Home Assistant's own integration asks for."""
        return self._refusal(request, "view_document") or web.json_response({})

    @asynccontextmanager
    async def running(self, port: int | None = None) -> AsyncIterator[Paperless]:
        app = web.Application(client_max_size=2**28)
        app.router.add_post("/api/documents/post_document/", self.post_document)
        app.router.add_get("/api/tasks/", self.list_tasks)
        app.router.add_get("/api/documents/", self.list_documents)
        app.router.add_get("/api/tags/", self.list_tags)
        for name in ("schema", "statistics", "status", "remote_version"):
            app.router.add_get(f"/api/{name}/", self.for_core)
        server = TestServer(app, host="127.0.0.1", port=port)
        await server.start_server(access_log=None)
        self.address = str(server.make_url("")).rstrip("/")
        try:
            yield self
        finally:
            await server.close()
