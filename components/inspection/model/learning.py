"""The part of training that needs TensorFlow: detectors, their choice, and the graph made of the best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from brume.inspection.model import export as graph
from brume.inspection.model import selection
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
from brume.inspection.model.scoring_head import FEWEST_ANOMALIES, fit_head, plain_head
from brume.inspection.model.training import FitError, FitSettings

DETECTORS: tuple[Detector, ...] = (padim, alignment, pose_residual, global_features, pixel_classifier)
MAP_LEVEL = 0.995  # the share of unseen normal places that lie below 0.5 on a map of distances


@dataclass(frozen=True)
class Trained:
    """The graph of the best way, all ways (best first), and what was found on pictures that were not seen.

    `drift` are the names, means and standard deviations of the normal pictures' drift statistics;
    `map_threshold` the value from which on a place of the map is anomalous; `pixel_auroc` that of places
    against masks, None without masks.
    """

    graph: graph.Graph
    ways: list[selection.Tried]
    drift: dict[str, Any]
    map_threshold: float
    pixel_auroc: float | None


def learn(
    pictures: npt.NDArray[np.uint8],
    labels: Labels,
    settings: FitSettings,
    tell: Callable[[float, str], None],
) -> Trained:
    """Train on pictures uint8 [N, H, W, 3]; `labels.masks`, where given, are [N, H / 4, W / 4].

    With fewer than `FEWEST_ANOMALIES` anomalous pictures nothing is chosen or weighed by them: all detectors
    that learn from normal pictures score together, each statistic counting alike.
    """
    anomalous, seed = labels.anomalous, settings.seed
    few = int(anomalous.sum()) < FEWEST_ANOMALIES
    fold = selection.split_folds(anomalous, min(settings.folds, int((~anomalous).sum())), seed)
    detectors = [detector for detector in DETECTORS if _usable(detector, labels, few)]
    if settings.backbone:
        try:
            detectors.append(Backbone(settings.backbone))
        except (ValueError, OSError) as error:
            raise FitError(f"the pretrained network cannot be used: {error}") from error
    prepared: dict[str, Arrays] = {}
    judged: dict[str, selection.Judged] = {}
    for index, detector in enumerate(detectors):
        tell(0.1 + 0.7 * index / len(detectors), f"trying {detector.NAME}")
        prepared[detector.NAME] = selection.prepare(detector, pictures)
        judged[detector.NAME] = selection.cross_judge(
            detector, prepared[detector.NAME], labels, fold, seed, nested=not few
        )
    ways = [selection.together(judged, anomalous)] if few else selection.choose(judged, anomalous, fold)
    best = ways[0]
    shown = _shown(judged, ways)
    maps = judged[shown].maps
    assert maps is not None
    scale = 0.0 if shown == pixel_classifier.NAME else float(np.quantile(maps[~anomalous], MAP_LEVEL))
    tell(0.85, f"training {best.name}")
    parts = [
        graph.Part(
            detector,
            detector.fit(prepared[detector.NAME], labels, seed),
            scored=detector.NAME in best.detectors,
            shown=shown == detector.NAME,
            scale=scale,
        )
        for detector in detectors
        if detector.NAME in (*best.detectors, shown)
    ]
    statistics = np.concatenate([judged[name].outer for name in best.detectors], axis=1)
    head = (plain_head if few else fit_head)(statistics, anomalous)
    normal = [tf.constant(picture[None]) for picture in pictures[~anomalous]]
    typical = np.mean([graph.coarse(picture).numpy()[0] for picture in normal], axis=0)
    whole = graph.Graph(parts, head, typical, pictures.shape[1:3])
    threshold = _map_threshold(maps, labels) if shown == pixel_classifier.NAME else 0.5
    drift = _drift(whole, normal, best.scores[~anomalous])
    return Trained(whole, ways, drift, threshold, _pixel_auroc(maps, labels))


def _usable(detector: Detector, labels: Labels, few: bool) -> bool:
    if detector.NEEDS == "masks":
        return labels.masks is not None
    return not detector.NEEDS or not few


def _shown(judged: dict[str, selection.Judged], ways: list[selection.Tried]) -> str:
    """Return the detector whose map is shown: that of the masks, else the best one that has a map.

    Where none was tried alone it is the one with the finest map.
    """
    if pixel_classifier.NAME in judged:
        return pixel_classifier.NAME
    alone = [way.detectors[0] for way in ways if len(way.detectors) == 1]
    return next((name for name in alone if judged[name].maps is not None), pose_residual.NAME)


def _map_threshold(maps: npt.NDArray[np.float32], labels: Labels) -> float:
    """Return the probability at which places of unseen pictures agree best (F1) with the masks."""
    assert labels.masks is not None and labels.masked is not None
    truth = labels.masks[labels.masked][..., None] == np.arange(1, labels.classes + 1)
    given = maps[labels.masked]
    candidates = np.linspace(0.05, 0.8, 31)
    hits = np.array([(truth & (given >= candidate)).sum() for candidate in candidates])
    called = np.array([(given >= candidate).sum() for candidate in candidates])
    return float(candidates[int(np.argmax(2 * hits / np.maximum(1, called + truth.sum())))])


def _pixel_auroc(maps: npt.NDArray[np.float32], labels: Labels) -> float | None:
    """Return the AUROC of places of unseen pictures against the masks, whatever the class."""
    if labels.masks is None or labels.masked is None:
        return None
    given = np.asarray(tf.image.resize(maps.sum(axis=-1, keepdims=True), labels.masks.shape[1:]))[..., 0]
    return auroc(labels.masks[labels.masked].ravel() > 0, given[labels.masked].ravel())


def _drift(whole: graph.Graph, normal: list[tf.Tensor], scores: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Return names, means and deviations over the normal pictures; of the score, by out-of-fold `scores`."""
    drifts = [whole.compiled(picture)["drift"].numpy() for picture in normal]
    found = np.concatenate(drifts).astype(np.float64)
    found[:, 0] = scores
    mean, std = found.mean(axis=0), found.std(axis=0)
    return {"names": list(graph.DRIFT), "mean": mean.tolist(), "std": std.tolist()}
