"""The part of Paperless-ngx's API that scans need: post a file, follow its task, and find a file that was posted.

Facts are from https://docs.paperless-ngx.com/api/ and the source of Paperless-ngx 2 and 3, which describe tasks in
different ways and have no API version in common. We find a file by a mark in its name, which its task and its document
keep; checksums would not work, since the two versions compute different ones.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
import re
from typing import Any, Final, NamedTuple

import aiohttp
from homeassistant.const import CONF_API_KEY, CONF_URL, CONF_VERIFY_SSL
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from ..api.coerce import JsonValue, to_int, to_json, to_mapping, to_message, to_text
from ..const import CONF_PAPERLESS_ANY_CERTIFICATE, CONF_PAPERLESS_TOKEN, CONF_PAPERLESS_URL
from ..documents.spool import CHUNK_BYTES
from .scan_job import DeliveryError, DeliveryState

# Seconds for a request, and for posting a file; at most `sock_read` seconds may pass without a byte.
ASK_TIMEOUT: Final = aiohttp.ClientTimeout(total=30, sock_connect=10, sock_read=30)
POST_TIMEOUT: Final = aiohttp.ClientTimeout(total=900, sock_connect=10, sock_read=120)
# Maximum bytes of an answer; version 2 lists all tasks at once.
MAX_REPLY_BYTES: Final = 8 * 1024 * 1024
# Maximum characters of a document's title, of a task's id, and of a file's name or a task's result in an answer.
MAX_DOCUMENT_TITLE: Final = 127
MAX_TASK_ID: Final = 72
MAX_REPLY_TEXT: Final = 2048
_DUPLICATE: Final = re.compile(r"duplicate of .*#(\d{1,12})")
_REASONS: Final = {
    401: "paperless_token",
    403: "paperless_forbidden",
    404: "paperless_other_server",
    405: "paperless_other_server",
    413: "paperless_too_large",
}


class Outcome(NamedTuple):
    """What became of a file; with DONE, a reason explains why no new document was made."""

    state: DeliveryState
    reason: str | None = None
    detail: str = ""


@callback
def async_paperless(hass: HomeAssistant, options: Mapping[str, Any]) -> Paperless | None:
    """Return the Paperless-ngx server of Home Assistant's own integration, or else of a box's options, or else None."""
    for entry in hass.config_entries.async_entries("paperless_ngx", False, False):
        data = entry.data
        return Paperless(hass, data[CONF_URL], data[CONF_API_KEY], data.get(CONF_VERIFY_SSL, True))
    url, token = options.get(CONF_PAPERLESS_URL), options.get(CONF_PAPERLESS_TOKEN)
    insecure = options.get(CONF_PAPERLESS_ANY_CERTIFICATE, False)
    return Paperless(hass, url, token, not insecure) if url and token else None


class Paperless:
    """A Paperless-ngx server. All requests raise DeliveryError."""

    def __init__(self, hass: HomeAssistant, address: str, token: str, verify_ssl: bool) -> None:
        self._hass = hass
        # As in Home Assistant's own integration, an address without a scheme means https.
        self._base = (address if "://" in address else f"https://{address}").rstrip("/")
        self._token = token
        self._session = async_get_clientsession(hass, verify_ssl)

    async def async_check(self, tags: Collection[str]) -> None:
        """Check that the server is Paperless-ngx, and that we may see its documents, tasks and these tags."""
        if "count" not in to_mapping(await self._async_ask("documents/", page_size="1")):
            raise DeliveryError("paperless_other_server")
        await self._async_ask("tasks/", task_id="0")
        await self.async_tag_ids(tags)

    async def async_tag_ids(self, names: Collection[str]) -> list[int]:
        found = []
        for name in names:
            rows = _rows(await self._async_ask("tags/", name__iexact=name, page_size="1"))
            # A server that does not support the filter returns other tags.
            same = (row for row in rows if to_text(row.get("name")).casefold() == name.casefold())
            if (number := to_int(next(same, {}).get("id"))) is None:
                raise DeliveryError("paperless_no_tag", name)
            found.append(number)
        return found

    async def async_post(
        self, path: Path, *, name: str, content_type: str, title: str, created: str, tags: list[int]
    ) -> str:
        """Post a file, which is streamed from disk, and return the id of its task."""
        form = aiohttp.FormData(quote_fields=False)
        fields = [("title", title[:MAX_DOCUMENT_TITLE]), ("created", created)]
        for key, value in (*fields, *(("tags", str(tag)) for tag in tags)):
            form.add_field(key, value)
        try:
            file = await self._hass.async_add_executor_job(path.open, "rb")
        except OSError:
            raise DeliveryError("scan_gone") from None
        try:
            form.add_field("document", file, filename=name, content_type=content_type)
            answer = await self._async_ask("documents/post_document/", form)
        finally:
            await self._hass.async_add_executor_job(file.close)
        if not isinstance(answer, str) or not 0 < len(answer) <= MAX_TASK_ID:
            raise DeliveryError("paperless_other_server", may_have_arrived=True)
        return answer

    async def async_outcome(self, task_id: str) -> Outcome | None:
        """Return the outcome of a task; None if the task is not finished, or not known to the server."""
        rows = _rows(await self._async_ask("tasks/", task_id=task_id))
        task = next((row for row in rows if row.get("task_id") == task_id), {})
        data = to_mapping(task.get("result_data"))
        said = task.get("result") or data.get("error_message") or data.get("reason")
        text, status = to_text(said, MAX_REPLY_TEXT), to_text(task.get("status")).upper()
        if status == "SUCCESS":
            return Outcome(DeliveryState.DONE)
        if status not in ("FAILURE", "REVOKED"):
            return None
        found = _DUPLICATE.search(text)
        if not (known := to_text(data.get("duplicate_of")) or (found[1] if found else "")):
            detail = to_message(said, [self._token]) or status
            return Outcome(DeliveryState.FAILED, "paperless_failed", detail)
        if data.get("duplicate_in_trash") or "in the trash" in text:
            return Outcome(DeliveryState.FAILED, "paperless_in_trash", known)
        return Outcome(DeliveryState.DONE, "paperless_duplicate", known)

    async def async_find(self, mark: str) -> str | None:
        """Return the task id of the file whose name has the mark; "" if only the file's document exists; else None.

        None means that the server does not have the file. If the token may not see tasks or documents, this raises
        DeliveryError.
        """
        # Version 3 filters by `name`; version 2 ignores the filter and returns all tasks.
        for task in _rows(await self._async_ask("tasks/", name=mark)):
            name = task.get("task_file_name") or to_mapping(task.get("input_data")).get("filename")
            if mark in to_text(name, MAX_REPLY_TEXT):
                return to_text(task.get("task_id"), MAX_TASK_ID)
        rows = _rows(
            await self._async_ask("documents/", original_filename__icontains=mark, page_size="1")
        )
        names = (to_text(row.get("original_file_name"), MAX_REPLY_TEXT) for row in rows)
        return "" if any(mark in name for name in names) else None

    async def _async_ask(
        self, path: str, form: aiohttp.FormData | None = None, **query: str
    ) -> JsonValue:
        body = bytearray()
        try:
            async with self._session.request(
                "POST" if form else "GET",
                f"{self._base}/api/{path}",
                params=query,
                data=form,
                headers={"Authorization": f"Token {self._token}", "Accept": "application/json"},
                # The token must not reach another server.
                allow_redirects=False,
                timeout=POST_TIMEOUT if form else ASK_TIMEOUT,
            ) as response:
                async for piece in response.content.iter_chunked(CHUNK_BYTES):
                    body += piece
                    if len(body) > MAX_REPLY_BYTES:
                        raise DeliveryError("paperless_other_server", may_have_arrived=True)
                status = response.status
            answer = await self._hass.async_add_executor_job(to_json, bytes(body))
        except aiohttp.ClientSSLError:
            raise DeliveryError("paperless_certificate") from None
        except aiohttp.InvalidURL:
            raise DeliveryError("paperless_other_server") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as err:
            is_refused = isinstance(err, aiohttp.ClientConnectorError)
            raise DeliveryError(
                "paperless_unreachable", state=DeliveryState.OPEN, may_have_arrived=not is_refused
            ) from None
        except ValueError:
            answer = None
        if status >= 500 or status == 429:
            # A proxy may have forwarded the file before it answers 502 or 504.
            raise DeliveryError(
                "paperless_unreachable",
                f"HTTP {status}",
                state=DeliveryState.OPEN,
                may_have_arrived=True,
            )
        if status >= 300:
            reason = "paperless_redirects" if status < 400 else _REASONS.get(status)
            detail = to_message(_first_text(answer), [self._token]) or f"HTTP {status}"
            raise DeliveryError(reason or "paperless_refused", detail)
        if answer is None:
            raise DeliveryError("paperless_other_server", may_have_arrived=True)
        return answer


def _first_text(answer: object) -> str:
    """Return the first text in an answer such as `{"document": ["File type … not supported"]}`."""
    while isinstance(answer, dict | list) and answer:
        answer = next(iter(answer.values() if isinstance(answer, dict) else answer))
    return answer if isinstance(answer, str) else ""


def _rows(answer: JsonValue) -> list[Mapping[str, object]]:
    """Return the rows of an answer. The answer is a page of results; in version 2, it may also be a plain list."""
    rows = answer if isinstance(answer, list) else to_mapping(answer).get("results")
    if not isinstance(rows, list):
        raise DeliveryError("paperless_other_server")
    return [to_mapping(row) for row in rows]
