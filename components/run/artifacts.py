"""Artifacts of a stage: files that Kubeflow Pipelines, or a local run, hands from stage to stage.

The classes name the kinds of kfp's artifacts for signatures of stages, which know no kfp. What a stage gets
is kfp's own object; these are the parts of it that a stage uses.
"""

from __future__ import annotations

from typing import Any, Protocol


class Artifact(Protocol):
    """A file or folder at `uri`, with small values about it in `metadata`."""

    uri: str
    metadata: dict[str, Any]


class Dataset(Artifact, Protocol):
    """Data."""


class Model(Artifact, Protocol):
    """A trained model."""


class HTML(Artifact, Protocol):
    """A page that the dashboard shows."""


class Metrics(Artifact, Protocol):
    """Scalar figures, in `metadata`."""


class ClassificationMetrics(Artifact, Protocol):
    """Figures of a classifier, which the dashboard draws."""

    def log_confusion_matrix(self, categories: list[str], matrix: list[list[int]]) -> None:
        """Set the confusion matrix, true classes in rows."""

    def log_roc_curve(self, fpr: list[float], tpr: list[float], threshold: list[float]) -> None:
        """Set the points of a ROC curve."""


KINDS: tuple[type, ...] = (Artifact, Dataset, Model, HTML, Metrics, ClassificationMetrics)
