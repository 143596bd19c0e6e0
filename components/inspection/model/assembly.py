"""The graph of the selected detectors, fitted on all pictures, and values of its bundle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from brume.inspection.model import export
from brume.inspection.model.detectors import Labels, pixel_classifier
from brume.inspection.model.metrics import auroc
from brume.inspection.model.samples import TrainingSet
from brume.inspection.model.scoring_head import fit_head, plain_head
from brume.inspection.model.selection import Selection

MAP_LEVEL = 0.995  # the share of unseen normal cells that lie below 0.5 on a map of distances


@dataclass(frozen=True)
class Assembly:
    """The graph, and what was measured on out-of-fold pictures.

    `drift` holds the names, means and standard deviations of the normal pictures' drift statistics;
    `map_threshold` is the value from which on a cell of the map is anomalous; `pixel_auroc` that of cells
    against masks, None without masks.
    """

    graph: export.Graph
    drift: dict[str, Any]
    map_threshold: float
    pixel_auroc: float | None


def assemble(training_set: TrainingSet, selection: Selection, seed: int) -> Assembly:
    """Fit the selected detectors and their head on all pictures, and build the graph."""
    labels, best, map_detector = training_set.labels, selection.best, selection.map_detector
    anomalous = labels.anomalous
    maps = selection.out_of_fold[map_detector].maps
    assert maps is not None
    from_masks = map_detector == pixel_classifier.NAME
    scale = 0.0 if from_masks else float(np.quantile(maps[~anomalous], MAP_LEVEL))
    parts = [
        export.FittedDetector(
            detector,
            detector.fit(selection.prepared[name], labels, seed),
            scored=name in best.detectors,
            shown=name == map_detector,
            scale=scale,
        )
        for name, detector in selection.detectors.items()
        if name in (*best.detectors, map_detector)
    ]
    statistics = np.concatenate([selection.out_of_fold[name].outer for name in best.detectors], axis=1)
    head = (plain_head if training_set.few_anomalies else fit_head)(statistics, anomalous)
    normal = [tf.constant(picture[None]) for picture in training_set.pictures[~anomalous]]
    typical = np.mean([export.coarse(picture).numpy()[0] for picture in normal], axis=0)
    graph = export.Graph(parts, head, typical, training_set.pictures.shape[1:3])
    return Assembly(
        graph,
        drift=_drift(graph, normal, best.scores[~anomalous]),
        map_threshold=_map_threshold(maps, labels) if from_masks else 0.5,
        pixel_auroc=_pixel_auroc(maps, labels),
    )


def _map_threshold(maps: npt.NDArray[np.float32], labels: Labels) -> float:
    """Return the probability at which cells of out-of-fold maps agree best (F1) with the masks."""
    assert labels.masks is not None and labels.masked is not None
    truth = labels.masks[labels.masked][..., None] == np.arange(1, labels.classes + 1)
    known = maps[labels.masked]
    candidates = np.linspace(0.05, 0.8, 31)
    hits = np.array([(truth & (known >= candidate)).sum() for candidate in candidates])
    called = np.array([(known >= candidate).sum() for candidate in candidates])
    return float(candidates[int(np.argmax(2 * hits / np.maximum(1, called + truth.sum())))])


def _pixel_auroc(maps: npt.NDArray[np.float32], labels: Labels) -> float | None:
    """Return the AUROC of cells of out-of-fold maps against the masks, all classes taken together."""
    if labels.masks is None or labels.masked is None:
        return None
    resized = np.asarray(tf.image.resize(maps.sum(axis=-1, keepdims=True), labels.masks.shape[1:]))[..., 0]
    return auroc(labels.masks[labels.masked].ravel() > 0, resized[labels.masked].ravel())


def _drift(graph: export.Graph, normal: list[tf.Tensor], scores: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Return names, means and deviations over the normal pictures; of the score, by out-of-fold `scores`."""
    statistics = np.concatenate([graph.compiled(picture)["drift"].numpy() for picture in normal])
    values = statistics.astype(np.float64)
    values[:, 0] = scores
    return {
        "names": list(export.DRIFT),
        "mean": values.mean(axis=0).tolist(),
        "std": values.std(axis=0).tolist(),
    }
