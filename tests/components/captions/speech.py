"""Speech with known text, a scripted recogniser, and engines and streams of the captions tests."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import websocket
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.eventstream import EventStreamBuffer
from prometheus_client.parser import text_string_to_metric_families

from brume.aws.wire.eventstream import encode
from brume.aws.wire.keys import Key
from brume.captions.model.hypothesis import RATE
from tests.aws.serving import KEY

SILENCE = bytes(2 * RATE)  # one second


def pcm(file: Path | bytes, rate: int = RATE, *, channels: int = 1) -> bytes:
    """Return an audio file as signed 16 bit samples, interleaved."""
    import av

    layout = "mono" if channels == 1 else "stereo"
    resampler = av.AudioResampler(format="s16", layout=layout, rate=rate)
    with av.open(io.BytesIO(file) if isinstance(file, bytes) else str(file)) as source:
        frames = [*(made for frame in source.decode(audio=0) for made in resampler.resample(frame))]
        frames += resampler.resample(None)
    return b"".join(frame.to_ndarray().tobytes() for frame in frames)


def spoken(text: str, *, voice: str = "en-us", rate: int = RATE) -> bytes:
    """Return a text as espeak-ng speaks it (pcm, one channel); skip, saying so, where there is none."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed: speech with known text cannot be made")
    made = subprocess.run(
        ["espeak-ng", "-v", voice, "-s", "140", "--stdout", text], capture_output=True, check=True
    )
    return pcm(made.stdout, rate)


def encoded(data: bytes, kind: str, rate: int = RATE, *, channels: int = 1) -> bytes:
    """Return pcm as a file: wav, flac, ogg-opus, mp3 or mp4."""
    import av

    codec, container = {
        "wav": ("pcm_s16le", "wav"),
        "flac": ("flac", "flac"),
        "ogg-opus": ("libopus", "ogg"),
        "mp3": ("libmp3lame", "mp3"),
        "mp4": ("aac", "mp4"),
    }[kind]
    layout = "mono" if channels == 1 else "stereo"
    file = io.BytesIO()
    with av.open(file, "w", format=container) as target:
        stream = target.add_stream(codec, rate=rate, layout=layout)
        values = np.frombuffer(data, "<i2").reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(values), format="s16", layout=layout)
        frame.sample_rate = rate
        target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return file.getvalue()


def pieces(data: bytes, size: int = 6400) -> list[bytes]:
    """Return data cut into pieces of `size` bytes; 6400 are 200 ms at 16 kHz."""
    return [data[start : start + size] for start in range(0, len(data), size)]


def word_errors(reference: str, text: str) -> float:
    """Return the word error rate, without regard to case and punctuation."""
    import jiwer

    return float(jiwer.wer(_plain(reference), _plain(text)))


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.casefold()))


class StreamError(Exception):
    """An exception event, or a handshake that was refused: its code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message


def address(url: str, *, key: Key = KEY, **parameters: Any) -> str:
    """Return the presigned address of a WebSocket; parameters as in `language_code="en-US"`."""
    given = {"language-code": "en-US", "media-encoding": "pcm", "sample-rate": "16000"}
    given |= {name.replace("_", "-"): str(value) for name, value in parameters.items()}
    kept = {name: value for name, value in given.items() if value}
    request = AWSRequest("GET", f"{url}/stream-transcription-websocket", params=kept)
    SigV4QueryAuth(Credentials(key.access_key, key.secret), "transcribe", "eu-west-1", 300).add_auth(request)
    return str(request.url).replace("http", "ws", 1)


class Socket:
    """A stream over a WebSocket."""

    def __init__(self, url: str, *, trusted: Path | None = None, **parameters: Any) -> None:
        options = {"sslopt": {"ca_certs": str(trusted)}} if trusted else {}
        self._buffer = EventStreamBuffer()
        try:
            self.socket = websocket.create_connection(address(url, **parameters), timeout=120, **options)
        except websocket.WebSocketBadStatusException as error:
            raise StreamError(str(error.status_code), str(error.resp_body)) from error

    def send(self, chunk: bytes) -> None:
        """Send a piece of audio; an empty one is the end."""
        headers = {":message-type": "event", ":event-type": "AudioEvent"}
        self.socket.send_binary(encode({**headers, ":content-type": "application/octet-stream"}, chunk))

    def events(self) -> Iterator[list[dict[str, Any]]]:
        """Iterate the results of each event until the server ends the stream. Raises `StreamError`."""
        while True:
            opcode, data = self.socket.recv_data()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return
            self._buffer.add_data(data)
            for message in self._buffer:
                headers, body = message.headers, json.loads(message.payload or b"{}")
                if headers[":message-type"] != "event":
                    code = headers.get(":exception-type") or headers.get(":error-code")
                    text = body.get("Message") or body.get("message") or headers.get(":error-message")
                    raise StreamError(str(code), str(text))
                yield body["Transcript"]["Results"]

    def close(self) -> None:
        """End the connection."""
        self.socket.shutdown()


def transcribe(
    url: str,
    audio: Iterable[bytes],
    *,
    seen: Callable[[dict[str, Any]], None] = lambda result: None,
    **parameters: Any,
) -> list[dict[str, Any]]:
    """Stream pieces of audio, one after the other as fast as they are taken; return all results, checked.

    `seen` is called with each result when it comes. Raises `StreamError`.
    """
    found: list[dict[str, Any]] = []
    with contextlib.closing(Socket(url, **parameters)) as socket:

        def send() -> None:
            with contextlib.suppress(OSError, websocket.WebSocketException):  # the server ended the stream
                for chunk in audio:
                    socket.send(chunk)
                socket.send(b"")

        sending = threading.Thread(target=send)
        sending.start()
        try:
            for results in socket.events():
                for result in results:
                    found.append(result)
                    seen(result)
        finally:
            socket.close()
            sending.join()
    check(found)
    return found


def metrics(url: str) -> dict[str, float]:
    """Return what the engine counts of its streams, e.g. `streams`, `streams_ended complete`."""
    found = {}
    with urllib.request.urlopen(f"{url}/metrics") as answer:
        for family in text_string_to_metric_families(answer.read().decode()):
            for sample in family.samples:
                if sample.name.startswith("brume_captions_"):
                    name = sample.name.removeprefix("brume_captions_").removesuffix("_total")
                    found[" ".join([name, *sample.labels.values()])] = sample.value
    return found


def check(results: Iterable[Mapping[str, Any]]) -> None:
    """Assert what holds for all results of a stream: what was Stable stays, and segments end once."""
    stable: dict[str, list[str]] = {}
    ended: set[str] = set()
    for result in results:
        name = result["ResultId"]
        assert name not in ended, "a result comes after its segment's end"
        items = result["Alternatives"][0]["Items"]
        kept = [item["Content"] for item in items if item.get("Stable")]
        before = stable.get(name, [])
        assert kept[: len(before)] == before, f"Stable items were revised: {before}, then {kept}"
        marks = [item.get("Stable", False) for item in items if item["Type"] == "pronunciation"]
        assert marks == sorted(marks, reverse=True), "a word is Stable after one that is not"
        assert result["StartTime"] <= result["EndTime"]
        stable[name] = kept
        if not result["IsPartial"]:
            ended.add(name)
    assert ended == stable.keys(), "a segment ends with a partial result"


def text_of(results: Iterable[Mapping[str, Any]]) -> str:
    """Return the text of the results that are not partial."""
    return " ".join(one["Alternatives"][0]["Transcript"] for one in results if not one["IsPartial"])
