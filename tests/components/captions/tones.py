"""A streaming transducer whose words are tones: a model for sherpa-onnx, small enough to write by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brume.captions.model.hypothesis import RATE, Samples

TOKENS = {"▁one": 500, "▁two": 1000, "▁thr": 2000, "ee": 4000}  # Hz
_BANDS, _FRAMES = 80, 9


def write(folder: Path) -> Path:
    """Write the model into a folder: tokens.txt, encoder.onnx, decoder.onnx, joiner.onnx."""
    from onnx import TensorProto, helper

    folder.mkdir(parents=True, exist_ok=True)
    size = len(TOKENS) + 1
    bands = np.zeros((_BANDS, size), np.float32)  # a tone's band is the score of its token; 0 is that of none
    for token, frequency in enumerate(TOKENS.values(), 1):
        bands[_band(frequency), token] = 1
    again = -40 * np.eye(size, dtype=np.float32)  # the token before is not repeated
    again[0, 0] = 0
    state = [1, "N", 1]
    _save(
        folder / "encoder.onnx",
        [
            helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1], keepdims=1),
            helper.make_node("MatMul", ["mean", "bands"], ["encoded"]),
            helper.make_node("Identity", ["h"], ["next_h"]),
            helper.make_node("Identity", ["c"], ["next_c"]),
        ],
        {"x": ["N", _FRAMES, _BANDS], "h": state, "c": state},
        {"encoded": ["N", 1, size], "next_h": state, "next_c": state},
        {"bands": bands},
        model_type="lstm",
        num_encoder_layers=1,
        T=_FRAMES,
        decode_chunk_len=4,
        rnn_hidden_size=1,
        d_model=1,
    )
    _save(
        folder / "decoder.onnx",
        [
            helper.make_node("Gather", ["again", "y"], ["rows"], axis=0),
            helper.make_node("ReduceMean", ["rows"], ["decoded"], axes=[1], keepdims=0),
        ],
        {"y": ["N", 1]},
        {"decoded": ["N", size]},
        {"again": again},
        kind=TensorProto.INT64,
        context_size=1,
        vocab_size=size,
    )
    pair = {"encoded": ["N", size], "decoded": ["N", size]}
    add = helper.make_node("Add", ["encoded", "decoded"], ["scores"])
    _save(folder / "joiner.onnx", [add], pair, {"scores": ["N", size]}, {}, joiner_dim=size)
    names = ["<blk>", *TOKENS]
    (folder / "tokens.txt").write_text("".join(f"{name} {index}\n" for index, name in enumerate(names)))
    return folder


def speech(*parts: str | float) -> Samples:
    """Return 0.3 s of a token's tone for each token, and silence for each number of seconds."""
    time = np.arange(int(0.3 * RATE)) / RATE
    found = [
        0.3 * np.sin(2 * np.pi * TOKENS[part] * time) if isinstance(part, str) else np.zeros(int(part * RATE))
        for part in parts
    ]
    return np.concatenate(found).astype(np.float32)


def _band(frequency: float) -> int:
    """Return the mel band around a frequency, of those from 20 to 7600 Hz that sherpa-onnx makes."""

    def mel(value: float) -> float:
        return 1127 * float(np.log(1 + value / 700))

    return round((mel(frequency) - mel(20)) / (mel(7600) - mel(20)) * (_BANDS + 1) - 1)


def _save(
    path: Path,
    nodes: Sequence[Any],
    inputs: Mapping[str, Sequence[Any]],
    outputs: Mapping[str, Sequence[Any]],
    constants: Mapping[str, NDArray[np.float32]],
    kind: int = 1,
    **properties: object,
) -> None:
    """Write one network; `kind` is the type of its inputs (1: float), `properties` its metadata."""
    import onnx
    from onnx import helper, numpy_helper

    graph = helper.make_graph(
        nodes,
        "tones",
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, 1, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, {name: str(value) for name, value in properties.items()})
    onnx.save(model, str(path))
