"""A headless browser for the pages that the project writes."""

from __future__ import annotations

import base64
import contextlib
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


# The lowest contrast of text to what lies behind it (WCAG 2.2, 1.4.3) among elements, and where it is.
_CONTRAST = """((found) => {
  const parts = (colour) => {
    const found = colour.match(/[\\d.]+/g).map(Number);
    return colour.startsWith('color(') ? found.map((v, i) => (i < 3 ? 255 * v : v)) : found;
  };
  const curve = (v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = (colour) => {
    const [r, g, b] = parts(colour).map((v) => curve(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (at) => {
    for (; at; at = at.parentElement ?? at.getRootNode().host) {
      const colour = getComputedStyle(at).backgroundColor;
      if ((parts(colour)[3] ?? 1) > 0) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  return [...found].filter((one) => one.textContent.trim() && one.checkVisibility()).map((one) => {
    const style = getComputedStyle(one), ink = one.closest('svg') ? style.fill : style.color;
    const [a, b] = [light(ink), light(behind(one))];
    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), one.outerHTML.slice(0, 80)];
  }).sort((a, b) => a[0] - b[0])[0];
})"""


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

    def contrast(self, elements: str) -> tuple[float, str]:
        """Return the lowest contrast of texts, an expression of elements, to what lies behind, and where."""
        ratio, place = self.value(f"{_CONTRAST}({elements})")
        return float(ratio), str(place)

    def screenshot(self) -> bytes:
        return base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"])

    def close(self) -> None:
        self._socket.close()


@contextlib.contextmanager
def browser(profile: Path, *flags: str) -> Iterator[str]:
    """Run a browser with a profile of its own and more flags; yields its address. Skips without one."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    with subprocess.Popen(
        [program, *FLAGS, *flags, f"--user-data-dir={profile}", "about:blank"],
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


@pytest.fixture(scope="session")
def _browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with browser(tmp_path_factory.mktemp("browser")) as address:
        yield address


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


class Tab(Page):
    """A tab that keeps the page's requests, and the responses that were errors."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self._mine = itertools.count(10**6)
        self.requests: list[str] = []
        self.failures: list[tuple[int, str]] = []

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._mine)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv())
            event = message.get("params", {})
            if message.get("method") == "Log.entryAdded":
                self.errors.append(event["entry"]["text"])
            if message.get("method") == "Runtime.exceptionThrown":
                self.errors.append(json.dumps(event["exceptionDetails"]))
            if message.get("method") == "Network.requestWillBeSent":
                self.requests.append(event["request"]["url"])
            if message.get("method") == "Network.responseReceived" and event["response"]["status"] >= 400:
                self.failures.append((event["response"]["status"], event["response"]["url"]))
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]

    def until(self, expression: str, seconds: float = 120) -> Any:
        """Wait until an expression is true; returns its value."""
        return until(
            lambda: self.value(expression),
            lambda: f"{expression}\n{self.text()}\n{self.errors}",
            seconds=seconds,
        )

    def go(self, place: str) -> None:
        """Go to a view and wait until it is drawn."""
        self.value(f"location.hash = {json.dumps(place)}")
        self.until("!document.getElementById('view').hasAttribute('aria-busy')")

    def text(self) -> str:
        """The words that the page shows."""
        return str(self.value("document.body.innerText"))

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            text = {"text": key} if len(key) == 1 else {}
            self.send("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
            self.send("Input.dispatchKeyEvent", type="keyUp", key=key)

    def tap(self, selector: str) -> None:
        """Press the mouse on what a selector finds, as a person does: pages may then play and record."""
        found = f"document.querySelector({json.dumps(selector)})"
        self.until(f"!{found}.disabled")
        self.send("Page.bringToFront")  # one behind others is not drawn where it was scrolled to
        self.value(
            f"window.tapped = false; {found}.addEventListener('click', () => {{ tapped = true; }},"
            " {once: true})"
        )

        def taken() -> bool:
            # What was scrolled to is where it is drawn from the next frame on.
            box = self.value(
                f"(async () => {{ const box = {found};"
                " box.scrollIntoView({block: 'center', behavior: 'instant'});"
                " const frame = (drawn) => (requestAnimationFrame(drawn), setTimeout(drawn, 1000));"
                " await new Promise(frame); await new Promise(frame);"
                " const at = box.getBoundingClientRect();"
                " return [at.x + at.width / 2, at.y + at.height / 2]; })()"
            )
            for kind in ("mousePressed", "mouseReleased"):
                self.send(
                    "Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1
                )
            return bool(self.value("window.tapped"))

        until(taken, lambda: f"{selector} takes no click\n{self.text()}")

    def click(self, selector: str) -> None:
        """Click what a selector finds first."""
        self.until(f"!!document.querySelector({json.dumps(selector)})")
        self.value(f"document.querySelector({json.dumps(selector)}).click()")


def visit(browser: str, url: str, *, width: int = 1280, height: int = 900, dark: bool = False) -> Tab:
    """Open a URL in a tab of the browser at this address; returns once it is loaded."""
    request = urllib.request.Request(f"{browser}/json/new?about:blank", method="PUT")
    with urllib.request.urlopen(request) as answer:
        tab = Tab(json.load(answer)["webSocketDebuggerUrl"])
    for domain in ("Page", "Runtime", "Log", "Network"):
        tab.send(f"{domain}.enable")
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    tab.send("Emulation.setEmulatedMedia", features=[scheme])
    tab.send(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=height,
        deviceScaleFactor=1,
        mobile=width < 600,
    )
    tab.send("Page.navigate", url=url)
    tab.until("document.readyState === 'complete' && location.protocol.startsWith('http')")
    return tab


@pytest.fixture
def browse(_browser: str) -> Iterator[Callable[..., Tab]]:
    """Open an address in a window of `width` CSS pixels, light or dark."""
    tabs: list[Tab] = []

    def open_(url: str, **window: Any) -> Tab:
        tab = visit(_browser, url, **window)
        tabs.append(tab)
        return tab

    yield open_
    for tab in tabs:
        tab.close()
