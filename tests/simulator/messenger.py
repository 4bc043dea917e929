"""Requests that the cloud itself sends: callbacks, pushes, downloads of linked documents.

They go to 127.0.0.1 and localhost only. Any other host is recorded as unreachable.
"""

import asyncio
from collections import defaultdict
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

import aiohttp

from .models import CHINA, FINAL_STATES, Account, Delivery, Document, Task, TaskState
from .rendering import ConversionError

if TYPE_CHECKING:
    from .cloud import Cloud

REPEATS: Final = (0.0, 5.0, 10.0)
OWN_HOSTS: Final = frozenset({"127.0.0.1", "localhost"})
REPLY_SECONDS: Final = 10.0
FETCH_SECONDS: Final = 5.0
PUSH_SHAPES: Final = (
    "flat",
    "camel",
    "lower",
    "sn",
    "nested",
    "list",
    "event_only",
    "unknown_box",
    "garbage",
)


def is_own(url: str) -> bool:
    """Return whether a URL leads to this machine; the messenger uses no other URLs."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.hostname in OWN_HOSTS


class Messenger:
    """Delivers callbacks and pushes, and fetches the documents that jobs link to."""

    def __init__(self, cloud: Cloud) -> None:
        """open() must be called before anything is sent."""
        self._cloud = cloud
        self._session: aiohttp.ClientSession | None = None
        self._held_back: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self.first_tries: dict[str, asyncio.Event] = {}

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver(), ssl=False),
            trust_env=False,
        )

    async def close(self) -> None:
        if self._session:
            await self._session.close()

    # Callbacks

    def state_changed(self, task: Task) -> None:
        """Send the callbacks for the task's present state, as the variants choose."""
        variants = self._cloud.variants
        if task.callback_url is None or variants.callbacks == "never":
            return
        final = task.state in FINAL_STATES
        if variants.callbacks != "each_state" and not final:
            return
        body = self.callback_body(task, task.state, task.result)
        if variants.callback_order == "reversed":
            held = self._held_back[task.task_id]
            held.append(body)
            if final:
                self._cloud.spawn(self._deliver_all(task, self._held_back.pop(task.task_id)[::-1]))
            return
        self._cloud.spawn(self._deliver_all(task, [body]))

    def callback_body(
        self, task: Task, state: TaskState | str, result: dict[str, Any] | None
    ) -> dict[str, Any]:
        body: dict[str, Any] = {
            "device_id": task.box.device_id,
            "task_id": task.task_id,
            "task_state": state,
            "create_time": self._time(task.created),
        }
        if task.finished is not None:
            body["finish_time"] = self._time(task.finished)
        if result is not None:
            body["task_result"] = {"code": result["code"], "msg": result["msg"]}
        return body

    def _time(self, moment: float) -> str:
        return self._cloud.shown_time(moment).astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")

    def send(self, task: Task, body: dict[str, Any], url: str) -> asyncio.Task[None]:
        return self._cloud.spawn(self._deliver(url, task.task_id, body))

    async def _deliver_all(self, task: Task, bodies: list[dict[str, Any]]) -> None:
        assert task.callback_url is not None
        variants = self._cloud.variants
        if variants.callback_delay:
            await self._cloud.sleep(variants.callback_delay)
        for body in bodies:
            for _again in range(1 + variants.callback_duplicates):
                await self._deliver(task.callback_url, task.task_id, body)

    async def _deliver(self, url: str, task_id: str, body: dict[str, Any]) -> None:
        """Post a callback, and again after each delay in REPEATS until the reply is 200."""
        for attempt, wait in enumerate((None, *REPEATS), start=1):
            if wait is not None:
                await self._cloud.sleep(wait)
            status = await self._post(
                "callback",
                url,
                body,
                encoding=self._cloud.variants.callback_encoding,
                attempt=attempt,
                task_id=task_id,
            )
            if tried := self.first_tries.get(task_id):
                tried.set()
            if status == 200 or not is_own(url):
                return

    # Pushes

    async def push(
        self,
        account: Account,
        device_id: str,
        event: str,
        *,
        shape: str | None = None,
        encoding: str | None = None,
    ) -> int | None:
        """Send one push to the account's address; returns the HTTP status of the reply, None without a reply.

        Raises ValueError if the account has no address or the shape is unknown.
        """
        if account.push_url is None:
            raise ValueError("this account has no push address")
        body = self._push_body(device_id, event, shape or account.push_shape)
        return await self._post(
            "push", account.push_url, body, encoding=encoding or account.push_encoding, attempt=1
        )

    def _push_body(self, device_id: str, event: str, shape: str) -> Any:
        moment = self._cloud.shown_time(self._cloud.now()).astimezone(CHINA)
        time = moment.strftime("%Y-%m-%d %H:%M:%S")
        match shape:
            case "flat":
                return {"device_id": device_id, "event": event, "time": time}
            case "camel":
                return {"deviceId": device_id, "type": event, "timestamp": int(moment.timestamp())}
            case "lower":
                return {"deviceid": device_id, "msg_type": event}
            case "sn":
                return {"sn": device_id, "event": event}
            case "nested":
                return {"type": event, "data": {"device_id": device_id, "time": time}}
            case "list":
                return [{"device_id": device_id, "event": event}]
            case "event_only":
                return {"event": event, "time": time}
            case "unknown_box":
                return {"device_id": "lk00zz00000000", "event": event}
            case "garbage":
                return "这不是 JSON 对象"
        raise ValueError(f"there is no push shape {shape!r}; allowed: {', '.join(PUSH_SHAPES)}")

    # Callbacks and pushes

    async def _post(
        self,
        kind: str,
        url: str,
        body: Any,
        *,
        encoding: str,
        attempt: int,
        task_id: str | None = None,
    ) -> int | None:
        status = None
        sent = is_own(url)
        if sent:
            assert self._session is not None
            if encoding == "form" and isinstance(body, dict):
                form = {
                    name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                    for name, value in body.items()
                }
                request = self._session.post(url, data=form, timeout=_seconds(REPLY_SECONDS))
            else:
                request = self._session.post(url, json=body, timeout=_seconds(REPLY_SECONDS))
            try:
                async with request as response:
                    await response.read()
                    status = response.status
            except aiohttp.ClientError, TimeoutError:
                status = None
        self._cloud.deliveries.append(
            Delivery(
                kind="push" if kind == "push" else "callback",
                url=url,
                task_id=task_id,
                state=body.get("task_state") if isinstance(body, dict) else None,
                attempt=attempt,
                status=status,
                sent=sent,
                time=self._cloud.now(),
            )
        )
        return status

    # Links

    async def fetch(self, url: str, ending: str | None) -> Document:
        """Download a document that a job links to, and return it; raises ConversionError, also after 5 s."""
        if not is_own(url):
            raise ConversionError("文件下载失败：无法访问该地址")
        assert self._session is not None
        name = Path(unquote(urlsplit(url).path)).name or "document"
        if ending and not name.lower().endswith(ending.lower()):
            name += ending
        path = self._cloud.receiver.new_path()
        size = 0
        try:
            async with self._session.get(
                url, timeout=_seconds(FETCH_SECONDS), allow_redirects=False
            ) as response:
                if response.status != 200:
                    raise ConversionError(f"文件下载失败：HTTP {response.status}")
                content = bytearray()
                async for chunk in response.content.iter_any():
                    size += len(chunk)
                    if size > self._cloud.job_limit:
                        raise ConversionError("文件下载失败：文件过大")
                    content += chunk
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ConversionError("文件下载失败") from error
        await asyncio.get_running_loop().run_in_executor(
            self._cloud.executor, path.write_bytes, bytes(content)
        )
        return Document(path=path, name=name, size=size)


def _seconds(total: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=total)
