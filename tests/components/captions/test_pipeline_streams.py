"""The pipeline's own client of the stream, and its streams of whole folders."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet
import pytest

from brume.captions.model.hypothesis import RATE
from brume.captions.pipeline import evaluation, resources, transcription
from brume.captions.pipeline.settings import FAST, REAL_TIME
from brume.captions.pipeline.sources import Clip
from brume.captions.pipeline.stream import StreamConnectionError, StreamError, endpoint, transcribe
from brume.captions.pipeline.transcription import How, parameters
from tests.aws.serving import KEY
from tests.components.captions.engines import Scripted, serve_captions
from tests.components.captions.test_sources import write_tone


@pytest.fixture
def script() -> Scripted:
    return Scripted()


@pytest.fixture(autouse=True)
def configured(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Credentials, and what points the clients at a server."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY.secret)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)

    def use(url: str) -> None:
        for name in ("TRANSCRIBE_STREAMING", "TRANSCRIBE"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{name}", url)

    use("http://127.0.0.1:1")
    return use


@pytest.fixture
def engine(script: Scripted, configured: Callable[[str], None], tmp_path: Path) -> Iterator[str]:
    (tmp_path / "engine").mkdir()
    with serve_captions(tmp_path / "engine", script) as url:
        configured(url)
        yield url


async def _silence(seconds: float) -> AsyncIterator[bytes]:
    for _ in range(int(seconds * 10)):
        yield bytes(RATE // 10 * 2)


def results(given: dict[str, str], seconds: float = 3.0) -> list[dict[str, Any]]:
    """Return all results of a stream of silence, which the script makes words of."""

    async def collect() -> list[dict[str, Any]]:
        events = [event async for event in transcribe(given, _silence(seconds))]
        return [result for event in events for result in event["Transcript"]["Results"]]

    return asyncio.run(collect())


def test_a_stream_gives_the_results_of_all_its_audio(engine: str, script: Scripted) -> None:
    found = results(parameters("en-US", "high", "", ""))
    finals = [one["Alternatives"][0]["Transcript"] for one in found if not one["IsPartial"]]
    assert " ".join(finals) == script.text(3)
    assert any(item["Stable"] for one in found for item in one["Alternatives"][0]["Items"])
    assert script.heard == [3.0]


def test_the_level_and_the_languages_reach_the_service(engine: str, script: Scripted) -> None:
    script.likely = "es"
    found = results(parameters("en-US,es-US", "off", "", ""), 4)
    assert {one["LanguageCode"] for one in found} == {"es-US"}
    assert not any("Stable" in item for one in found for item in one["Alternatives"][0]["Items"])


@pytest.mark.parametrize(
    ("changed", "code", "reason"),
    [
        ({"language-code": "xx-XX"}, "BadRequestException", "language-code"),
        ({"sample-rate": "1"}, "BadRequestException", "sample-rate"),
        ({"vocabulary-name": "none"}, "BadRequestException", "none"),
    ],
)
def test_what_the_service_refuses_has_its_code_and_reason(
    engine: str, changed: dict[str, str], code: str, reason: str
) -> None:
    with pytest.raises(StreamError) as caught:
        results(parameters("en-US", "off", "", "") | changed)
    assert caught.value.code == code
    assert reason in caught.value.message


def test_wrong_credentials_are_refused(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(StreamError, match="ignature"):
        results(parameters("en-US", "off", "", ""))


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(StreamConnectionError, match=r"127\.0\.0\.1:1 cannot be reached"):
        results(parameters("en-US", "off", "", ""))


def test_a_server_that_is_no_websocket_server_is_an_error(
    engine: str, configured: Callable[[str], None]
) -> None:
    configured(f"{engine}/elsewhere")
    with pytest.raises(StreamError, match=r"HTTP 40\d|Exception"):
        results(parameters("en-US", "off", "", ""))


def test_without_an_endpoint_it_is_awss_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_TRANSCRIBE_STREAMING")
    found = endpoint(parameters("en-US", "high", "", ""))
    assert (found.server, found.secure) == ("transcribestreaming.eu-west-1.amazonaws.com:8443", True)
    for part in ("X-Amz-Signature=", "language-code=en-US", "%2Feu-west-1%2Ftranscribe%2Faws4_request"):
        assert part in found.path


class Folder:
    """Recordings, and where their streams are kept."""

    def __init__(self, root: Path, count: int = 3) -> None:
        self.clips = []
        for number in range(count):
            write_tone(root / f"{number}.wav", 2 + number)
            self.clips.append(Clip(f"{number}.wav", str(root / f"{number}.wav"), "en-US", 2.0 + number))
        self.streams, self.transcripts = str(root / "streams"), str(root / "transcripts")

    def run(self, *levels: str, key: str = "key", speed: str = FAST, streams: int = 2) -> None:
        transcription.run(self.clips, How(levels, speed, streams, {}, {}), self.streams, key)


def test_every_file_is_streamed_at_every_level_and_written(
    engine: str, script: Scripted, tmp_path: Path
) -> None:
    folder = Folder(tmp_path / "audio")
    folder.run("off", "high")
    assert sorted(script.heard) == [2, 2, 3, 3, 4, 4]
    transcription.write_transcripts(folder.clips, ("off", "high"), folder.streams, folder.transcripts)
    place = Path(folder.transcripts, "high", "1.wav.json")
    text = json.loads(place.read_text())["results"]
    assert text["transcripts"][0]["transcript"] == script.text(3)
    assert text["items"][0]["start_time"] == "0.000"
    assert Path(folder.transcripts, "off", "2.wav.vtt").read_text().startswith("WEBVTT\n\n1\n00:00:00.000")
    assert Path(folder.transcripts, "off", "2.wav.srt").read_text().startswith("1\n00:00:00,000")


def test_streams_that_are_done_are_not_made_again(engine: str, script: Scripted, tmp_path: Path) -> None:
    """As after a kill: each stream that ended is kept."""
    folder = Folder(tmp_path / "audio")
    lost = []

    def lose(seconds: float) -> None:
        if len(script.heard) == 3 and not lost:
            lost.append(seconds)
            Path(folder.clips[2].uri).rename(tmp_path / "gone.wav")  # before it is read for the second level
            (tmp_path / "streams-then").write_text("")

    script.before = lose
    with pytest.raises(FileNotFoundError):
        folder.run("off", "high", streams=1)
    kept = {path.relative_to(folder.streams) for path in Path(folder.streams).rglob("*.jsonl")}
    (tmp_path / "gone.wav").rename(folder.clips[2].uri)
    before = len(script.heard)
    folder.run("off", "high", streams=1)
    assert len(script.heard) - before == 6 - len(kept)
    assert len(kept) > 1
    folder.run("off", "high", streams=1)
    assert len(script.heard) - before == 6 - len(kept)
    folder.run("high", key="another")
    assert {path.parent.name for path in Path(folder.streams).rglob("*.jsonl")} == {"high"}


def test_a_service_that_is_full_for_a_moment_is_asked_again(
    engine: str, script: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcription, "_PAUSE", 0.01)
    asked = []

    def fail() -> None:
        asked.append(1)
        if len(asked) < 3:
            raise RuntimeError("for a moment")

    script.begins = fail
    folder = Folder(tmp_path / "audio", 1)
    folder.run("off")
    assert len(asked) == 3 and script.heard == [2.0]


def test_at_the_pace_of_a_microphone_times_are_of_the_clock(
    engine: str, script: Scripted, tmp_path: Path
) -> None:
    folder = Folder(tmp_path / "audio", 1)
    folder.run("high", speed=REAL_TIME)
    _, events, _ = transcription.read_stream(transcription.place(folder.streams, "high", folder.clips[0]))
    assert all(seen.arrived >= seen.heard - 0.11 for seen in events)  # nothing is known before it is spoken
    (stream,) = [evaluation.measure(folder.clips[0], "high", folder.streams, script.text(2))]
    (summary,) = evaluation.summaries([stream])
    assert summary["to_stable_of"] == "clock" and summary["to_stable_p50"] > 0
    assert summary["wer"] == 0 and summary["revised"] == 0


def test_the_table_of_words_has_what_was_said_and_what_was_heard(
    engine: str, script: Scripted, tmp_path: Path
) -> None:
    folder = Folder(tmp_path / "audio", 2)
    folder.run("off", "medium")
    known = {"0.wav": "one too three four one two four five", "1.wav": None}
    streams = [
        evaluation.measure(clip, level, folder.streams, known[clip.name])
        for clip in folder.clips
        for level in ("off", "medium")
    ]
    (tmp_path / "words.parquet").write_bytes(evaluation.words_table(streams))
    rows = parquet.read_table(tmp_path / "words.parquet").to_pylist()
    first = [row for row in rows if (row["file"], row["level"]) == ("0.wav", "medium")]
    assert " ".join(row["word"] for row in first) == script.text(2).replace(",", "").replace(".", "")
    assert [row["result"] for row in first] == [
        *("correct", "substituted", "correct", "correct", "correct", "correct", "inserted", "correct")
    ]
    assert {row["result"] for row in rows if row["file"] == "1.wav"} == {None}
    whole = {one["level"]: one for one in evaluation.summaries(streams)}
    assert whole["off"]["reference_words"] == 8 and whole["off"]["wer"] == pytest.approx(3 / 8)
    assert whole["off"]["stable_before_end"] == 0 < whole["medium"]["stable_before_end"]
    assert whole["off"]["to_stable_p50"] >= whole["medium"]["to_stable_p50"]
    wrong = [one for one in evaluation.segments_table(streams) if one["wrong"]]
    assert {(one["file"], one["wrong"]) for one in wrong} == {("0.wav", 1), ("0.wav", 2)}


def test_vocabularies_and_filters_are_made_of_files_and_used(engine: str, tmp_path: Path) -> None:
    (tmp_path / "phrases.txt").write_text("Three\nFour\n")
    (tmp_path / "words.txt").write_text("two\n")
    vocabulary = resources.vocabulary(str(tmp_path / "phrases.txt"), "en-US")
    words = resources.vocabulary_filter(str(tmp_path / "words.txt"), "en-US")
    assert resources.vocabulary(str(tmp_path / "phrases.txt"), "en-US") == vocabulary  # of the same content
    assert resources.vocabulary("named-before", "en-US") == "named-before"
    found = results(parameters("en-US", "off", vocabulary, words))
    text = " ".join(one["Alternatives"][0]["Transcript"] for one in found if not one["IsPartial"])
    assert "Three Four" in text and "***" in text and "two" not in text
    (tmp_path / "wrong.txt").write_text("two words\n")
    with pytest.raises(resources.ResourceError, match=r"wrong\.txt"):
        resources.vocabulary(str(tmp_path / "wrong.txt"), "en-US")


def test_samples_become_the_whole_scale_of_sixteen_bits() -> None:
    async def collect() -> bytes:
        samples = np.array([-1.5, -1, 0, 1, 1.5], np.float32)
        return b"".join([part async for part in transcription._audio(samples, False, [])])

    values = np.frombuffer(asyncio.run(collect()), "<i2").tolist()
    assert values == [-32768, -32767, 0, 32767, 32767]
