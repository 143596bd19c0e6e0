"""Checks of the parameters of the slides pipelines, made before anything starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brume.run.checks import Checks
from brume.slides.model.grid import Tiling
from brume.slides.model.parameters import TrainingParameters

_TRAINING = (
    *("model", "weights", "epochs", "batch_size", "learning_rate", "patience", "ranks", "collective", "seed"),
)
_TILING = ("tile_size", "max_background", "jpeg_quality", "tissue", "ink")


def check_training(arguments: Mapping[str, Any]) -> None:
    """Check the arguments of the slides pipeline. Raises `ValueError` with one line for each wrong one."""
    training = {name: arguments[name] for name in _TRAINING}
    tiling = {name: arguments[name] for name in _TILING}
    mpp, assume_mpp = arguments["mpp"] or None, arguments["assume_mpp"] or None
    checks = Checks(arguments)
    checks.attempt(lambda: Tiling(**tiling, mpp=mpp, assume_mpp=assume_mpp))
    checks.attempt(lambda: TrainingParameters(**training))
    checks.exists("labels")
    checks.exists("earlier_splits")
    checks.require(
        arguments["split_by"] in ("patient", "site"),
        f"split_by={arguments['split_by']} must be patient or site",
    )
    _finish(checks)


def check_prediction(arguments: Mapping[str, Any]) -> None:
    """Check the arguments of the slides_predict pipeline. Raises `ValueError` like `check_training`."""
    checks = Checks(arguments)
    checks.attempt(lambda: Tiling(assume_mpp=arguments["assume_mpp"] or None))
    checks.exists("model", "resolutions")
    _finish(checks)


def _finish(checks: Checks) -> None:
    """Check what both pipelines take, and raise what is wrong."""
    checks.exists("slides")
    checks.between(0, 1, "max_rejected")
    checks.between(1, 1000, "tile_groups")
    checks.finish()
