"""The console in a real browser, with a microphone that plays a file."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from brume.aws.engine.catalog import STATE
from brume.aws.engine.page_token import TOKEN
from tests.aws.serving import KEY
from tests.components.captions.engines import Scripted, require_models, serve_captions
from tests.components.captions.speech import SILENCE, encoded, spoken, word_errors
from tests.components.conftest import Tab, browser, visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]
MICROPHONE = "--use-fake-device-for-media-stream"
TEXT = "The meeting begins at nine in the morning. Please bring the report with you."
# Keeps every text that was shown as staying, to compare it with what is shown later.
WATCH = """(() => {
  window.kept = new Map(); window.revised = [];
  const look = () => { for (const line of document.querySelectorAll('.heard')) {
    const now = line.querySelector('.stable').textContent, before = window.kept.get(line) ?? '';
    if (!now.startsWith(before)) window.revised.push([before, now]);
    window.kept.set(line, now);
  } };
  new MutationObserver(look).observe(document.getElementById('transcript'),
    {subtree: true, childList: true, characterData: true});
})()"""


@contextlib.contextmanager
def served(folder: Path, recogniser: Scripted | None = None, **variables: str) -> Iterator[str]:
    """Serve the engine as its program does, with its file of keys beside it; yields its URL."""
    keys = folder / "credentials"
    folder.mkdir(parents=True, exist_ok=True)
    keys.write_text(
        f"[default]\naws_access_key_id = {KEY.access_key}\naws_secret_access_key = {KEY.secret}\n"
        f"account = {KEY.account}\n"
    )
    with serve_captions(folder, recogniser, **variables) as url:
        (folder / STATE).write_text(json.dumps({"url": url, "credentials": str(keys)}))
        yield url


def address(url: str, folder: Path) -> str:
    """The address that opens the page, once."""
    return f"{url}/captions/?token={(folder / TOKEN).read_text()}"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sound") / "speech.wav"
    file.write_bytes(encoded(SILENCE + spoken(TEXT) + SILENCE * 2, "wav"))
    return file


@pytest.fixture(scope="module")
def fake(sound: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A browser whose microphone is the file, once for each time that it is started."""
    file = f"--use-file-for-fake-audio-capture={sound}%noloop"
    with browser(tmp_path_factory.mktemp("profile"), MICROPHONE, file) as found:
        yield found


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("engine")
    with served(folder, Scripted()) as url:
        yield url, folder


@pytest.fixture
def page(fake: str) -> Iterator[Callable[..., Tab]]:
    tabs: list[Tab] = []

    def open_(url: str, *, microphone: str = "granted", **window: Any) -> Tab:
        tab = visit(fake, url, **window)
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
        tab.send(
            "Browser.setPermission", permission={"name": "microphone"}, setting=microphone, origin=origin
        )
        tab.value(WATCH)
        tabs.append(tab)
        return tab

    yield open_
    for tab in tabs:
        tab.close()


def listen(tab: Tab) -> None:
    tab.tap("#microphone")
    tab.until("!!document.querySelector('.live') || !document.getElementById('trouble').hidden")
    assert tab.value("document.getElementById('trouble').textContent") == ""


def finish(tab: Tab) -> None:
    tab.tap("#stop")
    tab.until("document.getElementById('status').textContent === 'Stopped.'")


def shown(tab: Tab) -> str:
    return str(
        tab.value("[...document.querySelectorAll('.heard')].map((line) => line.textContent).join(' ')")
    )


def downloaded(tab: Tab, button: str) -> str:
    """Return what a button of the page lets the browser save."""
    tab.value(
        "window.saved = new Promise((found) => { const make = URL.createObjectURL;"
        " URL.createObjectURL = (blob) => { blob.text().then(found); URL.createObjectURL = make;"
        " return make(blob); }; }); 0"
    )
    tab.tap(button)
    return str(tab.value("window.saved"))


