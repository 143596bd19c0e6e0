"""The webhook and the queue: signed requests alone, each article once, the newest version."""

from __future__ import annotations

import base64
import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.narration.model.articles.documents import checked, read_fields
from brume.narration.pipeline.service.application import MOST_BYTES, application
from brume.narration.pipeline.service.queue import KNOWN, NEW, SUPERSEDED, Queue
from brume.narration.pipeline.service.webhook import (
    Event,
    EventError,
    decoded,
    event_of,
    secret_of,
    sign,
    verify,
)
from tests.components.narration.sites import serving

SECRET = b"s" * 32


def body(**given: Any) -> bytes:
    event = {"type": "article.published", "id": "a", "version": 1, "article": {"title": "T", "text": "Text."}}
    return json.dumps(event | given).encode()


def headers(data: bytes) -> dict[str, str]:
    now = int(time.time())
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(now),
        "webhook-signature": sign(SECRET, "msg_1", now, data),
    }


@dataclass
class Answer:
    """The answer of a service."""

    status: int
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


class Client:
    """Asks a service over HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, password: str = "") -> Answer:
        given = {"Authorization": "Basic " + base64.b64encode(f"x:{password}".encode()).decode()}
        return self._ask(urllib.request.Request(self.url + path, headers=given if password else {}))

    def post(self, data: bytes, given: dict[str, str] | None = None) -> Answer:
        signed = headers(data) if given is None else given
        return self._ask(urllib.request.Request(f"{self.url}/events", data, signed, method="POST"))

    @staticmethod
    def _ask(request: urllib.request.Request) -> Answer:
        try:
            with urllib.request.urlopen(request) as answer:
                return Answer(answer.status, answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read().decode())


def test_a_known_signature() -> None:
    """The example of the specification's own libraries."""
    secret = decoded("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    data = b'{"test": 2432232314}'
    made = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, data)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_event_of_the_documentation_is_an_article_that_is_read() -> None:
    text = (Path(__file__).parents[3] / "docs" / "narration.md").read_text(encoding="utf-8")
    event = event_of(text[text.index('    {"type": "article.published"') :].partition("\n\n")[0].encode())
    article = read_fields(event.article, event.name)
    assert checked(article).title == "A walk" and article.date == "2024-05-01"


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    made = Queue(tmp_path)
    yield made
    made.close()


@pytest.fixture
def client(queue: Queue) -> Iterator[Client]:
    with serving(application(queue, SECRET, open_status=True)) as url:
        yield Client(url)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"webhook-signature": "v1,AAAA"}, "webhook-signature does not fit"),
        ({"webhook-signature": ""}, "are missing"),
        ({"webhook-id": "other"}, "webhook-signature does not fit"),
        ({"webhook-timestamp": "1614265330"}, "webhook-timestamp is not within 300 s"),
        ({"webhook-timestamp": "now"}, "webhook-timestamp is not within 300 s"),
        ({"webhook-timestamp": "9" * 400}, "webhook-timestamp is not within 300 s"),
        ({"webhook-timestamp": "9" * 5000}, "webhook-timestamp is not within 300 s"),
        ({"webhook-timestamp": "-5"}, "webhook-timestamp is not within 300 s"),
    ],
)
def test_who_has_no_secret_is_refused(
    client: Client, queue: Queue, change: dict[str, str], reason: str
) -> None:
    data = body()
    answer = client.post(data, headers(data) | change)
    assert answer.status == 401 and reason in answer.json()["error"]
    assert client.post(body(id="b"), headers(data)).status == 401
    assert queue.counts()["waiting"] == 0


def test_a_secret_may_be_changed_while_both_are_valid() -> None:
    data = body()
    both = headers(data)
    both["webhook-signature"] = f"v1,AAAA {both['webhook-signature']}"
    verify(SECRET, both, data, time.time())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"type": "article.deleted"}, "type must be one of article.published, article.changed"),
        ({"id": ""}, "id must be a text"),
        ({"id": 5}, "id must be a text"),
        ({"id": "\ud800"}, "id must be a text"),
        ({"id": "a\0b"}, "id must be a text"),
        ({"version": "1"}, "version must be a number"),
        ({"version": True}, "version must be a number"),
        ({"article": {}}, "article must be an object"),
        ({"article": "text"}, "article must be an object"),
    ],
)
def test_what_is_no_event_is_named(client: Client, change: dict[str, Any], reason: str) -> None:
    data = body(**change)
    answer = client.post(data)
    assert answer.status == 400 and reason in answer.json()["error"]


def test_bodies_have_a_limit(client: Client) -> None:
    data = b" " * (MOST_BYTES + 1)
    assert client.post(data).status == 413


