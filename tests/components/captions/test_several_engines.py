"""Engines with one PostgreSQL: vocabularies and jobs are of all, and each job is done once."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brume.captions.engine import engine
from brume.captions.engine.work import Work
from tests.aws.postgres import database as database
from tests.aws.serving import client_of
from tests.components.captions.engines import Scripted, serve_captions
from tests.components.captions.speech import SILENCE, encoded
from tests.components.captions.test_jobs import fetched, finished, start
from tests.polling import SECONDS, until

pytestmark = pytest.mark.slow


def wait_for(event: threading.Event) -> Callable[[float], None]:
    """Return what holds a recogniser until the event."""

    def wait(_seconds: float) -> None:
        assert event.wait(SECONDS)

    return wait


def test_jobs_are_shared_and_taken_over(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_LOOKS", 0.05)
    (tmp_path / "in").mkdir()
    (tmp_path / "in/one.wav").write_bytes(encoded(SILENCE * 2, "wav"))
    (tmp_path / "in/long.wav").write_bytes(encoded(SILENCE * 60, "wav"))
    go, first, second = threading.Event(), Scripted(), Scripted()
    close = Work.close
    monkeypatch.setattr(Work, "close", lambda work: (close(work), go.set()))
    first.before = wait_for(go)
    folders = {"s3://in/": str(tmp_path / "in")}

    def serve(stack: contextlib.ExitStack, name: str, script: Scripted) -> Any:
        (tmp_path / name).mkdir()
        url = stack.enter_context(serve_captions(tmp_path / name, script, folders=folders, database=database))
        return client_of(url, "transcribe")

    with contextlib.ExitStack() as others:
        with contextlib.ExitStack() as stopped:
            one = serve(stopped, "one", first)
            one.create_vocabulary(VocabularyName="words", LanguageCode="en-US", Phrases=["one"])
            start(one, "held", "s3://in/long.wav")
            until(lambda: first.heard, "the first job on the first engine")
            two = serve(others, "two", second)
            assert two.get_vocabulary(VocabularyName="words")["LanguageCode"] == "en-US"
            for number in range(4):
                start(one, f"queued-{number}", "s3://in/one.wav")
            for number in range(4):
                assert finished(one, f"queued-{number}")["TranscriptionJobStatus"] == "COMPLETED"
            assert (len(first.heard), len(second.heard)) == (1, 4)
        assert first.heard[0] < 60  # it was stopped in the middle
        job = finished(two, "held")
        assert job["TranscriptionJobStatus"] == "COMPLETED"
        assert b'"jobName": "held"' in fetched(job["Transcript"]["TranscriptFileUri"])


def test_a_job_that_is_deleted_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one of the same name that is started meanwhile is done after it."""
    from brume.aws.engine import leases

    monkeypatch.setattr(leases, "_RENEWED", 0.0)
    (tmp_path / "in").mkdir()
    (tmp_path / "in/long.wav").write_bytes(encoded(SILENCE * 60, "wav"))
    (tmp_path / "in/one.wav").write_bytes(encoded(SILENCE * 2, "wav"))
    go, script = threading.Event(), Scripted()
    script.before = wait_for(go)
    with serve_captions(tmp_path, script, folders={"s3://in/": str(tmp_path / "in")}) as url:
        boto = client_of(url, "transcribe")
        start(boto, "a", "s3://in/long.wav")
        until(lambda: script.heard)
        boto.delete_transcription_job(TranscriptionJobName="a")
        start(boto, "a", "s3://in/one.wav")
        go.set()
        assert finished(boto, "a")["TranscriptionJobStatus"] == "COMPLETED"
        assert script.heard[0] < 60
        assert script.heard[1] == 2
