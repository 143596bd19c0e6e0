"""How streams end: each way that a client or a recogniser can fail has an end, and gives its place back."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brume.aws.wire.eventstream import encode
from tests.aws.audio_stream import Stream
from tests.aws.test_http import client
from tests.components.captions.engines import Scripted, serve_captions
from tests.components.captions.speech import (
    RATE,
    SILENCE,
    Socket,
    StreamError,
    encoded,
    metrics,
    pieces,
    text_of,
    transcribe,
)
from tests.polling import SECONDS, until


@contextlib.contextmanager
def served(folder: Path, script: Scripted, **settings: str) -> Iterator[str]:
    """Serve an engine with `script`; its settings by their names without BRUME_CAPTIONS_."""
    with serve_captions(
        folder, script, **{f"BRUME_CAPTIONS_{name}": settings[name] for name in settings}
    ) as url:
        yield url


def ended(stream: Stream) -> tuple[list[str], str, str]:
    """Return the final texts of a stream's answer, and the code and message of the exception at its end."""
    texts, code, message = [], "", ""
    for one in stream.rest():
        if one.headers[":message-type"] == "error":
            code, message = str(one.headers[":error-code"]), str(one.headers[":error-message"])
            continue
        body = json.loads(one.payload)
        if one.headers[":message-type"] == "event":
            results = body["Transcript"]["Results"]
            texts += [
                result["Alternatives"][0]["Transcript"] for result in results if not result["IsPartial"]
            ]
        else:
            code, message = str(one.headers[":exception-type"]), body["Message"]
    return texts, code, message


def refused(url: str, **parameters: object) -> tuple[str, str, str]:
    """Return status, code and message of a stream that is refused before it begins."""
    with client(url) as one:
        stream = Stream(one, url, **parameters)
        head = stream.head()
        body = json.loads(one.answer(stream.stream))
        return head[":status"], head["x-amzn-errortype"], body.get("message") or body["Message"]


@pytest.fixture(scope="module")
def script() -> Scripted:
    return Scripted()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, script: Scripted) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("ends"), script, SILENCE="1", LONGEST="20", STREAMS="60") as made:
        yield made


def test_a_client_that_stops_sending_gets_its_results_and_a_named_error(url: str, script: Scripted) -> None:
    seen: list[dict[str, Any]] = []
    with contextlib.closing(Socket(url)) as socket:
        socket.send(SILENCE)
        with pytest.raises(StreamError, match="no new audio was received for 1 seconds") as caught:
            for results in socket.events():
                seen += results
    assert caught.value.code == "BadRequestException"
    assert text_of(seen) == script.text(1)
    assert text_of(transcribe(url, [SILENCE])) == script.text(1)  # a fresh stream works


def test_connections_that_send_nothing_are_ended_and_hold_no_place(url: str) -> None:
    before = metrics(url).get("streams_ended BadRequestException", 0)
    sockets = [Socket(url) for _ in range(50)]
    for socket in sockets:
        with pytest.raises(StreamError, match="no new audio"):
            list(socket.events())
        socket.close()
    until(lambda: metrics(url)["streams"] == 0, "all places are given back")
    assert metrics(url)["streams_ended BadRequestException"] == before + 50


def test_audio_faster_than_real_time_waits_at_its_client(tmp_path: Path) -> None:
    """No more than some seconds of audio are held for a client, and all of it is transcribed."""
    sent, heard = 0, []

    def before(seconds: float) -> None:
        heard.append((sent - seconds * 2 * RATE) / 2 / RATE)

    script = Scripted(before=before, segment=40)
    with served(tmp_path, script) as url, client(url) as one:
        stream = Stream(one, url)
        for _ in range(30):
            frame = stream.sealed(SILENCE * 20)
            for start in range(0, len(frame), 16384):
                stream.send(frame[start : start + 16384])
                sent += 16384
        stream.end()
        texts, code, _ = ended(stream)
    assert (" ".join(texts), code) == (script.text(600), "")
    assert script.heard == [600]
    # One frame of 20 s, 5 s that are decoded, the window of HTTP/2 and the buffers of sockets.
    assert max(heard) < 150


