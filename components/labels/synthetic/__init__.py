"""Labelling output of our own making: a Ground Truth tree whose faults are known."""

from brume.labels.synthetic.generate import TREE, TRUTH, WORKERS, generate
from brume.labels.synthetic.plan import SIZES, Size
from brume.labels.synthetic.truth import Fault, JobTruth, Truth, User

__all__ = ["SIZES", "TREE", "TRUTH", "WORKERS", "Fault", "JobTruth", "Size", "Truth", "User", "generate"]
