"""Transcription jobs by boto3: requests, transcripts, subtitles, where they lie, and a kill at any moment."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from brume.captions.engine import downloads
from tests.aws.serving import KEY, OTHER, client_of
from tests.components.captions.engines import Scripted, serve_captions
from tests.components.captions.speech import RATE, SILENCE, encoded
from tests.polling import until

DONE = ("COMPLETED", "FAILED")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("jobs")
    for name in ("in", "out"):
        (made / name).mkdir()
    for kind in ("wav", "flac", "mp3", "ogg-opus", "mp4"):
        (made / f"in/two.{kind}").write_bytes(
            encoded(SILENCE * 2, kind, 48_000 if kind == "ogg-opus" else RATE)
        )
    (made / "in/stereo.wav").write_bytes(encoded(bytes(8 * RATE), "wav", channels=2))
    (made / "in/notes.wav").write_text("this is no audio")
    return made


@pytest.fixture(scope="module")
def url(root: Path) -> Iterator[str]:
    folders = {"s3://in/": str(root / "in"), "s3://out/": str(root / "out")}
    with serve_captions(root, Scripted(likely="es"), folders=folders) as made:
        yield made


@pytest.fixture(scope="module")
def boto(url: str) -> Any:
    return client_of(url, "transcribe")


def start(boto: Any, name: str, file: str = "s3://in/two.wav", **given: Any) -> Any:
    """Start a job; English where nothing else is given."""
    language = {} if {"LanguageCode", "IdentifyLanguage"} & set(given) else {"LanguageCode": "en-US"}
    media = {"MediaFileUri": file}
    return boto.start_transcription_job(TranscriptionJobName=name, Media=media, **language, **given)[
        "TranscriptionJob"
    ]


def finished(boto: Any, name: str) -> Any:
    """Return a job when it has ended."""

    def ended() -> Any:
        job = boto.get_transcription_job(TranscriptionJobName=name)["TranscriptionJob"]
        return job if job["TranscriptionJobStatus"] in DONE else None

    return until(ended, f"the end of {name}")


def fetched(uri: str) -> bytes:
    with urllib.request.urlopen(uri) as answer:
        return bytes(answer.read())


def test_a_job_from_its_request_to_its_transcript(boto: Any) -> None:
    made = start(
        boto, "whole", Tags=[{"Key": "team", "Value": "news"}], Subtitles={"Formats": ["vtt", "srt"]}
    )
    assert made["TranscriptionJobStatus"] in ("QUEUED", "IN_PROGRESS")
    job = finished(boto, "whole")
    assert job["TranscriptionJobStatus"] == "COMPLETED"
    assert (job["LanguageCode"], job["MediaFormat"], job["MediaSampleRateHertz"]) == ("en-US", "wav", RATE)
    assert job["CreationTime"] <= job["StartTime"] <= job["CompletionTime"]
    assert job["Tags"] == [{"Key": "team", "Value": "news"}]
    text = json.loads(fetched(job["Transcript"]["TranscriptFileUri"]))
    assert (text["jobName"], text["accountId"], text["status"]) == ("whole", KEY.account, "COMPLETED")
    results = text["results"]
    assert results["transcripts"] == [{"transcript": "one two, three four. one two, three four."}]
    assert results["items"][:3] == [
        {
            "id": 0,
            "type": "pronunciation",
            "alternatives": [{"confidence": "0.950", "content": "one"}],
            "start_time": "0.000",
            "end_time": "0.225",
        },
        {
            "id": 1,
            "type": "pronunciation",
            "alternatives": [{"confidence": "0.950", "content": "two"}],
            "start_time": "0.250",
            "end_time": "0.475",
        },
        {"id": 2, "type": "punctuation", "alternatives": [{"confidence": "0.0", "content": ","}]},
    ]
    assert [segment["items"] for segment in results["audio_segments"]] == [list(range(6)), list(range(6, 12))]
    vtt, srt = (fetched(uri).decode() for uri in job["Subtitles"]["SubtitleFileUris"])
    assert vtt.startswith("WEBVTT\n\n")
    assert srt.startswith("0\n00:00:00,000 --> ")  # AWS's first number, unless OutputStartIndex is 1


@pytest.mark.parametrize(
    ("key", "expected"), [(None, "bucket"), ("folder/", "folder/bucket"), ("folder/name.json", "folder/name")]
)
def test_the_bucket_and_key_of_the_output(boto: Any, root: Path, key: str | None, expected: str) -> None:
    start(
        boto,
        "bucket",
        OutputBucketName="out",
        Subtitles={"Formats": ["srt"], "OutputStartIndex": 1},
        **({"OutputKey": key} if key else {}),
    )
    job = finished(boto, "bucket")
    uri = f"https://s3.eu-west-1.amazonaws.com/out/{expected}"
    assert job["Transcript"]["TranscriptFileUri"] == f"{uri}.json"
    assert job["Subtitles"]["SubtitleFileUris"] == [f"{uri}.srt"]
    assert json.loads((root / f"out/{expected}.json").read_text())["jobName"] == "bucket"
    assert (root / f"out/{expected}.srt").read_text().startswith("1\n")
    boto.delete_transcription_job(TranscriptionJobName="bucket")
    assert (root / f"out/{expected}.json").exists()


@pytest.mark.parametrize("kind", ["flac", "mp3", "ogg-opus", "mp4"])
def test_formats_are_recognised(boto: Any, kind: str) -> None:
    start(boto, f"format-{kind}", f"s3://in/two.{kind}")
    job = finished(boto, f"format-{kind}")
    assert job["TranscriptionJobStatus"] == "COMPLETED"
    assert job["MediaFormat"] == kind.removesuffix("-opus")


def test_channels_and_languages_are_identified(boto: Any) -> None:
    start(boto, "channels", "s3://in/stereo.wav", Settings={"ChannelIdentification": True})
    start(boto, "languages", IdentifyLanguage=True, LanguageOptions=["en-US", "es-US"])
    results = json.loads(fetched(finished(boto, "channels")["Transcript"]["TranscriptFileUri"]))["results"]
    assert results["channel_labels"]["number_of_channels"] == 2
    for channel, label in zip(results["channel_labels"]["channels"], ("ch_0", "ch_1"), strict=True):
        assert channel["channel_label"] == label
        words = [item["alternatives"][0]["content"] for item in channel["items"]]
        assert words == ["one", "two", ",", "three", "four", "."] * 2
    job = finished(boto, "languages")
    assert (job["LanguageCode"], job["IdentifiedLanguageScore"]) == ("es-US", pytest.approx(0.8))
    results = json.loads(fetched(job["Transcript"]["TranscriptFileUri"]))["results"]
    assert results["language_code"] == "es-US"
    assert results["language_identification"] == [
        {"code": "es-US", "score": "0.8000"},
        {"code": "en-US", "score": "0.2000"},
    ]


def test_words_of_jobs(boto: Any) -> None:
    """Vocabularies and filters in a job: by Settings, and by LanguageIdSettings for the language spoken."""
    for code, word in (("en-US", "one"), ("es-US", "four")):
        boto.create_vocabulary_filter(VocabularyFilterName=f"job-{code}", LanguageCode=code, Words=[word])
    start(boto, "words", Settings={"VocabularyFilterName": "job-en-US", "VocabularyFilterMethod": "remove"})
    start(
        boto,
        "words-of-languages",
        IdentifyLanguage=True,
        LanguageOptions=["en-US", "es-US"],
        LanguageIdSettings={code: {"VocabularyFilterName": f"job-{code}"} for code in ("en-US", "es-US")},
    )
    for name, expected in (("words", "two, three four."), ("words-of-languages", "one two, three ***.")):
        text = json.loads(fetched(finished(boto, name)["Transcript"]["TranscriptFileUri"]))
        assert text["results"]["transcripts"][0]["transcript"] == f"{expected} {expected}"


@pytest.mark.parametrize(
    ("file", "given", "reason"),
    [
        ("s3://in/notes.wav", {}, "the audio cannot be decoded"),
        ("s3://in/absent.wav", {}, "s3://in/absent.wav is not there"),
        ("s3://in/two.wav", {"MediaFormat": "mp3"}, "the file is wav, and MediaFormat is mp3"),
        (
            "s3://in/two.wav",
            {"MediaSampleRateHertz": 8000},
            "16000 samples a second, and MediaSampleRateHertz is 8000",
        ),
        ("s3://in/two.wav", {"LanguageCode": "fr-FR"}, "fr-FR is not spoken by this server's model scripted"),
        ("s3://in/two.wav", {"Settings": {"ChannelIdentification": True}}, "this one has 1"),
    ],
)
def test_a_job_that_fails_says_why(boto: Any, file: str, given: dict[str, Any], reason: str) -> None:
    start(boto, "failing", file, **given)
    job = finished(boto, "failing")
    assert job["TranscriptionJobStatus"] == "FAILED"
    assert reason in job["FailureReason"]
    boto.delete_transcription_job(TranscriptionJobName="failing")


@pytest.mark.parametrize(
    ("given", "member"),
    [
        ({"IdentifyMultipleLanguages": True}, "IdentifyMultipleLanguages"),
        ({"ContentRedaction": {"RedactionType": "PII", "RedactionOutput": "redacted"}}, "ContentRedaction"),
        ({"ToxicityDetection": [{"ToxicityCategories": ["ALL"]}]}, "ToxicityDetection"),
        ({"OutputEncryptionKMSKeyId": "key"}, "OutputEncryptionKMSKeyId"),
        ({"Settings": {"ShowSpeakerLabels": True, "MaxSpeakerLabels": 2}}, "Settings.ShowSpeakerLabels"),
        ({"Settings": {"ShowAlternatives": True, "MaxAlternatives": 2}}, "Settings.ShowAlternatives"),
        ({"ModelSettings": {"LanguageModelName": "mine"}}, "ModelSettings.LanguageModelName"),
        ({"LanguageCode": "en-US", "IdentifyLanguage": True}, "either LanguageCode or IdentifyLanguage"),
        ({"IdentifyLanguage": True, "LanguageOptions": ["en-US"]}, "at least two language codes"),
        ({"OutputKey": "a/"}, "OutputKey needs OutputBucketName"),
        ({"Settings": {"VocabularyName": "absent"}}, "vocabulary absent couldn't be found"),
        ({"TranscriptionJobName": "a/b"}, "must match the pattern"),
        ({"TranscriptionJobName": "a b"}, "must match the pattern"),
        ({"Media": {}}, "Media.MediaFileUri"),
        ({"Media": {"MediaFileUri": "/etc/passwd"}}, "MediaFileUri must match the pattern"),
        ({"Media": {"MediaFileUri": "s3://in/../state.db"}}, "state.db"),
    ],
)
def test_what_is_refused_is_named(boto: Any, given: dict[str, Any], member: str) -> None:
    wanted = {"TranscriptionJobName": "refused", "Media": {"MediaFileUri": "s3://in/two.wav"}, **given}
    if "IdentifyLanguage" not in given and "IdentifyMultipleLanguages" not in given:
        wanted.setdefault("LanguageCode", "en-US")
    with pytest.raises(ClientError) as caught:
        boto.start_transcription_job(**wanted)
    assert caught.value.response["Error"]["Code"] == "BadRequestException"
    assert member in caught.value.response["Error"]["Message"]


def test_listings_and_other_accounts(boto: Any, url: str) -> None:
    for number in range(3):
        start(boto, f"listed_{number}")
        finished(boto, f"listed_{number}")
    with pytest.raises(ClientError) as caught:
        start(boto, "listed_0")
    assert caught.value.response["Error"]["Code"] == "ConflictException"
    first = boto.list_transcription_jobs(JobNameContains="LISTED_", MaxResults=2, Status="COMPLETED")
    rest = boto.list_transcription_jobs(
        JobNameContains="LISTED_", MaxResults=2, Status="COMPLETED", NextToken=first["NextToken"]
    )
    found = first["TranscriptionJobSummaries"] + rest["TranscriptionJobSummaries"]
    assert [one["TranscriptionJobName"] for one in found] == ["listed_2", "listed_1", "listed_0"]
    assert {one["OutputLocationType"] for one in found} == {"SERVICE_BUCKET"}
    assert boto.list_transcription_jobs(Status="QUEUED")["TranscriptionJobSummaries"] == []
    other = client_of(url, "transcribe", key=OTHER)
    assert other.list_transcription_jobs()["TranscriptionJobSummaries"] == []
    for call, code in (
        (other.get_transcription_job, "NotFoundException"),
        (other.delete_transcription_job, "BadRequestException"),
    ):
        with pytest.raises(ClientError) as caught:
            call(TranscriptionJobName="listed_0")
        assert caught.value.response["Error"]["Code"] == code


def test_addresses_of_transcripts_expire_and_cannot_be_forged(
    boto: Any, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(boto, "address")
    uri = finished(boto, "address")["Transcript"]["TranscriptFileUri"]
    assert uri.startswith(f"{url}/captions/transcripts/")
    assert json.loads(fetched(uri))["jobName"] == "address"

    def status(address: str) -> tuple[int, str]:
        with pytest.raises(urllib.error.HTTPError) as caught:
            fetched(address)
        return caught.value.code, caught.value.read().decode()

    start_, token, name = uri.rpartition("/")[0].rpartition("/")[0], uri.split("/")[-2], uri.split("/")[-1]
    content, mac = token.split(".")
    for wrong in (f"{content}x.{mac}", f"{content}.{mac[:-2]}AA", content, "é", f"{content[:-4]}AAAA.{mac}"):
        assert status(f"{start_}/{urllib.request.quote(wrong)}/{name}")[0] == 403
    now = time.time()
    monkeypatch.setattr(downloads.time, "time", lambda: now + 3601)
    assert status(uri) == (403, "this address has expired: GetTranscriptionJob gives a new one\n")
    monkeypatch.undo()
    boto.delete_transcription_job(TranscriptionJobName="address")
    assert status(uri)[0] == 404
