"""Sentence embeddings by all-MiniLM-L6-v2, in numpy alone.

The network is BERT with 6 layers of 384 values (Wang et al. 2020, MiniLM; Reimers and Gurevych 2019), the
mean of its last layer over the tokens, scaled to length 1. Its weights are a package's (brume.weights).
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from brume import weights
from brume.records.model.wordpiece import WordPiece

NAME = "all-minilm-l6-v2"
WIDTH = 384
"""Values of an embedding."""
TOKENS = 256
"""Tokens of a text that count, with those of its start and end; what follows is not read."""
_HEADS, _LAYERS = 12, 6
_EPSILON = 1e-12
_AT_ONCE = 512  # tokens of a batch: its values stay in a core's cache, 2,048 take a fifth longer
_IN_CACHE = 1 << 15  # values of which several copies fit a core's cache

Floats = NDArray[np.float32]


class MiniLM:
    """The loaded network, for any thread. `version` changes with its weights."""

    name = NAME

    def __init__(self, tensors: Mapping[str, Floats], pieces: WordPiece, version: str) -> None:
        """Take the tensors of the network, by the names that they have in its file."""
        self.version = version
        self._pieces = pieces
        self._words = tensors["embeddings.word_embeddings.weight"]
        self._places = (
            tensors["embeddings.position_embeddings.weight"]
            + tensors["embeddings.token_type_embeddings.weight"][0]
        )
        self._norm = _pair(tensors, "embeddings.LayerNorm")
        self._layers = [_Layer(tensors, f"encoder.layer.{number}.") for number in range(_LAYERS)]

    @classmethod
    def load(cls, name: str = NAME) -> MiniLM:
        """Load the weights of the catalog, or of a folder of the user's. Raises `weights.WeightsError`.

        numpy's products take one thread each in this process from then on: threads that wait for the next
        small product in a loop cost a query ten times the time on a machine that has other work, measured.
        """
        threadpool_limits(1, user_api="blas")
        folder = weights.find(name)
        tensors = read_safetensors(folder / "model.safetensors")
        return cls(tensors, WordPiece.load(folder / "vocab.txt"), weights.digest(name))

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return the embeddings of texts: a row of length 1 for each, shape (texts, WIDTH).

        Equal texts are computed once. The dot product of two rows is the cosine of their angle.
        """
        unique = list(dict.fromkeys(texts))
        encoded = [self._pieces.encode(text, TOKENS) for text in unique]
        found = np.empty((len(unique), WIDTH), np.float32)
        order = sorted(range(len(unique)), key=lambda number: len(encoded[number]))
        batches: list[list[int]] = []
        for number in order:
            if batches and len(encoded[number]) * (len(batches[-1]) + 1) <= _AT_ONCE:
                batches[-1].append(number)
            else:
                batches.append([number])
        for batch, rows in zip(batches, self._embedded(batches, encoded), strict=True):
            found[batch] = rows
        if len(unique) == len(texts):
            return found
        places = {text: place for place, text in enumerate(unique)}
        return found[[places[text] for text in texts]]

    def _embedded(self, batches: Sequence[Sequence[int]], encoded: Sequence[list[int]]) -> Iterator[Floats]:
        """Yield the embeddings of batches in their order, as many at once as there are cores."""
        listed = [[encoded[number] for number in batch] for batch in batches]
        if len(listed) <= 1:
            yield from map(self._embed, listed)
            return
        with ThreadPoolExecutor(min(len(listed), len(os.sched_getaffinity(0)))) as pool:
            yield from pool.map(self._embed, listed)

    def _embed(self, batch: list[list[int]]) -> Floats:
        longest = max(map(len, batch))
        ids = np.zeros((len(batch), longest), np.int64)
        real = np.zeros((len(batch), longest), np.float32)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            real[row, : len(tokens)] = 1
        values = (self._words[ids] + self._places[:longest]).reshape(-1, WIDTH)
        values = _normalised(values, *self._norm)
        hidden = ((1 - real) * np.float32(-1e9))[:, None, None, :]
        for layer in self._layers:
            values = layer(values, hidden)
        means = (real[:, None, :] @ values.reshape(len(batch), longest, WIDTH))[:, 0]
        means /= real.sum(1, keepdims=True)
        return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), np.float32)


