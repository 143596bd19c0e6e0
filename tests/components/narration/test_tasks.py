"""Synthesis tasks by boto3: files, what is known of tasks, refusals, and several engines."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from brume.narration.engine import engine, tasks
from brume.narration.engine.work import Work
from tests.aws.postgres import database as database
from tests.aws.serving import OTHER
from tests.components.narration.tones import Choir, polly, serve_narration, speak
from tests.polling import until


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tasks")
    (made / "out").mkdir()
    return made


@pytest.fixture(scope="module")
def url(root: Path) -> Iterator[str]:
    with serve_narration(root / "data", folders={"s3://sounds/": str(root / "out")}) as made:
        yield made


@pytest.fixture(scope="module")
def boto(url: str) -> Any:
    return polly(url)


def start(boto: Any, text: str = "One two.", **given: Any) -> Any:
    asked = {
        "VoiceId": "Joanna",
        "OutputFormat": "pcm",
        "OutputS3BucketName": "sounds",
        "Text": text,
        **given,
    }
    return boto.start_speech_synthesis_task(**asked)["SynthesisTask"]


def finished(boto: Any, task: str) -> Any:
    """Return a task when it has ended."""

    def ended() -> Any:
        found = boto.get_speech_synthesis_task(TaskId=task)["SynthesisTask"]
        return found if found["TaskStatus"] in ("completed", "failed") else None

    return until(ended, f"the end of {task}")


def test_a_task_from_its_start_to_its_file(boto: Any, root: Path) -> None:
    made = start(
        boto,
        "<speak>One &amp; two.</speak>",
        TextType="ssml",
        OutputS3KeyPrefix="articles/one",
        Engine="neural",
    )
    assert made["TaskStatus"] in ("scheduled", "inProgress")
    found = finished(boto, made["TaskId"])
    assert found["TaskStatus"] == "completed"
    assert (
        found["OutputUri"] == f"https://s3.eu-west-1.amazonaws.com/sounds/articles/one.{made['TaskId']}.pcm"
    )
    assert {name: found[name] for name in ("Engine", "OutputFormat", "TextType", "VoiceId")} == {
        "Engine": "neural",
        "OutputFormat": "pcm",
        "TextType": "ssml",
        "VoiceId": "Joanna",
    }
    assert found["RequestCharacters"] == len("One & two.")
    file = root / "out/articles" / f"one.{made['TaskId']}.pcm"
    assert file.read_bytes() == speak(boto, "<speak>One &amp; two.</speak>", TextType="ssml")
    assert not list((root / "data/tasks").iterdir())


def test_marks_lie_beside_sound(boto: Any, root: Path) -> None:
    made = start(boto, OutputFormat="json", SpeechMarkTypes=["word"])
    found = finished(boto, made["TaskId"])
    assert found["OutputUri"].endswith(f"/{made['TaskId']}.marks")
    lines = (root / "out" / f"{made['TaskId']}.marks").read_text().splitlines()
    assert [json.loads(line)["value"] for line in lines] == ["One", "two"]


@pytest.mark.long
def test_two_hundred_thousand_characters(tmp_path: Path) -> None:
    """As many as are allowed, half of them markup; one more of either is refused."""
    (tmp_path / "out").mkdir()
    sentence = "abcd efgh " * 99 + "abcd efg. "
    text = f"<speak>{sentence * 100}{'<s></s>' * 14_283}</speak>"
    assert len(text) == 199_996
    folders = {"s3://sounds/": str(tmp_path / "out")}
    with serve_narration(tmp_path / "data", Choir(letter=0.001), folders=folders) as url:
        boto = polly(url)
        made = start(boto, text, TextType="ssml", OutputFormat="json", SpeechMarkTypes=["word"])
        assert made["RequestCharacters"] == 100_000
        assert finished(boto, made["TaskId"])["TaskStatus"] == "completed"
        lines = (tmp_path / "out" / f"{made['TaskId']}.marks").read_bytes().splitlines()
        assert len(lines) == 20_000
        with pytest.raises(ClientError, match="100,001 characters without markup"):
            start(boto, "a" * 100_001)
        with pytest.raises(ClientError, match="200,001 characters, at most"):
            start(boto, "a" * 200_001)


def test_listing_the_newest_first(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with serve_narration(tmp_path / "data", folders={"s3://sounds/": str(tmp_path / "out")}) as url:
        boto = polly(url)
        made = [start(boto)["TaskId"] for _ in range(5)]
        for task in made:
            finished(boto, task)
        pages = boto.get_paginator("list_speech_synthesis_tasks").paginate(PaginationConfig={"PageSize": 2})
        found = [[one["TaskId"] for one in page["SynthesisTasks"]] for page in pages]
        assert found == [made[:2:-1], made[2:0:-1], made[:1]]
        assert len(boto.list_speech_synthesis_tasks(Status="completed")["SynthesisTasks"]) == 5
        assert boto.list_speech_synthesis_tasks(Status="failed")["SynthesisTasks"] == []
        with pytest.raises(ClientError, match="InvalidNextTokenException"):
            boto.list_speech_synthesis_tasks(NextToken="x")
        other = polly(url, key=OTHER)
        assert other.list_speech_synthesis_tasks()["SynthesisTasks"] == []
        with pytest.raises(ClientError, match="SynthesisTaskNotFoundException"):
            other.get_speech_synthesis_task(TaskId=made[0])


def test_a_task_is_forgotten_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its text when it ends, and all of it when Polly would have forgotten it."""
    (tmp_path / "out").mkdir()
    with serve_narration(tmp_path / "data", folders={"s3://sounds/": str(tmp_path / "out")}) as url:
        boto = polly(url)
        first = start(boto, "A secret.")["TaskId"]
        finished(boto, first)
        with contextlib.closing(sqlite3.connect(tmp_path / "data/state.db")) as db:
            ((kept,),) = db.execute("SELECT request FROM synthesis_tasks")
        assert json.loads(kept)["Text"] == ""
        start(boto)
        assert boto.get_speech_synthesis_task(TaskId=first)["SynthesisTask"]["TaskStatus"] == "completed"
        monkeypatch.setattr(tasks, "KEPT", 0.0)
        start(boto)
        with pytest.raises(ClientError, match="SynthesisTaskNotFoundException"):
            boto.get_speech_synthesis_task(TaskId=first)