def test_frames_of_a_megabyte_are_taken_and_larger_ones_refused(url: str, script: Scripted) -> None:
    with client(url) as one:
        stream = Stream(one, url, sample_rate=48000)
        stream.audio(bytes(1_000_000))
        stream.end()
        texts, code, _ = ended(stream)
        assert (" ".join(texts), code) == (script.text(1_000_000 / 96_000), "")
        stream = Stream(one, url)
        stream.audio(bytes(1_100_000))
        assert ended(stream)[1] == "BadRequestException"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("checksum", "checksum"),
        ("signature", "signature"),
        ("replayed", "signature"),
        ("end", "stops without its end"),
        ("half a sample", "pcm is 16 bit"),
    ],
)
def test_a_wrong_stream_ends_with_its_results_and_a_named_error(
    url: str, script: Scripted, wrong: str, message: str
) -> None:
    with client(url) as one:
        stream = Stream(one, url)
        frame = stream.sealed(SILENCE)
        stream.send(frame)
        if wrong == "checksum":
            stream.send(stream.sealed(SILENCE)[:-1] + b"\x00")
        elif wrong == "signature":
            stream.sealed(SILENCE)  # a frame that is left out
            stream.audio(SILENCE)
        elif wrong == "replayed":
            stream.send(frame)
        elif wrong == "end":
            one.data(stream.stream, b"", end=True)
        else:
            stream.audio(b"\x00")
            stream.end()
        texts, code, reason = ended(stream)
    assert message in reason.lower()
    assert code in ("BadRequestException", "InvalidSignatureException")
    assert texts == [script.text(1)]


def test_flac_of_another_rate_names_both(url: str) -> None:
    flac = encoded(SILENCE, "flac", 22_050)
    with pytest.raises(StreamError, match=r"22050 samples a second.*MediaSampleRateHertz is 16000") as caught:
        transcribe(url, pieces(flac, 300), media_encoding="flac")
    assert caught.value.code == "BadRequestException"
    with pytest.raises(StreamError, match="the audio is no flac"):
        transcribe(url, [SILENCE], media_encoding="flac")
    with pytest.raises(StreamError, match="2 channels, and NumberOfChannels is 1"):
        transcribe(url, [encoded(SILENCE, "flac", channels=2)], media_encoding="flac")


def test_a_stream_that_is_too_long_ends_with_its_results(url: str, script: Scripted) -> None:
    for kind, audio in (("pcm", SILENCE * 30), ("flac", encoded(SILENCE * 3600, "flac"))):
        seen: list[dict[str, Any]] = []
        with pytest.raises(StreamError, match="at most 20 seconds") as caught:
            transcribe(url, pieces(audio, 1 << 16), media_encoding=kind, seen=seen.append)
        assert caught.value.code == "LimitExceededException"
        assert text_of(seen).startswith(script.text(20))


@pytest.mark.parametrize("when", ["before the first result", "while it speaks", "while it is recognised"])
def test_a_client_that_goes_gives_its_place_back(tmp_path: Path, when: str) -> None:
    entered, go = threading.Semaphore(0), threading.Event()

    def hold(_seconds: float = 0) -> None:
        entered.release()
        assert go.wait(120)

    script = Scripted()
    if when == "before the first result":
        script.begins = hold
    if when == "while it is recognised":
        script.before = hold
    with served(tmp_path, script, STREAMS="1") as url:
        with client(url) as one:
            stream = Stream(one, url)
            if when == "before the first result":
                entered.acquire(timeout=120)
                assert refused(url)[:2] == ("429", "LimitExceededException")
            else:
                stream.head()
                stream.audio(SILENCE)
                if when == "while it is recognised":
                    entered.acquire(timeout=120)
                else:
                    assert stream.next()
        go.set()

        def free() -> bool:
            try:
                return text_of(transcribe(url, [SILENCE])) == script.text(1)
            except StreamError as error:
                assert error.code == "LimitExceededException"
                return False

        until(free, "the place of the client that has gone")
        assert metrics(url)["streams"] == 0
        if when != "before the first result":
            assert metrics(url)["streams_ended disconnected"] == 1


