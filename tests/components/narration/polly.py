"""A double of Amazon Polly over HTTP, whose words are tones at the times of its marks."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import unescape

import numpy as np

RATES = {"16000", "24000"}
_PIECES = re.compile(r"<[^>]+>|[^<]+")
_WORDS = re.compile(r"(?:&\w+;|[^\W_])+(?:['’](?:&\w+;|[^\W_])+)*|[.!?…]+")
# Seconds.
LEAD, WORD, LETTER, GAP, PAUSE = 0.05, 0.12, 0.02, 0.03, 0.3


@dataclass
class State:
    """What a double does, and what it was asked for."""

    url: str = ""
    version: str = "1"
    rates: frozenset[str] = frozenset(RATES)
    texts: list[str] = field(default_factory=list)  # SSML of every sound that was made
    refuse: str = ""  # text with this in it is refused
    failing: int = 0  # so many of the next requests are answered with an error of the server
    silent_marks: bool = False
    late_marks: bool = False
    lexicons: dict[str, str] = field(default_factory=dict)
    held: threading.Event = field(default_factory=threading.Event)  # requests wait until it is set

    @property
    def spoken(self) -> list[str]:
        """The texts that were spoken, without tags and without the probe of a rate."""
        return [text for ssml in self.texts if (text := plain(ssml)) != "1"]


def plain(ssml: str) -> str:
    return unescape(re.sub(r"<[^>]+>", "", ssml))


def words(ssml: str) -> list[tuple[int, int, str]]:
    """Return words and ends of sentences: bytes at which they begin and end, and the text."""
    found = []
    for piece in _PIECES.finditer(ssml):
        if not piece[0].startswith("<"):
            for match in _WORDS.finditer(piece[0]):
                start = len(ssml[: piece.start() + match.start()].encode())
                found.append((start, start + len(match[0].encode()), unescape(match[0])))
    return found


def speak(ssml: str, rate: int) -> tuple[bytes, list[dict[str, Any]]]:
    """Return sound and marks of a text: a tone for each word, of a pitch that depends on it."""
    marks: list[dict[str, Any]] = []
    parts = [np.zeros(round(LEAD * rate))]
    place = LEAD
    sentence: dict[str, Any] | None = None
    for start, end, text in words(ssml):
        if not any(map(str.isalnum, text)):
            if text[0] in ".!?…" and sentence is not None:
                sentence["end"] = end
                sentence = None
                parts.append(np.zeros(round(PAUSE * rate)))
                place += PAUSE
            continue
        seconds = WORD + LETTER * len(text)
        # Polly's marks are whole milliseconds.
        time = round(place * 1000)
        if sentence is None:
            sentence = {"time": time, "type": "sentence", "start": start, "end": end, "value": ""}
            marks.append(sentence)
        sentence["end"] = end
        marks.append({"time": time, "type": "word", "start": start, "end": end, "value": text})
        pitch = 200 + 10 * (sum(text.encode()) % 80)
        count = round(seconds * rate)
        parts += [0.4 * np.sin(2 * np.pi * pitch * np.arange(count) / rate), np.zeros(round(GAP * rate))]
        place += count / rate + round(GAP * rate) / rate
    data = ssml.encode()
    for mark in marks:
        mark["value"] = data[mark["start"] : mark["end"]].decode()
    samples = np.concatenate(parts)
    return (samples * 32767).astype("<i2").tobytes(), marks


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: State

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, data: bytes, *, kind: str = "application/json", **headers: str) -> None:
        self.send_response(200)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def _error(self, status: int, code: str, message: str) -> None:
        data = json.dumps({"message": message}).encode()
        self.send_response(status)
        self.send_header("x-amzn-ErrorType", code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/v1/voices":
            named = (("Tone", "en-US", "Tones"), ("Tono", "es-ES", "Tonos"))
            voices = [
                {
                    "Id": name,
                    "Name": f"{spoken} {self.state.version}",
                    "Gender": "Female",
                    "LanguageCode": code,
                    "LanguageName": code,
                    "SupportedEngines": ["neural"],
                }
                for name, code, spoken in named
            ]
            self._answer(json.dumps({"Voices": voices}).encode())
        elif path.startswith("/v1/lexicons/"):
            name = unquote(path.rpartition("/")[2])
            if name not in self.state.lexicons:
                self._error(404, "LexiconNotFoundException", f"no lexicon {name}")
                return
            found = {"Lexicon": {"Name": name, "Content": self.state.lexicons[name]}}
            self._answer(json.dumps(found).encode())

    def do_PUT(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.state.lexicons[unquote(self.path.rpartition("/")[2])] = body["Content"]
        self._answer(b"{}")

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        state = self.state
        state.held.wait(300)
        if state.failing > 0:
            state.failing -= 1
            self._error(503, "ServiceFailureException", "the double fails")
            return
        if asked["SampleRate"] not in state.rates:
            self._error(400, "InvalidSampleRateException", f"no {asked['SampleRate']}")
            return
        text = asked["Text"]
        if state.refuse and state.refuse in text:
            self._error(400, "InvalidSsmlException", f"{state.refuse} cannot be spoken")
            return
        sound, marks = speak(text, int(asked["SampleRate"]))
        if asked["OutputFormat"] == "json":
            if state.silent_marks:
                marks = [mark for mark in marks if mark["type"] == "sentence"]
            if state.late_marks:
                marks = [{**mark, "time": mark["time"] + 100_000} for mark in marks]
            lines = "".join(json.dumps(mark, ensure_ascii=False) + "\n" for mark in marks)
            self._answer(lines.encode(), kind="application/x-json-stream")
            return
        state.texts.append(text)
        self._answer(sound, kind="audio/pcm", x_amzn_RequestCharacters=str(len(plain(text))))


@contextlib.contextmanager
def serving(state: State | None = None) -> Iterator[State]:
    """Run a double until the block ends; yields what it does and what it was asked for."""
    state = state or State()
    state.held.set()
    handler = type("Bound", (Handler,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.held.set()
        server.shutdown()
        server.server_close()


def environment(state: State) -> dict[str, str]:
    """Return the variables that point clients at a double."""
    return {
        "AWS_ENDPOINT_URL_POLLY": state.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }
