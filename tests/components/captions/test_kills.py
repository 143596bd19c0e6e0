"""The engine ended or killed at any moment: jobs go on with the next, clients of streams get an error."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import websocket

from brume.aws.engine import catalog
from brume.aws.wire import keys
from tests.aws.serving import client_of
from tests.components.captions.speech import (
    SILENCE,
    Scripted,
    Socket,
    encoded,
    require_models,
    serve_captions,
    spoken,
    word_errors,
)
from tests.components.captions.test_jobs import fetched, finished, start
from tests.polling import until


def test_a_job_whose_engine_ends_goes_on_with_the_next(tmp_path: Path) -> None:
    """The engine is closed while one job runs and another waits; both are done by the next engine."""
    entered, go = threading.Event(), threading.Event()

    def before(_seconds: float) -> None:
        entered.set()
        go.wait(0.2)

    root = tmp_path
    (root / "in").mkdir()
    folders = {"s3://in/": str(root / "in")}
    (root / "in/two.wav").write_bytes(encoded(SILENCE * 2, "wav"))
    (root / "in/long.wav").write_bytes(encoded(SILENCE * 300, "wav"))
    with serve_captions(tmp_path, Scripted(before=before), folders=folders) as url:
        boto = client_of(url, "transcribe")
        start(boto, "runs", "s3://in/long.wav")
        start(boto, "waits")
        assert entered.wait(120)
        assert (
            boto.get_transcription_job(TranscriptionJobName="waits")["TranscriptionJob"][
                "TranscriptionJobStatus"
            ]
            == "QUEUED"
        )
    go.set()
    with serve_captions(tmp_path, Scripted(), folders=folders) as url:
        boto = client_of(url, "transcribe")
        assert finished(boto, "runs")["TranscriptionJobStatus"] == "COMPLETED"
        assert finished(boto, "waits")["TranscriptionJobStatus"] == "COMPLETED"


class Process:
    """The engine as its own process, with its own models."""

    def __init__(self, root: Path) -> None:
        state = root / "data" / catalog.STATE
        state.unlink(missing_ok=True)  # a killed engine leaves it
        command = [sys.executable, "-m", "brume.aws.engine.run", "captions", "--port", "0"]
        command += ["--data", str(root / "data"), "--folder", f"s3://in/={root / 'in'}"]
        self._log = (root / "engine.log").open("ab")
        self.process = subprocess.Popen(command, stdout=self._log, stderr=self._log, env=os.environ)

        def started() -> bool:
            assert self.process.poll() is None, (root / "engine.log").read_text()
            return state.exists()

        until(started, "the engine's start")
        (self.key,) = keys.load(root / "data/credentials").values()
        self.url = json.loads(state.read_text())["url"]
        self.boto = client_of(self.url, "transcribe", key=self.key)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(60)
        self._log.close()


@pytest.mark.slow
def test_jobs_survive_a_kill_in_every_state(tmp_path: Path) -> None:
    require_models()
    (tmp_path / "in").mkdir()
    text = "the weather is fine today and we are going to the river"
    (tmp_path / "in/one.wav").write_bytes(encoded(spoken(text) + SILENCE, "wav"))
    (tmp_path / "in/many.wav").write_bytes(encoded((spoken(text) + SILENCE) * 4, "wav"))
    engine = Process(tmp_path)
    try:
        start(engine.boto, "runs", "s3://in/many.wav")
        start(engine.boto, "waits", "s3://in/one.wav")

        def runs() -> bool:
            job = engine.boto.get_transcription_job(TranscriptionJobName="runs")["TranscriptionJob"]
            return bool(job["TranscriptionJobStatus"] != "QUEUED")

        until(runs)
        engine.kill()
        engine = Process(tmp_path)
        for name, times in (("runs", 4), ("waits", 1)):
            job = finished(engine.boto, name)
            assert job["TranscriptionJobStatus"] == "COMPLETED", job
            words = json.loads(fetched(job["Transcript"]["TranscriptFileUri"]))["results"]["transcripts"][0][
                "transcript"
            ]
            assert word_errors(" ".join([text] * times), words) <= 0.35, words
    finally:
        engine.kill()


@pytest.mark.slow
def test_a_kill_in_mid_stream_is_an_error_for_its_client(tmp_path: Path) -> None:
    """And not an end that looks like one of its own; the next engine streams at once."""
    require_models()
    (tmp_path / "in").mkdir()
    engine = Process(tmp_path)
    try:
        with contextlib.closing(Socket(engine.url, key=engine.key)) as socket:
            socket.send(SILENCE)
            engine.kill()
            with pytest.raises((OSError, websocket.WebSocketException)):
                list(socket.events())
        engine = Process(tmp_path)
        with contextlib.closing(Socket(engine.url, key=engine.key)) as socket:
            socket.send(SILENCE)
            socket.send(b"")
            assert list(socket.events()) == []
    finally:
        engine.kill()
