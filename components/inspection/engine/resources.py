"""What a training, and a hosted model, may use of a cluster's nodes: variables of the engine's environment.

    BRUME_INSPECTION_TRAINING_CPU, BRUME_INSPECTION_TRAINING_MEMORY     the pod of one training
    BRUME_INSPECTION_UNIT_CPU, BRUME_INSPECTION_UNIT_MEMORY             one inference unit: one pod

Each is a quantity of Kubernetes ("2", "500m"; "8Gi"). On one machine nothing is enforced.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from brume.aws.engine.catalog import EngineError
from brume.cluster.resources import Resources

_QUANTITY = re.compile(r"\d+(\.\d+)?(m|k|[KMGT]i|[MGT])?")
_PREFIX = "BRUME_INSPECTION"


@dataclass(frozen=True)
class Shares:
    """The share of one training, and of one inference unit."""

    training: Resources
    unit: Resources


def shares() -> Shares:
    """Read the shares. Raises `EngineError` for a variable that is no quantity."""
    return Shares(
        training=Resources(cpu=_quantity("TRAINING_CPU", "2"), memory=_quantity("TRAINING_MEMORY", "8Gi")),
        unit=Resources(cpu=_quantity("UNIT_CPU", "1"), memory=_quantity("UNIT_MEMORY", "2Gi")),
    )


def _quantity(name: str, default: str) -> str:
    variable = f"{_PREFIX}_{name}"
    text = os.environ.get(variable, "").strip() or default
    if not _QUANTITY.fullmatch(text):
        raise EngineError(f"{variable}={text} must be a quantity as Kubernetes has them: 2 or 500m, 8Gi")
    return text
