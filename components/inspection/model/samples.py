"""The labelled pictures that a model is trained on, and their pixels and masks at one size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from brume import storage
from brume.inspection.model import images
from brume.inspection.model.detectors import Labels

FEWEST_NORMALS = 10  # below this, no spread of normal pictures can be estimated
FEWEST_ANOMALIES = 5  # below this, what is learned from them would be chance
_PIXELS = 256 * 192  # about the number of pixels that detectors look at


class TrainingError(ValueError):
    """No model can be trained from these pictures; the message gives the reason and the remedy."""


@dataclass(frozen=True)
class Sample:
    """One labelled picture.

    `load` returns the PNG or JPEG file; `mask` uint8 [H, W], 0 for background and i for `classes[i - 1]`.
    """

    key: str
    load: Callable[[], bytes]
    anomalous: bool
    mask: Callable[[], npt.NDArray[np.uint8]] | None = None


@dataclass(frozen=True)
class AnomalyClass:
    """A kind of anomaly that masks show, and its colour (`#RRGGBB`)."""

    name: str
    color: str


@dataclass(frozen=True)
class TrainingSet:
    """All samples: `pictures` uint8 [N, H, W, 3]; masks in `labels` are [N, H / 4, W / 4]."""

    pictures: npt.NDArray[np.uint8]
    labels: Labels

    @property
    def few_anomalies(self) -> bool:
        """Whether there are too few anomalous pictures to choose or to weigh detectors by them."""
        return int(self.labels.anomalous.sum()) < FEWEST_ANOMALIES


def check_samples(samples: Sequence[Sample]) -> None:
    """Raise `TrainingError` when there are too few normal pictures."""
    normal = sum(not sample.anomalous for sample in samples)
    if normal < FEWEST_NORMALS:
        raise TrainingError(
            f"{normal} normal images are too few to learn what is normal: give at least {FEWEST_NORMALS}"
            + (" (all images are labelled anomalous)" if samples and not normal else "")
        )


def read_samples(samples: Sequence[Sample], classes: Sequence[AnomalyClass]) -> TrainingSet:
    """Decode all pictures to one size, that of `working_size` for the first; with `classes`, masks too.

    Raises `TrainingError` for a picture or mask that cannot be used, and for too few masks.
    """
    resized: list[images.Pixels] = []
    size: tuple[int, int] | None = None
    for sample in samples:
        try:
            picture = images.decode(sample.load())
        except (images.ImageError, storage.StorageError, OSError) as error:
            raise TrainingError(f"{sample.key}: {error}") from error
        size = size or working_size(*picture.shape[:2])
        resized.append(images.resize(picture, *size))
    pictures = np.stack(resized)
    return TrainingSet(pictures, _read_labels(samples, classes, pictures.shape[1], pictures.shape[2]))


def _read_labels(
    samples: Sequence[Sample], classes: Sequence[AnomalyClass], height: int, width: int
) -> Labels:
    """Return the labels with, if classes are given, the masks at a quarter of the size."""
    anomalous = np.array([sample.anomalous for sample in samples], dtype=bool)
    if not classes:
        return Labels(anomalous)
    rows, columns = height // 4, width // 4
    masks = np.zeros((len(samples), rows, columns), np.uint8)
    masked = ~anomalous
    for index, sample in enumerate(samples):
        if sample.mask is None or not sample.anomalous:
            continue
        try:
            mask = sample.mask()
        except (storage.StorageError, OSError, ValueError) as error:
            raise TrainingError(f"{sample.key}: the mask cannot be used: {error}") from error
        if mask.ndim != 2 or mask.max(initial=0) > len(classes):
            raise TrainingError(
                f"{sample.key}: a mask is [height, width] with values from 0 to {len(classes)}"
            )
        masks[index], masked[index] = shrink_mask(mask, rows, columns, len(classes)), True
    known = int((masked & anomalous).sum())
    if known < FEWEST_ANOMALIES:
        raise TrainingError(
            f"{known} anomalous images with a mask are too few to learn anomaly classes from:"
            f" give at least {FEWEST_ANOMALIES}, or train without classes"
        )
    return Labels(anomalous, masks, masked, len(classes))


def shrink_mask(mask: npt.NDArray[np.uint8], rows: int, columns: int, classes: int) -> npt.NDArray[np.uint8]:
    """Return the class of each cell of a coarser grid: the most frequent where 40 % or more is anomalous."""
    layers = [Image.fromarray((mask == kind).astype(np.float32)) for kind in range(1, classes + 1)]
    stack = np.stack([np.asarray(one.resize((columns, rows), Image.Resampling.BOX)) for one in layers])
    return np.where(stack.sum(axis=0) >= 0.4, stack.argmax(axis=0) + 1, 0).astype(np.uint8)


def working_size(height: int, width: int) -> tuple[int, int]:
    """Return the size that detectors look at: at most about 49,000 pixels in multiples of 32."""
    scale = min(1.0, (_PIXELS / (height * width)) ** 0.5)
    return max(64, round(height * scale / 32) * 32), max(64, round(width * scale / 32) * 32)
