"""A real Home Assistant in a process of its own, driven over its HTTP and WebSocket API.

This module needs only asyncio and aiohttp, not pytest: the demo uses it as well as tests do. In short::

    async with RealHomeAssistant(tmp_path / "config") as hass:          # free port, 127.0.0.1, onboarded
        file_id = await hass.upload(Path("sticker.png"))
        flow = await hass.start_flow("lianke")
        flow = await hass.submit(flow, {"photo": file_id})
        answer = await hass.call("lianke", "print", {...}, response=True)
        state = await hass.wait_for_state("sensor.x", lambda state: state["state"] == "idle")
        await hass.kill()                                               # SIGKILL, as a power cut would
        await hass.start()                                              # same port, user and token
        assert not hass.problems("lianke")

The interpreter is the one that the environment variable ``LIANKE_HASS`` names, otherwise the running one. It must have
``homeassistant`` and ``home-assistant-frontend``. Several instances may run side by side: each has its own port and its
own temporary folder (when ``file_upload`` starts, it clears a folder with a fixed name in the temporary folder).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
import json
import os
from pathlib import Path
import re
import secrets
import shutil
import signal
import socket
import sys
from typing import Any, Self

import aiohttp

ROOT = Path(__file__).resolve().parents[2]
PORTS = range(20_000, 32_000)  # below the ports that systems assign to connections
START_TIMEOUT = 300.0  # seconds; a first start compiles every module and creates the database
STOP_TIMEOUT = 120.0  # seconds; Home Assistant's own shutdown stages take at most half of it
REQUEST_TIMEOUT = 180.0  # seconds; only what hangs takes as long
_LOG_LINE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+(?:[+-]\d\d:\d\d)? [A-Z]+ ")
_BAD_LINE = re.compile(_LOG_LINE.pattern.replace("[A-Z]+", "(?:WARNING|ERROR|CRITICAL)"))
_CONFIGURATION = """\
homeassistant:
  name: Home
  latitude: 30.27
  longitude: 120.15
  elevation: 10
  unit_system: metric
  currency: CNY
  country: CN
  language: {language}
  time_zone: {time_zone}
  allowlist_external_dirs:
    - {documents}
  allowlist_external_urls: {allowed_urls}
  media_dirs:
    local: {documents}
frontend:
config:
logger:
  default: warning
  logs:
{levels}
automation: !include automations.yaml
"""


class HassError(Exception):
    """Home Assistant refused a request, or did not start, stop or answer as it should."""


class Subscription:
    """Messages of one WebSocket subscription, in the order in which they arrive."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, number: int) -> None:
        """Read the messages whose id is `number` from the socket."""
        self._socket = socket
        self._number = number

    async def next(self, timeout: float = REQUEST_TIMEOUT) -> Any:
        """Return the next message's event; raises TimeoutError after timeout seconds."""
        async with asyncio.timeout(timeout):
            while True:
                message = await self._socket.receive_json()
                if message.get("id") == self._number and message["type"] == "event":
                    return message["event"]

    async def until(
        self, predicate: Callable[[Any], bool], timeout: float = REQUEST_TIMEOUT
    ) -> Any:
        """Return the first event the predicate accepts; raises TimeoutError after timeout seconds."""
        async with asyncio.timeout(timeout):
            while True:
                event = await self.next(timeout)
                if predicate(event):
                    return event