def test_a_request_without_a_signature_is_refused_before_its_body_is_read(client: Client) -> None:
    url = urlsplit(client.url)
    with socket.create_connection((url.hostname, url.port), timeout=60) as connection:
        connection.sendall(b"POST /events HTTP/1.1\r\nHost: here\r\nContent-Length: 7000000\r\n\r\n{")
        assert connection.recv(100).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    ("limit", "value", "status"), [("BODY_SECONDS", 0.05, 408), ("MOST_HELD", 1000, 503)]
)
def test_bodies_are_bounded_in_time_and_together(
    client: Client, monkeypatch: pytest.MonkeyPatch, limit: str, value: float, status: int
) -> None:
    from brume.narration.pipeline.service import application as module

    monkeypatch.setattr(module, limit, value)
    url = urlsplit(client.url)
    named = "".join(f"{name}: {one}\r\n" for name, one in headers(b"").items())
    with socket.create_connection((url.hostname, url.port), timeout=60) as connection:
        connection.sendall(
            f"POST /events HTTP/1.1\r\nHost: here\r\nContent-Length: 5000\r\n{named}\r\n".encode()
        )
        connection.sendall(b" " * 2000)
        assert connection.recv(100).startswith(f"HTTP/1.1 {status} ".encode())


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"version": ' + b"9" * 5000 + b"}"], ids=["deep", "long"])
def test_a_body_that_no_parser_takes_is_named(client: Client, data: bytes) -> None:
    answer = client.post(data)
    assert answer.status == 400 and answer.json()["error"].startswith("the body is")


@given(st.binary(max_size=200) | st.recursive(st.none() | st.text(), st.lists).map(encoded))
def test_any_body_is_an_event_or_named(data: bytes) -> None:
    with pytest.raises(EventError):
        event_of(data)


def test_an_event_is_taken_once_and_the_newest_counts(client: Client, queue: Queue) -> None:
    def send(**given: Any) -> tuple[int, str]:
        data = body(**given)
        answer = client.post(data)
        return answer.status, answer.json()["result"]

    assert send() == (202, NEW) and send() == (200, KNOWN)
    assert send(version=3, type="article.changed") == (202, NEW)
    assert send(version=2, type="article.changed") == (200, SUPERSEDED)
    assert send(version=2, type="article.retracted", article={}) == (200, SUPERSEDED)
    work = queue.take(time.time(), frozenset())
    assert work is not None and work.event.version == 3
    assert queue.take(time.time(), frozenset()) is None
    # A newer one that comes meanwhile is not lost, and not undone by the end of the older.
    assert send(version=4, type="article.changed") == (202, NEW)
    queue.done(work, "abc", time.time())
    assert queue.take(time.time(), frozenset({"a"})) is None
    work = queue.take(time.time(), frozenset())
    assert work is not None and work.event.version == 4


def test_what_a_kill_interrupts_is_taken_up(tmp_path: Path) -> None:
    first = Queue(tmp_path)
    first.put(Event("article.published", "a", 1, {"text": "x"}), 0.0)
    assert first.take(1.0, frozenset()) is not None
    first.close()
    second = Queue(tmp_path)
    work = second.take(1.0, frozenset())
    assert work is not None and (work.attempt, dict(work.event.article)) == (2, {"text": "x"})
    second.close()


def test_attempts_are_farther_and_farther_apart(queue: Queue) -> None:
    queue.put(Event("article.published", "a", 1, {"text": "x"}), 0.0)
    now, pauses = 0.0, []
    for _ in range(12):
        work = queue.take(now, frozenset())
        assert work is not None
        queue.again(work, "down", now)
        due = float(queue.rows(1)[0]["due"])
        assert queue.take(due - 0.001, frozenset()) is None
        pauses.append(due - now)
        now = due
    assert pauses[:4] == [2, 4, 8, 16] and pauses[-1] == 300


def test_a_failed_article_is_shown_and_may_be_sent_again(client: Client, queue: Queue) -> None:
    event = Event("article.published", "<b>a", 1, {"text": "x"})
    queue.put(event, 0.0)
    work = queue.take(1.0, frozenset())
    assert work is not None
    queue.failed(work, "it has <no> title", 2.0)
    page = client.get("/").text
    assert "&lt;b&gt;a" in page and "it has &lt;no&gt; title" in page and "<b>a" not in page
    assert client.get("/status.json").json()["counts"] == {"waiting": 0, "working": 0, "done": 0, "failed": 1}
    assert queue.put(event, 3.0) == NEW


def test_the_status_page_asks_for_the_secret_where_others_reach_it(queue: Queue) -> None:
    text = "whsec_" + base64.b64encode(SECRET).decode()
    with serving(application(queue, SECRET, open_status=False)) as url:
        client = Client(url)
        assert client.get("/").status == 401 == client.get("/status.json", "wrong").status
        assert client.get("/", text).status == 200 == client.get("/status.json", text).status
        assert client.get("/healthz").status == 200 == client.get("/readyz").status


def test_the_secret_is_made_once_and_nobody_elses(tmp_path: Path) -> None:
    path = tmp_path / "webhook.secret"
    assert secret_of(path) == secret_of(path) and path.stat().st_mode & 0o077 == 0
    path.write_text("short")
    with pytest.raises(ValueError, match="must be whsec_ and base64 of 24 bytes or more"):
        secret_of(path)


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_two_ids_are_two_names(one: str, other: str) -> None:
    names = [Event("article.published", identity, 1, {}).name for identity in (one, other)]
    assert (names[0] == names[1]) == (one == other)
