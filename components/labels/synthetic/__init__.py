"""Labelling output of our own making: a Ground Truth tree whose faults are known."""

from components.labels.synthetic.generate import TREE, TRUTH, WORKERS, generate
from components.labels.synthetic.plan import SIZES, Size
from components.labels.synthetic.truth import Fault, JobTruth, Truth, User

__all__ = ["SIZES", "TREE", "TRUTH", "WORKERS", "Fault", "JobTruth", "Size", "Truth", "User", "generate"]
