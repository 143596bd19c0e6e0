"""SynthesizeSpeech: what comes back, when, and what is refused."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError

from brume.narration.model.alphabet import from_ipa
from tests.aws.serving import KEY
from tests.components.narration.test_lexicon import lexeme, pls
from tests.components.narration.tones import Choir, Gate, polly, samples, serve_narration, speak


@pytest.fixture(scope="module")
def choir() -> Choir:
    return Choir()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, choir: Choir) -> Iterator[str]:
    with serve_narration(tmp_path_factory.mktemp("speech"), choir) as made:
        yield made


@pytest.fixture(scope="module")
def boto(url: str) -> Any:
    return polly(url)


def marks(boto: Any, text: str, *kinds: str, **more: Any) -> list[dict[str, Any]]:
    found = speak(boto, text, OutputFormat="json", SpeechMarkTypes=list(kinds), **more)
    return [json.loads(line) for line in found.splitlines()]


def sounding(data: bytes, rate: int = 16000) -> list[tuple[float, float]]:
    """Return where tones are in pcm: (start, end) in seconds, pauses under 30 ms not counted."""
    size = rate // 200
    values = samples(data)
    loud = np.abs(values[: len(values) // size * size].reshape(-1, size)).max(axis=1) > 0.02
    found: list[list[float]] = []
    for index in np.flatnonzero(loud):
        start, end = index / 200, (index + 1) / 200
        if found and start - found[-1][1] < 0.03:
            found[-1][1] = end
        else:
            found.append([start, end])
    return [(start, end) for start, end in found]


def test_the_response(boto: Any) -> None:
    answer = boto.synthesize_speech(
        VoiceId="Joanna", OutputFormat="pcm", Text="<speak>one &amp; two</speak>", TextType="ssml"
    )
    assert answer["ContentType"] == "audio/pcm"
    assert answer["RequestCharacters"] == len("one & two")
    assert len(answer["AudioStream"].read()) > 16000


def test_marks_are_where_the_tones_are(boto: Any) -> None:
    """Byte offsets slice back to the word, the sound begins at its mark, and marks come in order."""
    text = "Más café, señor. It costs $5! 日本 no… 😀 Fin."
    found = marks(boto, text, "word", "sentence")
    raw = text.encode()
    for mark in found:
        assert raw[mark["start"] : mark["end"]].decode() == mark["value"]
    assert [mark["time"] for mark in found] == sorted(mark["time"] for mark in found)
    tones = sounding(speak(boto, text))
    words = [mark["time"] / 1000 for mark in found if mark["type"] == "word"]
    assert len(words) == len(tones)
    for time, (start, _) in zip(words, tones, strict=True):
        assert abs(time - start) < 0.02


def test_sound_and_marks_of_two_requests_are_of_one_synthesis(boto: Any, choir: Choir) -> None:
    choir.voices["anna"].spoken.clear()
    text = "Once only, please. And once more."
    first = speak(boto, text)
    marks(boto, text, "word")
    assert speak(boto, text) == first
    assert len(choir.voices["anna"].spoken) == 2  # its sentences, once each


def test_marks_at_breaks_and_in_ssml(boto: Any) -> None:
    """A mark before a break is at the end of the word, not of the break."""
    text = (
        '<speak>one <mark name="before"/><break time="2s"/><mark name="after"/> two <mark name="é"/></speak>'
    )
    found = marks(boto, text, "ssml", "word", "sentence", TextType="ssml")
    time = {mark["value"]: mark["time"] for mark in found}
    assert time["before"] < time["one"] + 400
    assert time["after"] - time["before"] > 1900
    assert 0 <= time["two"] - time["after"] < 150
    raw = text.encode()
    sentence = next(mark for mark in found if mark["type"] == "sentence")
    assert raw[sentence["start"] : sentence["end"]].decode() == sentence["value"]
    assert sentence["value"].startswith("one <mark")
    for mark in found:
        if mark["type"] == "ssml":
            assert raw[mark["start"] : mark["end"]].decode() == f'<mark name="{mark["value"]}"/>'


def test_no_mark_is_missing(boto: Any) -> None:
    """Wherever marks stand, each comes once, in the order of the text."""
    text = (
        '<speak><mark name="1"/><mark name="2"/><p>One<mark name="3"/>two<mark name="4"/></p><mark name="5"/>'
        '<break time="1s"/><mark name="6"/><p><mark name="7"/></p><p>Three<break/><mark name="8"/>, '
        '<prosody rate="slow"><mark name="9"/>four</prosody> <mark name="10"/></p><mark name="11"/></speak>'
    )
    found = marks(boto, text, "ssml", TextType="ssml")
    assert [mark["value"] for mark in found] == [str(number) for number in range(1, 12)]
    assert [mark["time"] for mark in found] == sorted(mark["time"] for mark in found)


def test_visemes(boto: Any) -> None:
    text = '<speak><phoneme alphabet="ipa" ph="bæθ">bath</phoneme></speak>'
    found = marks(boto, text, "viseme", TextType="ssml")
    assert [mark["value"] for mark in found] == ["p", "a", "T", "sil"]
    assert {tuple(mark) for mark in found} == {("time", "type", "value")}


def test_marks_do_not_drift_in_a_long_text_at_a_slow_rate(boto: Any) -> None:
    text = f'<speak><prosody rate="50%">{"one two three. " * 40}</prosody></speak>'
    found = marks(boto, text, "word", TextType="ssml")
    tones = sounding(speak(boto, text, TextType="ssml"))
    assert len(found) == len(tones) == 120
    assert max(abs(mark["time"] / 1000 - start) for mark, (start, _) in zip(found, tones, strict=True)) < 0.02


def test_the_first_sound_comes_before_the_last_sentence_is_spoken(tmp_path: Path) -> None:
    gate = Gate()
    choir = Choir(before=lambda text: gate(text) if text.startswith("Second") else None)
    with serve_narration(tmp_path, choir) as url:
        stream = polly(url).synthesize_speech(
            VoiceId="anna", OutputFormat="mp3", Text="First, which is a long sentence of words. Second."
        )["AudioStream"]
        first = stream.read(100)
        assert len(first) == 100
        assert gate.reached.acquire(timeout=60)
        gate.open.set()
        assert len(stream.read()) > 1000


def test_a_client_that_goes_ends_the_speech(tmp_path: Path) -> None:
    gate = Gate()
    choir = Choir(before=lambda text: gate(text) if text.startswith("Second") else None)
    with serve_narration(tmp_path, choir) as url:
        stream = polly(url).synthesize_speech(
            VoiceId="anna", OutputFormat="pcm", Text="First. Second. " + "More. " * 200
        )["AudioStream"]
        stream.read(100)
        stream.close()
        gate.open.set()
        assert speak(polly(url), "Still here.")
    assert len(choir.voices["anna"].spoken) < 100


def test_lexicons_are_applied(boto: Any, choir: Choir) -> None:
    boto.put_lexicon(Name="tools", Content=pls(lexeme("kubectl", alias="cube control")))
    boto.put_lexicon(Name="spanish", Content=pls(lexeme("kubectl", alias="otro"), language="es-ES"))
    choir.voices["anna"].spoken.clear()
    speak(boto, "Use kubectl.", LexiconNames=["spanish", "tools"])
    speak(boto, "Use kubectl.", VoiceId="Amy", LexiconNames=["tools"])  # en-GB
    assert choir.voices["anna"].spoken[0] == "Use cube control"
    assert "cube" not in choir.voices["anna"].spoken[1]
    assert len(choir.voices["anna"].spoken) == 2


@pytest.mark.parametrize(
    ("name", "media"),
    [
        ("mp3", "audio/mpeg"),
        ("ogg_vorbis", "audio/ogg"),
        ("ogg_opus", "audio/ogg"),
        ("pcm", "audio/pcm"),
        ("mulaw", "audio/mulaw"),
        ("alaw", "audio/alaw"),
        ("json", "application/x-json-stream"),
    ],
)
def test_the_type_of_each_format_is_that_of_the_api(boto: Any, name: str, media: str) -> None:
    """Source: the API's description of ContentType."""
    more = {"SpeechMarkTypes": ["word"]} if name == "json" else {}
    answer = boto.synthesize_speech(VoiceId="anna", OutputFormat=name, Text="one", **more)
    assert answer["ContentType"] == media


