"""Voice activity in a stream: which 32 ms hold speech, by Silero's network.

The network is the ONNX file in faster-whisper's package (MIT). It is run here on a stream, with the state
that it returns, where faster-whisper runs it on whole files.
"""

from __future__ import annotations

import importlib.resources
import threading
from functools import cache
from typing import Any

import numpy as np

from brume.captions.model.hypothesis import Samples

FRAME = 512  # samples that one probability is for
_CONTEXT = 64  # samples before them that the network sees too


@cache
def _network() -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    options.log_severity_level = 4
    file = importlib.resources.files("faster_whisper.assets") / "silero_vad_v6.onnx"
    return onnxruntime.InferenceSession(file.read_bytes(), options, providers=["CPUExecutionProvider"])


_loading = threading.Lock()


class Voice:
    """The probability of speech for each frame of a stream."""

    def __init__(self) -> None:
        with _loading:
            self._session = _network()
        self._state = (np.zeros((1, 1, 128), np.float32), np.zeros((1, 1, 128), np.float32))
        self._before = np.zeros(_CONTEXT, np.float32)
        self._rest = np.zeros(0, np.float32)

    def accept(self, samples: Samples) -> Samples:
        """Return the probabilities [frames] of the frames that are complete with these samples."""
        audio = np.concatenate([self._rest, samples])
        count = len(audio) // FRAME
        self._rest = audio[count * FRAME :]
        if not count:
            return np.zeros(0, np.float32)
        whole = np.concatenate([self._before, audio[: count * FRAME]])
        self._before = whole[-_CONTEXT:]
        frames = np.lib.stride_tricks.sliding_window_view(whole, _CONTEXT + FRAME)[::FRAME]
        found, h, c = self._session.run(
            None, {"input": np.ascontiguousarray(frames), "h": self._state[0], "c": self._state[1]}
        )
        self._state = (h, c)
        return np.asarray(found, np.float32).reshape(-1)
