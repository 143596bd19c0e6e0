"""Detectors behind one interface: every module here has the same names.

- `NAME`, and `NEEDS`: "" for a detector that learns from normal images alone, "anomalies", or "masks".
- `prepare(images)`: uint8 [N, H, W, 3] to tensors [N, ...] that do not depend on any training, so that they
  are computed once and shared by all folds.
- `fit(prepared, labels, seed)`: from numpy arrays of `prepare` to a `Model`.
- the `Model`, called with tensors of `prepare`, gives a `Scored`.

`prepare` and the model are TensorFlow functions of operations that LiteRT has built in: training runs them,
and the bundle's graph is made of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import tensorflow as tf

Arrays = tuple[npt.NDArray[np.generic], ...]


@dataclass(frozen=True)
class Scored:
    """A model's result for N pictures.

    `statistics` is float32 [N, S], larger the more anomalous; `map` float32 [N, h, w, K], 0 or more:
    distances from normal, or for a detector that learns from masks a probability for each class. `alignment`
    [N, 1] is the correlation of the aligned pictures with the template (1 is perfect), for models that align.
    """

    statistics: tf.Tensor
    map: tf.Tensor | None = None
    alignment: tf.Tensor | None = None


@dataclass(frozen=True)
class Labels:
    """The labels of N training pictures.

    `masks` is uint8 [N, H, W]: 0 background, i for class i - 1; `masked` [N] marks which of them are known
    (a normal picture's is: all background).
    """

    anomalous: npt.NDArray[np.bool_]
    masks: npt.NDArray[np.uint8] | None = None
    masked: npt.NDArray[np.bool_] | None = None
    classes: int = 1

    def take(self, which: npt.NDArray[np.intp]) -> Labels:
        """Return the labels of some of the pictures."""
        return Labels(
            self.anomalous[which],
            None if self.masks is None else self.masks[which],
            None if self.masked is None else self.masked[which],
            self.classes,
        )


class Model(Protocol):
    """A fitted detector."""

    def __call__(self, prepared: Sequence[tf.Tensor]) -> Scored:
        """Score pictures given as the tensors of `prepare`."""


class Detector(Protocol):
    """What every module of this folder offers."""

    NAME: str
    NEEDS: str

    def prepare(self, images: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Return what the model needs of pictures, uint8 [N, H, W, 3]."""

    def fit(self, prepared: Arrays, labels: Labels, seed: int) -> Model:
        """Learn from prepared pictures."""
