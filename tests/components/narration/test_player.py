"""The player in a real browser: what is highlighted is heard; it works without a mouse."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.components.conftest import Tab, browser, visit
from tests.components.narration.sites import Made, files_at

pytestmark = [pytest.mark.browser, pytest.mark.slow]
# The player of the page, and what it shows.
TOOLS = """
window.player = () => document.querySelector('brume-player');
window.inside = (selector) => player().shadowRoot.querySelector(selector);
window.all = (selector) => [...player().shadowRoot.querySelectorAll(selector)];
window.shown = (kind) => all(`.${kind}.now`).map((one) => one.textContent);
window.at = (seconds) => new Promise((done) => {
  const { audio } = player();
  const look = () => done([shown('word'), shown('sentence'), audio.currentTime]);
  audio.addEventListener('seeked', () => requestAnimationFrame(look), { once: true });
  player().seek(seconds);
});
"""


@pytest.fixture(scope="module")
def url(narration_site: Made) -> Iterator[str]:
    with files_at(narration_site.site) as address:
        yield address


@pytest.fixture(scope="module")
def playing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A browser in which a script may start sound, as a visitor's click does."""
    flag = "--autoplay-policy=no-user-gesture-required"
    with browser(tmp_path_factory.mktemp("profile"), flag) as address:
        yield address


@pytest.fixture
def browse(playing: str) -> Iterator[Callable[..., Tab]]:
    tabs: list[Tab] = []

    def open_(url: str, **window: Any) -> Tab:
        tab = visit(playing, url, **window)
        tabs.append(tab)
        return tab

    yield open_
    for tab in tabs:
        tab.send("Page.navigate", url="about:blank")  # a tab that plays on would slow the next test
        tab.close()


@pytest.fixture
def player(url: str, browse: Callable[..., Tab]) -> Callable[..., Tab]:
    """Open the page of an article; returns the tab once the player is there."""

    def open_(name: str = "walk", **window: Any) -> Tab:
        tab = browse(f"{url}/articles/{name}/index.html", **window)
        tab.value(TOOLS)
        tab.value("localStorage.clear()")
        tab.until("!!player()?.shadowRoot?.querySelector('.text') && player().audio.readyState >= 1")
        return tab

    return open_


def marks(made: Made, name: str) -> list[dict[str, Any]]:
    about = json.loads((made.site / "articles" / name / "article.json").read_text())
    found: dict[str, Any] = json.loads((made.site / "articles" / name / about["marks"]).read_text())
    return list(found["blocks"])


def expected(blocks: list[dict[str, Any]], seconds: float) -> tuple[list[str], list[str]]:
    """The word and the sentence of the marks at a moment."""

    def text(block: dict[str, Any], mark: list[float]) -> str:
        units = block["text"].encode("utf-16-le")
        return str(units[2 * int(mark[0]) : 2 * int(mark[1])].decode("utf-16-le"))

    words = [text(b, m) for b in blocks for m in b["words"] if m[2] <= seconds < m[3]]
    sentences = [text(b, m) for b in blocks for m in b["sentences"] if m[2] <= seconds]
    return words, sentences[-1:]


def test_the_highlighted_word_is_the_one_of_the_marks(
    narration_site: Made, player: Callable[..., Tab]
) -> None:
    tab = player()
    blocks = marks(narration_site, "walk")
    length = tab.value("player().about.seconds")
    chance = random.Random(7)
    for _ in range(10):
        words, sentences, seconds = tab.value(f"at({chance.uniform(0.3, length)})")
        assert (words, sentences) == expected(blocks, seconds)
    # A word that is known, and a pause, in which none is shown.
    first = blocks[1]["words"][4]
    assert tab.value(f"at({(first[2] + first[3]) / 2})")[0] == ["nine"]
    assert tab.value(f"at({blocks[1]['words'][-1][3] + 0.1})")[0] == []


def test_highlighting_follows_while_it_plays(narration_site: Made, player: Callable[..., Tab]) -> None:
    tab = player()
    tab.value(
        "window.seen = []; (function look() { const [word] = shown('word');"
        " if (word && seen.at(-1) !== word) seen.push(word); requestAnimationFrame(look); })(); 0"
    )
    tab.value("player().setSpeed(2); player().play()")
    tab.until("seen.length >= 8")
    tab.value("player().audio.pause()")
    words = [
        block["text"].encode("utf-16-le")[2 * m[0] : 2 * m[1]].decode("utf-16-le")
        for block in marks(narration_site, "walk")
        for m in block["words"]
    ]
    seen = tab.value("seen")
    # A busy machine may skip a frame, never show a word out of its order.
    places = iter(words)
    assert all(word in places for word in seen)
    assert tab.value("player().audio.playbackRate") == 2 and tab.value("player().audio.preservesPitch")