class _Layer:
    """A layer of the encoder: attention, then two dense layers, each added to what came in.

    Values have a row for each token of the batch: numpy multiplies texts one by one if they have a dimension
    of their own, which takes two to three times as long.
    """

    def __init__(self, tensors: Mapping[str, Floats], prefix: str) -> None:
        inner = [_weights_of(tensors, f"{prefix}attention.self.{name}") for name in ("query", "key", "value")]
        self._inner = (
            np.ascontiguousarray(np.concatenate([weight for weight, _ in inner], axis=1)),
            np.concatenate([bias for _, bias in inner]),
        )
        self._joined = _weights_of(tensors, f"{prefix}attention.output.dense")
        self._first_norm = _pair(tensors, f"{prefix}attention.output.LayerNorm")
        self._wide = _weights_of(tensors, f"{prefix}intermediate.dense")
        self._narrow = _weights_of(tensors, f"{prefix}output.dense")
        self._second_norm = _pair(tensors, f"{prefix}output.LayerNorm")

    def __call__(self, values: Floats, hidden: Floats) -> Floats:
        rows, length, width = len(hidden), hidden.shape[-1], values.shape[-1]
        inner = _dense(values, self._inner)
        query, key, value = inner.reshape(rows, length, 3, _HEADS, width // _HEADS).transpose(2, 0, 3, 1, 4)
        scores = query @ key.transpose(0, 1, 3, 2) * np.float32(1 / math.sqrt(width // _HEADS)) + hidden
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        seen = (scores @ value).transpose(0, 2, 1, 3).reshape(-1, width)
        values = _normalised(values + _dense(seen, self._joined), *self._first_norm)
        wide = _dense(values, self._wide)
        _gelu(wide)
        return _normalised(values + _dense(wide, self._narrow), *self._second_norm)


def _gelu(values: Floats) -> None:
    """Replace x by x times the normal distribution's share below x; erf by Abramowitz and Stegun, 7.1.26.

    It is max(x, 0) - |x| * tail / 2 with tail = 1 - erf(|x|/sqrt(2)) = polynomial * exp(-x^2/2), in parts
    that stay in the cache of a core.
    """
    flat = values.reshape(-1)
    for start in range(0, len(flat), _IN_CACHE):
        part = flat[start : start + _IN_CACHE]
        size = np.abs(part)
        inverse = 1 / (1 + np.float32(0.3275911 * math.sqrt(0.5)) * size)
        tail = np.full_like(part, 1.061405429 / 2)
        for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592, 0.0):
            tail *= inverse
            tail += np.float32(factor / 2)
        tail *= size
        np.square(size, out=size)
        size *= np.float32(-0.5)
        tail *= np.exp(size, out=size)
        np.maximum(part, 0, out=part)
        part -= tail


def _dense(values: Floats, layer: tuple[Floats, Floats]) -> Floats:
    found = values @ layer[0]
    found += layer[1]
    return found


def _normalised(values: Floats, weight: Floats, bias: Floats) -> Floats:
    values = values - values.mean(-1, keepdims=True)
    deviation = np.sqrt(np.square(values).mean(-1, keepdims=True) + np.float32(_EPSILON))
    values /= deviation
    values *= weight
    values += bias
    return values


def _pair(tensors: Mapping[str, Floats], name: str) -> tuple[Floats, Floats]:
    return tensors[f"{name}.weight"], tensors[f"{name}.bias"]


def _weights_of(tensors: Mapping[str, Floats], name: str) -> tuple[Floats, Floats]:
    weight, bias = _pair(tensors, name)
    return np.ascontiguousarray(weight.T), bias


def read_safetensors(path: Path) -> dict[str, Floats]:
    """Return the float32 tensors of a file of the format safetensors, by name.

    The format: 8 bytes with the length of a JSON header (little endian), the header, the values. Raises
    `weights.WeightsError` for a file that is none.
    """
    data = path.read_bytes()
    try:
        begin = 8 + int.from_bytes(data[:8], "little")
        found = {}
        for name, about in json.loads(data[8:begin]).items():
            if about.get("dtype") == "F32":
                first, last = about["data_offsets"]
                values = np.frombuffer(data, np.float32, (last - first) // 4, begin + first)
                found[name] = values.reshape(about["shape"])
        return found
    except (ValueError, KeyError, AttributeError) as error:
        raise weights.WeightsError(
            f"{path} is no file of safetensors with float32 values: {error}"
        ) from error
