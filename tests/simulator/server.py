"""Starts and stops the whole simulator."""

import asyncio
from collections.abc import Callable
from pathlib import Path
import shutil
import socket
from types import TracebackType
from typing import Any, Final, Self, cast

from aiohttp import web

from .admin import add_admin_routes
from .cloud import RATE_LIMIT, Cloud
from .models import Box, PrintedJob
from .qr import qr_link
from .rendering import find_chromium
from .web import add_routes

HOST: Final = "127.0.0.1"
BUFFER: Final = 1 << 20
SHUTDOWN_SECONDS: Final = 0.1


class Simulator:
    """The Lianke cloud on a port of 127.0.0.1. Use it as an async context manager.

    `out`: the out tray, created if missing. `port`: 0 takes any free port. `speed`: factor by which printing and
    converting are faster than in real time. `rate_limit`: requests a minute above which an ApiKey is banned; None:
    never. `chromium`: path of the browser for HTML; "": no browser; None: search for Chromium. `cast`: a function that
    fills the cloud; None: the default cast of README.md.
    """

    def __init__(
        self,
        out: Path,
        port: int = 0,
        *,
        speed: float = 1.0,
        rate_limit: int | None = RATE_LIMIT,
        chromium: str | None = None,
        cast: Callable[[Cloud], Any] | None = None,
    ) -> None:
        self._out = out
        self._port = port
        self._speed = speed
        self._rate_limit = rate_limit
        self._chromium = chromium
        self._cast = cast
        self._runner: web.AppRunner | None = None
        self._site: web.SockSite | None = None
        self._listener: socket.socket
        self.cloud: Cloud

    async def start(self) -> None:
        spool = self._out / ".spool"
        await asyncio.to_thread(shutil.rmtree, spool, ignore_errors=True)
        await asyncio.to_thread(spool.mkdir, parents=True)
        chromium = self._chromium
        if chromium is None:
            chromium = await asyncio.to_thread(find_chromium)
        self.cloud = Cloud(
            self._out, speed=self._speed, rate_limit=self._rate_limit, chromium=chromium or None
        )
        if self._cast:
            self._cast(self.cloud)
        else:
            self.cloud.cast_default()
        app = web.Application()
        add_routes(app, self.cloud)
        add_admin_routes(app, self)
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS, read_bufsize=BUFFER
        )
        await self._runner.setup()
        await self.start_listening()
        await self.cloud.messenger.open()

    async def stop(self) -> None:
        """End everything; raises the errors that occurred inside the simulator."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = self._site = None
        await self.cloud.close()
        await asyncio.to_thread(shutil.rmtree, self.cloud.spool, ignore_errors=True)
        if self.cloud.errors:
            raise ExceptionGroup(
                "the simulator failed", [cast(Exception, error) for error in self.cloud.errors]
            )

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start_listening(self) -> None:
        """Listen on the port; after stop_listening(), on the same port as before."""
        assert self._runner is not None
        self._listener = socket.create_server((HOST, self._port))
        self._site = web.SockSite(self._runner, self._listener)
        await self._site.start()
        self._port = self._runner.addresses[0][1]
        self.cloud.base_url = self.url

    async def stop_listening(self) -> None:
        """Refuse connections from now on, and drop those that are open."""
        assert self._runner is not None
        if self._site:
            # asyncio fails if the server is closed before a connection that it has just accepted is set up.
            asyncio.get_running_loop().remove_reader(self._listener)
            await asyncio.sleep(0)
            await self._site.stop()
            self._site = None
        if self._runner.server:
            for connection in self._runner.server.connections:
                connection.force_close()
                if connection.transport:
                    connection.transport.abort()

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        """The base address, which ends with `/api`."""
        return f"http://{HOST}:{self._port}/api"

    # The first box, which most tests use

    @property
    def box(self) -> Box:
        return next(iter(self.cloud.boxes.values()))

    @property
    def api_key(self) -> str:
        return self.cloud.accounts[0].api_key

    @property
    def device_id(self) -> str:
        return self.box.device_id

    @property
    def device_key(self) -> str:
        return self.box.device_key

    @property
    def qr_link(self) -> str:
        return qr_link(self.device_id, self.device_key)

    @property
    def printed(self) -> list[PrintedJob]:
        """Our jobs that came out completely."""
        return self.cloud.printed