def test_words_without_sound_are_counted_in_the_log(boto: Any, caplog: pytest.LogCaptureFixture) -> None:
    text = '<speak>one <break time="1s"/> こんにちは さようなら <break time="1s"/> two</speak>'
    with caplog.at_level("WARNING", "brume"):
        assert [mark["value"] for mark in marks(boto, text, "word", TextType="ssml")] == ["one", "two"]
    assert "words without sound, of a script that no voice reads: 2" in caplog.messages
    assert not any("こ" in message for message in caplog.messages)


def test_phonemes_that_a_voice_does_not_know_are_refused_by_name(tmp_path: Path) -> None:
    def check(text: str) -> None:
        from_ipa("ʘ", english=True)

    with serve_narration(tmp_path, Choir(before=check)) as url:
        text = '<speak><phoneme alphabet="ipa" ph="ʘ">click</phoneme></speak>'
        with pytest.raises(ClientError, match="'ʘ', which the voice does not know") as caught:
            speak(polly(url), text, TextType="ssml")
    assert caught.value.response["Error"]["Code"] == "InvalidSsmlException"


def test_a_word_that_is_far_too_long_is_refused(boto: Any) -> None:
    with pytest.raises(ClientError, match="a word of 23,999 characters as it is spoken, at most 20,000"):
        speak(boto, "%" * 3000)