def test_a_client_that_goes_while_much_of_its_audio_waits_is_noticed(tmp_path: Path) -> None:
    """A small file may hold hours: it holds its place no longer than its client is there."""
    steps = threading.Semaphore(0)

    def before(_seconds: float) -> None:
        assert steps.acquire(timeout=SECONDS)

    script = Scripted(before=before)
    with served(tmp_path, script, STREAMS="1") as url:

        def ended(reason: str) -> bool:
            steps.release()
            return f"streams_ended {reason}" in metrics(url)

        with contextlib.closing(Socket(url, media_encoding="flac")) as socket:
            socket.send(encoded(SILENCE * 900, "flac"))
            steps.release()
            until(lambda: script.heard and script.heard[0])
        until(lambda: ended("BadRequestException") or ended("disconnected"), "the end of its stream")
        assert script.heard[0] < 450


def test_a_recogniser_that_fails_ends_its_stream_alone(tmp_path: Path) -> None:
    failing = True

    def before(seconds: float) -> None:
        if failing and seconds >= 0.5:
            raise RuntimeError("a fault of the model")

    with served(tmp_path, Scripted(before=before), STREAMS="1") as url:
        for _ in range(2):
            with pytest.raises(StreamError, match="its log has more") as caught:
                transcribe(url, [SILENCE])
            assert caught.value.code == "InternalFailureException"
        with client(url) as one:
            stream = Stream(one, url)
            stream.audio(SILENCE)
            assert ended(stream)[1] == "InternalFailureException"
        assert metrics(url)["streams_ended failed"] == 3
        failing = False
        assert transcribe(url, [SILENCE])


def test_results_come_while_the_audio_is_sent(url: str) -> None:
    """Each piece is sent after the result of the one before it, in both protocols."""
    with contextlib.closing(Socket(url)) as socket:
        events = socket.events()
        for number in range(1, 4):
            socket.send(bytes(8000))
            (result,) = next(events)
            assert len(result["Alternatives"][0]["Transcript"].split()) == number
            assert result["IsPartial"]
        socket.send(b"")
        assert [result["IsPartial"] for results in events for result in results] == [False]
    with client(url) as one:
        stream = Stream(one, url)
        assert stream.head()[":status"] == "200"
        for number in range(1, 4):
            stream.audio(bytes(8000))
            (result,) = json.loads(stream.next().payload)["Transcript"]["Results"]
            assert len(result["Alternatives"][0]["Transcript"].split()) == number
        stream.end()
        assert ended(stream)[0] == ["one two, three"]


def test_text_in_a_websocket_is_named(url: str) -> None:
    with contextlib.closing(Socket(url)) as socket:
        socket.socket.send("audio")
        with pytest.raises(StreamError, match="send the event stream's frames as binary messages"):
            list(socket.events())
    with contextlib.closing(Socket(url)) as socket:
        socket.socket.send_binary(encode({":message-type": "event", ":event-type": "Audio"}, b""))
        with pytest.raises(StreamError, match="AudioEvent"):
            list(socket.events())


def test_a_place_that_is_taken_is_a_limit_with_its_status(tmp_path: Path) -> None:
    with served(tmp_path, Scripted(), STREAMS="1") as url, contextlib.closing(Socket(url)) as socket:
        socket.send(SILENCE)
        next(socket.events())
        status, code, message = refused(url)
        assert (status, code) == ("429", "LimitExceededException")
        assert "transcribes 1 streams at once" in message
        with pytest.raises(StreamError) as caught:
            transcribe(url, [SILENCE])
        assert caught.value.code == "LimitExceededException"