@pytest.mark.parametrize(
    ("given", "code", "what"),
    [
        (
            {"SnsTopicArn": "arn:aws:sns:eu-west-1:123456789012:t"},
            "InvalidSnsTopicArnException",
            "sends no notif",
        ),
        ({"OutputS3KeyPrefix": "../../up"}, "InvalidS3KeyException", "leads out of the folder"),
        ({"SampleRate": "1"}, "InvalidSampleRateException", "not 1"),
        ({"text": "<speak>", "TextType": "ssml"}, "InvalidSsmlException", "line 1, column 8"),
        ({"LexiconNames": ["absent"]}, "LexiconNotFoundException", "absent"),
    ],
)
def test_what_is_wrong_is_refused_at_the_start(
    boto: Any, given: dict[str, Any], code: str, what: str
) -> None:
    with pytest.raises(ClientError, match=what) as caught:
        start(boto, given.pop("text", "One."), **given)
    assert caught.value.response["Error"]["Code"] == code


def test_a_task_that_fails_says_why(boto: Any, root: Path) -> None:
    (root / "out/file").write_text("in the way")
    for given, what in (
        ({"OutputS3KeyPrefix": "file/x"}, "file"),
        ({"text": "日本語。"}, "anna cannot say"),
        ({"text": "One. " * 3 + "日本語。"}, "anna cannot say"),
    ):
        found = finished(boto, start(boto, given.pop("text", "One."), **given)["TaskId"])
        assert found["TaskStatus"] == "failed"
        assert what in found["TaskStatusReason"]


@pytest.mark.slow
def test_engines_with_one_database_share_the_tasks(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each task is done once; one that an engine leaves at its end is done by another."""
    monkeypatch.setattr(engine, "_LOOKS", 0.05)
    (tmp_path / "out").mkdir()
    go, reached = threading.Event(), threading.Semaphore(0)
    close = Work.close
    monkeypatch.setattr(Work, "close", lambda work: (close(work), go.set()))

    def held(text: str) -> None:
        if text.startswith("Held"):
            reached.release()
            go.wait(60)

    first, second = Choir(before=held), Choir()
    folders = {"s3://sounds/": str(tmp_path / "out")}
    with contextlib.ExitStack() as others:
        with contextlib.ExitStack() as stopped:

            def serve(stack: contextlib.ExitStack, name: str, choir: Choir) -> Any:
                url = stack.enter_context(
                    serve_narration(tmp_path / name, choir, folders=folders, database=database)
                )
                return polly(url)

            one = serve(stopped, "one", first)
            task = start(one, "Held one. " + "And more. " * 50)["TaskId"]
            assert reached.acquire(timeout=60)
            two = serve(others, "two", second)
            more = [start(one)["TaskId"] for _ in range(4)]
            for name in more:
                assert finished(two, name)["TaskStatus"] == "completed"
            assert len(first.voices["anna"].spoken) == 0
        assert finished(two, task)["TaskStatus"] == "completed"
        assert len(second.voices["anna"].spoken) > 2
        assert (tmp_path / "out" / f"{task}.pcm").stat().st_size > 0
