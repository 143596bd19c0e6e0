"""The engine ended or killed at any moment: jobs go on with the next, clients of streams get an error."""

from __future__ import annotations

import contextlib
import json
import threading
from pathlib import Path

import pytest
import websocket

from tests.aws.processes import EngineProcess
from tests.aws.serving import client_of
from tests.components.captions.engines import Scripted, require_models, serve_captions
from tests.components.captions.speech import SILENCE, Socket, encoded, spoken, word_errors
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


class Process(EngineProcess):
    """The engine as its own process, with its own models."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, "captions", {"in": root / "in"})
        self.boto = self.connect("transcribe")


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
