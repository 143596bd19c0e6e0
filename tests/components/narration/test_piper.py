"""Voices in Piper's format: a folder of the user's with a network of the same form, made here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from brume.narration.model import espeak
from brume.narration.model.voice import VoiceError
from brume.narration.model.voices import Catalogue, VoiceSettings
from tests.components.narration.installed import words

HOP, RATE = 256, 22050
FRAMES = 4  # of each symbol at the network's own speed


def network() -> bytes:
    """Return a network with Piper's inputs: each symbol is FRAMES long, and the sound is constant."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def constant(name: str, value: object) -> onnx.TensorProto:
        return numpy_helper.from_array(np.asarray(value), name)

    nodes = [
        helper.make_node("Cast", ["input"], ["ids"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["ids", "zero"], ["zeros"]),
        helper.make_node("Slice", ["scales", "one", "two"], ["length"]),
        helper.make_node("Mul", ["length", "frames"], ["long"]),
        helper.make_node("Add", ["zeros", "long"], ["exact"]),
        helper.make_node("Ceil", ["exact"], ["/Ceil_output_0"], name="/Ceil"),
        helper.make_node("ReduceSum", ["/Ceil_output_0"], ["all"], keepdims=0),
        helper.make_node("Mul", ["all", "hop"], ["size"]),
        helper.make_node("Cast", ["size"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Reshape", ["whole", "shape"], ["samples"]),
        helper.make_node("ConstantOfShape", ["samples"], ["output"], value=constant("", np.float32([0.1]))),
        helper.make_node("Identity", ["input_lengths"], ["unused"]),
    ]
    graph = helper.make_graph(
        nodes,
        "piper",
        [
            helper.make_tensor_value_info("input", TensorProto.INT64, [1, "symbols"]),
            helper.make_tensor_value_info("input_lengths", TensorProto.INT64, [1]),
            helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
        ],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["samples"])],
        [
            constant("zero", np.float32(0)),
            constant("one", np.int64([1])),
            constant("two", np.int64([2])),
            constant("frames", np.float32(FRAMES - 0.5)),
            constant("hop", np.float32(HOP)),
            constant("shape", np.int64([1])),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    if not espeak.version():
        pytest.skip("espeak-ng is not installed")
    symbols = "_^$ ˈˌː,.abdefhijklmnoprstuvwzæðŋɑɔəɛɜɡɪɹʃʊʌʒθ"
    about = {
        "audio": {"sample_rate": RATE},
        "espeak": {"voice": "en-us"},
        "gender": "male",
        "language": {"code": "en_US"},
        "phoneme_id_map": {symbol: [number] for number, symbol in enumerate(symbols)},
    }
    (tmp_path / "mine.onnx.json").write_text(json.dumps(about), encoding="utf-8")
    (tmp_path / "mine.onnx").write_bytes(network())
    return tmp_path


def test_the_times_of_words_are_the_networks_own_durations(folder: Path) -> None:
    catalogue = Catalogue(VoiceSettings(str(folder)))
    assert (catalogue.infos[0].name, catalogue.infos[0].gender) == ("mine", "Male")
    voice = catalogue.load("mine")
    sound = voice.speak(words("the cat, 北京 sat."))
    frame = HOP / RATE
    the, cat, other, sat = sound.words
    assert the is not None
    assert cat is not None
    assert sat is not None
    assert other is None
    assert the.start == pytest.approx(2 * FRAMES * frame)  # after the beginning and its padding
    assert the.end == pytest.approx(the.start + 4 * FRAMES * frame)  # ðə, each with its padding
    assert cat.start == pytest.approx(the.end + 2 * FRAMES * frame)
    assert [phoneme.text for phoneme in sound.phonemes][:5] == ["ð", "ə", "k", "æ", "t"]
    assert len(sound.samples) / RATE > sat.end
    slow = voice.speak(words("the cat"), rate=0.5).words[1]
    assert slow is not None
    assert slow.start > 1.7 * cat.start


def test_what_the_voice_cannot_read_is_refused(folder: Path) -> None:
    voice = Catalogue(VoiceSettings(str(folder))).load("mine")
    with pytest.raises(VoiceError, match="the voice mine cannot say"):
        voice.speak(words("👍"))