def test_speech_at_the_microphone_becomes_captions(page: Callable[..., Tab], tmp_path: Path) -> None:
    require_models()
    with served(tmp_path / "engine") as url:
        tab = page(address(url, tmp_path / "engine"))
        tab.click("[name=level][value=low]")
        listen(tab)
        tab.until("document.querySelector('.tentative')?.textContent")
        words = "[...document.querySelectorAll('.heard')].map((one) => one.textContent).join(' ').split(' ')"
        tab.until(f"{words}.length >= 10")  # of 14: a busy machine's microphone loses some
        assert tab.until("document.getElementById('latency').textContent").startswith("Words are final ")
        finish(tab)
        text = shown(tab)
        assert word_errors(TEXT, text) <= 0.5
        assert tab.value("window.revised") == [] and tab.value("window.kept.size") > 0
        assert word_errors(text, downloaded(tab, "#txt")) == 0
        subtitles = downloaded(tab, "#vtt")
        assert subtitles.startswith("WEBVTT\n\n1\n")
        heard = tab.value("document.getElementById('spoken').textContent")
        assert word_errors(text, heard) <= 0.3
        assert tab.errors == [] and {
            urlsplit(one).netloc for one in tab.requests if one.startswith("http")
        } == {urlsplit(url).netloc}


@pytest.mark.parametrize("level", ["", "high"])
def test_the_level_decides_what_stays(
    level: str, scripted: tuple[str, Path], page: Callable[..., Tab]
) -> None:
    tab = page(address(*scripted))
    tab.click(f"[name=level][value='{level}']")
    tab.value(
        "window.partial = 0; new MutationObserver(() => {"
        " for (const line of document.querySelectorAll('.heard'))"
        " if (line.querySelector('.tentative').textContent && line.querySelector('.stable').textContent)"
        " window.partial++; }).observe(document.getElementById('transcript'),"
        " {subtree: true, childList: true, characterData: true})"
    )
    listen(tab)
    tab.until("document.querySelectorAll('.heard').length > 3")
    finish(tab)
    assert (tab.value("window.partial") > 0) == (level == "high")
    assert shown(tab).startswith("one two, three four. one two, three four.")
    assert tab.value("window.revised") == []


def test_a_file_is_played_and_the_next_stream_goes_on_after_it(
    scripted: tuple[str, Path], page: Callable[..., Tab], sound: Path
) -> None:
    tab = page(address(*scripted))
    tab.send("Page.setInterceptFileChooserDialog", enabled=True)
    short = sound.with_name("short.flac")
    short.write_bytes(encoded(SILENCE * 2, "flac"))
    for name, text in ((sound.parent / "none.txt", "holds no sound"), (short, "")):
        name.write_bytes(name.read_bytes() if name == short else b"no sound")
        tab.tap("#choose")
        found = tab.send("Runtime.evaluate", expression="document.getElementById('file')")["result"]
        tab.send("DOM.setFileInputFiles", files=[str(name)], objectId=found["objectId"])
        tab.until("document.getElementById('status').textContent === 'Stopped.'")
        assert text in tab.value("document.getElementById('trouble').textContent")
    assert shown(tab).startswith("one two, three four.")
    listen(tab)
    tab.until("document.querySelectorAll('.heard').length > 3")
    finish(tab)
    times = [line for line in downloaded(tab, "#vtt").splitlines() if "-->" in line]
    assert times == sorted(times) and len(set(times)) == len(times)
    tab.tap("#clear")
    assert shown(tab) == "" and tab.value("document.getElementById('vtt').disabled")


def test_a_refused_microphone_is_shown(scripted: tuple[str, Path], page: Callable[..., Tab]) -> None:
    tab = page(address(*scripted), microphone="denied")
    tab.tap("#microphone")
    tab.until("document.getElementById('trouble').textContent.startsWith('The microphone was refused.')")
    assert tab.value("document.getElementById('microphone').disabled") is False


def test_what_the_engine_refuses_is_shown(scripted: tuple[str, Path], page: Callable[..., Tab]) -> None:
    tab = page(address(*scripted))
    tab.value("document.getElementById('language').value = 'de-DE'")
    tab.tap("#microphone")
    tab.until("document.getElementById('trouble').textContent.includes('de-DE is not spoken')")


