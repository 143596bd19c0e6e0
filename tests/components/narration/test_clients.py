"""AWS's own programs against the engine, unchanged: JavaScript with streams and presigned URLs, the CLI."""

from __future__ import annotations

import base64
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from brume import storage
from tests.aws.command_line import command_line
from tests.aws.test_sdks import installed_javascript, run
from tests.components.narration.test_lexicon import lexeme, pls
from tests.components.narration.test_tasks import finished, start
from tests.components.narration.tones import Choir, polly, serve_narration, speak
from tests.polling import until

pytestmark = pytest.mark.slow
LEXICON = pls(lexeme("kubectl", alias="cube control"))


@pytest.fixture(scope="module")
def choir() -> Choir:
    return Choir()


@pytest.fixture(scope="module")
def url(s3_server: str, tmp_path_factory: pytest.TempPathFactory, choir: Choir) -> Iterator[str]:
    boto3.client("s3", endpoint_url=s3_server).create_bucket(Bucket="sounds")
    with serve_narration(tmp_path_factory.mktemp("clients"), choir) as made:
        yield made


def test_tasks_write_into_an_object_store(url: str) -> None:
    boto = polly(url)
    task = start(boto, "One two.", OutputS3KeyPrefix="a/b")["TaskId"]
    assert finished(boto, task)["TaskStatus"] == "completed"
    assert storage.read_bytes(f"s3://sounds/a/b.{task}.pcm") == speak(boto, "One two.")
    absent = finished(boto, start(boto, "One.", OutputS3BucketName="absent")["TaskId"])
    assert absent["TaskStatus"] == "failed"
    assert "s3://absent/" in absent["TaskStatusReason"]


def send(url: str, *requests: tuple[str, dict[str, Any]]) -> list[Any]:
    """Send requests with AWS's SDK for JavaScript."""
    asked = [
        {"service": "polly", "operation": operation, "parameters": parameters}
        for operation, parameters in requests
    ]
    answers = run(installed_javascript(), "node", "main.mjs", call="send", endpoint=url, requests=asked)
    return [answer.get("output", answer) for answer in answers]


def test_every_operation_from_javascript(url: str) -> None:
    found = send(
        url,
        ("DescribeVoices", {"LanguageCode": "en-US"}),
        ("PutLexicon", {"Name": "js", "Content": LEXICON}),
        ("GetLexicon", {"Name": "js"}),
        ("ListLexicons", {}),
        ("DeleteLexicon", {"Name": "js"}),
        ("GetLexicon", {"Name": "js"}),
        (
            "StartSpeechSynthesisTask",
            {"VoiceId": "Joanna", "OutputFormat": "mp3", "OutputS3BucketName": "sounds", "Text": "a"},
        ),
        ("ListSpeechSynthesisTasks", {"MaxResults": 1}),
        (
            "SynthesizeSpeech",
            {"VoiceId": "Joanna", "OutputFormat": "mp3", "Text": "<speak>", "TextType": "ssml"},
        ),
        ("SynthesizeSpeech", {"VoiceId": "Joanna", "OutputFormat": "mp3", "Text": "One two."}),
    )
    assert found[0]["Voices"][0]["Id"] == "anna"
    assert found[2]["Lexicon"] == {"Name": "js", "Content": LEXICON}
    assert found[2]["LexiconAttributes"]["LexemesCount"] == 1
    assert [one["Name"] for one in found[3]["Lexicons"]] == ["js"]
    assert (found[5]["error"], found[5]["status"]) == ("LexiconNotFoundException", 404)
    task = found[6]["SynthesisTask"]["TaskId"]
    assert found[7]["SynthesisTasks"][0]["TaskId"] == task
    assert found[8]["error"] == "InvalidSsmlException"
    assert "line 1, column 8" in found[8]["message"]
    sound = base64.b64decode(found[9]["AudioStream"]["$bytes"])
    assert sound == speak(polly(url), "One two.", OutputFormat="mp3")
    assert (found[9]["ContentType"], found[9]["RequestCharacters"]) == ("audio/mpeg", 8)
    (described,) = send(url, ("GetSpeechSynthesisTask", {"TaskId": task}))
    assert described["SynthesisTask"]["TaskId"] == task


