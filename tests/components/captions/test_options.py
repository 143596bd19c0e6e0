"""Parameters of streams: what is refused is named, false is as absent, and what is asked for is done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.serialize import create_serializer
from hypothesis import given, settings
from hypothesis import strategies as st

from brume.aws.client import service_model
from brume.aws.wire.protocols import PROTOCOLS
from brume.aws.wire.requests import HttpRequest
from tests.aws.audio_stream import Stream
from tests.aws.generating import parameters
from tests.aws.serving import client_of
from tests.aws.test_http import client
from tests.components.captions.engines import Scripted, serve_captions
from tests.components.captions.speech import RATE, SILENCE, StreamError, text_of, transcribe
from tests.polling import until


@pytest.fixture(scope="module")
def script() -> Scripted:
    return Scripted(likely="es")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, script: Scripted) -> Iterator[str]:
    with serve_captions(tmp_path_factory.mktemp("options"), script) as made:
        yield made


@pytest.fixture(scope="module")
def words(url: str) -> Any:
    """Make a vocabulary and a filter in two languages; returns boto3's client."""
    boto = client_of(url, "transcribe")
    for code, phrase, word in (("en-US", "Twoo", "three"), ("es-US", "Dos", "one")):
        boto.create_vocabulary(VocabularyName=f"v-{code}", LanguageCode=code, Phrases=[phrase])
        boto.create_vocabulary_filter(VocabularyFilterName=f"f-{code}", LanguageCode=code, Words=[word])
        until(
            lambda: boto.get_vocabulary(VocabularyName=f"v-{code}")["VocabularyState"] == "READY"  # noqa: B023
        )
    return boto


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"show_speaker_label": "true"}, "ShowSpeakerLabel"),
        ({"content_identification_type": "PII"}, "ContentIdentificationType"),
        ({"content_redaction_type": "PII"}, "ContentRedactionType"),
        ({"pii_entity_types": "NAME"}, "PiiEntityTypes"),
        ({"language_model_name": "mine"}, "LanguageModelName"),
        ({"identify_multiple_languages": "true"}, "IdentifyMultipleLanguages"),
        ({"vocabulary_name": "absent"}, "vocabulary absent couldn't be found"),
        ({"vocabulary_filter_name": "absent"}, "vocabulary filter absent couldn't be found"),
        ({"vocabulary_name": "v-es-US"}, "v-es-US is for es-US, not for en-US"),
        ({"vocabulary_filter_name": "f-es-US"}, "f-es-US is for es-US, not for en-US"),
        ({"language_code": "fr-FR"}, "fr-FR is not spoken by this server's model scripted"),
        ({"language_code": "xx-XX"}, "must be one of af-ZA"),
        ({"language_code": None}, "Give LanguageCode, or IdentifyLanguage"),
        ({"identify_language": "true"}, "LanguageCode or IdentifyLanguage, not both"),
        ({"identify_language": "true", "language_code": None}, "at least two language codes"),
        (
            {"identify_language": "true", "language_code": None, "language_options": "en-US,en-GB"},
            "more than one dialect of en",
        ),
        ({"partial_results_stability": "high"}, "needs EnablePartialResultsStabilization"),
        ({"number_of_channels": "2"}, "needs EnableChannelIdentification"),
        ({"enable_channel_identification": "true"}, "NumberOfChannels=2"),
        ({"sample_rate": "7000"}, "8000"),
        ({"media_encoding": "mp3"}, "must be one of flac"),
        ({"media_encoding": "g729"}, "MediaEncoding g729 is not done by this server"),
        ({"session_resume_window": "60"}, "SessionResumeWindow"),
        ({"media_encoding": None}, "media-encoding"),
    ],
)
@pytest.mark.parametrize("protocol", ["http2", "websocket"])
def test_what_is_refused_is_named(
    url: str, words: Any, protocol: str, parameters: dict[str, Any], message: str
) -> None:
    if protocol == "http2":
        with client(url) as one:
            stream = Stream(one, url, **parameters)
            assert stream.head()[":status"] == "400"
            text = json.loads(one.answer(stream.stream))["Message"]
    else:
        with pytest.raises(StreamError) as caught:
            transcribe(url, [SILENCE], **{name: value or "" for name, value in parameters.items()})
        assert caught.value.code == "BadRequestException"
        text = caught.value.message
    assert message.replace("-", "").lower() in text.replace("-", "").lower()