class Relay:
    """Carries connections on to a server until it is cut."""

    def __init__(self, url: str) -> None:
        target = urlsplit(url)
        self._to = (str(target.hostname), int(target.port or 80))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                ours, _ = self._listener.accept()
                theirs = socket.create_connection(self._to)
                self._open += [ours, theirs]
                for one, other in ((ours, theirs), (theirs, ours)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    @staticmethod
    def _carry(one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        self._listener.close()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


def test_a_lost_connection_is_shown_and_what_was_heard_stays(
    scripted: tuple[str, Path], page: Callable[..., Tab]
) -> None:
    relay = Relay(scripted[0])
    tab = page(address(relay.url, scripted[1]))
    listen(tab)
    tab.until("document.querySelectorAll('.heard').length > 1")
    relay.cut()
    tab.until(
        "document.getElementById('trouble').textContent.startsWith('The connection to the engine was lost.')"
    )
    assert shown(tab).startswith("one two, three four.")
    assert downloaded(tab, "#txt").startswith("one two, three four.\n")


def test_an_engine_that_ends_is_shown(page: Callable[..., Tab], tmp_path: Path) -> None:
    with served(tmp_path / "engine", Scripted()) as url:
        tab = page(address(url, tmp_path / "engine"))
        listen(tab)
        tab.until("document.querySelectorAll('.heard').length > 1")
    tab.until("document.getElementById('trouble').textContent.startsWith('The engine is ending.')")
    assert shown(tab).startswith("one two, three four.")


TEXTS = (
    "document.querySelectorAll('h1, p, b, span, legend, label, button:not(:disabled), select:not(:disabled)')"
)


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_can_be_read_and_used_without_mouse_and_sight(
    dark: bool, scripted: tuple[str, Path], page: Callable[..., Tab]
) -> None:
    tab = page(address(*scripted), dark=dark, width=390 if dark else 1280)
    assert tab.value("document.documentElement.scrollWidth <= innerWidth")
    order = []
    for _ in range(9):
        for kind in ("rawKeyDown", "keyUp"):
            tab.send("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        order.append(tab.value("((at) => at.id || at.className || at.value)(document.activeElement)"))
    assert order == [
        "skip",
        "brand",
        "language",
        "medium",
        "microphone",
        "choose",
        "transcript",
        "size",
        "contrast",
    ]
    names = tab.send("Accessibility.getFullAXTree")["nodes"]
    roles = ("button", "radio", "combobox", "checkbox", "region", "log", "link")
    controls = [
        (node["role"]["value"], node.get("name", {}).get("value")) for node in names if not node["ignored"]
    ]
    unnamed = [control for control in controls if control[0] in roles and not control[1]]
    assert unnamed == [] and ("radio", "Medium") in controls and ("combobox", "Language") in controls
    listen(tab)
    tab.until("document.querySelectorAll('.heard').length > 2")
    assert tab.value("document.activeElement.id") == "stop"
    live = tab.value("[...document.querySelectorAll('[aria-live]')].map((one) => [one.id, one.ariaLive])")
    assert live == [["spoken", "polite"]]
    for kind in ("rawKeyDown", "char", "keyUp"):
        tab.send(
            "Input.dispatchKeyEvent",
            type=kind,
            key="Enter",
            code="Enter",
            windowsVirtualKeyCode=13,
            text="\r",
        )
    tab.until("document.getElementById('status').textContent === 'Stopped.'")
    heard = tab.value("[...document.querySelectorAll('#spoken p')].map((one) => one.textContent).join(' ')")
    assert heard and heard in shown(tab).replace("  ", " ")
    # Apart without colour, in every view.
    look = (
        "(() => {{ const found = getComputedStyle(document.querySelector('#hint {0}'));"
        " return [found.fontWeight, found.textDecorationLine]; }})()"
    )
    assert tab.value(look.format(".stable")) == ["650", "none"]
    assert tab.value(look.format(".tentative")) == ["400", "underline"]
    assert tab.contrast(TEXTS)[0] >= 4.5, tab.contrast(TEXTS)
    tab.click("#contrast")
    assert tab.contrast(TEXTS)[0] >= 7, tab.contrast(TEXTS)
    tab.value(
        "(() => { const size = document.getElementById('size'); size.value = '3.6rem';"
        " size.dispatchEvent(new Event('change')); })()"
    )
    assert tab.value("parseFloat(getComputedStyle(document.querySelector('.heard')).fontSize)") > 50
    assert tab.value("document.documentElement.scrollWidth <= innerWidth")
    assert tab.errors == []
