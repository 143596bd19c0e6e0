"""How well labelling goes: pace, agreement, faults of labels, audits. Every figure says where it is from."""

from brume.labels.model.quality.assessment import run

__all__ = ["run"]
