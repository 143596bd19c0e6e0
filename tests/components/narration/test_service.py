"""The audio CMS as a process: each event once, whatever is killed or down meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import feedparser
import pytest

from brume.narration.model.site.about import Site
from brume.narration.pipeline.service.queue import Queue
from brume.narration.pipeline.service.webhook import Event, secret_of, sign
from brume.narration.pipeline.service.worker import Plan, Workers
from tests.components.narration.polly import State, environment
from tests.polling import until

PROGRAM = [sys.executable, "-m", "brume.pipelines.cli", "narration", "serve"]


@contextlib.contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """End a process with the block."""
    with process:
        yield process
        process.terminate()


class Service:
    """A running service and its site."""

    def __init__(self, folder: Path, state: State) -> None:
        self._folder, self._state = folder, state
        self.data, self.site = folder / "data", folder / "site"
        self.url = ""
        self.process: subprocess.Popen[str] | None = None

    def start(self, *words: str) -> None:
        given = ["--data", str(self.data), "--publish", str(self.site), "--port", "0", "--formats", "mp3"]
        with (self._folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [*PROGRAM, *given, "--address", "https://example.org/audio", *words],
                env={**os.environ, **environment(self._state)},
                stderr=subprocess.PIPE,
                stdout=log,
                text=True,
            )
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        assert line.startswith("http://"), line + self.process.stderr.read()
        self.url = line.strip()

    def kill(self) -> None:
        assert self.process is not None
        with self.process:
            self.process.kill()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            with self.process:
                self.process.send_signal(signal.SIGTERM)

    def send(self, identity: str, version: int, kind: str = "published", **article: Any) -> str:
        event = {"type": f"article.{kind}", "id": identity, "version": version, "article": article}
        data = json.dumps(event).encode()
        now = int(time.time())
        signature = sign(secret_of(self.data / "webhook.secret"), "msg", now, data)
        headers = {"webhook-id": "msg", "webhook-timestamp": str(now), "webhook-signature": signature}
        request = urllib.request.Request(f"{self.url}/events", data, headers, method="POST")
        with urllib.request.urlopen(request) as answer:
            return str(json.load(answer)["result"])

    def status(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/status.json") as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def settle(self, done: int, failed: int = 0) -> None:
        """Wait until so many articles are done, and none waits."""
        expected = {"waiting": 0, "working": 0, "done": done, "failed": failed}
        until(lambda: self.status()["counts"] == expected, lambda: self.status(), seconds=600)

    def published(self) -> dict[str, dict[str, Any]]:
        places = self.site.glob("articles/*/article.json")
        return {path.parent.name: json.loads(path.read_text()) for path in places}

    def episodes(self) -> list[str]:
        found = feedparser.parse((self.site / "feed.xml").read_bytes()).entries
        return [entry.title for entry in found]

    def text(self, name: str) -> str:
        one = self.published()[name]
        return (self.site / "articles" / name / one["version"] / "transcript.txt").read_text()


@pytest.fixture
def service(polly: State, tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path, polly)
    yield made
    made.stop()


@pytest.mark.slow
def test_published_changed_and_retracted(service: Service, polly: State) -> None:
    service.start("--intro", "You hear {title}.")
    assert service.send("a", 1, title="First & best", text="One.\n\nTwo.") == "accepted"
    service.settle(1)
    assert service.text("a") == "You hear First & best.\nFirst & best\nOne.\nTwo.\n"
    assert service.send("a", 1, title="First & best", text="One.\n\nTwo.") == "known"
    html = "<p>One.</p><p>Three.</p>"
    assert service.send("a", 2, "changed", title="First & best", html=html) == "accepted"
    heard = len(polly.spoken)
    service.settle(1)
    assert service.text("a").endswith("One.\nThree.\n") and service.episodes() == ["First & best"]
    assert polly.spoken[heard - 1 :].count("Three.") == 1 and polly.spoken.count("One.") == 1
    service.send("a", 3, "retracted")
    service.settle(1)
    assert service.published() == {} and service.episodes() == []
    assert not (service.site / "articles" / "a").exists()
    assert service.send("a", 2, "changed", title="Late", text="Late.") == "superseded"
    page = urllib.request.urlopen(service.url).read().decode()
    assert "article.retracted" in page and "One." not in page
    log = (service.data.parent / "log").read_text()
    assert "First" not in log and "One" not in log and "whsec" not in log


@pytest.mark.slow
def test_an_article_that_cannot_be_read_is_failed_with_its_reason(service: Service, polly: State) -> None:
    polly.refuse = "unspeakable"
    service.start()
    service.send("a", 1, title="T", html="<pre>code alone</pre>")
    service.send("b", 1, title="T", text="This is unspeakable.")
    service.send("c", 1, title="T", text="Fine.", language="de")
    service.send("d", 1, title="T", html="<div>" * 3000 + "deep")
    service.settle(0, failed=4)
    messages = {row["id"]: row["message"] for row in service.status()["articles"]}
    assert messages["a"].startswith("it has no text to read aloud")
    assert "InvalidSsmlException: unspeakable cannot be spoken" in messages["b"]
    assert messages["c"].startswith("the service has no voice for the language de")
    assert "nested too deep" in messages["d"]
    service.send("a", 2, "changed", title="T", text="Now it has.")
    service.settle(1, failed=3)


def test_what_cannot_be_reached_is_named_and_tried_again(
    polly: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Reading the code is most of what a small article takes.
    monkeypatch.setattr("brume.narration.pipeline.service.worker.function_digest", lambda *_: "")
    (tmp_path / "file").touch()
    site = Site("Site", "https://example.org/audio")
    publish, cache = str(tmp_path / "file" / "site"), str(tmp_path / "cache")
    plan = Plan(publish, cache, site, ("mp3",), {}, "", "en-US", 100, "", "", None, 1)
    queue = Queue(tmp_path)
    workers = Workers(queue, plan, tmp_path / "assembling", 1)
    queue.put(Event("article.published", "a", 1, {"title": "T", "text": "Text."}), time.time())
    workers.start()
    row = until(lambda: (one := queue.rows(1)[0])["message"] and one)
    workers.stop(60)
    queue.close()
    assert row["message"].startswith("Not a directory: it is tried again") and row["state"] == "waiting"


def articles(count: int) -> dict[str, str]:
    return {f"article-{number}": f"This is the text of number {number}." for number in range(count)}


def once_each(service: Service, polly: State, texts: dict[str, str]) -> None:
    """Every article is at the site once, with its own text, and was spoken once."""
    assert set(service.published()) == set(texts)
    for name, text in texts.items():
        assert service.text(name) == f"{name}\n{text}\n"
        versions = [path for path in (service.site / "articles" / name).iterdir() if path.is_dir()]
        assert len(versions) == 1
    assert sorted(service.episodes()) == sorted(texts)
    assert sorted(polly.spoken) == sorted([*texts, *texts.values()])


@pytest.mark.long
@pytest.mark.parametrize("moment", ["at once", "while it is spoken", "while it is published"])
def test_a_kill_is_survived(service: Service, polly: State, moment: str) -> None:
    service.start("--workers", "1")
    texts = articles(4)
    if moment != "while it is published":
        polly.held.clear()
    for name, text in texts.items():
        service.send(name, 1, title=name, text=text)
    wait: dict[str, Callable[[], object]] = {
        "at once": lambda: True,
        "while it is spoken": lambda: service.status()["counts"]["working"] == 1,
        "while it is published": lambda: len(service.published()) >= 1,
    }
    until(wait[moment], moment)
    service.kill()
    polly.held.set()
    service.start("--workers", "1")
    service.settle(4)
    assert set(service.published()) == set(texts) and sorted(service.episodes()) == sorted(texts)
    assert all(service.text(name) == f"{name}\n{text}\n" for name, text in texts.items())


@pytest.mark.long
def test_two_hundred_articles_at_once_with_a_flapping_engine(service: Service, polly: State) -> None:
    service.start("--workers", "4")
    texts = articles(200)
    polly.failing = 60
    for number, (name, text) in enumerate(texts.items()):
        assert service.send(name, 1, title=name, text=text) == "accepted"
        if number % 40 == 39:
            polly.failing += 20
        if number == 100:
            service.kill()
            service.start("--workers", "4")
    for name, text in texts.items():
        assert service.send(name, 1, title=name, text=text) == "known"
    service.settle(200)
    spoken = set(polly.spoken)
    assert spoken == {*texts, *texts.values()}
    assert set(service.published()) == set(texts) and sorted(service.episodes()) == sorted(texts)
    assert all(service.text(name) == f"{name}\n{text}\n" for name, text in texts.items())


@pytest.mark.long
def test_the_engine_may_be_down_for_a_while(service: Service, polly: State) -> None:
    polly.failing = 12  # more than a client's own attempts
    service.start()
    texts = articles(3)
    for name, text in texts.items():
        service.send(name, 1, title=name, text=text)
    service.settle(3)
    once_each(service, polly, texts)


def test_one_service_works_on_a_folder(tmp_path: Path) -> None:
    import fcntl

    (tmp_path / "data").mkdir()
    with (tmp_path / "data" / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        words = ["--data", str(tmp_path / "data"), "--publish", str(tmp_path / "site")]
        done = subprocess.run([*PROGRAM, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "a service runs on" in done.stderr


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--formats", "wav"], "formats=wav must be mp3"),
        (["--language", "english"], "language=english must be a code with a country"),
        (["--address", "example.org"], "address=example.org must be the site's URL"),
        (["--intro", "{name}"], "{name} in '{name}' is none of {title}"),
        (["--speed", "10"], "speed=10 must be from 50 to 200"),
        (["--publish", ""], "publish= is empty"),
        (["--publish", "ftp://host/site"], "publish=ftp://host/site must be a folder, or s3://"),
        (["--publish", "s3://"], "publish=s3:// names no bucket"),
        (["--cache", "https://host/x"], "cache=https://host/x must be a folder, or s3://"),
        (["--cover", "no-such.jpg"], "cover=no-such.jpg is not there"),
        (["--cover", __file__], f"cover={__file__}: it is no picture of a known format"),
        (["--secret", __file__], f"{__file__}: the secret of the webhook must be"),
        (["--database", "nothing"], "the database nothing cannot be opened"),
    ],
    ids=lambda value: " ".join(value)[:20] if isinstance(value, list) else "",
)
def test_wrong_options_are_named(tmp_path: Path, words: list[str], reason: str) -> None:
    from click.testing import CliRunner

    from brume.narration.pipeline.command import narration

    given = ["serve", "--data", str(tmp_path / "data"), "--publish", str(tmp_path / "site"), *words]
    done = CliRunner().invoke(narration, given)
    assert done.exit_code == 1 and reason in done.output


def test_a_site_is_shown_with_answers_for_parts_of_files(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "audio.mp3").write_bytes(bytes(range(100)))
    words = [sys.executable, "-m", "brume.pipelines.cli", "narration", "show", str(tmp_path), "--port", "0"]
    with ended(subprocess.Popen(words, stderr=subprocess.PIPE, text=True)) as process:
        assert process.stderr is not None
        url = process.stderr.readline().strip()
        request = urllib.request.Request(f"{url}/audio.mp3", headers={"Range": "bytes=10-19"})
        with urllib.request.urlopen(request) as answer:
            assert (answer.status, answer.read()) == (206, bytes(range(10, 20)))