def test_false_is_as_absent(url: str, script: Scripted) -> None:
    """AWS's Python clients send every flag: as "False", or as "false"."""
    flags = (
        "show_speaker_label", "enable_channel_identification", "enable_partial_results_stabilization",
        "identify_language", "identify_multiple_languages",
    )  # fmt: skip
    for false in ("false", "False"):
        with client(url) as one:
            stream = Stream(one, url, **dict.fromkeys(flags, false))
            assert stream.head()[":status"] == "200"
            stream.end()
            assert stream.rest() == []
    found = transcribe(url, [SILENCE], **dict.fromkeys(flags, "false"))
    assert text_of(found) == script.text(1)
    assert not any("Stable" in item for one in found for item in one["Alternatives"][0]["Items"])


def test_results_have_what_the_api_promises(url: str) -> None:
    found = transcribe(url, [SILENCE], enable_partial_results_stabilization="true")
    last = found[-1]
    assert last["IsPartial"] is False
    assert (last["StartTime"], last["EndTime"]) == (0.0, 0.975)
    items = last["Alternatives"][0]["Items"]
    assert [(item["Content"], item["Type"]) for item in items] == [
        ("one", "pronunciation"),
        ("two", "pronunciation"),
        (",", "punctuation"),
        ("three", "pronunciation"),
        ("four", "pronunciation"),
        (".", "punctuation"),
    ]
    assert all(item["Stable"] for item in items)
    assert items[1]["StartTime"] == 0.25
    assert items[1]["Confidence"] == 0.95
    assert not any(item["VocabularyFilterMatch"] for item in items)


def test_two_channels_are_told_apart_by_their_id(url: str, script: Scripted) -> None:
    found = transcribe(url, [bytes(4 * RATE)], enable_channel_identification="true", number_of_channels="2")
    for channel in ("ch_0", "ch_1"):
        assert text_of(one for one in found if one["ChannelId"] == channel) == script.text(1)


@pytest.mark.parametrize(
    ("method", "text"),
    [("mask", "one two, *** four."), ("remove", "one two, four."), ("tag", "one two, three four.")],
)
def test_a_filter_of_words(url: str, words: Any, method: str, text: str) -> None:
    found = transcribe(
        url,
        [SILENCE],
        vocabulary_filter_name="f-en-US",
        vocabulary_filter_method=method,
        enable_partial_results_stabilization="true",
    )
    assert text_of(found) == text
    matched = [
        item["Content"] for item in found[-1]["Alternatives"][0]["Items"] if item["VocabularyFilterMatch"]
    ]
    assert matched == {"mask": ["***"], "remove": [], "tag": ["three"]}[method]


def test_of_several_languages_the_words_of_the_one_that_is_spoken_are_used(url: str, words: Any) -> None:
    found = transcribe(
        url,
        [SILENCE],
        language_code="",
        identify_language="true",
        language_options="en-US,es-US",
        preferred_language="en-US",
        vocabulary_names="v-en-US,v-es-US",
        vocabulary_filter_names="f-en-US,f-es-US",
    )
    assert text_of(found) == "*** two, three four."
    assert found[-1]["LanguageCode"] == "es-US"
    assert found[-1]["LanguageIdentification"] == [
        {"LanguageCode": "es-US", "Score": 0.8},
        {"LanguageCode": "en-US", "Score": 0.2},
    ]


def test_the_preferred_language_is_taken_where_it_is_nearly_as_likely(tmp_path: Path) -> None:
    asked = {"language_code": "", "identify_language": "true", "language_options": "en-US,es-US"}
    with serve_captions(tmp_path, Scripted(likely="es", likelihood=0.6)) as url:
        for preferred in ("en-US", "es-US", ""):
            found = transcribe(url, [SILENCE], **asked, preferred_language=preferred)
            assert found[-1]["LanguageCode"] == (preferred or "es-US")


@settings(max_examples=25)
@given(st.data())
def test_every_parameter_arrives_as_botocore_writes_it(data: st.DataObject) -> None:
    operation = service_model("transcribe-streaming").operation_model("StartStreamTranscription")
    sent = data.draw(parameters(operation.input_shape))
    written = create_serializer("rest-json", include_validation=False).serialize_to_request(
        {**sent, "AudioStream": {}}, operation
    )
    headers = {name.lower(): str(value) for name, value in written["headers"].items()}
    got = PROTOCOLS["rest-json"].read(operation, HttpRequest([], headers, b"", {}))
    assert {name: value for name, value in got.items() if name != "AudioStream"} == sent