class RealHomeAssistant:
    """One Home Assistant: its configuration folder, its process and its API."""

    def __init__(
        self,
        config: Path,
        *,
        port: int | None = None,
        host: str = "127.0.0.1",
        language: str = "en",
        levels: Mapping[str, str] | None = None,
        extra: str = "",
        allowed_urls: Sequence[str] = (),
    ) -> None:
        """Prepare an instance that writes all its files below config.

        port: None takes a free port, which stays the same over restarts. host: the address to listen on.
        levels: log levels by logger, in addition to ``custom_components.lianke: debug``. extra: YAML added to
        configuration.yaml. allowed_urls: addresses in the local network that may be fetched. ``documents`` below config
        is the only folder on the allow-list, and the only media folder.
        """
        self.config = config.resolve()
        self.host = host
        self.port = port if port is not None else free_port()
        self.python = os.environ.get("LIANKE_HASS") or sys.executable
        self.language = language
        self.time_zone = "Asia/Shanghai"
        self.levels = {"custom_components.lianke": "debug", **(levels or {})}
        self.extra = extra
        self.allowed_urls = allowed_urls
        self.user = "demo"
        self.password = secrets.token_urlsafe(9)
        self.token = ""
        self.documents = self.config / "documents"
        self.console = self.config / "console.log"
        self.process: asyncio.subprocess.Process | None = None
        self._secrets = self.config / ".lianke-access.json"
        self._session: aiohttp.ClientSession | None = None
        self._refresh: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        """Start the instance and onboard."""
        try:
            await self.start()
            await self.onboard()
        except BaseException:
            await self.kill()
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop the instance."""
        try:
            await self.stop()
        finally:
            await self.close()

    @property
    def url(self) -> str:
        """Address of the instance, without a slash at the end."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host
        return f"http://{host}:{self.port}"

    @property
    def returncode(self) -> int | None:
        """Exit code of the last process; None while it runs or before the first start."""
        return None if self.process is None else self.process.returncode

    # Process

    def write_configuration(self) -> None:
        """Write the files of the configuration folder; files that are not named below stay as they are.

        The port goes into the storage of ``http`` in the format of its first version, which every release migrates into
        a confirmed setting. In configuration.yaml it would be on trial and be reverted after some minutes. Two steps of
        the onboarding are marked as done, because they would set up integrations that contact hosts outside.
        """
        for folder in (self.documents, self.config / "tmp", self.config / ".storage"):
            folder.mkdir(parents=True, exist_ok=True)
        components = self.config / "custom_components"
        if not components.is_symlink() and not components.exists():
            components.symlink_to(ROOT / "custom_components", target_is_directory=True)
        text = _CONFIGURATION.format(
            language=self.language,
            time_zone=self.time_zone,
            documents=self.documents,
            allowed_urls=json.dumps(list(self.allowed_urls)),
            levels="\n".join(f"    {logger}: {level}" for logger, level in self.levels.items()),
        )
        (self.config / "configuration.yaml").write_text(text + self.extra, encoding="utf-8")
        automations = self.config / "automations.yaml"
        if not automations.exists():
            automations.write_text("[]\n", encoding="utf-8")
        self._preset("http", 1, {"server_host": [self.host], "server_port": self.port})
        self._listen_here()
        self._preset("onboarding", 4, {"done": ["core_config", "analytics"]})

    def _preset(self, key: str, version: int, data: dict[str, Any]) -> None:
        """Write a storage file unless Home Assistant has one already."""
        path = self.config / ".storage" / key
        if not path.exists():
            document = {"version": version, "minor_version": 1, "key": key, "data": data}
            path.write_text(json.dumps(document), encoding="utf-8")

    def _listen_here(self) -> None:
        """Make a Home Assistant that listened at another address before listen at this one."""
        wanted = {"server_host": [self.host], "server_port": self.port}
        path = self.config / ".storage" / "http"
        document = json.loads(path.read_text(encoding="utf-8"))
        data = document["data"]
        confirmed = data.get("stable", data)
        if any(confirmed.get(key) != value for key, value in wanted.items()):
            confirmed.update(wanted)
            if "pending" in data:
                data["pending"] = None
            path.write_text(json.dumps(document), encoding="utf-8")

    def change_entries(self, domain: str, **data: Any) -> None:
        """Change the data of an integration's config entries on disk, before a start; there may be none yet."""
        path = self.config / ".storage" / "core.config_entries"
        if not path.exists():
            return
        document = json.loads(path.read_text(encoding="utf-8"))
        for entry in document["data"]["entries"]:
            if entry["domain"] == domain:
                entry["data"].update(data)
        path.write_text(json.dumps(document), encoding="utf-8")

    async def start(self, timeout: float = START_TIMEOUT) -> None:
        """Start the process and wait until it answers or, if there is a token, until it has finished starting.

        Raises HassError if it ends or takes longer than timeout seconds; the message has the end of its log.
        """
        if self.process is not None and self.process.returncode is None:
            raise HassError("It runs already")
        await asyncio.to_thread(self.write_configuration)
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT)
            )
        environment = {**os.environ, "TMPDIR": str(self.config / "tmp")}
        for variable in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "COVERAGE_PROCESS_START"):
            environment.pop(variable, None)
        console = await asyncio.to_thread(self.console.open, "ab")
        try:
            # --skip-pip: the environment is complete; nothing may be fetched while it runs.
            self.process = await asyncio.create_subprocess_exec(
                self.python,
                *(
                    "-m",
                    "homeassistant",
                    "--config",
                    str(self.config),
                    "--skip-pip",
                    "--log-no-color",
                ),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=console,
                stderr=asyncio.subprocess.STDOUT,
                cwd=self.config,
                env=environment,
                start_new_session=True,
            )
        finally:
            console.close()
        await self.wait_running(timeout)

    async def _is_up(self) -> bool:
        """Return whether the instance answers (without a token) or has finished starting (with a token)."""
        assert self._session is not None
        try:
            if not self.token:
                async with self._session.get(f"{self.url}/auth/providers") as response:
                    return response.status in {200, 400}  # 400: nobody has been onboarded
            headers = {"Authorization": f"Bearer {self.token}"}
            async with self._session.get(f"{self.url}/api/config", headers=headers) as response:
                return response.status == 200 and (await response.json())["state"] == "RUNNING"
        except aiohttp.ClientError, TimeoutError:
            return False

    async def wait_running(self, timeout: float = START_TIMEOUT) -> None:
        """Wait until it answers or, with a token, has finished starting. Raises HassError after timeout seconds."""
        try:
            async with asyncio.timeout(timeout):
                while not await self._is_up():
                    if self.returncode is not None:
                        raise HassError(
                            f"Home Assistant ended with {self.returncode}:\n{self._log_end()}"
                        )
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise HassError(
                f"Home Assistant was not up after {timeout:.0f} s:\n{self._log_end()}"
            ) from None

    async def stop(self, timeout: float = STOP_TIMEOUT) -> int | None:
        """Shut the process down, return its exit code. Raises HassError if it must be killed after timeout seconds."""
        if self.process is None or self.process.returncode is not None:
            return self.returncode
        self.process.terminate()
        try:
            async with asyncio.timeout(timeout):
                return await self.process.wait()
        except TimeoutError:
            await self.kill()
            raise HassError(
                f"Home Assistant did not stop in {timeout:.0f} s:\n{self._log_end()}"
            ) from None

    async def wait(self) -> int | None:
        """Wait until the process ends by itself and return its exit code."""
        return None if self.process is None else await self.process.wait()

    async def kill(self) -> None:
        """Kill the process and its children at once, as a power cut would."""
        if self.process is None or self.process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()

    async def restart(self, timeout: float = START_TIMEOUT) -> None:
        """Shut the process down and start another."""
        await self.stop()
        await self.start(timeout)

    def attach(self) -> None:
        """Connect to the instance that another process runs in the same folder."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT))
        self._load_access()

    async def close(self) -> None:
        """Close the HTTP session; the process may go on."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    # Users

    async def onboard(self) -> None:
        """Create the owner and a long-lived token, or load those of an earlier run; then wait until the start is done.

        The token survives kills: this returns only once Home Assistant has it on disk.
        """
        if self._secrets.exists():
            self._load_access()
            await self.wait_running()
            return
        client = f"{self.url}/"
        answer = await self.post(
            "/api/onboarding/users",
            {
                "client_id": client,
                "name": "Demo",
                "username": self.user,
                "password": self.password,
                "language": self.language,
            },
        )
        assert self._session is not None
        form = {
            "client_id": client,
            "grant_type": "authorization_code",
            "code": answer["auth_code"],
        }
        async with self._session.post(f"{self.url}/auth/token", data=form) as response:
            if response.status != 200:
                raise HassError(f"No token: HTTP {response.status}")
            self._refresh = await response.json()
        self.token = self._refresh["access_token"]
        redirect = {"client_id": client, "redirect_uri": f"{client}?auth_callback=1"}
        await self.post("/api/onboarding/integration", redirect)
        await self.wait_running()
        self.token = await self.command(
            "auth/long_lived_access_token", client_name="end-to-end", lifespan=3650
        )
        await self._wait_until_kept()
        access = {
            "token": self.token,
            "user": self.user,
            "password": self.password,
            "refresh": self._refresh,
        }
        await asyncio.to_thread(_write_private, self._secrets, json.dumps(access))

    async def _wait_until_kept(self, timeout: float = REQUEST_TIMEOUT) -> None:
        """Wait until the long-lived token is in Home Assistant's storage."""
        storage = self.config / ".storage" / "auth"
        try:
            async with asyncio.timeout(timeout):
                while not storage.exists() or '"end-to-end"' not in await asyncio.to_thread(
                    storage.read_text
                ):
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise HassError("Home Assistant did not write the new token to disk") from None

    def _load_access(self) -> None:
        """Load token, user and password of an earlier run in the same folder."""
        access = json.loads(self._secrets.read_text(encoding="utf-8"))
        self.token = access["token"]
        self.user = access["user"]
        self.password = access["password"]
        self._refresh = access["refresh"]

    def browser_tokens(self) -> str:
        """Return what a browser keeps under ``hassTokens`` in localStorage when it is logged in."""
        return json.dumps(
            {
                "hassUrl": self.url,
                "clientId": f"{self.url}/",
                "access_token": self.token,
                "token_type": "Bearer",
                "refresh_token": self._refresh["refresh_token"],
                "expires_in": 3650 * 86400,
                "expires": 4102444800000,
            }
        )

    # HTTP

    @asynccontextmanager
    async def raw(
        self, method: str, path: str, **arguments: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Provide the raw response to an authorized request; arguments go to aiohttp."""
        if self._session is None:
            raise HassError("Not started")
        headers = {**arguments.pop("headers", {})}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        async with self._session.request(
            method, f"{self.url}{path}", headers=headers, **arguments
        ) as response:
            yield response

    async def request(self, method: str, path: str, **arguments: Any) -> Any:
        """Send an authorized request; return JSON, or else the text. Raises HassError for HTTP 400 and above."""
        async with self.raw(method, path, **arguments) as response:
            if response.status >= 400:
                raise HassError(
                    f"{method} {path}: HTTP {response.status}: {(await response.text())[:500]}"
                )
            if response.content_type == "application/json":
                return await response.json()
            return await response.text()

    async def get(self, path: str) -> Any:
        """Return the answer to a GET."""
        return await self.request("GET", path)

    async def post(self, path: str, data: Any = None) -> Any:
        """Return the answer to a POST of JSON."""
        return await self.request("POST", path, json={} if data is None else data)

    async def delete(self, path: str) -> Any:
        """Return the answer to a DELETE."""
        return await self.request("DELETE", path)

    async def upload(self, content: Path | bytes, name: str | None = None) -> str:
        """Upload a file as the browser does and return its file id, which is valid for one use."""
        data = await asyncio.to_thread(content.read_bytes) if isinstance(content, Path) else content
        form = aiohttp.FormData()
        form.add_field(
            "file", data, filename=name or (content.name if isinstance(content, Path) else "file")
        )
        answer = await self.request("POST", "/api/file_upload", data=form)
        return str(answer["file_id"])

    # WebSocket

    @asynccontextmanager
    async def _websocket(self) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Provide an authorized WebSocket connection."""
        if self._session is None:
            raise HassError("Not started")
        async with self._session.ws_connect(
            f"{self.url}/api/websocket", max_msg_size=0
        ) as connection:
            await connection.receive_json()
            await connection.send_json({"type": "auth", "access_token": self.token})
            if (answer := await connection.receive_json())["type"] != "auth_ok":
                raise HassError(f"WebSocket: {answer}")
            yield connection

    async def command(self, kind: str, *, timeout: float = REQUEST_TIMEOUT, **fields: Any) -> Any:
        """Send one WebSocket command and return its result. Raises HassError if it is refused."""
        async with asyncio.timeout(timeout), self._websocket() as connection:
            await connection.send_json({"id": 1, "type": kind, **fields})
            while (answer := await connection.receive_json())["type"] != "result":
                pass
        if not answer["success"]:
            raise HassError(f"{kind}: {answer['error']['code']}: {answer['error']['message']}")
        return answer["result"]

    @asynccontextmanager
    async def subscribe(self, kind: str, **fields: Any) -> AsyncIterator[Subscription]:
        """Provide the messages of a subscription command, such as ``subscribe_events``."""
        async with self._websocket() as connection:
            await connection.send_json({"id": 1, "type": kind, **fields})
            answer = await connection.receive_json()
            if answer["type"] != "result" or not answer["success"]:
                raise HassError(f"{kind}: {answer}")
            yield Subscription(connection, 1)

    # Shortcuts

    async def call(
        self,
        domain: str,
        action: str,
        data: Mapping[str, Any] | None = None,
        *,
        response: bool = False,
    ) -> Any:
        """Call an action and return its response if `response`. Raises HassError with the message of a failure."""
        fields: dict[str, Any] = {
            "domain": domain,
            "service": action,
            "service_data": dict(data or {}),
        }
        answer = await self.command(
            "call_service", timeout=2000, return_response=response, **fields
        )
        return answer["response"] if response else None

    async def states(self) -> dict[str, dict[str, Any]]:
        """Return all states by entity id."""
        return {state["entity_id"]: state for state in await self.get("/api/states")}

    async def state(self, entity_id: str) -> dict[str, Any] | None:
        """Return one state, or None if there is none."""
        return (await self.states()).get(entity_id)

    async def wait_for_state(
        self,
        entity_id: str,
        predicate: Callable[[dict[str, Any]], bool],
        timeout: float = REQUEST_TIMEOUT,
    ) -> dict[str, Any]:
        """Return the entity's state once the predicate accepts it. Raises HassError after timeout seconds."""
        state = await self.poll(
            lambda: self.state(entity_id),
            lambda state: state is not None and predicate(state),
            timeout=timeout,
        )
        if state is None:
            last = await self.state(entity_id)
            raise HassError(
                f"{entity_id} is still {last and last['state']!r} after {timeout:.0f} s"
            )
        return state

    async def poll[T](
        self,
        ask: Callable[[], Awaitable[T]],
        accept: Callable[[T], bool],
        *,
        timeout: float = REQUEST_TIMEOUT,
        every: float = 0.2,
    ) -> T | None:
        """Ask repeatedly and return the first answer that is accepted; None after timeout seconds."""
        try:
            async with asyncio.timeout(timeout):
                while not accept(answer := await ask()):
                    await asyncio.sleep(every)
        except TimeoutError:
            return None
        return answer

    async def entries(self, domain: str) -> list[dict[str, Any]]:
        """Return the config entries of an integration."""
        return list(await self.get(f"/api/config/config_entries/entry?domain={domain}"))

    async def entry(self, entry_id: str) -> dict[str, Any] | None:
        """Return one config entry, or None if there is none."""
        entries = await self.get("/api/config/config_entries/entry")
        return next((entry for entry in entries if entry["entry_id"] == entry_id), None)

    async def entities(self) -> list[dict[str, Any]]:
        """Return the entity registry."""
        return list(await self.command("config/entity_registry/list"))

    async def devices(self) -> list[dict[str, Any]]:
        """Return the device registry."""
        return list(await self.command("config/device_registry/list"))

    async def start_flow(self, handler: str, **context: Any) -> dict[str, Any]:
        """Start a config flow as the UI does and return its first step."""
        flow: dict[str, Any] = await self.post(
            "/api/config/config_entries/flow", {"handler": handler, **context}
        )
        return flow

    async def submit(self, flow: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
        """Fill in the form of a config flow's step and return what comes next."""
        step: dict[str, Any] = await self.post(
            f"/api/config/config_entries/flow/{flow['flow_id']}", dict(data)
        )
        return step

    async def start_options(self, entry_id: str) -> dict[str, Any]:
        """Start the options flow of an entry and return its first step."""
        flow: dict[str, Any] = await self.post(
            "/api/config/config_entries/options/flow", {"handler": entry_id}
        )
        return flow

    async def submit_options(
        self, flow: Mapping[str, Any], data: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Fill in the form of an options flow's step and return what comes next."""
        step: dict[str, Any] = await self.post(
            f"/api/config/config_entries/options/flow/{flow['flow_id']}", dict(data)
        )
        return step

    # Logs

    def log(self) -> str:
        """Return the log of all starts so far."""
        return (
            self.console.read_text(encoding="utf-8", errors="replace")
            if self.console.exists()
            else ""
        )

    def problems(self, about: str = "") -> list[str]:
        """Return the logged warnings and errors, tracebacks included.

        With about, only those whose first line contains it, or whose traceback passes through the custom integration
        of that name.
        """
        records: list[list[str]] = []
        for line in self.log().splitlines():
            if _LOG_LINE.match(line):
                records.append([line])
            elif records:
                records[-1].append(line)
        return [
            "\n".join((first, *rest))
            for first, *rest in records
            if _BAD_LINE.match(first)
            and _NOT_TESTED not in first
            and not _BUSY.search(first)
            # Home Assistant's own tasks name the interpreter, which may be in a folder of that name.
            and (
                about in first.replace(sys.base_prefix, "")
                or any(f"custom_components/{about}/" in line for line in rest)
            )
        ]

    def _log_end(self) -> str:
        """Return the last lines of the log."""
        return "\n".join(self.log().splitlines()[-40:])

    def clear(self) -> None:
        """Remove the configuration folder with all its state."""
        shutil.rmtree(self.config, ignore_errors=True)


_NOT_TESTED = "which has not been tested by Home Assistant"  # logged for every custom integration
# Home Assistant times an entity by the clock on the wall: on a busy machine it measures the other processes.
_BUSY = re.compile(r"Updating state for \S+ .* took ")


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens, and which the system assigns to no connection."""
    while True:
        port = PORTS.start + secrets.randbelow(len(PORTS))
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _write_private(path: Path, text: str) -> None:
    """Write a file that only this user may read."""
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
