"""A classifier of each pixel, learned from masks: a probability map for each class."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from brume.inspection.model import features
from brume.inspection.model.detectors import Arrays, Labels, Scored
from brume.inspection.model.detectors.common import map_statistics

NAME, NEEDS = "pixels", "masks"
CELL = 4  # pixels to a side of a place
_HIDDEN, _EPOCHS = 32, 15
_PER_PICTURE = 250  # background places taken from each picture
_MOST = 60_000  # places learned from in all


def prepare(images: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Return features of every place and of what lies around it, [N, H/4, W/4, 81]."""
    near = features.local_stack(images, CELL)
    return (tf.concat([near, features.blur(near, 2.0), features.blur(near, 5.0)], axis=-1),)


def fit(prepared: Arrays, labels: Labels, seed: int) -> Model:
    """Fit a network of one hidden layer to all anomalous places and a sample of the background.

    The share of background that was left out is given back to its logit, so that outputs stay probabilities.
    """
    if labels.masks is None or labels.masked is None:
        raise ValueError("pixels are learned from masks, and there are none")
    rng = np.random.default_rng(seed)
    known = np.nonzero(labels.masked)[0]
    channels = prepared[0].shape[-1]
    places, kinds, background = [], [], 0
    for index in known:
        flat, mask = prepared[0][index].reshape(-1, channels), labels.masks[index].ravel()
        shown, empty = np.nonzero(mask)[0], np.nonzero(mask == 0)[0]
        background += empty.size
        taken = np.concatenate([shown, rng.permutation(empty)[:_PER_PICTURE]])
        places.append(flat[taken])
        kinds.append(mask[taken])
    x, kind = np.concatenate(places).astype(np.float32), np.concatenate(kinds)
    if kind.size > _MOST:
        some = rng.permutation(kind.size)[:_MOST]
        x, kind = x[some], kind[some]
    mean, std = x.mean(axis=0), x.std(axis=0) + 1e-3
    sampled = max(1, int((kind == 0).sum()))
    layers = _train((x - mean) / std, kind, labels.classes, seed)
    layers[3][0] += np.log(background / sampled)
    return Model(mean, std, layers)


def _train(x: np.ndarray, kind: np.ndarray, classes: int, seed: int) -> list[np.ndarray]:
    """Return weights and biases of the hidden and the output layer; the output has background first."""
    from sklearn.neural_network import MLPClassifier  # late: it takes a second to import

    output, bias = np.zeros((_HIDDEN, classes + 1)), np.full(classes + 1, -12.0)
    bias[0] = 0.0
    if np.unique(kind).size < 2:  # nothing anomalous was shown
        return [np.zeros((x.shape[1], _HIDDEN)), np.zeros(_HIDDEN), output, bias]
    network = MLPClassifier(
        (_HIDDEN,), alpha=1e-2, batch_size=256, learning_rate_init=3e-3, max_iter=_EPOCHS, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged: stopping early is meant
        network.fit(x, kind)
    (first, last), (first_bias, last_bias) = network.coefs_, network.intercepts_
    seen = network.classes_.astype(int)
    if seen.size == 2:  # one logit: that of the second class
        last, last_bias = np.concatenate([0 * last, last], axis=1), np.array([0.0, last_bias[0]])
    output[:, seen], bias[seen] = last, last_bias
    return [first, first_bias, output, bias]


class Model:
    """Standardisation and the two layers."""

    def __init__(self, mean: np.ndarray, std: np.ndarray, layers: list[np.ndarray]) -> None:
        first = layers[0] / std[:, None]
        arrays = [first, layers[1] - mean @ first, layers[2], layers[3]]
        self.layers = [tf.constant(array.astype(np.float32)) for array in arrays]

    def __call__(self, prepared: Sequence[tf.Tensor]) -> Scored:
        """Return the classes' probabilities as the map, and statistics of their sum."""
        (x,) = prepared
        height, width, channels = x.shape[1:]
        first, first_bias, last, last_bias = self.layers
        hidden = tf.nn.relu(tf.matmul(tf.reshape(x, [-1, channels]), first) + first_bias)
        classes = tf.nn.softmax(tf.matmul(hidden, last) + last_bias)
        shown = tf.reshape(classes[:, 1:], [-1, height, width, classes.shape[1] - 1])
        return Scored(map_statistics(tf.reduce_sum(shown, axis=3, keepdims=True)), shown)
