"""A streaming transducer by sherpa-onnx from a folder that the user names: in a stream, and in the engine."""

from __future__ import annotations

from pathlib import Path

import boto3
import numpy as np
import pytest

from brume import storage
from brume.captions.model.hypothesis import RATE
from brume.captions.model.recognisers import Recognisers, RecogniserSettings
from brume.captions.model.transducer import Transducer
from brume.weights import WeightsError
from tests.components.captions import tones
from tests.components.captions.engines import serve_captions
from tests.components.captions.speech import pieces, text_of, transcribe

SPEECH = tones.speech(0.1, "▁one", 0.1, "▁two", 0.1, "▁thr", "ee", 1.0, "▁one", 0.1, "▁two", 0.1)
STARTS = (0.1, 0.5, 0.9, 2.5, 2.9)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tones.write(tmp_path_factory.mktemp("models") / "tones")


@pytest.fixture(scope="module")
def s3(s3_server: str) -> str:
    boto3.client("s3", endpoint_url=s3_server).create_bucket(Bucket="models")
    return "s3://models"


@pytest.mark.parametrize("size", [0.1, 0.25, 5.0], ids="{} s".format)
def test_words_as_they_are_spoken(folder: Path, size: float) -> None:
    """Whatever the size of the pieces: the same segments, words and times."""
    recognition = Transducer(folder, "tones").start("en")
    found = []
    for start in range(0, len(SPEECH), int(size * RATE)):
        new = recognition.accept(SPEECH[start : start + int(size * RATE)])
        assert all(one.final for one in new[:-1])
        found += new
    found += recognition.finish()
    final = [one for one in found if one.final]
    assert [[word.text for word in one.words] for one in final] == [["one", "two", "three"], ["one", "two"]]
    assert [one.segment for one in final] == [0, 1]
    words = [word for one in final for word in one.words]
    for word, start in zip(words, STARTS, strict=True):
        assert abs(word.start - start) < 0.1
        assert word.start <= word.end <= len(SPEECH) / RATE
        assert 0.5 < word.probability <= 1
    partial = [[word.text for word in one.words] for one in found if not one.final]
    if size < 1:
        assert partial[0] == ["one"]
        assert ["one", "two", "thr"] in partial
    assert Transducer(folder, "tones").start("en", partials=False).accept(SPEECH)[0].final


def test_silence_is_no_word(folder: Path) -> None:
    recognition = Transducer(folder, "tones").start("en")
    assert recognition.accept(np.zeros(30 * RATE, np.float32)) == []
    assert recognition.finish() == []


def test_the_engine_streams_with_it(folder: Path, tmp_path: Path) -> None:
    """It is a folder like any other, also where the language is to be identified."""
    audio = (np.concatenate([SPEECH, tones.speech(1.0), SPEECH]) * 32767).astype("<i2").tobytes()
    settings = {"BRUME_CAPTIONS_ENGLISH": str(folder), "BRUME_CAPTIONS_OTHERS": "none"}
    with serve_captions(tmp_path, **settings) as url:
        found = transcribe(
            url, pieces(audio), enable_partial_results_stabilization="true", partial_results_stability="high"
        )
        assert text_of(found) == "one two three one two one two three one two"


def test_a_folder_of_an_object_store(
    folder: Path, tmp_path: Path, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is fetched once for each state of the folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    uri = f"{s3}/tones"
    storage.upload(folder, uri)
    storage.write_bytes(f"{uri}/language.txt", b"es\n")
    settings = RecogniserSettings(english="none", others=uri)
    assert Recognisers(settings).of(("es",)).languages == ("es",)
    assert Recognisers(settings).of(("es",)).languages == ("es",)
    assert len(list((tmp_path / "brume/weights").iterdir())) == 1
    storage.write_bytes(f"{uri}/language.txt", b"es fr\n")
    assert Recognisers(settings).of(("fr",)).languages == ("es", "fr")


def test_what_is_wrong_with_a_folder_is_named(folder: Path, tmp_path: Path, s3: str) -> None:
    for name in ("tokens.txt", "encoder.onnx", "decoder.onnx"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    settings = RecogniserSettings(english=str(tmp_path))
    with pytest.raises(WeightsError, match=r"no folder of a model: joiner\*\.onnx is not there"):
        Recognisers(settings).of(("en",))
    for name in ("joiner-1.onnx", "joiner-2.onnx"):
        (tmp_path / name).write_bytes(b"no network")
    with pytest.raises(WeightsError, match=r"2 files joiner\*\.onnx: keep one of joiner-1\.onnx, joiner-2"):
        Recognisers(settings).of(("en",))
    with pytest.raises(WeightsError, match="/nothing holds no files"):
        Recognisers(RecogniserSettings(english=f"{s3}/nothing")).of(("en",))
