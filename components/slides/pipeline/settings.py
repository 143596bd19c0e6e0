"""Checks of the parameters of the slides pipelines, before anything starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from brume import storage
from brume.slides.model.grid import Tiling
from brume.slides.model.parameters import TrainingParameters

_TRAINING = ("model", "weights", "epochs", "batch_size", "learning_rate", "ranks", "collective", "seed")
_TILING = ("tile_size", "max_background", "jpeg_quality", "tissue")


def check_training(arguments: Mapping[str, Any]) -> None:
    """Check the arguments of the slides pipeline. Raises `ValueError` with one line for each wrong one."""
    training = {name: arguments[name] for name in _TRAINING}
    tiling = {name: arguments[name] for name in _TILING}
    _raise_all(
        [
            lambda: Tiling(
                **tiling, mpp=arguments["mpp"] or None, assume_mpp=arguments["assume_mpp"] or None
            ),
            lambda: TrainingParameters(**training),
            lambda: _there("labels", arguments),
            *_common(arguments),
        ]
    )


def check_prediction(arguments: Mapping[str, Any]) -> None:
    """Check the arguments of the slides_predict pipeline. Raises `ValueError` like `check_training`."""
    _raise_all(
        [
            lambda: Tiling(assume_mpp=arguments["assume_mpp"] or None),
            lambda: _there("model", arguments),
            *_common(arguments),
        ]
    )


def _common(arguments: Mapping[str, Any]) -> list[Callable[[], Any]]:
    return [
        lambda: _there("slides", arguments),
        lambda: _within("max_rejected", arguments, 0, 1),
        lambda: _within("tile_groups", arguments, 1, 1000),
    ]


def _raise_all(checks: list[Callable[[], Any]]) -> None:
    wrong = []
    for check in checks:
        try:
            check()
        except ValueError as error:
            wrong.append(str(error))
    if wrong:
        raise ValueError("\n".join(wrong))


def _there(name: str, arguments: Mapping[str, Any]) -> None:
    uri = arguments[name]
    if not storage.is_remote(uri) and not storage.exists(uri):
        raise ValueError(f"{name}={uri} is not there")


def _within(name: str, arguments: Mapping[str, Any], low: float, high: float) -> None:
    if not low <= arguments[name] <= high:
        raise ValueError(f"{name}={arguments[name]} must be from {low} to {high}")
