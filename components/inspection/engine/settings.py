"""Settings of the inspection engine, which come from its environment."""

from __future__ import annotations

from dataclasses import dataclass

from brume.cluster.resources import Resources
from brume.variables import quantity, variable


@dataclass(frozen=True)
class InspectionSettings:
    """Where the engine keeps its files, and the resources of trainings and hosted models."""

    store: str = variable(
        "BRUME_INSPECTION_STORE", "", "s3:// prefix of models and images; the data folder if empty"
    )
    training_cpu: str = variable(
        "BRUME_INSPECTION_TRAINING_CPU", "2", "processors of one training's pod", parse=quantity
    )
    training_memory: str = variable(
        "BRUME_INSPECTION_TRAINING_MEMORY", "8Gi", "memory of one training's pod", parse=quantity
    )
    unit_cpu: str = variable(
        "BRUME_INSPECTION_UNIT_CPU", "1", "processors of one inference unit's pod", parse=quantity
    )
    unit_memory: str = variable(
        "BRUME_INSPECTION_UNIT_MEMORY", "2Gi", "memory of one inference unit's pod", parse=quantity
    )
    backbone: str = variable(
        "BRUME_INSPECTION_BACKBONE", "", "a pretrained network that trainings also try: a path or s3:// URI"
    )

    @property
    def training(self) -> Resources:
        """What the pod of one training gets; on one machine nothing is enforced."""
        return Resources(cpu=self.training_cpu, memory=self.training_memory)

    @property
    def unit(self) -> Resources:
        """What one inference unit, a pod, gets; on one machine nothing is enforced."""
        return Resources(cpu=self.unit_cpu, memory=self.unit_memory)
