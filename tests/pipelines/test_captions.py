"""The captions pipeline from end to end, on speech that espeak-ng makes and an engine that the run starts."""

from __future__ import annotations

import csv
import json
import re
import shutil
import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as parquet
import pytest

from brume import storage
from brume.captions.demo import NoVoiceError, make, texts
from brume.captions.pipeline.stages import list_audio
from brume.pipelines.running import catalog
from tests.components.captions.engines import require_models
from tests.pipelines.runs import BRUME, brume
from tests.polling import until

STAGES = [stage for stage in catalog.load("captions").stages if stage != "speech"]
SAID = "Please keep your ticket until the end of the journey."


def states(out: Path) -> dict[str, str]:
    return {step["step"]: step["state"] for step in json.loads((out / "run.json").read_text())["steps"]}


def words_of(out: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = parquet.read_table(out / "words.parquet").to_pylist()
    return rows


@pytest.fixture(scope="module")
def audio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One recording with its text, and a file that is none."""
    require_models("whisper-tiny.en")
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed: speech with known text cannot be made")
    folder = tmp_path_factory.mktemp("it's audio")
    with pytest.MonkeyPatch.context() as patch:
        speech = texts.Speech("ticket", "en-US", "en-us", 140, (SAID, "The sea is calm today."))
        patch.setattr("brume.captions.demo.speech.SPEECHES", (speech,))
        make(folder)
    (folder / "page.mp3").write_text("<html>not found</html>")
    return folder


@pytest.fixture(scope="module")
def words(audio: Path) -> list[str]:
    return ["run", "captions", f"audio={audio}", "levels=off,high"]


@pytest.fixture(scope="module")
def finished(words: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "out"
    ran = brume(*words, "--out", str(out))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return out


@pytest.mark.slow
def test_every_stage_is_done_and_measured(finished: Path) -> None:
    assert states(finished) == dict.fromkeys(STAGES, "finished")
    metrics = json.loads((finished / "run.json").read_text())["metrics"]["captions"]
    assert metrics["off_revised"] == metrics["high_revised"] == 0
    assert 0 <= metrics["off_wer"] <= metrics["high_wer"] < 0.4
    assert metrics["high_to_stable_p50"] < metrics["off_to_stable_p50"]


@pytest.mark.slow
def test_transcripts_and_subtitles_have_what_was_said(finished: Path) -> None:
    for level in ("off", "high"):
        folder = finished / "transcripts" / level / "en-US"
        text = json.loads((folder / "ticket.wav.json").read_text())
        assert text["status"] == "COMPLETED"
        assert "journey" in text["results"]["transcripts"][0]["transcript"]
        assert re.search(r"\d\d:\d\d:\d\d\.\d{3} --> ", (folder / "ticket.wav.vtt").read_text())
        assert "journey" in (folder / "ticket.wav.srt").read_text()
    rows = words_of(finished)
    assert {row["level"] for row in rows} == {"off", "high"}
    journey = [row for row in rows if row["word"] == "journey"]
    assert {row["result"] for row in journey} == {"correct"} and len(journey) == 2
    assert all(row["start"] < row["end"] and row["audio_to_stable"] >= 0 for row in journey)


@pytest.mark.slow
def test_what_cannot_be_decoded_is_set_aside(finished: Path) -> None:
    with (finished / "rejects.csv").open(newline="") as file:
        (reject,) = csv.DictReader(file)
    assert (reject["file"], reject["step"]) == ("page.mp3", "audio")
    assert "page.mp3" in (finished / "report.html").read_text()


@pytest.mark.slow
def test_the_report_stands_alone(finished: Path) -> None:
    page = (finished / "report.html").read_text()
    for text in ("Latency against accuracy", "Worst segments", "Cost", "No Stable item was changed later"):
        assert text in page
    assert not re.search(r"""(src|href)=["']?https?:""", page)


@pytest.mark.long
def test_a_second_run_takes_over_and_another_text_is_only_measured(
    finished: Path, words: list[str], audio: Path
) -> None:
    ran = brume(*words, "--out", str(finished))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert states(finished) == dict.fromkeys(STAGES, "reused")
    text = audio / "en-US" / "ticket.txt"
    before = text.read_text()
    text.write_text("Quite another text.\n")
    ran = brume(*words, "--out", str(finished))
    text.write_text(before)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert states(finished) == {
        "audio": "reused",
        "transcribe": "reused",
        "evaluate": "finished",
        "report": "finished",
    }
    page = (finished / "report.html").read_text()
    assert "data:audio/mpeg;base64," in page and "quite another text" in page


@pytest.mark.long
def test_a_run_that_is_killed_goes_on_with_the_streams_that_are_left(
    words: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with subprocess.Popen(
        [*BRUME, *words, "streams=1", "--out", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:

        def one_is_done() -> bool:
            assert process.poll() is None, "the run ended"
            return any((out / "work" / "streams").rglob("*.jsonl"))

        until(one_is_done, "the first stream")
        process.send_signal(signal.SIGKILL)
    (first,) = (out / "work" / "streams").rglob("*.jsonl")
    made = first.stat().st_mtime_ns
    ran = brume(*words, "streams=1", "--out", str(out))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert len(list((out / "work" / "streams").rglob("*.jsonl"))) == 2
    assert first.stat().st_mtime_ns == made
    assert states(out)["report"] == "finished"


@pytest.mark.long
def test_audio_in_an_object_store(audio: Path, s3_server: str, tmp_path: Path) -> None:
    import boto3

    boto3.client("s3", endpoint_url=s3_server).create_bucket(Bucket="captions-run")
    storage.upload(audio, "s3://captions-run/talks")
    out = tmp_path / "out"
    ran = brume("run", "captions", "audio=s3://captions-run/talks", "levels=medium", "--out", str(out))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert {row["file"] for row in words_of(out)} == {"en-US/ticket.wav"}
    assert {row["result"] for row in words_of(out)} & {"correct"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["audio=/no/such"], "audio=/no/such is not there"),
        (["references={0}"], "references needs audio"),
        (["levels=off,highest"], "levels=off,highest must be some of off,low,medium,high"),
        (["language=english"], "language=english must be a code such as en-US"),
        (["speed=slow"], "speed=slow must be fast"),
        (["streams=0"], "streams=0 must be at least 1"),
        (["max_rejected=2"], "max_rejected=2.0 must be from 0 to 1"),
    ],
)
def test_wrong_parameters_are_named_at_once(wrong: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(catalog.ParameterError, match=re.escape(message)):
        catalog.load("captions").arguments([word.format(tmp_path) for word in wrong])


def test_without_a_voice_the_run_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoVoiceError, match=r"apt-get install espeak-ng, or name audio of your own"):
        make(tmp_path)


def test_a_folder_without_audio_is_an_error_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("no audio")
    clips: Any = SimpleNamespace(uri=str(tmp_path / "clips"), metadata={})
    with pytest.raises(FileNotFoundError, match="holds no audio: no file ends in"):
        list_audio(audio=str(tmp_path), language="en-US", max_rejected=0.5, clips=clips)
