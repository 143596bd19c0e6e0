"""DescribeVoices and the voices that speak for Polly's ids."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError

from brume.aws.engine import run
from brume.aws.engine.catalog import EngineError, Settings
from brume.narration.engine import engine
from brume.narration.engine.polly import VOICES
from brume.narration.model.voices import Catalogue
from tests.components.narration.tones import Choir, info, polly, serve_narration, speak

_CHOIR = Choir(
    (
        info("slow-de", "de-DE", engine="standard"),
        info("anna", "en-US"),
        info("bert", "en-GB", gender="Male"),
        info("dora", "es-ES", "es-MX", "en-US"),
    )
)


@pytest.fixture(scope="module")
def boto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with serve_narration(tmp_path_factory.mktemp("voices"), _CHOIR) as url:
        yield polly(url)


def described(boto: Any, **wanted: Any) -> dict[str, dict[str, Any]]:
    return {voice["Id"]: voice for voice in boto.describe_voices(**wanted)["Voices"]}


def test_voices_are_described_as_what_really_speaks(boto: Any) -> None:
    found = described(boto)
    assert list(found)[:4] == ["slow-de", "anna", "bert", "dora"]
    assert found["dora"] == {
        "Id": "dora",
        "Name": "dora (CC0-1.0; version 1)",
        "Gender": "Female",
        "LanguageCode": "es-ES",
        "LanguageName": "Castilian Spanish",
        "AdditionalLanguageCodes": ["es-MX", "en-US"],
        "SupportedEngines": ["neural"],
    }
    assert found["Vicki"]["Name"] == "Vicki, spoken by slow-de (CC0-1.0; version 1)"
    assert found["Vicki"]["SupportedEngines"] == ["standard"]
    assert "Mizuki" not in found  # nobody speaks Japanese


@pytest.mark.parametrize(
    ("name", "speaker"),
    [
        ("Joanna", "anna"),
        ("Matthew", "bert"),
        ("Brian", "bert"),
        ("Amy", "anna"),
        ("Lucia", "dora"),
        ("Hans", "slow-de"),
    ],
)
def test_an_id_of_polly_is_spoken_by_the_nearest_voice(boto: Any, name: str, speaker: str) -> None:
    """Of its language and gender; a Polly's id takes the engine and the language that it has there."""
    assert described(boto)[name]["Name"].startswith(f"{name}, spoken by {speaker} ")
    _CHOIR.voices[speaker].spoken.clear()
    speak(boto, f"one {name}", VoiceId=name, Engine="long-form")
    assert _CHOIR.voices[speaker].spoken == [f"one {name}"]


def test_no_voice_of_this_project_has_the_name_of_another_of_polly() -> None:
    assert not {info.name for info in Catalogue().infos} & set(VOICES)


def test_filters(boto: Any) -> None:
    assert "slow-de" in described(boto, Engine="standard")
    assert not set(described(boto, Engine="standard")) & {"anna", "Joanna"}
    assert described(boto, Engine="generative") == {}
    english = {"LanguageCode": "en-US"}
    assert {"anna", "dora"} & set(described(boto, **english)) == {"anna"}
    more = described(boto, **english, IncludeAdditionalLanguageCodes=True)
    assert {"anna", "dora"} <= set(more)
    with pytest.raises(ClientError, match="InvalidNextTokenException"):
        boto.describe_voices(NextToken="x")


@pytest.mark.parametrize(
    ("asked", "code", "what"),
    [
        ({"VoiceId": "nobody"}, "ValidationException", "nobody is no voice of this server"),
        ({"VoiceId": "Mizuki"}, "ValidationException", "No voice of this server speaks ja-JP for Mizuki"),
        (
            {"Engine": "standard"},
            "EngineNotSupportedException",
            "does not support the selected engine: standard",
        ),
        (
            {"LanguageCode": "en-GB"},
            "LanguageNotSupportedException",
            "anna does not speak en-GB: it speaks en-US",
        ),
        (
            {"VoiceId": "Joanna", "LanguageCode": "es-ES"},
            "LanguageNotSupportedException",
            "Joanna does not speak",
        ),
    ],
)
def test_what_a_voice_cannot_do(boto: Any, asked: dict[str, str], code: str, what: str) -> None:
    with pytest.raises(ClientError, match=what) as caught:
        speak(boto, "a", **asked)
    assert caught.value.response["Error"]["Code"] == code


def test_the_operator_chooses_who_speaks_for_an_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRUME_NARRATION_VOICE_IDS", "Joanna=dora, Brian=anna")
    with serve_narration(tmp_path / "a", _CHOIR) as url:
        found = described(polly(url))
    assert found["Joanna"]["Name"] == "Joanna, spoken by dora (CC0-1.0; version 1)"
    assert found["Brian"]["Name"] == "Brian, spoken by anna (CC0-1.0; version 1)"


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ("Joanna", "must be such as Joanna=Heart"),
        ("Joana=anna", "Joana is no voice of Amazon Polly"),
        ("Joanna=nobody", "nobody is no voice of this server: it has anna, carlos, hans"),
    ],
)
def test_a_wrong_choice_is_named_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, what: str
) -> None:
    monkeypatch.setenv("BRUME_NARRATION_VOICE_IDS", given)
    monkeypatch.setattr(engine, "Catalogue", lambda settings: Choir())
    with pytest.raises(EngineError, match=f"BRUME_NARRATION_VOICE_IDS.*{what}"):
        engine.create(Settings(tmp_path))


def test_settings_show_the_licences_of_voices(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engine, "Catalogue", _Partial)
    run.main(["narration", "--settings"])
    shown = capsys.readouterr().out
    assert "BRUME_NARRATION_VOICES=" in shown
    assert "voice anna (en-US; neural): CC0-1.0; made of tones" in shown
    assert "voice bella is absent: pip install it" in shown


class _Partial(Choir):
    """A double of a catalogue in which a voice is absent."""

    absent: ClassVar[dict[str, str]] = {"bella": "pip install it"}
