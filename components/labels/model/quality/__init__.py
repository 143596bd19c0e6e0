"""Quality of labelling: pace, agreement, faults of labels, audits."""

from brume.labels.model.quality.assessment import run

__all__ = ["run"]