def stream(url: str, *texts: dict[str, Any], **parameters: Any) -> Any:
    """Speak texts in one stream of AWS's SDK for JavaScript; the sound is in `sound`."""
    found = run(
        installed_javascript(),
        "node",
        "main.mjs",
        call="synthesize",
        endpoint=url,
        texts=texts,
        parameters=parameters,
    )
    found["sound"] = b"".join(base64.b64decode(chunk) for chunk in found["chunks"])
    return found


def test_a_stream_of_texts(url: str, choir: Choir) -> None:
    """Sentences are spoken when they are complete; a forced flush answers before the next text is sent."""
    choir.voices["anna"].spoken.clear()
    force = {"Force": True}
    texts = [
        {"Text": "Uno two. Thr"},
        {"Text": "ee four. Fi", "FlushStreamConfiguration": force},
        {"Text": "ve. <six>"},
        {"Text": "<speak>sev<mark name='x'/>en</speak>", "TextType": "ssml"},
    ]
    found = stream(url, *texts)
    assert "error" not in found, found
    assert choir.voices["anna"].spoken[:3] == ["Uno two", "Three four", "Fi"]
    assert choir.voices["anna"].spoken[-1] == "sev en"
    assert found["closed"] == {"RequestCharacters": sum(len(text["Text"]) for text in texts[:3]) + 5}
    assert len(found["chunks"]) > 3
    assert len(found["sound"]) > 16000


def test_a_stream_of_one_text_sounds_as_a_request_does(url: str) -> None:
    text = "One two three. Four five."
    assert stream(url, {"Text": text})["sound"] == speak(polly(url), text)


@pytest.mark.parametrize(
    ("text", "parameters", "error", "what"),
    [
        ({"Text": "<speak>", "TextType": "ssml"}, {}, "ValidationException", "line 1, column 8"),
        ({"Text": "a"}, {"OutputFormat": "json"}, "ValidationException", "no speech marks"),
        ({"Text": "a"}, {"VoiceId": "Mizuki"}, "ValidationException", "ja-JP"),
        ({"Text": "a"}, {"LexiconNames": ["absent"]}, "ValidationException", "Lexicon not found: absent"),
        ({"Text": "日本語。"}, {}, "ValidationException", "anna cannot say"),
    ],
)
def test_what_a_stream_refuses(
    url: str, text: dict[str, Any], parameters: dict[str, Any], error: str, what: str
) -> None:
    found = stream(url, text, **parameters)
    assert what in found["message"]
    assert found["error"] == error


def test_a_presigned_url_of_javascript(url: str) -> None:
    parameters = {"VoiceId": "Joanna", "OutputFormat": "pcm", "Text": "A & b é + c", "TextType": "text"}
    address = run(
        installed_javascript(), "node", "main.mjs", call="presign", endpoint=url, parameters=parameters
    )["url"]
    with urllib.request.urlopen(address) as answer:
        assert answer.read() == speak(polly(url), parameters["Text"])


def test_the_command_line(url: str, tmp_path: Path) -> None:
    aws = command_line("polly", url, tmp_path)
    (tmp_path / "lexicon.pls").write_text(LEXICON)
    aws("put-lexicon", "--name", "cli", "--content", f"file://{tmp_path / 'lexicon.pls'}")
    assert aws("get-lexicon", "--name", "cli")["Lexicon"]["Content"] == LEXICON
    text = "Hello from kubectl."
    more = ["--output-format", "pcm", "--voice-id", "Joanna", "--lexicon-names", "cli", "--text", text]
    made = aws("synthesize-speech", *more, str(tmp_path / "sound"))
    assert made["RequestCharacters"] == len(text)
    assert (tmp_path / "sound").read_bytes() == speak(polly(url), text, LexiconNames=["cli"])
    task = aws("start-speech-synthesis-task", *more, "--output-s3-bucket-name", "sounds")["SynthesisTask"][
        "TaskId"
    ]
    until(
        lambda: (
            aws("get-speech-synthesis-task", "--task-id", task)["SynthesisTask"]["TaskStatus"] == "completed"
        ),
        "the end of the task",
    )
    assert storage.read_bytes(f"s3://sounds/{task}.pcm") == (tmp_path / "sound").read_bytes()
