"""The system's Chromium without a window, driven over the DevTools protocol."""

import asyncio
import itertools
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)")
PATIENCE = 30  # seconds for a start, a command or a download
FLAGS = [
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",  # nothing but what the test asks for
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--remote-debugging-port=0",
    *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),  # Chromium refuses to start as root without it
]


@attrs.define
class Browser:
    """One tab of a running Chromium."""

    _socket: aiohttp.ClientWebSocketResponse
    _ids: "itertools.count[int]" = attrs.field(factory=itertools.count)
    _session: str | None = None
    events: list[dict[str, Any]] = attrs.field(factory=list)

    async def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send a command and return its result. Events that come meanwhile are kept."""
        number = next(self._ids)
        session = {} if self._session is None or method.startswith(("Browser.", "Target.")) else {"sessionId": self._session}
        await self._socket.send_json({"id": number, "method": method, "params": parameters, **session})
        async with asyncio.timeout(PATIENCE):
            while True:
                message = await self._socket.receive_json()
                if message.get("id") == number:
                    assert "error" not in message, message
                    result: dict[str, Any] = message["result"]
                    return result
                self.events.append(message)

    async def event(self, method: str, **wanted: object) -> dict[str, Any]:
        """The first event with this name and these parameters."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for event in self.events:
                    if event["method"] == method and wanted.items() <= event["params"].items():
                        found: dict[str, Any] = event["params"]
                        return found
                self.events.append(await self._socket.receive_json())

    async def open_tab(self) -> None:
        """A tab for the commands that follow."""
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]


@asynccontextmanager
async def chromium(folder: Path) -> AsyncIterator[Browser]:
    """Chromium with a profile of its own in this folder."""
    assert CHROMIUM is not None
    process = await asyncio.create_subprocess_exec(
        CHROMIUM, *FLAGS, f"--user-data-dir={folder}", stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        port = await _port(folder / "DevToolsActivePort", process)
        async with aiohttp.ClientSession() as http:
            async with http.get(f"http://127.0.0.1:{port}/json/version") as answer:
                url = (await answer.json())["webSocketDebuggerUrl"]
            async with http.ws_connect(url, max_msg_size=0) as socket:
                browser = Browser(socket)
                await browser.open_tab()
                yield browser
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _port(file: Path, process: asyncio.subprocess.Process) -> int:
    for _ in range(PATIENCE * 20):
        with suppress(FileNotFoundError, IndexError):
            return int(file.read_text().splitlines()[0])
        assert process.returncode is None, "Chromium ended at its start"
        await asyncio.sleep(0.05)
    raise AssertionError("Chromium does not start")
