"""A process that has imported everything and forks Home Assistants, so that each starts in less than a second.

`python -m tests.chaos.zygote FD`: reads orders on the socket FD, one line of JSON each, and answers with
`{"started": pid, "name": …}` and, when that Home Assistant has ended, with `{"ended": pid, "name": …}`.
"""

from dataclasses import fields
import gc
import importlib
import json
import os
from pathlib import Path
import pkgutil
import selectors
import socket
import sys
import threading

import custom_components.lianke

from .child import DOMAIN, Order, quiet, run

COMPONENTS = (
    "aiohttp_fast_zlib",
    "homeassistant.components.http",
    "homeassistant.components.http.websocket_api",
    "homeassistant.components.websocket_api",
    *(
        f"homeassistant.components.{name}"
        for name in (
            *("webhook", "file_upload", "media_source", "sensor", "binary_sensor", "button"),
            *("event", "image", "notify", "repairs", "diagnostics", "system_health"),
            *("blueprint", "automation", "script", "homeassistant", "persistent_notification"),
        )
    ),
)


def main() -> None:
    """Import everything, then fork on demand until the world process has ended."""
    for name in COMPONENTS:
        importlib.import_module(name)
    for module in pkgutil.walk_packages(
        custom_components.lianke.__path__, f"custom_components.{DOMAIN}."
    ):
        importlib.import_module(module.name)
    gc.collect()
    gc.freeze()
    line = socket.socket(fileno=int(sys.argv[1]))
    selector = selectors.DefaultSelector()
    selector.register(line, selectors.EVENT_READ, None)
    pending = b""
    while True:
        for key, _ in selector.select():
            if key.data is not None:
                pid, name = key.data
                os.waitpid(pid, 0)
                selector.unregister(key.fd)
                os.close(key.fd)
                _say(line, ended=pid, name=name)
                continue
            if not (received := line.recv(1 << 16)):
                return
            *orders, pending = (pending + received).split(b"\n")
            for order in orders:
                asked = Order(**json.loads(order))
                if pid := _fork(asked, line, selector):
                    selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, asked.name))
                    _say(line, started=pid, name=asked.name)


def _say(line: socket.socket, **message: object) -> None:
    line.sendall(json.dumps(message).encode() + b"\n")


def _fork(order: Order, line: socket.socket, selector: selectors.BaseSelector) -> int:
    """Start one Home Assistant; returns only in the parent."""
    assert threading.active_count() == 1, threading.enumerate()
    assert {one.name for one in fields(Order)}
    if pid := os.fork():
        return pid
    try:
        selector.close()
        line.close()
        console = os.open(
            Path(order.config).with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600
        )
        os.dup2(console, 1)
        os.dup2(console, 2)
        quiet()
        run(order)
    except BaseException:  # noqa: BLE001  # the child must not go on as a second zygote
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
    os._exit(1)


if __name__ == "__main__":
    main()
