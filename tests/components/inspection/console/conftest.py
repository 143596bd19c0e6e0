"""An engine with two trained versions and, where a test needs it, its page in a browser."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import shutil
import sqlite3
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from brume.aws.engine import catalog
from brume.aws.engine.page_token import TOKEN
from tests.aws.serving import KEY, OTHER, client_of
from tests.components.conftest import Page
from tests.components.inspection.parts import Running, dataset_ready, running, source
from tests.polling import until

PROJECT = "plates"


@dataclass(frozen=True)
class Served:
    """A running engine, and clients of both its services."""

    url: str
    vision: Any
    console: Any
    stranger: Any  # a client of the console's service in another account
    root: Path
    data: Path

    def address(self) -> str:
        """The address that opens the page, once."""
        return f"{self.url}/console/?token={(self.data / TOKEN).read_text()}"

    def query(self, statement: str, *values: Any) -> list[Any]:
        """Read or change the engine's database behind its back."""
        with sqlite3.connect(self.data / "state.db", timeout=30) as database:
            return list(database.execute(statement, values))


def plant_model(trained: Running, served: Served, version: int, threshold: float | None = None) -> None:
    """Give the engine the model that another one trained: what a training of its own would leave behind."""
    (project,) = served.query("select id from projects where name = ?", PROJECT)[0]
    data = trained.settings.data
    with sqlite3.connect(data / "state.db", timeout=30) as database:
        database.row_factory = sqlite3.Row
        row = dict(database.execute("select * from models where version = 1").fetchone())
    folder = data / "models" / row["project"] / "1"
    shutil.copytree(folder, served.data / "models" / project / str(version))
    row |= {"project": project, "version": version, "status": "TRAINED", "url": "", "threshold": threshold}
    marks = ", ".join("?" * len(row))
    served.query(f"insert into models ({', '.join(row)}) values ({marks})", *row.values())
    served.query("update projects set versions = ? where id = ?", version, project)


@pytest.fixture(scope="session")
def served(trained: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Project `plates` with a training dataset of 24 pictures and two versions of one model.

    Version 1 decides as it was trained to; version 2 calls everything anomalous.
    """
    root = tmp_path_factory.mktemp("console")
    shutil.copytree(trained.root / "pictures", root / "pictures")
    with running(root) as found, contextlib.ExitStack() as stack:
        console = client_of(found.url, "brumeinspection")
        stranger = client_of(found.url, "brumeinspection", key=OTHER)
        data = found.settings.data
        # What the program that runs an engine writes beside it: the page takes its account from there, and
        # commands find the engine by it.
        keys = data / "credentials"
        keys.write_text(
            f"[default]\naws_access_key_id = {KEY.access_key}\naws_secret_access_key = {KEY.secret}\n"
            f"account = {KEY.account}\n"
        )
        state = {"name": "inspection", "url": found.url, "pid": 1, "services": [], "credentials": str(keys)}
        (data / catalog.STATE).write_text(json.dumps(state))
        fcntl.flock(stack.enter_context((data / catalog.LOCK).open("a")), fcntl.LOCK_EX)
        made = Served(found.url, found.client, console, stranger, root, data)
        found.client.create_project(ProjectName=PROJECT)
        found.client.create_dataset(
            ProjectName=PROJECT, DatasetType="train", DatasetSource=source("train.manifest")
        )
        dataset_ready(found.client, PROJECT)
        plant_model(trained, made, 1)
        plant_model(trained, made, 2, threshold=0.0)
        yield made


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

    def click(self, selector: str) -> None:
        """Click what a selector finds first."""
        self.until(f"!!document.querySelector({json.dumps(selector)})")
        self.value(f"document.querySelector({json.dumps(selector)}).click()")


@pytest.fixture
def browse(_browser: str) -> Iterator[Callable[..., Tab]]:
    """Open an address in a window of `width` CSS pixels, light or dark."""
    tabs: list[Tab] = []

    def open_(url: str, *, width: int = 1280, height: int = 900, dark: bool = False) -> Tab:
        request = urllib.request.Request(f"{_browser}/json/new?about:blank", method="PUT")
        with urllib.request.urlopen(request) as answer:
            tab = Tab(json.load(answer)["webSocketDebuggerUrl"])
        tabs.append(tab)
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

    yield open_
    for tab in tabs:
        tab.close()