def test_a_click_on_a_sentence_plays_from_there(narration_site: Made, player: Callable[..., Tab]) -> None:
    tab = player()
    sentence = marks(narration_site, "walk")[3]["sentences"][-1]
    tab.value("inside('.bar').scrollIntoView()")
    tab.value("all('.paragraph')[1].querySelector('.sentence:last-of-type').click()")
    tab.until("!player().audio.paused")
    tab.until(f"player().audio.currentTime >= {sentence[2]}")
    assert tab.value("player().audio.currentTime") < sentence[3] + 5
    tab.value("player().audio.pause()")


def press(tab: Tab, key: str) -> None:
    code = {" ": 32, "ArrowLeft": 37, "ArrowRight": 39}.get(key, 0)
    for kind in ("rawKeyDown", "keyUp"):
        tab.send("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code)


def test_the_keyboard_does_all_that_the_buttons_do(player: Callable[..., Tab]) -> None:
    tab = player()
    tab.value("inside('.play').focus()")
    press(tab, "k")
    tab.until("!player().audio.paused")
    tab.until("inside('.play').textContent === 'Pause'")
    press(tab, "k")
    tab.until("player().audio.paused")
    tab.value("at(0)")
    press(tab, "l")
    tab.until("player().audio.currentTime >= Math.min(15, player().about.seconds) - .01")
    press(tab, "ArrowLeft")
    tab.until("player().audio.currentTime < 1")
    for key, speed in ((">", 1.25), (">", 1.5), ("<", 1.25)):
        press(tab, key)
        assert tab.value("player().audio.playbackRate") == speed
    assert tab.value("inside('select').value") == "1.25"


def test_it_remembers_its_place_and_speed(player: Callable[..., Tab], url: str) -> None:
    tab = player()
    tab.value("at(5)")
    tab.value("player().setSpeed(1.5); player().remember()")
    tab.send("Page.navigate", url=f"{url}/index.html")
    tab.until("document.readyState === 'complete' && location.pathname === '/index.html'")
    tab.send("Page.navigate", url=f"{url}/articles/walk/index.html")
    tab.until("location.pathname.includes('walk') && document.querySelector('brume-player')?.about")
    tab.value(TOOLS)
    tab.until("player().audio.readyState >= 1 && Math.abs(player().audio.currentTime - 5) < .1")
    assert tab.value("player().audio.playbackRate") == 1.5


def test_the_sleep_timer_stops_the_sound(player: Callable[..., Tab]) -> None:
    tab = player()
    tab.value("player().setSpeed(2); player().setSleep('chapter'); player().play()")
    second = tab.value("player().about.chapters[1].startTime")
    tab.until("player().audio.paused && player().audio.currentTime > 0.5")
    assert second <= tab.value("player().audio.currentTime") < second + 3
    assert "sleep timer" in tab.value("inside('.status').textContent")


def test_a_headset_and_a_locked_screen_control_it(player: Callable[..., Tab]) -> None:
    tab = player()
    tab.value(
        "window.acts = {}; navigator.mediaSession.setActionHandler = (name, act) => { acts[name] = act; };"
        " player().play()"
    )
    tab.until("Object.keys(acts).length >= 7")
    assert tab.value("navigator.mediaSession.metadata.title") == "A walk & a talk"
    tab.value("acts.pause()")
    tab.until("player().audio.paused")
    tab.value("acts.seekto({seekTime: 3})")
    assert tab.value("player().audio.currentTime") == 3
    tab.value("acts.nexttrack()")
    second = tab.value("player().about.chapters[1].startTime")
    assert tab.value("player().audio.currentTime") == pytest.approx(second)


def test_screen_readers_have_names_in_the_articles_language(
    player: Callable[..., Tab],
) -> None:
    tab = player("carta")
    nodes = tab.send("Accessibility.getFullAXTree")["nodes"]
    roles = ("button", "slider", "combobox", "region", "link", "DisclosureTriangle")
    controls = [
        (node["role"]["value"], node.get("name", {}).get("value")) for node in nodes if not node["ignored"]
    ]
    assert [control for control in controls if control[0] in roles and not control[1]] == []
    assert ("button", "Reproducir") in controls and ("slider", "Posición") in controls
    assert ("region", "Reproductor de audio: El año que viene") in controls
    tab.value("at(1.5)")
    assert tab.value("inside('.position').getAttribute('aria-valuetext')") == "1 s"
    assert tab.value("inside('.text').lang") == "es-ES"


TEXTS = "player().shadowRoot.querySelectorAll('button, select, span, p, summary, label')"


@pytest.mark.parametrize("dark", [False, True])
def test_it_can_be_read_in_light_and_dark_on_a_phone(dark: bool, player: Callable[..., Tab]) -> None:
    tab = player(dark=dark, width=390)
    tab.value("at(3)")
    assert tab.contrast(TEXTS)[0] >= 4.5, tab.contrast(TEXTS)
    assert tab.value("document.documentElement.scrollWidth") == 390  # a phone widens `innerWidth`
    light = tab.value("parseInt(getComputedStyle(player()).backgroundColor.match(/\\d+/)[0]) > 128")
    assert light is not dark


@pytest.mark.parametrize("page", ["index.html", "articles/{name}/index.html"])
def test_a_title_without_spaces_fits_on_a_phone(
    page: str, browse: Callable[..., Tab], narration_site: Made, tmp_path: Path
) -> None:
    title = "Donaudampfschifffahrtsgesellschaftskapitänswitwenrente" * 2
    shutil.copytree(narration_site.site, tmp_path / "site")
    for path in (tmp_path / "site").rglob("*"):
        if path.suffix in (".json", ".html"):
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace("El año que viene", title), encoding="utf-8")
    with files_at(tmp_path / "site") as other:
        tab = browse(f"{other}/{page.format(name='carta')}", width=390)
        tab.until(
            "!!document.querySelector('brume-playlist, brume-player').shadowRoot.querySelector('.play')"
        )
        assert tab.value("document.documentElement.scrollWidth") == 390  # a phone widens `innerWidth`