def test_another_language_in_a_text_gets_its_voice(boto: Any, choir: Choir) -> None:
    choir.voices["carlos"].spoken.clear()
    speak(boto, '<speak>one <lang xml:lang="es-MX">buenas noches</lang> two</speak>', TextType="ssml")
    assert choir.voices["carlos"].spoken == ["buenas noches"]
    with pytest.raises(
        ClientError, match=r"LanguageNotSupportedException.*no voice speaks the language 'ja'"
    ):
        speak(boto, '<speak>one <lang xml:lang="ja-JP">a</lang></speak>', TextType="ssml")


@pytest.mark.parametrize(
    ("asked", "code", "what"),
    [
        ({"OutputFormat": "json"}, "ValidationException", "json needs SpeechMarkTypes"),
        ({"SpeechMarkTypes": ["word"]}, "MarksNotSupportedForFormatException", "only available in json"),
        (
            {"OutputFormat": "json", "SpeechMarkTypes": ["ssml"]},
            "SsmlMarksNotSupportedForTextTypeException",
            "need TextType ssml",
        ),
        (
            {"SampleRate": "22050"},
            "InvalidSampleRateException",
            "pcm has the sample rates 8000, 16000, 24000, not 22050",
        ),
        ({"SampleRate": "fast"}, "InvalidSampleRateException", "not fast"),
        ({"LexiconNames": ["absent"]}, "LexiconNotFoundException", "Lexicon not found: absent"),
        (
            {"Text": "a" * 3001},
            "TextLengthExceededException",
            "3,001 characters without markup, at most 3,000",
        ),
        (
            {"Text": f"<speak>{'<p>a</p>' * 1000}</speak>", "TextType": "ssml"},
            "TextLengthExceededException",
            "8,015 characters, at most 6,000",
        ),
        (
            {"Text": "<speak>\n<b>a</b></speak>", "TextType": "ssml"},
            "InvalidSsmlException",
            "line 2, column 1: <b>",
        ),
        ({"Text": ""}, "ValidationException", "no words"),
        ({"Text": " \n"}, "ValidationException", "no words"),
        ({"Text": "<speak/>", "TextType": "ssml"}, "ValidationException", "no words"),
        (
            {"Text": "😀 🎉"},
            "LanguageNotSupportedException",
            "nothing to say in this text: '😀 🎉' has no words",
        ),
        ({"Text": "日本語のテキスト。"}, "LanguageNotSupportedException", "anna cannot say"),
        ({"OutputFormat": "wav"}, "ValidationException", "must be one of"),
    ],
)
def test_what_is_refused(boto: Any, asked: dict[str, Any], code: str, what: str) -> None:
    given = {"Text": "one", **asked}
    with pytest.raises(ClientError, match=what) as caught:
        speak(boto, given.pop("Text"), **given)
    assert caught.value.response["Error"]["Code"] == code


def test_exactly_as_many_characters_as_are_allowed(boto: Any) -> None:
    """Characters, not bytes; markup is not billed."""
    text = f"<speak>{'<s>éé é</s>' * 400}{'é' * 1400}</speak>"
    assert len(text.encode()) > 6000
    answer = boto.synthesize_speech(VoiceId="anna", OutputFormat="pcm", Text=text, TextType="ssml")
    assert answer["RequestCharacters"] == 3000
    answer["AudioStream"].close()


def test_a_presigned_url_speaks(boto: Any, url: str) -> None:
    """As boto3 makes it for the src of an <audio>: a browser sends it as it is, with headers of its own."""
    boto.put_lexicon(Name="tools", Content=pls(lexeme("kubectl", alias="cube control")))
    given = {
        "VoiceId": "Joanna",
        "OutputFormat": "pcm",
        "Text": "A & b + kubectl: é?",
        "LexiconNames": ["tools"],
    }
    address = boto.generate_presigned_url("synthesize_speech", given, HttpMethod="GET")
    assert KEY.secret not in address
    request = urllib.request.Request(address, headers={"Range": "bytes=0-", "Origin": "https://example.com"})
    with urllib.request.urlopen(request) as answer:
        assert answer.headers["content-type"] == "audio/pcm"
        assert answer.headers["x-amzn-RequestCharacters"] == str(len(given["Text"]))
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.read() == speak(boto, **{"text": given.pop("Text"), **given})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(address.replace("kubectl", "kubectx"))
    assert caught.value.code == 403
    wrong = boto.generate_presigned_url(
        "synthesize_speech", {**given, "Text": "a", "VoiceId": "nobody"}, HttpMethod="GET"
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(wrong)
    assert json.load(caught.value)["message"].startswith("VoiceId nobody is no voice")
