"""A headless browser for the pages that the project writes."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.polling import until

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)


class Page:
    """One tab, driven by the browser's own DevTools protocol."""

    def __init__(self, address: str) -> None:
        from websocket import create_connection

        self._socket = create_connection(address, timeout=60)
        self._numbers = itertools.count(1)
        self.errors: list[str] = []

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("method") == "Log.entryAdded":
                self.errors.append(message["params"]["entry"]["text"])
            if message.get("method") == "Runtime.exceptionThrown":
                self.errors.append(json.dumps(message["params"]["exceptionDetails"]))
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]

    def value(self, expression: str) -> Any:
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def screenshot(self) -> bytes:
        return base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"])

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(scope="session")
def _browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    profile = tmp_path_factory.mktemp("browser")
    with subprocess.Popen(
        [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            port = profile / "DevToolsActivePort"

            def listens() -> bool:
                assert process.poll() is None, "the browser ended"
                return port.exists() and "\n" in port.read_text()

            until(listens, "the browser's port")
            yield f"http://127.0.0.1:{port.read_text().splitlines()[0]}"
        finally:
            process.terminate()


def open_in(
    browser: str, file: Path, html: str, *, width: int = 1280, height: int = 900, dark: bool = False
) -> Page:
    """Write HTML to `file` and open it in a tab of the browser at this address; returns once it is loaded."""
    file.write_text(html, encoding="utf-8")
    request = urllib.request.Request(f"{browser}/json/new?about:blank", method="PUT")
    with urllib.request.urlopen(request) as answer:
        page = Page(json.load(answer)["webSocketDebuggerUrl"])
    for domain in ("Page", "Runtime", "Log"):
        page.ask(f"{domain}.enable")
    page.ask(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=height,
        deviceScaleFactor=1,
        mobile=width < 600,
    )
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    page.ask("Emulation.setEmulatedMedia", features=[scheme])
    page.ask("Page.navigate", url=file.as_uri())
    loaded = "document.readyState + location.protocol"
    until(lambda: page.value(loaded) == "completefile:", "the page to load")
    return page


@pytest.fixture
def open_page(_browser: str, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Open HTML in a window of `width` CSS pixels, light or dark; returns the page once it is loaded."""
    pages: list[Page] = []

    def open_(html: str, **window: Any) -> Page:
        page = open_in(_browser, tmp_path / f"page{len(pages)}.html", html, **window)
        pages.append(page)
        return page

    yield open_
    for page in pages:
        page.close()
