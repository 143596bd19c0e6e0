"""Transcription jobs of AWS's own programs, with audio and transcripts in an S3 server: CLI, JavaScript."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from brume import storage
from tests.aws.command_line import command_line
from tests.aws.serving import client_of
from tests.aws.test_sdks import installed_javascript, run
from tests.components.captions.engines import Scripted, serve_captions
from tests.components.captions.speech import SILENCE, encoded
from tests.components.captions.test_jobs import finished
from tests.polling import until

pytestmark = pytest.mark.slow
TEXT = "one two, three four."


@pytest.fixture(scope="module")
def bucket(s3_server: str) -> str:
    boto3.client("s3", endpoint_url=s3_server).create_bucket(Bucket="talks")
    storage.write_bytes("s3://talks/in/one.wav", encoded(SILENCE, "wav"))
    return "s3://talks"


@pytest.fixture(scope="module")
def url(bucket: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve_captions(tmp_path_factory.mktemp("captions"), Scripted()) as made:
        yield made


def check(bucket: str, name: str) -> None:
    """Check the files that a job wrote into the bucket."""
    text = json.loads(storage.read_bytes(f"{bucket}/out/{name}.json"))
    assert text["jobName"] == name
    assert text["results"]["transcripts"] == [{"transcript": TEXT}]
    assert storage.read_bytes(f"{bucket}/out/{name}.vtt").startswith(b"WEBVTT")


def request(name: str) -> dict[str, Any]:
    return {
        "TranscriptionJobName": name,
        "LanguageCode": "en-US",
        "Media": {"MediaFileUri": "s3://talks/in/one.wav"},
        "OutputBucketName": "talks",
        "OutputKey": "out/",
        "Subtitles": {"Formats": ["vtt"]},
    }


def test_boto3(url: str, bucket: str) -> None:
    boto = client_of(url, "transcribe")
    boto.start_transcription_job(**request("boto3"))
    job = finished(boto, "boto3")
    assert job["TranscriptionJobStatus"] == "COMPLETED", job
    assert job["Transcript"]["TranscriptFileUri"].endswith("/talks/out/boto3.json")
    check(bucket, "boto3")
    boto.start_transcription_job(
        **{**request("absent"), "Media": {"MediaFileUri": "s3://talks/in/absent.wav"}}
    )
    assert "s3://talks/in/absent.wav" in finished(boto, "absent")["FailureReason"]


def test_the_command_line(url: str, bucket: str, tmp_path: Path) -> None:
    ask = command_line("transcribe", url, tmp_path)

    def aws(*words: str) -> Any:
        return ask(*words)["TranscriptionJob"]

    aws("start-transcription-job", "--cli-input-json", json.dumps(request("cli")))

    def ended() -> bool:
        job = aws("get-transcription-job", "--transcription-job-name", "cli")
        return job["TranscriptionJobStatus"] == "COMPLETED"

    until(ended, "the end of the job")
    check(bucket, "cli")


def test_javascript(url: str, bucket: str) -> None:
    folder = installed_javascript()

    def send(operation: str, **parameters: Any) -> Any:
        asked = {"service": "transcribe", "operation": operation, "parameters": parameters}
        (given,) = run(folder, "node", "main.mjs", call="send", endpoint=url, requests=[asked])
        assert "error" not in given, given
        return given["output"]["TranscriptionJob"]

    send("StartTranscriptionJob", **request("javascript"))

    def ended() -> bool:
        job = send("GetTranscriptionJob", TranscriptionJobName="javascript")
        return job["TranscriptionJobStatus"] == "COMPLETED"

    until(ended, "the end of the job")
    check(bucket, "javascript")