def test_no_other_address_is_asked_and_nothing_fails(player: Callable[..., Tab], url: str) -> None:
    tab = player()
    tab.value("player().play()")
    tab.until("player().audio.currentTime > 0.3")
    tab.value("player().audio.pause()")
    assert tab.errors == [] and tab.failures == []
    assert {urlsplit(one).netloc for one in tab.requests if one.startswith("http")} == {urlsplit(url).netloc}


def test_a_page_of_another_site_embeds_the_player(
    url: str, browse: Callable[..., Tab], tmp_path: Path
) -> None:
    (tmp_path / "index.html").write_text(
        f'<!doctype html><html lang="en"><body><h1>Blog</h1><script src="{url}/player.js" defer></script>'
        f'<brume-player src="{url}/articles/walk/article.json">No player</brume-player>'
        f'<brume-player src="{url}/articles/none/article.json">No player</brume-player></body></html>'
    )
    with files_at(tmp_path) as other:
        tab = browse(f"{other}/index.html")
        tab.value(TOOLS)
        tab.until("player().audio?.readyState >= 1")
        tab.value("player().play()")
        tab.until("player().audio.currentTime > 0.2")
        tab.value("player().audio.pause()")
        missing = "document.querySelectorAll('brume-player')[1].shadowRoot"
        tab.until(f"{missing}.querySelector('.status.shown')?.textContent")
        assert tab.value(f"{missing}.textContent").startswith("The sound cannot be loaded.")


LIST = """
window.root = document.querySelector('brume-playlist').shadowRoot;
window.titles = () => [...root.querySelectorAll('.list a')].map((one) => one.textContent);
window.heard = () => root.querySelector('brume-player');
window.choose = (value) => {
  const one = root.querySelector('.filters select');
  one.value = value;
  one.dispatchEvent(new Event('change'));
};
"""


def test_the_playlist_by_section_and_listen_later(url: str, browse: Callable[..., Tab]) -> None:
    tab = browse(f"{url}/index.html")
    tab.value("localStorage.clear()")
    tab.value(LIST)
    tab.until("titles().length === 2")
    assert tab.value("titles()") == ["El año que viene", "A walk & a talk"]
    tab.value("choose('=Walks')")
    assert tab.value("titles()") == ["A walk & a talk"]
    tab.value("root.querySelector('.list li button:last-child').click()")
    tab.value("choose('*')")
    assert tab.value("titles()") == ["A walk & a talk"]
    tab.value("root.querySelector('.list .play').click()")
    tab.until("heard().audio.currentTime > 0.2")
    tab.value("root.querySelector('.list li button:last-child').click()")
    assert tab.value("titles()") == []
    # The next one follows the one that has ended.
    tab.value("choose('')")
    tab.value("root.querySelector('.list .play').click()")
    tab.until("heard().audio.currentTime > 0.1 && heard().about.title.startsWith('El')")
    tab.value("heard().seek(1e6)")
    tab.until("heard().about.title === 'A walk & a talk' && !heard().audio.paused")
