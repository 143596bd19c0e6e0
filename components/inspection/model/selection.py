"""Selection of the detectors: candidates ranked by cross-validation on a training set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from brume.inspection.model.calibration import platt
from brume.inspection.model.cross_validation import OutOfFold, cross_validate, prepare, split_folds
from brume.inspection.model.detectors import (
    Arrays,
    Detector,
    Labels,
    alignment,
    global_features,
    padim,
    pixel_classifier,
    pose_residual,
)
from brume.inspection.model.detectors.backbone import Backbone
from brume.inspection.model.metrics import auroc
from brume.inspection.model.samples import TrainingError, TrainingSet
from brume.inspection.model.scoring_head import fit_head, plain_head

DETECTORS: tuple[Detector, ...] = (padim, alignment, pose_residual, global_features, pixel_classifier)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Candidate:
    """One or several detectors, and their out-of-fold scores [N].

    `auroc` and `loss` (mean log loss in nats) are None with too few anomalous pictures to estimate them.
    """

    detectors: tuple[str, ...]
    auroc: float | None
    loss: float | None
    scores: Floats

    @property
    def name(self) -> str:
        """Return the detector's name, or `stack(...)` of several."""
        return self.detectors[0] if len(self.detectors) == 1 else f"stack({', '.join(self.detectors)})"


@dataclass(frozen=True)
class Selection:
    """The candidates, best first, and the results of cross-validation by detector's name."""

    candidates: list[Candidate]
    detectors: dict[str, Detector]
    prepared: dict[str, Arrays]
    out_of_fold: dict[str, OutOfFold]

    @property
    def best(self) -> Candidate:
        """Return the candidate that the model is made of."""
        return self.candidates[0]

    @property
    def map_detector(self) -> str:
        """Return the detector whose map the model outputs: that of the masks, else the best with a map.

        Where no detector was a candidate by itself it is the one with the finest map.
        """
        if pixel_classifier.NAME in self.out_of_fold:
            return pixel_classifier.NAME
        single = [candidate.detectors[0] for candidate in self.candidates if len(candidate.detectors) == 1]
        return next((name for name in single if self.out_of_fold[name].maps is not None), pose_residual.NAME)


def select(
    training_set: TrainingSet,
    *,
    folds: int,
    seed: int,
    backbone: str,
    progress: Callable[[float, str], None],
) -> Selection:
    """Cross-validate every usable detector and rank the candidates.

    With fewer than `FEWEST_ANOMALIES` anomalous pictures nothing is chosen or weighed by them: all detectors
    that learn from normal pictures score together, each statistic counting alike. `backbone` is the file of
    a pretrained network, "" for none; raises `TrainingError` when it cannot be used.
    """
    labels, few = training_set.labels, training_set.few_anomalies
    anomalous = labels.anomalous
    fold = split_folds(anomalous, min(folds, int((~anomalous).sum())), seed)
    detectors = {detector.NAME: detector for detector in DETECTORS if _usable(detector, labels, few)}
    if backbone:
        try:
            detectors[Backbone.NAME] = Backbone(backbone)
        except (ValueError, OSError) as error:
            raise TrainingError(f"the pretrained network cannot be used: {error}") from error
    prepared: dict[str, Arrays] = {}
    out_of_fold: dict[str, OutOfFold] = {}
    for index, (name, detector) in enumerate(detectors.items()):
        progress(index / len(detectors), f"trying {name}")
        prepared[name] = prepare(detector, training_set.pictures)
        out_of_fold[name] = cross_validate(detector, prepared[name], labels, fold, seed, nested=not few)
    candidates = [combine(out_of_fold, anomalous)] if few else rank(out_of_fold, anomalous, fold)
    return Selection(candidates, detectors, prepared, out_of_fold)


def _usable(detector: Detector, labels: Labels, few: bool) -> bool:
    if detector.NEEDS == "masks":
        return labels.masks is not None
    return not detector.NEEDS or not few


def rank(
    out_of_fold: Mapping[str, OutOfFold], anomalous: npt.NDArray[np.bool_], fold: npt.NDArray[np.intp]
) -> list[Candidate]:
    """Return the candidates, best first: each detector by itself, and all of them together.

    Ordered by the log loss of calibrated out-of-fold scores, which counts both order and margin.
    """
    groups = [(name,) for name in out_of_fold] + ([tuple(out_of_fold)] if len(out_of_fold) > 1 else [])
    candidates = []
    for group in groups:
        scores = score([out_of_fold[name] for name in group], anomalous, fold)
        candidates.append(rate(group, scores, anomalous))
    return sorted(candidates, key=lambda candidate: (candidate.loss or 0.0, len(candidate.detectors)))


def combine(out_of_fold: Mapping[str, OutOfFold], anomalous: npt.NDArray[np.bool_]) -> Candidate:
    """Return the one candidate for too few anomalous pictures: all detectors, weighed alike."""
    statistics = np.concatenate([one.outer for one in out_of_fold.values()], axis=1)
    scores = plain_head(statistics, anomalous)(statistics)
    return Candidate(tuple(out_of_fold), auroc(anomalous, scores), None, scores)


def score(group: Sequence[OutOfFold], anomalous: npt.NDArray[np.bool_], fold: npt.NDArray[np.intp]) -> Floats:
    """Return the scores [N] of detectors together, each by a head that was not fitted on the picture."""
    scores = np.zeros(fold.size)
    for index in range(int(fold.max()) + 1):
        rest, left = fold != index, fold == index
        head = fit_head(np.concatenate([one.inner[index][rest] for one in group], axis=1), anomalous[rest])
        scores[left] = head(np.concatenate([one.outer[left] for one in group], axis=1))
    return scores


def rate(names: Sequence[str], scores: Floats, anomalous: npt.NDArray[np.bool_]) -> Candidate:
    """Return the candidate of out-of-fold scores: AUROC, and the mean log loss after calibration, in nats."""
    probabilities = np.clip(platt(scores, anomalous).probabilities(scores), 1e-6, 1 - 1e-6)
    loss = -np.where(anomalous, np.log(probabilities), np.log1p(-probabilities)).mean()
    return Candidate(tuple(names), auroc(anomalous, scores) or 0.0, float(loss), scores)
