"""Generated Ground Truth output whose faults are known."""

from brume.labels.demo.generate import TREE, TRUTH, WORKERS, generate
from brume.labels.demo.job_plan import SIZES, Size
from brume.labels.demo.truth import Fault, JobTruth, Truth, User

__all__ = ["SIZES", "TREE", "TRUTH", "WORKERS", "Fault", "JobTruth", "Size", "Truth", "User", "generate"]
